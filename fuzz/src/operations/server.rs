//! A server: its keys, its release, and the list of sessions that ended.

use super::super::APP;
use super::cookies::stored;
use super::keys::Ring;
use super::list::{List, name_of};
use super::old;
use super::{LONGEST, time};
use sealed_session::{Sessions, SessionsBuilder};
use time::Duration;

/// Which schemas a release knows. Its data is one number, and each schema stores ten times the one
/// before.
pub(super) struct Release {
    pub(super) schema: u32,
    /// The older schemas that it has an upgrade from.
    upgrades: &'static [u32],
    seals_as: Option<u32>,
}

/// A server goes from one to the next, and from the last back to the first.
const RELEASES: [Release; 4] = [
    Release { schema: 0, upgrades: &[], seals_as: None },
    Release { schema: 1, upgrades: &[0], seals_as: Some(0) },
    Release { schema: 1, upgrades: &[0], seals_as: None },
    Release { schema: 2, upgrades: &[1], seals_as: None },
];

impl Release {
    pub(super) fn reads(&self, schema: u32) -> bool {
        schema == self.schema || self.upgrades.contains(&schema)
    }

    /// The schema that a session which came in this one is sealed in.
    pub(super) fn sealed_as(&self, came: Option<u32>) -> u32 {
        match self.seals_as {
            Some(older) if came.is_none_or(|came| came <= older) => older,
            _ => self.schema,
        }
    }

    fn set(&self, builder: SessionsBuilder<u32>) -> SessionsBuilder<u32> {
        let builder = builder.schema_version(self.schema);
        let today = self.schema;
        let builder = self.upgrades.iter().fold(builder, |builder, from| {
            let zeros = today - from;
            builder.upgrade(*from, move |old: u32| stored(old, zeros))
        });
        self.seals_as.iter().fold(builder, |builder, older| {
            let zeros = today - older;
            builder.seal_as(*older, move |new: &u32| new / stored(1, zeros))
        })
    }
}

pub(super) struct Server {
    pub(super) sessions: Sessions<u32>,
    pub(super) ring: Ring,
    /// How far its clock is ahead.
    pub(super) ahead: i64,
    /// Sessions created before this do not count.
    pub(super) cut: i64,
    /// Which of the releases it is.
    release: usize,
    /// Whether it takes the cookies of another library.
    pub(super) accepts_old: bool,
    pub(super) list: Option<List>,
}

impl Server {
    pub(super) fn new() -> Server {
        let ring = Ring::Undated(vec![0]);
        let sessions = sessions(&ring, &RELEASES[0], None, false);
        Server {
            sessions,
            ring,
            ahead: 0,
            cut: i64::MIN,
            release: 0,
            accepts_old: false,
            list: None,
        }
    }

    pub(super) fn release(&self) -> &'static Release {
        &RELEASES[self.release]
    }

    pub(super) fn set(&mut self, ring: Ring) {
        self.sessions.set_key_ring(ring.build());
        self.ring = ring;
    }

    pub(super) fn refuse_created_before(&mut self, now: i64) {
        self.cut = self.cut.max(now);
        self.sessions.reject_created_before(time(self.cut));
    }

    /// Starts it anew: with an empty list, or without one.
    pub(super) fn start_with_or_without_list(&mut self) {
        self.list = if self.list.is_some() { None } else { Some(List::new()) };
        self.start();
    }

    /// Starts it anew with the next release. What its list has comes back from its feed.
    pub(super) fn start_next_release(&mut self) {
        self.release = (self.release + 1) % RELEASES.len();
        self.start();
    }

    /// Starts it anew: it takes the cookies of another library, or no longer.
    pub(super) fn start_with_or_without_old(&mut self) {
        self.accepts_old = !self.accepts_old;
        self.start();
    }

    fn start(&mut self) {
        let list = self.list.as_ref();
        self.sessions = sessions(&self.ring, self.release(), list, self.accepts_old);
        if self.cut > i64::MIN {
            self.sessions.reject_created_before(time(self.cut));
        }
    }

    /// The number that stands for a digit here.
    pub(super) fn stored(&self, digit: u32) -> u32 {
        stored(digit, self.release().schema)
    }
}

fn sessions(
    ring: &Ring,
    release: &'static Release,
    list: Option<&List>,
    accepts_old: bool,
) -> Sessions<u32> {
    let builder = Sessions::builder(APP, ring.build());
    let (idle, absolute) = LONGEST;
    let builder = builder.longest_timeouts(Duration::seconds(idle), Duration::seconds(absolute));
    let builder = release.set(builder);
    let builder = if accepts_old { old::accept(builder, release.schema) } else { builder };
    let builder = match list {
        None => builder,
        Some(list) => builder
            .ended(&list.ended)
            .subject(|number: &u32| name_of(number / stored(1, release.schema))),
    };
    builder.build().unwrap()
}
