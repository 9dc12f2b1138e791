//! What a cookie holds, and why a server refuses it: "Opening, in this order" and "Cookies of a
//! request" in `docs/format.md`.

use super::super::second::{Second, Stamps, unpad, varint};
use super::super::{APP, NAME};
use super::keys::{Opens, key_bytes};
use super::list::user_of;
use super::old::OldCookie;
use super::server::Server;
use super::{ABSOLUTE, IDLE, LONGEST, stamp_millis};
use sealed_session::Reason;

/// A session that is in a cookie.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Content {
    pub(super) id: [u8; 16],
    pub(super) created: i64,
    pub(super) renewed: i64,
    pub(super) own: Option<(i64, i64)>,
    pub(super) schema: u32,
    pub(super) cut: u32,
    /// What the handler wrote, in whichever schema.
    pub(super) digit: u32,
}

/// What a cookie is.
#[derive(Clone)]
pub(super) enum Kind {
    Good(u8, Content),
    Forged(u8),
    Junk,
    Version2,
}

#[derive(Clone)]
pub(super) struct CookieSent {
    pub(super) value: String,
    pub(super) kind: Kind,
}

/// A number as it is stored: each schema has one more zero behind it.
pub(super) fn stored(digit: u32, schema: u32) -> u32 {
    digit * 10_u32.pow(schema)
}

/// How far a time lies ahead does not count.
fn lengths(own: Option<(i64, i64)>) -> (i64, i64) {
    own.map_or((IDLE, ABSOLUTE), |(idle, absolute)| (idle.min(LONGEST.0), absolute.min(LONGEST.1)))
}

impl Content {
    pub(super) fn deadlines(&self, now: i64) -> (i64, i64) {
        let (idle, absolute) = lengths(self.own);
        (
            (self.created + self.renewed * 1000).min(now) + idle * 1000,
            self.created.min(now) + absolute * 1000,
        )
    }

    /// `renewed` of a cookie written now.
    pub(super) fn renewed_at(&self, now: i64) -> i64 {
        let age = (now - self.created).max(0) / 1000;
        age.min(lengths(self.own).1).max(self.renewed)
    }

    pub(super) fn renewal_due(&self, now: i64) -> bool {
        let (idle, _) = lengths(self.own);
        let usual = (idle / 10).max(60);
        let after = if usual < idle { usual } else { idle / 2 };
        now >= self.created + (self.renewed + after) * 1000 && self.renewed_at(now) > self.renewed
    }
}

/// "Opening": the row and the reason that refuse it.
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
    judge_content(server, content, now)?;
    Ok(content.clone())
}

/// Rows 8 to 13.
pub(super) fn judge_content(
    server: &Server,
    content: &Content,
    now: i64,
) -> Result<(), (u8, Reason)> {
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
    if server.list.as_ref().is_some_and(|list| list.has_ended(content)) {
        return Err((10, Reason::Ended));
    }
    if content.schema > server.release().schema {
        return Err((11, Reason::NewerSchema));
    }
    if !server.release().reads(content.schema) {
        return Err((11, Reason::OldSchema));
    }
    let cut = server.list.as_ref().and_then(|list| list.cut(user_of(content.digit)));
    if cut.is_some_and(|cut| cut.number > content.cut) {
        return Err((13, Reason::Ended));
    }
    Ok(())
}

/// Whether the cookie must not be overwritten.
pub(super) fn is_kept(reason: Reason) -> bool {
    use Reason::{NewerSchema, NotYetValid, TooMany, UnknownVersion};
    matches!(reason, UnknownVersion | NewerSchema | NotYetValid | TooMany)
}

/// Whether nobody will ever accept the cookie.
pub(super) fn is_dead(reason: Reason) -> bool {
    use Reason::{Forged, InvalidPayload, Malformed, OldSchema, RetiredKey, Revoked, TooLong};
    matches!(
        reason,
        TooLong | Malformed | RetiredKey | Forged | InvalidPayload | OldSchema | Revoked
    )
}

/// What a request brought.
pub(super) struct Judged {
    pub(super) session: Result<Option<Content>, Reason>,
    /// The sessions of all authentic cookies that were opened, the accepted one first, and whether
    /// somebody can read whose they are.
    pub(super) brought: Vec<(Content, bool)>,
    /// Whether the accepted one came from another library.
    pub(super) is_migrated: bool,
}

/// "Cookies of a request", and what is said of old ones below the table of `save`.
pub(super) fn judge_all(
    server: &Server,
    cookies: &[CookieSent],
    old: &[OldCookie],
    now: i64,
) -> Judged {
    let mut opened = 0;
    let mut accepted: Option<Content> = None;
    let mut overruled = None;
    let mut refused: Option<(u8, Reason)> = None;
    let mut brought = Vec::new();
    for cookie in cookies {
        let judged = judge(server, cookie, now);
        if judged.as_ref().err().is_none_or(|(row, _)| *row > 5) {
            opened += 1;
            if opened > 16 {
                overruled = Some(Reason::TooMany);
                break;
            }
            if let Kind::Good(_, content) = &cookie.kind {
                brought.push(content.clone());
            }
        }
        match judged {
            Ok(content) => match &accepted {
                Some(other) if other.id != content.id => overruled = Some(Reason::Ambiguous),
                Some(other) if other.renewed >= content.renewed => {}
                _ => accepted = Some(content),
            },
            Err(refusal) => refused = Some(to_act_on(refused, refusal)),
        }
    }
    // An old one does not count beside one of ours that is authentic or kept.
    let leaves_room = |(row, reason)| row <= 6 && !is_kept(reason);
    let old_counts = overruled.is_none() && accepted.is_none() && refused.is_none_or(leaves_room);
    let mut is_migrated = false;
    match old {
        [cookie] if old_counts => match cookie.judge(server, now) {
            Ok(content) => (is_migrated, accepted) = (content.is_some(), content),
            Err(refusal) => refused = Some(to_act_on(refused, refusal)),
        },
        [_, _, ..] if old_counts => {
            refused = Some(to_act_on(refused, (13, Reason::Ambiguous)));
        }
        _ => {}
    }
    let session = match (overruled, accepted, refused) {
        (Some(reason), _, _) => Err(reason),
        (None, Some(content), _) => {
            brought.retain(|other| *other != content);
            if !is_migrated {
                brought.insert(0, content.clone());
            }
            Ok(Some(content))
        }
        (None, None, Some((_, reason))) => Err(reason),
        (None, None, None) => Ok(None),
    };
    let ours = brought.into_iter().map(|content| {
        let is_read = server.release().reads(content.schema);
        (content, is_read)
    });
    let theirs = old.iter().map(|cookie| (cookie.content(server, now), cookie.digit.is_some()));
    Judged { session, brought: ours.chain(theirs).collect(), is_migrated }
}

/// Of two refusals the one that is told.
fn to_act_on(one: Option<(u8, Reason)>, other: (u8, Reason)) -> (u8, Reason) {
    let weight = |(row, reason): (u8, Reason)| (is_kept(reason), row);
    one.filter(|one| weight(*one) >= weight(other)).unwrap_or(other)
}

/// What is in a cookie, by the second implementation.
pub(super) fn opened(number: u8, value: &str) -> Content {
    let plaintext =
        Second::new(key_bytes(number), APP, NAME).open(value).expect("the sealing key opens it");
    let (stamps, data) = Stamps::read(unpad(&plaintext).unwrap()).unwrap();
    let is_stored = |digit: &u32| data == varint(stored(*digit, stamps.schema).into());
    Content {
        id: stamps.id,
        created: stamps.created_millis() as i64 - stamp_millis(0),
        renewed: stamps.renewed.into(),
        own: stamps.timeouts.map(|(idle, absolute)| (idle.into(), absolute.into())),
        schema: stamps.schema,
        cut: stamps.cut,
        digit: (0..10).find(is_stored).expect("a digit of this schema"),
    }
}
