//! What does a key that leaked become, and what ends with it? A pure function of the schedule and the
//! time. `docs/operations.md` explains the rule.

use super::date::{self, later};
use super::error::KeyFileError;
use super::rotation::{CLOCK_SKEW, Fleet};
use super::schedule::KeySchedule;
use crate::keys::dated::DatedKey;
use crate::keys::id::KeyId;
use crate::keys::key::Key;
use crate::keys::ring::KeyState;
use time::{Duration, OffsetDateTime};

/// What [`KeySchedule::revoke`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revoked {
    /// The key that takes the place of the revoked one, if that would still have sealed.
    pub replacement: Option<Replacement>,
    /// Every session created before this is refused, so sign-ins hold from here on.
    pub sign_ins_hold_from: OffsetDateTime,
}

/// The key in the place of a revoked one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replacement {
    /// Its id.
    pub id: KeyId,
    /// From when it seals: in the past, so at once, if the revoked key was active; on the day of
    /// the revoked one if that was only published.
    pub seal_from: OffsetDateTime,
}

impl KeySchedule {
    /// Marks a key that leaked, and ends what its holder could have forged and had resealed under
    /// other keys meanwhile: every session created until `propagation` + 60 s + 2 × `skew` from now.
    /// If the revoked key seals or was going to, `replacement` takes its place.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`] if no key has this id, it is revoked already, a length is negative, the
    /// replacement is in the schedule already, or a date is outside the calendar. Nothing is
    /// changed then.
    pub fn revoke(
        &mut self,
        id: KeyId,
        replacement: Key,
        fleet: &Fleet,
        now: OffsetDateTime,
    ) -> Result<Revoked, KeyFileError> {
        fleet.check()?;
        let needed = match self.state(id, now)? {
            KeyState::Revoked => {
                return Err(KeyFileError::new(format!("the key {id} is revoked already")));
            }
            KeyState::Published | KeyState::Active => true,
            KeyState::Draining | KeyState::Retired => false,
        };
        // Until a server has this file it takes what the key's holder forges, as of up to 60 s ahead
        // of its clock; and both clocks may be off.
        let lead = fleet.propagation.saturating_add(CLOCK_SKEW);
        let lead = lead.saturating_add(fleet.skew).saturating_add(fleet.skew);
        let end = date::whole_second(later(now, lead)?);
        let end = self.reject_created_before.map_or(end, |before| before.max(end));

        let mut changed = self.raised()?;
        changed.reject_created_before = Some(end);
        let place = changed.place(id);
        let revoked = changed.keys[place].clone().with_revoked();
        changed.keys[place] = revoked.clone();
        let replacement = if needed {
            Some(changed.replace(place, &revoked, replacement)?)
        } else {
            changed.close_gap(place);
            None
        };
        *self = changed.checked()?;
        Ok(Revoked { replacement, sign_ins_hold_from: end })
    }

    /// Puts `key` where the revoked one was: right behind it, since no two may have one
    /// `seal_from`, and so just as active at once, whatever a server's clock says.
    fn replace(
        &mut self,
        place: usize,
        revoked: &DatedKey,
        key: Key,
    ) -> Result<Replacement, KeyFileError> {
        let from = revoked.seal_from();
        let gap = match self.keys.get(place + 1) {
            Some(next) => (next.seal_from() - from) / 2,
            None => Duration::SECOND,
        };
        let gap = Duration::milliseconds(gap.min(Duration::SECOND).whole_milliseconds() as i64);
        let seal_from = later(from, gap)?;
        // The key before seals that much longer, so it must open that much longer.
        if let Some(before) = self.sealed_before(place)
            && let Some(until) = before.open_until()
        {
            *before = before.clone().with_open_until(later(until, gap)?);
        }
        let mut dated = DatedKey::new(key, seal_from);
        if let Some(until) = revoked.open_until() {
            dated = dated.with_open_until(until.max(seal_from));
        }
        let replacement = Replacement { id: dated.id(), seal_from };
        self.keys.insert(place + 1, dated);
        Ok(replacement)
    }

    /// Where the revoked key no longer sealed, the next one has begun already. The one before may
    /// have ended before that; moved up to it, its end is still past.
    fn close_gap(&mut self, place: usize) {
        let next = self.keys[place..].iter().find(|dated| !dated.is_revoked());
        let Some(begun) = next.map(DatedKey::seal_from) else { return };
        if let Some(before) = self.sealed_before(place)
            && let Some(until) = before.open_until()
        {
            *before = before.clone().with_open_until(until.max(begun));
        }
    }
}
