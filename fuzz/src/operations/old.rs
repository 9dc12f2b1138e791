//! Cookies of another library that the browser may still have: "Ids of cookies from before" in
//! `docs/format.md`, and what `docs/design.md` says below the table of `save`.

use super::super::migrated::{OLD_NAME, id_of, old_key, sealed};
use super::cookies::{Content, judge_content, stored};
use super::server::Server;
use super::time;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cookie::Key;
use sealed_session::{Reason, SessionsBuilder};

/// Old cookies are accepted from `NOW` on, for four hours.
const UNTIL: i64 = 4 * 3_600_000;

/// An old cookie, and the session that it is. (What is none of that library's: the target `migrated`.)
#[derive(Clone)]
pub(super) struct OldCookie {
    pub(super) value: String,
    pub(super) id: [u8; 16],
    /// What it holds; `None` if that is no session.
    pub(super) digit: Option<u32>,
}

impl OldCookie {
    /// Each is another one.
    pub(super) fn new(digit: Option<u32>, number: u8) -> OldCookie {
        let text = digit.map_or("no session".to_owned(), |digit| digit.to_string());
        let bytes = sealed(text.as_bytes(), [number; 12]);
        OldCookie { value: BASE64_STANDARD.encode(&bytes), id: id_of(&bytes), digit }
    }

    pub(super) fn pair(&self, in_percents: bool) -> String {
        let percents = || self.value.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let value = if in_percents { percents() } else { self.value.clone() };
        format!("{OLD_NAME}={value}")
    }

    /// The session in it, if there is one, by the rules of one of ours.
    pub(super) fn judge(&self, server: &Server, now: i64) -> Result<Option<Content>, (u8, Reason)> {
        let content = self.content(server, now);
        judge_content(server, &content, now)?;
        Ok(Some(content).filter(|_| self.digit.is_some()))
    }

    /// As if one of ours had come: created at the beginning, renewed now, with the cut 1.
    pub(super) fn content(&self, server: &Server, now: i64) -> Content {
        Content {
            id: self.id,
            created: 0,
            renewed: now.max(0) / 1000,
            own: None,
            schema: server.release().sealed_as(None),
            cut: 1,
            digit: self.digit.unwrap_or(0),
        }
    }
}

pub(super) fn accept(builder: SessionsBuilder<u32>, schema: u32) -> SessionsBuilder<u32> {
    let key = Key::from(&old_key());
    builder.migrate_private_jar(OLD_NAME, &key, time(0)..time(UNTIL), move |text| {
        text.parse().ok().map(|digit| stored(digit, schema))
    })
}

/// The old cookies that a server looks at now.
pub(super) fn looked_at(server: &Server, old: &[OldCookie], now: i64) -> Vec<OldCookie> {
    let is_looked_at = server.accepts_old && now < UNTIL;
    old.iter().filter(|_| is_looked_at).cloned().collect()
}
