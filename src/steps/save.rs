//! From a session to the response's headers.

use crate::error::EncodeError;
use crate::headers::caching;
use crate::session::Session;
use crate::session::meta::{Meta, Origin};
use crate::steps::decide::{Decision, Facts, LATE_AFTER_SECONDS};
use crate::steps::ended::NotSealed;
use crate::steps::parts::Parts;
use crate::steps::seal::Draft;
use crate::telemetry;
use crate::timestamp::Timestamp;
use http::HeaderMap;
use serde::{Serialize, de::DeserializeOwned};
use std::any::type_name;

/// What [`Sessions::save`](crate::Sessions::save) did with the browser's cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Saved {
    /// Nothing: it is as it should be, or there is none and none is needed. No change was lost.
    Unchanged,
    /// The handler changed the session, and **the change was not written**. Either the browser's cookie
    /// is one that a newer server, or one whose clock is right, can still use, so it was kept: only
    /// [`renew`](Session::renew) and [`reset`](Session::reset) overwrite such a cookie. Or the session
    /// was [ended](crate::EndedSessions) while the request ran. A WARN event says why. (A renewal that
    /// nobody asked for is `Kept` too if the session ended meanwhile; no change is lost then, and
    /// no event comes.)
    Kept,
    /// It was written, because the session changed or was due for renewal.
    Written,
    /// It was removed.
    Removed,
    /// A renewal or a removal was due and is left to a later response: a shared cache may
    /// store this one, it came six seconds or more after its request, or the renewal could not be sealed
    /// (an ERROR event says why).
    Deferred,
}

#[cfg(feature = "_adapter")]
impl Saved {
    /// Returns what a response tells that two middlewares, one inside the other, have saved into: a lost
    /// change before all others.
    pub(crate) fn beside(self, inner: Option<&Saved>) -> Saved {
        let weight = |saved: Saved| match saved {
            Saved::Kept => 4,
            Saved::Written => 3,
            Saved::Removed => 2,
            Saved::Deferred => 1,
            Saved::Unchanged => 0,
        };
        inner.copied().filter(|inner| weight(*inner) > weight(self)).unwrap_or(self)
    }
}

impl<T: Serialize + DeserializeOwned> Parts<T> {
    /// Saves a session into the headers of its response.
    pub(crate) fn save(
        &self,
        session: &Session<T>,
        headers: &mut HeaderMap,
        now: Timestamp,
    ) -> Result<Saved, EncodeError> {
        self.save_either(&session.meta, Some(session), headers, now)
    }

    /// Saves a session of which only views were taken: its data is read again if need be.
    #[cfg(feature = "_adapter")]
    pub(crate) fn save_viewed(
        &self,
        meta: &Meta,
        headers: &mut HeaderMap,
        now: Timestamp,
    ) -> Result<Saved, EncodeError> {
        self.save_either(meta, None, headers, now)
    }

    fn save_either(
        &self,
        meta: &Meta,
        data: Option<&T>,
        headers: &mut HeaderMap,
        now: Timestamp,
    ) -> Result<Saved, EncodeError> {
        let caching = caching::caching(headers);

        // 1. Session → data, if it could have changed.
        let touched = meta.changes.touched && !meta.changes.destroyed;
        let draft = data.filter(|_| touched).map(|data| self.draft(meta, data));

        // 2. Must it be written?
        let changed = meta.stamps_changed()
            || meta.changes.end_others
            || draft.as_ref().is_some_and(|draft| self.is_changed(meta, draft));
        let decision = Facts {
            origin: meta.origin,
            cookies: meta.cookies,
            destroyed: meta.changes.destroyed,
            renewed: meta.changes.renewed,
            changed: changed || meta.is_awaited_by_a_form(),
            renewal_due: self.is_renewal_due(meta, now),
            late: now.seconds_since(meta.now) > LATE_AFTER_SECONDS,
            caching,
        }
        .decide();

        // 3. Data → cipher → envelope → Set-Cookie, if the session has not ended meanwhile.
        let warnings = &self.live.warnings;
        let saved = match decision {
            Decision::Write => match self.write(meta, data, draft, headers, now) {
                Ok(Ok(())) => {
                    telemetry::written(match (meta.changes.renewed, changed) {
                        (true, _) => "renewed",
                        (false, true) => "changed",
                        (false, false) => "form",
                    });
                    Saved::Written
                }
                Ok(Err(reason)) => {
                    telemetry::ended_meanwhile(reason.text(), type_name::<T>(), warnings, now);
                    Saved::Kept
                }
                Err(error) => {
                    telemetry::change_failed(&error);
                    return Err(error);
                }
            },
            Decision::Renew => match self.write(meta, data, draft, headers, now) {
                Ok(Ok(())) => {
                    telemetry::written(match meta.loaded_schema() {
                        _ if meta.migrated => "migrated",
                        Some(schema) if self.schema.sealed_as(Some(schema)) != schema => "upgraded",
                        _ => "due",
                    });
                    Saved::Written
                }
                Ok(Err(NotSealed::Ended | NotSealed::OthersEnded)) => Saved::Kept,
                Err(error) => {
                    telemetry::renewal_deferred(&error);
                    Saved::Deferred
                }
            },
            Decision::Remove => {
                self.writer.remove(headers);
                if meta.changes.end_others {
                    let why = "the session was destroyed in the same request";
                    telemetry::others_not_ended(why, type_name::<T>(), warnings, now);
                }
                Saved::Removed
            }
            Decision::Keep => {
                if let Origin::Rejected(reason) = meta.origin {
                    telemetry::change_kept_out(reason, type_name::<T>(), warnings, now);
                }
                Saved::Kept
            }
            Decision::Defer => Saved::Deferred,
            Decision::Leave => {
                if let (Some(data), Some(Ok(draft))) = (data, draft) {
                    self.warn_of_loss_on_older_servers(data, &draft, now);
                }
                Saved::Unchanged
            }
        };

        // 4. Whatever was said, no cache may hand it to somebody else.
        match saved {
            Saved::Written | Saved::Removed => {
                #[cfg(feature = "private-jar")]
                self.remove_old_cookies(meta, headers);
                caching::keep_private(headers);
            }
            _ if meta.token_shown.is_set() => caching::keep_private(headers),
            _ => caching::mark_read(headers, caching),
        }
        caching::vary_by_cookie(headers);
        Ok(saved)
    }

    /// Whether the data is other than it was loaded, or than a new visitor's. A draft that failed
    /// counts as changed.
    fn is_changed(&self, meta: &Meta, draft: &Result<Draft, EncodeError>) -> bool {
        let Ok(Draft { plaintext, schema }) = draft else { return true };
        let before = match &meta.loaded {
            Some(loaded) => loaded.data_in(*schema),
            None => Some(&self.default_data[..]),
        };
        let is_whole = plaintext.data_len() == plaintext.data().len();
        !is_whole || before != Some(plaintext.data())
    }

    /// Whether its cookie should be written anew although nothing changed.
    fn is_renewal_due(&self, meta: &Meta, now: Timestamp) -> bool {
        let is_of_another_schema = |schema| self.schema.sealed_as(Some(schema)) != schema;
        meta.loaded_schema().is_some_and(is_of_another_schema)
            || meta.migrated
            || meta.origin == Origin::Restored && meta.clocks.renewal_due(&self.policy, now)
    }

    /// Seals data into `Set-Cookie`, from its draft if there is one already. Does nothing if the session
    /// has ended meanwhile.
    fn write(
        &self,
        meta: &Meta,
        data: Option<&T>,
        draft: Option<Result<Draft, EncodeError>>,
        headers: &mut HeaderMap,
        now: Timestamp,
    ) -> Result<Result<(), NotSealed>, EncodeError> {
        let again;
        let data = match data {
            Some(data) => data,
            None => {
                again = self.read_again(meta);
                again.as_ref().ok_or(EncodeError::RoundTrip { type_name: type_name::<T>() })?
            }
        };
        let cut = match self.cut_to_seal(meta, data, now) {
            Ok(cut) => cut,
            Err(reason) => return Ok(Err(reason)),
        };
        if meta.changes.end_others && !cut.ends_others() {
            let why = "the session was nobody's any more when it was saved";
            telemetry::others_not_ended(why, type_name::<T>(), &self.live.warnings, now);
        }
        let draft = draft.unwrap_or_else(|| self.draft(meta, data))?;
        let sealed = self.seal(meta, data, draft, &cut, now)?;
        // Only now, because nothing ends if nothing could be sealed.
        if let Err(reason) = self.end_others(meta, &cut, now) {
            return Ok(Err(reason));
        }
        let clocks = self.clocks(meta, now);
        let max_age = clocks.seconds_left(&self.policy, now);
        self.writer.set(headers, max_age, clocks.own.is_some(), &sealed.envelope);
        Ok(Ok(()))
    }

    /// Reads the data that the request brought once more. No hook is asked, and an upgrade runs again
    /// only if what it made could not be written.
    pub(crate) fn read_again(&self, meta: &Meta) -> Option<T> {
        let today = self.schema.version;
        let (schema, bytes) = match &meta.loaded {
            Some(loaded) => loaded.readable(today),
            None => (today, &self.default_current_data[..]),
        };
        self.schema.read(schema, bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::builder::SessionsBuilder;
    use crate::error::EncodeError;
    use crate::keys::key::Key;
    use crate::keys::ring::KeyRing;
    use crate::random::on_test::{calls, without_randomness};
    use crate::session::Session;
    use crate::sessions::Sessions;
    use crate::steps::save::Saved;
    use http::HeaderMap;

    fn builder() -> SessionsBuilder<u32> {
        Sessions::builder("shop", KeyRing::new(Key::generate()))
    }

    fn sessions() -> Sessions<u32> {
        builder().build().unwrap()
    }

    #[test]
    fn a_new_visitor_who_gets_no_cookie_costs_no_random_bytes() {
        let sessions = sessions();
        let visit = || {
            let session = sessions.load(&HeaderMap::new());
            assert_eq!(sessions.save(session, &mut HeaderMap::new()).unwrap(), Saved::Unchanged);
        };
        assert_eq!(calls(visit), 0);
    }

    #[test]
    fn a_new_visitor_who_gets_a_cookie_costs_one_call_for_id_and_nonce() {
        let sessions = sessions();
        let visit = || {
            let mut session = sessions.load(&HeaderMap::new());
            *session += 1;
            assert_eq!(sessions.save(session, &mut HeaderMap::new()).unwrap(), Saved::Written);
        };
        assert_eq!(calls(visit), 1);
    }

    #[test]
    fn an_id_that_was_asked_for_is_the_one_that_is_sealed() {
        let (sessions, session) = (sessions(), Session::new(7));
        assert_eq!(calls(|| (session.id(), session.id())), 1, "it is drawn once");
        let value = sessions.encode(&session).unwrap();
        assert_eq!(sessions.decode(&value).unwrap().id(), session.id());
    }

    #[test]
    fn an_id_that_was_drawn_with_the_nonce_is_the_sessions_from_then_on() {
        let (sessions, session) = (sessions(), Session::new(7));
        let value = sessions.encode(&session).unwrap();
        assert_eq!(sessions.decode(&value).unwrap().id(), session.id());
    }

    #[test]
    fn without_randomness_for_the_nonce_nothing_is_sealed() {
        let (sessions, session) = (sessions(), Session::new(7));
        session.id();
        let result = without_randomness(|| sessions.encode(&session));
        assert!(matches!(result, Err(EncodeError::Randomness)));
        assert!(sessions.encode(&session).is_ok(), "the session itself is sound");
    }

    #[test]
    fn without_randomness_an_id_is_nil_and_no_session_is_sealed_under_it() {
        let sessions = sessions();
        let session = Session::new(7);
        assert!(without_randomness(|| session.id()).is_nil());
        let value = sessions.encode(&session).unwrap();
        assert!(!sessions.decode(&value).unwrap().id().is_nil(), "another one was drawn");
    }

    #[test]
    fn without_randomness_loading_works_and_saving_leaves_the_headers_alone() {
        let sessions = sessions();
        let mut session = without_randomness(|| sessions.load(&HeaderMap::new()));
        *session += 1;
        let mut headers = HeaderMap::new();
        let saved = without_randomness(|| sessions.save(session, &mut headers));
        assert!(matches!(saved, Err(EncodeError::Randomness)));
        assert!(headers.is_empty());
        let untouched = without_randomness(|| sessions.load(&HeaderMap::new()));
        assert_eq!(sessions.save(untouched, &mut headers).unwrap(), Saved::Unchanged);
    }
}
