//! Servers with their lists, and browsers with their cookies.

use crate::support::fixtures::{APP, NAME, NOW, Visit, pair, request, ring, set_cookies};
use http::HeaderMap;
use sealed_session::{EndedSessions, Origin, Reason, Saved, Session, Sessions, SessionsBuilder};
use time::{Duration, OffsetDateTime};

pub(crate) const ENDED: Origin = Origin::Rejected(Reason::Ended);

pub(crate) struct Server {
    pub(crate) ended: EndedSessions,
    pub(crate) sessions: Sessions<Visit>,
}

pub(crate) fn builder(ended: &EndedSessions) -> SessionsBuilder<Visit> {
    Sessions::builder(APP, ring()).ended(ended).subject(|visit: &Visit| visit.user.clone())
}

impl Server {
    pub(crate) fn new() -> Server {
        Server::with(EndedSessions::new("shop", Duration::hours(8)), |builder| builder)
    }

    pub(crate) fn with(
        ended: EndedSessions,
        set: impl FnOnce(SessionsBuilder<Visit>) -> SessionsBuilder<Visit>,
    ) -> Server {
        Server { sessions: set(builder(&ended)).build().unwrap(), ended }
    }

    /// One that remembers nothing.
    pub(crate) fn without_list() -> Sessions<Visit> {
        Sessions::builder(APP, ring()).build().unwrap()
    }

    pub(crate) fn load(&self, browser: &Browser, now: OffsetDateTime) -> Session<Visit> {
        self.sessions.load_at(&browser.request(), now)
    }

    pub(crate) fn origin(&self, browser: &Browser, now: OffsetDateTime) -> Origin {
        self.load(browser, now).origin()
    }

    /// Saves, and lets the browser have the response.
    pub(crate) fn save(
        &self,
        session: Session<Visit>,
        browser: &mut Browser,
        now: OffsetDateTime,
    ) -> Saved {
        let (saved, response) = self.answer(session, now);
        browser.receive(&response);
        saved
    }

    /// Saves, and leaves the response on its way.
    pub(crate) fn answer(
        &self,
        session: Session<Visit>,
        now: OffsetDateTime,
    ) -> (Saved, HeaderMap) {
        let mut response = HeaderMap::new();
        let saved = self.sessions.save_at(session, &mut response, now).unwrap();
        let is_set = response.contains_key("set-cookie");
        assert_eq!(is_set, matches!(saved, Saved::Written | Saved::Removed), "{saved:?}");
        (saved, response)
    }

    /// Signs a user in, in a new browser.
    pub(crate) fn sign_in(&self, user: &str, now: OffsetDateTime) -> Browser {
        let mut browser = Browser::default();
        self.sign_in_with(&mut browser, user, now);
        browser
    }

    /// Signs a user in as `docs/ending-sessions.md` shows it.
    pub(crate) fn sign_in_with(&self, browser: &mut Browser, user: &str, now: OffsetDateTime) {
        let mut session = self.load(browser, now);
        session.renew();
        session.user = Some(user.to_owned());
        assert_eq!(self.save(session, browser, now), Saved::Written);
    }

    pub(crate) fn sign_out(&self, browser: &mut Browser, now: OffsetDateTime) {
        let mut session = self.load(browser, now);
        session.destroy();
        assert_eq!(self.save(session, browser, now), Saved::Removed);
    }

    /// Has this browser's session end all others of its user.
    pub(crate) fn end_others(&self, browser: &mut Browser, now: OffsetDateTime) -> Saved {
        let mut session = self.load(browser, now);
        session.end_others().unwrap();
        self.save(session, browser, now)
    }

    /// Brings what ended here to another server.
    pub(crate) fn tell(&self, others: &[&Server], now: OffsetDateTime) {
        loop {
            let unsent = self.ended.unsent(1000);
            if unsent.entries().next().is_none() {
                return;
            }
            for entry in unsent.entries() {
                for other in others {
                    other.ended.apply_at(entry.as_ref(), now).unwrap();
                }
            }
            self.ended.confirm(&unsent);
        }
    }
}

/// A browser, or the copy of its cookies that somebody has made.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) values: Vec<String>,
}

impl Browser {
    pub(crate) fn request(&self) -> HeaderMap {
        request(self.values.iter().map(|value| pair(value)))
    }

    pub(crate) fn receive(&mut self, response: &HeaderMap) {
        for cookie in set_cookies(response).iter().filter(|cookie| cookie.name() == NAME) {
            self.values.clear();
            if !cookie.value().is_empty() {
                self.values.push(cookie.value().to_owned());
            }
        }
    }
}

/// A time after [`NOW`].
pub(crate) fn after(length: Duration) -> OffsetDateTime {
    NOW + length
}

/// The cut that a browser's cookie carries.
pub(crate) fn cut(browser: &Browser) -> u32 {
    let [value] = &browser.values[..] else { panic!("one cookie") };
    let server = sealed_session::inspect::Server {
        app: APP.to_owned(),
        keys: Some(ring()),
        ..Default::default()
    };
    sealed_session::inspect::inspect(value, &server, NOW).unwrap().session.unwrap().cut
}
