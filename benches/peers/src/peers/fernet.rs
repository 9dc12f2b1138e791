//! fernet with `serde_json`: a token format that many languages know.

use fernet::{Fernet, MultiFernet};

use crate::{level::value::ValuePeer, records::Record};

/// How the tables call it.
pub const NAME: &str = "fernet";

/// One key or many: `MultiFernet` of one key only adds a loop that runs once.
pub struct Tokens(MultiFernet);

impl Tokens {
    /// A new one, with a key that nobody else has.
    pub fn with_random_key() -> Self {
        Self::with_keys(vec![random_key()])
    }

    /// The first key seals, all open.
    fn with_keys(keys: Vec<Fernet>) -> Self {
        Self(MultiFernet::new(keys))
    }

    /// One who seals with the oldest of `keys` keys, and one who has them all.
    pub fn ring(keys: usize) -> (Self, Self) {
        let keys: Vec<Fernet> = (0..keys).map(|_| random_key()).collect();
        let oldest = keys[keys.len() - 1].clone();
        (Self::with_keys(vec![oldest]), Self::with_keys(keys))
    }
}

fn random_key() -> Fernet {
    Fernet::new(&Fernet::generate_key()).expect("a generated key is well-formed")
}

impl<T: Record> ValuePeer<T> for Tokens {
    fn encode(&self, record: &T) -> String {
        let json = serde_json::to_vec(record).expect("records are plain JSON");
        self.0.encrypt(&json)
    }

    fn decode(&self, value: &str) -> T {
        let opened = self.0.decrypt(value).expect("our own value");
        serde_json::from_slice(&opened).expect("our own JSON")
    }
}
