//! The wire format, version 1: every rule of `docs/format.md`, through the public API and a second,
//! independent implementation of it.

mod support;

use sealed_session::{EncodeError, Key, KeyRing, Reason, Session, Sessions};
use std::sync::atomic::{AtomicU32, Ordering};
use support::fixtures::*;
use support::second::{
    HEAD_LEN, Second, Stamps, TAG_LEN, pad, plaintext, to_bytes, to_text, unpad, varint,
};
use time::{Duration, OffsetDateTime};

/// The whole plaintext of what `sessions` makes of `session`.
fn plaintext_of(sessions: &Sessions<Visit>, session: &Session<Visit>) -> Vec<u8> {
    second().open(&sessions.encode_at(session, NOW).unwrap()).unwrap()
}

fn ann() -> Session<Visit> {
    Session::new_at(visit(7, "ann"), NOW)
}

// Both directions.

#[test]
fn what_we_seal_the_second_implementation_opens() {
    let text = plaintext_of(&sessions(), &ann());
    let (_, data) = Stamps::read(unpad(&text).unwrap()).unwrap();
    assert_eq!(data, visit_bytes(7, "ann"));
}

#[test]
fn what_the_second_implementation_seals_we_open() {
    let session = sessions::<Visit>().decode_at(&good_value(), NOW).unwrap();
    assert_eq!(*session, visit(7, "ann"));
}

// value and envelope

#[test]
fn the_value_is_base64url_without_padding() {
    let value = sessions().encode_at(&ann(), NOW).unwrap();
    assert_eq!(to_text(&to_bytes(&value)), value);
}

#[test]
fn the_envelope_is_version_key_id_nonce_ciphertext_and_tag() {
    let envelope = to_bytes(&sessions().encode_at(&ann(), NOW).unwrap());
    assert_eq!(envelope[0], 1);
    assert_eq!(envelope[1..5], second().key_id());
    // 16 bytes of id, 4 of other stamps, 6 of data and the marker make 27, padded to 32.
    assert_eq!(envelope.len(), HEAD_LEN + 32 + TAG_LEN);
}

#[test]
fn every_seal_draws_a_nonce_of_its_own() {
    let (sessions, session) = (sessions(), ann());
    let nonce =
        || to_bytes(&sessions.encode_at(&session, NOW).unwrap())[HEAD_LEN - 24..HEAD_LEN].to_vec();
    assert_ne!(nonce(), nonce());
}

#[test]
fn a_nonce_may_have_any_bytes() {
    for byte in [0x00, 0xff] {
        let other = Second { nonce: [byte; 24], ..second() };
        let value = other.seal(&plaintext(created(NOW), &visit_bytes(7, "ann")));
        assert_eq!(*sessions::<Visit>().decode_at(&value, NOW).unwrap(), visit(7, "ann"));
    }
}

// key_id

#[test]
fn the_key_id_is_derived_from_the_key() {
    assert_eq!(key(KEY).id().to_bytes(), second().key_id());
}

#[test]
fn the_key_id_picks_the_key_of_the_ring_that_opens() {
    let ring = ring().with_retired(key(OTHER_KEY)).unwrap();
    let sessions: Sessions<Visit> = Sessions::builder(APP, ring).build().unwrap();
    for bytes in [KEY, OTHER_KEY] {
        let value = Second { key: bytes, ..second() }
            .seal(&plaintext(created(NOW), &visit_bytes(7, "ann")));
        assert_eq!(*sessions.decode_at(&value, NOW).unwrap(), visit(7, "ann"));
    }
}

// aad

/// Seals a good payload for `changed` instead of the usual key, application and name, but sends it
/// under the usual key id.
fn refusal_when_bound_to(changed: Second) -> Reason {
    let text = plaintext(created(NOW), &visit_bytes(7, "ann"));
    refusal(&sessions::<Visit>(), &second().seal_with(&text, &changed.associated()))
}

#[test]
fn a_value_is_bound_to_its_application() {
    let reset = Second { app: "shop/reset".to_owned(), ..second() };
    assert_eq!(refusal_when_bound_to(reset), Reason::Forged);
}

#[test]
fn a_value_is_bound_to_its_cookie_name() {
    let other = Second { name: "__Host-sessions".to_owned(), ..second() };
    assert_eq!(refusal_when_bound_to(other), Reason::Forged);
}

#[test]
fn a_value_is_bound_to_its_key_id() {
    let other = Second { key: OTHER_KEY, ..second() };
    assert_eq!(refusal_when_bound_to(other), Reason::Forged);
}

/// `shop` ‖ `__Host-session` and `shop__Host` ‖ `-session` are the same letters.
#[test]
fn application_and_name_do_not_run_into_each_other() {
    let moved = Second { app: "shop__Host".to_owned(), name: "-session".to_owned(), ..second() };
    assert_eq!(refusal_when_bound_to(moved), Reason::Forged);
}

#[test]
fn application_and_name_are_bound_as_utf_8() {
    let shop: Sessions<Visit> =
        Sessions::builder("Läden/Kasse", ring()).cookie_name("sid").build().unwrap();
    let value = shop.encode_at(&ann(), NOW).unwrap();
    assert!(Second::new(KEY, "Läden/Kasse", "sid").open(&value).is_some());
}

#[test]
fn the_name_is_bound_as_it_is_sent() {
    let bare: Sessions<Visit> = builder().insecure_for_development().build().unwrap();
    let value = bare.encode_at(&ann(), NOW).unwrap();
    assert!(Second::new(KEY, APP, "session").open(&value).is_some());
}

#[test]
fn an_empty_application_is_refused() {
    let error = Sessions::<Visit>::builder("", ring()).build().unwrap_err();
    assert_eq!(error.setting(), "app");
}

// plaintext: stamps

/// Compares the plaintext of `session`, encoded at `now`, with these bytes behind its id.
#[track_caller]
fn assert_plaintext(
    sessions: &Sessions<Visit>,
    session: &Session<Visit>,
    now: OffsetDateTime,
    behind_id: &[u8],
) {
    let text = second().open(&sessions.encode_at(session, now).unwrap()).unwrap();
    assert_eq!(text[..16], *session.id().as_bytes());
    assert_eq!(text[16..], *behind_id);
}

#[test]
fn a_new_session_byte_for_byte() {
    #[rustfmt::skip]
    let expected = [
        0,                          // renewed
        0,                          // no timeouts of its own
        0,                          // schema
        0,                          // cut: no subject
        7, 1, 3, b'a', b'n', b'n',  // page_views, Some, "ann"
        0x80, 0, 0, 0, 0, 0,
    ];
    assert_plaintext(&sessions(), &ann(), NOW, &expected);
}

#[test]
fn a_session_with_all_stamps_byte_for_byte() {
    let sessions: Sessions<Visit> = builder().schema_version(200).build().unwrap();
    let mut session = ann();
    session.set_timeouts(Duration::minutes(10), Duration::days(90));
    #[rustfmt::skip]
    let expected = [
        0xac, 0x02,                 // renewed after 300 seconds
        1,                          // timeouts of its own:
        0xd8, 0x04,                 // 600 seconds idle
        0x80, 0xce, 0xda, 0x03,     // 7,776,000 seconds in all
        0xc8, 0x01,                 // schema 200
        0,                          // cut: no subject
        7, 1, 3, b'a', b'n', b'n',
        0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    assert_plaintext(&sessions, &session, NOW + SECOND * 300, &expected);
}

#[test]
fn the_id_is_a_uuid_of_version_7() {
    let id = ann().id();
    assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
}

#[test]
fn the_id_begins_with_the_milliseconds_of_creation() {
    let at = NOW + Duration::milliseconds(123);
    let session = Session::new_at(Visit::default(), at);
    let (stamps, _) = Stamps::read(&plaintext_of(&sessions(), &session)).unwrap();
    assert_eq!(i128::from(stamps.created_millis()), at.unix_timestamp_nanos() / 1_000_000);
}

#[test]
fn the_time_of_creation_is_read_from_the_id() {
    let at = NOW - Duration::milliseconds(1_877);
    let value = sealed(created(at), &visit_bytes(7, "ann"));
    assert_eq!(sessions::<Visit>().decode_at(&value, NOW).unwrap().created_at(), at);
}

#[test]
fn renewed_counts_whole_seconds_since_creation() {
    let stamps = Stamps { renewed: 90, ..created(NOW - SECOND * 100) };
    let session =
        sessions::<Visit>().decode_at(&sealed(stamps, &visit_bytes(7, "ann")), NOW).unwrap();
    assert_eq!(session.idle_deadline(), NOW - SECOND * 10 + IDLE);
    assert_eq!(session.absolute_deadline(), NOW - SECOND * 100 + ABSOLUTE);
}

#[test]
fn timeouts_are_idle_before_absolute_in_seconds() {
    let stamps = Stamps { timeouts: Some((600, 1200)), ..created(NOW) };
    let session =
        sessions::<Visit>().decode_at(&sealed(stamps, &visit_bytes(7, "ann")), NOW).unwrap();
    assert_eq!(session.idle_deadline(), NOW + SECOND * 600);
    assert_eq!(session.absolute_deadline(), NOW + SECOND * 1200);
}

#[test]
fn the_schema_picks_the_upgrade() {
    let sessions: Sessions<Visit> = builder()
        .schema_version(9)
        .upgrade(4, |views: u8| Visit { page_views: views.into(), user: None })
        .upgrade(5, |()| Visit::default())
        .build()
        .unwrap();
    let value = sealed(Stamps { schema: 4, ..created(NOW) }, &[41]);
    assert_eq!(sessions.decode_at(&value, NOW).unwrap().page_views, 41);
}

// plaintext: marker and padding

/// The plaintext of Ann's session (26 bytes of stamps and data) and a name that much longer.
#[track_caller]
fn assert_padded(padding: usize, longer_by: usize, expected_len: usize) {
    let sessions: Sessions<Visit> = builder().padding(padding).build().unwrap();
    let user = format!("ann{}", "x".repeat(longer_by));
    let text = plaintext_of(&sessions, &Session::new_at(visit(7, &user), NOW));
    let (body, end) = text.split_at(26 + longer_by);
    assert!(body.ends_with(user.as_bytes()));
    assert_eq!(text.len(), expected_len);
    assert_eq!(*end, pad(Vec::new(), end.len())[..], "the marker, then zeros");
}

#[test]
fn padding_of_1_is_the_marker_alone() {
    assert_padded(1, 0, 27);
}

#[test]
fn padding_of_16_fills_up_to_the_next_multiple() {
    assert_padded(16, 0, 32);
}

#[test]
fn the_marker_may_be_the_last_byte_of_a_multiple() {
    assert_padded(16, 5, 32);
}

#[test]
fn a_whole_multiple_without_the_marker_gets_another() {
    assert_padded(16, 7, 48);
}

#[test]
fn padding_of_256_fills_up_to_the_next_multiple() {
    assert_padded(256, 0, 256);
}

#[test]
fn padding_is_16_by_default() {
    let text = plaintext_of(&sessions(), &ann());
    assert_eq!(text.len(), 32);
}

#[test]
fn padding_outside_1_to_256_is_refused() {
    for padding in [0, 257] {
        let error = builder::<Visit>().padding(padding).build().unwrap_err();
        assert_eq!(error.setting(), "padding");
    }
}

#[test]
fn a_reader_takes_any_number_of_zeros_up_to_255() {
    let sessions: Sessions<Visit> = builder().padding(1).build().unwrap();
    for zeros in 0..=255 {
        let body = [&created(NOW).to_bytes()[..], &visit_bytes(7, "ann"), &[0x80]].concat();
        let text = [body, vec![0; zeros]].concat();
        let session = sessions.decode_at(&second().seal(&text), NOW);
        assert_eq!(*session.unwrap(), visit(7, "ann"), "{zeros} zeros");
    }
}

#[test]
fn data_that_looks_like_padding_is_data() {
    let value = Session::new_at(vec![0x80_u8, 0x80, 0, 0], NOW);
    let sessions = sessions::<Vec<u8>>();
    let back = sessions.decode_at(&sessions.encode_at(&value, NOW).unwrap(), NOW).unwrap();
    assert_eq!(*back, [0x80, 0x80, 0, 0]);
}

// Order of checks: a value with two defects is refused for the earlier one.

fn bytes_of_good_value() -> Vec<u8> {
    to_bytes(&good_value())
}

/// A payload whose id is a UUID of version 4.
fn without_uuid_7(mut stamps: Stamps) -> Stamps {
    stamps.id[6] = 0x4a;
    stamps
}

fn timed_out() -> Stamps {
    created(NOW - IDLE)
}

#[test]
fn length_is_checked_before_base64() {
    assert_eq!(refusal(&sessions::<Visit>(), &"=".repeat(LIMIT)), Reason::TooLong);
}

#[test]
fn base64_is_checked_before_the_version() {
    let mut envelope = bytes_of_good_value();
    envelope[0] = 2;
    let value = to_text(&envelope) + "=";
    assert_eq!(refusal(&sessions::<Visit>(), &value), Reason::Malformed);
}

#[test]
fn the_version_is_checked_before_the_key_id() {
    let mut envelope = bytes_of_good_value();
    envelope[0] = 2;
    envelope[1] ^= 1;
    assert_eq!(refusal(&sessions::<Visit>(), &to_text(&envelope)), Reason::UnknownVersion);
}

#[test]
fn the_key_id_is_checked_before_the_tag() {
    let mut envelope = bytes_of_good_value();
    envelope[1] ^= 1;
    *envelope.last_mut().unwrap() ^= 1;
    assert_eq!(refusal(&sessions::<Visit>(), &to_text(&envelope)), Reason::UnknownKey);
}

#[test]
fn the_tag_is_checked_before_the_id() {
    let mut envelope = to_bytes(&sealed(without_uuid_7(created(NOW)), &visit_bytes(7, "ann")));
    *envelope.last_mut().unwrap() ^= 1;
    assert_eq!(refusal(&sessions::<Visit>(), &to_text(&envelope)), Reason::Forged);
}

#[test]
fn the_id_is_checked_before_the_times() {
    let value = sealed(without_uuid_7(timed_out()), &visit_bytes(7, "ann"));
    assert_eq!(refusal(&sessions::<Visit>(), &value), Reason::InvalidPayload);
}

#[test]
fn times_are_checked_before_reject_created_before() {
    let sessions = sessions::<Visit>();
    sessions.reject_created_before(NOW);
    let value = sealed(timed_out(), &visit_bytes(7, "ann"));
    assert_eq!(refusal(&sessions, &value), Reason::IdleTimeout);
}

#[test]
fn reject_created_before_is_checked_before_the_schema() {
    let sessions = sessions::<Visit>();
    sessions.reject_created_before(NOW);
    let stamps = Stamps { schema: 1, ..created(NOW - SECOND) };
    assert_eq!(refusal(&sessions, &sealed(stamps, &visit_bytes(7, "ann"))), Reason::Revoked);
}

#[test]
fn the_schema_is_checked_before_the_data() {
    let value = sealed(Stamps { schema: 1, ..created(NOW) }, b"unreadable");
    assert_eq!(refusal(&sessions::<Visit>(), &value), Reason::NewerSchema);
}

#[test]
fn the_data_is_checked_before_revoked_is_asked() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let revoked = |_: &Session<Visit>| {
        ASKED.fetch_add(1, Ordering::Relaxed);
        true
    };
    let sessions = builder::<Visit>().revoked(revoked).build().unwrap();
    assert_eq!(refusal(&sessions, &sealed(created(NOW), b"unreadable")), Reason::InvalidPayload);
    assert_eq!(ASKED.load(Ordering::Relaxed), 0);
}

// Size. With a name of 13 letters, a plaintext of 3016 bytes makes a cookie of exactly 4096.

const NAME_OF_13: &str = "session-of-13";

fn sessions_up_to_the_byte() -> Sessions<Visit> {
    // Without padding, and with deadlines so far off that `renewed` can take up its five bytes.
    let long = Duration::seconds(u32::MAX.into());
    let builder = builder().cookie_name(NAME_OF_13).padding(1);
    builder.idle_timeout(long).absolute_timeout(long).build().unwrap()
}

/// A session whose payload is so many bytes long when `renewed` and `cut` take up five
/// each.
fn of_plaintext_len(len: usize) -> Session<Visit> {
    let stamps = 16 + 5 + 1 + 1 + 5;
    let data = 1 + 1 + varint(3000).len();
    let marker = 1;
    Session::new_at(visit(7, &"x".repeat(len - stamps - data - marker)), NOW)
}

/// A value for [`sessions_up_to_the_byte`] with a plaintext of so many bytes.
fn value_of_plaintext_len(len: usize) -> String {
    let stamps = created(NOW).to_bytes();
    let user = "x".repeat(len - stamps.len() - 1 - 1 - varint(3000).len() - 1);
    let text = pad([stamps, visit_bytes(7, &user)].concat(), 1);
    Second::new(KEY, APP, NAME_OF_13).seal(&text)
}

#[test]
fn a_cookie_of_4096_bytes_opens() {
    let value = value_of_plaintext_len(3016);
    assert_eq!(NAME_OF_13.len() + 1 + value.len(), LIMIT);
    assert_eq!(sessions_up_to_the_byte().decode_at(&value, NOW).unwrap().page_views, 7);
}

#[test]
fn a_cookie_of_4097_bytes_is_too_long() {
    let value = value_of_plaintext_len(3017);
    assert_eq!(NAME_OF_13.len() + 1 + value.len(), LIMIT + 1);
    assert_eq!(refusal(&sessions_up_to_the_byte(), &value), Reason::TooLong);
}

#[test]
fn a_session_that_can_grow_to_4096_bytes_is_sealed() {
    let sessions = sessions_up_to_the_byte();
    let at_its_widest = NOW + Duration::seconds(1 << 28);
    let value = sessions.encode_at(&of_plaintext_len(3016), at_its_widest).unwrap();
    // A later `cut` can take up four bytes more, which are up to six characters.
    assert_eq!(NAME_OF_13.len() + 1 + value.len(), LIMIT - 6);
}

#[test]
fn a_session_that_could_grow_to_4097_bytes_is_an_error_at_once() {
    let error = sessions_up_to_the_byte().encode_at(&of_plaintext_len(3017), NOW).unwrap_err();
    assert!(matches!(error, EncodeError::TooLarge { size: 4097, limit: 4096 }), "{error}");
}

#[test]
fn too_large_a_session_is_an_error_with_size_and_limit() {
    let session = Session::new_at(visit(7, &"x".repeat(1_000_000)), NOW);
    let error = sessions().encode_at(&session, NOW).unwrap_err();
    // 16 + 5 + 1 + 1 + 5 + (1 + 1 + 3 + 1,000,000) + 1 = 1,000,034, padded to 1,000,048; with 45 more
    // in base64.
    let size = 15 + ((1_000_048_usize + 45) * 4).div_ceil(3);
    let expected = format!(
        "the session needs a cookie of {size} bytes, but the limit is 4096: \
         keep large data in a database and its id in the session"
    );
    assert_eq!(error.to_string(), expected);
}

// Golden cookies, computed once with Python's `cryptography`, `hmac` and `hashlib`. They stand for
// the cookies that are out in browsers. Never regenerate them: if one no longer opens, the format
// has changed.

#[test]
fn golden_default() {
    let value = "ATvqKNwwMTIzNDU2Nzg5Ojs8PT4_QEFCQ0RFRkewcgoc3l5emKmwEE5ciFdJaG-I-9LbCf7pTlDicOtAZlx_og7N\
                 ktHy4C_8oTblqNk";
    let session = sessions::<Visit>().decode_at(value, NOW).unwrap();
    assert_eq!(*session, visit(7, "ann"));
    assert_eq!(session.id().to_string(), "01a1fdfa-4600-7abc-8def-123456789abc");
}

#[test]
fn golden_with_all_stamps() {
    let value = "ATvqKNyAgYKDhIWGh4iJiouMjY6PkJGSk5SVlpfa-atdBtMgM27vQSwreXAFFfzoERBxasWDfaYDMUIkmGI1Rapk\
                 BKa1I3aC8cTWOCljqv8d8xrX1VtDBpearOb-34uxA02FUyXBC3WChlf7OqrTipEJM1eb_VXLKCGJ54Q4DSUVnGIfsOrB\
                 3hn8bkqcG6zofDbM24bJ345QVwgefXqrEwHSKXROr_0u7qd7lFNz00uDgaiSdO28Sl5tqP5IB-xNduKlnehg8M2CaXsj\
                 sBOcJ_PCpZYL0gwZEbF1xauv5baragH4pOVFb_6n34Y-8jvoRp2itLK4cssKEIG4xB1ADR5wojS6IqIO-pnGl-qr-QuJ\
                 a6taq6krKg8pQv4SAxkM0ywpsviBTFVr7i5UWQ";
    let remembered: Sessions<Visit> = builder()
        .schema_version(3)
        .longest_timeouts(Duration::days(14), Duration::days(90))
        .build()
        .unwrap();
    let session = remembered.decode_at(value, NOW + Duration::days(1)).unwrap();
    let created = NOW + Duration::milliseconds(123);
    assert_eq!(*session, visit(u32::MAX, "Zoë"));
    assert_eq!(session.created_at(), created);
    assert_eq!(session.idle_deadline(), created + SECOND * 300 + Duration::days(14));
    assert_eq!(session.absolute_deadline(), created + Duration::days(90));
}

/// The test vector of `docs/format.md`, read from the page itself.
#[test]
fn golden_of_the_specification() {
    let (_, vector) = include_str!("../docs/format.md").split_once("key      0001").unwrap();
    let field = |name: &str| {
        let mut lines = vector.lines().map(|line| line.split_once(' ').unwrap_or_default());
        lines.find(|(word, _)| *word == name).unwrap().1.trim()
    };
    let key: Key = field("text").parse().unwrap();
    assert_eq!(key.id().to_string(), field("key_id"));
    let sessions: Sessions<Visit> = Sessions::builder(field("app"), KeyRing::new(key))
        .cookie_name(field("name"))
        .schema_version(2)
        .build()
        .unwrap();
    let session = sessions.decode_at(field("value"), NOW + SECOND * 90).unwrap();
    assert_eq!(*session, visit(7, "ann"));
    assert_eq!(session.created_at(), NOW);
    assert_eq!(session.idle_deadline(), NOW + SECOND * (90 + 900));
    assert_eq!(session.absolute_deadline(), NOW + SECOND * 28_800);
}

#[test]
fn golden_of_another_application_and_name_without_padding() {
    let value = "ATvqKNwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADJcpS8k-rMzKeSQ3xg83qF-mb2ouuXRpmm_cLEz1qAiW7wuHaT\
                 1JI";
    let shop: Sessions<Visit> =
        Sessions::builder("Läden/Kasse", ring()).cookie_name("sid").build().unwrap();
    assert_eq!(*shop.decode_at(value, NOW).unwrap(), Visit::default());
}

#[test]
fn golden_of_a_retired_key_in_its_last_second() {
    let value = "AVaPukL________________________________t7q-ZFIwJEsmQ-95mRT_x6EDbWwWpUPPaBJh9L_tP-bpa2Wlk\
                 wJ02l4ZbxLHLSS4";
    let ring: KeyRing = ring().with_retired(key(OTHER_KEY)).unwrap();
    let sessions: Sessions<Visit> = Sessions::builder(APP, ring).build().unwrap();
    assert_eq!(*sessions.decode_at(value, NOW).unwrap(), visit(300, ""));
}
