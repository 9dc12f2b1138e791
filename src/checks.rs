//! Which configurations are refused? Each check names the setting and the mend.

use crate::error::{ConfigError, EncodeError, ROUND_TRIP_CAUSES};
use crate::payload;
use crate::response::Attributes;
use crate::sessions::{Sessions, Upgrade};
use crate::timeouts::{Policy, Timeouts};
use cookie::SameSite;
use serde::{Serialize, de::DeserializeOwned};
use std::any::type_name;
use std::collections::BTreeMap;
use time::Duration;

/// The length of a part of the associated data has 16 bits.
const MOST_BINDING: usize = u16::MAX as usize;

fn refuse<R>(setting: &'static str, problem: impl Into<String>) -> Result<R, ConfigError> {
    Err(ConfigError::new(setting, problem))
}

fn whole_seconds(setting: &'static str, length: Duration) -> Result<u32, ConfigError> {
    match u32::try_from(length.whole_seconds()) {
        Ok(seconds) if length.subsec_nanoseconds() == 0 => Ok(seconds),
        _ => refuse(setting, "give whole seconds, not negative and at most 2^32 - 1"),
    }
}

fn positive_seconds(setting: &'static str, length: Duration) -> Result<u32, ConfigError> {
    match whole_seconds(setting, length)? {
        0 => refuse(setting, "it must be at least a second, or every session would end at once"),
        seconds => Ok(seconds),
    }
}

/// The timeouts, in whole seconds.
pub(crate) fn policy(
    (idle, absolute): (Duration, Duration),
    longest: Option<(Duration, Duration)>,
    renew_after: Option<Duration>,
) -> Result<Policy, ConfigError> {
    let timeouts = Timeouts {
        idle: positive_seconds("idle_timeout", idle)?,
        absolute: positive_seconds("absolute_timeout", absolute)?,
    };
    let longest = match longest {
        None => timeouts,
        Some((idle, absolute)) => Timeouts {
            idle: positive_seconds("longest_timeouts", idle)?,
            absolute: positive_seconds("longest_timeouts", absolute)?,
        },
    };
    if longest.idle < timeouts.idle || longest.absolute < timeouts.absolute {
        return refuse(
            "longest_timeouts",
            "they must not be shorter than `idle_timeout` and `absolute_timeout`",
        );
    }
    let renew_after = renew_after.map(|after| whole_seconds("renew_after", after)).transpose()?;
    if renew_after.is_some_and(|after| after >= timeouts.idle) {
        return refuse(
            "renew_after",
            "it must be shorter than `idle_timeout`, or sessions in use would time out",
        );
    }
    Ok(Policy { timeouts, longest, renew_after })
}

pub(crate) fn app(app: &str) -> Result<(), ConfigError> {
    match app.len() {
        1..=MOST_BINDING => Ok(()),
        _ => refuse(
            "app",
            "name the application and its use, like `shop` or `shop/reset`, in 1 to 65535 bytes",
        ),
    }
}

pub(crate) fn padding(multiple: usize) -> Result<(), ConfigError> {
    match multiple {
        1..=256 => Ok(()),
        _ => refuse("padding", "it must be from 1 to 256 bytes"),
    }
}

/// What browsers demand of a name that begins so, in any case (RFC 6265bis §4.1.3 and the later
/// `__Http-` prefixes). The longer of two that fit comes first.
struct Prefix {
    text: &'static str,
    http_only: bool,
    host: bool,
}

const PREFIXES: [Prefix; 4] = [
    Prefix { text: "__Host-Http-", http_only: true, host: true },
    Prefix { text: "__Host-", http_only: false, host: true },
    Prefix { text: "__Http-", http_only: true, host: false },
    Prefix { text: "__Secure-", http_only: false, host: false },
];

fn prefix(name: &str) -> Option<&'static Prefix> {
    PREFIXES.iter().find(|prefix| {
        name.get(..prefix.text.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.text))
    })
}

pub(crate) fn without_prefix(name: &str) -> &str {
    prefix(name).map_or(name, |prefix| &name[prefix.text.len()..])
}

pub(crate) fn cookie(cookie: &Attributes, insecure: bool) -> Result<(), ConfigError> {
    let Attributes { name, path, domain, .. } = cookie;
    if name.is_empty() || !name.bytes().all(is_token) {
        return refuse(
            "cookie_name",
            "use letters, digits and the characters !#$%&'*+-.^_`|~ only (RFC 9110 §5.6.2), at least one",
        );
    }
    // RFC 6265bis §5.6 lets browsers ignore an attribute past 1024 bytes.
    if !path.starts_with('/')
        || path.len() > 1024
        || !path.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b';')
    {
        return refuse(
            "path",
            "begin with `/` and use printable ASCII without `;`, at most 1024 bytes",
        );
    }
    if let Some(domain) = domain
        && !is_domain(domain)
    {
        return refuse(
            "domain",
            "give a host name of letters, digits, `-` and `.`, without port or scheme",
        );
    }
    if let Some(Prefix { text, http_only, host }) = prefix(name) {
        if !cookie.secure {
            return refuse(
                "secure",
                format!(
                    "a cookie whose name begins with `{text}` must be `Secure`: leave `secure` on, or \
                     call `insecure_for_development` for plain HTTP"
                ),
            );
        }
        if *http_only && !cookie.http_only {
            return refuse(
                "http_only",
                format!("a cookie whose name begins with `{text}` must be `HttpOnly`: leave it on"),
            );
        }
        if *host && domain.is_some() {
            return refuse(
                "domain",
                format!(
                    "a cookie whose name begins with `{text}` has no domain: remove `domain`, or \
                     choose another `cookie_name`"
                ),
            );
        }
        if *host && path != "/" {
            return refuse(
                "path",
                format!(
                    "a cookie whose name begins with `{text}` has the path `/`: remove `path`, or \
                     choose another `cookie_name`"
                ),
            );
        }
    }
    if !cookie.secure {
        let why = match insecure {
            true => "remove it together with `insecure_for_development`, or serve over TLS",
            false => "leave `secure` on",
        };
        if cookie.same_site == SameSite::None {
            return refuse(
                "same_site",
                format!("browsers refuse `SameSite=None` without `Secure`: {why}"),
            );
        }
        if cookie.partitioned {
            return refuse(
                "partitioned",
                format!("browsers refuse `Partitioned` without `Secure`: {why}"),
            );
        }
    }
    Ok(())
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_domain(domain: &str) -> bool {
    // Browsers ignore one dot in front (RFC 6265bis §5.6.3).
    let labels = domain.strip_prefix('.').unwrap_or(domain).split('.');
    domain.len() <= 253
        && labels.into_iter().all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

pub(crate) fn upgrades<T>(
    list: Vec<(u32, Upgrade<T>)>,
    schema: u32,
) -> Result<BTreeMap<u32, Upgrade<T>>, ConfigError> {
    let mut by_version = BTreeMap::new();
    for (from, upgrade) in list {
        if from >= schema {
            return refuse(
                "upgrade",
                format!("an upgrade from version {from} needs a `version` above it, not {schema}"),
            );
        }
        if by_version.insert(from, upgrade).is_some() {
            return refuse("upgrade", format!("there are two upgrades from version {from}"));
        }
    }
    Ok(by_version)
}

/// The bytes of `T::default()`, if they survive: postcard cannot read back everything that it writes.
pub(crate) fn default_data<T: Serialize + DeserializeOwned + Default>()
-> Result<Vec<u8>, ConfigError> {
    let broken = |what: &str| {
        let name = type_name::<T>();
        ConfigError::new("build", format!("`{name}::default()` {what}: {ROUND_TRIP_CAUSES}"))
    };
    let bytes = payload::to_bytes(&T::default())
        .map_err(|error| broken(&format!("cannot be serialised ({error})")))?;
    let back: T = payload::read(&bytes).map_err(|_| broken("cannot be read back"))?;
    match payload::to_bytes(&back) {
        Ok(again) if again == bytes => Ok(bytes),
        _ => Err(broken("comes back as another value")),
    }
}

/// A session with nothing in it must fit, or no session will.
pub(crate) fn default_fits<T>(sessions: &Sessions<T>) -> Result<(), ConfigError>
where
    T: Serialize + DeserializeOwned + Default,
{
    match sessions.check_fits(T::default()) {
        Err(EncodeError::TooLarge { size, limit }) => refuse(
            "build",
            format!("with `T::default()` the cookie has {size} bytes and {limit} is the limit"),
        ),
        _ => Ok(()),
    }
}
