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
        let everyone = list.everyone();
        if everyone.millis() > 0 {
            write(Entry::Everyone { before: everyone })?;
        }
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
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::Timestamp;
    use time::Duration;

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
