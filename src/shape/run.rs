//! One run through a type: which value is given at each place, and what was found there.
//!
//! An example's value is given if there is one for the place, a made-up one otherwise. What was
//! asked for is noted in the tree of [`Node`]s. A run sees one variant of each enum;
//! [`explore`](super::explore) runs until all were seen.
//!
//! A type that is met within itself is noted as [`Node::Same`], and from there on values are only
//! filled in: no options, no lists, and of an enum a variant that comes to an end.

use super::example::Value;
use super::node::{Link, Node, join};
use serde::de::Error;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::mem::discriminant;

/// How many values are made up for a place, in turn, until one is accepted.
pub(crate) const MADE_UP: usize = 9;
const NUMBERS: [i128; MADE_UP] = [1, 0, 2, 3, 7, 10, 16, 100, -1];
const CHARS: [char; MADE_UP] = ['a', '0', 'A', ' ', '-', '.', '/', '_', 'ß'];
const TEXTS: [&str; MADE_UP] = [
    "a",
    "",
    "1",
    "2001-01-01",
    "2001-01-01T00:00:00Z",
    "https://example.com/",
    "a@example.com",
    "00000000-0000-4000-8000-000000000000",
    "en-GB",
];
const BYTES: [usize; MADE_UP] = [16, 0, 1, 4, 8, 12, 24, 32, 64];
const LENGTHS: [usize; MADE_UP] = [1, 2, 3, 4, 8, 12, 16, 32, 0];
/// As many elements of an example's list are given back.
const MAX_LENGTH: usize = 64;
/// Deeper than any value that ends: a struct that is always in itself.
const MAX_DEPTH: usize = 500;

/// The run is over, for a reason that [`Run`] knows.
#[derive(Debug)]
pub(crate) struct Stopped(pub(super) String);

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Stopped {}

impl Error for Stopped {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Stopped(message.to_string())
    }
}

/// What one run goes by, and what it leaves behind for the next.
pub(crate) struct Run<'e> {
    pub(crate) examples: &'e [Value],
    /// At each place and within it: which example, and past those which made-up value.
    pub(crate) picks: &'e BTreeMap<String, usize>,
    /// For filling in: which variant of an enum comes to an end, as far as is known.
    pub(crate) endings: &'e RefCell<BTreeMap<String, u32>>,
    /// The innermost place whose value the type refused.
    pub(crate) refused: RefCell<Option<String>>,
    /// No other run would do better.
    pub(crate) fatal: RefCell<Option<String>>,
    /// Something was learned about `endings`.
    pub(crate) again: Cell<bool>,
    /// The types around the present place, with their places.
    types: RefCell<Vec<(String, String)>>,
    /// While filling in: the enums around the present place, with their numbers of variants.
    pub(super) filled: RefCell<Vec<(String, u32)>>,
}

impl<'e> Run<'e> {
    pub(crate) fn new(
        examples: &'e [Value],
        picks: &'e BTreeMap<String, usize>,
        endings: &'e RefCell<BTreeMap<String, u32>>,
    ) -> Run<'e> {
        Run {
            examples,
            picks,
            endings,
            refused: RefCell::default(),
            fatal: RefCell::default(),
            again: Cell::default(),
            types: RefCell::default(),
            filled: RefCell::default(),
        }
    }

    /// The recorder for the whole value.
    pub(crate) fn recorder(&'e self, node: &Link) -> Recorder<'e> {
        let here = self.examples.iter().map(Some).collect();
        let pick = self.picks.get("").copied().unwrap_or(0);
        Recorder { run: self, node: Some(node.clone()), path: String::new(), here, pick, depth: 0 }
    }

    pub(super) fn give_up(&self, path: &str, problem: &str) -> Stopped {
        let place = if path.is_empty() { "the type itself" } else { path };
        let mut fatal = self.fatal.borrow_mut();
        Stopped(fatal.get_or_insert_with(|| format!("{place} {problem}")).clone())
    }
}

/// One place of one run.
pub(crate) struct Recorder<'e> {
    pub(super) run: &'e Run<'e>,
    /// `None` while filling in.
    pub(super) node: Option<Link>,
    pub(super) path: String,
    /// What each example has at this place.
    here: Vec<Option<&'e Value>>,
    pick: usize,
    depth: usize,
}

impl<'e> Recorder<'e> {
    pub(super) fn example(&self) -> Option<&'e Value> {
        self.here.get(self.pick).copied().flatten()
    }

    fn made_up(&self) -> usize {
        self.pick.saturating_sub(self.here.len()) % MADE_UP
    }

    pub(super) fn number(&self) -> i128 {
        match self.example() {
            Some(Value::Unsigned(n)) => *n as i128,
            Some(Value::Signed(n)) => *n,
            _ => NUMBERS[self.made_up()],
        }
    }

    pub(super) fn float(&self) -> f64 {
        match self.example() {
            Some(Value::Float(n)) => *n,
            _ => NUMBERS[self.made_up()] as f64,
        }
    }

    pub(super) fn bool(&self) -> bool {
        match self.example() {
            Some(Value::Bool(value)) => *value,
            _ => self.made_up().is_multiple_of(2),
        }
    }

    pub(super) fn char(&self) -> char {
        match self.example() {
            Some(Value::Char(value)) => *value,
            _ => CHARS[self.made_up()],
        }
    }

    pub(super) fn text(&self) -> String {
        match self.example() {
            Some(Value::Text(text)) => text.clone(),
            _ => TEXTS[self.made_up()].to_owned(),
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        match self.example() {
            Some(Value::Bytes(bytes)) => bytes.clone(),
            _ => vec![1; BYTES[self.made_up()]],
        }
    }

    /// How many elements of a list or map are given; at least one, to see it.
    pub(super) fn length(&self) -> usize {
        match self.example() {
            _ if self.node.is_none() => 0,
            Some(Value::Parts(parts)) if !parts.is_empty() => parts.len().min(MAX_LENGTH),
            Some(Value::Map(entries)) if !entries.is_empty() => entries.len().min(MAX_LENGTH),
            _ => LENGTHS[self.made_up()],
        }
    }

    /// Notes what stands here, unless an earlier run has.
    pub(super) fn note(&self, found: Node) -> Result<(), Stopped> {
        let Some(node) = &self.node else { return Ok(()) };
        let mut node = node.borrow_mut();
        let same = match (&*node, &found) {
            (Node::Unknown, _) => {
                *node = found;
                return Ok(());
            }
            (Node::Leaf(a), Node::Leaf(b)) => a == b,
            (a, b) => discriminant(a) == discriminant(b),
        };
        if same {
            return Ok(());
        }
        Err(self.run.give_up(&self.path, "is read in different ways, depending on the data"))
    }

    /// The recorder for a part of this place.
    pub(super) fn part(
        &self,
        step: &str,
        node: impl FnOnce(&Node) -> Option<Link>,
        example: impl Fn(&'e Value) -> Option<&'e Value>,
    ) -> Result<Recorder<'e>, Stopped> {
        let path = join(&self.path, step);
        if self.depth == MAX_DEPTH {
            return Err(self.run.give_up(&path, "contains itself without an end"));
        }
        let node = match &self.node {
            None => None,
            Some(own) => match node(&own.borrow()) {
                Some(node) => Some(node),
                None => {
                    let problem = "is read in different ways, depending on the data";
                    return Err(self.run.give_up(&self.path, problem));
                }
            },
        };
        let pick = self.run.picks.get(&path).copied().unwrap_or(self.pick);
        let here = self.here.iter().map(|value| value.and_then(&example)).collect();
        Ok(Recorder { run: self.run, node, path, here, pick, depth: self.depth + 1 })
    }

    /// Runs `f`, and notes this place if a value was refused here and not further in.
    pub(super) fn blamed<R>(
        self,
        f: impl FnOnce(Self) -> Result<R, Stopped>,
    ) -> Result<R, Stopped> {
        let (run, path) = (self.run, self.path.clone());
        let result = f(self);
        if result.is_err() {
            run.refused.borrow_mut().get_or_insert(path);
        }
        result
    }

    /// Runs `f` for a value with parts. A type that is met within itself is only filled in.
    pub(super) fn within<R>(
        mut self,
        visitor: &str,
        f: impl FnOnce(Self) -> Result<R, Stopped>,
    ) -> Result<R, Stopped> {
        if self.node.is_none() {
            return f(self);
        }
        let run = self.run;
        let outer = {
            let types = run.types.borrow();
            types.iter().position(|(name, _)| name == visitor).map(|at| {
                // A newtype stands at the place of what is in it.
                let mut places: Vec<&String> = types[at..].iter().map(|(_, path)| path).collect();
                places.dedup();
                Node::Same { path: types[at].1.clone(), up: places.len() }
            })
        };
        if let Some(same) = outer {
            self.note(same)?;
            self.node = None;
            return f(self);
        }
        run.types.borrow_mut().push((visitor.to_owned(), self.path.clone()));
        let result = f(self);
        run.types.borrow_mut().pop();
        result
    }

    /// Which variant this run gives.
    pub(super) fn variant(&self, visitor: &str, count: usize) -> Result<u32, Stopped> {
        let of_example = match self.example() {
            Some(Value::Variant(index, _)) if (*index as usize) < count => Some(*index),
            _ => None,
        };
        if let Some(node) = &self.node {
            let unseen = match &*node.borrow() {
                Node::Enum(variants) => {
                    variants.iter().position(|(_, inside)| !inside.borrow().is_complete())
                }
                _ => None,
            };
            return Ok(unseen.map(|index| index as u32).or(of_example).unwrap_or(0));
        }
        // An example comes to an end by itself.
        if let Some(index) = of_example {
            return Ok(index);
        }
        let mut endings = self.run.endings.borrow_mut();
        let filled = self.run.filled.borrow();
        if filled.iter().any(|(name, _)| name == visitor) {
            // The variants that were chosen lead in a circle. The next variant of the innermost
            // enum that has one left is tried, with all others for what is within it.
            for (name, count) in filled.iter().rev() {
                let ending = endings.entry(name.clone()).or_default();
                if *ending + 1 < *count {
                    *ending += 1;
                    self.run.again.set(true);
                    return Err(Stopped("a variant that does not come to an end".to_owned()));
                }
                *ending = 0;
            }
            return Err(self.run.give_up(&self.path, "contains itself without an end"));
        }
        Ok(endings.get(visitor).copied().unwrap_or(0))
    }
}
