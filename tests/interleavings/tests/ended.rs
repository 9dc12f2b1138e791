//! A list of ended sessions that requests, administrators and a feed change at once.

use sealed_session::{Applied, EndedSessions, EntryBytes};
use shuttle::thread;
use std::collections::BTreeSet;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);
const ORDERS: usize = 100;

fn in_many_orders(test: fn()) {
    shuttle::check_random(test, ORDERS);
    shuttle::check_pct(test, ORDERS, 3);
}

fn list() -> EndedSessions {
    EndedSessions::new("shop", Duration::hours(8))
}

fn id(number: u128) -> Uuid {
    let millis = NOW.unix_timestamp() as u128 * 1000;
    Uuid::from_u128(millis << 80 | 7 << 76 | 2 << 62 | number)
}

fn texts(entries: impl Iterator<Item = EntryBytes>) -> BTreeSet<Vec<u8>> {
    entries.map(|entry| entry.as_ref().to_vec()).collect()
}

/// What ends while a feed confirms what it has sent is sent, too.
#[test]
fn nothing_that_ended_is_taken_for_sent() {
    in_many_orders(|| {
        let ended = list();
        ended.end_at(id(1), NOW).unwrap();
        let ends = {
            let ended = ended.clone();
            thread::spawn(move || {
                ended.end_at(id(2), NOW).unwrap();
                ended.end_all_of_at("ann", NOW).unwrap();
                ended.end_at(id(2), NOW).unwrap();
            })
        };
        let mut sent = BTreeSet::new();
        for _ in 0..2 {
            let unsent = ended.unsent(2);
            sent.extend(texts(unsent.entries()));
            ended.confirm(&unsent);
        }
        ends.join().unwrap();
        let left = ended.unsent(usize::MAX);
        assert_eq!(left.entries().len(), ended.status().unsent);
        sent.extend(texts(left.entries()));
        ended.confirm(&left);
        assert_eq!(ended.status().unsent, 0);
        ended.mark_all_unsent();
        assert_eq!(sent, texts(ended.unsent(usize::MAX).entries()));
        assert_eq!((ended.status().ids, ended.status().subjects), (2, 1));
    });
}

#[test]
fn two_servers_that_end_one_subject_and_tell_each_other_agree() {
    in_many_orders(|| {
        let servers = [list(), list()];
        let threads = [0, 1].map(|place| {
            let (own, other) = (servers[place].clone(), servers[1 - place].clone());
            thread::spawn(move || {
                own.end_all_of_at("ann", NOW + Duration::seconds(place as i64)).unwrap();
                for entry in own.unsent(10).entries() {
                    other.apply_at(entry.as_ref(), NOW).unwrap();
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        let all = servers.each_ref().map(|server| {
            server.mark_all_unsent();
            texts(server.unsent(10).entries())
        });
        assert_eq!(all[0].len(), 1);
        assert_eq!(all[0], all[1]);
    });
}

#[test]
fn of_one_fact_that_two_feeds_tell_one_is_new() {
    in_many_orders(|| {
        let other = list();
        other.end_at(id(1), NOW).unwrap();
        let entry = other.unsent(1).entries().next().unwrap();
        let ended = list();
        let tell = |ended: EndedSessions| {
            thread::spawn(move || ended.apply_at(entry.as_ref(), NOW).unwrap())
        };
        let mut told = [tell(ended.clone()), tell(ended.clone())].map(|t| t.join().unwrap());
        told.sort_by_key(|applied| *applied == Applied::Known);
        assert_eq!(told, [Applied::New, Applied::Known]);
        assert_eq!((ended.status().ids, ended.status().unsent), (1, 0));
    });
}

/// A full list makes room while others look and write.
#[test]
fn a_full_list_stays_within_its_limit_and_covers_what_left() {
    in_many_orders(|| {
        let ended = list().with_max_entries(3);
        let end = |from: u128| {
            let ended = ended.clone();
            thread::spawn(move || {
                for number in from..from + 3 {
                    ended.end_at(id(number), NOW).unwrap();
                    assert!(ended.status().ids <= 3);
                }
            })
        };
        for thread in [end(0), end(10)] {
            thread.join().unwrap();
        }
        let status = ended.status();
        assert_eq!((status.ids, status.evicted), (3, 3));
        // What left ended all sessions up to its own time.
        assert_eq!(status.everyone, Some(NOW + Duration::MILLISECOND));
    });
}
