//! Whether a text has something in it that it must not: keys, plaintext or a cookie's value, in any of
//! the ways in which bytes get into a text.

use crate::support::fixtures::{APP, KEY, MARKER, NAME, OTHER_KEY, old_key, value_with_marker};
use crate::support::second::Second;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// A secret, and how a part of it would look.
struct Pattern {
    what: &'static str,
    text: String,
}

/// How every part of `secret` would look, written in each of these ways, in small letters.
fn spellings(secret: &[u8]) -> BTreeSet<String> {
    let list = |bytes: &[u8], spell: fn(&u8) -> String| {
        bytes.iter().map(spell).collect::<Vec<_>>().join(", ")
    };
    let decimal = secret.windows(4).map(|part| list(part, |byte| byte.to_string()));
    let hex_list = secret.windows(4).map(|part| list(part, |byte| format!("{byte:02x}")));
    let hex_numbers = secret.windows(4).map(|part| list(part, |byte| format!("{byte:#04x}")));
    let joined = |part: &[u8], by: &str| {
        part.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(by)
    };
    let hex = secret.windows(6).flat_map(|part| ["", " ", ":"].map(|by| joined(part, by)));
    let escaped = secret.windows(8).map(|part| part.escape_ascii().to_string());
    // Twelve bytes are sixteen characters, wherever the text begins to be encoded.
    let base64 = secret
        .windows(12)
        .flat_map(|part| [URL_SAFE_NO_PAD.encode(part), STANDARD_NO_PAD.encode(part)]);
    let plain =
        secret.windows(12).filter_map(|part| Some(std::str::from_utf8(part).ok()?.to_owned()));
    let spelled = decimal.chain(hex_list).chain(hex_numbers).chain(hex);
    let spelled = spelled.chain(escaped).chain(base64).chain(plain);
    spelled.map(|text| text.to_lowercase()).collect()
}

pub(crate) fn derived(key: &[u8; 32], info: &str) -> [u8; 32] {
    Second::new(*key, APP, NAME).derive(info)
}

/// What the tests' secrets would look like.
static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let value = value_with_marker();
    let mut secrets = vec![
        ("the plaintext", MARKER.as_bytes().to_vec()),
        ("a cookie's value", value.into_bytes()),
        ("another library's key", old_key().master().to_vec()),
    ];
    for key in [KEY, OTHER_KEY] {
        secrets.push(("a key", key.to_vec()));
        for info in ["sealed-session v1 encryption", "sealed-session v1 csrf"] {
            secrets.push(("a derived key", derived(&key, info).to_vec()));
        }
    }
    let patterns = |(what, secret): (&'static str, Vec<u8>)| {
        spellings(&secret).into_iter().map(move |text| Pattern { what, text })
    };
    secrets.into_iter().flat_map(patterns).collect()
});

/// What of the tests' secrets is in a text, if anything is.
pub(crate) fn leak(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    PATTERNS.iter().find(|pattern| text.contains(&pattern.text)).map(|pattern| pattern.what)
}

/// No spelling of the keys and of what is derived from them, nothing of the plaintext and no cookie's
/// value may be in `text`, which must not be empty.
#[track_caller]
pub(crate) fn assert_no_secret(text: &str) {
    assert!(!text.is_empty());
    if let Some(what) = leak(text) {
        panic!("{what} is in: {text}");
    }
}

/// Nothing of what this test has made may be in `text`.
#[track_caller]
pub(crate) fn assert_nothing_of(secret: &str, text: &str) {
    let lower = text.to_lowercase();
    for spelling in spellings(secret.as_bytes()) {
        assert!(!lower.contains(&spelling), "{spelling} is in: {text}");
    }
}
