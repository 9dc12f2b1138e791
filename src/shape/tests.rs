use super::file::{Update, check};
use super::{ShapeTest, assert_unchanged};
use serde::de::{
    DeserializeOwned, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ffi::CString;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::num::{NonZeroI64, NonZeroU8};
use std::path::PathBuf;
use time::{Date, Duration, OffsetDateTime};
use uuid::Uuid;

/// The description without its last line end.
fn shape<T: DeserializeOwned>() -> String {
    ShapeTest::<T>::new().describe().unwrap().trim_end().to_owned()
}

fn problem<T: DeserializeOwned>(test: ShapeTest<T>) -> String {
    test.describe().unwrap_err()
}

#[test]
fn values_without_parts() {
    assert_eq!(shape::<u8>(), "u8");
    assert_eq!(shape::<bool>(), "bool");
    assert_eq!(shape::<i128>(), "i128");
    assert_eq!(shape::<f32>(), "f32");
    assert_eq!(shape::<char>(), "char");
    assert_eq!(shape::<String>(), "text");
    assert_eq!(shape::<()>(), "nothing");
    assert_eq!(shape::<CString>(), "bytes");
}

#[test]
fn values_that_refuse_some_numbers_or_bytes() {
    assert_eq!(shape::<NonZeroU8>(), "u8");
    assert_eq!(shape::<NonZeroI64>(), "i64");
    assert_eq!(shape::<Uuid>(), "bytes");
    assert_eq!(shape::<IpAddr>(), "enum\n  V4: 4 times u8\n  V6: 16 times u8");
    let date_time = "tuple\n  0: i32\n  1: u16\n  2: u8\n  3: u8\n  4: u8\n  5: u32\n  6: i8\n  \
         7: i8\n  8: i8";
    assert_eq!(shape::<OffsetDateTime>(), date_time);
    assert_eq!(shape::<Date>(), "tuple\n  0: i32\n  1: u16");
    assert_eq!(shape::<Duration>(), "tuple\n  0: i64\n  1: i32");
}

#[test]
fn types_of_the_standard_library_and_of_time() {
    assert_eq!(shape::<std::time::Duration>(), "struct\n  secs: u64\n  nanos: u32");
    assert_eq!(
        shape::<std::time::SystemTime>(),
        "struct\n  secs_since_epoch: u64\n  nanos_since_epoch: u32"
    );
    assert_eq!(shape::<std::ops::RangeInclusive<i8>>(), "struct\n  start: i8\n  end: i8");
    assert_eq!(shape::<Result<u8, String>>(), "enum\n  Ok: u8\n  Err: text");
    assert_eq!(
        shape::<std::ops::Bound<u8>>(),
        "enum\n  Unbounded: nothing\n  Included: u8\n  Excluded: u8"
    );
    assert_eq!(
        shape::<std::net::SocketAddr>(),
        "enum\n  V4: tuple\n    0: 4 times u8\n    1: u16\n  V6: tuple\n    0: 16 times u8\n    1: u16"
    );
    assert_eq!(shape::<PathBuf>(), "text");
    assert_eq!(shape::<std::borrow::Cow<'static, str>>(), "text");
    assert_eq!(shape::<Box<[std::num::Wrapping<u16>]>>(), "list of u16");
    assert_eq!(shape::<std::marker::PhantomData<u8>>(), "nothing");
    assert_eq!(shape::<[[u8; 2]; 3]>(), "3 times 2 times u8");
    assert_eq!(shape::<time::Time>(), "tuple\n  0: u8\n  1: u8\n  2: u8\n  3: u32");
    assert_eq!(shape::<time::UtcOffset>(), "3 times i8");
    assert_eq!(shape::<(time::Month, time::Weekday)>(), "2 times u8");
}

#[test]
fn attributes_of_serde() {
    #[derive(Deserialize)]
    #[expect(dead_code)]
    struct Page {
        #[serde(with = "time::serde::timestamp")]
        seen: OffsetDateTime,
        #[serde(default)]
        count: u8,
        #[serde(rename = "a b: c")]
        odd: u8,
        kind: Kind,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        PlainText,
        #[serde(other)]
        SomethingElse,
    }
    assert_eq!(
        shape::<Page>(),
        "struct\n  seen: i64\n  count: u8\n  \"a b: c\": u8\n  kind: enum\n    plain-text: \
         nothing\n    something-else: nothing"
    );
}

#[test]
fn options_lists_maps_and_tuples() {
    assert_eq!(shape::<Option<Vec<u8>>>(), "option of list of u8");
    assert_eq!(shape::<Option<Option<()>>>(), "option of option of nothing");
    assert_eq!(shape::<BTreeSet<String>>(), "list of text");
    assert_eq!(shape::<VecDeque<[u8; 2]>>(), "list of 2 times u8");
    assert_eq!(shape::<(u8, String)>(), "tuple\n  0: u8\n  1: text");
    assert_eq!(shape::<[u8; 32]>(), "32 times u8");
    assert_eq!(shape::<[u8; 0]>(), "nothing");
    assert_eq!(shape::<HashMap<String, u8>>(), "map\n  key: text\n  value: u8");
    assert_eq!(
        shape::<BTreeMap<(u8, i8), Option<(u8, String)>>>(),
        "map\n  key: tuple\n    0: u8\n    1: i8\n  value: option of tuple\n    0: u8\n    1: text"
    );
}

#[derive(Serialize, Deserialize)]
struct UserId(u64);

#[derive(Serialize, Deserialize)]
struct Unit;

#[derive(Serialize, Deserialize)]
struct Visit {
    page_views: u32,
    #[serde(rename = "who")]
    user: Option<UserId>,
    #[serde(skip)]
    #[expect(dead_code)]
    cached: u8,
    step: Step,
    unit: Unit,
    point: Point,
}

#[derive(Serialize, Deserialize)]
struct Point(i16, f64);

#[derive(Serialize, Deserialize)]
enum Step {
    Start,
    Address(String),
    Payment { method: Method, attempts: u8 },
    Done(Method, u8),
}

#[derive(Serialize, Deserialize)]
enum Method {
    Card([u8; 4]),
    Invoice,
}

#[test]
fn structs_newtypes_and_every_variant_of_nested_enums() {
    assert_eq!(
        shape::<Visit>(),
        "struct
  page_views: u32
  who: option of u64
  step: enum
    Start: nothing
    Address: text
    Payment: struct
      method: enum
        Card: 4 times u8
        Invoice: nothing
      attempts: u8
    Done: tuple
      0: enum
        Card: 4 times u8
        Invoice: nothing
      1: u8
  unit: nothing
  point: tuple
    0: i16
    1: f64"
    );
}

#[derive(Serialize, Deserialize)]
struct Nest(Option<Box<Nest>>);

#[derive(Serialize, Deserialize)]
struct Tree {
    children: Vec<Tree>,
    parents: BTreeMap<String, Tree>,
    kind: Method,
}

#[derive(Serialize, Deserialize)]
enum Term {
    Add(Box<Term>, Box<Term>),
    Negative(Box<Term>),
    Call { arguments: Vec<Term>, body: Block },
    Number(f64),
}

#[derive(Serialize, Deserialize)]
enum Block {
    Of(Box<Term>),
    After(Box<Block>, Box<Block>),
}

#[derive(Serialize, Deserialize)]
struct Pair<A> {
    a: A,
    b: A,
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Thread(Vec<Thread>);

#[test]
fn types_that_contain_themselves() {
    assert_eq!(shape::<Nest>(), "option of the same as the whole (1 up)");
    assert_eq!(
        shape::<Tree>(),
        "struct
  children: list of the same as the whole (2 up)
  parents: map
    key: text
    value: the same as the whole (2 up)
  kind: enum
    Card: 4 times u8
    Invoice: nothing"
    );
    assert_eq!(
        shape::<Term>(),
        "enum
  Add: 2 times the same as the whole (1 up)
  Negative: the same as the whole (1 up)
  Call: struct
    arguments: list of the same as the whole (2 up)
    body: enum
      Of: the same as the whole (2 up)
      After: 2 times the same as Call.body (1 up)
  Number: f64"
    );
    assert_eq!(shape::<Thread>(), "list of the same as the whole (1 up)");
}

#[test]
fn a_generic_type_within_itself_with_other_parameters_is_not_recursive() {
    assert_eq!(
        shape::<Pair<Pair<u8>>>(),
        "struct
  a: struct
    a: u8
    b: u8
  b: struct
    a: u8
    b: u8"
    );
}

/// Accepts nothing that is made up.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(try_from = "String", into = "String")]
struct Isbn(String);

impl TryFrom<String> for Isbn {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Isbn, &'static str> {
        if text.len() == 13 && text.starts_with("978") {
            Ok(Isbn(text))
        } else {
            Err("not 13 digits")
        }
    }
}

impl From<Isbn> for String {
    fn from(isbn: Isbn) -> String {
        isbn.0
    }
}

#[derive(Serialize, Deserialize)]
struct Shelf {
    first: Isbn,
    others: Vec<Isbn>,
    by_place: BTreeMap<u8, Isbn>,
    last: Option<Isbn>,
    kind: Method,
}

fn isbn() -> Isbn {
    Isbn("9783161484100".to_owned())
}

#[test]
fn where_made_up_values_are_refused_an_example_helps() {
    assert_eq!(
        problem(ShapeTest::<Shelf>::new()),
        "the shape of `sealed_session::shape::tests::Shelf` cannot be described: no made-up value \
         was accepted for `first` (not 13 digits). Give a valid value with `with_example`"
    );
    let empty = empty_shelf();
    let full = Shelf {
        others: vec![isbn(); 2],
        by_place: [(9, isbn())].into(),
        last: Some(isbn()),
        ..empty_shelf()
    };
    let one = ShapeTest::new().with_example(&empty);
    assert!(problem(one).contains("no made-up value was accepted for `others[]`"));
    // Of two examples each is asked for what the other has not.
    let both = ShapeTest::new().with_example(&empty).with_example(&full).describe().unwrap();
    assert_eq!(
        both,
        "struct
  first: text
  others: list of text
  by_place: map
    key: u8
    value: text
  last: option of text
  kind: enum
    Card: 4 times u8
    Invoice: nothing
"
    );
}

fn empty_shelf() -> Shelf {
    Shelf {
        first: isbn(),
        others: vec![],
        by_place: BTreeMap::new(),
        last: None,
        kind: Method::Invoice,
    }
}

/// Two values that must go together: the example is given back as a whole.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "(u32, u32)", into = "(u32, u32)")]
#[derive(Clone)]
struct Square(u32, u32);

impl TryFrom<(u32, u32)> for Square {
    type Error = &'static str;

    fn try_from((root, square): (u32, u32)) -> Result<Square, &'static str> {
        if root > 9 && root * root == square { Ok(Square(root, square)) } else { Err("no square") }
    }
}

impl From<Square> for (u32, u32) {
    fn from(Square(root, square): Square) -> (u32, u32) {
        (root, square)
    }
}

#[test]
fn values_that_must_go_together_come_from_one_example() {
    let test = ShapeTest::new().with_example(&(7_u8, Square(12, 144)));
    assert_eq!(test.describe().unwrap(), "tuple\n  0: u8\n  1: 2 times u32\n");
}

/// One of every value without parts, of which none is made up. It is accepted as a whole only.
#[derive(Serialize, Deserialize, Clone, PartialEq)]
struct Leaves(u64, i32, f64, bool, bool, char, String, CString);

impl Leaves {
    fn example() -> Leaves {
        Leaves(5, -5, 2.5, true, false, 'é', "five".to_owned(), c"five".to_owned())
    }
}

#[derive(Serialize, Deserialize, Clone)]
#[serde(try_from = "Leaves", into = "Leaves")]
struct TheLeaves(Leaves);

impl TryFrom<Leaves> for TheLeaves {
    type Error = &'static str;

    fn try_from(leaves: Leaves) -> Result<TheLeaves, &'static str> {
        if leaves == Leaves::example() { Ok(TheLeaves(leaves)) } else { Err("other leaves") }
    }
}

impl From<TheLeaves> for Leaves {
    fn from(TheLeaves(leaves): TheLeaves) -> Leaves {
        leaves
    }
}

#[test]
fn an_example_of_every_kind_is_given_as_it_is() {
    let test = ShapeTest::new().with_example(&TheLeaves(Leaves::example()));
    assert_eq!(
        test.describe().unwrap(),
        "tuple\n  0: u64\n  1: i32\n  2: f64\n  3: bool\n  4: bool\n  5: char\n  6: text\n  7: bytes\n"
    );
}

/// Accepts five parts: as many are never made up.
fn five<'de, D: Deserializer<'de>, C: Deserialize<'de>>(deserializer: D) -> Result<C, D::Error>
where
    for<'a> &'a C: IntoIterator,
{
    let parts = C::deserialize(deserializer)?;
    if parts.into_iter().count() == 5 { Ok(parts) } else { Err(Error::custom("not five")) }
}

#[derive(Serialize, Deserialize)]
struct FiveElements(#[serde(deserialize_with = "five")] Vec<u8>, ());

#[derive(Serialize, Deserialize)]
struct FiveEntries(#[serde(deserialize_with = "five")] BTreeMap<u8, u8>, ());

#[test]
fn an_examples_list_is_given_as_long_as_it_is() {
    let test = ShapeTest::new().with_example(&FiveElements(vec![1; 5], ()));
    assert_eq!(test.describe().unwrap(), "tuple\n  0: list of u8\n  1: nothing\n");
}

#[test]
fn an_examples_map_is_given_with_its_own_keys() {
    let entries = (0..5).map(|key| (key, 1)).collect();
    let test = ShapeTest::new().with_example(&FiveEntries(entries, ()));
    assert_eq!(
        test.describe().unwrap(),
        "tuple\n  0: map\n    key: u8\n    value: u8\n  1: nothing\n"
    );
}

#[derive(Serialize, Deserialize)]
enum Medium {
    Book { isbn: Isbn, number: u8 },
    Audiobook { isbn: Isbn, number: u8 },
}

#[test]
fn of_an_enum_each_variant_needs_an_example_of_its_own() {
    let book = Medium::Book { isbn: isbn(), number: 7 };
    let audiobook = Medium::Audiobook { isbn: isbn(), number: 7 };
    let one = ShapeTest::new().with_example(&book);
    assert!(problem(one).contains("no made-up value was accepted for `Audiobook.isbn` "));
    let both = ShapeTest::new().with_example(&book).with_example(&audiobook);
    assert_eq!(
        both.describe().unwrap(),
        "enum\n  Book: struct\n    isbn: text\n    number: u8\n  Audiobook: struct\n    isbn: \
         text\n    number: u8\n"
    );
}

#[derive(Serialize, Deserialize, Clone, PartialEq)]
enum Light {
    Red,
    Green,
}

/// The third is what an example has there, for all variants were seen before.
#[derive(Serialize, Deserialize, Clone)]
#[serde(try_from = "Vec<Light>", into = "Vec<Light>")]
struct EndsGreen(Vec<Light>);

impl TryFrom<Vec<Light>> for EndsGreen {
    type Error = &'static str;

    fn try_from(lights: Vec<Light>) -> Result<EndsGreen, &'static str> {
        match lights[..] {
            [_, _, Light::Green] => Ok(EndsGreen(lights)),
            _ => Err("not three, or another one at the end"),
        }
    }
}

impl From<EndsGreen> for Vec<Light> {
    fn from(EndsGreen(lights): EndsGreen) -> Vec<Light> {
        lights
    }
}

#[test]
fn once_all_variants_were_seen_an_examples_variant_is_given() {
    let lights = vec![Light::Red, Light::Red, Light::Green];
    let test = ShapeTest::new().with_example(&EndsGreen(lights));
    assert_eq!(test.describe().unwrap(), "list of enum\n  Red: nothing\n  Green: nothing\n");
}

/// Names two variants, and writes and reads any number of them, as postcard lets it.
struct Unlisted(u32);

impl Serialize for Unlisted {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit_variant("Unlisted", self.0, "")
    }
}

impl<'de> Deserialize<'de> for Unlisted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum("Unlisted", &["First", "Second"], Unlisted(0))
    }
}

impl<'de> Visitor<'de> for Unlisted {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a variant")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Self, A::Error> {
        let (index, content) = data.variant()?;
        content.unit_variant()?;
        Ok(Unlisted(index))
    }
}

#[test]
fn a_variant_that_the_type_does_not_name_is_never_given() {
    let test = ShapeTest::new().with_example(&vec![Unlisted(0), Unlisted(1), Unlisted(2)]);
    assert_eq!(test.describe().unwrap(), "list of enum\n  First: nothing\n  Second: nothing\n");
}

/// Refuses the number that is made up first.
#[derive(Deserialize)]
#[serde(try_from = "u8")]
struct NotOne;

impl TryFrom<u8> for NotOne {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<NotOne, &'static str> {
        if number == 1 { Err("is one") } else { Ok(NotOne) }
    }
}

#[test]
fn a_refusal_at_the_end_of_one_variant_does_not_hide_the_next() {
    #[derive(Deserialize)]
    #[expect(dead_code)]
    enum Choice {
        Counted { times: NotOne },
        Never,
    }
    assert_eq!(shape::<Choice>(), "enum\n  Counted: struct\n    times: u8\n  Never: nothing");
}

#[test]
fn a_variant_whose_last_part_is_always_refused_is_not_described() {
    #[derive(Deserialize)]
    #[expect(dead_code)]
    enum Choice {
        Lent { book: Isbn },
        Never,
    }
    assert!(
        problem(ShapeTest::<Choice>::new())
            .contains("no made-up value was accepted for `Lent.book` (not 13 digits)")
    );
}

/// A list that takes none of its elements.
struct Untouched;

impl<'de> Deserialize<'de> for Untouched {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Untouched)
    }
}

impl<'de> Visitor<'de> for Untouched {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self, A::Error> {
        Ok(Untouched)
    }
}

#[test]
fn a_place_where_nothing_is_read_is_named() {
    #[derive(Deserialize)]
    #[expect(dead_code)]
    struct Page {
        title: String,
        notes: Untouched,
    }
    assert!(problem(ShapeTest::<Page>::new()).ends_with(
        "nothing was read at `notes[]`. Give a value that has something there with \
             `with_example`"
    ));
}

#[test]
fn a_type_can_tell_the_problem_in_its_own_words() {
    struct Book;
    impl<'de> Deserialize<'de> for Book {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let isbn = Isbn::deserialize(deserializer);
            isbn.map(|_| Book).map_err(|error| Error::custom(format!("no book: {error}")))
        }
    }
    assert!(problem(ShapeTest::<Book>::new()).contains("(no book: not 13 digits)"));
}

#[test]
fn a_list_that_must_have_several_elements_gets_them() {
    #[derive(Deserialize)]
    #[serde(try_from = "Vec<u8>")]
    struct AtLeastThree;
    impl TryFrom<Vec<u8>> for AtLeastThree {
        type Error = &'static str;
        fn try_from(list: Vec<u8>) -> Result<Self, &'static str> {
            if list.len() < 3 { Err("too short") } else { Ok(AtLeastThree) }
        }
    }
    assert_eq!(shape::<Vec<AtLeastThree>>(), "list of list of u8");
}

#[test]
fn a_number_that_must_be_below_zero_is_made_up() {
    #[derive(Deserialize)]
    #[serde(try_from = "i8")]
    struct BelowZero;
    impl TryFrom<i8> for BelowZero {
        type Error = &'static str;
        fn try_from(number: i8) -> Result<Self, &'static str> {
            if number < 0 { Ok(BelowZero) } else { Err("not below zero") }
        }
    }
    assert_eq!(shape::<BelowZero>(), "i8");
}

/// An address is text for people and four bytes for postcard.
#[derive(Serialize, Deserialize, Clone)]
#[serde(try_from = "Ipv4Addr", into = "Ipv4Addr")]
struct Loopback(Ipv4Addr);

impl TryFrom<Ipv4Addr> for Loopback {
    type Error = &'static str;

    fn try_from(address: Ipv4Addr) -> Result<Loopback, &'static str> {
        if address.is_loopback() { Ok(Loopback(address)) } else { Err("no loopback address") }
    }
}

impl From<Loopback> for Ipv4Addr {
    fn from(Loopback(address): Loopback) -> Ipv4Addr {
        address
    }
}

#[test]
fn an_example_is_taken_apart_as_postcard_writes_it_and_not_as_people_read_it() {
    let test = ShapeTest::new().with_example(&Loopback(Ipv4Addr::LOCALHOST));
    assert_eq!(test.describe().unwrap(), "4 times u8\n");
}

/// Accepts only what has parts and says before each how many are left: entries if `MAP`, or elements.
struct Announced<const MAP: bool>;

impl<'de, const MAP: bool> Deserialize<'de> for Announced<MAP> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match MAP {
            true => deserializer.deserialize_map(Announced::<MAP>),
            false => deserializer.deserialize_seq(Announced::<MAP>),
        }
    }
}

impl<const MAP: bool> Announced<MAP> {
    fn checked<E: Error>(left: &[Option<usize>]) -> Result<Self, E> {
        let expected = (0..left.len()).rev().map(Some);
        match left.len() > 1 && left.iter().copied().eq(expected) {
            true => Ok(Announced),
            false => Err(E::custom(format!("{left:?} were left"))),
        }
    }
}

impl<'de, const MAP: bool> Visitor<'de> for Announced<MAP> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parts that are announced")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        let mut left = vec![list.size_hint()];
        while list.next_element::<u8>()?.is_some() {
            left.push(list.size_hint());
        }
        Announced::checked(&left)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut left = vec![map.size_hint()];
        while map.next_entry::<u8, u8>()?.is_some() {
            left.push(map.size_hint());
        }
        Announced::checked(&left)
    }
}

#[test]
fn a_type_is_told_how_many_parts_are_left_as_by_postcard() {
    assert!(postcard::from_bytes::<Announced<false>>(&[2, 7, 7]).is_ok());
    assert_eq!(shape::<Announced<false>>(), "list of u8");
    assert!(postcard::from_bytes::<Announced<true>>(&[1, 7, 7]).is_ok());
    assert_eq!(shape::<Announced<true>>(), "map\n  key: u8\n  value: u8");
}

#[test]
fn types_that_postcard_cannot_hold_are_named() {
    #[derive(Deserialize)]
    #[expect(dead_code)]
    struct Page {
        title: String,
        settings: serde_json::Value,
    }
    assert_eq!(
        problem(ShapeTest::<Page>::new()),
        "the shape of `sealed_session::shape::tests::types_that_postcard_cannot_hold_are_named::\
         Page` cannot be described: settings asks the data what it is, and postcard does not say: \
         avoid `flatten`, `untagged`, internally or adjacently tagged enums and \
         `serde_json::Value`"
    );
}

#[test]
fn a_type_that_never_ends_is_told() {
    #[derive(Deserialize)]
    #[expect(dead_code)]
    struct Endless {
        inside: Box<Endless>,
    }
    #[derive(Deserialize)]
    #[expect(dead_code)]
    enum Circle {
        One(Box<Circle>),
        Two(Box<Circle>),
    }
    assert!(problem(ShapeTest::<Endless>::new()).ends_with("contains itself without an end"));
    assert!(problem(ShapeTest::<Circle>::new()).ends_with("contains itself without an end"));
}

/// A file in a folder of its own.
struct Place {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        Place { path: folder.path().join("visit.shape"), _folder: folder }
    }

    /// Written for `T` at this version.
    fn of<T: DeserializeOwned>(version: u32) -> Place {
        let place = Place::new();
        place.check::<T>(version, Update::Raised).unwrap();
        place
    }

    fn check<T: DeserializeOwned>(&self, version: u32, update: Update) -> Result<(), String> {
        ShapeTest::<T>::new().check(&self.path, version, update)
    }

    /// What is said, with `FILE` for the path.
    fn refusal<T: DeserializeOwned>(&self, version: u32, update: Update) -> String {
        let said = self.check::<T>(version, update).unwrap_err();
        said.replace(self.path.to_str().unwrap(), "FILE")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.path).unwrap()
    }
}

#[derive(Deserialize)]
#[expect(dead_code)]
struct Old {
    seen: u32,
    asked: u32,
    name: String,
}

#[derive(Deserialize)]
#[expect(dead_code)]
struct Swapped {
    asked: u32,
    seen: u32,
    name: String,
}

#[derive(Deserialize)]
#[expect(dead_code)]
struct Renamed {
    pages_seen: u32,
    asked: u32,
    name: String,
}

#[derive(Deserialize)]
#[expect(dead_code)]
struct Longer {
    seen: u32,
    asked: u32,
    name: String,
    admin: bool,
}

const FIX: &str = "keep the old type, set `.schema_version(2).upgrade(1, |old: Old| …)`, and run \
    this test once with `UPDATE_SHAPES=1` in the environment.";

#[test]
fn a_missing_file_is_written_and_the_test_fails_once() {
    let place = Place::new();
    assert_eq!(
        place.refusal::<Old>(1, Update::No),
        "FILE was missing and is written now. Commit it and run this test again. (If it should \
         have been there: did somebody move it, or is the path another one?)"
    );
    assert_eq!(
        place.text(),
        "# What the data of a session looks like, for `sealed_session::shape`. Commit this file.\n\
         schema_version 1\n\nstruct\n  seen: u32\n  asked: u32\n  name: text\n"
    );
    place.check::<Old>(1, Update::No).unwrap();
}

#[test]
fn what_is_wrong_is_a_panic_and_what_is_right_is_none() {
    let place = Place::new();
    let test = |version| assert_unchanged::<Old>(&place.path, version);
    let said = |version| {
        let panic = std::panic::catch_unwind(|| test(version)).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    };
    assert!(said(1).contains("was missing and is written now"));
    test(1);
    assert!(said(2).contains("run this test once with `UPDATE_SHAPES=1`"), "{}", said(2));
}

#[test]
fn a_folder_that_is_missing_is_told() {
    let place = Place::new();
    let path = place.path.join("visit.shape");
    let said = check(&path, 1, "u8\n", Update::No).unwrap_err();
    assert!(said.contains("visit.shape cannot be written: "), "{said}");
}

#[test]
fn line_ends_of_another_system_are_no_change() {
    let place = Place::of::<Old>(1);
    std::fs::write(&place.path, place.text().replace('\n', "\r\n")).unwrap();
    place.check::<Old>(1, Update::No).unwrap();
}

#[test]
fn another_shape_under_the_same_version_is_refused_whatever_may_be_written() {
    let place = Place::of::<Old>(1);
    for update in [Update::No, Update::Raised, Update::Renamed] {
        assert_eq!(
            place.refusal::<Longer>(1, update),
            format!(
                "the shape of the data of a session changed, and `schema_version` is still 1: \
                 sessions that are in browsers now would be refused, or read with another meaning. \
                 To fix it, {FIX}\n\n  struct\n    seen: u32\n    asked: u32\n    name: text\n+   \
                 admin: bool\n"
            )
        );
    }
    place.check::<Old>(1, Update::No).unwrap();
}

#[test]
fn swapped_fields_of_one_type_are_refused_whatever_may_be_written() {
    let place = Place::of::<Old>(1);
    for update in [Update::No, Update::Raised, Update::Renamed] {
        assert_eq!(
            place.refusal::<Swapped>(1, update),
            format!(
                "parts of the data of a session changed places, which `UPDATE_SHAPES` does not \
                 accept, and `schema_version` is still 1: sessions that are in browsers now would \
                 be refused, or read with another meaning. To fix it, {FIX}\n\n  struct\n-   seen: \
                 u32\n    asked: u32\n+   seen: u32\n    name: text\n"
            )
        );
    }
}

#[test]
fn another_name_alone_is_accepted_when_it_is_said_to_be_one() {
    let place = Place::of::<Old>(1);
    for update in [Update::No, Update::Raised] {
        assert_eq!(
            place.refusal::<Renamed>(1, update),
            format!(
                "names in the data of a session changed, and `schema_version` is still 1. Sessions \
                 that are in browsers now are read by place, not by name. If every value means what \
                 it meant before, run this test once with `UPDATE_SHAPES=renamed` in the \
                 environment. If not, {FIX}\n\n  struct\n-   seen: u32\n+   pages_seen: u32\n    \
                 asked: u32\n    name: text\n"
            )
        );
    }
    place.check::<Renamed>(1, Update::Renamed).unwrap();
    place.check::<Renamed>(1, Update::No).unwrap();
}

#[test]
fn names_within_recursive_types_and_variants_are_names() {
    #[derive(Deserialize)]
    #[expect(dead_code)]
    enum Before {
        Leaf { item: u8 },
        Branch { left: Box<Before> },
    }
    #[derive(Deserialize)]
    #[expect(dead_code)]
    struct Outer {
        tree: Before,
    }
    #[derive(Deserialize)]
    #[expect(dead_code)]
    enum After {
        Fruit { value: u8 },
        Twig { inside: Box<After> },
    }
    #[derive(Deserialize)]
    #[expect(dead_code)]
    struct Outside {
        plant: After,
    }
    let place = Place::of::<Outer>(1);
    place.check::<Outside>(1, Update::Renamed).unwrap();
}

#[test]
fn names_that_are_quoted_are_names() {
    #[derive(Deserialize)]
    #[expect(dead_code)]
    struct Before {
        #[serde(rename = "of the day: seen")]
        seen: u32,
        #[serde(rename = "the \"asked: one")]
        asked: u8,
    }
    #[derive(Deserialize)]
    #[expect(dead_code)]
    struct After {
        seen: u32,
        asked: u8,
    }
    let place = Place::of::<Before>(1);
    place.check::<After>(1, Update::Renamed).unwrap();
}

#[test]
fn fields_without_names_are_the_same_parts() {
    #[derive(Deserialize)]
    #[expect(dead_code)]
    struct Numbered(u32, u32, String);
    let place = Place::of::<Old>(1);
    place.check::<Numbered>(1, Update::Renamed).unwrap();
}

#[test]
fn another_type_of_a_field_is_no_other_name() {
    #[derive(Deserialize)]
    #[expect(dead_code)]
    struct Wider {
        seen: u64,
        asked: u32,
        name: String,
    }
    let place = Place::of::<Old>(1);
    let said = place.refusal::<Wider>(1, Update::Renamed);
    assert!(said.starts_with("the shape of the data of a session changed, "), "{said}");
}

#[test]
fn a_field_that_moved_out_of_a_struct_is_no_other_name() {
    #[derive(Deserialize)]
    #[expect(dead_code)]
    struct Both {
        seen: u32,
        name: String,
    }
    #[derive(Deserialize)]
    #[expect(dead_code)]
    struct Inside {
        who: Both,
    }
    #[derive(Deserialize)]
    #[expect(dead_code)]
    struct One {
        seen: u32,
    }
    #[derive(Deserialize)]
    #[expect(dead_code)]
    struct Outside {
        who: One,
        call: String,
    }
    let place = Place::of::<Inside>(1);
    let said = place.refusal::<Outside>(1, Update::Renamed);
    assert!(said.starts_with("the shape of the data of a session changed, "), "{said}");
}

#[test]
fn a_raised_version_asks_for_a_new_file() {
    let place = Place::of::<Old>(1);
    for update in [Update::No, Update::Renamed] {
        assert_eq!(
            place.refusal::<Longer>(2, update),
            "`schema_version` was raised from 1 to 2, and FILE is still of 1. If `.upgrade(1, …)` \
             has the old type, run this test once with `UPDATE_SHAPES=1` in the environment and \
             commit the file.\n\n  struct\n    seen: u32\n    asked: u32\n    name: text\n+   \
             admin: bool\n"
        );
    }
    assert!(
        place.refusal::<Old>(2, Update::No).ends_with("file. The shape itself did not change.")
    );
    place.check::<Longer>(2, Update::Raised).unwrap();
    place.check::<Longer>(2, Update::No).unwrap();
    // And what comes after is compared with the new shape.
    assert!(place.check::<Old>(2, Update::No).is_err());
}

#[test]
fn a_version_that_goes_back_is_refused() {
    let place = Place::of::<Old>(2);
    for update in [Update::No, Update::Raised, Update::Renamed] {
        assert_eq!(
            place.refusal::<Old>(1, update),
            "`schema_version` is 1 and FILE says 2. A version never goes back: sessions of 2 are \
             in browsers, and a server of 1 does not read them"
        );
    }
}

#[test]
fn a_file_that_is_none_of_ours_is_left_alone() {
    for text in ["", "schema_version one\n", "{}", "# only a comment\n"] {
        let place = Place::new();
        std::fs::write(&place.path, text).unwrap();
        assert_eq!(
            place.refusal::<Old>(1, Update::Raised),
            "FILE is not a file of `sealed_session::shape`: restore it from version control"
        );
        assert_eq!(place.text(), text);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_left_alone() {
    let place = Place::new();
    std::fs::write(&place.path, [0xff]).unwrap();
    let said = place.refusal::<Old>(1, Update::Raised);
    assert!(said.starts_with("FILE cannot be read: "), "{said}");
    assert_eq!(std::fs::read(&place.path).unwrap(), [0xff]);
}

#[test]
fn the_variable_has_two_values() {
    let parse = |text: &str| Update::parse(Some(text.as_ref()));
    assert_eq!(Update::parse(None), Ok(Update::No));
    assert_eq!(parse(""), Ok(Update::No));
    assert_eq!(parse("1"), Ok(Update::Raised));
    assert_eq!(parse("renamed"), Ok(Update::Renamed));
    assert_eq!(
        parse("yes"),
        Err("`UPDATE_SHAPES` is `1`, after `schema_version` was raised, or `renamed`, after a \
             field or a variant got another name"
            .to_owned())
    );
}

#[test]
fn an_example_that_cannot_be_serialised_is_told() {
    #[derive(Deserialize)]
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("never"))
        }
    }
    assert_eq!(problem(ShapeTest::new().with_example(&Refuses)), "an example is refused: never");
}

#[test]
fn debug_shows_no_example() {
    let test = ShapeTest::new().with_example(&"secret".to_owned());
    assert_eq!(format!("{test:?}"), "ShapeTest { examples: 1 }");
}
