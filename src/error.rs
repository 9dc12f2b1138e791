//! Every error, sorted by who must act.
//!
//! | type | who acts | when |
//! | --- | --- | --- |
//! | [`ConfigError`], [`KeyError`] | the operator | at start |
//! | [`EncodeError`] | the developer | at save |
//! | [`DecodeError`] | nobody: the visitor starts anew | at load; count it |
//!
//! No error carries a key, a cookie's value or anything from inside a session, and
//! a visitor is shown the same thing whatever the [`Reason`] was.

use crate::random::NoRandomness;
use crate::rules::reason::Reason;
use crate::wire::limits::write::WriteError;
use crate::wire::limits::{MAX_DEPTH, MAX_ELEMENTS};
use std::fmt;

/// [`Sessions::decode`](crate::Sessions::decode) did not accept a value. Nobody needs to act:
/// the visitor starts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cookie was not accepted as a session: {reason}")]
pub struct DecodeError {
    reason: Reason,
}

impl DecodeError {
    pub(crate) fn new(reason: Reason) -> Self {
        DecodeError { reason }
    }

    /// Returns which check the value failed.
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

/// A session could not be sealed. The visitor's old cookie is untouched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The cookie would be longer than browsers must store (RFC 6265bis §5.6: 4096 bytes
    /// of name and value; counted here with the `=` between them).
    #[error(
        "the session needs a cookie of {size} bytes, but the limit is {limit}: \
         keep large data in a database and its id in the session"
    )]
    TooLarge {
        /// Bytes of name, `=` and value, at the largest that later renewals of this session can
        /// make it.
        size: usize,
        /// The limit, 4096.
        limit: usize,
    },
    /// The session's type refused to be serialised, or cannot be (`#[serde(flatten)]`).
    #[error("`{type_name}` cannot be serialised: {error}")]
    Serialize {
        /// The session's type.
        type_name: &'static str,
        /// What postcard said.
        error: postcard::Error,
    },
    /// The data has more than 128 levels, so opening would refuse it. A struct, a newtype, a tuple,
    /// an enum, an option, a list and a map are one level each, empty or not. In the levels of a
    /// type that contains itself:
    ///
    /// | type | levels of its own |
    /// | --- | --- |
    /// | `struct Nest(Option<Box<Nest>>)`, a newtype and an option | 64 |
    /// | `struct Tree { children: Vec<Tree> }`, a struct and a list | 64 |
    /// | `enum Term { Zero, Next(Box<Term>) }`, an enum | 128 |
    #[error(
        "`{type_name}` is nested deeper than {limit} levels. A struct, a newtype, a tuple, an enum, \
         an option, a list and a map are one level each, so a struct that contains itself through \
         an `Option` or a `Vec` can be {} deep: keep such data in a database and its id in the session",
        limit / 2
    )]
    TooDeep {
        /// The session's type.
        type_name: &'static str,
        /// The limit, 128.
        limit: u32,
    },
    /// The lists and maps of the data have more than 4096 elements together, and opening would
    /// refuse them. (Elements that take up a byte each are [`TooLarge`](EncodeError::TooLarge)
    /// earlier.)
    #[error(
        "the lists and maps of `{type_name}` have more than {limit} elements together: \
         keep a count instead of empty elements"
    )]
    TooManyElements {
        /// The session's type.
        type_name: &'static str,
        /// The limit, 4096.
        limit: u32,
    },
    /// What was written does not read back as it was. Only looked for where debug assertions are
    /// on.
    #[error("`{type_name}` does not read back as it was written: {ROUND_TRIP_CAUSES}")]
    RoundTrip {
        /// The session's type.
        type_name: &'static str,
    },
    /// The operating system gave no random bytes. There is no weaker source to fall back to.
    #[error("the operating system gave no random bytes, so nothing was sealed")]
    Randomness,
    /// The ring has no key that seals at this time.
    #[error("no key of the ring seals now: check the `seal_from` of the newest key, and the clock")]
    NoSealingKey,
    /// The session was ended since it was loaded, or [`end_others`](crate::Session::end_others) was
    /// called, which only [`save`](crate::Sessions::save) carries out. (`save` says
    /// [`Saved::Kept`](crate::Saved::Kept) instead.)
    #[error(
        "the session was ended since it was loaded, or it is to end the others of its subject, which \
         only `save` does: load it again, or call `save`"
    )]
    Ended,
}

impl From<NoRandomness> for EncodeError {
    fn from(_: NoRandomness) -> EncodeError {
        EncodeError::Randomness
    }
}

impl EncodeError {
    /// What a counter names it.
    #[cfg(feature = "metrics")]
    pub(crate) fn label(&self) -> &'static str {
        match self {
            EncodeError::TooLarge { .. } => "too_large",
            EncodeError::Serialize { .. } => "serialize",
            EncodeError::TooDeep { .. } => "too_deep",
            EncodeError::TooManyElements { .. } => "too_many_elements",
            EncodeError::RoundTrip { .. } => "round_trip",
            EncodeError::Randomness => "randomness",
            EncodeError::NoSealingKey => "no_sealing_key",
            EncodeError::Ended => "ended",
        }
    }

    /// Tells the developer why data of this type was not written.
    pub(crate) fn of_write(error: WriteError<postcard::Error>, type_name: &'static str) -> Self {
        match error {
            WriteError::TooDeep => EncodeError::TooDeep { type_name, limit: MAX_DEPTH },
            WriteError::TooManyElements => {
                EncodeError::TooManyElements { type_name, limit: MAX_ELEMENTS }
            }
            WriteError::Other(error) => EncodeError::Serialize { type_name, error },
        }
    }
}

/// What users meet when a type does not survive postcard, most frequent first.
pub(crate) const ROUND_TRIP_CAUSES: &str = "postcard is not self-describing, so avoid \
    `skip_serializing_if`, `flatten`, `untagged`, internally or adjacently tagged enums, \
    `serde_json::Value`, lists of empty elements and nesting deeper than 128";

/// A configuration that [`build`](crate::SessionsBuilder::build) refuses. The message names the
/// setting and the fix. `Debug` prints the same as `Display`, because `main` returns it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}`: {problem}")]
pub struct ConfigError {
    setting: &'static str,
    problem: String,
}

impl ConfigError {
    pub(crate) fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        ConfigError { setting, problem: problem.into() }
    }

    /// Returns the builder's method whose argument was refused.
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::EncodeError;
    use crate::{Key, KeyRing, Session, Sessions};
    use serde::{Deserialize, Serialize, de::DeserializeOwned};

    fn encode<T: Serialize + DeserializeOwned + Default>(data: T) -> Result<String, EncodeError> {
        let sessions = Sessions::builder("shop", KeyRing::new(Key::generate())).build().unwrap();
        sessions.encode(&Session::new(data))
    }

    #[derive(Serialize, Deserialize, Default)]
    struct Nest(Option<Box<Nest>>);

    fn nest(levels: usize) -> Nest {
        (1..levels).fold(Nest(None), |inside, _| Nest(Some(Box::new(inside))))
    }

    #[test]
    fn a_configuration_that_main_returns_is_the_message() {
        let builder = Sessions::<()>::builder("shop", KeyRing::new(Key::generate()));
        let error = builder.cookie_name("").build().unwrap_err();
        assert!(error.to_string().starts_with("`cookie_name`: "), "{error}");
        assert_eq!(format!("{error:?}"), error.to_string());
    }

    #[test]
    fn data_too_deep_to_be_opened_is_not_sealed() {
        assert!(encode(nest(64)).is_ok());
        let error = encode(nest(65)).unwrap_err();
        assert!(matches!(error, EncodeError::TooDeep { limit: 128, .. }));
        assert_eq!(
            error.to_string(),
            "`sealed_session::error::tests::Nest` is nested deeper than 128 levels. A struct, a \
             newtype, a tuple, an enum, an option, a list and a map are one level each, so a \
             struct that contains itself through an `Option` or a `Vec` can be 64 deep: keep such \
             data in a database and its id in the session"
        );
    }

    #[test]
    fn data_with_too_many_elements_to_be_opened_is_not_sealed() {
        assert!(encode(vec![(); 4096]).is_ok());
        let error = encode(vec![(); 4097]).unwrap_err();
        assert!(matches!(error, EncodeError::TooManyElements { limit: 4096, .. }));
        assert_eq!(
            error.to_string(),
            "the lists and maps of `alloc::vec::Vec<()>` have more than 4096 elements together: \
             keep a count instead of empty elements"
        );
    }

    #[test]
    fn data_with_too_many_elements_and_too_many_bytes_tells_its_size() {
        let error = encode(vec![1_u8; 5000]).unwrap_err();
        assert!(matches!(error, EncodeError::TooLarge { size: 6795, limit: 4096 }), "{error}");
    }
}
