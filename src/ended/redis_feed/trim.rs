//! Which entries leave the stream, and what then stands for them.

use super::engine::{self, Engine, Keys, READ_BATCH, Read};
use super::history::{StreamId, StreamInfo};
use crate::ended::entry::Entry;
use crate::ended::list::EndedSessions;
use crate::timestamp::Timestamp;
use redis::RedisResult;

/// What is old is left for an hour, so that not every minute has its entries.
const PATIENCE: u64 = 3_600_000;

/// Of what may leave, so much is looked at in one step.
const MAX_DROPPED: usize = 50_000;

/// Where the stream may be cut by age: everything before has been kept long enough by the older of
/// two clocks, for either may be ahead.
pub(super) fn horizon(ended: &EndedSessions, info: &StreamInfo, now: Timestamp) -> u64 {
    info.last_id.millis.min(now.millis()).saturating_sub(ended.list.keep_and_a_day())
}

/// Whether the stream is longer than any list needs.
fn excess(ended: &EndedSessions, info: &StreamInfo) -> u64 {
    info.len.saturating_sub(2 * ended.max_entries() as u64)
}

/// Whether a stream of this length may have been trimmed for it, by this rule or a similar one.
pub(super) fn may_be_for_length(ended: &EndedSessions, info: &StreamInfo) -> bool {
    info.len >= ended.max_entries() as u64
}

/// Whether something is to leave.
fn is_due(info: &StreamInfo, horizon: u64, excess: u64) -> bool {
    excess > 0 || info.first_id.is_some_and(|first| first.millis + PATIENCE < horizon)
}

/// Whether an entry stays, and all that follow, when so many have been dropped before it.
fn stays(id: StreamId, dropped: u64, horizon: u64, excess: u64) -> bool {
    id.millis >= horizon && dropped >= excess
}

/// Removes what is too old or too much, after what still matters of it was appended again, and an
/// `everyone` for the rest.
pub(super) async fn trim(
    engine: &mut Engine,
    keys: &Keys,
    ended: &EndedSessions,
    info: &StreamInfo,
    now: Timestamp,
) -> RedisResult<()> {
    let horizon = horizon(ended, info, now);
    let excess = excess(ended, info);
    if !is_due(info, horizon, excess) {
        return Ok(());
    }
    let mut dropped: Vec<Read> = Vec::new();
    let mut from = StreamId::default();
    'reading: while dropped.len() < MAX_DROPPED {
        let batch = engine::range(&mut engine.plain, keys, from, READ_BATCH).await?;
        let Some(last) = batch.last() else { break };
        from = last.id.next();
        for read in batch {
            if stays(read.id, dropped.len() as u64, horizon, excess) {
                break 'reading;
            }
            dropped.push(read);
        }
    }
    let Some(last) = dropped.last().map(|read| read.id) else { return Ok(()) };
    let plan = Plan::of(ended, &dropped, horizon, now);
    let everyone = plan.before.map(|before| ended.list.format.write(&Entry::Everyone { before }));
    // A few thousand at a time, as they are sent everywhere.
    for again in plan.again.chunks(READ_BATCH) {
        engine::append(&mut engine.plain, keys, again.iter()).await?;
    }
    engine::append(&mut engine.plain, keys, everyone.into_iter()).await?;
    engine::trim(&mut engine.plain, keys, last.next()).await?;
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Plan {
    /// Old by the stream's time, and yet to be remembered: a number or an id that lay ahead. An
    /// entry of a later version goes: for how long it matters is not known here.
    again: Vec<Vec<u8>>,
    /// Stands for everything else that leaves.
    before: Option<Timestamp>,
}

impl Plan {
    fn of(ended: &EndedSessions, dropped: &[Read], horizon: u64, now: Timestamp) -> Plan {
        let mut plan = Plan { again: Vec::new(), before: None };
        for read in dropped {
            let Ok(entry) = ended.list.format.read(&read.entry) else { continue };
            let is_old = read.id.millis < horizon;
            if is_old && ended.still_needs(&entry, now) {
                plan.again.push(read.entry.clone());
            } else {
                plan.before = plan.before.max(ended.covered_by(&entry, now));
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;
    use uuid::Uuid;

    const NOON: u64 = 1_795_262_400_000;
    const HOUR: u64 = 3_600_000;

    fn id(created: u64) -> Uuid {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&created.to_be_bytes()[2..]);
        (bytes[6], bytes[8], bytes[15]) = (0x70, 0x80, created as u8);
        Uuid::from_bytes(bytes)
    }

    fn read(ended: &EndedSessions, at: u64, entry: Entry) -> Read {
        let entry = ended.list.format.write(&entry).as_ref().to_vec();
        Read { id: StreamId::at(at), entry }
    }

    fn list() -> EndedSessions {
        EndedSessions::new("shop", Duration::hours(8))
    }

    #[test]
    fn the_older_of_two_clocks_counts() {
        let info =
            |last| StreamInfo { len: 1, last_id: StreamId::at(last), first_id: None, added: None };
        let (ended, now) = (list(), Timestamp::from_millis(NOON));
        let expected = NOON - 32 * HOUR;
        assert_eq!(horizon(&ended, &info(NOON + 100 * HOUR), now), expected);
        assert_eq!(horizon(&ended, &info(NOON), Timestamp::from_millis(NOON + HOUR)), expected);
    }

    fn info(len: u64, first: u64) -> StreamInfo {
        let (last_id, first_id) = (StreamId::at(NOON), Some(StreamId::at(first)));
        StreamInfo { len, last_id, first_id, added: None }
    }

    #[test]
    fn a_stream_may_be_twice_as_long_as_a_list() {
        let ended = list().with_max_entries(10);
        assert_eq!([20, 21, 25].map(|len| excess(&ended, &info(len, NOON))), [0, 1, 5]);
    }

    #[test]
    fn a_stream_as_long_as_a_list_may_have_been_trimmed_for_its_length() {
        let ended = list().with_max_entries(10);
        assert_eq!([9, 10].map(|len| may_be_for_length(&ended, &info(len, NOON))), [false, true]);
    }

    #[test]
    fn what_is_old_is_left_for_an_hour_and_what_is_too_much_is_not() {
        let is_due = |first, excess| is_due(&info(9, first), NOON, excess);
        assert!(!is_due(NOON - HOUR, 0));
        assert!(is_due(NOON - HOUR - 1, 0));
        assert!(is_due(NOON, 1));
    }

    #[test]
    fn what_is_young_stays_once_the_rest_is_not_too_much() {
        let stays = |at, dropped| stays(StreamId::at(at), dropped, NOON, 5);
        assert!(stays(NOON, 5));
        assert!(!stays(NOON, 4) && !stays(NOON - 1, 5));
    }

    #[test]
    fn an_everyone_stands_for_what_goes() {
        let (ended, now) = (list(), Timestamp::from_millis(NOON));
        let entry = |created| Entry::Id { id: id(created), subject: None, cut: 0 };
        let dropped = [
            read(&ended, NOON - 50 * HOUR, entry(NOON - 51 * HOUR)),
            read(&ended, NOON - 40 * HOUR, entry(NOON - 45 * HOUR)),
        ];
        let plan = Plan::of(&ended, &dropped, NOON - 32 * HOUR, now);
        assert_eq!(plan.again, Vec::<Vec<u8>>::new());
        assert_eq!(plan.before, Some(Timestamp::from_millis(NOON - 45 * HOUR + 1)));
    }

    #[test]
    fn a_number_that_lies_ahead_of_its_time_is_appended_again() {
        let ended = list();
        let made = NOON - 40 * HOUR;
        for _ in 0..20 {
            let at = Timestamp::from_millis(made).to_time();
            ended.end_all_of_at("17", at).unwrap();
        }
        let entry = ended.unsent(1).entries[0];
        let dropped = [read(&ended, made, entry)];
        let now = Timestamp::from_millis(NOON);
        let plan = Plan::of(&ended, &dropped, NOON - 32 * HOUR, now);
        assert_eq!(plan.again, [dropped[0].entry.clone()]);
        assert_eq!(plan.before, None);
    }

    #[test]
    fn a_cut_that_a_greater_one_follows_goes_without_a_trace() {
        let ended = list();
        let made = NOON - 40 * HOUR;
        ended.end_all_of_at("17", Timestamp::from_millis(made).to_time()).unwrap();
        let entry = ended.unsent(1).entries[0];
        ended.end_all_of_at("17", Timestamp::from_millis(NOON).to_time()).unwrap();
        let dropped = [read(&ended, made, entry)];
        let plan = Plan::of(&ended, &dropped, NOON - 32 * HOUR, Timestamp::from_millis(NOON));
        assert_eq!(plan, Plan { again: Vec::new(), before: None });
    }

    #[test]
    fn what_goes_for_length_is_covered_though_it_matters() {
        let (ended, now) = (list(), Timestamp::from_millis(NOON));
        ended.end_at(id(NOON - HOUR), now.to_time()).unwrap();
        let entry = ended.unsent(1).entries[0];
        for at in [NOON, NOON - 32 * HOUR] {
            let plan = Plan::of(&ended, &[read(&ended, at, entry)], NOON - 32 * HOUR, now);
            assert_eq!(plan.before, Some(Timestamp::from_millis(NOON - HOUR + 1)));
        }
    }
}
