//! What a feed tells.

use crate::ended::entry::{Entry, Source};
use crate::ended::error::ApplyError;
use crate::ended::list::EndedSessions;
use crate::ended::put::Applied;
use crate::timestamp::Timestamp;
use time::OffsetDateTime;

impl EndedSessions {
    /// Takes in an entry that a feed has brought, from whichever server. Entries may come in any
    /// order and any number of times. An entry that equals one of [`unsent`](EndedSessions::unsent)
    /// confirms it, because the feed has it.
    ///
    /// ```
    /// use sealed_session::{Applied, EndedSessions};
    /// use time::Duration;
    ///
    /// let one = EndedSessions::new("shop", Duration::hours(8));
    /// one.end_all_of("user-17")?;
    ///
    /// let other = EndedSessions::new("shop", Duration::hours(8));
    /// for entry in one.unsent(100).entries() {
    ///     assert_eq!(other.apply(entry.as_ref())?, Applied::New);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ApplyError`] if the bytes are no entry of this namespace, or one that no server makes.
    /// Skip it, tell the operator and go on.
    pub fn apply(&self, entry: &[u8]) -> Result<Applied, ApplyError> {
        self.apply_bytes(entry, Timestamp::now())
    }

    /// [`apply`](EndedSessions::apply) with the time as an argument.
    ///
    /// # Errors
    ///
    /// Those of [`apply`](EndedSessions::apply).
    pub fn apply_at(&self, entry: &[u8], now: OffsetDateTime) -> Result<Applied, ApplyError> {
        self.apply_bytes(entry, Timestamp::from_time(now))
    }

    pub(crate) fn apply_bytes(&self, entry: &[u8], now: Timestamp) -> Result<Applied, ApplyError> {
        Ok(self.apply_entry(self.list.format.read(entry)?, now))
    }

    pub(crate) fn apply_entry(&self, entry: Entry, now: Timestamp) -> Applied {
        self.list.change(now, |list| list.put(entry, Source::Feed))
    }
}
