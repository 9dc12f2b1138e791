//! What does a key file say? Its text ⇄ generation and dated keys.
//!
//! ```toml
//! generation = 7
//! reject_created_before = 2026-11-01T00:00:00Z
//!
//! [[key]]
//! secret = "ssk1_…"
//! seal_from = 2026-10-21T00:00:00Z
//! open_until = 2026-11-21T09:00:00Z
//! revoked = false
//! ```
//!
//! Strict: what is not understood is refused, and every refusal names its line. Nothing of the
//! file's text is repeated in it, for it could be a secret in the wrong place.

use super::date;
use super::error::KeyFileError;
use crate::keys::dated::{self, DatedKey};
use crate::keys::id::KeyId;
use crate::keys::key::Key;
use crate::keys::ring::{KeyRing, KeyState};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt::{self, Write};
use std::ops::Range;
use time::OffsetDateTime;
use toml::de::{DeArray, DeTable, DeValue};
use toml::{Spanned, value::Datetime};
use zeroize::Zeroizing;

/// A file that begins so must end with [`LAST_LINE`], lines of white space aside. TOML itself cannot tell a file from one that
/// was cut off at the end of a line.
const FIRST_LINE: &str =
    "# Keys of sealed-session. The last line is \"# end\": without it, this was cut short.";
const LAST_LINE: &str = "# end";

/// Making a new file instead would lose the keys of all servers.
const EMPTY: &str = "the file is empty: put it back from another server or a backup (`keys new` \
                     would make another key, and sign everybody out)";

const FIELDS: &str = "`generation`, `reject_created_before` and `[[key]]`";
const KEY_FIELDS: &str = "`secret`, `seal_from`, `open_until` and `revoked`";

/// The content of a key file: dated keys and the generation of this list of them. It is always
/// sound: a text or a change that would make it otherwise is refused.
///
/// ```
/// use sealed_session::{Key, key_file::tools::KeySchedule};
/// use time::macros::datetime;
///
/// let schedule = KeySchedule::new(Key::generate(), datetime!(2026-11-21 09:00 UTC))?;
/// let same = KeySchedule::parse(schedule.to_text().as_bytes())?;
/// assert_eq!(same.generation(), 1);
/// assert_eq!(same.keys()[0].id(), schedule.keys()[0].id());
/// # Ok::<(), sealed_session::key_file::KeyFileError>(())
/// ```
#[derive(Clone)]
pub struct KeySchedule {
    pub(super) generation: u64,
    pub(super) reject_created_before: Option<OffsetDateTime>,
    /// Sorted by `seal_from`.
    pub(super) keys: Vec<DatedKey>,
}

impl KeySchedule {
    /// Reads a key file's content.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`] with the line and the fix: text that is no TOML or was cut short, a field
    /// that is missing, unknown or of another type, a key that [`Key`] refuses, two keys of one id
    /// or one `seal_from`, and dates that [`KeyRing::schedule`] refuses.
    pub fn parse(content: &[u8]) -> Result<KeySchedule, KeyFileError> {
        let text = std::str::from_utf8(content).map_err(|error| {
            let line = line_at(content, error.valid_up_to());
            KeyFileError::on_line(line, "this is not UTF-8 text, so it is no TOML")
        })?;
        if text.trim_ascii().is_empty() {
            return Err(KeyFileError::on_line(1, EMPTY));
        }
        let parser = Parser { text };
        let document = DeTable::parse(text).map_err(|error| parser.syntax(&error))?;
        let schedule = parser.schedule(document.get_ref())?;
        // TOML passes over a byte order mark in front, which must not hide the promise of a last line.
        let marked = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = marked.lines().map(str::trim_ascii).filter(|line| !line.is_empty());
        if lines.next() == Some(FIRST_LINE) && lines.next_back() != Some(LAST_LINE) {
            let problem =
                "the last line is not `# end`, so the file was cut short: put it back whole";
            let end = text.trim_ascii_end().len();
            return Err(parser.at(&(end..end), problem));
        }
        Ok(schedule)
    }

    /// Returns a digest of what the file says. White space, comments, ends of lines and the order
    /// of keys and fields make no difference, and no secret is kept to compare with.
    pub(super) fn meaning(&self) -> [u8; 32] {
        Sha256::digest(self.to_text().as_bytes()).into()
    }

    /// Returns the text of the file, with the secrets in it. It is zeroized on drop.
    pub fn to_text(&self) -> Zeroizing<String> {
        // Large enough never to be moved, which would leave a copy behind.
        let mut text = Zeroizing::new(String::with_capacity(256 * (self.keys.len() + 2)));
        self.write(&mut text).expect("a string takes every text");
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "{FIRST_LINE}")?;
        writeln!(text, "generation = {}", self.generation)?;
        if let Some(time) = self.reject_created_before {
            writeln!(text, "reject_created_before = {}", date::to_text(time))?;
        }
        for dated in &self.keys {
            writeln!(text, "\n[[key]] # {}", dated.id())?;
            writeln!(text, "secret = \"{}\"", *dated.key().to_text())?;
            writeln!(text, "seal_from = {}", date::to_text(dated.seal_from()))?;
            if let Some(time) = dated.open_until() {
                writeln!(text, "open_until = {}", date::to_text(time))?;
            }
            if dated.is_revoked() {
                writeln!(text, "revoked = true")?;
            }
        }
        write!(text, "\n{LAST_LINE}\n")
    }

    /// Returns which list of keys this is: every change raises it, and no server goes back to a
    /// lower one.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Sessions created before this are refused. It never moves back.
    pub fn reject_created_before(&self) -> Option<OffsetDateTime> {
        self.reject_created_before
    }

    /// Returns the keys, the oldest `seal_from` first.
    pub fn keys(&self) -> &[DatedKey] {
        &self.keys
    }

    /// Returns what a server uses of it. The ring carries `reject_created_before` with it.
    pub fn key_ring(&self) -> KeyRing {
        KeyRing::schedule(self.keys.iter().cloned())
            .expect("a schedule is checked whenever it is made or changed")
            .rejecting_before(self.reject_created_before)
    }

    /// What follows is for changes, which the files beside this one make.
    pub(super) fn state(&self, id: KeyId, now: OffsetDateTime) -> Result<KeyState, KeyFileError> {
        let states = self.key_ring().states_at(now);
        let state = states.iter().find(|(other, _)| *other == id).map(|(_, state)| *state);
        state.ok_or_else(|| KeyFileError::new(format!("there is no key {id} in the file")))
    }

    /// Returns the place of a key that has a state.
    pub(super) fn place(&self, id: KeyId) -> usize {
        self.keys.iter().position(|dated| dated.id() == id).expect("it has a state")
    }

    /// Returns the place of the newest key that is not revoked.
    pub(super) fn newest(&self) -> usize {
        self.keys.iter().rposition(|dated| !dated.is_revoked()).expect("not every key is revoked")
    }

    /// Returns the key that sealed until the one at `place` does.
    pub(super) fn sealed_before(&mut self, place: usize) -> Option<&mut DatedKey> {
        self.keys[..place].iter_mut().rfind(|dated| !dated.is_revoked())
    }

    /// Returns a copy with the next generation.
    pub(super) fn raised(&self) -> Result<KeySchedule, KeyFileError> {
        let generation = self.generation.checked_add(1).filter(|next| i64::try_from(*next).is_ok());
        let generation = generation
            .ok_or_else(|| KeyFileError::new("the generation is as high as it can be"))?;
        Ok(KeySchedule { generation, ..self.clone() })
    }

    /// Returns the same, if it is as sound as one that was read.
    pub(super) fn checked(self) -> Result<KeySchedule, KeyFileError> {
        for (place, dated) in self.keys.iter().enumerate() {
            if self.keys[..place].iter().any(|other| other.id() == dated.id()) {
                let problem = format!("the file has a key {} already: make another", dated.id());
                return Err(KeyFileError::new(problem));
            }
        }
        dated::check_dates(&self.keys).map_err(|fault| KeyFileError::new(fault.problem))?;
        Ok(self)
    }
}

/// Without the secrets.
impl fmt::Debug for KeySchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySchedule")
            .field("generation", &self.generation)
            .field("reject_created_before", &self.reject_created_before)
            .field("keys", &self.keys)
            .finish()
    }
}

fn line_at(content: &[u8], offset: usize) -> usize {
    let before = &content[..offset.min(content.len())];
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// Reads the parts of one text and knows on which line each of them stands.
struct Parser<'t> {
    text: &'t str,
}

type Value<'t> = Spanned<DeValue<'t>>;

impl Parser<'_> {
    fn at(&self, span: &Range<usize>, problem: impl Into<String>) -> KeyFileError {
        KeyFileError::on_line(line_at(self.text.as_bytes(), span.start), problem)
    }

    /// The messages of the parser are fixed texts; only its `Display` would show the line itself.
    fn syntax(&self, error: &toml::de::Error) -> KeyFileError {
        let span = error.span().unwrap_or(self.text.len()..self.text.len());
        self.at(&span, format!("this is not TOML: {}", error.message()))
    }

    fn schedule(&self, document: &DeTable<'_>) -> Result<KeySchedule, KeyFileError> {
        let (mut generation, mut reject_created_before, mut tables) = (None, None, None);
        for (name, value) in document.iter() {
            match name.get_ref().as_ref() {
                "generation" => generation = Some(self.generation(value)?),
                "reject_created_before" => {
                    reject_created_before = Some(self.date("reject_created_before", value)?);
                }
                "key" => tables = Some(self.tables(value)?),
                _ => return Err(self.unknown(name, "a key file", FIELDS)),
            }
        }
        let Some(generation) = generation else {
            return Err(KeyFileError::on_line(
                1,
                "`generation` is missing: write `generation = 1`",
            ));
        };
        let keys = self.keys(tables.unwrap_or(&DeArray::new()))?;
        Ok(KeySchedule { generation, reject_created_before, keys })
    }

    fn generation(&self, value: &Value<'_>) -> Result<u64, KeyFileError> {
        value
            .get_ref()
            .as_integer()
            .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
            .and_then(|number| u64::try_from(number).ok())
            .ok_or_else(|| {
                self.at(&value.span(), "`generation` is not a whole number from 0 to 2^63 - 1")
            })
    }

    fn tables<'v>(&self, value: &'v Value<'_>) -> Result<&'v DeArray<'v>, KeyFileError> {
        let array = value.get_ref().as_array();
        array.ok_or_else(|| self.at(&value.span(), "`key` is not a list: write `[[key]]`"))
    }

    fn keys(&self, tables: &DeArray<'_>) -> Result<Vec<DatedKey>, KeyFileError> {
        let mut found: Vec<(DatedKey, usize)> = Vec::new();
        for table in tables.iter() {
            let dated = self.key(table)?;
            let line = line_at(self.text.as_bytes(), table.span().start);
            if let Some((_, other)) = found.iter().find(|(other, _)| other.id() == dated.id()) {
                let id = dated.id();
                let problem =
                    format!("this key and that of line {other} have the id {id}: remove one");
                return Err(KeyFileError::on_line(line, problem));
            }
            found.push((dated, line));
        }
        found.sort_by_key(|(dated, _)| dated.seal_from());
        let (keys, lines): (Vec<DatedKey>, Vec<usize>) = found.into_iter().unzip();
        match dated::check_dates(&keys) {
            Ok(()) => Ok(keys),
            Err(fault) => {
                let place = keys.iter().position(|dated| Some(dated.id()) == fault.key);
                let end = line_at(self.text.as_bytes(), self.text.trim_ascii_end().len());
                Err(KeyFileError::on_line(place.map_or(end, |place| lines[place]), fault.problem))
            }
        }
    }

    fn key(&self, table: &Value<'_>) -> Result<DatedKey, KeyFileError> {
        let fields = table.get_ref().as_table();
        let fields =
            fields.ok_or_else(|| self.at(&table.span(), "this is not a table: write `[[key]]`"))?;
        let (mut key, mut seal_from, mut open_until, mut revoked) = (None, None, None, false);
        for (name, value) in fields.iter() {
            match name.get_ref().as_ref() {
                "secret" => key = Some(self.secret(value)?),
                "seal_from" => seal_from = Some(self.date("seal_from", value)?),
                "open_until" => open_until = Some(self.date("open_until", value)?),
                "revoked" => revoked = self.revoked(value)?,
                _ => return Err(self.unknown(name, "a key", KEY_FIELDS)),
            }
        }
        let missing = |field: &str| self.at(&table.span(), format!("this key has no `{field}`"));
        let key = key.ok_or_else(|| missing("secret"))?;
        let seal_from = seal_from.ok_or_else(|| missing("seal_from"))?;
        let mut dated = DatedKey::new(key, seal_from);
        if let Some(time) = open_until {
            dated = dated.with_open_until(time);
        }
        Ok(if revoked { dated.with_revoked() } else { dated })
    }

    fn secret(&self, value: &Value<'_>) -> Result<Key, KeyFileError> {
        let text = match value.get_ref() {
            // As it stands in the file, whose memory is wiped.
            DeValue::String(Cow::Borrowed(text)) => text,
            DeValue::String(Cow::Owned(_)) => {
                let problem = "`secret` has a `\\` in it: write it without escapes";
                return Err(self.at(&value.span(), problem));
            }
            _ => return Err(self.at(&value.span(), "`secret` is not a text: write it in quotes")),
        };
        text.parse().map_err(|error| self.at(&value.span(), format!("`secret`: {error}")))
    }

    fn date(&self, field: &str, value: &Value<'_>) -> Result<OffsetDateTime, KeyFileError> {
        let none = Datetime { date: None, time: None, offset: None };
        let date = value.get_ref().as_datetime().unwrap_or(&none);
        date::from_toml(date)
            .map_err(|problem| self.at(&value.span(), format!("`{field}` {problem}")))
    }

    fn revoked(&self, value: &Value<'_>) -> Result<bool, KeyFileError> {
        let revoked = value.get_ref().as_bool();
        revoked.ok_or_else(|| self.at(&value.span(), "`revoked` is not `true` or `false`"))
    }

    /// The name is repeated only if it looks like a mistyped word and not like a secret.
    fn unknown(
        &self,
        name: &Spanned<toml::de::DeString<'_>>,
        what: &str,
        fields: &str,
    ) -> KeyFileError {
        let text = name.get_ref();
        let a_word = text.len() <= 24 && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'_'));
        let shown = if a_word { format!(" `{text}`") } else { String::new() };
        self.at(&name.span(), format!("unknown field{shown}: {what} has {fields}"))
    }
}
