//! Keys and cuts that change while a server opens cookies.

use sealed_session::key_file::tools::KeySchedule;
use sealed_session::{Key, KeyRing, Reason, Session, Sessions};
use shuttle::thread;
use std::collections::BTreeSet;
use std::sync::Mutex;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

fn key(seed: u8) -> Key {
    Key::from_bytes(std::array::from_fn(|place| seed ^ place as u8)).unwrap()
}

fn server(seed: u8) -> Sessions<u32> {
    Sessions::builder("shop", KeyRing::new(key(seed))).build().unwrap()
}

/// Every order of the steps that `shuttle` knows: those of `src/sync.rs`. The ring is in an `ArcSwap`,
/// whose load and store belong to the step before them.
fn in_all_orders(test: fn()) {
    shuttle::check_dfs(test, None);
}

/// What was seen in all orders of one test. Its lock is the standard library's, so it is no step, and it
/// outlives each run.
struct Seen<T>(Mutex<BTreeSet<T>>);

impl<T: Ord + Clone> Seen<T> {
    const fn nothing() -> Seen<T> {
        Seen(Mutex::new(BTreeSet::new()))
    }

    fn add(&self, seen: T) {
        self.0.lock().unwrap().insert(seen);
    }

    fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().iter().cloned().collect()
    }
}

#[test]
fn a_swap_of_rings_is_one_step_for_every_reader() {
    static SEEN: Seen<[bool; 3]> = Seen::nothing();
    in_all_orders(|| {
        let sessions = server(1);
        let [old, new] =
            [1, 2].map(|seed| server(seed).encode_at(&Session::new_at(7, NOW), NOW).unwrap());
        let reader = {
            let sessions = sessions.clone();
            thread::spawn(move || {
                let opens = |value: &str| match sessions.decode_at(value, NOW) {
                    Ok(_) => true,
                    Err(error) => {
                        assert_eq!(error.reason(), Reason::UnknownKey);
                        false
                    }
                };
                [opens(&new), opens(&old), opens(&new)]
            })
        };
        sessions.set_key_ring(KeyRing::new(key(2)));
        SEEN.add(reader.join().unwrap());
    });
    assert_eq!(
        SEEN.all(),
        [[false, false, true], [false, true, false], [false, true, true], [true, false, true]]
    );
}

#[test]
fn a_cut_never_moves_back_and_is_seen_once_it_is_made() {
    static SEEN: Seen<Option<&str>> = Seen::nothing();
    in_all_orders(|| {
        let sessions = server(1);
        let times = [NOW - Duration::hours(2), NOW - Duration::hours(1)];
        let between = times[0] + Duration::minutes(40);
        let mut long = Session::new_at(7, between);
        long.set_timeouts(Duration::minutes(25), Duration::hours(8));
        let value = sessions.encode_at(&long, NOW - Duration::minutes(5)).unwrap();
        let cuts = times.map(|time| {
            let sessions = sessions.clone();
            thread::spawn(move || sessions.reject_created_before(time))
        });
        let before = sessions.decode_at(&value, NOW);
        for thread in cuts {
            thread.join().unwrap();
        }
        let after = sessions.decode_at(&value, NOW).unwrap_err();
        assert_eq!(after.reason(), Reason::Revoked);
        SEEN.add(before.err().map(|error| error.reason().as_str()));
    });
    assert_eq!(SEEN.all(), [None, Some("revoked")]);
}

#[test]
fn who_opens_under_the_new_keys_knows_the_time_that_came_with_them() {
    static SEEN: Seen<&str> = Seen::nothing();
    in_all_orders(|| {
        let sessions = server(1);
        let text = format!(
            "generation = 1\nreject_created_before = 2026-11-21T11:00:00Z\n\
             [[key]]\nsecret = \"{}\"\nseal_from = 2026-01-01T00:00:00Z\n",
            *key(2).to_text()
        );
        let new = KeySchedule::parse(text.as_bytes()).unwrap().key_ring();
        let mut session = Session::new_at(7, NOW - Duration::hours(2));
        session.set_timeouts(Duration::minutes(25), Duration::hours(8));
        let value = server(2).encode_at(&session, NOW - Duration::minutes(5)).unwrap();
        let reader = {
            let sessions = sessions.clone();
            thread::spawn(move || sessions.decode_at(&value, NOW).map(drop))
        };
        sessions.set_key_ring(new);
        SEEN.add(reader.join().unwrap().unwrap_err().reason().as_str());
    });
    assert_eq!(SEEN.all(), ["revoked", "unknown_key"]);
}
