//! Opens a cookie that `cookie`'s `PrivateJar` sealed.
//!
//! Four libraries seal with it, and differ in how the value is spelled and what is in it:
//!
//! | library | spelled | inside |
//! | --- | --- | --- |
//! | `cookie` 0.18, by hand | base64, or percent-encoded if the application calls `encoded()` | a text of the application |
//! | axum-extra `PrivateCookieJar` | percent-encoded base64 | a text of the application |
//! | Rocket's private cookies | percent-encoded base64 | a text of the application |
//! | actix-session `CookieSessionStore` | percent-encoded base64 | a JSON object of texts, each of which is JSON |
//!
//! Base64 has no percent sign, so every value may be percent-decoded. A cookie's name is bound to it
//! and is taken as it is sent.

use cookie::{Cookie, CookieJar, Key};
use percent_encoding::percent_decode;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// What browsers must store, so none of the libraries has sent more.
const MAX_PAIR_LEN: usize = 4096;

/// A cookie that was authentic.
pub(crate) struct OldCookie {
    /// What the application sealed.
    pub(crate) text: String,
    /// SHA-256 over the sealed bytes: however they are spelled, and however often they are sent,
    /// it is one session.
    pub(crate) fingerprint: [u8; 32],
}

/// Opens the `value` of the cookie `name` as it stands in a `Cookie` header. Returns `None` for
/// whatever `key` did not seal for this name, and for pairs of over 4096 bytes before any work.
pub(crate) fn open(key: &Key, name: &str, value: &[u8]) -> Option<OldCookie> {
    if name.len() + 1 + value.len() > MAX_PAIR_LEN {
        return None;
    }
    let base64: Cow<'_, [u8]> = percent_decode(value).into();
    let sealed = base64_simd::STANDARD.decode_to_vec(&base64).ok()?;
    let base64 = String::from_utf8(base64.into_owned()).ok()?;
    let cookie = Cookie::new(name.to_owned(), base64);
    let text = CookieJar::new().private(key).decrypt(cookie)?.value().to_owned();
    Some(OldCookie { text, fingerprint: Sha256::digest(&sealed).into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

    fn key() -> Key {
        Key::from(&std::array::from_fn::<u8, 64, _>(|i| i as u8))
    }

    /// What the jar sends.
    fn sealed(name: &str, text: &str) -> String {
        let mut jar = CookieJar::new();
        jar.private_mut(&key()).add(Cookie::new(name.to_owned(), text.to_owned()));
        jar.get(name).unwrap().value().to_owned()
    }

    fn opened(name: &str, value: &str) -> Option<String> {
        open(&key(), name, value.as_bytes()).map(|cookie| cookie.text)
    }

    #[test]
    fn a_cookie_opens_plain_and_percent_encoded() {
        let value = sealed("user", "ann; \"ß\"");
        let encoded = percent_encode(value.as_bytes(), NON_ALPHANUMERIC).to_string();
        assert_eq!(opened("user", &value).unwrap(), "ann; \"ß\"");
        assert_eq!(opened("user", &encoded).unwrap(), "ann; \"ß\"");
        assert_eq!(opened("user", &sealed("user", "")).unwrap(), "");
    }

    #[test]
    fn a_pair_of_4096_bytes_opens_and_a_longer_one_does_not() {
        let value_len = sealed("n", "ann").len();
        for (len, opens) in [(4096, true), (4097, false)] {
            let name = "n".repeat(len - 1 - value_len);
            assert_eq!(opened(&name, &sealed(&name, "ann")).is_some(), opens, "{len}");
        }
    }

    /// Sent by the real libraries under this key; `tests/private_jars` has them make new ones. Never
    /// regenerate.
    #[test]
    fn golden_cookies() {
        const TEXT: &str = "{\"user\":\"Zoë; +/=% \\\"ann\\\"\"}";
        // `cookie` 0.18 and axum-extra 0.12.
        let cookie = "4eSCqXQ3kKOWRv890PI+JtjeNbdpxG3Q3AX5SAi8oXFUXhlxDzjqtkGY51kejzmrGaG87eiSntIl";
        // Rocket 0.5.
        let rocket = "o2hx42sKE8ejedpXzXz+AKGjUq2fIC2Su3K+7gQAbaDSXRkkFxFtFXbXkmGb4wdSf4SvOUv9eQrY";
        for value in [cookie, rocket] {
            assert_eq!(opened("session", value).unwrap(), TEXT);
        }
        // actix-session 0.11, whose `cookie` is 0.16.
        let actix = "hqN3KEm+bXE536yrSyaGys6swgii9tcEALVWZ45SJj+bviM2N+kHGbmIDGkc1FxXLC7xzE3Ohggj\
            v1EkQmCSmRM%3D";
        let text = opened("id", actix).unwrap();
        let state: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(state, serde_json::json!({ "user": "\"Zoë; +/=%\"", "views": "7" }));
    }

    /// Bad input 62, `migration/private_jar`: spelled with `%41`.
    #[test]
    fn the_fingerprint_is_the_same_however_the_value_is_spelled() {
        let value = sealed("user", "ann");
        let every: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let upper: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let first = format!("%{:02X}{}", value.as_bytes()[0], &value[1..]);
        let fingerprint = |value: &str| open(&key(), "user", value.as_bytes()).unwrap().fingerprint;
        for spelled in [every, upper, first] {
            assert_eq!(fingerprint(&spelled), fingerprint(&value), "{spelled}");
        }
        assert_ne!(fingerprint(&sealed("user", "ann")), fingerprint(&value), "another cookie");
    }

    /// Otherwise one cookie would have several fingerprints.
    #[test]
    fn only_the_canonical_base64_opens() {
        // 12 + 3 + 16 bytes: two characters of padding, and four bits left over.
        let value = sealed("user", "ann");
        assert!(value.ends_with("=="));
        let (body, last) = value[..value.len() - 2].split_at(value.len() - 3);
        for c in ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']) {
            let spelled = format!("{body}{c}==");
            assert!(c.to_string() == last || opened("user", &spelled).is_none(), "{spelled}");
        }
        let url_safe = value.replace('+', "-").replace('/', "_");
        assert!(url_safe == value || opened("user", &url_safe).is_none());
        for spelled in [
            value.trim_end_matches('=').to_owned(),
            format!("{value}="),
            format!(" {value}"),
            format!("{value}\n"),
            format!("\"{value}\""),
            value.replace("==", "%3D%3"),
            value.replace("==", "%3D%"),
            value.replace("==", "%3D%zz"),
        ] {
            assert_eq!(opened("user", &spelled), None, "{spelled}");
        }
    }

    #[test]
    fn what_this_key_did_not_seal_for_this_name_does_not_open() {
        let value = sealed("user", "ann");
        assert_eq!(opened("admin", &value), None);
        assert!(open(&Key::from(&[7; 64]), "user", value.as_bytes()).is_none());
        let bytes = base64_simd::STANDARD.decode_to_vec(&value).unwrap();
        for bit in 0..8 * bytes.len() {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opened("user", &base64_simd::STANDARD.encode_to_string(changed)), None);
        }
        for len in 0..bytes.len() {
            let cut = base64_simd::STANDARD.encode_to_string(&bytes[..len]);
            assert_eq!(opened("user", &cut), None, "{len}");
        }
        for value in ["", "ann", "%", "\u{ff}"] {
            assert_eq!(opened("user", value), None);
        }
        assert!(open(&key(), "user", b"\xff%ff").is_none());
    }

    #[test]
    fn a_value_is_not_decoded_past_what_browsers_store() {
        let value = sealed("user", &"x".repeat(3000));
        let room = MAX_PAIR_LEN - "user=".len() - value.len();
        let escape = |n: usize| -> String {
            let escaped = value.bytes().take(n).map(|byte| format!("%{byte:02x}"));
            escaped.chain([value[n..].to_owned()]).collect()
        };
        assert!(opened("user", &escape(room / 2)).is_some());
        assert!(opened("user", &escape(room / 2 + 1)).is_none());
    }
}
