//! Cookies that `PrivateJar` sealed, opened in another way.

use super::{NAME, NOW, SECOND, ring};
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cookie::Key;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use sealed_session::{Origin, Reason, Saved, Sessions};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;
use time::{Duration, OffsetDateTime};

pub(super) const OLD_NAME: &str = "user";
const LIFE: Duration = Duration::hours(8);
const SINCE: OffsetDateTime = NOW;

/// The bytes 64 to 127.
pub(super) fn old_key() -> [u8; 64] {
    std::array::from_fn(|place| place as u8 + 64)
}

static SESSIONS: LazyLock<Sessions<String>> = LazyLock::new(|| {
    let builder = Sessions::builder("fuzz", ring()).absolute_timeout(LIFE);
    let builder = builder.migrate_private_jar(
        OLD_NAME,
        &Key::from(&old_key()),
        SINCE..SINCE + LIFE,
        |text| (!text.starts_with("no ")).then(|| text.chars().take(100).collect()),
    );
    builder.build().unwrap()
});

/// The jar's cipher: AES-256-GCM under the second half of its key.
fn jar() -> Aes256Gcm {
    Aes256Gcm::new_from_slice(&old_key()[32..]).unwrap()
}

/// What the jar would send for this text.
pub(super) fn sealed(text: &[u8], nonce: [u8; 12]) -> Vec<u8> {
    let payload = Payload { msg: text, aad: OLD_NAME.as_bytes() };
    [&nonce[..], &jar().encrypt(&nonce.into(), payload).unwrap()].concat()
}

/// The bytes and the text of an old cookie.
fn open(value: &[u8]) -> Option<(Vec<u8>, String)> {
    if OLD_NAME.len() + 1 + value.len() > 4096 {
        return None;
    }
    let bytes = BASE64_STANDARD.decode(percent_decoded(value)).ok()?;
    let (nonce, rest) = bytes.split_first_chunk::<12>()?;
    let payload = Payload { msg: rest, aad: OLD_NAME.as_bytes() };
    let text = jar().decrypt(&(*nonce).into(), payload).ok()?;
    Some((bytes, String::from_utf8(text).ok()?))
}

/// `%` and two hex digits are a byte; any other `%` is itself.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let hex = |byte: &u8| char::from(*byte).to_digit(16);
    let mut decoded = Vec::new();
    let mut place = 0;
    while let Some(byte) = text.get(place) {
        let digits = (text.get(place + 1).and_then(hex), text.get(place + 2).and_then(hex));
        match (byte, digits) {
            (b'%', (Some(high), Some(low))) => {
                decoded.push((high * 16 + low) as u8);
                place += 3;
            }
            _ => {
                decoded.push(*byte);
                place += 1;
            }
        }
    }
    decoded
}

/// The first line says with a letter each what is done, the rest is the text that is sealed, or with `x`
/// the value as it is.
pub fn migrated(bytes: &[u8]) -> &'static str {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return "no_case" };
    let (letters, rest) = (&bytes[..end], &bytes[end + 1..]);
    let has = |letter: u8| letters.contains(&letter);
    let mut sealed = sealed(rest, [0x11; 12]);
    if has(b'f') {
        let place = letters.len() % sealed.len();
        sealed[place] ^= 1;
    }
    let base64 = BASE64_STANDARD.encode(&sealed);
    let all = |hex: fn(u8) -> String| base64.bytes().map(hex).collect::<String>();
    let value = if has(b'x') {
        rest.to_vec()
    } else if has(b'p') {
        all(|byte| format!("%{byte:02X}")).into_bytes()
    } else if has(b'q') {
        all(|byte| format!("%{byte:02x}")).into_bytes()
    } else {
        base64.clone().into_bytes()
    };
    let mut request = HeaderMap::new();
    let Ok(line) = HeaderValue::from_bytes(&[b"user=", &value[..]].concat()) else {
        return "no_header";
    };
    let sent =
        line.as_bytes().split(|byte| *byte == b';').next().unwrap()["user=".len()..].to_vec();
    // What stands behind a semicolon is another cookie, and could be named alike.
    if line
        .as_bytes()
        .split(|byte| *byte == b';')
        .skip(1)
        .any(|part| part.trim_ascii_start().starts_with(b"user="))
    {
        return "no_case";
    }
    request.append(COOKIE, line);
    let opened = open(&sent);
    if has(b'w') && opened.is_some() {
        let again = HeaderValue::from_str(&format!("a=1; user={}", all_percent(&sent))).unwrap();
        request.append(COOKIE, again);
    }
    if has(b'o') {
        let stamps = super::second::Stamps::created(SINCE.unix_timestamp() as u64 * 1000);
        let ours = SECOND.seal(&super::second::plaintext(stamps, b"\x03own"));
        request.append(COOKIE, HeaderValue::try_from(format!("{NAME}={ours}")).unwrap());
    }
    let now = if has(b'l') { SINCE + LIFE } else { SINCE + Duration::minutes(3) };

    let session = SESSIONS.load_at(&request, now);
    let ended = has(b'l');
    let counts =
        opened.as_ref().filter(|(_, text)| !ended && !has(b'o') && !text.starts_with("no "));
    if let Some((bytes, text)) = counts {
        assert_eq!(session.origin(), Origin::Restored);
        assert_eq!(*session, text.chars().take(100).collect::<String>());
        assert_eq!(*session.id().as_bytes(), id_of(bytes));
        assert_eq!(session.created_at(), SINCE);
    }
    let origin = session.origin();
    let mut response = HeaderMap::new();
    let saved = SESSIONS.save_at(session, &mut response, now).unwrap();
    let removes_old =
        response.get_all(SET_COOKIE).iter().any(|line| line.as_bytes().starts_with(b"user=;"));
    assert_eq!(removes_old, saved == Saved::Written && opened.is_some() && !ended);
    match (counts.is_some(), origin) {
        (true, _) => {
            assert_eq!(saved, Saved::Written);
            "migrated"
        }
        (false, Origin::New) => {
            assert_eq!((saved, has(b'o')), (Saved::Unchanged, false));
            "new"
        }
        (false, Origin::Restored) => {
            assert!(has(b'o') && !ended);
            "ours"
        }
        (false, Origin::Rejected(reason)) => {
            assert!(has(b'o') && ended && reason == Reason::AbsoluteTimeout, "{reason}");
            "ours_ended"
        }
    }
}

fn all_percent(value: &[u8]) -> String {
    percent_decoded(value).iter().map(|byte| format!("%{byte:02x}")).collect()
}

/// "Ids of cookies from before" in `docs/format.md`.
pub(super) fn id_of(bytes: &[u8]) -> [u8; 16] {
    let hash = Sha256::digest(bytes);
    let hash = hash.iter().take(16).fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte)) >> 54;
    let millis = SINCE.unix_timestamp() as u128 * 1000;
    let id = millis << 80 | 7 << 76 | hash >> 62 << 64 | 2 << 62 | hash & ((1 << 62) - 1);
    id.to_be_bytes()
}
