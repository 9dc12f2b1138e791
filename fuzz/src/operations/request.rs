//! A request that is under way: what its handler did, and what its response must be. "What `save`
//! does" in `docs/design.md`.

use super::cookies::{Content, is_dead, is_kept};
use super::list::{Known, user_of};
use super::server::Server;
use super::{LONG, SHORT, time};
use sealed_session::{EncodeError, Origin, Saved, Session};
use time::Duration;

/// A request, and what its handler did, by the model.
pub(super) struct Request {
    pub(super) server: usize,
    pub(super) session: Session<u32>,
    pub(super) loaded_at: i64,
    pub(super) origin: Origin,
    /// How many cookies it had of our name, and one more if it had an old one.
    pub(super) cookies: usize,
    pub(super) has_old: bool,
    /// The sessions of its authentic cookies, and whether somebody can read whose they are.
    pub(super) brought: Vec<(Content, bool)>,
    /// What it knew of the list, and has done there since.
    pub(super) known: Known,
    pub(super) before: Option<Content>,
    /// Whether that was in the cookie of another library.
    pub(super) is_migrated: bool,
    pub(super) now_is: Content,
    pub(super) destroyed: bool,
    pub(super) renewed: bool,
    pub(super) reset: bool,
    pub(super) rotated: bool,
    pub(super) own_set: bool,
    pub(super) ends_others: bool,
    pub(super) token: bool,
}

/// What is sealed with a session.
pub(super) struct Cut {
    pub(super) number: u32,
    /// The user whose other sessions end.
    pub(super) others_of: Option<[u8; 16]>,
}

impl Request {
    pub(super) fn handle(&mut self, step: u8, server: &mut Server, now: i64) {
        match step {
            b'0'..=b'9' => {
                self.now_is.digit = u32::from(step - b'0');
                *self.session = server.stored(self.now_is.digit);
            }
            b'r' | b'R' => {
                self.renewed = true;
                (self.now_is.created, self.now_is.renewed) = (self.loaded_at, 0);
                if step == b'R' {
                    self.session.reset();
                    self.reset = true;
                    (self.now_is.digit, self.now_is.own, self.own_set) = (0, None, false);
                    self.end_what_was_brought(server);
                } else {
                    self.session.renew();
                    if !self.own_set {
                        self.now_is.own = None;
                    }
                }
            }
            b'i' => {
                self.session.rotate_id();
                self.rotated = true;
            }
            b'd' => {
                self.session.destroy();
                self.destroyed = true;
                self.end_what_was_brought(server);
            }
            b'o' | b'O' => {
                let own = if step == b'o' { SHORT } else { LONG };
                self.session.set_timeouts(Duration::seconds(own.0), Duration::seconds(own.1));
                (self.now_is.own, self.own_set) = (Some(own), true);
            }
            b'E' => {
                let is_somebodys = user_of(self.now_is.digit).is_some();
                let can = server.list.is_some() && is_somebodys;
                assert_eq!(self.session.end_others().is_ok(), can);
                self.ends_others |= can;
            }
            _ => {
                let made = server.sessions.csrf_token_at(&self.session, time(now));
                match (made, server.ring.seals(now)) {
                    (Ok(token), Some(_)) => {
                        let (session, now) = (&self.session, time(now));
                        assert!(server.sessions.verify_csrf_at(session, &token, now));
                        self.token = true;
                    }
                    (Err(EncodeError::NoSealingKey), None) => {}
                    (made, seals) => panic!("{made:?} with {seals:?}"),
                }
            }
        }
    }

    /// `destroy` and `reset` end every session that the request brought, at once.
    fn end_what_was_brought(&mut self, server: &mut Server) {
        let Some(list) = &mut server.list else { return };
        for (content, is_read) in &self.brought {
            let user = user_of(content.digit).filter(|_| *is_read);
            if user.is_some() || !is_read {
                list.record(content, user, &mut self.known, self.loaded_at);
            }
        }
        list.compare();
    }

    /// The schema that it is sealed in.
    pub(super) fn schema(&self, server: &Server) -> u32 {
        server.release().sealed_as(self.before.as_ref().map(|before| before.schema))
    }

    /// The cut that is sealed with it now; `None` if it ended, or if it may not end others now. ("What
    /// rows 3 and 5 write is looked up once more", and `cut` in `docs/format.md`.)
    pub(super) fn cut(&self, server: &Server, now: i64) -> Option<Cut> {
        let came_with = self.before.as_ref().map(|before| before.cut);
        let Some(list) = &server.list else {
            return Some(Cut { number: came_with.unwrap_or(0), others_of: None });
        };
        let user = user_of(self.now_is.digit);
        let keeps_its_user =
            self.before.as_ref().is_some_and(|before| user_of(before.digit) == user);
        if list.is_too_old(self.now_is.created) || list.was_cut_by_another(user, &self.known) {
            return None;
        }
        let ended = self.before.as_ref().and_then(|before| list.ended_since(before, &self.known));
        if let Some(by_itself_alone) = ended
            && !(self.reset && (!keeps_its_user || by_itself_alone))
        {
            return None;
        }
        // One that this request has made counts also for a session that keeps its user.
        let known = list.cut(user).map(|cut| cut.number);
        let number = match (came_with, known) {
            (Some(own), known) if keeps_its_user && known.is_none_or(|known| known <= own) => own,
            (_, Some(known)) => known,
            (_, None) => u32::from(user.is_some()),
        };
        match user.filter(|_| self.ends_others) {
            None => Some(Cut { number, others_of: None }),
            Some(user) => {
                let number = list.cut_of_others(user, number, &self.known, now)?;
                Some(Cut { number, others_of: Some(user) })
            }
        }
    }

    /// What `save` does; `None` if it is an error.
    pub(super) fn expected(
        &self,
        server: &Server,
        now: i64,
        shared: bool,
        can_seal: bool,
        cut: Option<&Cut>,
    ) -> Option<Saved> {
        let rejected = match self.origin {
            Origin::Rejected(reason) => Some(reason),
            Origin::New | Origin::Restored => None,
        };
        let own_before = self.before.as_ref().and_then(|content| content.own);
        let digit_before = self.before.as_ref().map_or(0, |content| content.digit);
        let changed = self.rotated
            || self.ends_others
            || self.now_is.own != own_before
            || self.now_is.digit != digit_before;
        let awaited = self.token && self.before.is_none();

        // 1
        if self.destroyed {
            return Some(if self.cookies > 0 { Saved::Removed } else { Saved::Unchanged });
        }
        // 2
        if rejected.is_some_and(is_kept) && !self.renewed {
            return Some(if changed { Saved::Kept } else { Saved::Unchanged });
        }
        // 3
        if self.renewed || changed || awaited {
            return match cut {
                None => Some(Saved::Kept),
                Some(_) => can_seal.then_some(Saved::Written),
            };
        }
        // 4
        if rejected.is_some_and(is_dead) && self.cookies == 1 {
            return Some(if shared { Saved::Deferred } else { Saved::Removed });
        }
        // 5
        let is_due = |content: &Content| {
            content.renewal_due(now) || content.schema != self.schema(server) || self.is_migrated
        };
        if self.before.as_ref().is_some_and(is_due) {
            let late = now - self.loaded_at >= 6000;
            return Some(match cut {
                _ if shared || late => Saved::Deferred,
                None => Saved::Kept,
                Some(_) if can_seal => Saved::Written,
                Some(_) => Saved::Deferred,
            });
        }
        // 6
        Some(Saved::Unchanged)
    }
}
