//! Would what is written be read again? Counts elements and levels while postcard writes.
//!
//! It counts what [`read`](super::read) counts for the same value, so whatever is written here is
//! within the limits when it comes back, and nothing needs to be read to know it.

use super::{MAX_DEPTH, MAX_ELEMENTS};
use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use std::cell::Cell;
use std::fmt;

/// Why a value was not written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WriteError<E> {
    /// It has more than [`MAX_DEPTH`] levels. It was written up to there.
    TooDeep,
    /// Its lists and maps have more than [`MAX_ELEMENTS`] elements. It was written to its end, so
    /// that the caller can tell whether it is too large as well.
    TooManyElements,
    /// The serializer's own error, or one of the value.
    Other(E),
}

/// Serializes `value` and counts what it holds.
pub(crate) fn serialize<T: Serialize + ?Sized, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, WriteError<S::Error>> {
    serialize_noting(value, serializer, &Seen::default())
}

/// Like [`serialize`]; `None` if there is a NaN or an infinity, which JSON would turn into `null`.
#[cfg(feature = "dynamic")]
pub(crate) fn serialize_finite<T: Serialize + ?Sized, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<Option<S::Ok>, WriteError<S::Error>> {
    let seen = Seen::default();
    let written = serialize_noting(value, serializer, &seen)?;
    Ok((!seen.not_finite.get()).then_some(written))
}

#[inline]
fn serialize_noting<T: Serialize + ?Sized, S: Serializer>(
    value: &T,
    serializer: S,
    seen: &Seen,
) -> Result<S::Ok, WriteError<S::Error>> {
    let result = value.serialize(Limited { inner: serializer, levels: MAX_DEPTH, seen });
    // First what was seen here: the error beside it only stands for it.
    if seen.too_deep.get() {
        return Err(WriteError::TooDeep);
    }
    let written = result.map_err(WriteError::Other)?;
    if seen.elements.get() > MAX_ELEMENTS {
        return Err(WriteError::TooManyElements);
    }
    Ok(written)
}

/// What one value was seen to hold. (Cells, because serde lends a part as `&T` to be serialized.)
#[derive(Default)]
struct Seen {
    elements: Cell<u32>,
    too_deep: Cell<bool>,
    #[cfg(feature = "dynamic")]
    not_finite: Cell<bool>,
}

/// A part of serde's machinery that passes everything on to `inner`, with as many `levels` left
/// for what is in it.
struct Limited<'s, I> {
    inner: I,
    levels: u32,
    seen: &'s Seen,
}

impl<'s, I> Limited<'s, I> {
    /// The inner part, and a wrapper that has one level less for whatever is inside.
    #[inline]
    fn descend<E: Error>(self) -> Result<(I, Limited<'s, ()>), E> {
        match self.levels.checked_sub(1) {
            Some(levels) => Ok((self.inner, Limited { inner: (), levels, seen: self.seen })),
            None => {
                self.seen.too_deep.set(true);
                Err(E::custom("nested too deep"))
            }
        }
    }

    #[inline]
    fn wrap<J>(&self, inner: J) -> Limited<'s, J> {
        Limited { inner, levels: self.levels, seen: self.seen }
    }
}

impl Seen {
    /// The length is what stands in the plaintext, so it is what reading counts. A list of unknown
    /// length is none for postcard.
    #[inline]
    fn list(&self, len: Option<usize>) {
        let len = u32::try_from(len.unwrap_or(0)).unwrap_or(u32::MAX);
        self.elements.set(self.elements.get().saturating_add(len));
    }

    #[inline]
    fn number(&self, finite: bool) {
        #[cfg(feature = "dynamic")]
        if !finite {
            self.not_finite.set(true);
        }
        #[cfg(not(feature = "dynamic"))]
        let _ = finite;
    }
}

/// A part of a value: what is inside is counted, too.
impl<T: Serialize + ?Sized> Serialize for Limited<'_, &T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.inner.serialize(self.wrap(serializer))
    }
}

/// Values without parts go straight to postcard.
macro_rules! pass_on {
    ($($method:ident($($arg:ident: $ty:ty),*);)*) => {$(
        #[inline]
        fn $method(self, $($arg: $ty),*) -> Result<S::Ok, S::Error> {
            self.inner.$method($($arg),*)
        }
    )*};
}

/// Values whose parts come one after the other.
macro_rules! compound {
    ($($method:ident($($arg:ident: $ty:ty),*) -> $compound:ident;)*) => {$(
        #[inline]
        fn $method(self, $($arg: $ty),*) -> Result<Self::$compound, S::Error> {
            let (inner, inside) = self.descend()?;
            Ok(inside.wrap(inner.$method($($arg),*)?))
        }
    )*};
}

impl<'s, S: Serializer> Serializer for Limited<'s, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Limited<'s, S::SerializeSeq>;
    type SerializeTuple = Limited<'s, S::SerializeTuple>;
    type SerializeTupleStruct = Limited<'s, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Limited<'s, S::SerializeTupleVariant>;
    type SerializeMap = Limited<'s, S::SerializeMap>;
    type SerializeStruct = Limited<'s, S::SerializeStruct>;
    type SerializeStructVariant = Limited<'s, S::SerializeStructVariant>;

    pass_on! {
        serialize_bool(v: bool);
        serialize_i8(v: i8); serialize_i16(v: i16); serialize_i32(v: i32); serialize_i64(v: i64);
        serialize_i128(v: i128);
        serialize_u8(v: u8); serialize_u16(v: u16); serialize_u32(v: u32); serialize_u64(v: u64);
        serialize_u128(v: u128);
        serialize_char(v: char);
        serialize_str(v: &str); serialize_bytes(v: &[u8]);
        serialize_unit(); serialize_unit_struct(name: &'static str);
    }
    compound! {
        serialize_tuple(len: usize) -> SerializeTuple;
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeTupleVariant;
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeStructVariant;
    }

    #[inline]
    fn serialize_f32(self, v: f32) -> Result<S::Ok, S::Error> {
        self.seen.number(v.is_finite());
        self.inner.serialize_f32(v)
    }

    #[inline]
    fn serialize_f64(self, v: f64) -> Result<S::Ok, S::Error> {
        self.seen.number(v.is_finite());
        self.inner.serialize_f64(v)
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        let (inner, inside) = self.descend()?;
        inside.seen.list(len);
        Ok(inside.wrap(inner.serialize_seq(len)?))
    }

    #[inline]
    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        let (inner, inside) = self.descend()?;
        inside.seen.list(len);
        Ok(inside.wrap(inner.serialize_map(len)?))
    }

    #[inline]
    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        let (inner, _) = self.descend()?;
        inner.serialize_none()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let (inner, inside) = self.descend()?;
        inner.serialize_some(&inside.wrap(value))
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        let (inner, _) = self.descend()?;
        inner.serialize_unit_variant(name, index, variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let (inner, inside) = self.descend()?;
        inner.serialize_newtype_struct(name, &inside.wrap(value))
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let (inner, inside) = self.descend()?;
        inner.serialize_newtype_variant(name, index, variant, &inside.wrap(value))
    }

    #[inline]
    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// The parts of a compound value, with or without the name of a field before each.
macro_rules! parts {
    ($($trait:ident::$method:ident($($key:ident: $ty:ty)?);)*) => {$(
        impl<I: $trait> $trait for Limited<'_, I> {
            type Ok = I::Ok;
            type Error = I::Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: $ty,)?
                value: &T,
            ) -> Result<(), I::Error> {
                let part = self.wrap(value);
                self.inner.$method($($key,)? &part)
            }

            #[inline]
            fn end(self) -> Result<I::Ok, I::Error> {
                self.inner.end()
            }
        }
    )*};
}

parts! {
    SerializeSeq::serialize_element();
    SerializeTuple::serialize_element();
    SerializeTupleStruct::serialize_field();
    SerializeTupleVariant::serialize_field();
    SerializeStruct::serialize_field(key: &'static str);
    SerializeStructVariant::serialize_field(key: &'static str);
}

impl<I: SerializeMap> SerializeMap for Limited<'_, I> {
    type Ok = I::Ok;
    type Error = I::Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), I::Error> {
        let part = self.wrap(key);
        self.inner.serialize_key(&part)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), I::Error> {
        let part = self.wrap(value);
        self.inner.serialize_value(&part)
    }

    #[inline]
    fn end(self) -> Result<I::Ok, I::Error> {
        self.inner.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::limits::read;
    use proptest::prelude::*;
    use serde::de::DeserializeOwned;
    use serde::{Deserialize, Serialize};
    use std::collections::BTreeMap;

    /// What writing says, and whether what bare postcard writes would be read.
    fn both<T: Serialize + DeserializeOwned>(
        value: &T,
    ) -> (Result<(), WriteError<postcard::Error>>, bool) {
        let bytes = postcard::to_allocvec(value).unwrap();
        let back = read::deserialize::<T, _>(&mut postcard::Deserializer::from_bytes(&bytes));
        let mut serializer =
            postcard::Serializer { output: postcard::ser_flavors::AllocVec::new() };
        let written = serialize(value, &mut serializer);
        if written != Err(WriteError::TooDeep) {
            assert_eq!(postcard::ser_flavors::Flavor::finalize(serializer.output).unwrap(), bytes);
        }
        (written, back.is_ok())
    }

    #[derive(Serialize, Deserialize, Debug, Clone)]
    struct Newtype(Any);
    #[derive(Serialize, Deserialize, Debug, Clone)]
    struct Pair(Any, u8);
    #[derive(Serialize, Deserialize, Debug, Clone)]
    struct Named {
        before: u8,
        inside: Any,
    }
    #[derive(Serialize, Deserialize, Debug, Clone)]
    struct Empty;

    /// Every kind of value, within itself.
    #[derive(Serialize, Deserialize, Debug, Clone)]
    enum Any {
        Nothing,
        None(Option<u8>),
        Text(String, char, Empty, ()),
        Number(f64),
        Units(Vec<()>),
        Arrays(Vec<[String; 0]>),
        Newtype(Box<Newtype>),
        Some(Option<Box<Any>>),
        List(Vec<Any>),
        Map(BTreeMap<u16, Any>),
        Tuple(Box<(u8, Any)>),
        Array(Box<[Any; 1]>),
        Pair(Box<Pair>),
        Named(Box<Named>),
        Bare(Box<Any>),
        Fields { a: Box<Any>, b: i8 },
        Two(Box<Any>, Box<Any>),
    }

    fn wrap(inside: Any, kind: u8, count: u16) -> Any {
        let boxed = || Box::new(inside.clone());
        let many = usize::from(count);
        match kind % 14 {
            0 => Any::Newtype(Box::new(Newtype(inside))),
            1 => Any::Some(Some(boxed())),
            2 => Any::List(vec![inside]),
            3 => Any::Map([(count, inside)].into()),
            4 => Any::Tuple(Box::new((7, inside))),
            5 => Any::Array(Box::new([inside])),
            6 => Any::Pair(Box::new(Pair(inside, 7))),
            7 => Any::Named(Box::new(Named { before: 7, inside })),
            8 => Any::Bare(boxed()),
            9 => Any::Fields { a: boxed(), b: -7 },
            10 => Any::Two(boxed(), Box::new(Any::Units(vec![(); many]))),
            11 => Any::Two(Box::new(Any::Arrays(vec![[]; many])), boxed()),
            12 => Any::List((0..count % 8).map(|_| Any::Nothing).chain([inside]).collect()),
            _ => {
                let others = (0..count % 8).map(|n| (n, Any::None(None)));
                Any::Map(others.chain([(9, inside)]).collect())
            }
        }
    }

    fn innermost() -> impl Strategy<Value = Any> {
        prop_oneof![
            Just(Any::Nothing),
            Just(Any::None(None)),
            Just(Any::None(Some(7))),
            Just(Any::Text("text".to_owned(), 'ß', Empty, ())),
            Just(Any::Number(0.5)),
            (0..3000_usize).prop_map(|len| Any::Units(vec![(); len])),
            Just(Any::List(vec![])),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Many of the values are near one of the limits, on either side.
        #[test]
        fn writing_is_refused_if_and_only_if_reading_would_be(
            core in innermost(),
            layers in prop::collection::vec((any::<u8>(), 0..600_u16), 0..90),
        ) {
            let value = layers.iter().fold(core, |inside, (kind, n)| wrap(inside, *kind, *n));
            let (written, reads) = both(&value);
            prop_assert_eq!(written.is_ok(), reads, "{:?}", written);
        }
    }

    #[derive(Serialize, Deserialize)]
    struct Nest(Option<Box<Nest>>);
    #[derive(Serialize, Deserialize)]
    struct Tree {
        children: Vec<Tree>,
    }
    #[derive(Serialize, Deserialize)]
    struct Linked {
        next: Option<Box<Linked>>,
    }
    #[derive(Serialize, Deserialize)]
    enum Term {
        Zero,
        Next(Box<Term>),
    }

    fn nested<T>(levels: usize, innermost: T, around: impl Fn(T) -> T) -> T {
        (1..levels).fold(innermost, |inside, _| around(inside))
    }

    /// `EncodeError::TooDeep` and the crate's documentation say these numbers.
    #[test]
    fn how_many_levels_of_a_users_type_fit() {
        fn check<T: Serialize + DeserializeOwned>(fits: usize, value: impl Fn(usize) -> T) {
            assert_eq!(both(&value(fits)), (Ok(()), true));
            assert_eq!(both(&value(fits + 1)), (Err(WriteError::TooDeep), false));
        }
        check(64, |n| nested(n, Nest(None), |inside| Nest(Some(Box::new(inside)))));
        let tree = |inside| Tree { children: vec![inside] };
        check(64, |n| nested(n, Tree { children: vec![] }, tree));
        let linked = |inside| Linked { next: Some(Box::new(inside)) };
        check(64, |n| nested(n, Linked { next: None }, linked));
        check(128, |n| nested(n, Term::Zero, |inside| Term::Next(Box::new(inside))));
    }

    #[test]
    fn a_level_is_given_back() {
        let deep = || nested(60, Nest(None), |inside| Nest(Some(Box::new(inside))));
        assert_eq!(both(&(0..100).map(|_| deep()).collect::<Vec<_>>()), (Ok(()), true));
    }

    #[test]
    fn elements_are_counted_over_the_whole_value() {
        let max = MAX_ELEMENTS as usize;
        let map = |len| (0..len as u32).map(|n| (n, ())).collect::<BTreeMap<_, _>>();
        let too_many = (Err(WriteError::TooManyElements), false);
        assert_eq!(both(&vec![(); max]), (Ok(()), true));
        assert_eq!(both(&vec![(); max + 1]), too_many);
        assert_eq!(both(&map(max)), (Ok(()), true));
        assert_eq!(both(&map(max + 1)), too_many);
        assert_eq!(both(&vec![vec![0_u8; 1023]; 4]), (Ok(()), true));
        assert_eq!(both(&(vec![vec![0_u8; 1023]; 4], map(1))), too_many);
    }

    #[test]
    fn a_length_past_all_counting_is_too_many() {
        struct Claims;
        impl Serialize for Claims {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_seq(Some(usize::MAX))?.end()
            }
        }
        let mut serializer =
            postcard::Serializer { output: postcard::ser_flavors::AllocVec::new() };
        let written = serialize(&vec![Claims, Claims], &mut serializer);
        assert_eq!(written, Err(WriteError::TooManyElements));
    }

    #[test]
    fn other_errors_pass_through() {
        struct Refuses;
        impl Serialize for Refuses {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(S::Error::custom("no"))
            }
        }
        let mut serializer =
            postcard::Serializer { output: postcard::ser_flavors::AllocVec::new() };
        let written = serialize(&Some(Refuses), &mut serializer);
        assert!(matches!(written, Err(WriteError::Other(postcard::Error::SerdeSerCustom))));
    }

    /// postcard writes a text that is shown in a way of its own.
    #[test]
    fn a_text_that_is_displayed_passes_through() {
        struct Shown;
        impl Serialize for Shown {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&format_args!("{}-{}", 1, 2))
            }
        }
        let mut serializer =
            postcard::Serializer { output: postcard::ser_flavors::AllocVec::new() };
        serialize(&Shown, &mut serializer).unwrap();
        let bytes = postcard::ser_flavors::Flavor::finalize(serializer.output).unwrap();
        assert_eq!(bytes, b"\x031-2");
    }

    /// Types such as `uuid` and `time` are written in one of two ways.
    #[test]
    fn types_are_told_that_no_person_reads_it() {
        struct Told;
        impl Serialize for Told {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let told = serializer.is_human_readable();
                serializer.serialize_bool(told)
            }
        }
        let mut serializer =
            postcard::Serializer { output: postcard::ser_flavors::AllocVec::new() };
        serialize(&(Told, Some(Told), [Told]), &mut serializer).unwrap();
        let written = postcard::ser_flavors::Flavor::finalize(serializer.output).unwrap();
        assert_eq!(written, [0, 1, 0, 0]);
        let json = serialize(&Some(Told), serde_json::value::Serializer).unwrap();
        assert_eq!(json, true, "what the format says is passed on");
    }
}
