//! What tests of an application need: a cookie to send, and what a response does to the browser's.

use crate::error::EncodeError;
use crate::headers::set_cookie::{Sent, sensitive};
use crate::session::Session;
use crate::steps::parts::Parts;
use crate::timestamp::Timestamp;
use http::{HeaderMap, HeaderValue};
use serde::{Serialize, de::DeserializeOwned};

/// What a response does to the browser's cookie:
/// [`Sessions::read_response`](crate::Sessions::read_response).
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a test holds one of them at a time")]
pub enum ResponseCookie<T> {
    /// Nothing: the browser keeps what it has.
    None,
    /// It removes the cookie: the visitor is new from now on.
    Removed,
    /// It sets the cookie to this session, opened like one that a request brought.
    Set(Session<T>),
}

impl<T: Serialize + DeserializeOwned> Parts<T> {
    /// Returns `name=value` with the session sealed in it.
    pub(crate) fn cookie_for(
        &self,
        session: &Session<T>,
        now: Timestamp,
    ) -> Result<HeaderValue, EncodeError> {
        let envelope = self.encode(session, now)?.envelope;
        let mut text = format!("{}=", self.codec.name());
        envelope.append_to(&mut text);
        Ok(sensitive(text))
    }

    /// Reads what a response does to our cookie. One that does not open is none of ours.
    pub(crate) fn read_response(&self, headers: &HeaderMap, now: Timestamp) -> ResponseCookie<T> {
        match self.writer.sent(headers) {
            None => ResponseCookie::None,
            Some(Sent::Removal) => ResponseCookie::Removed,
            Some(Sent::Value(value)) => {
                self.decode(value.as_bytes(), now).map_or(ResponseCookie::None, ResponseCookie::Set)
            }
        }
    }
}
