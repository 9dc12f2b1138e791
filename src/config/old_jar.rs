//! Which migrations are refused?

use crate::error::ConfigError;
use crate::headers::cookie::CookieFinder;
use crate::headers::set_cookie::{Attributes, CookieWriter, Persistence};
use crate::migration::old_jar::{Convert, OldJar};
use crate::rules::timeouts::Policy;
use crate::timestamp::Timestamp;
use std::ops::Range;
use time::{Duration, OffsetDateTime};

/// One call of `migrate_private_jar`.
pub(crate) struct OldJarSettings<T> {
    pub(crate) name: String,
    pub(crate) key: cookie::Key,
    pub(crate) accepted: Range<OffsetDateTime>,
    pub(crate) convert: Convert<T>,
}

/// Checks all calls against each other and against the other settings.
pub(crate) fn check<T>(
    mut calls: Vec<OldJarSettings<T>>,
    ours: &Attributes,
    policy: &Policy,
) -> Result<Option<OldJar<T>>, ConfigError> {
    let first = calls.pop();
    if !calls.is_empty() {
        return Err(ConfigError::new(
            "migrate_private_jar",
            "call it once, for the cookie that says who is signed in: one visitor's two old cookies \
             would be two sessions",
        ));
    }
    first.map(|call| call.check(ours, policy)).transpose()
}

impl<T> OldJarSettings<T> {
    fn check(self, ours: &Attributes, policy: &Policy) -> Result<OldJar<T>, ConfigError> {
        let OldJarSettings { name, key, accepted, convert } = self;
        let refuse = |problem: &str| Err(ConfigError::new("migrate_private_jar", problem));
        if name.is_empty()
            || name.bytes().any(|byte| byte.is_ascii_control() || b" ;,=".contains(&byte))
        {
            return refuse("give the old cookie's name as it is sent, like `session`");
        }
        if name == ours.name {
            return refuse(
                "the old cookie and the new one have one name: give the new one another with \
                 `cookie_name`, so that old and new servers can run side by side",
            );
        }
        if accepted.is_empty() {
            return refuse("the end must be after the beginning");
        }
        let (_, absolute) = policy.timeouts.to_durations();
        if accepted.end - accepted.start > absolute {
            let hours = Duration::whole_hours(absolute);
            return refuse(&format!(
                "old sessions count from the beginning, so `absolute_timeout` ({hours} hours) ends \
                 all of them before the end that is named: name an earlier end or raise \
                 `absolute_timeout`"
            ));
        }
        let removal = Attributes { name: name.clone(), ..ours.clone() };
        Ok(OldJar {
            finder: CookieFinder::new(&name),
            writer: CookieWriter::new(&removal, Persistence::Never),
            since: Timestamp::from_time(accepted.start),
            until: Timestamp::from_time(accepted.end),
            name,
            key,
            convert,
        })
    }
}
