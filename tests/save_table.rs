//! What `save` does, for all combinations of what it depends on, against a second table, written from
//! `docs/design.md` as a list of outcomes, not as rules.

mod support;

use http::HeaderMap;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use sealed_session::{DatedKey, EndedSessions, KeyRing, Origin, Reason, Saved, Session, Sessions};
use support::fixtures::*;
use support::second::{Second, Stamps, plaintext, to_bytes, to_text};
use time::{Duration, OffsetDateTime};

/// The table, and a test for each of its lines.
macro_rules! table {
    ($($line:ident: $cells:literal,)*) => {
        const TABLE: &[(&str, &str)] = &[$((stringify!($line), $cells),)*];

        mod every_combination_is_saved_as_the_tables_say {
            $(#[test]
            fn $line() {
                super::check_line(stringify!($line), $cells);
            })*
        }
    };
}

// One line for each origin. What happens, in this order, if the handler
//
// 1. only reads, and the response is not shared
// 2. only reads, and the response is shared
// 3. only reads, and the response comes late
// 4. only reads, there were two such cookies, and the response is not shared
// 5. only makes a form token
// 6. changes something
// 7. renews or resets
// 8. destroys
//
// `-` nothing, `W` written, `X` removed, `D` deferred, `F` deferred because it cannot be sealed, `E` an
// error, `K` kept although something was changed, `R` as if it only read; a blank where there is no such
// case.
table! {
    new: "--- WWW-",
    restored: "-----WWX",
    due: "WDDWRWWX",
    upgraded: "WDDWRWWX",
    older_under_seal_as: "-----WWX",
    newer_under_seal_as: "-----WWX",
    migrated: "WDDWRWWX",
    due_without_a_key_that_seals: "FDDFREEX",
    unknown_version: "-----KWX",
    newer_schema: "-----KWX",
    not_yet_valid: "-----KWX",
    too_many: "--- -KWX",
    too_long: "XDX-WWWX",
    malformed: "XDX-WWWX",
    retired_key: "XDX-WWWX",
    forged: "XDX-WWWX",
    invalid_payload: "XDX-WWWX",
    old_schema: "XDX-WWWX",
    revoked_by_hook: "XDX-WWWX",
    revoked_by_time: "XDX-WWWX",
    ended: "----WWWX",
    unknown_key: "----WWWX",
    idle_timeout: "----WWWX",
    absolute_timeout: "----WWWX",
    ambiguous: "--- WWWX",
}

/// What becomes of `W`, `E` and `F` if something ended between load and save, in this order:
///
/// 1. for a session that came in no cookie
/// 2. for one that came in one
/// 3. for one that came in one and was reset, so that it is nobody's now
///
/// `K` kept; `=` as in the table above.
const ENDED_MEANWHILE: [(End, &str); 4] = [
    (End::Nobody, "==="),
    (End::Id, "=K="),
    (End::User, "=K="),
    // All of these were created before that.
    (End::Everyone, "KKK"),
];

/// What another server, or an administrator, ended while the request ran.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Nobody,
    Id,
    User,
    Everyone,
}

/// `everyone` of two seconds after [`NOW`], as docs/format.md has it.
const EVERYONE: [u8; 12] = [0x01, 0x03, 0x01, 0xa1, 0xfd, 0xfa, 0x4d, 0xd0, 0xb0, 0x65, 0x9d, 0x41];

const UNLUCKY: u32 = 13;
const THIRD_KEY: [u8; 32] = [
    7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5, 9, 0, 4, 5, 2, 3, 5, 3, 6, 0, 2, 8, 7, 4, 7, 1, 3, 5, 2, 6, 6,
];

const OLD_NAME: &str = "user";

struct Server {
    sessions: Sessions<Visit>,
    ended: EndedSessions,
}

fn ring_of(line: &str) -> KeyRing {
    let old = DatedKey::new(key(OTHER_KEY), NOW - Duration::days(60));
    let now = DatedKey::new(key(KEY), NOW - Duration::days(30));
    let ring = match line {
        "due_without_a_key_that_seals" => {
            KeyRing::schedule([DatedKey::new(key(KEY), NOW + Duration::DAY)])
        }
        _ => KeyRing::schedule([old.with_open_until(NOW - Duration::DAY), now]),
    };
    ring.unwrap()
}

fn server(line: &str, ring: KeyRing) -> Server {
    let ended = EndedSessions::new("shop", Duration::DAY);
    ended.end_at(uuid::Uuid::from_bytes(ended_stamps().id), NOW).unwrap();
    let builder = Sessions::builder(APP, ring)
        .ended(&ended)
        .subject(|visit: &Visit| visit.user.clone())
        .longest_timeouts(Duration::DAY, Duration::DAY)
        .schema_version(2)
        .upgrade(1, |old: Visit| old)
        .migrate_private_jar(OLD_NAME, &old_key(), NOW..NOW + ABSOLUTE, |name| Some(visit(7, name)))
        .revoked(|session: &Session<Visit>| session.page_views == UNLUCKY);
    let builder = match line.ends_with("_under_seal_as") {
        true => builder.seal_as(1, Visit::clone),
        false => builder,
    };
    let sessions = builder.build().unwrap();
    sessions.reject_created_before(NOW - Duration::hours(9) + SECOND);
    Server { sessions, ended }
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

/// The values of a request's cookies, and the origin that they must have.
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
        "upgraded" | "older_under_seal_as" => (of_schema(1), Origin::Restored),
        "newer_under_seal_as" => (ours(NOW), Origin::Restored),
        "due_without_a_key_that_seals" => (ours(NOW - IDLE / 10), Origin::Restored),
        "migrated" => (old_value(OLD_NAME, "ann"), Origin::Restored),
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
    /// Ends the others of its user, if it has one.
    end_others: bool,
    destroy: bool,
    meanwhile: End,
    late: bool,
    /// What the handler says in `Cache-Control`.
    said: Option<&'static str>,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for change in [Change::Nothing, Change::Data, Change::Id, Change::OwnTimeouts] {
        for renewal in [Renewal::Nothing, Renewal::Renew, Renewal::Reset] {
            for (meanwhile, _) in ENDED_MEANWHILE {
                for bits in 0..32 {
                    let [twice, token, destroy, late, end_others] =
                        [1, 2, 4, 8, 16].map(|bit| bits & bit != 0);
                    // That a response is private by itself is no other than saying nothing, where
                    // sessions are ended.
                    let is_plain = meanwhile == End::Nobody && !end_others;
                    for said in [None, Some("public"), Some("private")] {
                        if is_plain || said != Some("private") {
                            #[rustfmt::skip]
                            cases.push(Case {
                                twice, token, change, renewal, end_others, destroy, meanwhile, late, said,
                            });
                        }
                    }
                }
            }
        }
    }
    cases
}

impl Case {
    /// Which column of the table tells the outcome.
    fn column(&self, is_loaded: bool) -> usize {
        // A session of no user has no others, and does nothing.
        let ends_others = self.end_others && is_loaded;
        let is_changed = self.change != Change::Nothing || ends_others;
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

    fn handle(&self, server: &Server, session: &mut Session<Visit>) {
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
        if self.end_others {
            assert_eq!(session.end_others().is_ok(), session.user.is_some());
        }
        if self.token {
            let token = server.sessions.csrf_token_at(session, NOW);
            assert_eq!(token.is_ok(), server.sessions.sealing_key_at(NOW).is_some());
        }
        if self.destroy {
            session.destroy();
        }
    }

    fn end_meanwhile(&self, server: &Server, id: uuid::Uuid) {
        let at = NOW + SECOND * 2;
        match self.meanwhile {
            End::Nobody => {}
            End::Id => server.ended.end_at(id, at).unwrap(),
            End::User => server.ended.end_all_of_at("ann", at).unwrap(),
            End::Everyone => drop(server.ended.apply_at(&EVERYONE, at).unwrap()),
        }
    }
}

/// What the tables say of a case, or that it is an error; `None` where there is no such case.
fn outcome(cells: &str, case: &Case, is_loaded: bool) -> Option<Result<Saved, ()>> {
    let cell = |column: usize| cells.as_bytes()[column - 1];
    let found = match case.column(is_loaded) {
        // Of several dead cookies none is removed, whatever the response.
        2 | 3 if case.twice && cell(4) == b'-' => b'-',
        column => cell(column),
    };
    let place = match (is_loaded, case.renewal) {
        (false, _) => 0,
        (true, Renewal::Nothing | Renewal::Renew) => 1,
        (true, Renewal::Reset) => 2,
    };
    let (_, ended) = ENDED_MEANWHILE[case.meanwhile as usize];
    let is_ended = ended.as_bytes()[place] == b'K';
    Some(match found {
        // The token is for a session that is in a cookie already.
        b'R' => return outcome(cells, &Case { token: false, ..*case }, is_loaded),
        b'W' | b'E' | b'F' if is_ended => Ok(Saved::Kept),
        b'-' => Ok(Saved::Unchanged),
        b'W' => Ok(Saved::Written),
        b'X' => Ok(Saved::Removed),
        b'D' | b'F' => Ok(Saved::Deferred),
        b'K' => Ok(Saved::Kept),
        b'E' => Err(()),
        b' ' => return None,
        other => panic!("{other} in {cells}"),
    })
}

/// What is the same in all cases of a line.
struct Brought {
    ring: KeyRing,
    values: Vec<String>,
    origin: Origin,
}

/// Checks a case, if there is such a one in this line.
fn check(line: &str, cells: &str, brought: &Brought, case: &Case) -> bool {
    let Brought { ring, values, origin } = brought;
    let origin = *origin;
    if case.twice && values.len() != 1 {
        return false;
    }
    let times = if case.twice { 2 } else { 1 };
    let is_loaded = origin == Origin::Restored;
    let Some(expected) = outcome(cells, case, is_loaded) else { return false };
    let is_migrated = line == "migrated";
    let name = if is_migrated { OLD_NAME } else { NAME };
    let server = server(line, ring.clone());
    let cookies = values.iter().map(|value| format!("{name}={value}"));
    let cookies = request(std::iter::repeat_n(cookies, times).flatten());
    let mut session = server.sessions.load_at(&cookies, NOW);
    assert_eq!(session.origin(), origin, "{line}");
    let brought = session.id();
    case.handle(&server, &mut session);
    let has_others = case.end_others && session.user.is_some();
    case.end_meanwhile(&server, brought);
    let subjects = server.ended.status().subjects;
    let mut response = HeaderMap::new();
    if let Some(said) = case.said {
        response.insert(CACHE_CONTROL, said.parse().unwrap());
    }
    let before = response.clone();
    let later = if case.late { NOW + SECOND * 6 } else { NOW + SECOND * 5 };
    let saved = server.sessions.save_at(session, &mut response, later);
    let told = saved.as_ref().copied().map_err(|_| ());
    assert_eq!(told, expected, "{line}: {case:?}");
    if saved.is_err() {
        assert_eq!(response, before, "{line}: {case:?}");
        return true;
    }
    let sets = matches!(expected, Ok(Saved::Written | Saved::Removed));
    let count = if is_migrated { 2 } else { 1 };
    let set = response.get_all(SET_COOKIE).iter().count();
    assert_eq!(set, if sets { count } else { 0 }, "{line}: {case:?}");
    let is_private = sets || case.token && !line.contains("without_a_key");
    let caching = match case.said {
        _ if is_private => "private, no-store",
        said => said.unwrap_or("private"),
    };
    assert_eq!(response[CACHE_CONTROL], caching, "{line}: {case:?}");
    // The others ended if it was written.
    let ended = server.ended.status().subjects - subjects;
    assert_eq!(ended == 1, has_others && expected == Ok(Saved::Written), "{line}: {case:?}");
    true
}

/// Checks all cases of a line.
fn check_line(line: &str, cells: &str) {
    assert_eq!(cells.len(), 8);
    let (values, origin) = request_of(line);
    let brought = Brought { ring: ring_of(line), values, origin };
    let cases = cases();
    let checked = cases.iter().filter(|case| check(line, cells, &brought, case)).count();
    // In three lines there are no two cookies.
    let has_two = !matches!(line, "new" | "too_many" | "ambiguous");
    assert_eq!((cases.len(), checked), (3264, if has_two { 3264 } else { 1632 }));
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
