//! Data ⇄ `T`, of this schema, an older one, or one that older servers still read.

use crate::rules::reason::{Reason, Refusal};
use crate::wire::limits;
use crate::wire::plaintext::{self, NotWritten, Plaintext};
use serde::{Serialize, de::DeserializeOwned};
use std::any::type_name;
use std::collections::BTreeMap;

/// How data of an older schema becomes a `T`; `None` if it is not of that schema.
pub(crate) type Upgrade<T> = Box<dyn Fn(&[u8]) -> Option<T> + Send + Sync>;

type Downgrade<T> = Box<dyn Fn(&T, &mut Plaintext) -> Result<(), NotWritten> + Send + Sync>;

/// How a `T` is written for servers that know only an older schema.
pub(crate) struct SealAs<T> {
    pub(crate) version: u32,
    /// The older type, for messages.
    pub(crate) type_name: &'static str,
    write: Downgrade<T>,
}

impl<T> SealAs<T> {
    pub(crate) fn new<Old: Serialize>(
        version: u32,
        downgrade: impl Fn(&T) -> Old + Send + Sync + 'static,
    ) -> SealAs<T> {
        let write = Box::new(move |value: &T, out: &mut Plaintext| out.append(&downgrade(value)));
        SealAs { version, type_name: type_name::<Old>(), write }
    }
}

/// The schemas of the application's data: the one of today, older ones that it still opens, and the
/// one that it seals while a fleet changes over.
pub(crate) struct Schema<T> {
    pub(crate) version: u32,
    pub(crate) upgrades: BTreeMap<u32, Upgrade<T>>,
    /// Behind a pointer: without one, the room for it would be moved from the stack to the heap unwritten,
    /// with whatever of a key lay there (`tests/memory`).
    pub(crate) seal_as: Option<Box<SealAs<T>>>,
}

impl<T: Serialize + DeserializeOwned> Schema<T> {
    /// Reads the data of an opened value: rows 11 and 12 of `docs/format.md`.
    #[inline]
    pub(crate) fn read(&self, schema: u32, data: &[u8]) -> Result<T, Refusal> {
        let value = if schema > self.version {
            return Err(Refusal::at(11, Reason::NewerSchema));
        } else if schema == self.version {
            read(data)
        } else {
            let upgrade = self.upgrades.get(&schema);
            upgrade.ok_or(Refusal::at(11, Reason::OldSchema))?(data)
        };
        value.ok_or(Refusal::at(12, Reason::InvalidPayload))
    }

    /// Returns the schema that a session is sealed in: the one of `seal_as`, or today's if there is
    /// none or the session came in a later one already. What a new server has written is never
    /// written as an old one would.
    pub(crate) fn sealed_as(&self, loaded: Option<u32>) -> u32 {
        match &self.seal_as {
            Some(older) if loaded.is_none_or(|loaded| loaded <= older.version) => older.version,
            _ => self.version,
        }
    }

    /// Appends `value` in `schema`, which [`sealed_as`](Schema::sealed_as) has chosen.
    pub(crate) fn write(
        &self,
        schema: u32,
        value: &T,
        out: &mut Plaintext,
    ) -> Result<(), NotWritten> {
        match &self.seal_as {
            Some(older) if older.version == schema => (older.write)(value, out),
            _ => out.append(value),
        }
    }

    /// Returns how many bytes `value` has in today's schema, which follows when `seal_as` is dropped.
    pub(crate) fn later_len(&self, value: &T) -> Result<usize, NotWritten> {
        plaintext::counted_len(value)
    }

    /// Returns whether `data`, which was written in `schema`, reads back whole: as a `T` that takes
    /// up as many bytes. (Not the same bytes: a `HashMap` comes back in another order.)
    pub(crate) fn round_trips(&self, schema: u32, data: &[u8]) -> bool {
        let back = |value| plaintext::counted_len(&value).is_ok_and(|len| len == data.len());
        // What an older type drops on purpose, it may.
        let is_older = schema != self.version;
        self.read(schema, data).is_ok_and(|value| is_older || back(value))
    }

    /// Returns whether `value` is the same after a server that knows only the schema `seal_as` has
    /// had it: whether `upgrade(seal_as(value))` brings it back.
    pub(crate) fn survives_older_servers(&self, value: &T, sealed: &[u8]) -> bool {
        let Some(older) = &self.seal_as else { return true };
        let Ok(back) = self.read(older.version, sealed) else { return false };
        match (postcard::to_allocvec(&back), postcard::to_allocvec(value)) {
            (Ok(back), Ok(value)) => back == value,
            _ => false,
        }
    }
}

/// Reads a `T` from bytes that it must use up, within the limits on work.
#[inline]
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let mut deserializer = postcard::Deserializer::from_bytes(bytes);
    let value = limits::read::deserialize(&mut deserializer).ok()?;
    deserializer.finalize().is_ok_and(<[u8]>::is_empty).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    fn schema<T: 'static>() -> Schema<T> {
        Schema { version: 0, upgrades: BTreeMap::new(), seal_as: None }
    }

    #[test]
    fn a_type_that_loses_a_field_does_not_round_trip() {
        #[derive(Serialize, Deserialize)]
        struct Skips {
            #[serde(skip_serializing_if = "Option::is_none")]
            a: Option<u8>,
            b: u8,
        }
        let round_trips = |skips: &Skips| {
            schema::<Skips>().round_trips(0, &postcard::to_allocvec(skips).unwrap())
        };
        assert!(round_trips(&Skips { a: Some(1), b: 2 }));
        assert!(!round_trips(&Skips { a: None, b: 2 }));
    }

    #[test]
    fn a_session_is_sealed_in_the_older_schema_until_it_came_in_a_later_one() {
        let seal_as = Some(Box::new(SealAs::new(1, |new: &u32| *new as u8)));
        let changing = Schema { version: 3, seal_as, ..schema::<u32>() };
        let sealed: Vec<u32> =
            [None, Some(0), Some(1), Some(2), Some(3)].map(|s| changing.sealed_as(s)).into();
        assert_eq!(sealed, [1, 1, 1, 3, 3]);
        let changed = Schema { version: 3, ..schema::<u32>() };
        assert_eq!(changed.sealed_as(None), 3);
    }
}
