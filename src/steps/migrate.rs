//! Cookies of the library that was used before → the session of a visitor.

use crate::ended::number::NO_CUT;
use crate::migration::old_jar::OldJar;
use crate::migration::{id, private_jar};
use crate::rules::reason::{Reason, Refusal};
use crate::rules::timeouts::Clocks;
use crate::session::Session;
use crate::session::meta::{Loaded, Meta};
use crate::steps::parts::Parts;
use crate::telemetry;
use crate::timestamp::Timestamp;
use crate::wire::plaintext::Stamps;
use http::HeaderMap;
use serde::{Serialize, de::DeserializeOwned};
use std::any::type_name;
use uuid::Uuid;

/// At most this many old cookies per request are decrypted. With one more none of them counts.
const MAX_OPENED: usize = 16;

/// The authentic old cookies of one request.
pub(crate) struct OldCookies<'p, T> {
    /// The ids of the sessions that they are, each once.
    pub(crate) ids: Vec<Uuid>,
    /// The last one, and what it holds.
    text: Option<(&'p OldJar<T>, String)>,
}

impl<T: Serialize + DeserializeOwned> Parts<T> {
    /// Opens the old cookies in these headers. With none, or past the end of the migration, nothing is
    /// done.
    pub(crate) fn old_cookies(&self, headers: &[&[u8]], now: Timestamp) -> OldCookies<'_, T> {
        let mut old = OldCookies { ids: Vec::new(), text: None };
        let Some(jar) = self.old_jar.as_ref().filter(|jar| now < jar.until) else { return old };
        for (place, value) in jar.finder.values(headers.iter().copied()).enumerate() {
            if place == MAX_OPENED {
                let warnings = &self.live.warnings;
                telemetry::rejected(Reason::TooMany, None, type_name::<T>(), warnings, now);
                return OldCookies { ids: Vec::new(), text: None };
            }
            if let Some(cookie) = private_jar::open(&jar.key, &jar.name, value) {
                let id = id::id(jar.since, &cookie.fingerprint);
                if !old.ids.contains(&id) {
                    old.ids.push(id);
                }
                old.text = Some((jar, cookie.text));
            }
        }
        old
    }

    /// Makes a session of the one old cookie, by the rules of a session that was created at the
    /// migration's beginning and used just now. `None` if there is none, or the application takes it
    /// for none.
    pub(crate) fn migrate(
        &self,
        old: &OldCookies<'_, T>,
        now: Timestamp,
    ) -> Result<Option<Box<Session<T>>>, Refusal> {
        let Some((jar, text)) = &old.text else { return Ok(None) };
        let [id] = old.ids[..] else { return Err(Refusal::at(13, Reason::Ambiguous)) };
        // The checks of rows 8 to 13, in their order.
        let renewed = now.seconds_since(jar.since);
        let clocks = Clocks { created: jar.since, renewed, own: None };
        clocks.check(&self.policy, now)?;
        if !self.live.counts(clocks.created) {
            return Err(Refusal::at(10, Reason::Revoked));
        }
        let Some(data) = (jar.convert)(text) else { return Ok(None) };
        let schema = self.schema.sealed_as(None);
        // An old cookie knows of no cut.
        let stamps = Stamps { id, clocks, schema, cut: NO_CUT };
        let invalid = Refusal::at(12, Reason::InvalidPayload);
        let loaded = self.as_if_loaded(&data, stamps).ok_or(invalid)?;
        let mut meta = Meta::restored(loaded, now, self.policy);
        meta.migrated = true;
        let session = Session::from_parts(data, meta);
        match &self.revoked {
            Some(revoked) if revoked(&session) => Err(Refusal::at(13, Reason::Revoked)),
            _ => {
                telemetry::migrated();
                Ok(Some(Box::new(session)))
            }
        }
    }

    /// What a cookie of ours would have held. `None` if no cookie could.
    fn as_if_loaded(&self, data: &T, stamps: Stamps) -> Option<Loaded> {
        let mut plaintext = self.codec.draft(0);
        self.schema.write(stamps.schema, data, &mut plaintext).ok()?;
        let is_whole = plaintext.data_len() == plaintext.data().len();
        is_whole.then(|| Loaded::new(stamps, plaintext, self.upgraded(data, stamps.schema)))
    }

    /// Removes the old cookies from the browser, if the request brought authentic ones.
    pub(crate) fn remove_old_cookies(&self, meta: &Meta, headers: &mut HeaderMap) {
        if let Some(jar) = &self.old_jar
            && meta.old_ids.is_some()
        {
            jar.writer.remove(headers);
        }
    }
}
