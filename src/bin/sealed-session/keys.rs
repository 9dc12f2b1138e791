//! `keys …`: one function for each change of a key file, and the words for what it did.

use crate::args::{Arguments, KeysCommand, Revoke, Rotate};
use crate::output::{Output, date, table};
use sealed_session::key_file::{KeyFileOptions, KeySchedule, Rotation};
use sealed_session::{Key, KeyFile, KeyId};
use serde_json::json;
use std::path::Path;
use time::OffsetDateTime;

/// The problem, in words.
pub(crate) type Problem = Box<dyn std::error::Error>;

pub(crate) fn options(arguments: &Arguments) -> KeyFileOptions {
    match arguments.allow_readable_by_others {
        true => KeyFile::options().allow_readable_by_others(),
        false => KeyFile::options(),
    }
}

pub(crate) fn run(
    command: &KeysCommand,
    arguments: &Arguments,
    now: OffsetDateTime,
) -> Result<Output, Problem> {
    let options = options(arguments);
    match command {
        KeysCommand::New { file } => new(&options, file, now),
        KeysCommand::Rotate(wanted) => rotate(&options, wanted, now),
        KeysCommand::Revoke(wanted) => revoke(&options, wanted, now),
        KeysCommand::Prune { file } => prune(&options, file, now),
        KeysCommand::List { file } => list(&options, file, now),
        KeysCommand::Generate => generate(),
    }
}

fn new(options: &KeyFileOptions, file: &Path, now: OffsetDateTime) -> Result<Output, Problem> {
    let schedule = KeySchedule::new(Key::try_generate()?, now)?;
    options.create(file, &schedule)?;
    let id = schedule.keys()[0].id();
    let text = format!("{}: made, with the key {id}, which seals at once.\n", file.display());
    let json = json!({ "file": file, "generation": schedule.generation(), "id": id.to_string() });
    Ok(Output::new(text, json))
}

fn rotate(
    options: &KeyFileOptions,
    wanted: &Rotate,
    now: OffsetDateTime,
) -> Result<Output, Problem> {
    let Rotate { ref file, after, propagation, skew, max_session } = *wanted;
    let rotation = Rotation { after, propagation, skew, max_session };
    let key = Key::try_generate()?;
    let (rotated, generation) = options.change(file, |schedule| {
        let rotated = schedule.rotate(key, &rotation, now)?;
        Ok((rotated, schedule.generation()))
    })?;
    let known_by = date(rotated.seal_from - skew);
    let (seal_from, open_until) = (date(rotated.seal_from), date(rotated.open_until));
    let (new, old) = (rotated.new, rotated.old);
    let text = format!(
        "{}: generation {generation}\n\
         The new key {new} seals from {seal_from}. Every server must have this file by {known_by}.\n\
         The key {old} opens until {open_until}; `keys prune` removes it after that.\n",
        file.display()
    );
    let json = json!({
        "file": file,
        "generation": generation,
        "new": { "id": new.to_string(), "seal_from": seal_from, "known_by": known_by },
        "old": { "id": old.to_string(), "open_until": open_until },
    });
    Ok(Output::new(text, json))
}

fn revoke(
    options: &KeyFileOptions,
    wanted: &Revoke,
    now: OffsetDateTime,
) -> Result<Output, Problem> {
    let Revoke { ref file, ref id, after } = *wanted;
    let id: KeyId = id.parse()?;
    let key = Key::try_generate()?;
    let (revoked, generation) = options.change(file, |schedule| {
        let revoked = schedule.revoke(id, key, after, now)?;
        Ok((revoked, schedule.generation()))
    })?;
    let hold_from = date(revoked.sign_ins_hold_from);
    let replacement = match revoked.replacement {
        Some(new) => format!("The new key {new} takes its place at once."),
        None => "It no longer sealed, so no key takes its place.".to_owned(),
    };
    let text = format!(
        "{}: generation {generation}\n\
         The key {id} is revoked. {replacement} Bring this file to every server now.\n\
         Every session created before {hold_from} is refused: everybody is signed out, and \
         sign-ins hold from then on.\n",
        file.display()
    );
    let json = json!({
        "file": file,
        "generation": generation,
        "revoked": id.to_string(),
        "replacement": revoked.replacement.map(|id| id.to_string()),
        "reject_created_before": hold_from,
    });
    Ok(Output::new(text, json))
}

fn prune(options: &KeyFileOptions, file: &Path, now: OffsetDateTime) -> Result<Output, Problem> {
    let (gone, generation) = options.change(file, |schedule| {
        let gone = schedule.prune(now)?;
        Ok((gone, schedule.generation()))
    })?;
    let gone: Vec<String> = gone.iter().map(KeyId::to_string).collect();
    let text = match gone.is_empty() {
        true => format!("{}: every key is still needed; nothing was written.\n", file.display()),
        false => format!(
            "{}: generation {generation}\nRemoved {}, which no longer opened anything.\n",
            file.display(),
            gone.join(", ")
        ),
    };
    let json = json!({ "file": file, "generation": generation, "removed": gone });
    Ok(Output::new(text, json))
}

fn list(options: &KeyFileOptions, file: &Path, now: OffsetDateTime) -> Result<Output, Problem> {
    let file = options.open(file)?;
    let schedule = file.schedule();
    let states = file.key_ring().states_at(now);
    let dates = |id: KeyId| schedule.keys().iter().find(|dated| dated.id() == id);

    let head = ["id", "state", "seals from", "opens until"].map(str::to_owned).to_vec();
    let (mut rows, mut keys) = (vec![head], Vec::new());
    for (id, state) in states {
        let dated = dates(id).expect("the ring is made of the schedule");
        let (seal_from, open_until) = (date(dated.seal_from()), dated.open_until().map(date));
        keys.push(json!({
            "id": id.to_string(),
            "state": state.as_str(),
            "seal_from": seal_from,
            "open_until": open_until,
        }));
        let open_until = open_until.unwrap_or_else(|| "-".to_owned());
        rows.push(vec![id.to_string(), state.to_string(), seal_from, open_until]);
    }
    let before = schedule.reject_created_before().map(date);
    let mut text = format!("generation {}, at {}\n", schedule.generation(), date(now));
    if let Some(before) = &before {
        text += &format!("sessions created before {before} are refused\n");
    }
    text += "\n";
    text += &table(&rows);
    let json = json!({
        "generation": schedule.generation(),
        "reject_created_before": before,
        "keys": keys,
    });
    Ok(Output::new(text, json))
}

/// The one answer with a secret in it: that is what it is for.
fn generate() -> Result<Output, Problem> {
    let key = Key::try_generate()?;
    let text = key.to_text();
    let json = json!({ "id": key.id().to_string(), "key": *text });
    Ok(Output::new(format!("{}\n", *text), json))
}
