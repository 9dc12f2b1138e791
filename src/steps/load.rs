//! From the `Cookie` headers to the session of a visitor.

use crate::keys::id::NamedKey;
#[cfg(feature = "private-jar")]
use crate::rules::reason::Treatment;
use crate::rules::reason::{Reason, Refusal};
use crate::session::Session;
use crate::session::arrived::Arriving;
use crate::session::ending::Ending;
use crate::session::loaded::{Loaded, Upgraded};
use crate::session::meta::{Cookies, Meta, Origin};
use crate::steps::parts::Parts;
use crate::telemetry::{self, Warnings};
use crate::timestamp::Timestamp;
use crate::wire::codec::{Opened, Rejection};
use serde::{Serialize, de::DeserializeOwned};
use std::any::type_name;
use std::sync::Arc;

/// At most this many of our cookies per request are decrypted, so that work is bounded. If there is
/// one more whose key opens, none of them counts: the visitor's own could be the one that was not
/// looked at.
const MAX_OPENED: usize = 16;

impl<T: Serialize + DeserializeOwned> Parts<T> {
    /// Finds the session of the visitor who sent these `Cookie` headers.
    ///
    /// It is in a box because a session is as large as `T`, and a framework hands it on a dozen
    /// times.
    pub(crate) fn load<'h>(
        &self,
        headers: impl Iterator<Item = &'h [u8]>,
        now: Timestamp,
    ) -> Box<Session<T>>
    where
        T: Default,
    {
        let ring = self.live.ring();
        let mut ending = self.begin_ending();
        let mut cookies = Cookies::None;
        let mut arriving = Arriving::default();
        let mut recognised = 0;
        let mut found: Option<Box<Session<T>>> = None;
        let mut refused = Refused::of(type_name::<T>(), &self.live.warnings, now);

        // 1. Cookie headers → values of our name.
        #[cfg(feature = "private-jar")]
        let mut read: Vec<&[u8]> = Vec::new();
        #[cfg(feature = "private-jar")]
        let headers = headers.inspect(|header| {
            if self.old_jar.is_some() {
                read.push(header);
            }
        });
        let mut values = self.finder.values(headers);
        for value in &mut values {
            cookies = cookies.and_one_more();
            arriving.add(value);
            // 2. Value → the key that opens it; no cipher yet.
            let value = match self.codec.recognise(value, &ring, &self.live, now) {
                Ok(value) => value,
                Err(rejection) => {
                    refused.add(&rejection);
                    continue;
                }
            };
            recognised += 1;
            if recognised > MAX_OPENED {
                refused.overrule(Reason::TooMany);
                break;
            }
            // 3. Value → session, or the first check that it failed.
            let opened = self.codec.decrypt(value, &self.live, &self.policy, now);
            match opened.and_then(|opened| self.admit(opened, now)) {
                // 4. Of two with one id, the later renewal wins; two ids could be anybody's.
                Ok(session) => match &found {
                    Some(other) if other.meta.drawn_id() != session.meta.drawn_id() => {
                        refused.overrule(Reason::Ambiguous);
                        keep_for_its_end(&mut ending, session.meta.loaded);
                    }
                    Some(other) if other.meta.clocks.renewed >= session.meta.clocks.renewed => {
                        keep_for_its_end(&mut ending, session.meta.loaded);
                    }
                    _ => {
                        let earlier = found.replace(Box::new(session));
                        let loaded = earlier.and_then(|session| session.meta.loaded);
                        keep_for_its_end(&mut ending, loaded);
                    }
                },
                Err(rejection) => {
                    refused.add(&rejection);
                    keep_for_its_end(&mut ending, rejection.opened.map(|opened| (*opened).into()));
                }
            }
        }

        values.for_each(|value| arriving.add(value));

        // 5. What another library has sealed.
        #[cfg(feature = "private-jar")]
        let old = self.old_cookies(&read, now);
        #[cfg(feature = "private-jar")]
        if found.is_none() && refused.leave_room_for_old_ones() {
            match self.migrate(&old, now) {
                Ok(migrated) => found = migrated,
                Err(refusal) => refused.add(&Rejection::unread(refusal)),
            }
        }

        // 6. The one that was found, or a new one in place of what was refused.
        #[cfg(feature = "private-jar")]
        let has_old_cookie = !old.cookies.is_empty();
        #[cfg(feature = "private-jar")]
        let cookies = if has_old_cookie { cookies.and_one_more() } else { cookies };
        #[cfg(feature = "private-jar")]
        if let Some(ending) = &mut ending {
            ending.add_old(old.cookies);
        }
        let origin = match (refused.overruling, &found, refused.to_act_on) {
            (Some(reason), _, _) => Origin::Rejected(reason),
            (None, Some(_), _) => Origin::Restored,
            (None, None, Some(refusal)) => Origin::Rejected(refusal.reason),
            (None, None, None) => Origin::New,
        };
        let mut session = match found {
            Some(session) if origin == Origin::Restored => session,
            found => {
                keep_for_its_end(&mut ending, found.and_then(|session| session.meta.loaded));
                let meta = Meta::fresh(now, self.policy, origin, cookies);
                Box::new(Session::from_parts(T::default(), meta))
            }
        };
        session.meta.cookies = cookies;
        session.meta.arrived = arriving.finish();
        session.meta.ending = ending.map(Arc::new);
        #[cfg(feature = "private-jar")]
        {
            session.meta.has_old_cookie = has_old_cookie;
        }
        session
    }

    /// Opens one value.
    pub(crate) fn decode(&self, value: &[u8], now: Timestamp) -> Result<Session<T>, Reason> {
        let ending = self.begin_ending();
        let opened = self.codec.open(value, &self.live, &self.policy, now);
        match opened.and_then(|opened| self.admit(opened, now)) {
            Ok(mut session) => {
                session.meta.ending = ending.map(Arc::new);
                Ok(session)
            }
            Err(rejection) => {
                let (Refusal { reason, .. }, key) = (rejection.refusal, rejection.key);
                telemetry::rejected(reason, key, type_name::<T>(), &self.live.warnings, now);
                Err(reason)
            }
        }
    }

    /// Rows 11 to 13 of `docs/format.md`: the checks that need `T`.
    #[inline]
    fn admit(&self, opened: Opened, now: Timestamp) -> Result<Session<T>, Rejection> {
        let Opened { key_id, stamps, plaintext } = opened;
        // 11 and 12. Data → `T`, of this schema or an older one.
        let data = match self.schema.read(stamps.schema, plaintext.data()) {
            Ok(data) => data,
            Err(refusal) => {
                let opened = Opened { key_id, stamps, plaintext };
                return Err(Rejection::authentic(refusal, opened));
            }
        };
        // 13. All sessions of its subject, and what the application ended.
        if self.subject_has_ended(&data, stamps.cut) {
            let opened = Opened { key_id, stamps, plaintext };
            return Err(Rejection::authentic(Refusal::at(13, Reason::Ended), opened));
        }
        let upgraded = self.upgraded(&data, stamps.schema);
        let loaded = Loaded::new(stamps, plaintext, upgraded);
        let session = Session::from_parts(data, Meta::restored(loaded, now, self.policy));
        if let Some(revoked) = &self.revoked
            && revoked(&session)
        {
            let refusal = Refusal::at(13, Reason::Revoked);
            let opened = session.meta.loaded.and_then(|loaded| loaded.into_opened(key_id));
            let key = Some(NamedKey { id: key_id, known: true });
            return Err(Rejection { refusal, key, opened: opened.map(Box::new) });
        }
        telemetry::opened(key_id);
        Ok(session)
    }

    /// Returns what an upgrade has made, as bytes, if one was needed.
    pub(crate) fn upgraded(&self, data: &T, schema: u32) -> Option<Upgraded> {
        if schema == self.schema.version {
            return None;
        }
        let bytes = |schema| {
            let mut draft = self.codec.draft(0);
            self.schema.write(schema, data, &mut draft).ok()?;
            (draft.data_len() == draft.data().len()).then(|| draft.data().to_vec())
        };
        let sealed_as = self.schema.sealed_as(Some(schema));
        let is_another = sealed_as != schema && sealed_as != self.schema.version;
        let sealed = if is_another { Some(bytes(sealed_as)?) } else { None };
        Some(Upgraded { current: bytes(self.schema.version)?, sealed })
    }
}

/// Keeps an authentic cookie that the session is not made of, so that a sign-out ends it, too.
fn keep_for_its_end(ending: &mut Option<Ending>, loaded: Option<Loaded>) {
    if let (Some(ending), Some(loaded)) = (ending, loaded) {
        ending.add(loaded);
    }
}

/// The cookies of one request that were refused.
struct Refused<'p> {
    type_name: &'static str,
    warnings: &'p Warnings,
    now: Timestamp,
    /// Decides, whatever else was found.
    overruling: Option<Reason>,
    /// Decides if nothing was found.
    to_act_on: Option<Refusal>,
    /// A bit for each reason that was told: each is told once a request, or 64 KiB of empty cookies
    /// would write thousands of lines.
    told: u32,
}

impl<'p> Refused<'p> {
    fn of(type_name: &'static str, warnings: &'p Warnings, now: Timestamp) -> Refused<'p> {
        Refused { type_name, warnings, now, overruling: None, to_act_on: None, told: 0 }
    }

    fn add(&mut self, rejection: &Rejection) {
        let refusal = rejection.refusal;
        self.tell(refusal.reason, rejection.key);
        let before = self.to_act_on;
        self.to_act_on = Some(before.map_or(refusal, |other| other.reason_to_act_on(refusal)));
    }

    /// Whether a cookie of another library may count: not beside an authentic one of ours, nor beside
    /// one that another server can still use.
    #[cfg(feature = "private-jar")]
    fn leave_room_for_old_ones(&self) -> bool {
        const CIPHER: u8 = 6;
        let leaves_room = |r: Refusal| r.row <= CIPHER && r.reason.treatment() != Treatment::Keep;
        self.overruling.is_none() && self.to_act_on.is_none_or(leaves_room)
    }

    fn overrule(&mut self, reason: Reason) {
        self.tell(reason, None);
        self.overruling = Some(reason);
    }

    fn tell(&mut self, reason: Reason, key: Option<NamedKey>) {
        let bit = 1 << reason as u32;
        if self.told & bit == 0 {
            self.told |= bit;
            telemetry::rejected(reason, key, self.type_name, self.warnings, self.now);
        }
    }
}
