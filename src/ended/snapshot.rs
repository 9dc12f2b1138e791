//! Everything that a list knows, for a feed that writes itself anew.

use crate::ended::entry::{Entry, EntryBytes};
use crate::ended::list::EndedSessions;
use crate::ended::packed::{CutValue, Place, SHARDS};

impl EndedSessions {
    /// Calls `write` for every fact, in turn: among them `everyone` as it counts here, which stands
    /// for what this list has forgotten, and what it has set aside.
    pub(crate) fn for_each_entry<E>(
        &self,
        mut write: impl FnMut(EntryBytes) -> Result<(), E>,
    ) -> Result<(), E> {
        let list = &*self.list;
        let mut write = |entry: Entry| write(list.format.write(&entry));
        let aside: Vec<Entry> = list.writer().aside.entries().collect();
        aside.into_iter().try_for_each(&mut write)?;
        for index in 0..SHARDS {
            // Copied, so that no reader waits for a disk.
            let shard = list.shard(index);
            let at = |key| Place { shard: index as u8, key };
            let ids = shard.ids.iter().map(|(key, value)| {
                let (subject, cut) = (value.subject(), value.cut());
                Some(Entry::Id { id: at(*key).id(), subject, cut })
            });
            let cuts = shard.cuts.iter().map(|(key, value)| {
                let (subject, cut) = (at(*key).subject()?, CutValue::from(*value));
                Some(Entry::Cut { subject, number: cut.number, time: cut.time })
            });
            let entries: Vec<Entry> = ids.chain(cuts).flatten().collect();
            drop(shard);
            entries.into_iter().try_for_each(&mut write)?;
        }
        // Last, because an entry that leaves a shard meanwhile, before it was copied, raises this.
        let everyone = list.everyone();
        if everyone.millis() > 0 {
            write(Entry::Everyone { before: everyone })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::Timestamp;
    use time::Duration;

    #[test]
    fn what_leaves_a_full_list_meanwhile_is_not_forgotten() {
        let list = EndedSessions::new("shop", Duration::hours(8)).with_max_entries(300);
        let noon = 1_795_262_400_000;
        // The last byte is the shard's: the oldest is in the last one.
        let id = |n: u64| {
            let shard = u128::from(255 - n % 256);
            uuid::Uuid::from_u128(u128::from(noon + n) << 80 | 7 << 76 | 2 << 62 | shard)
        };
        let end = |n| list.end_at(id(n), Timestamp::from_millis(noon + n).to_time()).unwrap();
        (0..300).for_each(end);
        let mut written = Vec::new();
        let written_all = list.for_each_entry(|entry| {
            if written.is_empty() {
                end(300);
            }
            written.push(entry.as_ref().to_vec());
            Ok::<(), ()>(())
        });
        assert_eq!((written_all, list.status().evicted), (Ok(()), 1));
        let next = EndedSessions::new("shop", Duration::hours(8));
        for entry in written {
            next.apply_bytes(&entry, Timestamp::from_millis(noon + 300)).unwrap();
        }
        let oldest = Timestamp::from_millis(noon);
        assert!(!list.is_ended(id(0)) && oldest < list.everyone(), "that is the one that left");
        assert!(next.is_ended(id(0)) || oldest < next.everyone());
    }

    #[test]
    fn what_is_set_aside_is_written_too() {
        let list = EndedSessions::new("shop", Duration::hours(8));
        let now = Timestamp::from_millis(1_795_262_400_000);
        let ahead = Entry::Everyone { before: now.plus_seconds(3600) };
        let ahead = list.list.format.write(&ahead);
        list.apply_bytes(ahead.as_ref(), now).unwrap();
        let mut written = Vec::new();
        let written_all = list.for_each_entry(|entry| {
            written.push(entry.as_ref().to_vec());
            Ok::<(), ()>(())
        });
        assert_eq!((written_all, written), (Ok(()), vec![ahead.as_ref().to_vec()]));
    }
}
