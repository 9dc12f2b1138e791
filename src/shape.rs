//! A test for applications: did the shape of the data change without a new `schema_version`?
//!
//! The data of a session is written with postcard, which stores no names. If a release swaps two
//! fields of one type, every session in a browser is read with one value in the place of the other,
//! and nothing fails. This test fails instead, in development:
//!
//! ```
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Serialize, Deserialize)]
//! # struct Visit { page_views: u32, user: Option<String> }
//! const SCHEMA_VERSION: u32 = 1; // what `schema_version` of the builder is given, too
//!
//! # fn path() -> std::path::PathBuf {
//! #     std::env::temp_dir().join(format!("visit-{}.shape", std::process::id()))
//! # }
//! # #[cfg(test)]
//! #[test]
//! fn the_shape_of_a_visit_is_known() {
//!     sealed_session::shape::assert_unchanged::<Visit>("tests/visit.shape", SCHEMA_VERSION);
//! }
//! # fn the_shape_of_a_visit_is_known() {
//! #     sealed_session::shape::assert_unchanged::<Visit>(path(), SCHEMA_VERSION);
//! # }
//! # let first = std::panic::catch_unwind(the_shape_of_a_visit_is_known);
//! # assert!(first.is_err(), "the file was missing");
//! # the_shape_of_a_visit_is_known();
//! # let file = std::fs::read_to_string(path()).unwrap();
//! # assert!(file.ends_with("schema_version 1\n\nstruct\n  page_views: u32\n  user: option of text\n"));
//! # std::fs::remove_file(path()).unwrap();
//! ```
//!
//! The first run writes `tests/visit.shape` and fails. Commit the file: it says what the sessions in
//! the browsers look like.
//!
//! ```text
//! schema_version 1
//!
//! struct
//!   page_views: u32
//!   user: option of text
//! ```
//!
//! # When it fails
//!
//! | what you did | what you do next |
//! | --- | --- |
//! | changed the type | raise `schema_version`, give the old type to [`upgrade`](crate::SessionsBuilder::upgrade), then run the test with `UPDATE_SHAPES=1` in the environment |
//! | only gave a field or a variant another name | run it with `UPDATE_SHAPES=renamed`; it is refused if anything else changed, or if names changed places |
//! | raised `schema_version` | run it with `UPDATE_SHAPES=1` |
//!
//! # What is compared
//!
//! What the type asks for when it is read: numbers and their widths, texts, options, lists, maps, the
//! parts of structs and tuples in their order, the variants of enums in theirs, and the names of
//! fields and variants. Not the names of types, and not newtypes: they leave no trace on the wire.
//!
//! It is found out by reading made-up values until every variant was seen. A `Deserialize` written
//! by hand (or `try_from`) may refuse all of those; then give a valid value with
//! [`ShapeTest::with_example`].

#![expect(
    clippy::test_attr_in_doctest,
    reason = "the example shows a test, and runs what is in it"
)]

mod diff;
mod example;
mod explore;
mod file;
mod node;
mod recorder;
mod run;
#[cfg(test)]
mod tests;

use file::Update;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

/// The environment variable that lets the test write its file anew.
const VARIABLE: &str = "UPDATE_SHAPES";

/// Passes if `T` has the shape that the file at `path` describes, under this `schema_version`.
/// See [the module](self).
///
/// A relative `path` begins where `cargo test` runs the tests: at the folder of the package.
///
/// # Panics
///
/// If the file is missing (it is written then), if the shape or `schema_version` is another than
/// the file's, or if the shape cannot be found out. The message says what to do.
#[track_caller]
pub fn assert_unchanged<T: DeserializeOwned>(path: impl AsRef<Path>, schema_version: u32) {
    ShapeTest::<T>::new().assert_unchanged(path, schema_version);
}

/// The same test with examples, for types that accept only certain values.
///
/// ```
/// use sealed_session::shape::ShapeTest;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Clone)]
/// #[serde(try_from = "String", into = "String")]
/// struct Isbn(String);
/// # impl From<Isbn> for String { fn from(isbn: Isbn) -> String { isbn.0 } }
///
/// impl TryFrom<String> for Isbn {
///     type Error = &'static str;
///
///     fn try_from(text: String) -> Result<Isbn, &'static str> {
///         if text.len() == 13 { Ok(Isbn(text)) } else { Err("not 13 digits") }
///     }
/// }
///
/// # let path = std::env::temp_dir().join(format!("isbn-{}.shape", std::process::id()));
/// # let first = std::panic::catch_unwind(|| {
/// let example = Isbn("9783161484100".to_owned());
/// # let path = std::env::temp_dir().join(format!("isbn-{}.shape", std::process::id()));
/// # /*
/// let path = "tests/isbn.shape";
/// # */
/// ShapeTest::<Isbn>::new().with_example(&example).assert_unchanged(path, 1);
/// # });
/// # assert!(first.is_err() && std::fs::read_to_string(&path).unwrap().ends_with("\n\ntext\n"));
/// # std::fs::remove_file(path).unwrap();
/// ```
pub struct ShapeTest<T> {
    examples: Vec<Result<example::Value, String>>,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> ShapeTest<T> {
    /// Makes a test without examples.
    pub fn new() -> ShapeTest<T> {
        ShapeTest { examples: vec![], of: PhantomData }
    }

    /// Adds a valid value. Where `T` refuses what is made up, it is given what the examples have at
    /// that place. It takes more than one only for enums whose variants each need one.
    pub fn with_example(mut self, value: &T) -> ShapeTest<T>
    where
        T: Serialize,
    {
        self.examples.push(example::take_apart(value).map_err(|error| error.to_string()));
        self
    }

    /// Passes if `T` has the shape that the file at `path` describes, under this `schema_version`.
    ///
    /// # Panics
    ///
    /// Like [`assert_unchanged`].
    #[track_caller]
    pub fn assert_unchanged(self, path: impl AsRef<Path>, schema_version: u32) {
        let update = std::env::var_os(VARIABLE);
        let checked = Update::parse(update.as_deref())
            .and_then(|update| self.check(path.as_ref(), schema_version, update));
        if let Err(problem) = checked {
            panic!("{problem}");
        }
    }

    fn check(self, path: &Path, schema_version: u32, update: Update) -> Result<(), String> {
        let shape = self.describe()?;
        file::check(path, schema_version, &shape, update)
    }

    fn describe(self) -> Result<String, String> {
        let examples: Result<Vec<_>, _> = self.examples.into_iter().collect();
        let examples = examples.map_err(|error| format!("an example is refused: {error}"))?;
        explore::explore::<T>(&examples).map(|node| node.borrow().to_text())
    }
}

impl<T: DeserializeOwned> Default for ShapeTest<T> {
    fn default() -> ShapeTest<T> {
        ShapeTest::new()
    }
}

/// Without the examples' values.
impl<T> fmt::Debug for ShapeTest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShapeTest").field("examples", &self.examples.len()).finish()
    }
}
