//! A session as it was in its cookie: what `save` compares with, and what can be ended.

use crate::keys::id::KeyId;
use crate::wire::codec::Opened;
use crate::wire::plaintext::{Plaintext, Stamps};
#[cfg(feature = "_adapter")]
use std::sync::Arc;

/// A session as it was in its cookie.
pub(crate) struct Loaded {
    pub(crate) stamps: Stamps,
    plaintext: SharedPlaintext,
    /// The data in other schemas, if an upgrade made it from an older one.
    pub(crate) upgraded: Option<Upgraded>,
}

/// The bytes of what an upgrade has made, so that it runs once.
#[derive(Clone)]
pub(crate) struct Upgraded {
    /// In today's schema.
    pub(crate) current: Vec<u8>,
    /// In the schema that it is going to be sealed in, if that is yet another one.
    pub(crate) sealed: Option<Vec<u8>>,
}

/// Shared only if a view may come to need it, too: that costs an allocation.
enum SharedPlaintext {
    Owned(Plaintext),
    #[cfg(feature = "_adapter")]
    Shared(Arc<Plaintext>),
}

impl Loaded {
    #[cfg(feature = "_adapter")]
    pub(crate) fn share(&mut self) -> Loaded {
        let shared = match &mut self.plaintext {
            SharedPlaintext::Shared(shared) => Arc::clone(shared),
            SharedPlaintext::Owned(owned) => {
                let shared = Arc::new(owned.take());
                self.plaintext = SharedPlaintext::Shared(Arc::clone(&shared));
                shared
            }
        };
        let plaintext = SharedPlaintext::Shared(shared);
        Loaded { stamps: self.stamps, plaintext, upgraded: self.upgraded.clone() }
    }

    pub(crate) fn new(stamps: Stamps, plaintext: Plaintext, upgraded: Option<Upgraded>) -> Loaded {
        Loaded { stamps, plaintext: SharedPlaintext::Owned(plaintext), upgraded }
    }

    /// Returns what was opened, as long as nobody shares it.
    pub(crate) fn into_opened(self, key_id: KeyId) -> Option<Opened> {
        match self.plaintext {
            SharedPlaintext::Owned(plaintext) => {
                Some(Opened { key_id, stamps: self.stamps, plaintext })
            }
            #[cfg(feature = "_adapter")]
            SharedPlaintext::Shared(_) => None,
        }
    }

    /// Returns the data as it came.
    pub(crate) fn data(&self) -> &[u8] {
        match &self.plaintext {
            SharedPlaintext::Owned(plaintext) => plaintext.data(),
            #[cfg(feature = "_adapter")]
            SharedPlaintext::Shared(plaintext) => plaintext.data(),
        }
    }

    /// Returns the data in `today`'s schema, if an upgrade has made that and it could be written, and
    /// else as it came; with the schema that it is in.
    pub(crate) fn readable(&self, today: u32) -> (u32, &[u8]) {
        match &self.upgraded {
            Some(upgraded) => (today, &upgraded.current),
            None => (self.stamps.schema, self.data()),
        }
    }

    /// Returns the data as it would have come in `schema`, in which it is going to be sealed; `None`
    /// if that could not be written.
    pub(crate) fn data_in(&self, schema: u32) -> Option<&[u8]> {
        if self.stamps.schema == schema {
            return Some(self.data());
        }
        let upgraded = self.upgraded.as_ref()?;
        Some(upgraded.sealed.as_ref().unwrap_or(&upgraded.current))
    }
}

impl From<Opened> for Loaded {
    fn from(opened: Opened) -> Loaded {
        Loaded::new(opened.stamps, opened.plaintext, None)
    }
}
