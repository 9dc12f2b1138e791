//! After a fork both processes seal, and nothing that has to be random comes twice.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use fork::fork;
use sealed_session::{Key, KeyRing, Session, Sessions};
use std::collections::HashSet;

const SEALS: usize = 100;

/// One line for each new session: its cookie's value, and a form token.
fn seal(sessions: &Sessions<u32>) -> String {
    let mut lines = String::new();
    for number in 0..SEALS {
        let session = Session::new(number as u32);
        let value = sessions.encode(&session).unwrap();
        let token = sessions.csrf_token(&session).unwrap();
        lines.push_str(&format!("{value} {token}\n"));
    }
    lines
}

/// The part of a base64url text that is at this place when decoded.
fn part(text: &str, place: std::ops::Range<usize>) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()[place].to_vec()
}

/// Bad input 50, `random`.
#[test]
fn both_processes_seal_and_no_nonce_comes_twice() {
    let key = Key::generate();
    let sessions: Sessions<u32> = Sessions::builder("fork", KeyRing::new(key)).build().unwrap();
    let first = seal(&sessions);
    let children = [fork(|| seal(&sessions)), fork(|| seal(&sessions))];
    let mine = seal(&sessions);
    let all: Vec<String> =
        [first, mine].into_iter().chain(children.map(fork::Child::output)).collect();

    let (mut nonces, mut ids, mut masks) = (HashSet::new(), HashSet::new(), HashSet::new());
    for line in all.iter().flat_map(|output| output.lines()) {
        let (value, token) = line.split_once(' ').unwrap();
        // `docs/format.md`: version, key id, then the nonce of 24 bytes or the mask of 32.
        assert!(nonces.insert(part(value, 5..29)), "a nonce came twice");
        assert!(masks.insert(part(token, 5..37)), "a mask came twice");
        assert!(ids.insert(sessions.decode(value).unwrap().id()), "an id came twice");
    }
    assert_eq!((nonces.len(), ids.len(), masks.len()), (4 * SEALS, 4 * SEALS, 4 * SEALS));
}

/// The test itself: what a copy of the process knows already, both know.
#[test]
fn what_was_drawn_before_the_fork_is_the_same_in_both() {
    let session = Session::new(0_u32);
    session.id();
    let child = fork(|| session.id().to_string());
    assert_eq!(child.output(), session.id().to_string());
}
