//! A key with its dates, and which dates the keys of one schedule may have.

use crate::keys::id::KeyId;
use crate::keys::key::Key;
use crate::timestamp::Timestamp;
use time::OffsetDateTime;

/// A key with its dates, for [`KeyRing::schedule`](crate::KeyRing::schedule).
#[derive(Debug, Clone)]
pub struct DatedKey {
    key: Key,
    seal_from: OffsetDateTime,
    open_until: Option<OffsetDateTime>,
    revoked: bool,
}

impl DatedKey {
    /// Makes a key that opens from now on and seals from `seal_from`, until the next key does.
    pub fn new(key: Key, seal_from: OffsetDateTime) -> DatedKey {
        DatedKey { key, seal_from, open_until: None, revoked: false }
    }

    /// Sets from when the key no longer opens. Every key but the newest needs this.
    pub fn with_open_until(mut self, time: OffsetDateTime) -> DatedKey {
        self.open_until = Some(time);
        self
    }

    /// Marks a key that leaked: it neither seals nor opens any more.
    pub fn with_revoked(mut self) -> DatedKey {
        self.revoked = true;
        self
    }

    /// Returns the id of the key.
    pub fn id(&self) -> KeyId {
        self.key.id()
    }

    /// Returns from when it seals, until the next key does.
    pub fn seal_from(&self) -> OffsetDateTime {
        self.seal_from
    }

    /// Returns from when it no longer opens, if that is decided.
    pub fn open_until(&self) -> Option<OffsetDateTime> {
        self.open_until
    }

    /// Returns whether it is marked as leaked.
    pub fn is_revoked(&self) -> bool {
        self.revoked
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }
}

/// What is wrong with the dates of a schedule.
#[derive(Debug)]
pub(crate) struct ScheduleFault {
    /// The key whose dates must be fixed, if it is about one.
    #[cfg_attr(not(feature = "key-file"), expect(dead_code))]
    pub(crate) key: Option<KeyId>,
    pub(crate) problem: String,
}

/// `keys` are sorted by `seal_from`.
pub(crate) fn check_dates(keys: &[DatedKey]) -> Result<(), ScheduleFault> {
    let refuse = |key, problem: String| Err(ScheduleFault { key, problem });
    if keys.is_empty() {
        return refuse(None, "it has no key".to_owned());
    }
    // As the ring compares them: in milliseconds, and all times before 1970 are one.
    let from = |dated: &DatedKey| Timestamp::from_time(dated.seal_from);
    if let Some(pair) = keys.windows(2).find(|pair| from(&pair[0]) == from(&pair[1])) {
        let [a, b] = [pair[0].key.id(), pair[1].key.id()];
        return refuse(Some(b), format!("the keys {a} and {b} have the same `seal_from`"));
    }
    let valid: Vec<&DatedKey> = keys.iter().filter(|dated| !dated.revoked).collect();
    if valid.is_empty() {
        return refuse(None, "every key is revoked: add a new one".to_owned());
    }
    for (index, dated) in valid.iter().enumerate() {
        let id = dated.key.id();
        match (dated.open_until, valid.get(index + 1)) {
            (Some(_), None) => {
                let problem = format!("the newest key, {id}, has an `open_until`: remove it");
                return refuse(Some(id), problem);
            }
            (None, Some(_)) => {
                let problem = format!("the key {id} is not the newest and needs an `open_until`");
                return refuse(Some(id), problem);
            }
            (Some(until), Some(next)) if until < next.seal_from => {
                let next = next.key.id();
                return refuse(Some(id), format!("the key {id} ends before {next} seals"));
            }
            _ => {}
        }
    }
    Ok(())
}
