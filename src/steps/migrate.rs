//! Cookies of the library that was used before → the session of a visitor.

use crate::ended::number::NO_CUT;
use crate::migration::old_jar::OldJar;
use crate::migration::{id, private_jar};
use crate::rules::reason::{Reason, Refusal};
use crate::rules::timeouts::Clocks;
use crate::session::Session;
use crate::session::ending::OldCookie;
use crate::session::loaded::Loaded;
use crate::session::meta::Meta;
use crate::steps::parts::Parts;
use crate::telemetry;
use crate::timestamp::Timestamp;
use crate::wire::plaintext::Stamps;
use http::HeaderMap;
use serde::{Serialize, de::DeserializeOwned};
use std::any::type_name;

/// At most this many old cookies per request are decrypted. With one more none of them counts.
const MAX_OPENED: usize = 16;

/// The authentic old cookies of one request.
pub(crate) struct OldCookies<'p, T> {
    jar: Option<&'p OldJar<T>>,
    /// One for each session that they are.
    pub(crate) cookies: Vec<OldCookie>,
}

impl<T: Serialize + DeserializeOwned> Parts<T> {
    /// Opens the old cookies in these headers. With none, or past the end of the migration, nothing is
    /// done.
    pub(crate) fn old_cookies(&self, headers: &[&[u8]], now: Timestamp) -> OldCookies<'_, T> {
        let jar = self.old_jar.as_deref().filter(|jar| now < jar.until);
        let mut old = OldCookies { jar, cookies: Vec::new() };
        let Some(jar) = jar else { return old };
        for (place, value) in jar.finder.values(headers.iter().copied()).enumerate() {
            if place == MAX_OPENED {
                let warnings = &self.live.warnings;
                telemetry::rejected(Reason::TooMany, None, type_name::<T>(), warnings, now);
                return OldCookies { jar: None, cookies: Vec::new() };
            }
            if let Some(cookie) = private_jar::open(&jar.key, &jar.name, value) {
                let id = id::id(jar.since, &cookie.fingerprint);
                if old.cookies.iter().all(|known| known.id != id) {
                    old.cookies.push(OldCookie { id, text: cookie.text });
                }
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
        let Some(jar) = old.jar else { return Ok(None) };
        let OldCookie { id, text } = match &old.cookies[..] {
            [] => return Ok(None),
            [cookie] => cookie,
            _ => return Err(Refusal::at(13, Reason::Ambiguous)),
        };
        let id = *id;
        // The checks of rows 8 to 13, in their order.
        let renewed = now.seconds_since(jar.since);
        let clocks = Clocks { created: jar.since, renewed, own: None };
        clocks.check(&self.policy, now)?;
        if let Some(reason) = self.live.end_of(id, clocks.created) {
            return Err(Refusal::at(10, reason));
        }
        let Some(data) = (jar.convert)(text) else { return Ok(None) };
        // An old cookie knows of no cut.
        if self.subject_has_ended(&data, NO_CUT) {
            return Err(Refusal::at(13, Reason::Ended));
        }
        let schema = self.schema.sealed_as(None);
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
            && meta.has_old_cookie
        {
            jar.writer.remove(headers);
        }
    }
}
