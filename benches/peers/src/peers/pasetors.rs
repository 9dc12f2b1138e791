//! PASETO v4.local by pasetors, with `serde_json`.
//!
//! Its `claims` would parse the JSON a second time and check three dates in it; the
//! byte-slice interface of `version4` is the quicker of the two that its docs offer.

use pasetors::{
    Local,
    keys::{Generate, SymmetricKey},
    token::UntrustedToken,
    version4::{LocalToken, V4},
};

use crate::{level::value::ValuePeer, records::Record};

/// How the tables call it.
pub const NAME: &str = "pasetors v4.local";

/// The key is all it needs.
pub struct Paseto(SymmetricKey<V4>);

impl Paseto {
    /// A new one, with a key that nobody else has.
    pub fn with_random_key() -> Self {
        Self(SymmetricKey::generate().expect("the system has randomness"))
    }
}

impl<T: Record> ValuePeer<T> for Paseto {
    fn encode(&self, record: &T) -> String {
        let json = serde_json::to_vec(record).expect("records are plain JSON");
        LocalToken::encrypt(&self.0, &json, None, None).expect("the message is not empty")
    }

    fn decode(&self, value: &str) -> T {
        let token = UntrustedToken::<Local, V4>::try_from(value).expect("our own value");
        let opened = LocalToken::decrypt(&self.0, &token, None, None).expect("our own value");
        serde_json::from_str(opened.payload()).expect("our own JSON")
    }
}
