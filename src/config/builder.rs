//! How is a `Sessions<T>` configured?

use crate::config::ended::{EndedSettings, Readers};
#[cfg(feature = "private-jar")]
use crate::config::old_jar::{self, OldJarSettings};
use crate::config::validate;
use crate::error::ConfigError;
use crate::headers::cookie::CookieFinder;
use crate::headers::set_cookie::{Attributes, CookieWriter, Persistence};
use crate::keys::ring::KeyRing;
use crate::live_state::LiveState;
use crate::rules::timeouts::Policy;
use crate::session::Session;
use crate::sessions::Sessions;
use crate::steps::parts::{Parts, Revoked};
use crate::telemetry;
use crate::wire::codec::Codec;
use crate::wire::schema::{self, Schema, SealAs, Upgrade};
use cookie::SameSite;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use std::sync::Arc;
use time::Duration;

impl<T: Serialize + DeserializeOwned> Sessions<T> {
    /// Begins a configuration. `app` binds the cookies to this use: give each `T` of a program
    /// its own (`shop`, `shop/reset`), so that a value sealed for one never opens in another.
    pub fn builder(app: impl Into<String>, keys: KeyRing) -> SessionsBuilder<T> {
        SessionsBuilder::new(app.into(), keys)
    }
}

/// The cookie's name if no other is asked for.
pub(crate) const DEFAULT_COOKIE_NAME: &str = "__Host-session";

/// Configures a [`Sessions`]. Every default is the safe one; see each method for it.
///
/// ```
/// use sealed_session::{Key, KeyRing, Sessions};
/// use time::Duration;
///
/// # #[derive(serde::Serialize, serde::Deserialize, Default)]
/// # struct Visit { user: Option<String> }
/// let keys = KeyRing::new(Key::generate());
/// let sessions: Sessions<Visit> = Sessions::builder("shop", keys)
///     .idle_timeout(Duration::minutes(15))
///     .absolute_timeout(Duration::hours(8))
///     .build()?;
/// # Ok::<(), sealed_session::ConfigError>(())
/// ```
#[must_use = "a builder does nothing before `build`"]
pub struct SessionsBuilder<T> {
    app: String,
    keys: KeyRing,
    cookie: Attributes,
    insecure: bool,
    persistence: Persistence,
    idle_timeout: Duration,
    absolute_timeout: Duration,
    longest_timeouts: Option<(Duration, Duration)>,
    renew_after: Option<Duration>,
    padding: usize,
    schema: u32,
    upgrades: Vec<(u32, Upgrade<T>)>,
    seal_as: Option<Box<SealAs<T>>>,
    revoked: Option<Revoked<T>>,
    pub(super) ended: EndedSettings<T>,
    #[cfg(feature = "private-jar")]
    pub(super) old_jars: Vec<OldJarSettings<T>>,
}

impl<T: Serialize + DeserializeOwned> SessionsBuilder<T> {
    pub(crate) fn new(app: String, keys: KeyRing) -> SessionsBuilder<T> {
        let (idle_timeout, absolute_timeout) = Policy::default().timeouts.to_durations();
        SessionsBuilder {
            app,
            keys,
            cookie: Attributes {
                name: DEFAULT_COOKIE_NAME.to_owned(),
                path: "/".to_owned(),
                domain: None,
                same_site: SameSite::Lax,
                secure: true,
                http_only: true,
                partitioned: false,
            },
            insecure: false,
            persistence: Persistence::Always,
            idle_timeout,
            absolute_timeout,
            longest_timeouts: None,
            renew_after: None,
            padding: 16,
            schema: 0,
            upgrades: Vec::new(),
            seal_as: None,
            revoked: None,
            ended: EndedSettings::default(),
            #[cfg(feature = "private-jar")]
            old_jars: Vec::new(),
        }
    }

    /// Sets the cookie's name; `__Host-session` by default. With the prefix `__Host-`, browsers
    /// take it only from this very host, over TLS, for all paths. Two applications on one host need
    /// two names.
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie.name = name.into();
        self
    }

    /// Sets the `Path` attribute; `/` by default. It is no protection between applications on one
    /// host.
    ///
    /// Changing this for a cookie that browsers already hold leaves the old one beside the new one,
    /// where sign-out and sign-in fail for days: change `cookie_name` with it (`docs/operations.md`).
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.cookie.path = path.into();
        self
    }

    /// Sets the `Domain` attribute; none by default, so that the cookie stays on this host. With it
    /// the cookie goes to all subdomains, and any of them can plant one: give the cookie a name
    /// without `__Host-` then.
    ///
    /// Changing this for a cookie that browsers already hold leaves the old one beside the new one,
    /// where sign-out and sign-in fail for days: change `cookie_name` with it (`docs/operations.md`).
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.cookie.domain = Some(domain.into());
        self
    }

    /// Sets the `SameSite` attribute; `Lax` by default. It does not replace a CSRF token: a sibling
    /// site (another subdomain) counts as the same site.
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.cookie.same_site = same_site;
        self
    }

    /// Sets the `Secure` attribute; on by default. For plain HTTP on localhost see
    /// [`insecure_for_development`](SessionsBuilder::insecure_for_development).
    pub fn secure(mut self, secure: bool) -> Self {
        self.cookie.secure = secure;
        self
    }

    /// Sets the `HttpOnly` attribute, which hides the cookie from scripts; on by default.
    pub fn http_only(mut self, http_only: bool) -> Self {
        self.cookie.http_only = http_only;
        self
    }

    /// Sets the `Partitioned` attribute (CHIPS), for applications embedded in other sites; off by
    /// default.
    ///
    /// Changing this for a cookie that browsers already hold leaves the old one beside the new one,
    /// where sign-out and sign-in fail for days: change `cookie_name` with it (`docs/operations.md`).
    pub fn partitioned(mut self, partitioned: bool) -> Self {
        self.cookie.partitioned = partitioned;
        self
    }

    /// Sets how long a session lives without being used; 30 minutes by default. In whole seconds.
    pub fn idle_timeout(mut self, length: Duration) -> Self {
        self.idle_timeout = length;
        self
    }

    /// Sets how long a session lives at all; 8 hours by default. In whole seconds.
    ///
    /// Together with the idle timeout this is the server's policy of today: it counts for cookies
    /// that are out already, too.
    pub fn absolute_timeout(mut self, length: Duration) -> Self {
        self.absolute_timeout = length;
        self
    }

    /// Sets what a session's own timeouts ([`Session::set_timeouts`]) are cut to whenever it is
    /// loaded; the two timeouts above by default. In whole seconds.
    pub fn longest_timeouts(mut self, idle: Duration, absolute: Duration) -> Self {
        self.longest_timeouts = Some((idle, absolute));
        self
    }

    /// Sets how long after the last renewal a session in use is renewed: its cookie is written
    /// again with a new idle deadline. A tenth of its idle timeout by default, but not under a
    /// minute (and half of an idle timeout that is itself no longer than that), so that most
    /// responses carry no `Set-Cookie`. In whole seconds; zero renews at every use.
    pub fn renew_after(mut self, length: Duration) -> Self {
        self.renew_after = Some(length);
        self
    }

    /// Sets whether the cookie outlives the browser's window; [`Persistence::Always`] by default. The
    /// deadlines hold without it.
    pub fn persistence(mut self, persistence: Persistence) -> Self {
        self.persistence = persistence;
        self
    }

    /// Pads the plaintext to a multiple of this many bytes, so that the cookie's length tells
    /// less about the content; 16 by default, from 1 (none) to 256.
    pub fn padding(mut self, multiple: usize) -> Self {
        self.padding = multiple;
        self
    }

    /// Sets the schema of `T`; 0 by default. Raise it whenever a change of `T` makes its old bytes
    /// unreadable or, worse, readable as something else, and give the old type to
    /// [`upgrade`](SessionsBuilder::upgrade). On a fleet, do it in two phases: see
    /// [`seal_as`](SessionsBuilder::seal_as).
    pub fn schema_version(mut self, schema: u32) -> Self {
        self.schema = schema;
        self
    }

    /// Tells how sessions of the older schema `from` become a `T`. Without this they are lost
    /// (`OldSchema`).
    ///
    /// ```
    /// # use sealed_session::{Key, KeyRing, Sessions};
    /// # use serde::{Serialize, Deserialize};
    /// #[derive(Serialize, Deserialize)]
    /// struct VisitBefore { views: u16 }
    /// #[derive(Serialize, Deserialize, Default)]
    /// struct Visit { page_views: u32, user: Option<String> }
    ///
    /// # let keys = KeyRing::new(Key::generate());
    /// let sessions = Sessions::<Visit>::builder("shop", keys)
    ///     .schema_version(1)
    ///     .upgrade(0, |old: VisitBefore| Visit { page_views: old.views.into(), user: None })
    ///     .build()?;
    /// # Ok::<(), sealed_session::ConfigError>(())
    /// ```
    pub fn upgrade<Old: DeserializeOwned>(
        mut self,
        from: u32,
        upgrade: impl Fn(Old) -> T + Send + Sync + 'static,
    ) -> Self {
        self.upgrades.push((from, Box::new(move |bytes| schema::read(bytes).map(&upgrade))));
        self
    }

    /// Seals sessions in the older schema `version` as long as a fleet still has servers that know no
    /// other, so that a deployment loses no session and no change.
    ///
    /// Two phases, as keys have: first every server runs a release that opens both schemas and still
    /// seals the older one; then a release without `seal_as` seals the new one. A session that came
    /// in the new schema is never sealed in the older one again, so that servers of both releases
    /// can be mixed at any time. Use fields that only the new type has when `seal_as` is gone: with
    /// debug assertions a WARN event tells when `upgrade` does not bring back what this made.
    ///
    /// ```
    /// # use sealed_session::{Key, KeyRing, Sessions};
    /// # use serde::{Serialize, Deserialize};
    /// #[derive(Serialize, Deserialize)]
    /// struct VisitBefore { views: u16 }
    /// #[derive(Serialize, Deserialize, Default)]
    /// struct Visit { page_views: u32, user: Option<String> }
    ///
    /// # let keys = KeyRing::new(Key::generate());
    /// let sessions = Sessions::<Visit>::builder("shop", keys)
    ///     .schema_version(2)
    ///     .upgrade(1, |old: VisitBefore| Visit { page_views: old.views.into(), user: None })
    ///     .seal_as(1, |new: &Visit| VisitBefore { views: new.page_views.try_into().unwrap_or(u16::MAX) })
    ///     .build()?;
    /// # Ok::<(), sealed_session::ConfigError>(())
    /// ```
    pub fn seal_as<Old: Serialize>(
        mut self,
        version: u32,
        downgrade: impl Fn(&T) -> Old + Send + Sync + 'static,
    ) -> Self {
        self.seal_as = Some(Box::new(SealAs::new(version, downgrade)));
        self
    }

    /// Sets a hook that is called for each session that passes every other check; return `true` to
    /// reject it. For a rule of the application's own, like an account that was locked; sign-outs and
    /// "sign out everywhere" are what [`ended`](SessionsBuilder::ended) is for.
    ///
    /// It runs in every load and must not block or wait: keep in memory what it looks at.
    ///
    /// ```
    /// # use sealed_session::{Key, KeyRing, Session, Sessions};
    /// # use serde::{Serialize, Deserialize};
    /// # #[derive(Serialize, Deserialize, Default)]
    /// # struct Visit { user: Option<String> }
    /// # fn locked_at(user: &str) -> Option<time::OffsetDateTime> { None }
    /// # let keys = KeyRing::new(Key::generate());
    /// let sessions = Sessions::<Visit>::builder("shop", keys)
    ///     .revoked(|session: &Session<Visit>| {
    ///         let locked = session.user.as_deref().and_then(locked_at);
    ///         locked.is_some_and(|time| session.created_at() <= time)
    ///     })
    ///     .build()?;
    /// # Ok::<(), sealed_session::ConfigError>(())
    /// ```
    pub fn revoked(
        mut self,
        revoked: impl Fn(&Session<T>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.revoked = Some(Box::new(revoked));
        self
    }

    /// Drops `Secure` and a `__Host-` or other prefix from the name, for plain HTTP where the
    /// browser does not take it for secure (a phone that tests against `http://192.168.…`).
    /// Chromium, Firefox and curl do take `http://localhost` and `http://127.0.0.1` for secure:
    /// they do not need it there. Says so in the log at every start.
    pub fn insecure_for_development(mut self) -> Self {
        self.insecure = true;
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], naming the setting and the fix:
    ///
    /// - an empty `app`; a name, path or domain with characters that do not belong there, or too long;
    ///   a prefixed name without what the prefix demands (RFC 6265bis §4.1.3); `SameSite=None` or
    ///   `Partitioned` without `Secure`;
    /// - a timeout that is not whole seconds, not positive or too long; an idle timeout longer than the
    ///   absolute one; `longest_timeouts` shorter than these; a `renew_after` that is not shorter
    ///   than the idle timeout; [`Persistence::Remembered`] without `longest_timeouts`;
    /// - a padding outside 1 to 256; an upgrade from this version or a later one, or two from one; a
    ///   `seal_as` whose version is not older or has no upgrade; a `T` whose default does not survive
    ///   serialisation or does not fit a cookie;
    /// - `ended` without `subject` or the other way round; a list without a namespace, or one that
    ///   keeps ends for less than the longest absolute timeout;
    /// - `migrate_private_jar` called twice, with a name that is none or is the new cookie's, or for a
    ///   time that is empty or longer than the absolute timeout.
    pub fn build(mut self) -> Result<Sessions<T>, ConfigError>
    where
        T: Default,
    {
        if self.insecure {
            self.cookie.secure = false;
            self.cookie.name = validate::without_prefix(&self.cookie.name).to_owned();
            telemetry::insecure(&self.cookie.name);
        }
        validate::app(&self.app)?;
        validate::cookie(&self.cookie, self.insecure)?;
        let policy = validate::policy(
            (self.idle_timeout, self.absolute_timeout),
            self.longest_timeouts,
            self.renew_after,
        )?;
        #[cfg(feature = "private-jar")]
        let old_jar = old_jar::check(self.old_jars, &self.cookie, &policy)?;
        validate::persistence(self.persistence, self.longest_timeouts)?;
        validate::padding(self.padding)?;
        let schema = Schema {
            version: self.schema,
            upgrades: validate::upgrades(self.upgrades, self.schema)?,
            seal_as: self.seal_as,
        };
        validate::seal_as(&schema)?;
        let codec = Codec::new(&self.app, &self.cookie.name, self.padding);
        let (default_data, default_current_data) = validate::default_data(&codec, &schema)?;
        let schema = Arc::new(schema);
        let live = LiveState::new(self.keys, self.ended.list().cloned());
        let readers = Readers {
            schema: Arc::clone(&schema),
            #[cfg(feature = "private-jar")]
            old: old_jar.as_ref().map(|jar| Arc::clone(&jar.convert)),
        };
        let ended = self.ended.check(&policy, readers)?;
        Ok(Sessions::from_parts(Parts {
            live,
            finder: CookieFinder::new(&self.cookie.name),
            writer: CookieWriter::new(&self.cookie, self.persistence),
            codec,
            schema,
            policy,
            revoked: self.revoked,
            ended,
            #[cfg(feature = "private-jar")]
            old_jar: old_jar.map(Box::new),
            default_data,
            default_current_data,
        }))
    }
}

/// The settings that can be shown; no secret.
impl<T> fmt::Debug for SessionsBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionsBuilder")
            .field("app", &self.app)
            .field("keys", &self.keys)
            .field("cookie", &self.cookie)
            .field("idle_timeout", &self.idle_timeout)
            .field("absolute_timeout", &self.absolute_timeout)
            .field("schema_version", &self.schema)
            .finish_non_exhaustive()
    }
}
