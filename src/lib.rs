//! Stateless encrypted cookie sessions: the whole session is serialised, encrypted and kept in one
//! cookie. There is no session store; any server that shares the keys can serve any visitor.
//!
//! ```text
//! load:  Cookie headers → request → envelope → key ring → cipher → payload → timeouts → Session<T>
//! save:  Session<T> → (must it be written?) → payload → cipher → envelope → response → Set-Cookie
//! ```
//!
//! # Start
//!
//! 1. Derive `Serialize`, `Deserialize` and `Default` for what you want to remember.
//! 2. Make one [`Sessions`] at start, from a [`KeyRing`].
//! 3. Use an adapter (feature `axum`: [`axum`]; `actix-web`: [`actix_web`]; `poem`: [`poem`]; any tower stack: [`tower`]), or call
//!    [`Sessions::load`] and [`Sessions::save`] with the headers of your framework.
//!
//! ```
//! use sealed_session::{Key, KeyRing, Session, Sessions};
//! use time::Duration;
//!
//! #[derive(serde::Serialize, serde::Deserialize, Default)]
//! struct Visit {
//!     page_views: u32,
//!     user: Option<String>,
//! }
//!
//! # let keys = KeyRing::new(Key::generate());
//! # /*
//! let keys = KeyRing::from_env("SESSION_KEYS")?;
//! # */
//! let sessions: Sessions<Visit> = Sessions::builder("shop", keys)
//!     .idle_timeout(Duration::minutes(15))
//!     .absolute_timeout(Duration::hours(8))
//!     .build()?;
//!
//! # let request = http::Request::new(());
//! # let mut response = http::Response::new(());
//! let mut session: Session<Visit> = sessions.load(request.headers());
//! session.page_views += 1;
//! sessions.save(session, response.headers_mut())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Signing in and out
//!
//! ```
//! # use sealed_session::Session;
//! # #[derive(Default)] struct Visit { user: Option<String> }
//! fn sign_in(session: &mut Session<Visit>, user: String) {
//!     // Default data, a new id, fresh clocks: nothing that somebody planted before stays. (`renew()`
//!     // keeps the data, for a cart that was filled before the sign-in.)
//!     session.reset();
//!     session.user = Some(user);
//! }
//!
//! fn sign_out(session: &mut Session<Visit>) {
//!     session.destroy(); // the cookie is removed, and nothing else of this request is saved
//! }
//! ```
//!
//! # What the data may look like
//!
//! The data is written with postcard, which is short and fast because it does not describe itself.
//! So the order of fields is the format: after a change of `T`, raise
//! [`schema_version`](SessionsBuilder::schema_version) and give the old type to
//! [`upgrade`](SessionsBuilder::upgrade). And some of serde's attributes do not work:
//! `skip_serializing_if`, `flatten`, `untagged`, internally and adjacently tagged enums, and
//! `serde_json::Value`. [`build`](SessionsBuilder::build) tries `T::default()`, and with debug
//! assertions every [`encode`](Sessions::encode) tries what it writes, so that such a type is found
//! in development. Take `BTreeMap` rather than `HashMap`: a `HashMap` comes out in another order
//! each time, which looks like a change.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `tracing` | yes | events: DEBUG for rejected cookies, each reason once a request, WARN for a change that was not written, ERROR for a session that was not saved |
//! | `private-jar` | yes | `Key::from(&cookie::Key)`, and [`migrate_private_jar`](SessionsBuilder::migrate_private_jar), for applications that have such a key |
//! | `metrics` | | counters by reason, by key id and by cause, the length of cookies, gauges of the key file and of feeds |
//! | `tower` | | [`tower::SessionLayer`] for any tower HTTP stack |
//! | `axum` | | [`axum::Session`] and [`axum::SessionView`] as extractors |
//! | `actix-web` | | [`actix_web::SessionMiddleware`], [`actix_web::Session`] and [`actix_web::SessionView`] as extractors |
//! | `poem` | | [`poem::SessionMiddleware`], [`poem::Session`] and [`poem::SessionView`] as extractors |
//! | `dynamic` | | [`Dynamic`]: named values of any type instead of a type of your own |
//! | `redis` | | [`RedisFeed`]: sessions that ended are told to every server through Redis or Valkey |
//! | `redis-tls` | | `redis` over TLS |
//! | `key-file` | | [`KeyFile`]: dated keys in a file that is read again while serving |
//! | `inspect` | | [`inspect`](mod@inspect): what a cookie's value says, and why it is refused |
//! | `cli` | | the command `sealed-session`, which makes and rotates key files |
//!
//! How to wrap a framework that is not here: the repository's `docs/adapters.md`.
//!
//! The counters of `metrics` are `sealed_session_opened_total` (`key_id`),
//! `sealed_session_sealed_total` (`key_id`), `sealed_session_rejected_total` (`reason`, `key_id`; an
//! id outside the ring counts as `unknown`), `sealed_session_written_total` (`cause`),
//! `sealed_session_kept_total` (`reason`) and `sealed_session_migrated_total`. When `opened` no
//! longer grows for an old key's id, that key is safe to drop. `sealed_session_cookie_bytes` is a
//! histogram of what is held against the limit of 4096 bytes. The repository's `docs/operations.md`
//! has the gauges, and `docs/alerts.yml` alerts for Prometheus.
//!
//! # What it does not do
//!
//! No store, so a copy of a cookie made before a logout stays valid until its deadlines, unless what
//! ended is remembered ([`ended`](SessionsBuilder::ended)); no chunks over several cookies, so
//! 4096 bytes are the limit; no compression, because lengths leak; of two parallel responses to one
//! visitor, the last wins. The repository's `docs/security.md` has the whole list, `docs/format.md`
//! the bytes, `docs/design.md` the reasons.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "_adapter")]
mod adapters;
mod config;
mod csrf;
#[cfg(feature = "dynamic")]
mod dynamic;
mod ended;
mod error;
mod headers;
#[cfg(feature = "inspect")]
pub mod inspect;
#[cfg(feature = "key-file")]
pub mod key_file;
mod keys;
mod live_state;
#[cfg(feature = "private-jar")]
mod migration;
mod random;
mod rules;
mod session;
mod sessions;
pub mod shape;
mod steps;
mod sync;
mod telemetry;
mod timestamp;
mod wire;

pub use http;
pub use time;

#[cfg(feature = "actix-web")]
pub use adapters::actix_web;
#[cfg(feature = "axum")]
pub use adapters::axum;
#[cfg(feature = "poem")]
pub use adapters::poem;
#[cfg(feature = "tower")]
pub use adapters::tower;
pub use config::builder::SessionsBuilder;
pub use cookie::SameSite;
#[cfg(feature = "dynamic")]
pub use dynamic::{Dynamic, DynamicError};
pub use ended::entry::EntryBytes;
pub use ended::error::{ApplyError, EndError, NoSubject};
pub use ended::feed_error::FeedError;
pub use ended::file_feed::FileFeed;
pub use ended::health::FeedHealth;
pub use ended::list::{EndedSessions, EndedStatus};
pub use ended::put::Applied;
#[cfg(feature = "redis")]
pub use ended::redis_feed::RedisFeed;
pub use ended::unsent::Unsent;
pub use error::{ConfigError, DecodeError, EncodeError};
pub use headers::set_cookie::Persistence;
#[cfg(feature = "key-file")]
pub use key_file::KeyFile;
pub use keys::dated::DatedKey;
pub use keys::error::KeyError;
pub use keys::id::{KeyId, ParseKeyIdError};
pub use keys::key::Key;
pub use keys::ring::{KeyRing, KeyState};
pub use rules::reason::Reason;
pub use session::Session;
pub use session::meta::Origin;
pub use sessions::Sessions;
pub use steps::response::ResponseCookie;
pub use steps::save::Saved;
pub use wire::codec::COOKIE_LIMIT;

/// The programs of the README, compiled and run as they stand there.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// The programs of `docs/parts.md`.
#[cfg(doctest)]
#[doc = include_str!("../docs/parts.md")]
struct Parts;

/// The programs of `docs/migrating.md`.
#[cfg(all(doctest, feature = "private-jar"))]
#[doc = include_str!("../docs/migrating.md")]
struct Migrating;
