//! What a feed has to send. The marks are in the list, so nothing that is listed is lost on its way.

use crate::ended::entry::{Entry, EntryBytes, EntryFormat};
use crate::ended::list::List;
use crate::ended::list::{EndedSessions, Wake, Writer};
use crate::ended::outbox::Hint;
use crate::ended::packed::{CutValue, PackedCut, Place, SHARDS};
use crate::timestamp::Timestamp;

/// Entries that no feed has yet, from [`EndedSessions::unsent`].
#[derive(Debug, Clone)]
#[must_use = "send them, and confirm that they were sent"]
pub struct Unsent {
    pub(crate) entries: Vec<Entry>,
    format: EntryFormat,
}

impl Unsent {
    /// Returns the bytes of each entry.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = EntryBytes> {
        self.entries.iter().map(|entry| self.format.write(entry))
    }

    /// Returns whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl EndedSessions {
    /// Returns at most `max` entries that no feed has yet, the oldest first. Send them, then
    /// [`confirm`](EndedSessions::confirm); until then they are returned again.
    ///
    /// ```
    /// # use sealed_session::EndedSessions;
    /// # use time::Duration;
    /// # let ended = EndedSessions::new("shop", Duration::hours(8));
    /// # let send = |_: &[u8]| Ok::<(), std::io::Error>(());
    /// # ended.end_all_of("user-17")?;
    /// loop {
    ///     let unsent = ended.unsent(1000);
    ///     if unsent.is_empty() {
    ///         break;
    ///     }
    ///     for entry in unsent.entries() {
    ///         send(entry.as_ref())?;
    ///     }
    ///     ended.confirm(&unsent);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unsent(&self, max: usize) -> Unsent {
        let mut writer = self.list.writer();
        writer.fed = true;
        self.collect(&mut writer, max, true)
    }

    /// As [`unsent`](EndedSessions::unsent), but only what was ended lately, not what
    /// [`mark_all_unsent`](EndedSessions::mark_all_unsent) has marked.
    #[cfg(any(test, feature = "redis"))]
    pub(crate) fn unsent_lately(&self, max: usize) -> Unsent {
        self.collect(&mut self.list.writer(), max, false)
    }

    fn collect(&self, writer: &mut Writer, max: usize, scan: bool) -> Unsent {
        let list = &*self.list;
        let mut entries = Vec::new();
        if writer.everyone_unsent && max > 0 {
            entries.push(Entry::Everyone { before: writer.shared_everyone });
        }
        let room = max - entries.len().min(max);
        let is_marked = |hint| list.marked(hint).is_some();
        let hints = if scan {
            writer.outbox.found(room, is_marked, |shard| list.marked_in(shard))
        } else {
            writer.outbox.hinted(room, is_marked)
        };
        entries.extend(hints.into_iter().filter_map(|hint| list.marked(hint)));
        Unsent { entries, format: list.format.clone() }
    }

    /// Says that a feed has these entries. One that has changed since stays unsent.
    pub fn confirm(&self, sent: &Unsent) {
        let list = &*self.list;
        let mut writer = list.writer();
        for entry in &sent.entries {
            match *entry {
                Entry::Id { id, .. } => {
                    let place = Place::of_id(id);
                    if list.marked(Hint::Id(place)) == Some(*entry) {
                        let mut shard = list.shard_mut(usize::from(place.shard));
                        if let Some(value) = shard.ids.get_mut(&place.key) {
                            writer.outbox.unmark(&mut value.unsent);
                        }
                    }
                }
                Entry::Cut { subject, .. } => {
                    let place = Place::of_subject(subject);
                    if list.marked(Hint::Cut(place)) == Some(*entry) {
                        let mut shard = list.shard_mut(usize::from(place.shard));
                        if let Some(packed) = shard.cuts.get_mut(&place.key) {
                            let mut cut = CutValue::from(*packed);
                            writer.outbox.unmark(&mut cut.unsent);
                            *packed = PackedCut::from(cut);
                        }
                    }
                }
                Entry::Everyone { before } if before == writer.shared_everyone => {
                    writer.everyone_unsent = false;
                }
                Entry::Everyone { .. } | Entry::Keep { .. } => {}
            }
        }
    }

    /// Marks everything as unsent, for a feed that may have lost it. What
    /// [`apply`](EndedSessions::apply) finds in the feed is confirmed by that.
    pub fn mark_all_unsent(&self) {
        let mut writer = self.list.writer();
        for shard in 0..SHARDS {
            let mut shard = self.list.shard_mut(shard);
            shard.ids.values_mut().for_each(|value| value.unsent = true);
            for packed in shard.cuts.values_mut() {
                *packed = PackedCut::from(CutValue { unsent: true, ..CutValue::from(*packed) });
            }
        }
        let len = self.list.ids() + writer.cuts;
        writer.outbox.all_marked(len);
        writer.everyone_unsent = writer.shared_everyone > Timestamp::default();
    }

    /// Marks these entries as unsent if the list still says the same.
    #[cfg(feature = "redis")]
    pub(crate) fn mark_unsent(&self, entries: &[Entry]) {
        let list = &*self.list;
        let mut writer = list.writer();
        for entry in entries {
            match *entry {
                Entry::Id { id, .. } => {
                    let place = Place::of_id(id);
                    let mut shard = list.shard_mut(usize::from(place.shard));
                    if let Some(value) = shard.ids.get_mut(&place.key) {
                        writer.outbox.mark(&mut value.unsent, Hint::Id(place));
                    }
                }
                Entry::Cut { subject, number, .. } => {
                    let place = Place::of_subject(subject);
                    let mut shard = list.shard_mut(usize::from(place.shard));
                    if let Some(packed) = shard.cuts.get_mut(&place.key) {
                        let mut cut = CutValue::from(*packed);
                        if cut.number == number {
                            writer.outbox.mark(&mut cut.unsent, Hint::Cut(place));
                            *packed = PackedCut::from(cut);
                        }
                    }
                }
                Entry::Everyone { before } => {
                    writer.everyone_unsent |= before == writer.shared_everyone;
                }
                Entry::Keep { .. } => {}
            }
        }
    }

    /// Makes a feed the one of this list. `wake` is called after each end here. `false` if the list
    /// has one.
    pub(crate) fn attach(&self, wake: Wake) -> bool {
        let mut writer = self.list.writer();
        if writer.wake.is_some() {
            return false;
        }
        writer.wake = Some(wake);
        writer.fed = true;
        true
    }

    /// The feed is gone.
    pub(crate) fn detach(&self) {
        let mut writer = self.list.writer();
        writer.wake = None;
        writer.fed = false;
    }

    /// Looks through a part of the list for what leaves, and judges again what lies ahead.
    pub(crate) fn tidy(&self, now: Timestamp) {
        self.list.change(now, |_| {});
    }
}

impl List {
    /// The entry that a hint leads to, if it is marked.
    fn marked(&self, hint: Hint) -> Option<Entry> {
        match hint {
            Hint::Id(place) => {
                let shard = self.shard(usize::from(place.shard));
                let value = shard.ids.get(&place.key).filter(|value| value.unsent)?;
                Some(Entry::Id { id: place.id(), subject: value.subject(), cut: value.cut() })
            }
            Hint::Cut(place) => {
                let cut = self.cut(place).filter(|cut| cut.unsent)?;
                let subject = place.subject()?;
                Some(Entry::Cut { subject, number: cut.number, time: cut.time })
            }
        }
    }

    fn marked_in(&self, index: usize) -> Vec<Hint> {
        let shard = self.shard(index);
        let at = |key| Place { shard: index as u8, key };
        let ids = shard.ids.iter().filter(|(_, value)| value.unsent);
        let cuts = shard.cuts.iter().filter(|(_, cut)| CutValue::from(**cut).unsent);
        ids.map(|(key, _)| Hint::Id(at(*key)))
            .chain(cuts.map(|(key, _)| Hint::Cut(at(*key))))
            .collect()
    }
}
