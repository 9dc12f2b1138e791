//! Who changes the key file, by the real rules and by mistake, and how the file reaches the
//! servers.

use crate::random::Random;
use crate::{Broken, IDLE, MAX_FILE_DELAY, MAX_SKEW, PROPAGATION, SERVERS, at};
use sealed_session::key_file::{KeySchedule, Rotation};
use sealed_session::{Key, KeyId, KeyState};
use time::Duration;

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
        Broken::Nothing | Broken::KeepLastRing => right,
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
}

impl Operator {
    pub(crate) fn new(broken: Broken, random: &mut Random) -> Operator {
        let schedule = KeySchedule::new(new_key(random), at(0)).unwrap();
        let mut operator = Operator {
            schedule,
            rotation: told(broken),
            versions: Vec::new(),
            right: 0,
            mend_at: None,
            strict: None,
            rotations: 0,
            revocations: 0,
            mistakes: 0,
            prunes: 0,
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
        match random.next() % 5000 {
            0..=7 => {
                // Sometimes two at once, from two terminals.
                for _ in 0..1 + usize::from(random.once_in(4)) {
                    let key = new_key(random);
                    self.schedule.rotate(key, &self.rotation, at(now)).unwrap();
                    self.rotations += 1;
                }
                self.publish_schedule(now, random);
                None
            }
            8 => {
                let states = self.schedule.key_ring().states_at(at(now));
                let alive: Vec<KeyId> = states
                    .into_iter()
                    .filter(|(_, state)| !matches!(state, KeyState::Revoked | KeyState::Retired))
                    .map(|(id, _)| id)
                    .collect();
                let id = alive[random.below(alive.len())];
                self.schedule.revoke(id, new_key(random), PROPAGATION, at(now)).unwrap();
                self.revocations += 1;
                self.publish_schedule(now, random);
                Some(id)
            }
            9..=10 => {
                if !self.schedule.prune(at(now)).unwrap().is_empty() {
                    self.prunes += 1;
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

    /// Servers report what they refuse, so it is noticed.
    fn mistake(&mut self, now: i64, random: &mut Random) {
        self.mistakes += 1;
        self.mend_at = Some(now + random.between(1_000, 90_000));
    }
}

pub(crate) fn new_key(random: &mut Random) -> Key {
    Key::from_bytes(random.bytes()).unwrap()
}
