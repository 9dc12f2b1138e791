//! `inspect`: what a cookie's value says, and in plain words why it is refused.

use crate::args::Inspect;
use crate::cookie_line;
use crate::output::Output;
use crate::words::{Problem, date};
use sealed_session::inspect::{Inspection, Opened, Server, inspect};
use sealed_session::key_file::KeyFileOptions;
use sealed_session::{KeyState, Reason};
use serde_json::{Value, json};
use std::io::{self, Read};
use time::{Duration, OffsetDateTime};

/// A cookie has at most 4096 bytes; of more input, so much is read.
const MAX_INPUT: u64 = 1 << 16;

/// The answer, and whether a server would take the value so far.
pub(crate) fn run(
    question: &Inspect,
    files: &KeyFileOptions,
    now: OffsetDateTime,
) -> Result<(Output, bool), Problem> {
    let keys = match &question.keys {
        Some(file) => Some(files.open(file)?.key_ring()),
        None => None,
    };
    let app = question.app.clone().unwrap_or_default();
    let too_long = |text: &str| u16::try_from(text.len()).is_err();
    if too_long(&app) || too_long(&question.name) {
        return Err("the names of the application and the cookie have at most 65,535 bytes".into());
    }
    if keys.is_some() && app.is_empty() {
        return Err("`--app` is empty, which no application is called".into());
    }
    let server = Server {
        app,
        cookie_name: question.name.clone(),
        keys,
        idle_timeout: question.idle_timeout,
        absolute_timeout: question.absolute_timeout,
        longest_timeouts: (
            question.longest_idle.unwrap_or(question.idle_timeout),
            question.longest_absolute.unwrap_or(question.absolute_timeout),
        ),
    };
    let text = match question.value.as_str() {
        "-" => standard_input()?,
        text => text.to_owned(),
    };
    let found = cookie_line::find(&text, &question.name)?;
    let inspection = inspect(&found.value, &server, now)?;
    let mut text = in_words(&inspection, server.keys.is_some(), now);
    if found.count > 1 {
        let (count, name) = (found.count, &question.name);
        text = format!("{count} cookies are called `{name}`; this is the first of them.\n{text}");
    }
    let mut json = in_json(&inspection);
    json["cookies"] = found.count.into();
    Ok((Output::new(text, json), inspection.refused.is_none()))
}

fn standard_input() -> Result<String, Problem> {
    let mut text = String::new();
    io::stdin().lock().take(MAX_INPUT).read_to_string(&mut text)?;
    match text.trim().is_empty() {
        true => Err("nothing on standard input: give it a cookie's value, or a `Cookie` or \
                     `Set-Cookie` line"
            .into()),
        false => Ok(text),
    }
}

fn in_words(inspection: &Inspection, with_keys: bool, now: OffsetDateTime) -> String {
    let mut lines = vec![format!("cookie      {} of 4096 bytes", inspection.cookie_len)];
    if let Some(id) = inspection.key_id {
        lines.push("envelope    version 1".to_owned());
        let state = match (with_keys, inspection.key_state) {
            (false, _) => String::new(),
            (true, Some(state)) => format!(", {state}"),
            (true, None) => ", not in the key file".to_owned(),
        };
        lines.push(format!("key         {id}{state}"));
    }
    if let Some(session) = &inspection.session {
        lines.extend(session_in_words(session, now));
    }
    lines.push(match inspection.refused {
        Some(reason) => {
            format!("refused     {reason}: {}", why(reason, inspection.key_state))
        }
        None if with_keys => "accepted    as far as can be told without the application".to_owned(),
        None => "sealed      give --keys and --app to open it".to_owned(),
    });
    lines.join("\n") + "\n"
}

fn session_in_words(session: &Opened, now: OffsetDateTime) -> Vec<String> {
    let mut lines = vec![
        format!("session     {}", session.id),
        format!("created     {} ({})", date(session.created_at), ago(session.created_at, now)),
        format!("renewed     {} ({})", date(session.renewed_at), ago(session.renewed_at, now)),
        format!(
            "idle until  {} ({})",
            date(session.idle_deadline),
            ago(session.idle_deadline, now)
        ),
        format!(
            "ends at     {} ({})",
            date(session.absolute_deadline),
            ago(session.absolute_deadline, now)
        ),
    ];
    if let Some((idle, absolute)) = session.own_timeouts {
        lines.push(format!("timeouts    its own: idle {idle}, absolute {absolute}"));
    }
    lines.push(format!("schema      {}", session.schema));
    lines.push(format!("data        {} bytes", session.data_len));
    lines
}

/// `3m20s ago`, `in 26m40s`.
fn ago(moment: OffsetDateTime, now: OffsetDateTime) -> String {
    let length = Duration::seconds((now - moment).whole_seconds());
    match length.is_negative() {
        true => format!("in {}", -length),
        false => format!("{length} ago"),
    }
}

fn why(reason: Reason, state: Option<KeyState>) -> &'static str {
    match reason {
        Reason::TooLong => {
            "name and value together have more than 4096 bytes; browsers store no more"
        }
        Reason::Malformed => {
            "this is no value of this library: it is not canonical base64url without padding, was \
             cut short, or belongs to another program"
        }
        Reason::UnknownVersion => "a newer release sealed it; servers keep such a cookie",
        Reason::UnknownKey => {
            "the key file has no such key: an old or new key of another file, or the file is not \
             the newest; servers do not remove such a cookie, but a page that changes the session \
             overwrites it"
        }
        Reason::RetiredKey if state == Some(KeyState::Revoked) => "its key is revoked",
        Reason::RetiredKey => "its key is past its `open_until`",
        Reason::Forged => {
            "it was altered, or sealed for another application or another cookie's name: check \
             --app and --name"
        }
        Reason::InvalidPayload => {
            "it is authentic, but not laid out as a session: another program has the key"
        }
        Reason::IdleTimeout => "it was not used for longer than the idle timeout",
        Reason::AbsoluteTimeout => "it is older than the absolute timeout",
        Reason::NotYetValid => {
            "it was created or renewed more than 60 seconds ahead of this clock: one of the clocks is wrong"
        }
        Reason::Revoked => "it was created before the key file's `reject_created_before`",
        _ => "a server refuses it",
    }
}

fn in_json(inspection: &Inspection) -> Value {
    let session = inspection.session.as_ref().map(|session| {
        json!({
            "id": session.id.to_string(),
            "created_at": date(session.created_at),
            "renewed_at": date(session.renewed_at),
            "idle_deadline": date(session.idle_deadline),
            "absolute_deadline": date(session.absolute_deadline),
            "own_timeouts": session.own_timeouts.map(|(idle, absolute)| {
                json!({ "idle": idle.whole_seconds(), "absolute": absolute.whole_seconds() })
            }),
            "schema": session.schema,
            "data_len": session.data_len,
        })
    });
    json!({
        "cookie_len": inspection.cookie_len,
        "key_id": inspection.key_id.map(|id| id.to_string()),
        "key_state": inspection.key_state.map(KeyState::as_str),
        "session": session,
        "refused": inspection.refused.map(Reason::as_str),
        "why": inspection.refused.map(|reason| why(reason, inspection.key_state)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_that_inspect_finds_has_words_of_its_own() {
        let reasons = [
            Reason::TooLong,
            Reason::Malformed,
            Reason::UnknownVersion,
            Reason::UnknownKey,
            Reason::RetiredKey,
            Reason::Forged,
            Reason::InvalidPayload,
            Reason::IdleTimeout,
            Reason::AbsoluteTimeout,
            Reason::NotYetValid,
            Reason::Revoked,
        ];
        let mut words: Vec<_> = reasons.map(|reason| why(reason, None)).into();
        words.push(why(Reason::RetiredKey, Some(KeyState::Revoked)));
        words.push("a server refuses it");
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), reasons.len() + 2);
    }
}
