//! Whatever is done to a visitor's session, in whatever order, is what the rules say: a plain model
//! of `docs/format.md` and of the table in `docs/design.md`, beside the library.
//!
//! Every byte of the input is one step, so that a seed can be read:
//!
//! | byte | step |
//! | --- | --- |
//! | `A` `B` | a request comes to this server, and stays open |
//! | `0` to `9` | the handler of the latest request writes this number |
//! | `r` `R` `i` `d` | it renews, resets, rotates the id, destroys |
//! | `o` `O` | it gives the session short or long timeouts of its own |
//! | `t` | it makes a form token |
//! | `s` `p` `S` | the response of the latest request: nothing said, `private`, `public` |
//! | `.` `-` `_` `,` `;` `!` | a second, 5 s, 61 s, 10 minutes, an hour and a day pass |
//! | `<` `[` | both clocks step back by 61 s or an hour |
//! | `+` `*` `=` | the clock of B goes 30 s ahead, an hour ahead, right again |
//! | `k` `K` | A, B seals with the next key and opens all before |
//! | `x` `X` | A, B has only its newest key left |
//! | `n` `N` | A, B has dates: its next key seals in ten minutes, the one before opens for twenty |
//! | `z` `Z` | A, B has its sealing key revoked, and another |
//! | `q` `Q` | A, B refuses sessions created before now |
//! | `c` `v` `w` | the browser keeps a copy of its cookie, sends the copy too (or no longer), swaps both |
//! | `f` `j` `V` `e` | its cookie is forged, is junk, is of version 2, is gone |

use super::second::{Second, Stamps, to_bytes, to_text, unpad};
use super::{APP, NAME, NOW};
use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderValue};
use sealed_session::{
    DatedKey, EncodeError, Key, KeyRing, Origin, Reason, Saved, Session, Sessions,
};
use std::collections::BTreeSet;
use time::{Duration, OffsetDateTime};

const IDLE: i64 = 1800;
const ABSOLUTE: i64 = 28_800;
const LONGEST: (i64, i64) = (86_400, 864_000);
const SHORT: (i64, i64) = (60, 600);
const LONG: (i64, i64) = (100_000, 1_000_000);

fn key_bytes(number: u8) -> [u8; 32] {
    std::array::from_fn(|place| number.wrapping_mul(41) ^ (place as u8).wrapping_mul(7))
}

fn key(number: u8) -> Key {
    Key::from_bytes(key_bytes(number)).unwrap()
}

fn time(ms: i64) -> OffsetDateTime {
    NOW + Duration::milliseconds(ms)
}

/// Times are milliseconds from `NOW`.
fn stamp_millis(ms: i64) -> i64 {
    ms + NOW.unix_timestamp() * 1000
}

/// The keys of one server.
#[derive(Clone)]
enum Ring {
    /// The first seals, all open.
    Undated(Vec<u8>),
    /// Number, seals from, opens until, revoked; the oldest first.
    Dated(Vec<(u8, i64, Option<i64>, bool)>),
}

#[derive(Clone, Copy, PartialEq)]
enum Opens {
    Now,
    NoLonger,
    Unknown,
}

impl Ring {
    fn build(&self) -> KeyRing {
        match self {
            Ring::Undated(keys) => {
                let retired = keys[1..].iter();
                retired.fold(KeyRing::new(key(keys[0])), |ring, old| {
                    ring.with_retired(key(*old)).unwrap()
                })
            }
            Ring::Dated(keys) => {
                KeyRing::schedule(keys.iter().map(|(number, from, until, revoked)| {
                    let dated = DatedKey::new(key(*number), time(*from));
                    let dated = until
                        .iter()
                        .fold(dated, |dated, until| dated.with_open_until(time(*until)));
                    if *revoked { dated.with_revoked() } else { dated }
                }))
                .unwrap()
            }
        }
    }

    fn opens(&self, number: u8, now: i64) -> Opens {
        match self {
            Ring::Undated(keys) if keys.contains(&number) => Opens::Now,
            Ring::Undated(_) => Opens::Unknown,
            Ring::Dated(keys) => match keys.iter().find(|key| key.0 == number) {
                None => Opens::Unknown,
                Some((_, _, until, revoked))
                    if *revoked || until.is_some_and(|until| until <= now) =>
                {
                    Opens::NoLonger
                }
                Some(_) => Opens::Now,
            },
        }
    }

    fn seals(&self, now: i64) -> Option<u8> {
        match self {
            Ring::Undated(keys) => Some(keys[0]),
            Ring::Dated(keys) => {
                let mut ready =
                    keys.iter().filter(|key| key.1 <= now && self.opens(key.0, now) == Opens::Now);
                ready.next_back().map(|key| key.0)
            }
        }
    }

    fn newest(&self) -> u8 {
        match self {
            Ring::Undated(keys) => keys[0],
            Ring::Dated(keys) => keys.iter().rfind(|key| !key.3).expect("not all are revoked").0,
        }
    }

    fn all(&self) -> Vec<u8> {
        match self {
            Ring::Undated(keys) => keys.clone(),
            Ring::Dated(keys) => keys.iter().rev().map(|key| key.0).collect(),
        }
    }
}

struct Server {
    sessions: Sessions<u32>,
    ring: Ring,
    /// How far its clock is ahead.
    ahead: i64,
    /// Sessions created before this do not count.
    cut: i64,
}

impl Server {
    fn new() -> Server {
        let ring = Ring::Undated(vec![0]);
        let builder = Sessions::builder(APP, ring.build());
        let (idle, absolute) = LONGEST;
        let builder =
            builder.longest_timeouts(Duration::seconds(idle), Duration::seconds(absolute));
        Server { sessions: builder.build().unwrap(), ring, ahead: 0, cut: i64::MIN }
    }

    fn set(&mut self, ring: Ring) {
        self.sessions.set_key_ring(ring.build());
        self.ring = ring;
    }
}

/// A session that is in a cookie.
#[derive(Clone, Debug, PartialEq)]
struct Content {
    id: [u8; 16],
    created: i64,
    renewed: i64,
    own: Option<(i64, i64)>,
    data: u32,
}

/// What a cookie is.
#[derive(Clone)]
enum Kind {
    Good(u8, Content),
    Forged(u8),
    Junk,
    Version2,
}

#[derive(Clone)]
struct CookieSent {
    value: String,
    kind: Kind,
}

/// How far a time lies ahead does not count.
fn lengths(own: Option<(i64, i64)>) -> (i64, i64) {
    own.map_or((IDLE, ABSOLUTE), |(idle, absolute)| (idle.min(LONGEST.0), absolute.min(LONGEST.1)))
}

impl Content {
    fn deadlines(&self, now: i64) -> (i64, i64) {
        let (idle, absolute) = lengths(self.own);
        (
            (self.created + self.renewed * 1000).min(now) + idle * 1000,
            self.created.min(now) + absolute * 1000,
        )
    }

    /// `renewed` of a cookie written now.
    fn renewed_at(&self, now: i64) -> i64 {
        let age = (now - self.created).max(0) / 1000;
        age.min(lengths(self.own).1).max(self.renewed)
    }

    fn renewal_due(&self, now: i64) -> bool {
        let (idle, _) = lengths(self.own);
        let usual = (idle / 10).max(60);
        let after = if usual < idle { usual } else { idle / 2 };
        now >= self.created + (self.renewed + after) * 1000 && self.renewed_at(now) > self.renewed
    }
}

/// Rows 2 to 10 of "Opening": the row and the reason that refuse it.
fn judge(server: &Server, cookie: &CookieSent, now: i64) -> Result<Content, (u8, Reason)> {
    let number = match &cookie.kind {
        Kind::Junk => return Err((2, Reason::Malformed)),
        Kind::Version2 => return Err((4, Reason::UnknownVersion)),
        Kind::Forged(number) | Kind::Good(number, _) => *number,
    };
    match server.ring.opens(number, now) {
        Opens::Unknown => return Err((5, Reason::UnknownKey)),
        Opens::NoLonger => return Err((5, Reason::RetiredKey)),
        Opens::Now => {}
    }
    let Kind::Good(_, content) = &cookie.kind else { return Err((6, Reason::Forged)) };
    if content.created + content.renewed * 1000 > now + 60_000 {
        return Err((8, Reason::NotYetValid));
    }
    let (idle, absolute) = content.deadlines(now);
    if absolute <= now {
        return Err((9, Reason::AbsoluteTimeout));
    }
    if idle <= now {
        return Err((9, Reason::IdleTimeout));
    }
    if content.created < server.cut {
        return Err((10, Reason::Revoked));
    }
    Ok(content.clone())
}

/// Whether the cookie must not be overwritten.
fn is_kept(reason: Reason) -> bool {
    use Reason::{NewerSchema, NotYetValid, TooMany, UnknownVersion};
    matches!(reason, UnknownVersion | NewerSchema | NotYetValid | TooMany)
}

/// "Cookies of a request".
fn judge_all(server: &Server, cookies: &[CookieSent], now: i64) -> Result<Option<Content>, Reason> {
    let mut accepted: Option<Content> = None;
    let mut refused: Option<(bool, u8, Reason)> = None;
    for cookie in cookies {
        match judge(server, cookie, now) {
            Ok(content) => match &accepted {
                Some(other) if other.id != content.id => return Err(Reason::Ambiguous),
                Some(other) if other.renewed >= content.renewed => {}
                _ => accepted = Some(content),
            },
            Err((row, reason)) => {
                let weight = (is_kept(reason), row);
                if refused.is_none_or(|(kept, row, _)| weight > (kept, row)) {
                    refused = Some((weight.0, weight.1, reason));
                }
            }
        }
    }
    match (accepted, refused) {
        (Some(content), _) => Ok(Some(content)),
        (None, Some((_, _, reason))) => Err(reason),
        (None, None) => Ok(None),
    }
}

/// A request that is under way, and what its handler did, by the model.
struct Request {
    server: usize,
    session: Session<u32>,
    loaded_at: i64,
    origin: Origin,
    cookies: usize,
    before: Option<Content>,
    now_is: Content,
    destroyed: bool,
    renewed: bool,
    rotated: bool,
    own_set: bool,
    token: bool,
}

struct World {
    clock: i64,
    servers: [Server; 2],
    next_key: u8,
    cookie: Option<CookieSent>,
    copy: Option<CookieSent>,
    sends_copy: bool,
    open: Vec<Request>,
    ids: BTreeSet<[u8; 16]>,
    outcome: &'static str,
}

/// Any steps; the outcome is that of the last response.
pub fn operations(bytes: &[u8]) -> &'static str {
    let mut world = World {
        clock: 0,
        servers: [Server::new(), Server::new()],
        next_key: 1,
        cookie: None,
        copy: None,
        sends_copy: false,
        open: Vec::new(),
        ids: BTreeSet::new(),
        outcome: "nothing",
    };
    for step in bytes.iter().take(400) {
        world.step(*step);
    }
    world.outcome
}

impl World {
    fn now(&self, server: usize) -> i64 {
        self.clock + self.servers[server].ahead
    }

    fn step(&mut self, step: u8) {
        let server = usize::from(step.is_ascii_uppercase());
        match step {
            b'A' => self.request(0),
            b'B' => self.request(1),
            b'0'..=b'9' | b'r' | b'R' | b'i' | b'd' | b'o' | b'O' | b't' => self.handle(step),
            b's' => self.respond(None),
            b'p' => self.respond(Some("private")),
            b'S' => self.respond(Some("public")),
            b'.' => self.clock += 1000,
            b'-' => self.clock += 5000,
            b'_' => self.clock += 61_000,
            b',' => self.clock += 600_000,
            b';' => self.clock += 3_600_000,
            b'!' => self.clock += 86_400_000,
            b'<' => self.clock -= 61_000,
            b'[' => self.clock -= 3_600_000,
            b'+' => self.servers[1].ahead += 30_000,
            b'*' => self.servers[1].ahead += 3_600_000,
            b'=' => self.servers[1].ahead = 0,
            b'k' | b'K' | b'n' | b'N' | b'z' | b'Z' => {
                self.next_key_of(server, step.to_ascii_lowercase())
            }
            b'x' | b'X' => {
                let newest = self.servers[server].ring.newest();
                self.servers[server].set(Ring::Undated(vec![newest]));
            }
            b'q' | b'Q' => {
                let now = self.now(server);
                self.servers[server].cut = self.servers[server].cut.max(now);
                self.servers[server].sessions.reject_created_before(time(now));
            }
            b'c' => self.copy = self.cookie.clone(),
            b'v' => self.sends_copy = !self.sends_copy,
            b'w' => std::mem::swap(&mut self.cookie, &mut self.copy),
            b'e' => self.cookie = None,
            b'f' | b'j' | b'V' => self.spoil(step),
            _ => {}
        }
    }

    /// Both servers may come to the same key, as those of a fleet do.
    fn next_key_of(&mut self, server: usize, step: u8) {
        let (now, other) = (self.now(server), self.servers[1 - server].ring.all());
        let all = self.servers[server].ring.all();
        let next = match other.iter().find(|key| !all.contains(key)) {
            Some(known) => *known,
            None if self.next_key < 12 => {
                self.next_key += 1;
                self.next_key - 1
            }
            None => return,
        };
        let newest = self.servers[server].ring.newest();
        self.servers[server].set(match step {
            b'k' => Ring::Undated([vec![next], all].concat()),
            b'n' => Ring::Dated(vec![
                (newest, now - 1000, Some(now + 1_200_000), false),
                (next, now + 600_000, None, false),
            ]),
            _ => {
                Ring::Dated(vec![(newest, now - 2000, None, true), (next, now - 1000, None, false)])
            }
        });
    }

    fn spoil(&mut self, step: u8) {
        let Some(cookie) = &mut self.cookie else { return };
        match (step, &cookie.kind) {
            (b'j', _) => {
                *cookie = CookieSent { value: "no cookie of ours".to_owned(), kind: Kind::Junk }
            }
            (b'f', Kind::Good(number, _)) => {
                let mut bytes = to_bytes(&cookie.value);
                *bytes.last_mut().unwrap() ^= 1;
                *cookie = CookieSent { value: to_text(&bytes), kind: Kind::Forged(*number) };
            }
            (b'V', Kind::Good(..)) => {
                let mut bytes = to_bytes(&cookie.value);
                bytes[0] = 2;
                *cookie = CookieSent { value: to_text(&bytes), kind: Kind::Version2 };
            }
            _ => {}
        }
    }

    fn request(&mut self, server: usize) {
        if self.open.len() == 4 {
            self.open.remove(0);
        }
        let now = self.now(server);
        let copy = self.copy.iter().filter(|_| self.sends_copy);
        let sent: Vec<CookieSent> = self.cookie.iter().chain(copy).cloned().collect();
        let mut headers = HeaderMap::new();
        for cookie in &sent {
            headers
                .append(COOKIE, HeaderValue::try_from(format!("{NAME}={}", cookie.value)).unwrap());
        }
        let session = self.servers[server].sessions.load_at(&headers, time(now));
        let (origin, before) = match judge_all(&self.servers[server], &sent, now) {
            Ok(None) => (Origin::New, None),
            Ok(Some(content)) => (Origin::Restored, Some(content)),
            Err(reason) => (Origin::Rejected(reason), None),
        };
        assert_eq!(session.origin(), origin);
        assert_eq!(*session, before.as_ref().map_or(0, |content| content.data));
        if let Some(content) = &before {
            assert_eq!(*session.id().as_bytes(), content.id);
            let (idle, absolute) = content.deadlines(now);
            assert_eq!(
                (session.idle_deadline(), session.absolute_deadline()),
                (time(idle), time(absolute))
            );
        }
        let fresh = Content { id: [0; 16], created: now, renewed: 0, own: None, data: 0 };
        self.open.push(Request {
            server,
            session,
            loaded_at: now,
            origin,
            cookies: sent.len(),
            now_is: before.clone().unwrap_or(fresh),
            before,
            destroyed: false,
            renewed: false,
            rotated: false,
            own_set: false,
            token: false,
        });
    }

    fn handle(&mut self, step: u8) {
        let Some(request) = self.open.last_mut() else { return };
        let now = self.clock + self.servers[request.server].ahead;
        let Request { session, now_is, .. } = request;
        match step {
            b'0'..=b'9' => {
                now_is.data = u32::from(step - b'0');
                **session = now_is.data;
            }
            b'r' | b'R' => {
                (request.renewed, now_is.created, now_is.renewed) = (true, request.loaded_at, 0);
                if step == b'R' {
                    session.reset();
                    (now_is.data, now_is.own, request.own_set) = (0, None, false);
                } else {
                    session.renew();
                    if !request.own_set {
                        now_is.own = None;
                    }
                }
            }
            b'i' => {
                session.rotate_id();
                request.rotated = true;
            }
            b'd' => {
                session.destroy();
                request.destroyed = true;
            }
            b'o' | b'O' => {
                let own = if step == b'o' { SHORT } else { LONG };
                session.set_timeouts(Duration::seconds(own.0), Duration::seconds(own.1));
                (now_is.own, request.own_set) = (Some(own), true);
            }
            _ => {
                let server = &self.servers[request.server];
                let made = server.sessions.csrf_token_at(session, time(now));
                match (made, server.ring.seals(now)) {
                    (Ok(token), Some(_)) => {
                        assert!(server.sessions.verify_csrf_at(session, &token, time(now)));
                        request.token = true;
                    }
                    (Err(EncodeError::NoSealingKey), None) => {}
                    (made, seals) => panic!("{made:?} with {seals:?}"),
                }
            }
        }
    }

    fn respond(&mut self, cache_control: Option<&'static str>) {
        let Some(request) = self.open.pop() else { return };
        let server = &self.servers[request.server];
        let now = self.clock + server.ahead;
        let seals = server.ring.seals(now);
        let expected = request.expected(now, cache_control == Some("public"), seals.is_some());

        let mut headers = HeaderMap::new();
        if let Some(said) = cache_control {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(said));
        }
        let id_before = request.before.as_ref().map(|content| content.id);
        let Request { session, now_is, renewed, rotated, token, .. } = request;
        let saved = server.sessions.save_at(session, &mut headers, time(now));
        let saved = match (saved, expected) {
            (Ok(saved), Some(expected)) => {
                assert_eq!(saved, expected);
                saved
            }
            (Err(EncodeError::NoSealingKey), None) => {
                assert!(!headers.contains_key(SET_COOKIE) && !headers.contains_key(VARY));
                self.outcome = "no_key";
                return;
            }
            (saved, expected) => panic!("{saved:?}, not {expected:?}"),
        };

        // What caches are told.
        let sets = matches!(saved, Saved::Written | Saved::Removed);
        let said = match cache_control {
            _ if sets || token => "private, no-store",
            Some(said) => said,
            None => "private",
        };
        assert_eq!(headers[CACHE_CONTROL], said);
        assert_eq!(headers[VARY], "Cookie");

        // What the browser is told.
        let lines: Vec<&str> =
            headers.get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap()).collect();
        assert_eq!(lines.len(), usize::from(sets));
        match saved {
            Saved::Written => {
                let (pair, attributes) = lines[0].split_once("; ").unwrap();
                let value = pair.strip_prefix(&format!("{NAME}=")).unwrap();
                let number = seals.expect("something was sealed");
                let expected = Content { renewed: now_is.renewed_at(now), ..now_is };
                let content = opened(number, value);
                assert_eq!(
                    Content { id: [0; 16], ..content.clone() },
                    Content { id: [0; 16], ..expected.clone() }
                );
                if id_before.is_some() && !renewed && !rotated {
                    assert_eq!(Some(content.id), id_before);
                } else {
                    assert!(self.ids.insert(content.id), "an id came twice");
                }
                let (idle, absolute) = expected.deadlines(now);
                let left = (idle.min(absolute) - now).max(0) / 1000;
                assert!(
                    attributes.ends_with(&format!("; Max-Age={left}")),
                    "{attributes}, not {left}"
                );
                self.cookie =
                    Some(CookieSent { value: value.to_owned(), kind: Kind::Good(number, content) });
            }
            Saved::Removed => {
                assert!(
                    lines[0].starts_with(&format!("{NAME}=; ")) && lines[0].contains("; Max-Age=0")
                );
                self.cookie = None;
            }
            _ => {}
        }
        self.outcome = match saved {
            Saved::Unchanged => "unchanged",
            Saved::Kept => "kept",
            Saved::Written => "written",
            Saved::Removed => "removed",
            Saved::Deferred => "deferred",
            other => panic!("{other:?}"),
        };
    }
}

impl Request {
    /// "What `save` does" in `docs/design.md`; `None` if it is an error.
    fn expected(&self, now: i64, shared: bool, can_seal: bool) -> Option<Saved> {
        let rejected = match self.origin {
            Origin::Rejected(reason) => Some(reason),
            Origin::New | Origin::Restored => None,
        };
        let kept = rejected.is_some_and(is_kept);
        let own_before = self.before.as_ref().and_then(|content| content.own);
        let data_before = self.before.as_ref().map_or(0, |content| content.data);
        let changed =
            self.rotated || self.now_is.own != own_before || self.now_is.data != data_before;
        let awaited = self.token && self.before.is_none();

        // 1
        if self.destroyed {
            return Some(if self.cookies > 0 { Saved::Removed } else { Saved::Unchanged });
        }
        // 2
        if kept && !self.renewed {
            return Some(if changed { Saved::Kept } else { Saved::Unchanged });
        }
        // 3
        if self.renewed || changed || awaited {
            return can_seal.then_some(Saved::Written);
        }
        // 4
        use Reason::{Forged, InvalidPayload, Malformed, OldSchema, RetiredKey, Revoked, TooLong};
        let is_dead = matches!(
            rejected,
            Some(TooLong | Malformed | RetiredKey | Forged | InvalidPayload | OldSchema | Revoked)
        );
        if is_dead && self.cookies == 1 {
            return Some(if shared { Saved::Deferred } else { Saved::Removed });
        }
        // 5
        if self.before.as_ref().is_some_and(|content| content.renewal_due(now)) {
            let late = now - self.loaded_at >= 6000;
            return Some(if shared || late || !can_seal {
                Saved::Deferred
            } else {
                Saved::Written
            });
        }
        // 6
        Some(Saved::Unchanged)
    }
}

/// What is in a cookie, by the second implementation.
fn opened(number: u8, value: &str) -> Content {
    let plaintext =
        Second::new(key_bytes(number), APP, NAME).open(value).expect("the sealing key opens it");
    let (stamps, data) = Stamps::read(unpad(&plaintext).unwrap()).unwrap();
    let &[data] = data else { panic!("a small number is one byte") };
    assert_eq!((stamps.schema, stamps.cut), (0, 0));
    Content {
        id: stamps.id,
        created: stamps.created_millis() as i64 - stamp_millis(0),
        renewed: stamps.renewed.into(),
        own: stamps.timeouts.map(|(idle, absolute)| (idle.into(), absolute.into())),
        data: data.into(),
    }
}
