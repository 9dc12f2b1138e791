//! `keys …`: one function for each change of a key file, and the words for what it did.

use crate::args::{
    AfterEnd, Cancel, Change, FleetArgs, KeysCommand, Prune, Revoke, Rotate, RotationArgs, Tend,
};
use crate::audit::{Audit, Changed};
use crate::output::Output;
use crate::words::{Problem, date, table};
use sealed_session::key_file::tools::{Fleet, KeySchedule, Pruned, Rotated, Rotation, Tending};
use sealed_session::key_file::{KeyFileError, KeyFileOptions};
use sealed_session::{Key, KeyId};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::Path;
use time::OffsetDateTime;

pub(crate) fn run(
    command: &KeysCommand,
    files: KeyFileOptions,
    now: OffsetDateTime,
) -> Result<Output, Problem> {
    match command {
        KeysCommand::New(wanted) => Changing::new("keys new", wanted, files, now)?.create(),
        KeysCommand::Rotate(wanted) => rotate(wanted, files, now),
        KeysCommand::Cancel(wanted) => cancel(wanted, files, now),
        KeysCommand::Revoke(wanted) => revoke(wanted, files, now),
        KeysCommand::Prune(wanted) => prune(wanted, files, now),
        KeysCommand::Tend(wanted) => tend(wanted, files, now),
        KeysCommand::List { file } => list(&files, file, now),
        KeysCommand::Generate => generate(),
    }
}

/// A change of a key file, on its way: what all of them have in common.
struct Changing<'a> {
    command: &'static str,
    wanted: &'a Change,
    files: KeyFileOptions,
    audit: Audit,
    now: OffsetDateTime,
}

impl Changing<'_> {
    fn new<'a>(
        command: &'static str,
        wanted: &'a Change,
        files: KeyFileOptions,
        now: OffsetDateTime,
    ) -> Result<Changing<'a>, Problem> {
        let files = files.lock_timeout(wanted.lock_timeout).when_waiting(|who| {
            let _ = writeln!(io::stderr(), "sealed-session: {who}");
        });
        let files = if wanted.dry_run { files.dry_run() } else { files };
        // Nothing is changed by a dry run, so nothing is to be written down.
        let log = wanted.audit_log.as_deref().filter(|_| !wanted.dry_run);
        Ok(Changing { command, wanted, files, audit: Audit::open(log)?, now })
    }

    fn create(self) -> Result<Output, Problem> {
        let schedule = KeySchedule::new(Key::try_generate()?, self.now)?;
        let created = self.files.create(&self.wanted.file, &schedule);
        self.record_if_written(&created, schedule.generation());
        created?;
        let id = schedule.keys()[0].id();
        let text = format!("The key {id} seals at once.\n");
        Ok(self.done(schedule.generation(), true, text, json!({ "id": id.to_string() })))
    }

    /// Makes the change, and returns what it did with the generation after it.
    fn change<R>(
        &self,
        change: impl FnOnce(&mut KeySchedule) -> Result<R, KeyFileError>,
    ) -> Result<(R, u64, bool), Problem> {
        let mut after = 0;
        let changed = self.files.change(&self.wanted.file, |schedule| {
            let before = schedule.generation();
            let result = change(schedule)?;
            after = schedule.generation();
            Ok((result, after, after != before))
        });
        self.record_if_written(&changed, after);
        Ok(changed?)
    }

    /// Writes the line of a change that was made although it is an error. That the line cannot be
    /// written is the lesser one.
    fn record_if_written<R>(&self, result: &Result<R, KeyFileError>, generation: u64) {
        if result.as_ref().is_err_and(KeyFileError::was_written) {
            let _ = self.changed(generation).record();
        }
    }

    fn changed(&self, generation: u64) -> Changed {
        let Changing { command, wanted, audit, now, .. } = self;
        let (audit, file) = (audit.clone(), wanted.file.clone());
        Changed { audit, command, file, generation, now: *now }
    }

    /// The answer: what is the same for every change, with the time that this machine believes, in
    /// front of what is not.
    fn done(self, generation: u64, changed: bool, text: String, more: Value) -> Output {
        let Changing { wanted: Change { file, dry_run, .. }, now, .. } = self;
        let (shown, time) = (file.display(), date(now));
        let first = match dry_run {
            true => format!(
                "{shown}: a dry run at {time} by this machine's clock; nothing was written. (A new \
                 key, if there is one, would have another id.)"
            ),
            false => format!("{shown}: generation {generation}, at {time} by this machine's clock"),
        };
        let mut json = json!({
            "file": file,
            "now": time,
            "dry_run": dry_run,
            "generation": generation,
        });
        if let (Value::Object(all), Value::Object(more)) = (&mut json, more) {
            all.extend(more);
        }
        let mut output = Output::new(format!("{first}\n{text}"), json);
        if changed && !dry_run {
            output.changed = Some(self.changed(generation));
        }
        output
    }
}

fn fleet(wanted: FleetArgs) -> Fleet {
    Fleet { propagation: wanted.propagation, skew: wanted.skew }
}

fn rotation(wanted: RotationArgs) -> Rotation {
    let RotationArgs { after, fleet, max_session } = wanted;
    Rotation { after, propagation: fleet.propagation, skew: fleet.skew, max_session }
}

fn rotate(wanted: &Rotate, files: KeyFileOptions, now: OffsetDateTime) -> Result<Output, Problem> {
    let changing = Changing::new("keys rotate", &wanted.change, files, now)?;
    let (key, rotation) = (Key::try_generate()?, rotation(wanted.rotation));
    let (rotated, generation, changed) = changing.change(|schedule| match wanted.again {
        true => schedule.rotate_again(key, &rotation, now),
        false => schedule.rotate(key, &rotation, now),
    })?;
    let (text, json) = rotated_in_words(&rotated, &rotation);
    Ok(changing.done(generation, changed, text, json))
}

fn rotated_in_words(rotated: &Rotated, rotation: &Rotation) -> (String, Value) {
    let known_by = date(rotated.seal_from - rotation.skew);
    let (seal_from, open_until) = (date(rotated.seal_from), date(rotated.open_until));
    let (new, old) = (rotated.new, rotated.old);
    let text = format!(
        "The new key {new} seals from {seal_from}. Every server must have this file by {known_by}.\n\
         The key {old} opens until {open_until}; `keys prune` removes it a day after that.\n"
    );
    let json = json!({
        "new": { "id": new.to_string(), "seal_from": seal_from, "known_by": known_by },
        "old": { "id": old.to_string(), "open_until": open_until },
    });
    (text, json)
}

fn cancel(wanted: &Cancel, files: KeyFileOptions, now: OffsetDateTime) -> Result<Output, Problem> {
    let changing = Changing::new("keys cancel", &wanted.change, files, now)?;
    let (id, fleet) = (wanted.id, fleet(wanted.fleet));
    let (cancelled, generation, changed) =
        changing.change(|schedule| schedule.cancel(id, &fleet, now))?;
    let before = cancelled.before;
    let until = cancelled.open_until.map(date);
    let end = match &until {
        Some(until) => format!("it opens until {until}"),
        None => "it has no end again".to_owned(),
    };
    let text = format!(
        "The key {id} is taken back. The key {before} seals in its place; {end}. Bring this file to \
         every server.\n"
    );
    let json = json!({
        "cancelled": id.to_string(),
        "before": { "id": before.to_string(), "open_until": until },
    });
    Ok(changing.done(generation, changed, text, json))
}

fn revoke(wanted: &Revoke, files: KeyFileOptions, now: OffsetDateTime) -> Result<Output, Problem> {
    let changing = Changing::new("keys revoke", &wanted.change, files, now)?;
    let (id, fleet, key) = (wanted.id, fleet(wanted.fleet), Key::try_generate()?);
    let (revoked, generation, changed) =
        changing.change(|schedule| schedule.revoke(id, key, &fleet, now))?;
    let hold_from = date(revoked.sign_ins_hold_from);
    let replacement = match revoked.replacement {
        Some(new) if new.seal_from <= now => {
            format!("The new key {} takes its place, and seals at once.", new.id)
        }
        Some(new) => format!(
            "It did not seal yet. The new key {} takes its place, and seals from {}.",
            new.id,
            date(new.seal_from)
        ),
        None => "It no longer sealed, so no key takes its place.".to_owned(),
    };
    let text = format!(
        "The key {id} is revoked. {replacement} Bring this file to every server now.\n\
         Every session created before {hold_from} is refused: everybody is signed out, and \
         sign-ins hold from then on.\n"
    );
    let json = json!({
        "revoked": id.to_string(),
        "replacement": revoked.replacement.map(|new| {
            json!({ "id": new.id.to_string(), "seal_from": date(new.seal_from) })
        }),
        "reject_created_before": hold_from,
    });
    Ok(changing.done(generation, changed, text, json))
}

fn prune(wanted: &Prune, files: KeyFileOptions, now: OffsetDateTime) -> Result<Output, Problem> {
    let AfterEnd { after_end } = wanted.end;
    let changing = Changing::new("keys prune", &wanted.change, files, now)?;
    let (pruned, generation, changed) =
        changing.change(|schedule| schedule.prune(after_end, now))?;
    let (text, json) = pruned_in_words(&pruned);
    Ok(changing.done(generation, changed, text, json))
}

fn pruned_in_words(pruned: &Pruned) -> (String, Value) {
    let removed: Vec<String> = pruned.removed.iter().map(KeyId::to_string).collect();
    let mut text = match removed.is_empty() {
        true => "No key was removed.".to_owned(),
        false => format!("Removed {}, which no longer opened anything.", removed.join(", ")),
    };
    text += &match pruned.next {
        Some((id, from)) => format!(" The next to go is {id}, from {}.\n", date(from)),
        None => " No key that is left has an end.\n".to_owned(),
    };
    let next = pruned.next.map(|(id, from)| json!({ "id": id.to_string(), "from": date(from) }));
    (text, json!({ "removed": removed, "next_removal": next }))
}

fn tend(wanted: &Tend, files: KeyFileOptions, now: OffsetDateTime) -> Result<Output, Problem> {
    let changing = Changing::new("keys tend", &wanted.change, files, now)?;
    let rotation = rotation(wanted.rotation);
    let tending = Tending { every: wanted.every, rotation, after_end: wanted.end.after_end };
    let key = Key::try_generate()?;
    let (tended, generation, changed) =
        changing.change(|schedule| schedule.tend(key, &tending, now))?;
    let due = date(tended.next_rotation);
    let (mut text, mut json) = match &tended.rotated {
        Some(rotated) => rotated_in_words(rotated, &rotation),
        None => (String::new(), json!({ "new": null, "old": null })),
    };
    let (pruned_text, pruned_json) = pruned_in_words(&tended.pruned);
    text += &format!("The next rotation is due from {due}.\n{pruned_text}");
    if let (Value::Object(all), Value::Object(more)) = (&mut json, pruned_json) {
        all.insert("next_rotation".to_owned(), due.into());
        all.extend(more);
    }
    Ok(changing.done(generation, changed, text, json))
}

fn list(files: &KeyFileOptions, file: &Path, now: OffsetDateTime) -> Result<Output, Problem> {
    let file = files.open(file)?;
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
        "now": date(now),
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
