//! Has this session ended, and which cut does it carry? Asked in `load`, and again in `save`.

use crate::ended::number::{NO_CUT, NO_SUBJECT};
use crate::ended::subject::Subject;
use crate::session::ending::Ending;
use crate::session::loaded::Loaded;
use crate::session::meta::Meta;
use crate::steps::parts::{Ended, Parts};
use crate::timestamp::Timestamp;

/// What a session is sealed with.
pub(crate) struct Cut {
    pub(crate) number: u32,
    /// The subject whose other sessions end when this one is written, and the cut that this one would
    /// carry otherwise.
    others: Option<(Subject, u32)>,
}

impl Cut {
    pub(crate) fn ends_others(&self) -> bool {
        self.others.is_some()
    }
}

/// Why a session is not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotSealed {
    /// It was ended since it was loaded.
    Ended,
    /// It was to end the others of its subject, and somebody else has ended them since it was loaded,
    /// or this server did within the last second.
    OthersEnded,
}

impl NotSealed {
    pub(crate) fn text(self) -> &'static str {
        match self {
            NotSealed::Ended => "it was ended while the request ran",
            NotSealed::OthersEnded => {
                "`end_others` did nothing: its subject's sessions were ended by another request \
                 meanwhile, or less than a second ago"
            }
        }
    }
}

impl<T> Parts<T> {
    /// Begins what a request's session can end, before anything is looked up.
    pub(crate) fn begin_ending(&self) -> Option<Ending> {
        let registry = &self.ended.as_ref()?.registry;
        Some(Ending::new(registry, registry.list.seen()))
    }

    /// Row 13 of `docs/format.md`: whether all sessions of its subject ended that carry this cut.
    pub(crate) fn subject_has_ended(&self, data: &T, cut: u32) -> bool {
        let Some(Ended { registry, subject }) = &self.ended else { return false };
        // What a server without a list has sealed carries 0, and counts as if no cut were known.
        let (list, cut) = (&registry.list, cut.max(NO_CUT));
        list.greatest_cut() > cut
            && subject(data).is_some_and(|subject| list.cut(list.subject(&subject)) > cut)
    }

    /// Tells whether a session may be sealed with this data, and with which cut.
    ///
    /// Not if it was ended since it was loaded. One that was `reset()` may, if its present subject is
    /// another than it came with, or nothing but this request ended it.
    pub(crate) fn cut_to_seal(
        &self,
        meta: &Meta,
        data: &T,
        now: Timestamp,
    ) -> Result<Cut, NotSealed> {
        let own = meta.loaded.as_ref().map(|loaded| loaded.stamps.cut);
        let Some(ended) = &self.ended else {
            return Ok(Cut { number: own.unwrap_or(NO_SUBJECT), others: None });
        };
        let list = &ended.registry.list;
        // One that was not loaded here knows what is known now.
        let seen = ending_of(ended, meta).map_or_else(|| list.seen(), |e| e.seen().clone());
        let everyone = list.everyone();
        if meta.clocks.created < everyone {
            return Err(NotSealed::Ended);
        }
        // 1. Whose was it, and whose is it? Not read while nobody's cut can matter.
        let loaded = meta.loaded.as_ref();
        let carried = own.unwrap_or(NO_SUBJECT).max(NO_CUT);
        let is_as_it_came = loaded.is_some() && !meta.changes.touched;
        let [came, present] =
            if is_as_it_came && !meta.changes.end_others && list.greatest_cut() <= carried {
                [None, None]
            } else {
                let came = loaded.and_then(|loaded| (ended.registry.owner)(loaded).subject());
                let present = if is_as_it_came { came.clone() } else { (ended.subject)(data) };
                [came, present]
            };
        let is_same = loaded.is_some() && came == present;
        // Most keep their subject, which is hashed once then.
        let hash = |text: Option<String>| text.map(|text| list.subject(&text));
        let came = hash(came);
        let present = if is_same { came } else { hash(present) };
        // 2. Has anything ended since it was loaded?
        let present_cut = match present {
            None => NO_SUBJECT,
            Some(subject) => list.cut_seen(subject, &seen).ok_or(NotSealed::Ended)?,
        };
        if let Some(Loaded { stamps, .. }) = loaded {
            let came_cut = came.map(|subject| (subject, list.cut(subject)));
            let came_cut = came_cut.filter(|(_, cut)| *cut > carried);
            let is_old = stamps.clocks.created < everyone;
            let is_ended = is_old || came_cut.is_some() || list.is_ended(stamps.id);
            let by_another = is_old
                || came_cut.is_some_and(|(subject, cut)| !seen.made(subject, cut))
                || !seen.has_ended(stamps.id);
            if is_ended && (!meta.changes.reset || is_same && by_another) {
                return Err(NotSealed::Ended);
            }
        }
        // 3. Its own cut as long as its subject stays, unless this request has made a greater one.
        let number = match own {
            Some(own) if is_same && present_cut <= carried => own,
            _ => present_cut,
        };
        // 4. A new one, if it is to end the others.
        let Some(subject) = present.filter(|_| meta.changes.end_others) else {
            return Ok(Cut { number, others: None });
        };
        let others = list.number_for_others(subject, number, &seen, now);
        let greater = others.ok_or(NotSealed::OthersEnded)?;
        Ok(Cut { number: greater, others: Some((subject, number)) })
    }

    /// Ends the others of a session that has been sealed, if that was asked for. After an error it must
    /// not be written.
    pub(crate) fn end_others(
        &self,
        meta: &Meta,
        cut: &Cut,
        now: Timestamp,
    ) -> Result<(), NotSealed> {
        let (Some((subject, own)), Some(ended)) = (cut.others, &self.ended) else { return Ok(()) };
        let list = &ended.registry.list;
        let is_recorded = match ending_of(ended, meta) {
            Some(ending) => list.cut_others(subject, own, cut.number, &mut ending.seen(), now),
            None => list.cut_others(subject, own, cut.number, &mut list.seen(), now),
        };
        if !is_recorded {
            return Err(NotSealed::OthersEnded);
        }
        // In a full list the new cut makes the oldest leave, and what is as old as them ends.
        if meta.clocks.created < list.everyone() { Err(NotSealed::Ended) } else { Ok(()) }
    }
}

/// Returns what the request knew of this very list, if it was loaded with it.
fn ending_of<'m, T>(ended: &Ended<T>, meta: &'m Meta) -> Option<&'m Ending> {
    meta.ending.as_deref().filter(|ending| ending.is_of(&ended.registry))
}
