//! As many runs through a type as it takes to see all of it.

use super::example::Value;
use super::node::{Link, unknown};
use super::run::{MADE_UP, Run, Stopped};
use serde::de::DeserializeOwned;
use std::any::type_name;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// More runs than any type has variants: each run learns something, or is the last.
const MAX_RUNS: usize = 100_000;

/// Reads made-up values as a `T` until everything that its `Deserialize` asks for was seen.
pub(crate) fn explore<T: DeserializeOwned>(examples: &[Value]) -> Result<Link, String> {
    let whole = unknown();
    let mut picks: BTreeMap<String, usize> = BTreeMap::new();
    let endings = RefCell::default();
    let type_name = type_name::<T>();
    for _ in 0..MAX_RUNS {
        let known = whole.borrow().known();
        let run = Run::new(examples, &picks, &endings);
        let result = T::deserialize(run.recorder(&whole));
        if let Some(problem) = run.fatal.take() {
            return Err(format!("the shape of `{type_name}` cannot be described: {problem}"));
        }
        let Err(Stopped(problem)) = result else {
            if whole.borrow().is_complete() {
                return Ok(whole);
            }
            if whole.borrow().known() > known {
                continue;
            }
            let gap = whole.borrow().first_gap("").unwrap_or_default();
            return Err(format!(
                "the shape of `{type_name}` cannot be described: nothing was read at `{gap}`. \
                 Give a value that has something there with `with_example`"
            ));
        };
        if run.again.get() {
            continue;
        }
        // The type refused a value: another one there from now on.
        let place = run.refused.take().unwrap_or_default();
        drop(run);
        let pick = picks.entry(place.clone()).or_default();
        *pick += 1;
        if *pick == examples.len() + MADE_UP {
            let place = if place.is_empty() { "the whole" } else { &place };
            return Err(format!(
                "the shape of `{type_name}` cannot be described: no made-up value was accepted \
                 for `{place}` ({problem}). Give a valid value with `with_example`"
            ));
        }
    }
    Err(format!("the shape of `{type_name}` cannot be described: it has no end"))
}
