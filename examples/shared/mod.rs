//! What the page_views examples of all frameworks have in common.

mod page;

pub(crate) use page::{CONTENT_POLICY, page};

use sealed_session::key_file::KeyWatch;
use sealed_session::{ConfigError, Key, KeyError, KeyFile, KeyRing, Session, Sessions};
use serde::{Deserialize, Serialize};
use std::env;
use std::net::SocketAddr;
use std::process::exit;
use time::Duration;

/// The whole session.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Visit {
    pub(crate) page_views: u32,
    pub(crate) user: Option<String>,
}

/// What the environment says.
pub(crate) struct Settings {
    pub(crate) keys: KeyRing,
    /// Where `keys` come from, if that is a file. It is watched for as long as this lives.
    pub(crate) key_file: Option<KeyWatch>,
    pub(crate) addr: String,
    pub(crate) insecure: bool,
}

/// The sessions of all these examples.
pub(crate) fn sessions(settings: &Settings) -> Result<Sessions<Visit>, ConfigError> {
    let mut builder = Sessions::<Visit>::builder("page_views", settings.keys.clone())
        .idle_timeout(Duration::minutes(15))
        .absolute_timeout(Duration::hours(8));
    if settings.insecure {
        builder = builder.insecure_for_development();
    }
    let sessions = builder.build()?;
    if let Some(key_file) = &settings.key_file {
        key_file.attach(&sessions);
    }
    Ok(sessions)
}

/// Reads the settings. A wrong key ends the process with code 2, and so does an unknown argument;
/// `new-key` prints a key and ends it too.
pub(crate) fn settings_or_exit() -> Settings {
    match env::args().nth(1).as_deref() {
        None => {}
        Some("new-key") => {
            println!("{}", *Key::generate().to_text());
            exit(0);
        }
        Some(other) => {
            eprintln!("unknown argument `{other}`: there is only `new-key`");
            exit(2);
        }
    }
    let key_file = env::var_os("KEY_FILE").map(|path| {
        KeyFile::watch(path, Duration::SECOND).unwrap_or_else(|error| {
            eprintln!("KEY_FILE: {error}");
            exit(2);
        })
    });
    let keys = key_file.as_ref().map(KeyWatch::key_ring).map_or_else(keys, Ok);
    let keys = keys.unwrap_or_else(|error| {
        eprintln!("{error}");
        exit(2);
    });
    let addr = env::var("ADDR").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let insecure = insecure();
    if !insecure && !is_loopback(&addr) {
        tracing::warn!(
            "ADDR={addr} is for visitors on other machines: over plain HTTP their browsers do not \
             keep a cookie with `Secure`, and every visit is their first. Put TLS in front of this \
             server, or set INSECURE=1 while you test"
        );
    }
    Settings { keys, key_file, addr, insecure }
}

/// Whether only browsers on this machine can reach that address, which take it for secure.
fn is_loopback(addr: &str) -> bool {
    match addr.parse::<SocketAddr>() {
        Ok(addr) => addr.ip().is_loopback(),
        Err(_) => addr.rsplit_once(':').is_some_and(|(host, _)| host == "localhost"),
    }
}

fn keys() -> Result<KeyRing, KeyError> {
    if env::var_os("SESSION_KEYS").is_some() {
        return KeyRing::from_env("SESSION_KEYS");
    }
    tracing::warn!(
        "SESSION_KEYS is not set: this process made a key for itself, so sessions will not outlive \
         it. A key that lasts: export SESSION_KEYS=$({} new-key)",
        env::args().next().expect("a program has a name")
    );
    Ok(KeyRing::new(Key::generate()))
}

fn insecure() -> bool {
    env::var("INSECURE").is_ok_and(|value| value == "1")
}

/// Whether this `Accept` header is a browser's, who wants a page and not a line.
pub(crate) fn wants_html(accept: &[u8]) -> bool {
    String::from_utf8_lossy(accept).to_ascii_lowercase().contains("text/html")
}

/// The page for curl.
pub(crate) fn line(visit: &Visit) -> String {
    let times = counted(visit.page_views, "time");
    match &visit.user {
        Some(name) => format!("You visited this page {times}, {name}.\n"),
        None => format!("You visited this page {times}.\n"),
    }
}

fn counted(count: u32, unit: &str) -> String {
    format!("{count} {}", plural(count, unit))
}

fn plural(count: u32, unit: &str) -> String {
    format!("{unit}{}", if count == 1 { "" } else { "s" })
}

/// Signs in anyone who gives a name, where a real sign-in checks a password first.
pub(crate) fn sign_in(session: &mut Session<Visit>, username: &str) {
    if let Some(name) = clean_name(username) {
        // A new id at sign-in: a session planted before it does not become a signed-in one.
        session.renew();
        session.user = Some(name);
    }
}

/// What a sender is told whose form has no good token, with the status 403.
pub(crate) const FORM_REFUSED: &str = "This form is not of your session: you may have signed in or out \
    since it was shown. Open the page again, and send the form from there.\n";

/// A name to greet somebody by, if there is one in `text`. It is cut, for a cookie holds only 4096
/// bytes: a session that does not fit is not saved, and its visitor gets a 500.
fn clean_name(text: &str) -> Option<String> {
    const MAX_CHARACTERS: usize = 100;
    let visible: String = text.chars().filter(|c| !c.is_control()).collect();
    let name: String = visible.trim().chars().take(MAX_CHARACTERS).collect();
    (!name.is_empty()).then_some(name)
}
