//! Bad inputs 1 to 10: what can be wrong with the `Cookie` header. Stopped by
//! `headers/cookie`, or by `wire/envelope` if a value was found.

use crate::support::fixtures::*;
use crate::support::second::{Second, Stamps, plaintext, to_bytes, to_text};
use crate::{assert_miss, assert_nothing_set, save};
use allocation_counter::AllocationInfo;
use http::HeaderMap;
use sealed_session::{Origin, Reason, Saved};

/// What the server reads of one request.
const CAP: usize = 64 * 1024;

/// Good but for its tag: it costs a run of the cipher.
fn forged_value() -> String {
    let mut envelope = to_bytes(&good_value());
    *envelope.last_mut().unwrap() ^= 1;
    to_text(&envelope)
}

fn origin(headers: &HeaderMap) -> Origin {
    sessions::<Visit>().load_at(headers, NOW).origin()
}

/// Loads Ann's session.
#[track_caller]
fn assert_hit(headers: &HeaderMap) {
    let session = sessions::<Visit>().load_at(headers, NOW);
    assert_eq!(session.origin(), Origin::Restored);
    assert_eq!(*session, visit(7, "ann"));
}

fn measure(headers: &HeaderMap) -> AllocationInfo {
    let sessions = sessions::<Visit>();
    // What is set up once in a process does not count.
    drop(sessions.load_at(headers, NOW));
    allocation_counter::measure(|| drop(sessions.load_at(headers, NOW)))
}

/// The most memory that loading takes at one time.
fn memory(headers: &HeaderMap) -> u64 {
    measure(headers).bytes_max
}

/// How often loading asks for memory: a measure of its work that is the same on every machine.
fn allocations(headers: &HeaderMap) -> u64 {
    measure(headers).count_total
}

/// Bad input 1, `headers/cookie`.
#[test]
fn of_a_megabyte_of_cookies_the_bytes_past_the_cap_are_unread() {
    let filler = format!("a={}", "x".repeat(1_000_000));
    assert_eq!(origin(&request([format!("{filler}; {}", pair(&good_value()))])), Origin::New);
}

/// Bad input 1, `headers/cookie`.
#[test]
fn a_megabyte_of_cookies_behind_ours_does_not_hide_it() {
    let filler = format!("a={}", "x".repeat(1_000_000));
    assert_hit(&request([format!("{}; {filler}", pair(&good_value()))]));
}

/// Bad input 1, `headers/cookie`: the cap is for all headers together.
#[test]
fn a_megabyte_in_many_headers_is_no_way_around_the_cap() {
    let filler = format!("a={}", "x".repeat(1_000));
    let mut headers = vec![filler; 1_000];
    headers.push(pair(&good_value()));
    assert_eq!(origin(&request(headers)), Origin::New);
}

/// Bad input 1, `headers/cookie`: half a value must not pass for a whole one, which would be
/// cleared as `Malformed`.
#[test]
fn a_value_that_the_cap_cuts_is_none() {
    let ours = pair(&good_value());
    let filler = "x".repeat(CAP - "a=; ".len() - ours.len() + 1);
    assert_eq!(origin(&request([format!("a={filler}; {ours}")])), Origin::New);
}

/// Bad input 2, `headers/cookie`.
#[test]
fn ten_thousand_neighbours_do_not_hide_ours() {
    assert_hit(&request([format!("{}{}", "a=1; ".repeat(10_000), pair(&good_value()))]));
}

/// Bad input 2, `headers/cookie`.
#[test]
fn ten_thousand_neighbours_take_no_memory() {
    let with_neighbours =
        |count| request([format!("{}{}", "a=1; ".repeat(count), pair(&good_value()))]);
    assert_eq!(memory(&with_neighbours(10_000)), memory(&with_neighbours(1)));
}

/// Bad input 2, `wire/envelope` and `session/arrived`: each is refused before the next is looked at, and
/// of several only a hash is kept.
#[test]
fn ten_thousand_cookies_of_our_name_take_no_more_memory_than_one() {
    let with_junk = |count| request([format!("{}; ", pair("AAAA")).repeat(count)]);
    assert!(memory(&with_junk(10_000)) <= memory(&with_junk(1)));
}

/// Bad input 2b, `wire/envelope` and `session/arrived`: each cookie has its own share of the work, whatever
/// stands beside it.
#[test]
fn allocations_grow_with_our_cookies_and_not_with_their_neighbours() {
    let ours = |count| request([format!("{}; ", pair("AAAA")).repeat(count)]);
    let (one, thousand, three_thousand) = (ours(1), ours(1_000), ours(3_000));
    let each = (allocations(&thousand) - allocations(&one)).div_ceil(999);
    assert!(allocations(&three_thousand) <= allocations(&one) + 2_999 * each);
    let neighbours = |count| request([format!("{}{}", "a=1; ".repeat(count), pair(&good_value()))]);
    assert_eq!(allocations(&neighbours(10_000)), allocations(&neighbours(1)));
}

/// Bad input 3, `headers/cookie`.
#[test]
fn a_neighbour_that_is_not_utf_8_is_skipped() {
    let ours = pair(&good_value()).into_bytes();
    assert_hit(&request([[b"a=\xff\xfe; \xc3=b; ", &ours[..], b"; c=\x80"].concat()]));
}

/// Bad input 4, `headers/cookie` (RFC 9113 §8.2.3).
#[test]
fn several_headers_are_read_like_one_that_joins_them() {
    let pairs = ["a=1".to_owned(), pair(&forged_value()), pair(&good_value()), "b=2".to_owned()];
    assert_hit(&request(&pairs));
    assert_hit(&request([pairs.join("; ")]));
}

/// Bad input 5, `wire/cipher`.
#[test]
fn an_attackers_cookie_before_ours_does_not_hide_it() {
    assert_hit(&request([pair(&forged_value()), pair(&good_value())]));
}

/// Bad input 5, `wire/cipher`.
#[test]
fn an_attackers_cookie_behind_ours_does_not_hide_it() {
    assert_hit(&request([pair(&good_value()), pair(&forged_value())]));
}

/// Bad input 5, `steps/load`: the older renewal is what another tab had.
#[test]
fn of_one_id_twice_the_later_renewal_wins() {
    let earlier = sealed(created(NOW - SECOND * 20), &visit_bytes(6, "ann"));
    let stamps = Stamps { renewed: 10, ..created(NOW - SECOND * 20) };
    let later = sealed(stamps, &visit_bytes(7, "ann"));
    assert_hit(&request([pair(&earlier), pair(&later)]));
    assert_hit(&request([pair(&later), pair(&earlier)]));
}

/// Bad input 5, `steps/load`: removing one could leave the attacker's.
#[test]
fn two_ids_are_ambiguous_and_nothing_is_removed() {
    let planted = sealed(created(NOW - SECOND), &visit_bytes(1, "mallory"));
    let session = sessions::<Visit>().load_at(&request([pair(&good_value()), pair(&planted)]), NOW);
    assert_eq!(session.origin(), Origin::Rejected(Reason::Ambiguous));
    assert_eq!(*session, Visit::default());
    assert_nothing_set(save(&sessions(), session));
}

/// Bad input 5, `steps/load`: removing one could leave the other.
#[test]
fn of_two_bad_cookies_of_our_name_none_is_removed() {
    let headers = request([pair(&forged_value()), pair("junk")]);
    assert_nothing_set(save(&sessions(), sessions::<Visit>().load_at(&headers, NOW)));
}

/// Bad input 5, `wire/envelope`: junk is refused before the cipher, so it does not count.
#[test]
fn twenty_junk_values_before_ours_do_not_hide_it() {
    let mut headers = vec![pair("junk"); 20];
    headers.push(pair(&good_value()));
    assert_hit(&request(headers));
}

/// Bad input 5b, `steps/load`.
#[test]
fn the_sixteenth_whose_key_opens_is_still_opened() {
    let mut headers = vec![pair(&forged_value()); 15];
    headers.push(pair(&good_value()));
    assert_hit(&request(headers));
}

/// Bad input 5b, `steps/load`: the visitor's own could be the one that was not looked at.
#[test]
fn of_seventeen_whose_key_opens_none_counts_wherever_the_good_one_stands() {
    for place in [0, 8, 15, 16] {
        let mut headers = vec![pair(&forged_value()); 16];
        headers.insert(place, pair(&good_value()));
        let headers = request(headers);
        assert_eq!(origin(&headers), Origin::Rejected(Reason::TooMany), "{place}");
    }
}

/// Bad input 5, `steps/load`: an attacker's valid one before the visitor's own does not win.
#[test]
fn an_attackers_session_among_too_many_is_not_the_visitors() {
    let planted = sealed(created(NOW - SECOND), &visit_bytes(1, "mallory"));
    let mut headers = vec![pair(&forged_value()); 15];
    headers.extend([pair(&planted), pair(&good_value())]);
    let session = sessions::<Visit>().load_at(&request(headers), NOW);
    assert_eq!(session.origin(), Origin::Rejected(Reason::TooMany));
    assert_eq!(*session, Visit::default());
}

/// Bad input 5, `steps/decide`: forged ones do not get the visitor's cookie overwritten.
#[test]
fn of_too_many_nothing_is_overwritten_but_by_a_reset() {
    let headers = request(vec![pair(&forged_value()); 17]);
    assert_nothing_set(save(&sessions(), sessions::<Visit>().load_at(&headers, NOW)));
    let mut session = sessions::<Visit>().load_at(&headers, NOW);
    session.page_views += 1;
    let (saved, response) = save(&sessions(), session);
    assert_eq!((saved, set_cookies(&response).len()), (Saved::Kept, 0));
    let mut session = sessions::<Visit>().load_at(&headers, NOW);
    session.reset();
    assert_eq!(save(&sessions(), session).0, Saved::Written);
}

/// Bad input 5, `steps/load`: a key of another ring costs no cipher, so it does not count.
#[test]
fn values_of_unknown_keys_do_not_count() {
    let other = Second { key: OTHER_KEY, ..second() };
    let foreign = other.seal(&plaintext(created(NOW), &visit_bytes(7, "ann")));
    let mut headers = vec![pair(&foreign); 40];
    headers.push(pair(&good_value()));
    assert_hit(&request(headers));
}

/// Bad input 6, `headers/cookie`.
#[test]
fn our_name_in_another_case_is_another_cookie() {
    for name in ["__HOST-session", "__host-session", "__Host-Session"] {
        assert_eq!(origin(&request([format!("{name}={}", good_value())])), Origin::New, "{name}");
    }
}

/// Bad input 7, `wire/envelope`: quotes are value (RFC 6265bis §4.1.1).
#[test]
fn a_value_in_double_quotes_is_malformed() {
    assert_miss(&sessions::<Visit>(), &format!("\"{}\"", good_value()), Reason::Malformed);
}

/// Bad input 8, `wire/envelope`: nothing decodes.
#[test]
fn a_percent_encoded_value_is_malformed() {
    let encoded = good_value().replacen('A', "%41", 1);
    assert_miss(&sessions::<Visit>(), &encoded, Reason::Malformed);
}

/// Bad input 9, `headers/cookie`.
#[test]
fn nameless_cookies_and_stray_semicolons_are_skipped() {
    for neighbour in ["=v", ";;;", "a", "=", "; ; "] {
        assert_hit(&request([format!("{neighbour}; {}; {neighbour}", pair(&good_value()))]));
    }
}

/// Bad input 10, `wire/envelope`. No `HeaderMap` holds control bytes, but `decode` may be given any
/// text.
#[test]
fn control_bytes_inside_the_value_are_malformed() {
    for control in ['\0', '\x01', '\t', '\n', '\r', '\x1f', '\x7f'] {
        let mut value = good_value();
        value.insert(50, control);
        assert_eq!(refusal(&sessions::<Visit>(), &value), Reason::Malformed, "{control:?}");
    }
}

/// Bad input 10, `wire/envelope`.
#[test]
fn spaces_around_or_inside_the_value_are_malformed() {
    let value = good_value();
    let inside = format!("{} {}", &value[..50], &value[50..]);
    for value in [format!(" {value}"), inside, format!("{value} ; a=1")] {
        let headers = request([pair(&value)]);
        assert_eq!(origin(&headers), Origin::Rejected(Reason::Malformed), "{value}");
    }
}

/// Bad input 10, `wire/envelope`.
#[test]
fn bytes_that_are_not_utf_8_inside_the_value_are_malformed() {
    let headers = request([[NAME.as_bytes(), b"=AT\xff\xfeAA"].concat()]);
    assert_eq!(origin(&headers), Origin::Rejected(Reason::Malformed));
}
