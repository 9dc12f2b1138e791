//! How long each refusal takes: the tables of "What the refusals tell an attacker" in
//! `docs/security.md`. Run it with `cargo run --release --bin refusals` in this folder; it takes half a
//! minute.
//!
//! One server meets all cookies, with all that it may be asked to look up: ended sessions, users whose
//! sessions ended, and a hook. What no server of ours would seal, the second implementation of the
//! tests seals.

#[allow(dead_code)] // It opens values, too.
#[path = "../../../../tests/support/second.rs"]
mod second;

use http::header::{COOKIE, HeaderMap, HeaderValue};
use sealed_session::{DatedKey, EndedSessions, Key, KeyRing, Origin, Reason, Session, Sessions};
use second::{Second, Stamps, pad};
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::time::Instant;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// The time of the server, whose clock takes no part in this.
const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);
const APP: &str = "shop";
const NAME: &str = "__Host-session";
const SCHEMA: u32 = 2;
const PADDING: usize = 16;

/// A figure is the median of as many series. That of a series is the shortest of many rounds, because
/// what else the machine does only makes a round longer; and a round is the mean of many calls.
const SERIES: usize = 9;
const ROUNDS: usize = 200;
const CALLS: u32 = 50;
/// Calls before those that are timed, in which the processor learns the way that this row takes.
const FIRST_CALLS: u32 = 20;

/// What a server remembers of a visitor who has signed in.
#[derive(Serialize, Deserialize, Default, Clone)]
struct Login {
    user: Option<String>,
    name: String,
    page_views: u32,
    roles: Vec<String>,
    remembered: bool,
}

/// Of the users below all have names of one length.
fn login(user: &str) -> Vec<u8> {
    let login = Login {
        user: Some(user.to_owned()),
        name: "Ann Example".to_owned(),
        page_views: 7,
        roles: vec!["buyer".to_owned()],
        remembered: true,
    };
    postcard::to_allocvec(&login).expect("it is data")
}

const ANN: &str = "user-17";
/// All of whose sessions were ended.
const ENDED: &str = "user-18";
/// Whom the application's hook refuses.
const BANNED: &str = "user-19";

/// Keys that no system's generator makes: the figures do not depend on them.
fn secret(seed: u8) -> [u8; 32] {
    std::array::from_fn(|place| seed ^ place as u8)
}

const ACTIVE: u8 = 1;
const RETIRED: u8 = 2;
const UNKNOWN: u8 = 3;

fn sealer(seed: u8, app: &str) -> Second {
    Second::new(secret(seed), app, NAME)
}

/// The stamps of a session that was created so long before [`NOW`], and renewed so long before.
fn stamps(created: Duration, renewed: Duration) -> Stamps {
    let millis = (NOW - created).unix_timestamp() * 1000;
    Stamps {
        renewed: (created - renewed).whole_seconds().try_into().expect("a few hours"),
        schema: SCHEMA,
        cut: 1,
        ..Stamps::created(millis.try_into().expect("after 1970"))
    }
}

/// Created six minutes ago and renewed one minute ago, so that no renewal is due.
fn good_stamps() -> Stamps {
    stamps(Duration::minutes(6), Duration::MINUTE)
}

/// Another session's, of the same age.
fn another_stamps() -> Stamps {
    let mut another = good_stamps();
    another.id[15] ^= 1;
    another
}

/// Those of the session whose id is in the list of ended ones.
fn ended_stamps() -> Stamps {
    let mut ended = good_stamps();
    ended.id[15] ^= 2;
    ended
}

/// A whole plaintext: stamps, data, marker and zeros.
fn body(stamps: Stamps, data: &[u8]) -> Vec<u8> {
    pad([&stamps.to_bytes(), data].concat(), PADDING)
}

fn sealed(stamps: Stamps, data: &[u8]) -> String {
    sealer(ACTIVE, APP).seal(&body(stamps, data))
}

/// The same value with one byte of the envelope changed.
fn changed(value: &str, place: impl FnOnce(usize) -> usize) -> String {
    let mut envelope = second::to_bytes(value);
    let place = place(envelope.len());
    envelope[place] ^= 1;
    second::to_text(&envelope)
}

fn server() -> Sessions<Login> {
    let key = |seed| Key::from_bytes(secret(seed)).expect("it is no text");
    let ring = KeyRing::schedule([
        DatedKey::new(key(RETIRED), NOW - Duration::days(9)).with_open_until(NOW - Duration::DAY),
        DatedKey::new(key(ACTIVE), NOW - Duration::days(2)),
    ]);
    let ended = EndedSessions::new(APP, Duration::hours(8));
    let sessions = Sessions::builder(APP, ring.expect("the dates are right"))
        .schema_version(SCHEMA)
        .ended(&ended)
        .subject(|login: &Login| login.user.clone())
        .revoked(|session| session.user.as_deref() == Some(BANNED))
        .build()
        .expect("it is sound");
    sessions.reject_created_before(NOW - Duration::HOUR);
    let listed = sessions.decode_at(&sealed(ended_stamps(), &login(ANN)), NOW).ok();
    ended.end_at(listed.expect("it has not ended").id(), NOW).expect("it is an id of ours");
    ended.end_all_of_at(ENDED, NOW).expect("it has a name");
    sessions
}

/// One line of a table: a request, and what becomes of its cookies.
struct Row {
    cookies: String,
    request: HeaderMap,
    /// As in `docs/format.md`, "Opening"; 0 for what only several cookies can be.
    row: u8,
    refused: Option<Reason>,
}

impl Row {
    fn of(what: &str, values: &[String], row: u8, refused: Option<Reason>) -> Row {
        let pairs: Vec<String> = values.iter().map(|value| format!("{NAME}={value}")).collect();
        let mut request = HeaderMap::new();
        let header = HeaderValue::try_from(pairs.join("; ")).expect("base64url and punctuation");
        request.insert(COOKIE, header);
        Row { cookies: what.to_owned(), request, row, refused }
    }
}

/// Each way to refuse one cookie, in the order of the checks, and an accepted one.
fn rows_of_one_cookie() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let good = sealed(good_stamps(), &login(ANN));
    let len = good.len();
    let mut row = |what: &str, value: String, row: u8, refused: Reason| {
        assert!(row == 1 || value.len() == len, "{what}: all are of one length");
        rows.push(Row::of(what, &[value], row, Some(refused)));
    };
    row("4097 bytes", "A".repeat(4096 - NAME.len()), 1, Reason::TooLong);
    row("`+` as the first character", format!("+{}", &good[1..]), 2, Reason::Malformed);
    row("`+` as the last character", format!("{}+", &good[..len - 1]), 2, Reason::Malformed);
    row("a first byte of 0", format!("AA{}", &good[2..]), 4, Reason::Malformed);
    row("a first byte of 2", format!("Ag{}", &good[2..]), 4, Reason::UnknownVersion);
    let of_key = |seed| sealer(seed, APP).seal(&body(good_stamps(), &login(ANN)));
    row("sealed under a key that is not there", of_key(UNKNOWN), 5, Reason::UnknownKey);
    row("sealed under a key past its end", of_key(RETIRED), 5, Reason::RetiredKey);
    row("the tag's first byte changed", changed(&good, |len| len - 16), 6, Reason::Forged);
    row("the tag's last byte changed", changed(&good, |len| len - 1), 6, Reason::Forged);
    row("the text's first byte changed", changed(&good, |_| second::HEAD_LEN), 6, Reason::Forged);
    let foreign = sealer(ACTIVE, "mail").seal(&body(good_stamps(), &login(ANN)));
    row("of another application", foreign, 6, Reason::Forged);

    let unmarked = vec![0; body(good_stamps(), &login(ANN)).len()];
    row("without a marker", sealer(ACTIVE, APP).seal(&unmarked), 7, Reason::InvalidPayload);
    let mut no_uuid = good_stamps();
    no_uuid.id[6] = 0x4a;
    row("an id that is no UUIDv7", sealed(no_uuid, &login(ANN)), 7, Reason::InvalidPayload);
    let authentic = |created, renewed| sealed(stamps(created, renewed), &login(ANN));
    let (second, minute, hour) = (Duration::SECOND, Duration::MINUTE, Duration::HOUR);
    row("created 61 s ahead", authentic(-61 * second, -61 * second), 8, Reason::NotYetValid);
    row("9 hours old", authentic(9 * hour, 8 * hour + 59 * minute), 9, Reason::AbsoluteTimeout);
    row("unused for 31 minutes", authentic(36 * minute, 31 * minute), 9, Reason::IdleTimeout);
    row("from before the operator's cut", authentic(2 * hour, minute), 10, Reason::Revoked);
    row("its id is listed", sealed(ended_stamps(), &login(ANN)), 10, Reason::Ended);
    let of_schema = |schema| sealed(Stamps { schema, ..good_stamps() }, &login(ANN));
    row("of schema 3", of_schema(SCHEMA + 1), 11, Reason::NewerSchema);
    row("of schema 1", of_schema(SCHEMA - 1), 11, Reason::OldSchema);
    let wrong = |place: usize| {
        let mut data = login(ANN);
        data[place] = 2;
        sealed(good_stamps(), &data)
    };
    row("the data's first byte wrong", wrong(0), 12, Reason::InvalidPayload);
    row("the data's last byte wrong", wrong(login(ANN).len() - 1), 12, Reason::InvalidPayload);
    row("all of its user's ended", sealed(good_stamps(), &login(ENDED)), 13, Reason::Ended);
    row("the hook refuses it", sealed(good_stamps(), &login(BANNED)), 13, Reason::Revoked);
    rows.push(Row::of("", &[good], 0, None));
    rows
}

/// What only several cookies of one request can be, each beside as many that are not refused for
/// that.
fn rows_of_several_cookies() -> Vec<Row> {
    let good = sealed(good_stamps(), &login(ANN));
    let another = sealed(another_stamps(), &login(ANN));
    let forged = changed(&good, |len| len - 1);
    vec![
        Row::of("one session twice", &[good.clone(), good.clone()], 0, None),
        Row::of("two sessions", &[good.clone(), another], 0, Some(Reason::Ambiguous)),
        Row::of("16, forged", &vec![forged.clone(); 16], 6, Some(Reason::Forged)),
        Row::of("17, forged", &vec![forged; 17], 0, Some(Reason::TooMany)),
        Row::of("16, one session", &vec![good.clone(); 16], 0, None),
        Row::of("17, one session", &vec![good; 17], 0, Some(Reason::TooMany)),
    ]
}

fn main() {
    let sessions = server();
    let one = rows_of_one_cookie();
    let len = one.last().expect("the accepted one").request[COOKIE].len() - NAME.len() - 1;
    println!("Values of {len} characters, in ns:\n");
    print(&sessions, "the cookie", &one);
    println!("\nSeveral of them:\n");
    print(&sessions, "the cookies", &rows_of_several_cookies());
}

fn print(sessions: &Sessions<Login>, what: &str, rows: &[Row]) {
    println!("| refused as | row | {what} | load | load and save |");
    println!("| --- | ---: | --- | ---: | ---: |");
    let load = |row: &Row| sessions.load_at(black_box(&row.request), NOW);
    for row in rows {
        let origin = row.refused.map_or(Origin::Restored, Origin::Rejected);
        assert_eq!(load(row).origin(), origin, "{}", row.cookies);
    }
    let loaded = figures(rows, |row| drop(black_box(load(row))));
    let saved = figures(rows, |row| {
        let mut response = HeaderMap::new();
        let session: Session<Login> = load(row);
        sessions.save_at(session, &mut response, NOW).expect("it fits");
        drop(black_box(response));
    });
    for ((row, loaded), saved) in rows.iter().zip(loaded).zip(saved) {
        let refused = row.refused.map_or("accepted".to_owned(), |reason| format!("`{reason}`"));
        let number = if row.row == 0 { String::new() } else { row.row.to_string() };
        println!("| {refused} | {number} | {} | {loaded} | {saved} |", row.cookies);
    }
}

/// The nanoseconds of one call for each row. The rows take turns, so that what else the machine does
/// meets all of them alike.
fn figures(rows: &[Row], call: impl Fn(&Row)) -> Vec<u64> {
    let mut series = vec![[f64::INFINITY; SERIES]; rows.len()];
    for at in 0..SERIES {
        for _ in 0..ROUNDS {
            for (row, series) in rows.iter().zip(&mut series) {
                (0..FIRST_CALLS).for_each(|_| call(row));
                let start = Instant::now();
                (0..CALLS).for_each(|_| call(row));
                let mean = start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS);
                series[at] = series[at].min(mean);
            }
        }
    }
    let median = |mut series: [f64; SERIES]| {
        series.sort_by(f64::total_cmp);
        series[SERIES / 2].round() as u64
    };
    series.into_iter().map(median).collect()
}
