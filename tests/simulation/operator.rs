//! Who changes the key file, by the real rules and by mistake, and how the file reaches the
//! servers.

use crate::random::Random;
use crate::{
    Broken, FLEET, IDLE, MAX_FILE_DELAY, MAX_SKEW, OPERATOR_SKEW, PROPAGATION, SERVERS, at,
};
use sealed_session::key_file::tools::{Fleet, KeySchedule, Rotation};
use sealed_session::{Key, KeyId, KeyState};
use time::{Duration, OffsetDateTime};

/// What the operator tells the command about the fleet.
pub(crate) fn told(broken: Broken) -> Rotation {
    let right = Rotation {
        after: PROPAGATION + MAX_SKEW,
        propagation: PROPAGATION,
        skew: MAX_SKEW,
        max_session: IDLE,
    };
    // A rule is weakened by telling the command less than the truth; what another rule makes of the
    // same number is made up for, so that one rule is weakened at a time.
    let zero = Duration::ZERO;
    let longer = IDLE + MAX_SKEW * 2;
    match broken {
        Broken::Nothing | Broken::KeepLastRing | Broken::CancelLead => right,
        Broken::Lead => {
            Rotation { after: zero, propagation: zero, skew: zero, max_session: longer }
        }
        Broken::LeadSkew => {
            Rotation { after: PROPAGATION, skew: zero, max_session: longer, ..right }
        }
        Broken::DrainSkew => Rotation { skew: zero, ..right },
    }
}

/// A content of the file, and from when each server sees it.
struct Version {
    content: Vec<u8>,
    seen_from: [i64; SERVERS],
}

pub(crate) struct Operator {
    /// As the file should be.
    pub(crate) schedule: KeySchedule,
    rotation: Rotation,
    /// What it tells the command when it takes a key back.
    cancel: Fleet,
    /// Milliseconds that the clock of the operator's machine is ahead of the true time.
    skew: i64,
    versions: Vec<Version>,
    /// Which of them has `schedule`.
    right: usize,
    /// When a file that was broken or put back is going to be mended.
    mend_at: Option<i64>,
    /// While an older file lies about, and until its traces are gone, the fleet's probe asks for
    /// this generation.
    strict: Option<(u64, i64)>,
    pub(crate) rotations: usize,
    pub(crate) revocations: usize,
    pub(crate) mistakes: usize,
    pub(crate) prunes: usize,
    pub(crate) cancellations: usize,
}

impl Operator {
    pub(crate) fn new(broken: Broken, random: &mut Random) -> Operator {
        let most = OPERATOR_SKEW.whole_milliseconds() as i64;
        let skew = random.extreme(-most, most);
        // Made in good time before the servers start.
        let schedule = KeySchedule::new(new_key(random), at(skew)).unwrap();
        let mut operator = Operator {
            schedule,
            rotation: told(broken),
            cancel: match broken {
                Broken::CancelLead => Fleet { propagation: Duration::ZERO, skew: Duration::ZERO },
                _ => FLEET,
            },
            skew,
            versions: Vec::new(),
            right: 0,
            mend_at: None,
            strict: None,
            rotations: 0,
            revocations: 0,
            mistakes: 0,
            prunes: 0,
            cancellations: 0,
        };
        let content = operator.schedule.to_text().as_bytes().to_vec();
        operator.versions.push(Version { content, seen_from: [0; SERVERS] });
        operator
    }

    /// What the file says on this server. A mount brings the newest version that has arrived, never
    /// an older one.
    pub(crate) fn file(&self, server: usize, now: i64) -> &[u8] {
        let arrived = self.versions.iter().rfind(|version| version.seen_from[server] <= now);
        &arrived.expect("the first is there from the start").content
    }

    /// Whether that is what it should say.
    pub(crate) fn file_is_right(&self, server: usize, now: i64) -> bool {
        self.file(server, now) == self.versions[self.right].content
    }

    /// When the newest version arrives.
    pub(crate) fn arrival(&self, server: usize) -> i64 {
        self.versions.last().map_or(0, |version| version.seen_from[server])
    }

    fn publish(&mut self, content: Vec<u8>, now: i64, random: &mut Random) {
        let most = MAX_FILE_DELAY.whole_milliseconds() as i64;
        let seen_from = std::array::from_fn(|_| now + random.extreme(0, most));
        self.versions.push(Version { content, seen_from });
    }

    fn publish_schedule(&mut self, now: i64, random: &mut Random) {
        self.publish(self.schedule.to_text().as_bytes().to_vec(), now, random);
        self.right = self.versions.len() - 1;
        self.mend_at = None;
        if let Some((_, until)) = &mut self.strict {
            *until = (*until).min(now + PROPAGATION.whole_milliseconds() as i64);
        }
    }

    /// Whether a server with this generation may get requests.
    pub(crate) fn admits(&self, generation: u64, now: i64) -> bool {
        self.strict.is_none_or(|(least, until)| now >= until || generation >= least)
    }

    /// Perhaps something, now. Returns a key that this revoked.
    pub(crate) fn act(&mut self, now: i64, random: &mut Random) -> Option<KeyId> {
        if self.mend_at.is_some_and(|time| time <= now) {
            self.publish_schedule(now, random);
            return None;
        }
        let clock = at(now + self.skew);
        match random.next() % 5000 {
            0..=7 => {
                // Sometimes two at once, from two terminals; or one that finds a key published.
                let mut changed = false;
                for _ in 0..1 + usize::from(random.once_in(4)) {
                    let key = new_key(random);
                    let rotated = match random.next() % 4 {
                        0 => self.schedule.rotate(key, &self.rotation, clock),
                        1 => self.schedule.rotate_again(key, &self.behind(clock), clock),
                        _ => {
                            let more = Duration::milliseconds(random.between(0, 60_000));
                            let later = self.rotation.after + more;
                            let rotation = Rotation { after: later, ..self.rotation };
                            self.schedule.rotate(key, &rotation, clock)
                        }
                    };
                    changed |= rotated.is_ok();
                    self.rotations += usize::from(rotated.is_ok());
                }
                if changed {
                    self.publish_schedule(now, random);
                }
                None
            }
            8 => {
                let states = self.schedule.key_ring().states_at(clock);
                let alive: Vec<KeyId> = states
                    .into_iter()
                    .filter(|(_, state)| !matches!(state, KeyState::Revoked | KeyState::Retired))
                    .map(|(id, _)| id)
                    .collect();
                let id = alive[random.below(alive.len())];
                self.schedule.revoke(id, new_key(random), &FLEET, clock).unwrap();
                self.revocations += 1;
                self.publish_schedule(now, random);
                Some(id)
            }
            9..=10 => {
                if !self.schedule.prune(Duration::ZERO, clock).unwrap().removed.is_empty() {
                    self.prunes += 1;
                    self.publish_schedule(now, random);
                }
                None
            }
            // A key that is published, at the last moment at which that is allowed.
            15..=215 => {
                let lead = self.cancel.propagation + self.cancel.skew;
                let last_moment = |time| (lead..lead + Duration::seconds(10)).contains(&time);
                let mut keys = self.schedule.keys().iter().filter(|dated| !dated.is_revoked());
                let id = keys.find(|dated| last_moment(dated.seal_from() - clock))?.id();
                if self.schedule.cancel(id, &self.cancel, clock).is_ok() {
                    self.cancellations += 1;
                    self.publish_schedule(now, random);
                }
                None
            }
            // A file that an editor left half written.
            11..=12 => {
                let content = self.versions.last().unwrap().content.clone();
                let cut = random.below(content.len().max(1));
                self.publish(content[..cut].to_vec(), now, random);
                self.mistake(now, random);
                None
            }
            // A roll-back of the deployment, with the key file of that day.
            13..=14 => {
                let version = random.below(self.versions.len());
                let content = self.versions[version].content.clone();
                self.publish(content, now, random);
                self.mistake(now, random);
                self.strict = Some((self.schedule.generation(), i64::MAX));
                None
            }
            _ => None,
        }
    }

    /// A rotation that comes after every key there is.
    fn behind(&self, clock: OffsetDateTime) -> Rotation {
        let keys = self.schedule.keys().iter().filter(|dated| !dated.is_revoked());
        let last = keys.map(|dated| dated.seal_from()).max().unwrap() - clock;
        let after = self.rotation.after.max(last + Duration::seconds(2));
        Rotation { after, ..self.rotation }
    }

    /// Servers report what they refuse, so it is noticed.
    fn mistake(&mut self, now: i64, random: &mut Random) {
        self.mistakes += 1;
        self.mend_at = Some(now + random.between(1_000, 90_000));
    }
}

pub(crate) fn new_key(random: &mut Random) -> Key {
    Key::from_bytes(random.bytes()).unwrap()
}
