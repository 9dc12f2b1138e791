//! Which configurations are refused? Each check names the setting and the fix.

use crate::error::{ConfigError, EncodeError, ROUND_TRIP_CAUSES};
use crate::headers::set_cookie::{Attributes, Persistence};
use crate::rules::timeouts::{Clocks, Policy, Timeouts};
use crate::timestamp::Timestamp;
use crate::wire::codec::Codec;
use crate::wire::plaintext::Stamps;
use crate::wire::schema::{self, Schema, Upgrade};
use cookie::SameSite;
use serde::{Serialize, de::DeserializeOwned};
use std::any::type_name;
use std::collections::BTreeMap;
use time::Duration;
use uuid::Uuid;

/// The length of a part of the associated data has 16 bits.
pub(super) const MAX_BINDING: usize = u16::MAX as usize;

pub(super) fn refuse<R>(
    setting: &'static str,
    problem: impl Into<String>,
) -> Result<R, ConfigError> {
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
    if timeouts.idle > timeouts.absolute {
        return refuse(
            "idle_timeout",
            "it must not be longer than `absolute_timeout`, which ends every session in use: raise \
             `absolute_timeout` as well",
        );
    }
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
        1..=MAX_BINDING => Ok(()),
        _ => refuse(
            "app",
            "name the application and its use, like `shop` or `shop/reset`, in 1 to 65535 bytes",
        ),
    }
}

/// A name that is longer could not be written into the associated data.
pub(crate) fn name_len(name: &str) -> Result<(), ConfigError> {
    match name.len() {
        0..=MAX_BINDING => Ok(()),
        _ => refuse("cookie_name", "it has more than 65535 bytes, and a cookie has at most 4096"),
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
    name_len(name)?;
    // RFC 6265bis §5.6 lets browsers ignore an attribute past 1024 bytes.
    if !path.starts_with('/')
        || path.len() > 1024
        // Browsers remove it (RFC 6265bis §5.6), and a removal cookie of another path removes nothing.
        || path.ends_with(' ')
        || !path.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b';')
    {
        return refuse(
            "path",
            "begin with `/` and use printable ASCII without `;` and without a blank at the end, at most \
             1024 bytes",
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
                format!(
                    "an upgrade from version {from} needs a `schema_version` above it, not {schema}"
                ),
            );
        }
        if by_version.insert(from, upgrade).is_some() {
            return refuse("upgrade", format!("there are two upgrades from version {from}"));
        }
    }
    Ok(by_version)
}

pub(crate) fn persistence(
    persistence: Persistence,
    longest: Option<(Duration, Duration)>,
) -> Result<(), ConfigError> {
    if persistence == Persistence::Remembered && longest.is_none() {
        return refuse(
            "persistence",
            "`Persistence::Remembered` is for sessions with longer timeouts of their own: set \
             `longest_timeouts`, or they are cut",
        );
    }
    Ok(())
}

pub(crate) fn seal_as<T>(schema: &Schema<T>) -> Result<(), ConfigError> {
    let Some(older) = &schema.seal_as else { return Ok(()) };
    let (version, today) = (older.version, schema.version);
    if version >= today {
        return refuse(
            "seal_as",
            format!("version {version} is not below `schema_version`, which is {today}"),
        );
    }
    if !schema.upgrades.contains_key(&version) {
        return refuse(
            "seal_as",
            format!(
                "this server could not open what it seals: add an `upgrade` from version {version}"
            ),
        );
    }
    Ok(())
}

/// Returns `T::default()` as it is sealed and in today's schema, if it survives and fits: postcard cannot read back
/// everything that it writes, and a session with nothing in it must fit, or no session will.
pub(crate) fn default_data<T: Serialize + DeserializeOwned + Default>(
    codec: &Codec,
    schema: &Schema<T>,
) -> Result<(Vec<u8>, Vec<u8>), ConfigError> {
    let broken = |what: &str| {
        let name = type_name::<T>();
        ConfigError::new("build", format!("`{name}::default()` {what}: {ROUND_TRIP_CAUSES}"))
    };
    let cannot_be_serialised =
        |error: postcard::Error| broken(&format!("cannot be serialised ({error})"));

    let default = T::default();
    let bytes = postcard::to_allocvec(&default).map_err(cannot_be_serialised)?;
    let back: T = schema::read(&bytes).ok_or_else(|| broken("cannot be read back"))?;
    if postcard::to_allocvec(&back).ok().as_ref() != Some(&bytes) {
        return Err(broken("comes back as another value"));
    }

    let sealed_as = schema.sealed_as(None);
    let mut draft = codec.draft(bytes.len());
    schema.write(sealed_as, &default, &mut draft).map_err(|error| {
        let error = EncodeError::of_write(error, type_name::<T>());
        ConfigError::new("build", format!("`T::default()` cannot be sealed: {error}"))
    })?;
    for (version, len) in [(sealed_as, draft.data_len()), (schema.version, bytes.len())] {
        if let Err(EncodeError::TooLarge { size, limit }) =
            codec.check_size(&first_stamps(version), len)
        {
            return refuse(
                "build",
                format!(
                    "with `T::default()` the cookie is {size} bytes long, and a browser takes \
                     {limit}: keep large data elsewhere, and its id in the session"
                ),
            );
        }
    }
    Ok((draft.data().to_vec(), bytes))
}

/// The stamps of a session that begins.
fn first_stamps(schema: u32) -> Stamps {
    let clocks = Clocks { created: Timestamp::from_millis(0), renewed: 0, own: None };
    Stamps { id: Uuid::nil(), clocks, schema, cut: 0 }
}

#[cfg(test)]
mod tests {
    use crate::{Key, KeyRing, SameSite, Sessions, SessionsBuilder};
    use serde::{Deserialize, Serialize, de::DeserializeOwned};
    use std::collections::BTreeMap;
    use time::Duration;

    fn builder<T: Serialize + DeserializeOwned>() -> SessionsBuilder<T> {
        let key = Key::from_bytes(std::array::from_fn(|i| i as u8)).unwrap();
        Sessions::builder("shop", KeyRing::new(key))
    }

    /// What `build()` says to a changed builder; it must refuse.
    fn refusal(change: impl FnOnce(SessionsBuilder<u32>) -> SessionsBuilder<u32>) -> String {
        change(builder()).build().unwrap_err().to_string()
    }

    fn assert_accepted(change: impl FnOnce(SessionsBuilder<u32>) -> SessionsBuilder<u32>) {
        change(builder()).build().unwrap();
    }

    #[test]
    fn the_defaults_are_accepted() {
        assert_accepted(|b| b);
    }

    #[test]
    fn an_app_that_is_empty_or_too_long() {
        let expected = "`app`: name the application and its use, like `shop` or `shop/reset`, \
                        in 1 to 65535 bytes";
        let key = || KeyRing::new(Key::generate());
        for app in [String::new(), "x".repeat(65_536)] {
            let error = Sessions::<u32>::builder(app, key()).build().unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert_eq!(error.setting(), "app");
        }
        Sessions::<u32>::builder("x".repeat(65_535), key()).build().unwrap();
    }

    #[test]
    fn a_name_that_is_no_token() {
        let expected = "`cookie_name`: use letters, digits and the characters !#$%&'*+-.^_`|~ only \
                        (RFC 9110 §5.6.2), at least one";
        for name in ["", "a b", "a=b", "a;b", "a\r\nb", "a\0", "é", "a,b", "a\"", "a\x7f", "a/b"] {
            assert_eq!(refusal(|b| b.cookie_name(name)), expected, "{name:?}");
        }
        assert_accepted(|b| b.cookie_name("!#$%&'*+-.^_`|~09azAZ"));
    }

    #[test]
    fn a_name_too_long_to_be_bound() {
        let name = "x".repeat(65_536);
        let expected = "`cookie_name`: it has more than 65535 bytes, and a cookie has at most 4096";
        assert_eq!(refusal(|b| b.cookie_name(name)), expected);
    }

    #[test]
    fn a_path_with_what_does_not_belong_there() {
        let expected = "`path`: begin with `/` and use printable ASCII without `;` and without a blank at the end, \
             at most 1024 bytes";
        let long = format!("/{}", "x".repeat(1024));
        for path in ["", "app", "/app ", "/a;b", "/a\r\nb", "/\0", "/é", "/\x7f", &long] {
            assert_eq!(refusal(|b| b.cookie_name("sid").path(path)), expected, "{path:?}");
        }
        assert_accepted(|b| b.cookie_name("sid").path("/app with space,comma=1"));
        assert_accepted(|b| b.cookie_name("sid").path(&long[..1024]));
    }

    #[test]
    fn a_domain_that_is_no_host_name() {
        let expected =
            "`domain`: give a host name of letters, digits, `-` and `.`, without port or scheme";
        let long = ["x"; 128].join(".");
        for domain in [
            "",
            ".",
            "a..b",
            "a.",
            "a;b",
            "a b",
            "a\r\n",
            "é.com",
            "a:80",
            "https://a",
            "a\0",
            &long,
        ] {
            assert_eq!(refusal(|b| b.cookie_name("sid").domain(domain)), expected, "{domain:?}");
        }
        assert_accepted(|b| b.cookie_name("sid").domain("Shop-1.example.com"));
        assert_accepted(|b| b.cookie_name("sid").domain(".example.com"));
    }

    #[test]
    fn a_prefixed_name_that_is_not_secure() {
        for name in
            ["__Host-a", "__HOST-a", "__Secure-a", "__secure-a", "__Http-a", "__Host-Http-a"]
        {
            let message = refusal(|b| b.cookie_name(name).secure(false));
            assert!(
                message.starts_with("`secure`: a cookie whose name begins with `__"),
                "{message}"
            );
            assert!(
                message.ends_with(
                    "must be `Secure`: leave `secure` on, or call `insecure_for_development` for plain HTTP"
                ),
                "{message}"
            );
        }
    }

    #[test]
    fn a_host_prefixed_name_with_a_domain_or_another_path() {
        for name in ["__Host-a", "__host-a", "__Host-Http-a", "__hOST-hTTP-a"] {
            let message = refusal(|b| b.cookie_name(name).domain("example.com"));
            assert!(
                message.starts_with("`domain`: a cookie whose name begins with `__Host-"),
                "{message}"
            );
            assert!(
                message
                    .ends_with("has no domain: remove `domain`, or choose another `cookie_name`")
            );
            let message = refusal(|b| b.cookie_name(name).path("/app"));
            assert!(
                message.starts_with("`path`: a cookie whose name begins with `__Host-"),
                "{message}"
            );
            assert!(
                message
                    .ends_with("has the path `/`: remove `path`, or choose another `cookie_name`")
            );
        }
        assert_accepted(|b| b.cookie_name("__Secure-a").domain("example.com").path("/app"));
        assert_accepted(|b| b.cookie_name("__Http-a").domain("example.com").path("/app"));
    }

    #[test]
    fn an_http_prefixed_name_that_scripts_can_read() {
        for (name, prefix) in [("__Http-a", "__Http-"), ("__HOST-HTTP-a", "__Host-Http-")] {
            assert_eq!(
                refusal(|b| b.cookie_name(name).http_only(false)),
                format!(
                    "`http_only`: a cookie whose name begins with `{prefix}` must be `HttpOnly`: leave it on"
                )
            );
        }
        assert_accepted(|b| b.cookie_name("__Host-a").http_only(false));
    }

    #[test]
    fn same_site_none_or_partitioned_without_secure() {
        let plain = |b: SessionsBuilder<u32>| b.cookie_name("sid").secure(false);
        assert_eq!(
            refusal(|b| plain(b).same_site(SameSite::None)),
            "`same_site`: browsers refuse `SameSite=None` without `Secure`: leave `secure` on"
        );
        assert_eq!(
            refusal(|b| plain(b).partitioned(true)),
            "`partitioned`: browsers refuse `Partitioned` without `Secure`: leave `secure` on"
        );
        assert_eq!(
            refusal(|b| b.same_site(SameSite::None).insecure_for_development()),
            "`same_site`: browsers refuse `SameSite=None` without `Secure`: remove it together with \
             `insecure_for_development`, or serve over TLS"
        );
        assert_accepted(|b| b.same_site(SameSite::None).partitioned(true));
        assert_accepted(plain);
    }

    #[test]
    fn timeouts_that_are_not_positive_whole_seconds() {
        let fraction = Duration::milliseconds(1500);
        let whole =
            |setting| format!("`{setting}`: give whole seconds, not negative and at most 2^32 - 1");
        let positive = |setting| {
            format!("`{setting}`: it must be at least a second, or every session would end at once")
        };
        for bad in [fraction, Duration::seconds(-1), Duration::MAX, Duration::seconds(1 << 32)] {
            assert_eq!(refusal(|b| b.idle_timeout(bad)), whole("idle_timeout"));
            assert_eq!(refusal(|b| b.absolute_timeout(bad)), whole("absolute_timeout"));
            assert_eq!(refusal(|b| b.renew_after(bad)), whole("renew_after"));
            assert_eq!(refusal(|b| b.longest_timeouts(bad, bad)), whole("longest_timeouts"));
        }
        assert_eq!(refusal(|b| b.idle_timeout(Duration::ZERO)), positive("idle_timeout"));
        assert_eq!(refusal(|b| b.absolute_timeout(Duration::ZERO)), positive("absolute_timeout"));
        assert_accepted(|b| b.renew_after(Duration::ZERO));
    }

    #[test]
    fn longest_timeouts_shorter_than_the_policy() {
        let message = refusal(|b| b.longest_timeouts(Duration::minutes(29), Duration::hours(8)));
        assert_eq!(
            message,
            "`longest_timeouts`: they must not be shorter than `idle_timeout` and `absolute_timeout`"
        );
        assert_accepted(|b| b.longest_timeouts(Duration::days(14), Duration::days(90)));
    }

    #[test]
    fn a_renewal_that_would_come_too_late() {
        assert_eq!(
            refusal(|b| b.renew_after(Duration::minutes(30))),
            "`renew_after`: it must be shorter than `idle_timeout`, or sessions in use would time out"
        );
    }

    #[test]
    fn a_padding_outside_1_to_256() {
        for padding in [0, 257, usize::MAX] {
            assert_eq!(
                refusal(|b| b.padding(padding)),
                "`padding`: it must be from 1 to 256 bytes"
            );
        }
        assert_accepted(|b| b.padding(1));
        assert_accepted(|b| b.padding(256));
    }

    #[test]
    fn upgrades_that_contradict_the_version() {
        assert_eq!(
            refusal(|b| b.schema_version(3).upgrade(3, |old: u8| old.into())),
            "`upgrade`: an upgrade from version 3 needs a `schema_version` above it, not 3"
        );
        assert_eq!(
            refusal(|b| b.schema_version(3).upgrade(1, |_: u8| 0).upgrade(1, |_: u16| 0)),
            "`upgrade`: there are two upgrades from version 1"
        );
    }

    const CAUSES: &str = "postcard is not self-describing, so avoid `skip_serializing_if`, `flatten`, \
        `untagged`, internally or adjacently tagged enums, `serde_json::Value`, lists of empty \
        elements and nesting deeper than 128";

    #[test]
    fn sealing_as_a_version_that_is_not_older() {
        let with_upgrade = |b: SessionsBuilder<u32>| b.schema_version(1).upgrade(0, |old: u32| old);
        for version in [1, 2] {
            let expected =
                format!("`seal_as`: version {version} is not below `schema_version`, which is 1");
            assert_eq!(refusal(|b| with_upgrade(b).seal_as(version, |new| *new)), expected);
        }
        assert_accepted(|b| with_upgrade(b).seal_as(0, |new| *new));
    }

    #[test]
    fn sealing_as_a_version_that_it_could_not_open() {
        let expected =
            "`seal_as`: this server could not open what it seals: add an `upgrade` from version 0";
        assert_eq!(refusal(|b| b.schema_version(1).seal_as(0, |new| *new)), expected);
    }

    fn default_refusal<T: Serialize + DeserializeOwned + Default>() -> String {
        let message = builder::<T>().build().unwrap_err().to_string();
        assert!(
            message.starts_with("`build`: `sealed_session::config::validate::tests::"),
            "{message}"
        );
        assert!(message.ends_with(CAUSES), "{message}");
        message
    }

    #[test]
    fn a_default_that_skips_a_field() {
        #[derive(Serialize, Deserialize, Default)]
        struct Skips {
            #[serde(skip_serializing_if = "Option::is_none")]
            user: Option<String>,
        }
        assert!(default_refusal::<Skips>().contains("Skips::default()` cannot be read back: "));
    }

    #[test]
    fn a_default_with_a_flattened_field() {
        #[derive(Serialize, Deserialize, Default)]
        struct Flattens {
            #[serde(flatten)]
            rest: BTreeMap<String, String>,
        }
        assert!(
            default_refusal::<Flattens>().contains("Flattens::default()` cannot be serialised (")
        );
    }

    #[test]
    fn a_default_that_describes_itself() {
        #[derive(Serialize, Deserialize, Default)]
        struct Describes(serde_json::Value);
        assert!(
            default_refusal::<Describes>().contains("Describes::default()` cannot be read back: ")
        );
    }

    #[test]
    fn a_default_that_comes_back_as_another_value() {
        #[derive(Serialize, Default)]
        struct Changes(u8);
        impl<'de> Deserialize<'de> for Changes {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Changes, D::Error> {
                u8::deserialize(d).map(|byte| Changes(byte + 1))
            }
        }
        assert!(
            default_refusal::<Changes>()
                .contains("Changes::default()` comes back as another value: ")
        );
    }

    #[test]
    fn a_default_that_does_not_fit_the_cookie() {
        #[derive(Serialize, Deserialize)]
        struct Large(Vec<u32>);
        impl Default for Large {
            fn default() -> Large {
                Large(vec![u32::MAX; 1000])
            }
        }
        let message = builder::<Large>().build().unwrap_err().to_string();
        assert_eq!(
            message,
            "`build`: with `T::default()` the cookie is 6795 bytes long, and a browser takes 4096: \
             keep large data elsewhere, and its id in the session"
        );
    }
}
