//! The builder's setting for those who come from another library.

use crate::config::builder::SessionsBuilder;
use crate::config::old_jar::OldJarSettings;
use std::ops::Range;
use std::sync::Arc;
use time::OffsetDateTime;

impl<T> SessionsBuilder<T> {
    /// Accepts, for a while, the private cookies that the application set before: those of `cookie`'s
    /// `PrivateJar`, axum-extra's `PrivateCookieJar`, Rocket's private cookies and actix-session's
    /// `CookieSessionStore`. So nobody is signed out by the change. How each of the four names, keys
    /// and fills its cookie: the repository's `docs/migrating.md`.
    ///
    /// `session` gets the text that the old cookie held and returns the session's data, or `None` if
    /// this was no session. A visitor who brings an old cookie has a session with
    /// [`Origin::Restored`](crate::Origin::Restored); its own cookie is written with the first
    /// response that may carry one, and the old one is removed with it. Beside a cookie of ours that
    /// is authentic, accepted or not, an old one does not count.
    ///
    /// `accepted` begins when this is deployed: old cookies do not say when they were made, so their
    /// sessions count as created then. When it ends no old cookie is accepted any more, and this call
    /// can be deleted. One old cookie is one session, with the same id however often it is sent.
    ///
    /// Call it once, for the one old cookie that says who is signed in.
    ///
    /// Two things that this cannot do:
    ///
    /// - **End a copy of an old cookie** before `accepted` ends: unless ended sessions are remembered
    ///   ([`ended`](SessionsBuilder::ended)), a copy that somebody has kept signs in again.
    /// - **Remove an old cookie of another path or domain** than ours: browsers remove only what these
    ///   name. Set it so: `path` and `domain` are those of the old cookie as long as this is on.
    ///
    /// ```
    /// use sealed_session::{Key, KeyRing, Sessions};
    /// use time::{Duration, OffsetDateTime};
    ///
    /// #[derive(serde::Serialize, serde::Deserialize, Default)]
    /// struct Visit { user: Option<String> }
    ///
    /// # let keys = KeyRing::new(Key::generate());
    /// # let old_key = cookie::Key::generate();
    /// # let deployed = OffsetDateTime::now_utc();
    /// let sessions = Sessions::<Visit>::builder("shop", keys)
    ///     .absolute_timeout(Duration::days(7))
    ///     .migrate_private_jar("user", &old_key, deployed..deployed + Duration::days(7), |text| {
    ///         Some(Visit { user: Some(text.to_owned()) })
    ///     })
    ///     .build()?;
    ///
    /// # let mut jar = cookie::CookieJar::new();
    /// # jar.private_mut(&old_key).add(("user", "ann"));
    /// # let mut headers = http::HeaderMap::new();
    /// # headers.insert("cookie", jar.get("user").unwrap().to_string().parse()?);
    /// let session = sessions.load(&headers); // Cookie: user=…, as the old jar sealed it
    /// assert_eq!(session.user.as_deref(), Some("ann"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn migrate_private_jar(
        mut self,
        old_name: impl Into<String>,
        key: &cookie::Key,
        accepted: Range<OffsetDateTime>,
        session: impl Fn(&str) -> Option<T> + Send + Sync + 'static,
    ) -> Self {
        self.old_jars.push(OldJarSettings {
            name: old_name.into(),
            key: key.clone(),
            accepted,
            convert: Arc::new(session),
        });
        self
    }
}
