//! Tokens for forms: did the visitor who sends it get this form from us?
//!
//! ```text
//! token  = base64url without padding ( 0x01 ‖ key_id[4] ‖ mask[32] ‖ ( mac ⊕ mask ) )
//! mac    = HMAC-SHA-256( csrf_key, u16be(len app) ‖ app ‖ u16be(len name) ‖ name ‖ bound )
//! bound  = id[16]  or  SHA-256 of the cookies of our name[32]
//! ```
//!
//! `docs/format.md` is the specification. A token is bound to the session (OWASP, "Cross-Site Request
//! Forgery Prevention", signed double-submit with session binding) and to nothing that a rotation
//! of keys changes. It looks different each time, so that a compressed page tells nothing about it
//! (BREACH).

use crate::error::EncodeError;
use crate::keys::id::KeyId;
use crate::keys::ring::KeyRing;
use crate::random;
use crate::timestamp::Timestamp;
use base64_simd::{AsOut, URL_SAFE_NO_PAD};
use ctutils::{Choice, CtEq};
use hkdf::hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const VERSION: u8 = 1;
const KEY_ID_LEN: usize = 4;
const MAC_LEN: usize = 32;
const LEN: usize = 1 + KEY_ID_LEN + 2 * MAC_LEN;
/// Characters of every token: the bytes are a multiple of three, so no bit is left over.
pub(crate) const TOKEN_LEN: usize = LEN / 3 * 4;

/// What a token belongs to.
///
/// An id has 16 bytes and a hash 32, and they end the authenticated message, so neither is ever
/// taken for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// A session, until it gets a new id.
    Id(Uuid),
    /// Cookies of our name that this server does not read and does not overwrite.
    Cookies([u8; 32]),
}

impl Bound {
    /// Hashes the values of our name, in the order they came. No value has a semicolon in it, so
    /// two lists of values never hash the same.
    pub(crate) fn cookies<'h>(values: impl IntoIterator<Item = &'h [u8]>) -> Bound {
        let mut hash = CookiesHash::default();
        values.into_iter().for_each(|value| hash.add(value));
        Bound::Cookies(hash.finish())
    }
}

/// [`Bound::cookies`] for values that come one by one.
#[derive(Default)]
pub(crate) struct CookiesHash(Sha256);

impl CookiesHash {
    pub(crate) fn add(&mut self, value: &[u8]) {
        self.0.update(value);
        self.0.update(b";");
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Makes a token under the key that seals at `now`. `context` is app and name, each with its length
/// in front, as they stand in an envelope's associated data.
///
/// # Errors
///
/// [`EncodeError::NoSealingKey`] and [`EncodeError::Randomness`].
pub(crate) fn token(
    ring: &KeyRing,
    now: Timestamp,
    context: &[u8],
    bound: Bound,
) -> Result<String, EncodeError> {
    let (key_id, key) = ring.csrf_sealing(now).ok_or(EncodeError::NoSealingKey)?;
    let mask: [u8; MAC_LEN] = random::bytes().map_err(|_| EncodeError::Randomness)?;
    Ok(masked(key_id, &mask, &mac(key, context, bound)))
}

/// Tells whether `token` is one of ours for one of these `bounds`, under a key that opens at `now`.
/// Every bound is tried, and compared in constant time.
pub(crate) fn verify(
    ring: &KeyRing,
    now: Timestamp,
    context: &[u8],
    token: &str,
    bounds: impl IntoIterator<Item = Bound>,
) -> bool {
    let Some(Parts { key_id, mac: sent }) = parse(token) else { return false };
    let Some(key) = ring.csrf_opening(key_id, now) else { return false };
    let found = bounds
        .into_iter()
        .fold(Choice::FALSE, |found, bound| found | mac(key, context, bound)[..].ct_eq(&sent[..]));
    found.into()
}

fn mac(key: &[u8; 32], context: &[u8], bound: Bound) -> [u8; MAC_LEN] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(context);
    match bound {
        Bound::Id(id) => mac.update(id.as_bytes()),
        Bound::Cookies(hash) => mac.update(&hash),
    }
    mac.finalize().into_bytes().into()
}

fn masked(key_id: KeyId, mask: &[u8; MAC_LEN], mac: &[u8; MAC_LEN]) -> String {
    let mut bytes = [0; LEN];
    let (head, rest) = bytes.split_at_mut(1 + KEY_ID_LEN);
    head[0] = VERSION;
    head[1..].copy_from_slice(&key_id.to_bytes());
    let (first, second) = rest.split_at_mut(MAC_LEN);
    first.copy_from_slice(mask);
    second.copy_from_slice(&xor(mac, mask));
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// A well-formed token.
struct Parts {
    key_id: KeyId,
    /// Without its mask.
    mac: [u8; MAC_LEN],
}

/// Length first, so a long text costs nothing.
fn parse(token: &str) -> Option<Parts> {
    if token.len() != TOKEN_LEN {
        return None;
    }
    let mut bytes = [0; LEN];
    URL_SAFE_NO_PAD.decode(token.as_bytes(), bytes[..].as_out()).ok()?;
    let (&version, rest) = bytes.split_first()?;
    let (&key_id, rest) = rest.split_first_chunk::<KEY_ID_LEN>()?;
    let (mask, rest) = rest.split_first_chunk::<MAC_LEN>()?;
    let masked = rest.first_chunk::<MAC_LEN>()?;
    (version == VERSION)
        .then(|| Parts { key_id: KeyId::from_bytes(key_id), mac: xor(masked, mask) })
}

fn xor(a: &[u8; MAC_LEN], b: &[u8; MAC_LEN]) -> [u8; MAC_LEN] {
    std::array::from_fn(|i| a[i] ^ b[i])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::dated::DatedKey;
    use crate::keys::key::{Key, on_test::key};
    use crate::random::on_test::without_randomness;
    use serde_json::Value;
    use time::macros::datetime;
    use time::{Duration, OffsetDateTime};

    const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

    fn ring() -> KeyRing {
        KeyRing::new(key(0))
    }

    fn context(app: &str, name: &str) -> Vec<u8> {
        let part = |part: &str| [&(part.len() as u16).to_be_bytes(), part.as_bytes()].concat();
        [part(app), part(name)].concat()
    }

    fn ours() -> Vec<u8> {
        context("shop", "__Host-session")
    }

    fn id() -> Bound {
        Bound::Id("01a1fdfa-4600-7abc-8def-123456789abc".parse().unwrap())
    }

    fn other_id() -> Bound {
        Bound::Id("01a1fdfa-4600-7abc-8def-123456789abd".parse().unwrap())
    }

    fn made(ring: &KeyRing, bound: Bound) -> String {
        token(ring, Timestamp::from_time(NOW), &ours(), bound).unwrap()
    }

    fn accepted(ring: &KeyRing, token: &str, bounds: &[Bound]) -> bool {
        verify(ring, Timestamp::from_time(NOW), &ours(), token, bounds.iter().copied())
    }

    /// Computed once with Python's hmac, hashlib and base64: the vectors of `docs/format.md`. Never
    /// regenerate.
    #[test]
    fn golden_tokens() {
        let mask = std::array::from_fn(|i| 0x80 + i as u8);
        let of = |bound| masked(key(0).id(), &mask, &mac(&key(0).csrf_key(), &ours(), bound));
        let cookies = Bound::cookies([&b"Ag"[..], b"", b"AgMEBQ"]);
        assert_eq!(of(id()), GOLDEN_ID);
        assert_eq!(of(cookies), GOLDEN_COOKIES);
        assert!(accepted(&ring(), GOLDEN_ID, &[id()]));
        assert!(accepted(&ring(), GOLDEN_COOKIES, &[cookies]));
    }
    const GOLDEN_ID: &str = "Af1V70CAgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2en0f4usZPjypRXBNrHfbjAa8\
        Cjz5v35HivLVmHVbcTQKW";
    const GOLDEN_COOKIES: &str = "Af1V70CAgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2enyCJM9q8PyUJw4c5DuR\
        CMi8wd8rf7SKAKXhGwfrDY_UX";

    #[test]
    fn a_token_looks_different_each_time_and_each_is_accepted() {
        let (a, b) = (made(&ring(), id()), made(&ring(), id()));
        assert_ne!(a, b);
        assert_ne!(a[7..49], b[7..49], "the mask");
        assert_ne!(a[50..], b[50..], "what is under it");
        assert!(accepted(&ring(), &a, &[id()]) && accepted(&ring(), &b, &[id()]));
    }

    /// Bad input 61, `csrf`: under another mask of the same MAC it is the same token.
    #[test]
    fn the_same_token_under_another_mask_is_accepted() {
        let mac = mac(&key(0).csrf_key(), &ours(), id());
        for mask in [[0; 32], [0xff; 32], std::array::from_fn(|i| i as u8)] {
            assert!(accepted(&ring(), &masked(key(0).id(), &mask, &mac), &[id()]));
        }
    }

    /// Bad input 61, `csrf`: another session's, or one from before `renew`, which is another id.
    #[test]
    fn a_token_of_another_id_is_refused() {
        assert!(!accepted(&ring(), &made(&ring(), other_id()), &[id()]));
        assert!(!accepted(&ring(), &made(&ring(), id()), &[]));
    }

    #[test]
    fn one_of_several_bounds_is_enough() {
        let cookies = Bound::cookies([&b"Ag"[..]]);
        for bounds in [[id(), cookies], [cookies, id()]] {
            assert!(accepted(&ring(), &made(&ring(), id()), &bounds));
            assert!(accepted(&ring(), &made(&ring(), cookies), &bounds));
            assert!(!accepted(&ring(), &made(&ring(), other_id()), &bounds));
        }
        assert!(accepted(&ring(), &made(&ring(), id()), &[id(), id()]), "the same twice");
    }

    #[test]
    fn a_token_of_other_cookies_is_refused() {
        let cookies = |values: &[&str]| Bound::cookies(values.iter().map(|v| v.as_bytes()));
        let made = made(&ring(), cookies(&["a", "b"]));
        assert!(accepted(&ring(), &made, &[cookies(&["a", "b"])]));
        for other in [&["b", "a"][..], &["ab"], &["a"], &["a", "b", ""], &["", "a", "b"], &[]] {
            assert!(!accepted(&ring(), &made, &[cookies(other)]), "{other:?}");
        }
    }

    /// An id is never taken for a hash that begins with it, nor for part of a name.
    #[test]
    fn ids_and_hashes_are_kept_apart() {
        let Bound::Id(uuid) = id() else { unreachable!() };
        let mut hash = [0; 32];
        hash[..16].copy_from_slice(uuid.as_bytes());
        assert!(!accepted(&ring(), &made(&ring(), Bound::Cookies(hash)), &[id()]));
        hash[16..].copy_from_slice(uuid.as_bytes());
        assert!(!accepted(&ring(), &made(&ring(), Bound::Cookies(hash)), &[id()]));
        assert!(!accepted(&ring(), &made(&ring(), id()), &[Bound::Cookies(hash)]));
    }

    #[test]
    fn a_token_of_another_application_or_cookie_is_refused() {
        let now = Timestamp::from_time(NOW);
        for other in [("shop", "session"), ("shop/reset", "__Host-session"), ("sho", "p__Host-")] {
            let made = token(&ring(), now, &context(other.0, other.1), id()).unwrap();
            assert!(!accepted(&ring(), &made, &[id()]), "{other:?}");
        }
    }

    /// Bad input 61, `csrf`: a mask changed alone, and every other bit.
    #[test]
    fn every_changed_bit_is_refused() {
        let bytes = URL_SAFE_NO_PAD.decode_to_vec(made(&ring(), id())).unwrap();
        for bit in 0..8 * LEN {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let changed = URL_SAFE_NO_PAD.encode_to_string(changed);
            assert!(!accepted(&ring(), &changed, &[id()]), "bit {bit}");
        }
    }

    #[test]
    fn every_other_spelling_is_refused() {
        let token = made(&ring(), id());
        for len in 0..TOKEN_LEN {
            assert!(!accepted(&ring(), &token[..len], &[id()]), "cut to {len}");
        }
        for bad in ["+", "/", "=", " ", "\n", "\0", "%"] {
            let changed = format!("{}{bad}", &token[..TOKEN_LEN - 1]);
            assert!(!accepted(&ring(), &changed, &[id()]), "{bad:?}");
        }
        let others =
            [format!("{token}A"), format!("{token}="), format!(" {token}"), "ß".repeat(46)];
        for other in others {
            assert!(!accepted(&ring(), &other, &[id()]), "{other}");
        }
        assert!(!accepted(&ring(), &"A".repeat(10_000_000), &[id()]), "before any work");
    }

    /// Bad input 61, `csrf`, and what a rotation must not break: a form that was shown before it.
    #[test]
    fn a_token_is_good_as_long_as_its_key_opens() {
        let minute = Duration::MINUTE;
        let rotated = || {
            let old = DatedKey::new(key(0), NOW - minute).with_open_until(NOW + 2 * minute);
            [old, DatedKey::new(key(1), NOW + minute)]
        };
        let ring = KeyRing::schedule(rotated()).unwrap();
        let form = made(&ring, id());
        let at = |ring: &KeyRing, token: &str, time| {
            verify(ring, Timestamp::from_time(time), &ours(), token, [id()])
        };
        assert!(at(&ring, &form, NOW), "active");
        assert!(at(&ring, &form, NOW + minute), "draining");
        assert!(!at(&ring, &form, NOW + 2 * minute), "retired");
        let next = token(&ring, Timestamp::from_time(NOW + minute), &ours(), id()).unwrap();
        assert!(at(&ring, &next, NOW), "published: a server whose clock is late");
        let [old, new] = rotated();
        let revoked = KeyRing::schedule([old.with_revoked(), new]).unwrap();
        assert!(!at(&revoked, &form, NOW), "revoked");
        assert!(!at(&KeyRing::new(key(2)), &form, NOW), "unknown");
    }

    #[test]
    fn without_a_key_that_seals_or_without_randomness_there_is_no_token() {
        let later = KeyRing::schedule([DatedKey::new(key(0), NOW + Duration::SECOND)]).unwrap();
        let make = |ring: &KeyRing| token(ring, Timestamp::from_time(NOW), &ours(), id());
        assert!(matches!(make(&later), Err(EncodeError::NoSealingKey)));
        assert!(matches!(without_randomness(|| make(&ring())), Err(EncodeError::Randomness)));
    }

    /// What `interop/javascript` made: every good one is accepted, every bad one is not.
    #[test]
    fn vectors() {
        let file: Value =
            serde_json::from_str(include_str!("../tests/vectors/v1/form-tokens.json")).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let key = |name: &Value| -> Key { text(&file["keys"][text(name)]).parse().unwrap() };
        let time = |millis: &Value| {
            let nanos = i128::from(millis.as_i64().unwrap()) * 1_000_000;
            OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap()
        };
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let ring_of = |spec: &Value| match &spec["schedule"] {
            Value::Null => {
                list(&spec["opens"]).iter().fold(KeyRing::new(key(&spec["seals"])), |ring, name| {
                    ring.with_retired(key(name)).unwrap()
                })
            }
            dates => KeyRing::schedule(list(dates).iter().map(|dated| {
                let mut key = DatedKey::new(key(&dated["key"]), time(&dated["seal_from"]));
                if !dated["open_until"].is_null() {
                    key = key.with_open_until(time(&dated["open_until"]));
                }
                if dated["revoked"] == true { key.with_revoked() } else { key }
            }))
            .unwrap(),
        };
        let bound_of = |bound: &Value| match &bound["id"] {
            Value::String(id) => Bound::Id(id.parse().unwrap()),
            _ => {
                // Their characters are their bytes.
                let bytes = |value: &Value| -> Vec<u8> {
                    text(value).chars().map(|c| u8::try_from(c).unwrap()).collect()
                };
                let values: Vec<Vec<u8>> = list(&bound["values"]).iter().map(bytes).collect();
                Bound::cookies(values.iter().map(Vec::as_slice))
            }
        };
        let context = context(&text(&file["app"]), &text(&file["cookie_name"]));
        let now = Timestamp::from_time(time(&file["now"]));
        let (good, bad) = (list(&file["good"]), list(&file["bad"]));
        assert!(good.len() >= 8 && bad.len() >= 20);
        for (vectors, expected) in [(good, true), (bad, false)] {
            for vector in &vectors {
                let spec = vector.get("server_keys").unwrap_or(&file["server_keys"]);
                let (ring, bound) = (ring_of(spec), bound_of(&vector["bound"]));
                let verdict = verify(&ring, now, &context, &text(&vector["token"]), [bound]);
                assert_eq!(verdict, expected, "{}: {}", vector["name"], vector["because"]);
            }
        }
    }
}
