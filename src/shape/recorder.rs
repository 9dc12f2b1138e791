//! A `Deserializer` that gives a type the values of a [`Run`](super::run::Run) and is watched.
//!
//! It takes the calls as postcard does, so the names of a struct's fields come before their values.

use super::example::Value;
use super::node::{Fields, Node, unknown};
use super::run::{Recorder, Stopped};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use std::any::type_name;

impl Recorder<'_> {
    /// Gives the parts of a struct or tuple, one after the other.
    fn fields<'de, V: Visitor<'de>>(
        self,
        names: Option<&'static [&'static str]>,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        let parts = (0..len).map(|_| unknown()).collect();
        self.note(Node::Fields(Fields { names, parts, whole: false }))?;
        let mut asked = 0;
        let parts = Parts { place: &self, kind: Kind::Fields { names }, len, given: &mut asked };
        let value = visitor.visit_seq(parts)?;
        if let Some(node) = &self.node
            && let Node::Fields(fields) = &mut *node.borrow_mut()
        {
            fields.parts.truncate(asked);
            fields.whole = true;
        }
        Ok(value)
    }
}

/// What tells one type from another: the visitors that `derive` makes are named for their types.
fn name_of<'de, V: Visitor<'de>>(kind: &str) -> String {
    format!("{kind} {} {}", type_name::<V>(), type_name::<V::Value>())
}

macro_rules! leaves {
    ($($method:ident, $visit:ident, $name:literal, |$place:ident| $value:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stopped> {
            self.note(Node::Leaf($name))?;
            let $place = &self;
            visitor.$visit($value)
        }
    )*};
}

impl<'de, 'e> Deserializer<'de> for Recorder<'e> {
    type Error = Stopped;

    leaves! {
        deserialize_bool, visit_bool, "bool", |place| place.bool();
        deserialize_u8, visit_u8, "u8", |place| place.number() as u8;
        deserialize_u16, visit_u16, "u16", |place| place.number() as u16;
        deserialize_u32, visit_u32, "u32", |place| place.number() as u32;
        deserialize_u64, visit_u64, "u64", |place| place.number() as u64;
        deserialize_u128, visit_u128, "u128", |place| place.number() as u128;
        deserialize_i8, visit_i8, "i8", |place| place.number() as i8;
        deserialize_i16, visit_i16, "i16", |place| place.number() as i16;
        deserialize_i32, visit_i32, "i32", |place| place.number() as i32;
        deserialize_i64, visit_i64, "i64", |place| place.number() as i64;
        deserialize_i128, visit_i128, "i128", |place| place.number();
        deserialize_f32, visit_f32, "f32", |place| place.float() as f32;
        deserialize_f64, visit_f64, "f64", |place| place.float();
        deserialize_char, visit_char, "char", |place| place.char();
        deserialize_str, visit_str, "text", |place| &place.text();
        deserialize_string, visit_string, "text", |place| place.text();
        deserialize_bytes, visit_bytes, "bytes", |place| &place.bytes();
        deserialize_byte_buf, visit_byte_buf, "bytes", |place| place.bytes();
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stopped> {
        self.note(Node::Leaf("nothing"))?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stopped> {
        self.within(&name_of::<V>("option"), |place| {
            place.note(Node::Option(unknown()))?;
            if place.node.is_none() && !matches!(place.example(), Some(Value::Some(_))) {
                return visitor.visit_none();
            }
            let inside = |node: &Node| match node {
                Node::Option(inside) => Some(inside.clone()),
                _ => None,
            };
            let some = |value: &'e Value| match value {
                Value::Some(value) => Some(&**value),
                _ => None,
            };
            place.part("", inside, some)?.blamed(|part| visitor.visit_some(part))
        })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        self.within(&name_of::<V>("newtype"), |place| {
            place.blamed(|place| visitor.visit_newtype_struct(place))
        })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stopped> {
        self.within(&name_of::<V>("list"), |place| {
            place.note(Node::List(unknown()))?;
            let len = place.length();
            visitor.visit_seq(Parts { place: &place, kind: Kind::List, len, given: &mut 0 })
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stopped> {
        self.within(&name_of::<V>("map"), |place| {
            place.note(Node::Map(unknown(), unknown()))?;
            visitor.visit_map(Entries { len: place.length(), place: &place, given: 0 })
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        self.within(&name_of::<V>("tuple"), |place| place.fields(None, len, visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        self.within(&name_of::<V>("tuple"), |place| place.fields(None, len, visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        self.within(&name_of::<V>("struct"), |place| {
            place.fields(Some(names), names.len(), visitor)
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        let name = name_of::<V>("enum");
        self.within(&name, |place| {
            let run = place.run;
            if variants.is_empty() {
                return Err(run.give_up(&place.path, "is an enum without variants"));
            }
            place.note(Node::Enum(variants.iter().map(|name| (*name, unknown())).collect()))?;
            let index = place.variant(&name, variants.len())?;
            let filling = place.node.is_none();
            if filling {
                run.filled.borrow_mut().push((name.clone(), variants.len() as u32));
            }
            let value = visitor.visit_enum(Variant { place: &place, variants, index });
            if filling {
                run.filled.borrow_mut().pop();
            }
            value
        })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stopped> {
        let problem = "asks the data what it is, and postcard does not say: avoid `flatten`, \
            `untagged`, internally or adjacently tagged enums and `serde_json::Value`";
        Err(self.run.give_up(&self.path, problem))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stopped> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stopped> {
        self.deserialize_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// What the parts of a place are.
#[derive(Clone, Copy)]
enum Kind {
    Fields { names: Option<&'static [&'static str]> },
    List,
}

/// The fields of a struct or tuple, or the elements of a list.
struct Parts<'r, 'e> {
    place: &'r Recorder<'e>,
    kind: Kind,
    len: usize,
    given: &'r mut usize,
}

impl<'de, 'e> SeqAccess<'de> for Parts<'_, 'e> {
    type Error = Stopped;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stopped> {
        let index = *self.given;
        if index == self.len {
            return Ok(None);
        }
        *self.given += 1;
        let step = match self.kind {
            Kind::List => "[]".to_owned(),
            Kind::Fields { names } => names
                .and_then(|names| names.get(index))
                .map_or_else(|| index.to_string(), |name| (*name).to_owned()),
        };
        let node = |node: &Node| match node {
            Node::List(element) => Some(element.clone()),
            Node::Fields(fields) => fields.parts.get(index).cloned(),
            _ => None,
        };
        let example = |value: &'e Value| match value {
            Value::Parts(parts) => parts.get(index),
            _ => None,
        };
        self.place.part(&step, node, example)?.blamed(|part| seed.deserialize(part)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.len - *self.given)
    }
}

/// The entries of a map.
struct Entries<'r, 'e> {
    place: &'r Recorder<'e>,
    len: usize,
    given: usize,
}

impl<'de, 'e> MapAccess<'de> for Entries<'_, 'e> {
    type Error = Stopped;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stopped> {
        if self.given == self.len {
            return Ok(None);
        }
        let index = self.given;
        self.given += 1;
        let node = |node: &Node| match node {
            Node::Map(key, _) => Some(key.clone()),
            _ => None,
        };
        let example = |value: &'e Value| match value {
            Value::Map(entries) => entries.get(index).map(|(key, _)| key),
            _ => None,
        };
        self.place.part("key", node, example)?.blamed(|part| seed.deserialize(part)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stopped> {
        let index = self.given.saturating_sub(1);
        let node = |node: &Node| match node {
            Node::Map(_, value) => Some(value.clone()),
            _ => None,
        };
        let example = |value: &'e Value| match value {
            Value::Map(entries) => entries.get(index).map(|(_, value)| value),
            _ => None,
        };
        self.place.part("value", node, example)?.blamed(|part| seed.deserialize(part))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.len - self.given)
    }
}

/// The variant of an enum that this run gives.
struct Variant<'r, 'e> {
    place: &'r Recorder<'e>,
    variants: &'static [&'static str],
    index: u32,
}

impl<'e> Variant<'_, 'e> {
    fn content(&self) -> Result<Recorder<'e>, Stopped> {
        let index = self.index as usize;
        let node = |node: &Node| match node {
            Node::Enum(variants) => variants.get(index).map(|(_, inside)| inside.clone()),
            _ => None,
        };
        let example = |value: &'e Value| match value {
            Value::Variant(of, inside) if *of == self.index => Some(&**inside),
            _ => None,
        };
        self.place.part(self.variants[index], node, example)
    }
}

impl<'de> EnumAccess<'de> for Variant<'_, '_> {
    type Error = Stopped;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Stopped> {
        let value = seed.deserialize(IntoDeserializer::<Stopped>::into_deserializer(self.index))?;
        Ok((value, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, '_> {
    type Error = Stopped;

    fn unit_variant(self) -> Result<(), Stopped> {
        self.content()?.note(Node::Leaf("nothing"))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Stopped> {
        self.content()?.blamed(|content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stopped> {
        self.content()?.blamed(|content| content.fields(None, len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        self.content()?.blamed(|content| content.fields(Some(names), names.len(), visitor))
    }
}
