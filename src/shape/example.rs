//! A value that the application gave as an example, taken apart into its leaves.

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use std::fmt;

/// One part of an example. Newtypes leave no trace, as on the wire.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Unsigned(u128),
    Signed(i128),
    Float(f64),
    Bool(bool),
    Char(char),
    Text(String),
    Bytes(Vec<u8>),
    Unit,
    None,
    Some(Box<Value>),
    /// The elements of a list, the fields of a struct or tuple.
    Parts(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Variant(u32, Box<Value>),
}

/// Takes a value apart.
pub(crate) fn take_apart<T: Serialize + ?Sized>(value: &T) -> Result<Value, NotSerializable> {
    value.serialize(Dismantler)
}

/// The value refused to be serialised.
#[derive(Debug)]
pub(crate) struct NotSerializable(String);

impl fmt::Display for NotSerializable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotSerializable {}

impl Error for NotSerializable {
    fn custom<M: fmt::Display>(message: M) -> Self {
        NotSerializable(message.to_string())
    }
}

struct Dismantler;

/// What has been seen of a value with parts, and the variant that it belongs to.
struct Parts {
    variant: Option<u32>,
    values: Vec<Value>,
}

impl Parts {
    fn of(variant: Option<u32>) -> Result<Parts, NotSerializable> {
        Ok(Parts { variant, values: vec![] })
    }

    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotSerializable> {
        self.values.push(take_apart(value)?);
        Ok(())
    }

    fn done(self) -> Result<Value, NotSerializable> {
        let parts = Value::Parts(self.values);
        Ok(match self.variant {
            Some(index) => Value::Variant(index, Box::new(parts)),
            None => parts,
        })
    }
}

/// The entries of a map; a key waits for its value.
struct Entries {
    key: Option<Value>,
    entries: Vec<(Value, Value)>,
}

macro_rules! leaves {
    ($($method:ident($ty:ty) = $value:expr;)*) => {$(
        fn $method(self, v: $ty) -> Result<Value, NotSerializable> {
            Ok($value(v.into()))
        }
    )*};
}

impl Serializer for Dismantler {
    type Ok = Value;
    type Error = NotSerializable;
    type SerializeSeq = Parts;
    type SerializeTuple = Parts;
    type SerializeTupleStruct = Parts;
    type SerializeTupleVariant = Parts;
    type SerializeMap = Entries;
    type SerializeStruct = Parts;
    type SerializeStructVariant = Parts;

    leaves! {
        serialize_u8(u8) = Value::Unsigned;
        serialize_u16(u16) = Value::Unsigned;
        serialize_u32(u32) = Value::Unsigned;
        serialize_u64(u64) = Value::Unsigned;
        serialize_u128(u128) = Value::Unsigned;
        serialize_i8(i8) = Value::Signed;
        serialize_i16(i16) = Value::Signed;
        serialize_i32(i32) = Value::Signed;
        serialize_i64(i64) = Value::Signed;
        serialize_i128(i128) = Value::Signed;
        serialize_f32(f32) = Value::Float;
        serialize_f64(f64) = Value::Float;
        serialize_bool(bool) = Value::Bool;
        serialize_char(char) = Value::Char;
        serialize_str(&str) = Value::Text;
        serialize_bytes(&[u8]) = Value::Bytes;
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_unit(self) -> Result<Value, NotSerializable> {
        Ok(Value::Unit)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, NotSerializable> {
        Ok(Value::Unit)
    }

    fn serialize_none(self) -> Result<Value, NotSerializable> {
        Ok(Value::None)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, NotSerializable> {
        Ok(Value::Some(Box::new(take_apart(value)?)))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, NotSerializable> {
        take_apart(value)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
    ) -> Result<Value, NotSerializable> {
        Ok(Value::Variant(index, Box::new(Value::Unit)))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<Value, NotSerializable> {
        Ok(Value::Variant(index, Box::new(take_apart(value)?)))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts, NotSerializable> {
        Parts::of(None)
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts, NotSerializable> {
        Parts::of(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts, NotSerializable> {
        Parts::of(None)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts, NotSerializable> {
        Parts::of(None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Parts, NotSerializable> {
        Parts::of(Some(index))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Parts, NotSerializable> {
        Parts::of(Some(index))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries, NotSerializable> {
        Ok(Entries { key: None, entries: vec![] })
    }
}

macro_rules! parts {
    ($($trait:ident::$method:ident($($key:ty)?);)*) => {$(
        impl $trait for Parts {
            type Ok = Value;
            type Error = NotSerializable;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $(_: $key,)?
                value: &T,
            ) -> Result<(), NotSerializable> {
                self.add(value)
            }

            fn end(self) -> Result<Value, NotSerializable> {
                self.done()
            }
        }
    )*};
}

parts! {
    SerializeSeq::serialize_element();
    SerializeTuple::serialize_element();
    SerializeTupleStruct::serialize_field();
    SerializeTupleVariant::serialize_field();
    SerializeStruct::serialize_field(&'static str);
    SerializeStructVariant::serialize_field(&'static str);
}

impl SerializeMap for Entries {
    type Ok = Value;
    type Error = NotSerializable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotSerializable> {
        self.key = Some(take_apart(key)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotSerializable> {
        let key = self.key.take().ok_or_else(|| Error::custom("a value came before its key"))?;
        self.entries.push((key, take_apart(value)?));
        Ok(())
    }

    fn end(self) -> Result<Value, NotSerializable> {
        Ok(Value::Map(self.entries))
    }
}
