//! Who visits, with what cookie: most with a cookie that is only a key id and a time, some with a
//! real one.

use crate::random::Random;
use crate::server::Process;
use crate::{IDLE, MAX_SKEW};
use http::{HeaderMap, HeaderValue};
use sealed_session::{KeyId, Origin, Reason, Saved};
use time::OffsetDateTime;

/// A session as its cookie has it.
#[derive(Debug, Clone)]
pub(crate) struct Cookie {
    pub(crate) key: KeyId,
    /// By the true time.
    pub(crate) sealed_at: i64,
    /// By the clock of the server that made it.
    pub(crate) created: OffsetDateTime,
}

impl Cookie {
    /// Whether the idle timeout has not passed by any server's clock.
    pub(crate) fn is_valid(&self, now: i64) -> bool {
        let certain = IDLE - MAX_SKEW - MAX_SKEW;
        now - self.sealed_at < certain.whole_milliseconds() as i64
    }
}

#[derive(Default)]
pub(crate) struct Visitor {
    pub(crate) cookie: Option<Cookie>,
    /// For visitors with real cookies: the value, and what it counted so far.
    pub(crate) real: Option<Option<(String, u32)>>,
}

impl Visitor {
    /// A visit through the real `load` and `save`. `expected`: the session is valid.
    pub(crate) fn really_visit(
        &mut self,
        process: &mut Process,
        clock: OffsetDateTime,
        expected: bool,
        writes: bool,
    ) -> Result<(), String> {
        let Some(real) = &mut self.real else { return Ok(()) };
        let headers = match real {
            Some((value, _)) => request(value),
            None => HeaderMap::new(),
        };
        let mut session = process.sessions.load_at(&headers, clock);
        let restored = session.origin() == Origin::Restored;
        if let Some((_, count)) = real {
            if expected && !restored {
                return Err(format!("a valid cookie was not restored: {:?}", session.origin()));
            }
            if restored && *session != *count {
                return Err(format!("a counter went from {count} to {}", *session));
            }
        }
        if !writes {
            return Ok(());
        }
        *session += 1;
        let count = *session;
        let mut response = HeaderMap::new();
        let saved = process.sessions.save_at(session, &mut response, clock);
        let saved = saved.map_err(|error| format!("a session was not saved: {error}"))?;
        if saved == Saved::Written {
            let set_cookie = response["set-cookie"].to_str().unwrap();
            let value = set_cookie.split(['=', ';']).nth(1).unwrap();
            *real = Some((value.to_owned(), count));
        }
        Ok(())
    }
}

/// Sends a cookie with a key id that nobody has. It must be left alone.
pub(crate) fn forge(
    process: &mut Process,
    clock: OffsetDateTime,
    random: &mut Random,
) -> Result<(), String> {
    // Version 1, and the rest at random: 54 bytes make 72 characters.
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut value = "AQ".to_owned();
    value.extend((0..70).map(|_| char::from(alphabet[random.below(64)])));
    let session = process.sessions.load_at(&request(&value), clock);
    if session.origin() != Origin::Rejected(Reason::UnknownKey) {
        return Err(format!("a forged cookie was {:?}", session.origin()));
    }
    process.unknown_key_met = true;
    let mut response = HeaderMap::new();
    let saved = process.sessions.save_at(session, &mut response, clock);
    if saved.as_ref().ok() != Some(&Saved::Unchanged) || response.contains_key("set-cookie") {
        return Err("a cookie with an unknown key id was cleared".to_owned());
    }
    Ok(())
}

fn request(value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let cookie = HeaderValue::from_str(&format!("__Host-session={value}")).unwrap();
    headers.insert("cookie", cookie);
    headers
}
