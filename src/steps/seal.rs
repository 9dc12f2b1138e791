//! From a session to a cookie's value.

use crate::error::EncodeError;
use crate::rules::timeouts::Clocks;
use crate::session::Session;
use crate::session::meta::Meta;
use crate::steps::ended::Cut;
use crate::steps::parts::Parts;
use crate::telemetry;
use crate::timestamp::Timestamp;
use crate::wire::codec::Sealed;
use crate::wire::plaintext::{Plaintext, Stamps};
use serde::{Serialize, de::DeserializeOwned};
use std::any::type_name;

/// A session on its way into a cookie, before anything is decided.
pub(super) struct Draft {
    pub(super) plaintext: Plaintext,
    /// What it is written as.
    pub(super) schema: u32,
}

impl<T: Serialize + DeserializeOwned> Parts<T> {
    /// Turns a session into a cookie's value.
    pub(crate) fn encode(
        &self,
        session: &Session<T>,
        now: Timestamp,
    ) -> Result<Sealed, EncodeError> {
        // 1. Session → data.
        let draft = self.draft(&session.meta, session)?;
        // 2. Has it ended, or is it to end others, which only `save` does?
        let cut = self.cut_to_seal(&session.meta, session, now).map_err(|_| EncodeError::Ended)?;
        if cut.ends_others() {
            return Err(EncodeError::Ended);
        }
        // 3. Data → cipher → envelope.
        self.seal(&session.meta, session, draft, &cut, now)
    }

    /// Returns the size that is held against the limit.
    pub(crate) fn cookie_len(
        &self,
        session: &Session<T>,
        now: Timestamp,
    ) -> Result<usize, EncodeError> {
        let draft = self.draft(&session.meta, session)?;
        // The rule of size counts every cut as the longest.
        let stamps = self.stamps(&session.meta, draft.schema, 0, now);
        let len = self.codec.max_cookie_len(&stamps, draft.plaintext.data_len());
        match self.check_size(session, &draft, &stamps) {
            Err(EncodeError::TooLarge { size, .. }) => Ok(size),
            Ok(()) => Ok(len),
            Err(other) => Err(other),
        }
    }

    /// Session → data, in the schema that it is sealed in.
    pub(super) fn draft(&self, meta: &Meta, data: &T) -> Result<Draft, EncodeError> {
        /// For a session that was in no cookie yet.
        const USUAL_LEN: usize = 256;
        let before = meta.loaded.as_ref().map(|loaded| loaded.data().len());
        let schema = self.schema.sealed_as(meta.loaded_schema());
        let mut plaintext = self.codec.draft(before.unwrap_or(USUAL_LEN));
        self.schema
            .write(schema, data, &mut plaintext)
            .map_err(|error| EncodeError::of_write(error, type_name::<T>()))?;
        Ok(Draft { plaintext, schema })
    }

    /// Data → envelope under the key that seals now.
    pub(super) fn seal(
        &self,
        meta: &Meta,
        data: &T,
        draft: Draft,
        cut: &Cut,
        now: Timestamp,
    ) -> Result<Sealed, EncodeError> {
        let stamps = self.stamps(meta, draft.schema, cut.number, now);
        // 1. Size.
        self.check_size(data, &draft, &stamps)?;
        // 2. Would it come back? Looked for while developing.
        if cfg!(debug_assertions) {
            self.check_round_trip(data, &draft, now)?;
        }
        self.warn_of_cut_timeouts(meta, now);
        // 3. Stamps, padding, the key of the day, a nonce from the operating system, the cipher.
        let ring = self.live.ring();
        let sealed = self.codec.seal(draft.plaintext, stamps, &ring, now)?;
        meta.set_drawn_id(sealed.id);
        telemetry::sealed(sealed.key_id, self.codec.cookie_len(sealed.envelope.value_len()));
        Ok(sealed)
    }

    /// The times as they are written: renewed at `now`.
    pub(super) fn clocks(&self, meta: &Meta, now: Timestamp) -> Clocks {
        Clocks { renewed: meta.clocks.renewed_at(&self.policy, now), ..meta.clocks }
    }

    fn stamps(&self, meta: &Meta, schema: u32, cut: u32, now: Timestamp) -> Stamps {
        Stamps { id: meta.drawn_id(), clocks: self.clocks(meta, now), schema, cut }
    }

    /// A session that fits now must still fit when a renewal has made its stamps longer, and when
    /// `seal_as` is dropped.
    fn check_size(&self, data: &T, draft: &Draft, stamps: &Stamps) -> Result<(), EncodeError> {
        self.codec.check_size(stamps, draft.plaintext.data_len())?;
        if draft.schema != self.schema.version {
            let later = Stamps { schema: self.schema.version, ..*stamps };
            let len = self
                .schema
                .later_len(data)
                .map_err(|error| EncodeError::of_write(error, type_name::<T>()))?;
            self.codec.check_size(&later, len)?;
        }
        Ok(())
    }

    fn check_round_trip(&self, data: &T, draft: &Draft, now: Timestamp) -> Result<(), EncodeError> {
        let bytes = draft.plaintext.data();
        if !self.schema.round_trips(draft.schema, bytes) {
            return Err(EncodeError::RoundTrip { type_name: type_name::<T>() });
        }
        self.warn_of_loss_on_older_servers(data, draft, now);
        Ok(())
    }

    /// With debug assertions, says it if `seal_as` drops a part of the data: also if that makes it equal to what was loaded, so
    /// that nothing is written.
    pub(super) fn warn_of_loss_on_older_servers(&self, data: &T, draft: &Draft, now: Timestamp) {
        if cfg!(debug_assertions)
            && let Some(older) = &self.schema.seal_as
            && older.version == draft.schema
            && !self.schema.survives_older_servers(data, draft.plaintext.data())
        {
            let types = (type_name::<T>(), older.type_name);
            telemetry::lost_on_older_servers(types, &self.live.warnings, now);
        }
    }

    /// Says it if timeouts that this request has set are going to be cut.
    fn warn_of_cut_timeouts(&self, meta: &Meta, now: Timestamp) {
        if meta.changes.timeouts_set
            && let Some(own) = meta.clocks.own
            && let Some(problem) = self.policy.what_is_cut(own)
        {
            telemetry::timeouts_cut(problem, &self.live.warnings, now);
        }
    }
}
