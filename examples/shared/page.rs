//! The page for people: data in, HTML out.

use super::{Visit, counted, plural};
use html_escape::encode_text;
use sealed_session::{COOKIE_LIMIT, Origin, Reason, Session, Sessions};
use std::error::Error;
use time::OffsetDateTime;

/// The page needs its own style and forms, and nothing else from anywhere.
pub(crate) const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The form for a stranger. Only we know the token, so no other site can send this form.
fn sign_in(token: &str) -> String {
    format!(
        r#"<form method="post" action="/login">
<input type="hidden" name="csrf" value="{token}">
<label for="username">Your name</label>
<input id="username" name="username" maxlength="100" autocomplete="username" required>
<button>Sign in</button>
</form>"#
    )
}

/// The form for somebody who is signed in.
fn sign_out(token: &str) -> String {
    format!(
        r#"<form method="post" action="/logout">
<input type="hidden" name="csrf" value="{token}">
<button>Sign out</button>
</form>"#
    )
}

/// The page as HTML, after the handler's last change to the session.
pub(crate) fn page(
    sessions: &Sessions<Visit>,
    session: &Session<Visit>,
) -> Result<String, Box<dyn Error>> {
    // What saving this session will put into the browser.
    let value = sessions.encode(session)?;
    let held = sessions.decode(&value)?;
    let key_id = sessions.sealing_key().ok_or("no key seals")?;
    let now = OffsetDateTime::now_utc();

    // Characters of base64url only, so it needs no escaping.
    let token = sessions.csrf_token(session)?;
    // Every text from outside must be escaped; here the name is the only one.
    let user = session.user.as_deref().map(encode_text);
    let (greeting, form) = match user {
        Some(name) => (format!("Hello, <bdi>{name}</bdi>!"), sign_out(&token)),
        None => ("Hello, stranger!".to_owned(), sign_in(&token)),
    };
    Ok(format!(
        include_str!("page.html"),
        style = include_str!("page.css"),
        greeting = greeting,
        count = session.page_views,
        times = plural(session.page_views, "time"),
        form = form,
        origin = origin_in_words(session.origin()),
        cookie_name = sessions.cookie_name(),
        cookie_len = sessions.cookie_name().len() + "=".len() + value.len(),
        cookie_limit = COOKIE_LIMIT,
        key_id = key_id,
        session_id = held.id(),
        age = in_words((now - held.created_at()).as_seconds_f64().floor()),
        idle = in_words((held.idle_deadline() - now).as_seconds_f64().ceil()),
        absolute = in_words((held.absolute_deadline() - now).as_seconds_f64().ceil()),
    ))
}

/// The server cannot tell a first visit from a browser that did not keep the cookie. The visitor
/// can.
const NEW: &str = "New: your browser sent no session. That is right at a first visit. If you read \
    this again after a reload, your browser does not send the cookie back. Over plain HTTP, browsers \
    keep a <code>Secure</code> cookie for <code>localhost</code> only, and Safari not even there: \
    <code>docs/troubleshooting.md</code> tells what to do.";

/// Tells in HTML where the session came from. This is a page about sessions. Others keep the reason to their logs: it tells a forger how far
/// a forgery came.
fn origin_in_words(origin: Origin) -> String {
    let reason = match origin {
        Origin::New => return NEW.to_owned(),
        Origin::Restored => return "Restored: your cookie was accepted".to_owned(),
        Origin::Rejected(reason) => reason,
    };
    let meaning = match reason {
        Reason::Forged => " (it was altered, or sealed for something else)",
        Reason::UnknownKey => " (this server does not have the key that sealed it)",
        Reason::IdleTimeout => " (you were away for too long)",
        Reason::AbsoluteTimeout => " (it was too old)",
        _ => "",
    };
    format!("New, for your cookie was not accepted: {reason}{meaning}")
}

/// The two largest units: `7 hours 59 minutes`.
fn in_words(seconds: f64) -> String {
    let seconds = seconds as u32;
    let units = [(seconds / 3600, "hour"), (seconds / 60 % 60, "minute"), (seconds % 60, "second")];
    let Some(largest) = units.iter().position(|(count, _)| *count > 0) else {
        return "less than a second".to_owned();
    };
    let two = units[largest..].iter().take(2).filter(|(count, _)| *count > 0);
    two.map(|(count, unit)| counted(*count, unit)).collect::<Vec<_>>().join(" ")
}
