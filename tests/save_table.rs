//! What `save` does, for all combinations of what it depends on, against a second table, written from
//! `docs/design.md` as a list of outcomes, not as rules.

mod support;

use http::HeaderMap;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use sealed_session::{DatedKey, EndedSessions, KeyRing, Origin, Reason, Saved, Session, Sessions};
use support::fixtures::*;
use support::second::{Second, Stamps, plaintext, to_bytes, to_text};
use time::{Duration, OffsetDateTime};

/// One line for each origin. What happens, in this order, if the handler
///
/// 1. only reads, and the response is not shared
/// 2. only reads, and the response is shared
/// 3. only reads, and the response comes late
/// 4. only reads, there were two such cookies, and the response is not shared
/// 5. only makes a form token
/// 6. changes something
/// 7. renews or resets
/// 8. destroys
///
/// `-` nothing, `W` written, `X` removed, `D` deferred, `K` kept although something was changed, `R` as if
/// it only read; a blank where there is no such case.
const TABLE: [(&str, &str); 21] = [
    ("new", "--- WWW-"),
    ("restored", "-----WWX"),
    ("due", "WDDWRWWX"),
    ("upgraded", "WDDWRWWX"),
    ("unknown_version", "-----KWX"),
    ("newer_schema", "-----KWX"),
    ("not_yet_valid", "-----KWX"),
    ("too_many", "--- -KWX"),
    ("too_long", "XDX-WWWX"),
    ("malformed", "XDX-WWWX"),
    ("retired_key", "XDX-WWWX"),
    ("forged", "XDX-WWWX"),
    ("invalid_payload", "XDX-WWWX"),
    ("old_schema", "XDX-WWWX"),
    ("revoked_by_hook", "XDX-WWWX"),
    ("revoked_by_time", "XDX-WWWX"),
    ("ended", "----WWWX"),
    ("unknown_key", "----WWWX"),
    ("idle_timeout", "----WWWX"),
    ("absolute_timeout", "----WWWX"),
    ("ambiguous", "--- WWWX"),
];

const UNLUCKY: u32 = 13;
const THIRD_KEY: [u8; 32] = [
    7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5, 9, 0, 4, 5, 2, 3, 5, 3, 6, 0, 2, 8, 7, 4, 7, 1, 3, 5, 2, 6, 6,
];

fn server() -> Sessions<Visit> {
    let old = DatedKey::new(key(OTHER_KEY), NOW - Duration::days(60));
    let now = DatedKey::new(key(KEY), NOW - Duration::days(30));
    let ring = KeyRing::schedule([old.with_open_until(NOW - Duration::DAY), now]).unwrap();
    // Nobody's sessions, so that no case ends another's.
    let ended = EndedSessions::new("shop", Duration::DAY);
    ended.end_at(uuid::Uuid::from_bytes(ended_stamps().id), NOW).unwrap();
    let sessions = Sessions::builder(APP, ring)
        .ended(&ended)
        .subject(|_| None)
        .longest_timeouts(Duration::DAY, Duration::DAY)
        .schema_version(2)
        .upgrade(1, |old: Visit| old)
        .revoked(|session: &Session<Visit>| session.page_views == UNLUCKY)
        .build()
        .unwrap();
    sessions.reject_created_before(NOW - Duration::hours(9) + SECOND);
    sessions
}

/// Of a session that was ended.
fn ended_stamps() -> Stamps {
    let mut stamps = Stamps { schema: 2, ..created(NOW) };
    stamps.id[14] ^= 1;
    stamps
}

/// Ann's session as one server sealed it, with other stamps.
fn cookie(key: [u8; 32], time: OffsetDateTime, change: impl FnOnce(&mut Stamps)) -> String {
    let mut stamps = Stamps { schema: 2, ..created(time) };
    change(&mut stamps);
    Second::new(key, APP, NAME).seal(&plaintext(stamps, &visit_bytes(7, "ann")))
}

fn changed(value: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = to_bytes(value);
    change(&mut bytes);
    to_text(&bytes)
}

/// The cookies of a request, and the origin that they must have.
fn request_of(line: &str) -> (Vec<String>, Origin) {
    use Reason::*;
    let ours = |time| cookie(KEY, time, |_| {});
    let of_schema = |schema| cookie(KEY, NOW, |stamps| stamps.schema = schema);
    let with_data =
        |data: &[u8]| second().seal(&plaintext(Stamps { schema: 2, ..created(NOW) }, data));
    let (value, origin) = match line {
        "new" => return (Vec::new(), Origin::New),
        "too_many" => return (vec![ours(NOW); 17], Origin::Rejected(TooMany)),
        "ambiguous" => {
            let other = cookie(KEY, NOW, |stamps| stamps.id[15] ^= 1);
            return (vec![ours(NOW), other], Origin::Rejected(Ambiguous));
        }
        "restored" => (ours(NOW), Origin::Restored),
        "due" => (ours(NOW - IDLE / 10), Origin::Restored),
        "upgraded" => (of_schema(1), Origin::Restored),
        "unknown_version" => {
            (changed(&ours(NOW), |bytes| bytes[0] = 2), Origin::Rejected(UnknownVersion))
        }
        "newer_schema" => (of_schema(3), Origin::Rejected(NewerSchema)),
        "not_yet_valid" => (ours(NOW + SECOND * 61), Origin::Rejected(NotYetValid)),
        "too_long" => ("A".repeat(LIMIT), Origin::Rejected(TooLong)),
        "malformed" => ("%41".to_owned(), Origin::Rejected(Malformed)),
        "retired_key" => (cookie(OTHER_KEY, NOW, |_| {}), Origin::Rejected(RetiredKey)),
        "forged" => {
            (changed(&ours(NOW), |bytes| *bytes.last_mut().unwrap() ^= 1), Origin::Rejected(Forged))
        }
        "invalid_payload" => (with_data(&[0xff; 9]), Origin::Rejected(InvalidPayload)),
        "old_schema" => (of_schema(0), Origin::Rejected(OldSchema)),
        "revoked_by_hook" => (with_data(&visit_bytes(UNLUCKY, "ann")), Origin::Rejected(Revoked)),
        // A day of its own, so that it has not timed out.
        "revoked_by_time" => {
            let time = NOW - Duration::hours(9);
            let value = cookie(KEY, time, |stamps| {
                stamps.timeouts = Some((86_400, 86_400));
            });
            (value, Origin::Rejected(Revoked))
        }
        "ended" => (cookie(KEY, NOW, |stamps| *stamps = ended_stamps()), Origin::Rejected(Ended)),
        "unknown_key" => (cookie(THIRD_KEY, NOW, |_| {}), Origin::Rejected(UnknownKey)),
        "idle_timeout" => (ours(NOW - IDLE), Origin::Rejected(IdleTimeout)),
        "absolute_timeout" => (ours(NOW - ABSOLUTE), Origin::Rejected(AbsoluteTimeout)),
        other => panic!("{other} is no line of the table"),
    };
    (vec![value], origin)
}

/// What a handler may do that has an effect.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    Nothing,
    Data,
    Id,
    OwnTimeouts,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Renewal {
    Nothing,
    Renew,
    Reset,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    twice: bool,
    token: bool,
    change: Change,
    renewal: Renewal,
    destroy: bool,
    late: bool,
    /// What the handler says in `Cache-Control`.
    said: Option<&'static str>,
}

fn cases() -> Vec<Case> {
    let flags = [false, true];
    let mut cases = Vec::new();
    for change in [Change::Nothing, Change::Data, Change::Id, Change::OwnTimeouts] {
        for renewal in [Renewal::Nothing, Renewal::Renew, Renewal::Reset] {
            for said in [None, Some("private"), Some("public")] {
                for bits in 0..16 {
                    let [twice, token, destroy, late] =
                        [1, 2, 4, 8].map(|bit| flags[usize::from(bits & bit != 0)]);
                    cases.push(Case { twice, token, change, renewal, destroy, late, said });
                }
            }
        }
    }
    cases
}

impl Case {
    /// Which column of the table tells the outcome.
    fn column(&self) -> usize {
        let is_changed = self.change != Change::Nothing;
        // `reset()` takes back what of that was done before it; it is written all the same.
        let is_renewed = self.renewal != Renewal::Nothing;
        match self {
            Case { destroy: true, .. } => 8,
            _ if is_renewed => 7,
            _ if is_changed => 6,
            Case { token: true, .. } => 5,
            Case { said: Some("public"), .. } => 2,
            Case { twice: true, late: false, .. } => 4,
            Case { late: true, .. } => 3,
            _ => 1,
        }
    }

    fn handle(&self, sessions: &Sessions<Visit>, session: &mut Session<Visit>) {
        match self.change {
            Change::Nothing => {}
            Change::Data => session.page_views += 1,
            Change::Id => session.rotate_id(),
            Change::OwnTimeouts => session.set_timeouts(SECOND * 60, SECOND * 600),
        }
        match self.renewal {
            Renewal::Nothing => {}
            Renewal::Renew => session.renew(),
            Renewal::Reset => session.reset(),
        }
        if self.token {
            assert!(!sessions.csrf_token_at(session, NOW).unwrap().is_empty());
        }
        if self.destroy {
            session.destroy();
        }
    }
}

/// What the table says of a case; `None` where there is no such case.
fn outcome(line: &str, cells: &str, case: &Case) -> Option<Saved> {
    let cell = |column: usize| cells.as_bytes()[column - 1];
    let found = match case.column() {
        // Of several dead cookies none is removed, whatever the response.
        2 | 3 if case.twice && cell(4) == b'-' => b'-',
        column => cell(column),
    };
    Some(match found {
        // The token is for a session that is in a cookie already.
        b'R' => return outcome(line, cells, &Case { token: false, ..*case }),
        b'-' => Saved::Unchanged,
        b'W' => Saved::Written,
        b'X' => Saved::Removed,
        b'D' => Saved::Deferred,
        b'K' => Saved::Kept,
        b' ' => return None,
        other => panic!("{other} in the line {line}"),
    })
}

#[test]
fn every_combination_is_saved_as_the_table_says() {
    let sessions = server();
    let mut checked = 0;
    for (line, cells) in TABLE {
        assert_eq!(cells.len(), 8, "{line}");
        for case in cases() {
            let (mut values, origin) = request_of(line);
            if case.twice {
                match values.len() {
                    1 => values.push(values[0].clone()),
                    _ => continue,
                }
            }
            let Some(expected) = outcome(line, cells, &case) else { continue };
            let mut session = sessions.load_at(&request(values.iter().map(|v| pair(v))), NOW);
            assert_eq!(session.origin(), origin, "{line}");
            case.handle(&sessions, &mut session);
            let mut response = HeaderMap::new();
            if let Some(said) = case.said {
                response.insert(CACHE_CONTROL, said.parse().unwrap());
            }
            let later = if case.late { NOW + SECOND * 6 } else { NOW + SECOND * 5 };
            let saved = sessions.save_at(session, &mut response, later).unwrap();
            assert_eq!(saved, expected, "{line}: {case:?}");

            let sets = matches!(expected, Saved::Written | Saved::Removed);
            assert_eq!(response.get_all(SET_COOKIE).iter().count(), usize::from(sets), "{line}");
            let caching = match case.said {
                _ if sets || case.token => "private, no-store",
                said => said.unwrap_or("private"),
            };
            assert_eq!(response[CACHE_CONTROL], caching, "{line}: {case:?}");
            checked += 1;
        }
    }
    // 576 of each of eighteen lines, and half of those of which there are no two cookies.
    assert_eq!(checked, 18 * 576 + 3 * 288);
}

/// No reason is missing from the table.
#[test]
fn the_table_names_every_reason() {
    let page = include_str!("../docs/design.md");
    for (line, _) in TABLE {
        let (_, origin) = request_of(line);
        if let Origin::Rejected(reason) = origin {
            assert!(page.contains(&format!("`{reason:?}`")), "{reason:?}");
        }
    }
    let told: std::collections::BTreeSet<String> = TABLE
        .iter()
        .filter_map(|(line, _)| match request_of(line).1 {
            Origin::Rejected(reason) => Some(reason.as_str().to_owned()),
            Origin::New | Origin::Restored => None,
        })
        .collect();
    let reasons = include_str!("../src/rules/reason.rs");
    let all = reasons.lines().filter_map(|line| line.trim().strip_prefix("Reason::"));
    let all = all.filter_map(|line| line.split_once(" => \"")).map(|(_, text)| text);
    let all: std::collections::BTreeSet<String> =
        all.map(|text| text.trim_end_matches("\",").to_owned()).collect();
    assert_eq!(told, all);
}
