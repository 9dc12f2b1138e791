//! What is a `Sessions` made of?

use crate::headers::cookie::CookieFinder;
use crate::headers::set_cookie::CookieWriter;
use crate::live_state::LiveState;
#[cfg(feature = "private-jar")]
use crate::migration::old_jar::OldJar;
use crate::rules::timeouts::Policy;
use crate::session::Session;
use crate::session::ending::Registry;
use crate::wire::codec::Codec;
use crate::wire::schema::Schema;
use std::sync::Arc;

/// The parts that `load` and `save` work with.
pub(crate) struct Parts<T> {
    /// A cookie's value ⇄ stamps and data.
    pub(crate) codec: Codec,
    /// Data ⇄ `T`.
    pub(crate) schema: Arc<Schema<T>>,
    /// Which keys and which cuts count now.
    pub(crate) live: LiveState,
    /// When sessions end and are renewed.
    pub(crate) policy: Policy,
    /// `Cookie` headers → values.
    pub(crate) finder: CookieFinder,
    /// Values → `Set-Cookie`.
    pub(crate) writer: CookieWriter,
    /// The application's own check.
    pub(crate) revoked: Option<Revoked<T>>,
    /// The sessions that ended before their deadlines, and whose a session is.
    pub(crate) ended: Option<Ended<T>>,
    /// What visitors may still bring from another library. In a box for the reason of `Schema::seal_as`.
    #[cfg(feature = "private-jar")]
    pub(crate) old_jar: Option<Box<OldJar<T>>>,
    /// What an unchanged new session would be written as.
    pub(crate) default_data: Vec<u8>,
    /// The same in today's schema, which is another one while there is a `seal_as`.
    pub(crate) default_current_data: Vec<u8>,
}

pub(crate) type Revoked<T> = Box<dyn Fn(&Session<T>) -> bool + Send + Sync>;

/// What a `Sessions` with a list of ended sessions has beside the others.
pub(crate) struct Ended<T> {
    pub(crate) registry: Arc<Registry>,
    pub(crate) subject: Arc<SubjectOf<T>>,
}

/// Whose a session is, if it is anyone's. Never the empty string.
pub(crate) type SubjectOf<T> = dyn Fn(&T) -> Option<String> + Send + Sync;
