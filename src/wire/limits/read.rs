//! How much work may a plaintext ask for? Counts elements and levels while postcard reads.
//!
//! A length prefix is ten bytes at most and can claim 2^64 elements. Elements that take up at
//! least a byte run out with the plaintext, but a list of empty ones (`Vec<()>`) would be counted
//! to the end; and a type that contains itself can be nested as deep as the plaintext is long,
//! which a small thread's stack does not hold. So this wrapper counts what it passes on. It
//! knows exactly the calls that postcard makes.

use super::{MAX_DEPTH, MAX_ELEMENTS};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use std::fmt;

/// What is left to be used.
struct Budget {
    elements: u32,
    depth: u32,
}

impl Budget {
    fn take_element<E: Error>(&mut self) -> Result<(), E> {
        self.elements =
            self.elements.checked_sub(1).ok_or_else(|| E::custom("too many elements"))?;
        Ok(())
    }
}

/// Deserializes `T` within the limits.
pub(crate) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let mut budget = Budget { elements: MAX_ELEMENTS, depth: MAX_DEPTH };
    T::deserialize(Limited { inner: deserializer, budget: &mut budget })
}

/// A part of serde's machinery that passes everything on to `inner`. Where it is the `LIST` of a
/// length that the plaintext tells, it counts the elements; tuples and structs have the length of
/// their type.
struct Limited<'b, I, const LIST: bool = false> {
    inner: I,
    budget: &'b mut Budget,
}

/// Values without parts go straight to postcard.
macro_rules! pass_on {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method(visitor)
        }
    )*};
}

/// Values with parts get a visitor of ours, and give their level back afterwards.
macro_rules! descend {
    ($($method:ident($($arg:ident: $ty:ty),*), LIST = $list:literal;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($arg: $ty,)* visitor: V) -> Result<V::Value, D::Error> {
            let Limited { inner, budget } = self;
            if budget.depth == 0 {
                return Err(D::Error::custom("nested too deep"));
            }
            budget.depth -= 1;
            let value = inner.$method($($arg,)* Limited::<_, $list> { inner: visitor, budget: &mut *budget });
            budget.depth += 1;
            value
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Limited<'_, D> {
    type Error = D::Error;

    pass_on! {
        deserialize_any deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_unit
        deserialize_identifier deserialize_ignored_any
    }
    descend! {
        deserialize_option(), LIST = false;
        deserialize_newtype_struct(name: &'static str), LIST = false;
        deserialize_seq(), LIST = true;
        deserialize_tuple(len: usize), LIST = false;
        deserialize_tuple_struct(name: &'static str, len: usize), LIST = false;
        deserialize_map(), LIST = true;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]), LIST = false;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]), LIST = false;
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit_struct(name, visitor)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// The calls that postcard answers a value with parts by.
impl<'de, V: Visitor<'de>, const LIST: bool> Visitor<'de> for Limited<'_, V, LIST> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Limited { inner, budget: self.budget })
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Limited { inner, budget: self.budget })
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Limited::<_, LIST> { inner, budget: self.budget })
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Limited::<_, LIST> { inner, budget: self.budget })
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Limited { inner, budget: self.budget })
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Limited<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Limited { inner, budget: self.budget })
    }
}

impl<'de, A: SeqAccess<'de>, const LIST: bool> SeqAccess<'de> for Limited<'_, A, LIST> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let element = self
            .inner
            .next_element_seed(Limited::<_> { inner: seed, budget: &mut *self.budget })?;
        if LIST && element.is_some() {
            self.budget.take_element()?;
        }
        Ok(element)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().map(|hint| hint.min(MAX_ELEMENTS as usize))
    }
}

impl<'de, A: MapAccess<'de>, const LIST: bool> MapAccess<'de> for Limited<'_, A, LIST> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let key =
            self.inner.next_key_seed(Limited::<_> { inner: seed, budget: &mut *self.budget })?;
        if LIST && key.is_some() {
            self.budget.take_element()?;
        }
        Ok(key)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(Limited { inner: seed, budget: &mut *self.budget })
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().map(|hint| hint.min(MAX_ELEMENTS as usize))
    }
}

impl<'de, 'b, A: EnumAccess<'de>> EnumAccess<'de> for Limited<'b, A> {
    type Error = A::Error;
    type Variant = Limited<'b, A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, inner) = self.inner.variant_seed(seed)?;
        Ok((value, Limited { inner, budget: self.budget }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Limited<'_, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(Limited { inner: seed, budget: self.budget })
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(len, Limited::<_> { inner: visitor, budget: self.budget })
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, Limited::<_> { inner: visitor, budget: self.budget })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use std::collections::BTreeMap;

    fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
        deserialize(&mut postcard::Deserializer::from_bytes(bytes))
            .map_err(|error| error.to_string())
    }

    fn write<T: Serialize>(value: &T) -> Vec<u8> {
        postcard::to_allocvec(value).unwrap()
    }

    /// 2^60 as a varint.
    const HUGE: [u8; 9] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];

    #[test]
    fn a_huge_list_of_empty_elements_is_refused() {
        assert!(read::<Vec<()>>(&HUGE).is_err());
        assert!(read::<Vec<[String; 0]>>(&HUGE).is_err());
        assert!(read::<BTreeMap<(), ()>>(&HUGE).is_err());
    }

    #[test]
    fn a_huge_list_of_bytes_or_a_huge_text_is_refused() {
        assert!(read::<Vec<u8>>(&HUGE).is_err());
        assert!(read::<Vec<u64>>(&HUGE).is_err());
        assert!(read::<String>(&HUGE).is_err());
        assert!(read::<BTreeMap<String, u8>>(&HUGE).is_err());
    }

    #[test]
    fn elements_are_counted_over_the_whole_value() {
        let fits = vec![vec![(); 1000]; 3];
        assert_eq!(read::<Vec<Vec<()>>>(&write(&fits)).unwrap(), fits);
        assert!(read::<Vec<Vec<()>>>(&write(&vec![vec![(); 1000]; 5])).is_err());
    }

    #[derive(Serialize, serde::Deserialize, PartialEq, Debug, Default)]
    struct Nest(Option<Box<Nest>>);

    fn nest(levels: usize) -> Nest {
        (1..levels).fold(Nest(None), |inner, _| Nest(Some(Box::new(inner))))
    }

    #[test]
    fn nesting_is_limited() {
        // A level of this type is a newtype in an option.
        let deepest = nest(MAX_DEPTH as usize / 2);
        assert_eq!(read::<Nest>(&write(&deepest)).unwrap(), deepest);
        assert!(read::<Nest>(&write(&nest(MAX_DEPTH as usize / 2 + 1))).is_err());
        assert!(read::<Nest>(&[1; 3000]).is_err());
    }

    #[test]
    fn a_level_is_given_back() {
        let wide: Vec<Nest> = (0..100).map(|_| nest(20)).collect();
        assert_eq!(read::<Vec<Nest>>(&write(&wide)).unwrap(), wide);
    }

    #[derive(Serialize, serde::Deserialize, PartialEq, Debug, Clone)]
    enum Shape {
        Unit,
        New(u8),
        Tuple(u8, String),
        Struct { a: Option<char>, b: (i64, f64) },
    }

    #[test]
    fn every_kind_of_value_passes_through() {
        #[derive(Serialize, serde::Deserialize, PartialEq, Debug)]
        struct All {
            numbers: (u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64),
            others: (bool, char, String, (), Option<u8>),
            shapes: Vec<Shape>,
            map: BTreeMap<String, Shape>,
            array: [u8; 16],
        }
        let struct_shape = Shape::Struct { a: Some('ß'), b: (-1, 0.5) };
        let all = All {
            numbers: (1, 2, 3, 4, 5, -1, -2, -3, -4, -5, 0.5, -0.5),
            others: (true, '✓', "text".to_owned(), (), None),
            shapes: vec![
                Shape::Unit,
                Shape::New(1),
                Shape::Tuple(2, "t".to_owned()),
                struct_shape.clone(),
            ],
            map: [("key".to_owned(), struct_shape)].into(),
            array: [7; 16],
        };
        assert_eq!(read::<All>(&write(&all)).unwrap(), all);
    }

    /// What a type is told before its parts come: how many there are.
    struct Hint(Option<usize>);

    struct Hinted;

    impl<'de> Visitor<'de> for Hinted {
        type Value = Hint;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list or a map of bytes")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Hint, A::Error> {
            let hint = Hint(list.size_hint());
            while list.next_element::<u8>()?.is_some() {}
            Ok(hint)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Hint, A::Error> {
            let hint = Hint(map.size_hint());
            while map.next_entry::<u8, u8>()?.is_some() {}
            Ok(hint)
        }
    }

    struct List(Hint);

    impl<'de> Deserialize<'de> for List {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<List, D::Error> {
            deserializer.deserialize_seq(Hinted).map(List)
        }
    }

    struct Map(Hint);

    impl<'de> Deserialize<'de> for Map {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Map, D::Error> {
            deserializer.deserialize_map(Hinted).map(Map)
        }
    }

    /// Memory is taken for what is there, and not for what the plaintext claims.
    #[test]
    fn a_hint_is_the_number_of_elements_and_at_most_the_limit() {
        for (len, hint) in [(0, 0), (3, 3), (4096, 4096)] {
            let bytes = write(&vec![7_u8; len]);
            assert_eq!(read::<List>(&bytes).unwrap().0.0, Some(hint), "{len}");
        }
        let map: BTreeMap<u8, u8> = (0..3).map(|key| (key, key)).collect();
        assert_eq!(read::<Map>(&write(&map)).unwrap().0.0, Some(3));

        /// Stops at the hint.
        fn hint_of(claimed: &[u8], is_map: bool) -> Option<usize> {
            struct Only;
            impl<'de> Visitor<'de> for Only {
                type Value = Hint;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a list or a map")
                }
                fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Hint, A::Error> {
                    Ok(Hint(list.size_hint()))
                }
                fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Hint, A::Error> {
                    Ok(Hint(map.size_hint()))
                }
            }
            let mut budget = Budget { elements: MAX_ELEMENTS, depth: MAX_DEPTH };
            let mut postcard = postcard::Deserializer::from_bytes(claimed);
            let limited = Limited::<_> { inner: &mut postcard, budget: &mut budget };
            let hint = match is_map {
                true => limited.deserialize_map(Only),
                false => limited.deserialize_seq(Only),
            };
            hint.unwrap().0
        }
        for is_map in [false, true] {
            let hint = hint_of(&HUGE, is_map);
            assert!(hint.is_none_or(|hint| hint <= MAX_ELEMENTS as usize), "{hint:?}");
            // 4097, which has to be cut.
            assert_eq!(hint_of(&[&[0x81, 0x20][..], &[0; 9000]].concat(), is_map), Some(4096));
        }
    }

    /// postcard has nothing there, and other formats can.
    #[test]
    fn a_variant_without_content_that_has_some_is_refused() {
        let unit =
            |json| deserialize::<Shape, _>(&mut serde_json::Deserializer::from_str(json)).is_ok();
        assert_eq!([r#"{"Unit":null}"#, r#"{"Unit":7}"#].map(unit), [true, false]);
    }

    /// Types such as `uuid` and `time` are written in one of two ways.
    #[test]
    fn types_are_told_that_no_person_reads_it() {
        struct Told(bool);
        impl<'de> Deserialize<'de> for Told {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Told, D::Error> {
                let told = Told(deserializer.is_human_readable());
                <()>::deserialize(deserializer).map(|()| told)
            }
        }
        assert!(!read::<Told>(&[]).unwrap().0);
        let json = deserialize::<Told, _>(&mut serde_json::Deserializer::from_str("null"));
        assert!(json.unwrap().0, "what the format says is passed on");
        assert!(!read::<Option<(Told, u8)>>(&[1, 7]).unwrap().unwrap().0.0);
    }
}
