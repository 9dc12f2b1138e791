//! Form tokens, made and checked by `docs/format.md`.

use super::second::Second;
use super::{APP, Basket, NAME, NOW, SECOND, sessions};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use hkdf::hmac::{Hmac, KeyInit, Mac};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use sealed_session::{Origin, Session, Sessions};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// Any text as a token; and a token with this mask, right and with one change, for the session and the
/// cookies of a request. The first line is the text, what follows are `Cookie` headers, one a line.
pub fn form_token(bytes: &[u8]) -> &'static str {
    static SESSIONS: LazyLock<Sessions<Basket>> = LazyLock::new(sessions);
    let sessions = &*SESSIONS;
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let mut request = HeaderMap::new();
    for line in lines {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            request.append(COOKIE, value);
        }
    }
    let session = sessions.load_at(&request, NOW);
    let bounds = bounds(&request, &session);
    let is_ours = |token: &str| sessions.verify_csrf_at(&session, token, NOW);

    // The text as it is.
    let text = std::str::from_utf8(first).unwrap_or_default();
    let mac = read_token(text);
    let expected = mac.is_some_and(|mac| bounds.iter().any(|bound| mac == mac_over(bound)));
    assert_eq!(is_ours(text), expected);

    // A token with a mask of 32 of these bytes, whole and with one of the others changed.
    if let Some((mask, change)) = bytes.split_first_chunk::<32>() {
        for bound in &bounds {
            let token = token(mask, mac_over(bound));
            assert!(is_ours(&token));
            if let [place, to, ..] = change {
                let mut changed = token.clone().into_bytes();
                let place = usize::from(*place) % changed.len();
                changed[place] = *to;
                if let Ok(changed) = String::from_utf8(changed) {
                    assert_eq!(is_ours(&changed), changed == token);
                }
            }
            // It is bound to what it was made for.
            let other = Second { app: "other".to_owned(), ..Second::clone(&SECOND) };
            assert!(!is_ours(&token_of(&other, mask, mac_of(&other, bound))));
        }
    }

    // What this server makes is what it accepts, and what the page says it is.
    let made = sessions.csrf_token_at(&session, NOW).unwrap();
    assert!(is_ours(&made));
    let mac = read_token(&made).expect("it is well formed");
    let id = session.id();
    assert!(
        bounds.iter().map(Vec::as_slice).chain([&id.as_bytes()[..]]).any(|b| mac == mac_over(b))
    );
    match session.origin() {
        Origin::New => "new",
        Origin::Restored if expected => "accepted",
        Origin::Restored => "restored",
        Origin::Rejected(reason) => reason.as_str(),
    }
}

/// What a token of this request may be bound to.
fn bounds(request: &HeaderMap, session: &Session<Basket>) -> Vec<Vec<u8>> {
    let start = format!("{NAME}=");
    let mut hash = Sha256::new();
    let mut any = false;
    let lines = request.get_all(COOKIE).iter();
    for pair in lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';')) {
        if let Some(value) = pair.trim_ascii_start().strip_prefix(start.as_bytes()) {
            any = true;
            hash.update(value);
            hash.update(b";");
        }
    }
    let mut bounds = Vec::new();
    if session.origin() == Origin::Restored {
        bounds.push(session.id().as_bytes().to_vec());
    }
    if any {
        bounds.push(hash.finalize().to_vec());
    }
    bounds
}

fn mac_over(bound: &[u8]) -> [u8; 32] {
    mac_of(&SECOND, bound)
}

fn mac_of(second: &Second, bound: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(None, &second.key).expand(b"sealed-session v1 csrf", &mut key).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    for part in [&second.app, NAME] {
        mac.update(&u16::try_from(part.len()).unwrap().to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac.update(bound);
    assert_eq!(SECOND.app, APP);
    mac.finalize().into_bytes().into()
}

fn token(mask: &[u8; 32], mac: [u8; 32]) -> String {
    token_of(&SECOND, mask, mac)
}

fn token_of(second: &Second, mask: &[u8; 32], mac: [u8; 32]) -> String {
    let masked: Vec<u8> = mac.iter().zip(mask).map(|(mac, mask)| mac ^ mask).collect();
    BASE64_URL_SAFE_NO_PAD.encode([&[1][..], &second.key_id(), mask, &masked].concat())
}

/// The MAC in a token of this key.
fn read_token(text: &str) -> Option<[u8; 32]> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let [1, rest @ ..] = &bytes[..] else { return None };
    let (id, rest) = rest.split_first_chunk::<4>()?;
    let (mask, masked) = rest.split_first_chunk::<32>()?;
    let masked: &[u8; 32] = masked.try_into().ok()?;
    (*id == SECOND.key_id()).then(|| std::array::from_fn(|place| mask[place] ^ masked[place]))
}
