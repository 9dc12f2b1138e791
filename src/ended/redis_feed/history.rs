//! Is the stream still the one that was read, or was something lost from it? No connection, no
//! clock.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

/// The id of an entry of a stream: milliseconds by the engine's clock, and a counter.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamId {
    pub(crate) millis: u64,
    pub(crate) counter: u64,
}

impl StreamId {
    pub(crate) fn at(millis: u64) -> StreamId {
        StreamId { millis, counter: 0 }
    }

    /// The smallest greater one.
    pub(crate) fn next(self) -> StreamId {
        match self.counter.checked_add(1) {
            Some(counter) => StreamId { counter, ..self },
            None => StreamId::at(self.millis.saturating_add(1)),
        }
    }
}

impl FromStr for StreamId {
    type Err = ();

    fn from_str(text: &str) -> Result<StreamId, ()> {
        let (millis, counter) = text.split_once('-').ok_or(())?;
        let number = |text: &str| text.parse().map_err(|_| ());
        Ok(StreamId { millis: number(millis)?, counter: number(counter)? })
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.counter)
    }
}

/// What the engine says of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamInfo {
    pub(crate) len: u64,
    pub(crate) last_id: StreamId,
    pub(crate) first_id: Option<StreamId>,
    /// How many entries were ever added. Engines before Redis 7 do not tell.
    pub(crate) added: Option<u64>,
}

/// Of the entries read, one a minute is remembered, to notice that a part is missing.
const BETWEEN_SAMPLES: u64 = 60_000;

/// What this server has seen of the stream.
#[derive(Debug, Default, Clone)]
pub(crate) struct History {
    /// The last entry that was read.
    pub(crate) read_to: StreamId,
    added: u64,
    samples: VecDeque<StreamId>,
}

impl History {
    /// An entry was read.
    pub(crate) fn read(&mut self, id: StreamId) {
        self.read_to = self.read_to.max(id);
        let last = self.samples.back();
        if last.is_none_or(|last| id.millis >= last.millis.saturating_add(BETWEEN_SAMPLES)) {
            self.samples.push_back(id);
        }
    }

    /// Returns whether the stream is another one than was read, or lost something that still
    /// matters: it is gone, goes back behind what was read, had fewer entries added than were seen,
    /// or was trimmed after `horizon` (in milliseconds; what is older may go), though it is not as
    /// long as to be trimmed for its length.
    ///
    /// `read_to` is what had been read before the engine was asked. A stream of which nothing was
    /// read has lost nothing.
    pub(crate) fn is_lost(
        &mut self,
        read_to: StreamId,
        info: Option<&StreamInfo>,
        horizon: u64,
        trimmed_for_length: impl Fn(&StreamInfo) -> bool,
    ) -> bool {
        let Some(info) = info else { return read_to > StreamId::default() };
        let added = info.added.unwrap_or(self.added);
        if info.last_id < read_to || added < self.added {
            return true;
        }
        self.added = added;
        let first = info.first_id.unwrap_or(info.last_id.next());
        // Old ones may go; an hour is for clocks that differ.
        let may_go = horizon.saturating_add(3_600_000);
        while self.samples.front().is_some_and(|sample| sample.millis < may_go) {
            self.samples.pop_front();
        }
        let cut = self.samples.front().is_some_and(|sample| *sample < first);
        if cut && trimmed_for_length(info) {
            self.samples.retain(|sample| *sample >= first);
            return false;
        }
        cut
    }
}

/// Whether the last entry that was read must be there: if it is not, the stream has another
/// history.
pub(crate) fn must_hold(read_to: StreamId, info: &StreamInfo) -> bool {
    // Nothing was read is 0-0, and no entry has that id.
    info.first_id.is_some_and(|first| first <= read_to)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;
    const NOW: u64 = 1_795_262_400_000;

    fn info(first: u64, last: u64, added: u64) -> StreamInfo {
        let (first_id, last_id) = (Some(StreamId::at(first)), StreamId::at(last));
        StreamInfo { len: 10, last_id, first_id, added: Some(added) }
    }

    fn read() -> History {
        let mut history = History::default();
        for minute in 0..=10 {
            history.read(StreamId::at(NOW + minute * MINUTE));
        }
        assert!(!lost(&mut history, info(NOW, NOW + 10 * MINUTE, 11)));
        history
    }

    /// With a horizon a day ago.
    fn lost(history: &mut History, info: StreamInfo) -> bool {
        history.is_lost(history.read_to, Some(&info), NOW - 24 * 60 * MINUTE, |info| info.len > 100)
    }

    #[test]
    fn a_stream_that_grew_is_the_same() {
        assert!(!lost(&mut read(), info(NOW, NOW + 11 * MINUTE, 12)));
    }

    #[test]
    fn a_stream_that_is_gone_is_lost_if_it_was_read() {
        assert!(read().is_lost(read().read_to, None, 0, |_| false));
        assert!(
            !History::default().is_lost(StreamId::default(), None, 0, |_| false),
            "a first server"
        );
    }

    #[test]
    fn a_stream_that_goes_back_is_lost() {
        assert!(lost(&mut read(), info(NOW, NOW + 10 * MINUTE - 1, 11)));
    }

    #[test]
    fn a_restored_copy_that_others_added_to_is_lost() {
        assert!(lost(&mut read(), info(NOW, NOW + 12 * MINUTE, 10)));
    }

    #[test]
    fn a_stream_trimmed_too_early_is_lost() {
        assert!(lost(&mut read(), info(NOW + 1, NOW + 10 * MINUTE, 11)));
        let empty = StreamInfo { first_id: None, len: 0, ..info(NOW, NOW + 10 * MINUTE, 11) };
        assert!(lost(&mut read(), empty));
    }

    #[test]
    fn a_stream_trimmed_by_age_is_not_lost() {
        let horizon = NOW + 5 * MINUTE;
        let info = info(NOW + 6 * MINUTE, NOW + 10 * MINUTE, 11);
        assert!(!read().is_lost(read().read_to, Some(&info), horizon, |_| false));
    }

    #[test]
    fn a_stream_trimmed_further_than_by_age_is_lost() {
        // With the hour for clocks that differ, what was read in the first five minutes may go.
        let horizon = NOW + 5 * MINUTE - 3_600_000;
        let is_lost = |first| {
            let info = info(first, NOW + 10 * MINUTE, 11);
            read().is_lost(read().read_to, Some(&info), horizon, |_| false)
        };
        assert!(!is_lost(NOW + 5 * MINUTE));
        assert!(is_lost(NOW + 5 * MINUTE + 1));
    }

    #[test]
    fn a_stream_trimmed_for_its_length_is_not_lost_and_stays_so() {
        let mut history = read();
        let long = StreamInfo { len: 101, ..info(NOW + 5 * MINUTE, NOW + 10 * MINUTE, 11) };
        assert!(!lost(&mut history, long));
        assert!(!lost(&mut history, StreamInfo { len: 99, ..long }));
    }

    #[test]
    fn the_last_entry_must_be_there_if_older_ones_are() {
        let last = read().read_to;
        assert!(must_hold(last, &info(NOW, NOW + 12 * MINUTE, 12)));
        assert!(!must_hold(last, &info(NOW + 11 * MINUTE, NOW + 12 * MINUTE, 12)));
        assert!(!must_hold(StreamId::default(), &info(NOW, NOW, 1)));
    }

    #[test]
    fn an_id_comes_back_from_its_text() {
        let id: StreamId = "1795262400000-7".parse().unwrap();
        assert_eq!((id.millis, id.counter, id.to_string().as_str()), (NOW, 7, "1795262400000-7"));
        assert_eq!(id.next().to_string(), "1795262400000-8");
        for text in ["", "7", "7-", "-7", "a-b", "7-7-7"] {
            assert_eq!(text.parse::<StreamId>(), Err(()), "{text}");
        }
    }
}
