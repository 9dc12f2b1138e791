//! Bad inputs 11 to 25: what can be wrong with a cookie's value before it is known to be authentic.

use crate::support::fixtures::*;
use crate::support::second::{HEAD_LEN, Second, TAG_LEN, pad, plaintext, to_bytes, to_text};
use crate::{assert_cleared, assert_kept, assert_left, assert_miss};
use cookie::{Cookie, CookieJar};
use sealed_session::{DatedKey, KeyRing, Reason, Sessions};

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn good_envelope() -> Vec<u8> {
    to_bytes(&good_value())
}

/// Bad input 11, `wire/envelope`.
#[test]
fn an_empty_value_is_malformed() {
    assert_cleared(&sessions::<Visit>(), "", Reason::Malformed);
}

/// A good value with many `-` and `_`: its nonce has hardly a bit that is 0.
fn value_with_dash_and_underscore() -> String {
    let mut nonce = [0xff; 24];
    nonce[3..6].copy_from_slice(&[0xbe, 0xfb, 0xef]);
    Second { nonce, ..second() }.seal(&plaintext(created(NOW), &visit_bytes(7, "ann")))
}

/// Bad input 12, `wire/envelope`.
#[test]
fn the_standard_alphabet_is_malformed() {
    let value = value_with_dash_and_underscore();
    assert!(crate::opens_at(&sessions(), &value, NOW));
    for (ours, standard) in [('-', "+"), ('_', "/")] {
        let changed = value.replacen(ours, standard, 1);
        assert_ne!(changed, value);
        assert_cleared(&sessions::<Visit>(), &changed, Reason::Malformed);
    }
}

/// Bad input 13, `wire/envelope`.
#[test]
fn base64_padding_is_malformed() {
    let value = good_value();
    assert_eq!(value.len() % 4, 3, "so that one `=` would be right elsewhere");
    assert_cleared(&sessions::<Visit>(), &(value + "="), Reason::Malformed);
}

/// Replaces the last character by each that differs only in the bits that no byte takes up.
fn other_spellings(value: &str, spare_bits: u32) -> Vec<String> {
    let (rest, last) = value.split_at(value.len() - 1);
    let number = ALPHABET.find(last).unwrap();
    assert_eq!(number % (1 << spare_bits), 0, "canonical: {value}");
    let others = number + 1..number + (1 << spare_bits);
    others.map(|number| format!("{rest}{}", &ALPHABET[number..=number])).collect()
}

/// Bad input 14, `wire/envelope`: one envelope has exactly one spelling.
#[test]
fn two_trailing_bits_that_are_not_zero_are_malformed() {
    let value = good_value();
    for other in other_spellings(&value, 2) {
        assert_cleared(&sessions::<Visit>(), &other, Reason::Malformed);
    }
}

/// Bad input 14, `wire/envelope`.
#[test]
fn four_trailing_bits_that_are_not_zero_are_malformed() {
    let body = [created(NOW).to_bytes(), visit_bytes(7, "anne")].concat();
    let value = second().seal(&pad(body, 31));
    assert_eq!(value.len() % 4, 2);
    for other in other_spellings(&value, 4) {
        assert_cleared(&sessions::<Visit>(), &other, Reason::Malformed);
    }
}

/// Bad input 15, `wire/envelope` while there is no room for a tag, `wire/cipher` from there on.
#[test]
fn cut_at_every_byte() {
    let envelope = good_envelope();
    for len in 0..envelope.len() {
        let too_short = len < HEAD_LEN + TAG_LEN;
        let reason = if too_short { Reason::Malformed } else { Reason::Forged };
        assert_cleared(&sessions::<Visit>(), &to_text(&envelope[..len]), reason);
    }
}

/// Bad input 15, `wire/envelope` or `wire/cipher`: cut inside a byte, too.
#[test]
fn cut_at_every_character() {
    let value = good_value();
    for len in 0..value.len() {
        let reason = refusal(&sessions::<Visit>(), &value[..len]);
        assert!(matches!(reason, Reason::Malformed | Reason::Forged), "cut to {len}: {reason}");
    }
}

/// Bad input 16, `wire/envelope`, `keys/ring` or `wire/cipher`, by where the bit stands.
#[test]
fn every_single_bit_flipped() {
    let envelope = good_envelope();
    for bit in 0..envelope.len() * 8 {
        let mut flipped = envelope.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let reason = match bit / 8 {
            0 if (2..16).contains(&flipped[0]) => Reason::UnknownVersion,
            0 => Reason::Malformed,
            1..5 => Reason::UnknownKey,
            _ => Reason::Forged,
        };
        assert_miss(&sessions::<Visit>(), &to_text(&flipped), reason);
    }
}

/// Bad input 16, `wire/envelope`, `keys/ring` or `wire/cipher`: in the text, too.
#[test]
fn every_single_character_changed() {
    let value = good_value();
    for at in 0..value.len() {
        for other in ALPHABET.chars().filter(|other| !value[at..].starts_with(*other)) {
            let changed = format!("{}{other}{}", &value[..at], &value[at + 1..]);
            refusal(&sessions::<Visit>(), &changed);
        }
    }
}

/// Bad input 17, `wire/cipher`.
#[test]
fn bytes_appended_to_the_envelope_are_forged() {
    for appended in [&[0][..], &[0x80, 0], &[0xff; 16]] {
        let value = to_text(&[&good_envelope(), appended].concat());
        assert_cleared(&sessions::<Visit>(), &value, Reason::Forged);
    }
}

/// Bad input 17, `wire/envelope` or `wire/cipher`.
#[test]
fn characters_appended_to_the_value_are_refused() {
    for appended in ["A", "AA", "AAA", "AAAA", ".", ","] {
        let reason = refusal(&sessions::<Visit>(), &(good_value() + appended));
        assert!(matches!(reason, Reason::Malformed | Reason::Forged), "{appended}: {reason}");
    }
}

/// The good envelope with another version in front.
fn of_version(version: u8) -> String {
    let mut envelope = good_envelope();
    envelope[0] = version;
    to_text(&envelope)
}

/// Bad input 18, `wire/envelope`: a newer server can still use it.
#[test]
fn versions_2_to_15_are_kept() {
    for version in 2..=15 {
        assert_kept(&sessions(), &of_version(version), Reason::UnknownVersion);
    }
}

/// Bad input 18b, `wire/envelope`: the three bytes of a foreign cookie must not silence every write.
#[test]
fn less_than_45_bytes_of_a_later_version_are_malformed() {
    assert_cleared(&sessions::<Visit>(), "Ag", Reason::Malformed);
    for version in 2..=15 {
        let envelope = to_bytes(&of_version(version));
        let short = to_text(&envelope[..44]);
        assert_cleared(&sessions::<Visit>(), &short, Reason::Malformed);
        assert_kept(&sessions(), &to_text(&envelope[..45]), Reason::UnknownVersion);
    }
}

/// Bad input 18, `wire/envelope`.
#[test]
fn any_other_version_is_malformed() {
    for version in (16..=255).chain([0]) {
        assert_cleared(&sessions::<Visit>(), &of_version(version), Reason::Malformed);
    }
}

/// A good value under a key of its own.
fn under_other_key() -> String {
    let other = Second { key: OTHER_KEY, ..second() };
    other.seal(&plaintext(created(NOW), &visit_bytes(7, "ann")))
}

/// Bad input 19, `keys/ring`: the key may be still on its way to this server.
#[test]
fn an_unknown_key_id_is_left() {
    assert_left(&sessions(), &under_other_key(), Reason::UnknownKey);
}

/// A ring in which `KEY` seals, and `OTHER_KEY` did until an hour ago.
fn sessions_with_old_key(change: impl Fn(DatedKey) -> DatedKey) -> Sessions<Visit> {
    let old =
        DatedKey::new(key(OTHER_KEY), NOW - SECOND * 7200).with_open_until(NOW + SECOND * 3600);
    let new = DatedKey::new(key(KEY), NOW - SECOND * 3600);
    let ring = KeyRing::schedule([change(old), new]).unwrap();
    Sessions::builder(APP, ring).build().unwrap()
}

/// Bad input 20, `keys/ring`.
#[test]
fn a_retired_keys_cookie_is_cleared() {
    let sessions = sessions_with_old_key(|old| old.with_open_until(NOW));
    assert_cleared(&sessions, &under_other_key(), Reason::RetiredKey);
}

/// Bad input 20, `keys/ring`.
#[test]
fn a_revoked_keys_cookie_is_cleared() {
    let sessions = sessions_with_old_key(DatedKey::with_revoked);
    assert_cleared(&sessions, &under_other_key(), Reason::RetiredKey);
}

/// Bad input 21, `wire/cipher`.
#[test]
fn a_key_id_swapped_for_another_of_the_ring_is_forged() {
    let sessions = sessions_with_old_key(|old| old);
    let mut envelope = good_envelope();
    envelope[1..5].copy_from_slice(&key(OTHER_KEY).id().to_bytes());
    assert_cleared(&sessions, &to_text(&envelope), Reason::Forged);
}

/// Bad input 22, `wire/cipher`.
#[test]
fn another_cookies_value_under_our_name_is_forged() {
    let other = Second { name: "__Host-basket".to_owned(), ..second() };
    let value = other.seal(&plaintext(created(NOW), &visit_bytes(7, "ann")));
    assert_cleared(&sessions::<Visit>(), &value, Reason::Forged);
}

/// Bad input 23, `wire/cipher`.
#[test]
fn another_applications_value_under_the_same_key_is_forged() {
    let other = Second { app: "shop/reset".to_owned(), ..second() };
    let value = other.seal(&plaintext(created(NOW), &visit_bytes(7, "ann")));
    assert_cleared(&sessions::<Visit>(), &value, Reason::Forged);
}

/// Bad input 24, `wire/envelope`: standard base64, here with padding at the end.
#[test]
fn a_private_jars_cookie_is_malformed() {
    let mut jar = CookieJar::new();
    jar.private_mut(&cookie::Key::from(&[7; 64])).add(Cookie::new(NAME, "ann"));
    let value = jar.get(NAME).unwrap().value();
    assert_cleared(&sessions::<Visit>(), value, Reason::Malformed);
}

/// Bad input 24, `wire/envelope`: dots between the parts (RFC 7516, Appendix A.1, shortened).
#[test]
fn a_jwe_is_malformed() {
    let value = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZ.\
                 48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6ji.\
                 XFBoMYUZodetZdvTiFvSkQ";
    assert_cleared(&sessions::<Visit>(), value, Reason::Malformed);
}

/// Bad input 24, `wire/envelope`: base64url, but version 0x80 (the specification's own example,
/// without its padding).
#[test]
fn a_fernet_token_is_malformed() {
    let value = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64j\
                 VmpU4IwqDA";
    assert_cleared(&sessions::<Visit>(), value, Reason::Malformed);
}

/// Bad input 24, `wire/envelope`: asterisks between the parts.
#[test]
fn an_iron_seal_is_malformed() {
    let value = "Fe26.2**0cdd607945dd1dffb7da0b0bf5f1a7daa6218cbae14cac51dcbd91fb077aeb5b*aOZLCKLhCt0D5IU1\
                 qLTtYw*g0ilNDlQ3TsdFUqJCqAm9iL7Wa60H7eYcHL_5oP136TOJREkS3BzheDC1dlxz5oJ**05b8943049af490e\
                 913bbc3a2485bee2aaf7b823f4c41d0ff0b7c168371a3772*R8yscVdTBRMdsoVbdDiFmUL8zb-c3PQLGJn4Y8C-AqI";
    assert_cleared(&sessions::<Visit>(), value, Reason::Malformed);
}

/// Bad input 24, `wire/envelope`: standard base64, percent-encoded, with dashes between the parts.
#[test]
fn a_rails_session_is_malformed() {
    let value =
        "sZ2MhV%2BqNqH9Tt0j7cTkZxqJcA%3D%3D--9Jm2x4lYc0QkSx1X--s0KZx7hGdLw%2FUnvB4cGg3g%3D%3D";
    assert_cleared(&sessions::<Visit>(), value, Reason::Malformed);
}

/// Bad input 25, `wire/codec`.
#[test]
fn a_value_past_4_kb_is_cleared_as_too_long() {
    assert_cleared(&sessions::<Visit>(), &"A".repeat(LIMIT), Reason::TooLong);
}

/// Bad input 25, `wire/codec`.
#[test]
fn a_value_past_4_kb_is_refused_before_any_decoding() {
    let sessions = sessions::<Visit>();
    let value = "A".repeat(60_000);
    let work = allocation_counter::measure(|| drop(sessions.decode_at(&value, NOW)));
    assert!(work.bytes_total < 1_000, "{work:?}");
}
