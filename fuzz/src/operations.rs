//! Whatever is done to a visitor's session, in whatever order, is what the rules say: a plain model
//! of `docs/format.md` and of the table in `docs/design.md`, beside the library.
//!
//! Every byte of the input is one step, so that a seed can be read:
//!
//! | byte | step |
//! | --- | --- |
//! | `A` `B` | a request comes to this server, and stays open |
//! | `0` to `9` | the handler of the latest request writes this number: 0 is nobody's, and 1 to 9 are in turn those of three users |
//! | `r` `R` `i` `d` | it renews, resets, rotates the id, destroys |
//! | `o` `O` | it gives the session short or long timeouts of its own |
//! | `t` `>` | it makes a form token, or a value of its session that no response carries |
//! | `E` | it ends the other sessions of its user |
//! | `?` | the outcome is what became of its cookies, until the next response |
//! | `s` `p` `S` | the response of the latest request: nothing said, `private`, `public` |
//! | `.` `-` `_` `,` `;` `!` | a second, 5 s, 61 s, 10 minutes, an hour and a day pass |
//! | `<` `[` | both clocks step back by 61 s or an hour, but not to more than 12 hours ago |
//! | `+` `*` `=` | the clock of B goes 30 s ahead, an hour ahead (up to eight), right again |
//! | `k` `K` | A, B seals with the next key and opens all before |
//! | `x` `X` | A, B has only its newest key left |
//! | `n` `N` | A, B has dates: its next key seals in ten minutes, the one before opens for twenty |
//! | `z` `Z` | A, B has its sealing key revoked, and another |
//! | `q` `Q` | A, B refuses sessions created before now |
//! | `l` `L` | A, B starts anew, with an empty list of ended sessions or, if it had one, without |
//! | `h` `H` | A, B starts anew with its next release, which has other schemas (`operations/server.rs`) |
//! | `y` `Y` | the session in the browser's cookie is ended by its id on A, B |
//! | `u` `U` | all sessions of the user in the browser's cookie are ended on A, B |
//! | `m` `M` | a feed tells A, B that all sessions ended which were created before now |
//! | `g` `G` | the other server hears of all that ended on A, B |
//! | `$` `%` | A, B starts anew: for the first four hours it takes cookies of another library, or no longer |
//! | `c` `v` `w` | the browser keeps a copy of its cookie, sends the copy too (or no longer), swaps both |
//! | `&` `#` | it sends its cookie sixteen or seventeen times, or once again |
//! | `a` `b` `W` | it gets another cookie of that library, which holds 1, 2 or no session, and has up to two |
//! | `P` `D` | it sends those percent-encoded, too (or no longer); they are gone |
//! | `f` `j` `V` `e` | its cookie is forged, is junk, is of version 2, is gone |

mod cookies;
mod keys;
mod list;
mod old;
mod request;
mod respond;
mod server;

use self::cookies::{Content, CookieSent, Kind, judge_all};
use self::keys::Ring;
use self::list::List;
use self::old::OldCookie;
use self::request::Request;
use self::server::Server;
use super::second::{to_bytes, to_text};
use super::{NAME, NOW};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use sealed_session::Origin;
use std::collections::BTreeSet;
use time::{Duration, OffsetDateTime};

const IDLE: i64 = 1800;
const ABSOLUTE: i64 = 28_800;
const LONGEST: (i64, i64) = (86_400, 864_000);
const SHORT: (i64, i64) = (60, 600);
const LONG: (i64, i64) = (100_000, 1_000_000);

/// How far clocks step back, and B's is ahead: together under a day, by which clocks may be apart.
const MOST_BACK: i64 = 12 * 3_600_000;
const MOST_AHEAD: i64 = 8 * 3_600_000;

fn time(ms: i64) -> OffsetDateTime {
    NOW + Duration::milliseconds(ms)
}

/// Times are milliseconds from `NOW`.
fn stamp_millis(ms: i64) -> i64 {
    ms + NOW.unix_timestamp() * 1000
}

struct World {
    clock: i64,
    /// The latest that it has shown.
    latest: i64,
    servers: [Server; 2],
    next_key: u8,
    cookie: Option<CookieSent>,
    copy: Option<CookieSent>,
    sends_copy: bool,
    /// How often the cookie is sent.
    times: usize,
    /// What it has from another library, and how many of those there have been.
    old: Vec<OldCookie>,
    old_made: u8,
    sends_old_again: bool,
    open: Vec<Request>,
    ids: BTreeSet<[u8; 16]>,
    outcome: &'static str,
}

/// Any steps; the outcome is that of the last response.
pub fn operations(bytes: &[u8]) -> &'static str {
    let mut world = World {
        clock: 0,
        latest: 0,
        servers: [Server::new(), Server::new()],
        next_key: 1,
        cookie: None,
        copy: None,
        sends_copy: false,
        times: 1,
        old: Vec::new(),
        old_made: 0,
        sends_old_again: false,
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
            b'0'..=b'9' | b'r' | b'R' | b'i' | b'd' | b'o' | b'O' | b't' | b'E' => {
                if let Some(request) = self.open.last_mut() {
                    let server = &mut self.servers[request.server];
                    request.handle(step, server, self.clock + server.ahead);
                }
            }
            b'>' => self.encode(),
            b'?' => self.tell_origin(),
            b's' => self.respond(None),
            b'p' => self.respond(Some("private")),
            b'S' => self.respond(Some("public")),
            b'.' => self.pass(1000),
            b'-' => self.pass(5000),
            b'_' => self.pass(61_000),
            b',' => self.pass(600_000),
            b';' => self.pass(3_600_000),
            b'!' => self.pass(86_400_000),
            b'<' => self.pass(-61_000),
            b'[' => self.pass(-3_600_000),
            b'+' => self.go_ahead(30_000),
            b'*' => self.go_ahead(3_600_000),
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
                self.servers[server].refuse_created_before(now);
            }
            b'l' | b'L' => {
                self.servers[server].start_with_or_without_list();
                self.open.retain(|request| request.server != server);
            }
            b'h' | b'H' => {
                self.servers[server].start_next_release();
                self.open.retain(|request| request.server != server);
            }
            b'$' | b'%' => {
                let server = usize::from(step == b'%');
                self.servers[server].start_with_or_without_old();
                self.open.retain(|request| request.server != server);
            }
            b'a' => self.get_old(Some(1)),
            b'b' => self.get_old(Some(2)),
            b'W' => self.get_old(None),
            b'P' => self.sends_old_again = !self.sends_old_again,
            b'D' => self.old.clear(),
            b'y' | b'Y' | b'u' | b'U' | b'm' | b'M' => self.end(server, step.to_ascii_lowercase()),
            b'g' | b'G' => self.tell_the_other(server),
            b'c' => self.copy = self.cookie.clone(),
            b'v' => self.sends_copy = !self.sends_copy,
            b'w' => std::mem::swap(&mut self.cookie, &mut self.copy),
            b'&' => self.times = if self.times == 16 { 1 } else { 16 },
            b'#' => self.times = if self.times == 17 { 1 } else { 17 },
            b'e' => self.cookie = None,
            b'f' | b'j' | b'V' => self.spoil(step),
            _ => {}
        }
    }

    fn pass(&mut self, length: i64) {
        self.clock = (self.clock + length).max(self.latest - MOST_BACK);
        self.latest = self.latest.max(self.clock);
    }

    fn go_ahead(&mut self, length: i64) {
        let ahead = &mut self.servers[1].ahead;
        *ahead = (*ahead + length).min(MOST_AHEAD);
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

    /// Somebody ends the session in the browser's cookie, or more.
    fn end(&mut self, server: usize, step: u8) {
        let now = self.now(server);
        let Some(list) = &mut self.servers[server].list else { return };
        match (step, &self.cookie) {
            (b'm', _) => list.end_everyone(now),
            (b'y', Some(CookieSent { kind: Kind::Good(_, content), .. })) => {
                list.end(content.id, now);
            }
            (b'u', Some(CookieSent { kind: Kind::Good(_, content), .. })) => {
                list.end_all_of(content.digit, now);
            }
            _ => return,
        }
        list.compare();
    }

    fn tell_the_other(&mut self, server: usize) {
        let now = self.now(1 - server);
        let [a, b] = &mut self.servers;
        if let (Some(a), Some(b)) = (&mut a.list, &mut b.list) {
            let (from, to): (&mut List, &mut List) = if server == 0 { (a, b) } else { (b, a) };
            from.tell(to, now);
        }
    }

    fn get_old(&mut self, digit: Option<u32>) {
        self.old.push(OldCookie::new(digit, self.old_made));
        self.old_made = self.old_made.wrapping_add(1);
        if self.old.len() > 2 {
            self.old.remove(0);
        }
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
        let cookie = self.cookie.iter().flat_map(|cookie| std::iter::repeat_n(cookie, self.times));
        let copy = self.copy.iter().filter(|_| self.sends_copy);
        let sent: Vec<CookieSent> = cookie.chain(copy).cloned().collect();
        let mut headers = HeaderMap::new();
        for cookie in &sent {
            headers
                .append(COOKIE, HeaderValue::try_from(format!("{NAME}={}", cookie.value)).unwrap());
        }
        for pair in self.old.iter().map(|old| old.pair(false)) {
            headers.append(COOKIE, HeaderValue::try_from(pair).unwrap());
        }
        for pair in self.old.iter().filter(|_| self.sends_old_again).map(|old| old.pair(true)) {
            headers.append(COOKIE, HeaderValue::try_from(pair).unwrap());
        }
        let place = server;
        let server = &mut self.servers[place];
        if let Some(list) = &mut server.list {
            list.compare();
        }
        let session = server.sessions.load_at(&headers, time(now));
        let old = old::looked_at(server, &self.old, now);
        let judged = judge_all(server, &sent, &old, now);
        let (origin, before) = match judged.session {
            Ok(None) => (Origin::New, None),
            Ok(Some(content)) => (Origin::Restored, Some(content)),
            Err(reason) => (Origin::Rejected(reason), None),
        };
        assert_eq!(session.origin(), origin);
        let digit = before.as_ref().map_or(0, |content| content.digit);
        assert_eq!(*session, server.stored(digit));
        if let Some(content) = &before {
            assert_eq!(*session.id().as_bytes(), content.id);
            let (idle, absolute) = content.deadlines(now);
            assert_eq!(
                (session.idle_deadline(), session.absolute_deadline()),
                (time(idle), time(absolute))
            );
        }
        let fresh = Content {
            id: [0; 16],
            created: now,
            renewed: 0,
            own: None,
            schema: 0,
            cut: 0,
            digit: 0,
        };
        self.open.push(Request {
            server: place,
            session,
            loaded_at: now,
            origin,
            cookies: sent.len() + usize::from(!old.is_empty()),
            has_old: !old.is_empty(),
            brought: judged.brought,
            known: server.list.as_ref().map(List::known).unwrap_or_default(),
            now_is: before.clone().unwrap_or(fresh),
            before,
            is_migrated: judged.is_migrated,
            destroyed: false,
            renewed: false,
            reset: false,
            rotated: false,
            own_set: false,
            ends_others: false,
            token: false,
        });
    }

    fn tell_origin(&mut self) {
        let Some(request) = self.open.last() else { return };
        self.outcome = match request.origin {
            Origin::New => "new",
            Origin::Restored => "restored",
            Origin::Rejected(reason) => reason.as_str(),
        };
    }
}
