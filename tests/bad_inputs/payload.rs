//! Bad inputs 26 to 35: authentic payloads that are wrong, as a bug or another program with the key
//! would make them. The second implementation seals them.

use crate::support::fixtures::*;
use crate::support::second::{Stamps, pad, plaintext, varint};
use crate::{assert_cleared, assert_kept, assert_left, opens_at};
use sealed_session::{Reason, Session, Sessions};
use serde::de::Deserializer;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// Ann's session with these stamps.
fn value_with(stamps: Stamps) -> String {
    sealed(stamps, &visit_bytes(7, "ann"))
}

/// Bad input 26, `rules/timeouts`: the browser drops it by itself, so no removal is sent.
#[test]
fn an_idle_deadline_passed_by_one_second() {
    let in_time = value_with(created(NOW - IDLE + SECOND));
    assert!(opens_at(&sessions(), &in_time, NOW));
    assert_left(&sessions(), &value_with(created(NOW - IDLE - SECOND)), Reason::IdleTimeout);
}

/// A session created so long ago, and renewed a second ago.
fn in_use_since(age: Duration) -> Stamps {
    let age_in_seconds = u32::try_from(age.whole_seconds()).unwrap();
    Stamps { renewed: age_in_seconds - 1, ..created(NOW - age) }
}

/// Bad input 26, `rules/timeouts`.
#[test]
fn an_absolute_deadline_passed_by_one_second() {
    assert!(opens_at(&sessions(), &value_with(in_use_since(ABSOLUTE - SECOND)), NOW));
    let ended = value_with(in_use_since(ABSOLUTE + SECOND));
    assert_left(&sessions(), &ended, Reason::AbsoluteTimeout);
}

/// Bad input 26, `rules/timeouts`.
#[test]
fn an_idle_timeout_of_its_own_past_the_longest_is_cut() {
    let stamps = created(NOW - IDLE - SECOND);
    let value = value_with(Stamps { timeouts: Some((7200, 28_800)), ..stamps });
    assert_left(&sessions(), &value, Reason::IdleTimeout);
}

/// Bad input 26, `rules/timeouts`.
#[test]
fn an_absolute_timeout_of_its_own_past_the_longest_is_cut() {
    let stamps = in_use_since(ABSOLUTE + SECOND);
    let value = value_with(Stamps { timeouts: Some((1800, 86_400)), ..stamps });
    assert_left(&sessions(), &value, Reason::AbsoluteTimeout);
}

/// Bad input 27, `rules/timeouts`: a server with a right clock can still use it.
#[test]
fn created_61_seconds_ahead_is_kept() {
    assert_kept(&sessions(), &value_with(created(NOW + SECOND * 61)), Reason::NotYetValid);
}

/// Bad input 27, `rules/timeouts`.
#[test]
fn renewed_61_seconds_ahead_is_kept() {
    let stamps = Stamps { renewed: 71, ..created(NOW - SECOND * 10) };
    assert_kept(&sessions(), &value_with(stamps), Reason::NotYetValid);
}

/// Bad input 27, `rules/timeouts`: a peer's clock may run ahead, but that does not lengthen a
/// session.
#[test]
fn created_59_seconds_ahead_counts_as_now() {
    let value = value_with(created(NOW + SECOND * 59));
    let session = sessions::<Visit>().decode_at(&value, NOW).unwrap();
    assert_eq!(session.idle_deadline(), NOW + IDLE);
    assert_eq!(session.absolute_deadline(), NOW + ABSOLUTE);
}

/// Bad input 27, `rules/timeouts`.
#[test]
fn renewed_59_seconds_ahead_counts_as_now() {
    let value = value_with(Stamps { renewed: 69, ..created(NOW - SECOND * 10) });
    let session = sessions::<Visit>().decode_at(&value, NOW).unwrap();
    assert_eq!(session.idle_deadline(), NOW + IDLE);
}

/// Bad input 27, `wire/plaintext`.
#[test]
fn an_id_of_another_uuid_version() {
    for version in (0..16).filter(|version| *version != 7) {
        let mut stamps = created(NOW);
        stamps.id[6] = version << 4 | 0xa;
        assert_cleared(&sessions::<Visit>(), &value_with(stamps), Reason::InvalidPayload);
    }
}

/// Bad input 27, `wire/plaintext`.
#[test]
fn an_id_of_another_uuid_variant() {
    for variant in [0b00, 0b01, 0b11] {
        let mut stamps = created(NOW);
        stamps.id[8] = variant << 6 | 0x0d;
        assert_cleared(&sessions::<Visit>(), &value_with(stamps), Reason::InvalidPayload);
    }
}

const MAX_TIME: u64 = (1 << 48) - 1;

/// Bad input 28, `rules/timeouts`: checked arithmetic, as in all of the next.
#[test]
fn renewed_with_the_largest_number_is_ahead() {
    let stamps = Stamps { renewed: u32::MAX, ..created(NOW) };
    assert_kept(&sessions(), &value_with(stamps), Reason::NotYetValid);
}

/// Bad input 28, `rules/timeouts`.
#[test]
fn an_id_with_the_largest_time_is_ahead() {
    assert_kept(&sessions(), &value_with(Stamps::created(MAX_TIME)), Reason::NotYetValid);
}

/// Bad input 28, `rules/timeouts`.
#[test]
fn everything_at_its_largest_is_ahead() {
    let stamps = Stamps {
        renewed: u32::MAX,
        timeouts: Some((u32::MAX, u32::MAX)),
        ..Stamps::created(MAX_TIME)
    };
    assert_kept(&sessions(), &value_with(stamps), Reason::NotYetValid);
}

/// Bad input 28, `rules/timeouts`: the last moment of the calendar is still before the largest time
/// of an id.
#[test]
fn everything_at_its_largest_is_ahead_even_at_the_end_of_the_calendar() {
    let stamps = Stamps { renewed: u32::MAX, ..Stamps::created(MAX_TIME) };
    let last: OffsetDateTime = datetime!(9999-12-31 23:59:59.999 UTC);
    let error = sessions::<Visit>().decode_at(&value_with(stamps), last).unwrap_err();
    assert_eq!(error.reason(), Reason::NotYetValid);
}

/// Bad input 28, `rules/timeouts`.
#[test]
fn timeouts_of_zero_have_passed_at_once() {
    let value = value_with(Stamps { timeouts: Some((0, 0)), ..created(NOW) });
    assert_left(&sessions(), &value, Reason::AbsoluteTimeout);
}

/// Bad input 28, `rules/timeouts`.
#[test]
fn the_largest_timeouts_are_counted_out_where_they_are_allowed() {
    let longest = Duration::seconds(u32::MAX.into());
    let sessions: Sessions<Visit> = builder().longest_timeouts(longest, longest).build().unwrap();
    let value = value_with(Stamps { timeouts: Some((u32::MAX, u32::MAX)), ..created(NOW) });
    let session = sessions.decode_at(&value, NOW + longest - SECOND).unwrap();
    assert_eq!(session.absolute_deadline(), NOW + longest);
}

/// A `T` that claims 2^60 elements or bytes, and has three.
#[track_caller]
fn assert_claim_costs_nothing<T>()
where
    T: Serialize + DeserializeOwned + Default + Debug + PartialEq,
{
    let sessions = sessions::<T>();
    let value = sealed(created(NOW), &[&varint(1 << 60)[..], b"abc"].concat());
    let work = allocation_counter::measure(|| drop(sessions.decode_at(&value, NOW)));
    assert_cleared(&sessions, &value, Reason::InvalidPayload);
    assert!(work.bytes_max < 10_000, "{work:?}");
}

/// Bad input 29, `wire/plaintext`, by postcard: more bytes than are left.
#[test]
fn a_string_that_claims_2_to_the_60_bytes() {
    assert_claim_costs_nothing::<String>();
}

/// Bad input 29, `wire/plaintext`, by postcard: nothing is reserved for more elements than bytes
/// are left.
#[test]
fn a_list_that_claims_2_to_the_60_elements() {
    assert_claim_costs_nothing::<Vec<[u64; 4]>>();
}

/// Bad input 29, `wire/plaintext`: as for a list.
#[test]
fn a_map_that_claims_2_to_the_60_entries() {
    assert_claim_costs_nothing::<BTreeMap<u16, String>>();
}

thread_local!(static READ: Cell<u32> = const { Cell::new(0) });

/// Takes up no byte, and counts how often it is read.
#[derive(Serialize, Debug, PartialEq)]
struct Nothing;

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Nothing, D::Error> {
        READ.set(READ.get() + 1);
        Ok(Nothing)
    }
}

/// Fills a cookie with a `T` and reads it back.
#[track_caller]
fn assert_not_too_much<T>(data: T)
where
    T: Serialize + DeserializeOwned + Default + Debug + PartialEq,
{
    let sessions = sessions::<T>();
    let value = sessions.encode_at(&Session::new_at(data, NOW), NOW).unwrap();
    assert!(value.len() > 3900, "almost full: {}", value.len());
    assert!(sessions.decode_at(&value, NOW).is_ok());
}

#[derive(Serialize, Deserialize, Default, Debug, Clone, PartialEq)]
struct Record {
    number: u8,
}

/// Bad input 30, `wire/limits`: the limit on elements is for those that take up no byte; what fits
/// a cookie is read.
#[test]
fn a_cookie_full_of_small_records_is_not_too_much() {
    assert_not_too_much(vec![Record { number: 7 }; 2900]);
}

/// Bad input 30, `wire/limits`.
#[test]
fn a_cookie_full_of_pairs_is_not_too_much() {
    assert_not_too_much(vec![(1_u8, 2_u8); 1450]);
}

/// Bad input 30, `wire/limits`.
#[test]
fn a_cookie_full_of_short_lists_is_not_too_much() {
    assert_not_too_much(vec![Vec::<u8>::new(); 2900]);
}

/// Bad input 30, `wire/limits`: such elements never run out, so they are counted; no clock is
/// needed to see that the work is bounded.
#[test]
fn a_list_of_2_to_the_60_elements_that_take_up_no_byte() {
    let value = sealed(created(NOW), &varint(1 << 60));
    assert_eq!(refusal(&sessions::<Vec<Nothing>>(), &value), Reason::InvalidPayload);
    assert!((1..5_000).contains(&READ.get()), "{}", READ.get());
    assert_cleared(&sessions::<Vec<Nothing>>(), &value, Reason::InvalidPayload);
}

fn sealed_plaintext(body: &[&[u8]]) -> String {
    second().seal(&body.concat())
}

fn good_body() -> Vec<u8> {
    [created(NOW).to_bytes(), visit_bytes(7, "ann")].concat()
}

/// Bad input 31, `wire/plaintext`: postcard alone would ignore them.
#[test]
fn bytes_behind_the_data() {
    let value = second().seal(&pad([&good_body()[..], &[0]].concat(), 16));
    assert_cleared(&sessions::<Visit>(), &value, Reason::InvalidPayload);
}

/// Bad input 31, `wire/plaintext`.
#[test]
fn no_marker_before_the_zeros() {
    let value = sealed_plaintext(&[&good_body(), &[0; 7]]);
    assert_cleared(&sessions::<Visit>(), &value, Reason::InvalidPayload);
}

/// Bad input 31, `wire/plaintext`.
#[test]
fn another_byte_where_the_marker_stands() {
    let value = sealed_plaintext(&[&good_body(), &[0x81], &[0; 6]]);
    assert_cleared(&sessions::<Visit>(), &value, Reason::InvalidPayload);
}

/// Bad input 31, `wire/plaintext`.
#[test]
fn zeros_behind_the_data_and_no_marker_at_all() {
    assert_cleared(&sessions::<Visit>(), &sealed_plaintext(&[&[0; 32]]), Reason::InvalidPayload);
}

/// Bad input 31, `wire/plaintext`.
#[test]
fn an_empty_plaintext() {
    assert_cleared(&sessions::<Visit>(), &sealed_plaintext(&[]), Reason::InvalidPayload);
}

/// Bad input 31, `wire/plaintext`.
#[test]
fn the_marker_alone() {
    assert_cleared(&sessions::<Visit>(), &sealed_plaintext(&[&[0x80]]), Reason::InvalidPayload);
}

/// Bad input 31, `wire/plaintext`.
#[test]
fn stamps_cut_at_every_byte() {
    let stamps = Stamps { renewed: 300, timeouts: Some((600, 6000)), ..created(NOW) }.to_bytes();
    for len in 0..stamps.len() {
        let value = second().seal(&pad(stamps[..len].to_vec(), 16));
        assert_cleared(&sessions::<()>(), &value, Reason::InvalidPayload);
    }
}

/// Bad input 31, `wire/plaintext`.
#[test]
fn more_than_255_zeros() {
    let value = sealed_plaintext(&[&good_body(), &[0x80], &[0; 256]]);
    assert_cleared(&sessions::<Visit>(), &value, Reason::InvalidPayload);
}

/// Bad input 31, `wire/plaintext`: a `None` is a zero, and so is the padding.
#[test]
fn a_missing_last_field_is_not_completed_from_the_padding() {
    let page_views = [7];
    let value = second().seal(&plaintext(created(NOW), &page_views));
    assert_cleared(&sessions::<Visit>(), &value, Reason::InvalidPayload);
}

/// Bad input 32, `wire/plaintext`: postcard decodes them, and to the same session; nothing is
/// written because of it.
#[test]
fn an_overlong_varint_in_the_data_means_the_same() {
    let overlong = [&[0x87, 0x80, 0x00][..], &visit_bytes(7, "ann")[1..]].concat();
    let value = sealed(created(NOW), &overlong);
    let session = sessions::<Visit>().load_at(&request_with(&value), NOW);
    assert_eq!(*session, visit(7, "ann"));
    crate::assert_nothing_set(crate::save(&sessions(), session));
}

/// Bad input 32, `wire/plaintext`.
#[test]
fn an_overlong_varint_in_the_stamps_means_the_same() {
    let id = created(NOW).id;
    let value = second()
        .seal(&pad([&id, &[0x80, 0, 0, 0, 0x80, 0][..], &visit_bytes(7, "ann")].concat(), 16));
    let session = sessions::<Visit>().decode_at(&value, NOW).unwrap();
    assert_eq!((*session).clone(), visit(7, "ann"));
    assert_eq!(session.idle_deadline(), NOW + IDLE);
}

/// Bad input 32, `wire/plaintext`.
#[test]
fn a_varint_past_32_bits() {
    let past = [&varint(1 << 32)[..], &visit_bytes(7, "ann")[1..]].concat();
    assert_cleared(&sessions::<Visit>(), &sealed(created(NOW), &past), Reason::InvalidPayload);
}

/// Bad input 32, `wire/plaintext`.
#[test]
fn a_varint_that_does_not_end() {
    let endless = [&[0x80; 20][..], &visit_bytes(7, "ann")].concat();
    assert_cleared(&sessions::<Visit>(), &sealed(created(NOW), &endless), Reason::InvalidPayload);
}

/// Bad input 33, `wire/codec`: a newer server can still use it.
#[test]
fn a_newer_schema_is_kept() {
    let sessions: Sessions<Visit> = builder().schema_version(3).build().unwrap();
    let value = value_with(Stamps { schema: 4, ..created(NOW) });
    assert_kept(&sessions, &value, Reason::NewerSchema);
}

/// Bad input 33, `wire/codec`.
#[test]
fn an_older_schema_without_an_upgrade_is_cleared() {
    let sessions: Sessions<Visit> =
        builder().schema_version(3).upgrade(1, |old: Visit| old).build().unwrap();
    let value = value_with(Stamps { schema: 2, ..created(NOW) });
    assert_cleared(&sessions, &value, Reason::OldSchema);
}

/// Bad input 33, `wire/codec`: what the upgrade does not understand is no session.
#[test]
fn an_older_schema_that_its_upgrade_cannot_read() {
    let sessions: Sessions<Visit> =
        builder().schema_version(3).upgrade(2, |old: Visit| old).build().unwrap();
    let value = sealed(Stamps { schema: 2, ..created(NOW) }, b"\xffunreadable");
    assert_cleared(&sessions, &value, Reason::InvalidPayload);
}

/// A type that can be nested without end.
#[derive(Serialize, Deserialize, Default, Debug, PartialEq)]
enum Nest {
    #[default]
    End,
    In(Box<Nest>),
}

fn nested(levels: usize) -> String {
    sealed(created(NOW), &[&vec![1; levels - 1][..], &[0]].concat())
}

/// Bad input 34, `wire/limits`: 128 levels are read.
#[test]
fn nesting_of_128_levels_is_read() {
    assert!(sessions::<Nest>().decode_at(&nested(128), NOW).is_ok());
}

/// Bad input 34, `wire/limits`: nesting deeper than 128 is refused, long before it could exhaust a
/// stack.
#[test]
fn nesting_of_129_levels() {
    assert_cleared(&sessions::<Nest>(), &nested(129), Reason::InvalidPayload);
}

/// Bad input 34, `wire/limits`: on as small a stack as a server might give its threads.
#[test]
fn nesting_as_deep_as_a_cookie_is_long_on_a_small_stack() {
    let decode = || refusal(&sessions::<Nest>(), &nested(2900));
    let thread = std::thread::Builder::new().stack_size(512 * 1024).spawn(decode).unwrap();
    assert_eq!(thread.join().unwrap(), Reason::InvalidPayload);
}

/// Data that is as long as a `T` and is none.
#[track_caller]
fn assert_meaningless<T>(data: &[u8])
where
    T: Serialize + DeserializeOwned + Default + Debug + PartialEq,
{
    assert_cleared(&sessions::<T>(), &sealed(created(NOW), data), Reason::InvalidPayload);
}

/// Bad input 35, `wire/plaintext`, by postcard.
#[test]
fn an_enum_tag_that_no_variant_has() {
    assert_meaningless::<Nest>(&[2]);
}

/// Bad input 35, `wire/plaintext`, by postcard.
#[test]
fn text_that_is_not_utf_8() {
    assert_meaningless::<String>(&[2, 0xc3, 0x28]);
}

/// Bad input 35, `wire/plaintext`, by postcard.
#[test]
fn a_bool_of_2() {
    assert_meaningless::<bool>(&[2]);
}

/// Bad input 35, `wire/plaintext`, by postcard.
#[test]
fn an_option_of_2() {
    assert_meaningless::<Option<u8>>(&[2, 0]);
}
