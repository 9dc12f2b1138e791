//! Every combination of the cookie's attributes that `build()` allows, and a server that hands them
//! out.
//!
//! `/app/{index}/set` puts something into the session of a combination, `/app/{index}/read` only
//! reads it and `/app/{index}/remove` destroys it. Each answers the session's origin, as it came.
//! `/elsewhere/{index}` is a page for another site, with a form and a link to the first one's
//! `read`.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header::HOST};
use axum::response::Html;
use axum::routing::{any, get};
use sealed_session::{Key, KeyRing, Persistence, SameSite, Sessions};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// Where the cookies are set. Browsers take `localhost` and all below it for secure, without TLS.
pub(crate) const HOST_NAME: &str = "www.shop.localhost";
/// What goes into `Domain`, where it is there.
pub(crate) const DOMAIN: &str = "shop.localhost";

#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Visit {
    page_views: u32,
}

pub(crate) struct Combination {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) domain: Option<&'static str>,
    pub(crate) same_site: SameSite,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    pub(crate) partitioned: bool,
    pub(crate) persistent: bool,
    pub(crate) sessions: Sessions<Visit>,
}

/// All that are allowed, with this domain or none.
pub(crate) fn all(domain: &'static str) -> Vec<Combination> {
    let keys = KeyRing::new(Key::generate());
    let mut allowed = Vec::new();
    for name in
        ["session", "__Secure-session", "__Host-session", "__Http-session", "__Host-Http-session"]
    {
        for path in ["/", "/app"] {
            for domain in [None, Some(domain)] {
                for same_site in [SameSite::Strict, SameSite::Lax, SameSite::None] {
                    for flags in 0..16 {
                        let flag = |bit: u32| flags & (1 << bit) != 0;
                        let (secure, http_only) = (flag(0), flag(1));
                        let (partitioned, persistent) = (flag(2), flag(3));
                        let mut builder = Sessions::builder("combinations", keys.clone())
                            .cookie_name(name)
                            .path(path)
                            .same_site(same_site)
                            .secure(secure)
                            .http_only(http_only)
                            .partitioned(partitioned)
                            .persistence(persistence(persistent));
                        if let Some(domain) = domain {
                            builder = builder.domain(domain);
                        }
                        allowed.extend(builder.build().ok().map(|sessions| Combination {
                            name,
                            path,
                            domain,
                            same_site,
                            secure,
                            http_only,
                            partitioned,
                            persistent,
                            sessions,
                        }));
                    }
                }
            }
        }
    }
    // 32 without `Secure`; with it 2 × 96 for the two free names, 24 for `__Host-`, which has one
    // path and no domain, and half of either for the two names that must be `HttpOnly`.
    assert_eq!(allowed.len(), 32 + 2 * 96 + 24 + 48 + 12);
    allowed
}

/// The default but for `Partitioned`, and where the one with it is.
pub(crate) fn without_and_with_partition(combinations: &[Combination]) -> [usize; 2] {
    [false, true].map(|partitioned| {
        let found = combinations.iter().position(|combination| {
            let Combination { name, domain, same_site, persistent, .. } = *combination;
            combination.partitioned == partitioned
                && (name, domain, same_site, persistent)
                    == ("__Host-session", None, SameSite::Lax, true)
        });
        found.unwrap()
    })
}

impl Combination {
    /// What `/app/…/set` sends.
    pub(crate) fn set_cookie(&self) -> String {
        let mut session = self.sessions.load(&HeaderMap::new());
        session.page_views = 1;
        let mut response = HeaderMap::new();
        self.sessions.save(session, &mut response).unwrap();
        response["set-cookie"].to_str().unwrap().to_owned()
    }

    /// What `/app/…/remove` sends to whoever sent `cookie`.
    pub(crate) fn removal(&self, cookie: &str) -> String {
        let mut request = HeaderMap::new();
        request.insert("cookie", cookie.parse().unwrap());
        let mut session = self.sessions.load(&request);
        session.destroy();
        let mut response = HeaderMap::new();
        self.sessions.save(session, &mut response).unwrap();
        response["set-cookie"].to_str().unwrap().to_owned()
    }
}

/// Which combination failed.
impl std::fmt::Display for Combination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let set_cookie = self.set_cookie();
        let (pair, attributes) = set_cookie.split_once(';').unwrap_or((&set_cookie, ""));
        write!(f, "{}=…;{attributes}", pair.split('=').next().unwrap())
    }
}

/// Serves them until the runtime ends.
pub(crate) async fn serve(combinations: &[Combination]) -> SocketAddr {
    let sessions = combinations.iter().map(|combination| combination.sessions.clone()).collect();
    let routes = Router::new()
        .route("/app/{index}/{action}", any(act))
        .route("/elsewhere/{index}", get(elsewhere))
        .with_state(sessions);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, routes).await });
    addr
}

async fn act(
    State(sessions): State<Arc<[Sessions<Visit>]>>,
    Path((index, action)): Path<(usize, String)>,
    request: HeaderMap,
) -> (HeaderMap, String) {
    let sessions = &sessions[index];
    let mut session = sessions.load(&request);
    let origin = format!("{:?}", session.origin());
    match action.as_str() {
        "set" => session.page_views += 1,
        "remove" => session.destroy(),
        _ => {}
    }
    let mut response = HeaderMap::new();
    sessions.save(session, &mut response).unwrap();
    (response, origin)
}

async fn elsewhere(Path(index): Path<usize>, request: HeaderMap) -> Html<String> {
    let (_, port) = request[HOST].to_str().unwrap().split_once(':').unwrap();
    let target = format!("http://{HOST_NAME}:{port}/app/{index}/read");
    Html(format!(
        "<form method=post action='{target}'><button>Post</button></form><a href='{target}'>Go</a>"
    ))
}

fn persistence(outlives_the_browser: bool) -> Persistence {
    if outlives_the_browser { Persistence::Always } else { Persistence::Never }
}
