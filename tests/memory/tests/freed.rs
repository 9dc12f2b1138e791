//! No block of memory that is given back holds a piece of a key: not its bytes, not its text, not
//! what is derived from it.

use aes::Aes256;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use hkdf::Hkdf;
use memory::{Scanning, Search};
use sealed_session::key_file::Reloader;
use sealed_session::key_file::tools::{Fleet, KeySchedule, Rotation};
use sealed_session::{DatedKey, Key, KeyFile, KeyRing, Session, Sessions};
use sha2::Sha256;
use std::fs;
use std::hint::black_box;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

#[global_allocator]
static ALLOCATOR: Scanning = Scanning;

const KEYS: u8 = 6;
/// Long ago, for a file that is watched is read by the system's clock.
const NOW: OffsetDateTime = datetime!(2001-01-01 00:00 UTC);
const ROTATION: Rotation = Rotation {
    after: Duration::minutes(10),
    propagation: Duration::minutes(5),
    skew: Duration::seconds(30),
    max_session: Duration::hours(8),
};

fn bytes(seed: u8) -> [u8; 32] {
    std::array::from_fn(|i| (seed + 1).wrapping_mul(91) ^ (i as u8).wrapping_mul(37))
}

fn key(seed: u8) -> Key {
    #[inline(never)]
    fn key(seed: u8) -> Key {
        Key::from_bytes(bytes(seed)).unwrap()
    }
    let key = key(seed);
    forget_the_stack();
    key
}

/// What the tests themselves leave on the stack would get into whatever is moved to the heap later.
fn forget_the_stack() {
    zeroize::zeroize_stack::<65_536>();
}

/// What the library derives from a key (`docs/format.md`): the key that encrypts, and the subkey K1.
fn derived(seed: u8) -> ([u8; 32], [u8; 16]) {
    let mut encryption_key = [0; 32];
    let hkdf = Hkdf::<Sha256>::new(None, &bytes(seed));
    hkdf.expand(b"sealed-session v1 encryption", &mut encryption_key).unwrap();
    let mut l = Array::from([0; 16]);
    Aes256::new(&encryption_key.into()).encrypt_block(&mut l);
    let l = u128::from_be_bytes(l.into());
    let k1 = (l << 1) ^ if l >> 127 == 1 { 0b1000_0111 } else { 0 };
    (encryption_key, k1.to_be_bytes())
}

type Texts = [Zeroizing<String>; KEYS as usize];
type Bytes = [([u8; 32], ([u8; 32], [u8; 16])); KEYS as usize];

#[inline(never)]
fn secrets() -> (Texts, Bytes) {
    let texts = std::array::from_fn(|seed| key(seed as u8).to_text());
    let bytes = std::array::from_fn(|seed| (bytes(seed as u8), derived(seed as u8)));
    (texts, bytes)
}

/// Runs `what` and returns what of the keys is found in memory that it gave back.
fn left_by(what: impl FnOnce()) -> Vec<&'static str> {
    // Not on the heap: the next test may be searching when this is given back.
    let (texts, all) = secrets();
    let mut secrets: Vec<(&'static str, &[u8])> = Vec::new();
    for (text, (bytes, (encryption_key, subkey))) in texts.iter().zip(&all) {
        secrets.push(("a key's bytes", bytes));
        secrets.push(("a key's text", &text.as_bytes()[5..]));
        secrets.push(("a key that encrypts", encryption_key));
        secrets.push(("a subkey", subkey));
    }
    forget_the_stack();
    let search = Search::start(&secrets);
    what();
    let (mut found, blocks) = search.stop();
    assert!(blocks > 0, "nothing was looked at");
    found.dedup();
    found
}

/// The test itself: it finds what is left.
#[test]
fn a_vector_that_grows_is_seen() {
    let found = left_by(|| {
        let mut vector = Vec::with_capacity(32);
        vector.extend_from_slice(&bytes(0));
        vector.push(0);
        black_box(&vector);
        vector.fill(0);
    });
    assert_eq!(found, ["a key's bytes"]);
    assert_eq!(left_by(|| drop(black_box(Box::new(derived(0).1)))), ["a subkey"]);
}

#[test]
fn keys_that_are_read_shown_and_moved() {
    let found = left_by(|| {
        let mut keys = Vec::new();
        for seed in 0..KEYS {
            let key: Key = key(seed).to_text().parse().unwrap();
            keys.push(key.clone());
            keys.push(key);
        }
        keys.sort_by_key(|key| key.id());
        black_box(&keys);
        assert!(Key::from_bytes([b'a'; 32]).is_err());
    });
    assert_eq!(found, Vec::<&str>::new());
}

#[test]
fn a_ring_of_two() {
    let found = left_by(|| {
        let ring = KeyRing::new(key(0)).with_retired(key(1)).unwrap();
        drop(black_box(ring.clone()));
        drop(black_box(ring));
    });
    assert_eq!(found, Vec::<&str>::new());
}

#[test]
fn rings_that_grow_are_read_sorted_and_refused() {
    let texts: Vec<_> = (0..KEYS).map(|seed| key(seed).to_text()).collect();
    let found = left_by(|| {
        let mut ring = KeyRing::new(key(0));
        for seed in 1..KEYS {
            ring = ring.with_retired(key(seed)).unwrap();
        }
        assert!(ring.clone().with_retired(key(0)).is_err());
        drop(ring);
        let mut list = String::with_capacity(1024);
        for text in &texts {
            list.push_str(text);
            list.push(',');
        }
        list.pop();
        drop(black_box(list.parse::<KeyRing>().unwrap()));
        // The list is ours, not the library's.
        list.into_bytes().fill(0);
        let dated = (0..KEYS).rev().map(|seed| {
            let dated = DatedKey::new(key(seed), NOW + Duration::days(seed.into()));
            if seed + 1 < KEYS { dated.with_open_until(NOW + Duration::days(30)) } else { dated }
        });
        drop(black_box(KeyRing::schedule(dated).unwrap()));
    });
    assert_eq!(found, Vec::<&str>::new());
}

#[test]
fn sealing_and_opening() {
    let found = left_by(|| {
        let ring = KeyRing::new(key(0)).with_retired(key(1)).unwrap();
        let sessions: Sessions<u32> = Sessions::builder("shop", ring).build().unwrap();
        let value = sessions.encode(&Session::new(7)).unwrap();
        assert_eq!(*sessions.decode(&value).unwrap(), 7);
        sessions.set_key_ring(KeyRing::new(key(2)));
        assert!(sessions.decode(&value).is_err());
    });
    assert_eq!(found, Vec::<&str>::new());
}

#[test]
fn a_key_file_that_is_parsed_changed_and_written() {
    let mut first = KeySchedule::new(key(0), NOW).unwrap();
    first.rotate(key(1), &ROTATION, NOW).unwrap();
    let text = first.to_text();
    let found = left_by(|| {
        let mut schedule = KeySchedule::parse(text.as_bytes()).unwrap();
        drop(black_box(schedule.key_ring()));
        drop(black_box(schedule.to_text()));
        drop(black_box(schedule.clone()));
        assert!(KeySchedule::parse(&text.as_bytes()[..text.len() - 9]).is_err());
        let fleet = Fleet { propagation: Duration::MINUTE, skew: Duration::ZERO };
        let id = key(1).id();
        schedule.cancel(id, &fleet, NOW).unwrap();
        schedule.rotate(key(2), &ROTATION, NOW).unwrap();
        schedule.revoke(key(2).id(), key(3), &fleet, NOW).unwrap();
        assert!(schedule.revoke(key(2).id(), key(4), &fleet, NOW).is_err());
        schedule.prune(Duration::DAY, NOW + Duration::days(30)).unwrap();
        drop(black_box(schedule));
        let mut keys = Reloader::new(text.as_bytes(), NOW).unwrap();
        let changed = text.replace("generation = 2", "generation = 3");
        keys.poll(Ok(changed.as_bytes()), NOW);
        // The text is ours, not the library's.
        changed.into_bytes().fill(0);
        drop(keys);
    });
    assert_eq!(found, Vec::<&str>::new());
}

/// An escape would be decoded into memory that nobody wipes, so it is refused.
#[test]
fn a_key_file_whose_secret_has_escapes() {
    let text = KeySchedule::new(key(0), NOW).unwrap().to_text();
    let escaped = text.replace("ssk1_", "\\u0073sk1_");
    let found = left_by(|| {
        let error = KeySchedule::parse(escaped.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("write it without escapes"), "{error}");
    });
    escaped.into_bytes().fill(0);
    // What was decoded before that was seen is left: the message names the fix.
    assert!(found.is_empty() || found == ["a key's text"], "{found:?}");
}

#[test]
fn a_key_file_on_a_disk_that_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let found = left_by(|| {
        let options = KeyFile::options();
        options.create(&path, &KeySchedule::new(key(0), NOW).unwrap()).unwrap();
        let watch = KeyFile::watch(&path, Duration::milliseconds(100)).unwrap();
        let sessions: Sessions<u32> = Sessions::builder("shop", watch.key_ring()).build().unwrap();
        watch.attach(&sessions);
        options.change(&path, |schedule| schedule.rotate(key(1), &ROTATION, NOW)).unwrap();
        let started = std::time::Instant::now();
        while watch.health().generation != 2 {
            assert!(started.elapsed().as_secs() < 60, "waited in vain for the new keys");
            std::thread::yield_now();
        }
        drop(KeyFile::open(&path).unwrap());
        drop((watch, sessions));
    });
    assert_eq!(found, Vec::<&str>::new());
    fs::remove_file(path).unwrap();
}
