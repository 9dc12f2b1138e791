//! Named values of any type, for applications that do not want to declare one.

use crate::wire::limits::write::{WriteError, serialize_finite};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use std::any::type_name;
use std::collections::BTreeMap;
use std::fmt;

/// As deep as a value may be. `serde_json` reads 127 levels, and the object around the values is
/// one.
const MAX_JSON_DEPTH: usize = 126;

/// Named values of any type: `Sessions<Dynamic>` is for those who write
/// `req.session.anything = …` elsewhere (feature `dynamic`).
///
/// A type of your own is shorter on the wire, faster, and checked by the compiler; prefer it when
/// you know what a session holds. On the wire this is one text of JSON with sorted keys, so other
/// languages read it (the repository's `docs/format.md`, "Dynamic data"), and there is no
/// `schema_version` to raise: a value that was inserted as another type is an error of
/// [`get`](Dynamic::get).
///
/// ```
/// use sealed_session::{Dynamic, Key, KeyRing, Session, Sessions};
/// use std::collections::BTreeMap;
///
/// # let keys = KeyRing::new(Key::generate());
/// let sessions: Sessions<Dynamic> = Sessions::builder("shop", keys).build()?;
/// # let request = http::Request::new(());
/// let mut session: Session<Dynamic> = sessions.load(request.headers());
///
/// // A value, as the type that it is.
/// session.insert("user", "ann")?;
/// let user: Option<String> = session.get("user")?;
/// assert_eq!(user.as_deref(), Some("ann"));
/// assert_eq!(session.get::<u32>("cart")?, None);
///
/// // A flash message: shown once. The page that redirects inserts it, the next page takes it.
/// session.insert("flash", ["Your order is on its way."])?;
/// for message in session.take::<Vec<String>>("flash")?.unwrap_or_default() {
///     println!("{message}");
/// }
/// assert!(!session.contains_key("flash"));
///
/// // Pages counted by path. The paths are those of your routes, not what a visitor typed.
/// let mut pages: BTreeMap<String, u32> = session.get("pages")?.unwrap_or_default();
/// *pages.entry("/orders/{id}".to_owned()).or_default() += 1;
/// session.insert("pages", pages)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What visitors type makes it grow
///
/// A map or list that gets an entry for whatever a visitor asks for (a path, a search, a referrer)
/// grows until the cookie is at its limit of 4096 bytes, and from then on every change fails with
/// [`EncodeError::TooLarge`](crate::EncodeError::TooLarge). Count by the route's pattern, or keep the
/// last ten.
#[derive(Clone, Default, PartialEq)]
pub struct Dynamic {
    values: BTreeMap<String, Value>,
}

impl Dynamic {
    /// Returns the value of `key` as a `V`, or `None` if there is none.
    ///
    /// A `V` that borrows, like `&str`, borrows from here; any other is built anew.
    ///
    /// # Errors
    ///
    /// [`DynamicError::WrongType`] if the value is no `V`.
    pub fn get<'a, V: Deserialize<'a>>(&'a self, key: &str) -> Result<Option<V>, DynamicError> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        match V::deserialize(value) {
            Ok(value) => Ok(Some(value)),
            // What serde says could repeat the value.
            Err(_) => Err(DynamicError::WrongType {
                key: key.to_owned(),
                type_name: type_name::<V>(),
                found: kind(value),
            }),
        }
    }

    /// Sets the value of `key`. A reference is as good as the value itself.
    ///
    /// # Errors
    ///
    /// [`DynamicError::NotJson`] if JSON cannot hold the value: NaN and infinity, integers past 64
    /// bits, maps whose keys are neither texts nor numbers, nesting past 126 levels. The value that
    /// `key` had stays.
    pub fn insert<V: Serialize>(
        &mut self,
        key: impl Into<String>,
        value: V,
    ) -> Result<(), DynamicError> {
        let key = key.into();
        let problem = match serialize_finite(&value, serde_json::value::Serializer) {
            Ok(Some(mut value)) if fits(&value, MAX_JSON_DEPTH) => {
                // An application can have `serde_json` keep the order of insertion.
                value.sort_all_objects();
                self.values.insert(key, value);
                return Ok(());
            }
            Ok(Some(_)) | Err(WriteError::TooDeep) => "it is nested too deep",
            Ok(None) => "a number in it is NaN or infinite",
            Err(WriteError::TooManyElements) => "it has more than 4096 elements",
            Err(WriteError::Other(_)) => {
                "keys of maps must be texts or numbers, integers must fit 64 bits, and the type \
                 must not refuse"
            }
        };
        Err(DynamicError::NotJson { key, type_name: type_name::<V>(), problem })
    }

    /// Removes the value of `key` and returns it as a `V`: for messages that are shown once.
    ///
    /// # Errors
    ///
    /// [`DynamicError::WrongType`] if the value is no `V`. It stays then;
    /// [`remove`](Dynamic::remove) removes it whatever it is.
    pub fn take<V: for<'a> Deserialize<'a>>(
        &mut self,
        key: &str,
    ) -> Result<Option<V>, DynamicError> {
        let value = self.get(key)?;
        self.values.remove(key);
        Ok(value)
    }

    /// Removes the value of `key` and tells whether there was one.
    pub fn remove(&mut self, key: &str) -> bool {
        self.values.remove(key).is_some()
    }

    /// Returns whether `key` has a value.
    pub fn contains_key(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// Removes every value.
    pub fn clear(&mut self) {
        self.values.clear();
    }

    /// Returns how many values there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Returns whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns the keys, sorted by their bytes.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Returns the keys and values, sorted by the keys' bytes.
    ///
    /// ```
    /// use sealed_session::Dynamic;
    ///
    /// let mut session = Dynamic::default();
    /// session.insert("views", 7)?;
    /// session.insert("name", "ann")?;
    /// let all: Vec<String> = session.iter().map(|(key, value)| format!("{key}={value}")).collect();
    /// assert_eq!(all, ["name=\"ann\"", "views=7"]);
    /// # Ok::<(), sealed_session::DynamicError>(())
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value))
    }
}

/// What JSON calls a value.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Whether a value has at most `levels` of arrays and objects.
fn fits(value: &Value, levels: usize) -> bool {
    let mut inside: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(list) => Box::new(list.iter()),
        Value::Object(object) => Box::new(object.values()),
        _ => return true,
    };
    levels > 0 && inside.all(|value| fits(value, levels - 1))
}

/// Why a value was not read from or written to a [`Dynamic`]. It never repeats the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DynamicError {
    /// The value is of another type than was asked for.
    #[error(
        "`{key}` holds {found} (as JSON calls it), which is no `{type_name}`: read it as the type \
         that was inserted, or remove it"
    )]
    WrongType {
        /// The key.
        key: String,
        /// The type that was asked for.
        type_name: &'static str,
        /// What JSON calls the value that is there.
        found: &'static str,
    },
    /// JSON cannot hold the value.
    #[error("a `{type_name}` cannot be kept as `{key}`: {problem}")]
    NotJson {
        /// The key.
        key: String,
        /// The type of the value.
        type_name: &'static str,
        /// What JSON cannot hold.
        problem: &'static str,
    },
}

/// The keys without the values: sessions end up in logs.
impl fmt::Debug for Dynamic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Hidden;
        impl fmt::Debug for Hidden {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("..")
            }
        }
        f.debug_map().entries(self.values.keys().map(|key| (key, Hidden))).finish()
    }
}

/// As one text: a JSON object with sorted keys.
impl Serialize for Dynamic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = serde_json::to_string(&self.values).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

/// From one text of JSON, in any order.
impl<'de> Deserialize<'de> for Dynamic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Dynamic, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Dynamic;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text with a JSON object")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Dynamic, E> {
                let mut values: BTreeMap<String, Value> =
                    serde_json::from_str(text).map_err(|_| E::custom("no JSON object"))?;
                values.values_mut().for_each(Value::sort_all_objects);
                Ok(Dynamic { values })
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EncodeError, Key, KeyRing, Session, Sessions};
    use proptest::prelude::*;
    use serde_json::json;
    use std::collections::HashMap;

    fn with<V: Serialize>(key: &str, value: V) -> Dynamic {
        let mut dynamic = Dynamic::default();
        dynamic.insert(key, value).unwrap();
        dynamic
    }

    /// Through postcard and back.
    fn again(dynamic: &Dynamic) -> Dynamic {
        postcard::from_bytes(&postcard::to_allocvec(dynamic).unwrap()).unwrap()
    }

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Cart {
        items: Vec<(u32, String)>,
        coupon: Option<String>,
    }

    fn cart() -> Cart {
        Cart { items: vec![(7, "tea".to_owned())], coupon: None }
    }

    #[test]
    fn what_is_inserted_is_got_as_the_same_type() {
        let dynamic = again(&with("cart", cart()));
        assert_eq!(dynamic.get("cart"), Ok(Some(cart())));
        assert_eq!(dynamic.get::<Cart>("other"), Ok(None));
        let borrowed = cart();
        assert_eq!(with("cart", &borrowed), dynamic, "a reference is as good");
        let name = with("name", "ann");
        assert_eq!(name.get::<&str>("name"), Ok(Some("ann")), "borrowed");
        assert_eq!(with("none", None::<u8>).get::<Option<u8>>("none"), Ok(Some(None)));
    }

    #[test]
    fn it_tells_which_keys_have_a_value() {
        let dynamic = with("cart", None::<u8>);
        assert!(dynamic.contains_key("cart"), "null is a value");
        assert!(!dynamic.contains_key("other"));
    }

    #[test]
    fn another_format_tells_what_was_expected() {
        let error = serde_json::from_str::<Dynamic>("17").unwrap_err().to_string();
        assert!(error.contains("expected a text with a JSON object"), "{error}");
    }

    /// Bytes that another language would write: spaces, any order, escapes, a key twice.
    #[test]
    fn bytes_of_another_language_are_read_and_written_back_sorted() {
        let json = r#" { "b" : [1, {"z": null, "y": true}], "a": "\u00df", "b": 2.50, "A": {"z": 1, "y": []} } "#;
        let bytes = [&[json.len() as u8][..], json.as_bytes()].concat();
        let dynamic: Dynamic = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(dynamic.keys().collect::<Vec<_>>(), ["A", "a", "b"]);
        assert_eq!(dynamic.get::<f64>("b"), Ok(Some(2.5)));
        let written = r#"{"A":{"y":[],"z":1},"a":"ß","b":2.5}"#;
        let expected = [&[written.len() as u8][..], written.as_bytes()].concat();
        assert_eq!(postcard::to_allocvec(&dynamic).unwrap(), expected);
    }

    #[test]
    fn an_empty_one_is_an_empty_object() {
        assert_eq!(postcard::to_allocvec(&Dynamic::default()).unwrap(), b"\x02{}");
    }

    /// The example of `docs/format.md`, put together with Python. Never regenerate.
    #[test]
    fn golden_bytes() {
        let mut dynamic = with("user", "ann");
        dynamic.insert("flash", ["saved"]).unwrap();
        let bytes = postcard::to_allocvec(&dynamic).unwrap();
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "207b22666c617368223a5b227361766564225d2c2275736572223a22616e6e227d");
    }

    /// `docs/format.md` says what is escaped.
    #[test]
    fn escapes_are_those_of_the_format() {
        let text = "\" \\ / \u{8}\t\n\u{c}\r\u{1}\u{1f}\u{7f}ß\u{2028}";
        let written = serde_json::to_string(&with("k", text).values).unwrap();
        let escaped = r#"{"k":"\" \\ / \b\t\n\f\r\u0001\u001f"#;
        assert_eq!(written, format!("{escaped}\u{7f}ß\u{2028}\"}}"));
    }

    /// The bytes decide whether a session was changed.
    #[test]
    fn the_same_values_are_the_same_bytes_in_whatever_order_they_came() {
        let bytes = |names: &[&str]| {
            let mut dynamic = Dynamic::default();
            for name in names {
                let map: HashMap<&str, usize> = names.iter().map(|n| (*n, n.len())).collect();
                dynamic.insert(*name, map).unwrap();
            }
            postcard::to_allocvec(&dynamic).unwrap()
        };
        assert_eq!(bytes(&["a", "bb", "ccc", "dddd"]), bytes(&["dddd", "bb", "a", "ccc"]));
    }

    #[test]
    fn text_that_is_no_object_is_refused() {
        for json in ["", "7", "[]", "null", "{\"a\":1", "{\"a\":1} x", "{1:2}", "{\"a\":NaN}"] {
            let bytes = [&[json.len() as u8][..], json.as_bytes()].concat();
            assert!(postcard::from_bytes::<Dynamic>(&bytes).is_err(), "{json}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(1500), "]".repeat(1500));
        assert!(postcard::from_bytes::<Dynamic>(&postcard::to_allocvec(&deep).unwrap()).is_err());
    }

    #[test]
    fn a_wrong_type_is_an_error_that_names_key_and_type_and_no_value() {
        let mut dynamic = with("user", "hunter2");
        let error = dynamic.get::<u32>("user").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`user` holds a string (as JSON calls it), which is no `u32`: read it as the type that \
             was inserted, or remove it"
        );
        assert!(!format!("{error:?}").contains("hunter2"));
        assert_eq!(dynamic.take::<u32>("user"), Err(error));
        assert!(dynamic.contains_key("user"), "it stays");
        for (value, found) in [
            (Value::Null, "null"),
            (true.into(), "a boolean"),
            (300.into(), "a number"),
            (Value::Array(vec![]), "an array"),
            (Value::Object(Default::default()), "an object"),
        ] {
            let error = with("k", value).get::<u8>("k").unwrap_err();
            assert!(matches!(error, DynamicError::WrongType { found: f, .. } if f == found));
        }
    }

    #[test]
    fn take_gives_a_value_once() {
        let mut dynamic = with("flash", ["saved"]);
        assert_eq!(dynamic.take("flash"), Ok(Some(vec!["saved".to_owned()])));
        assert_eq!(dynamic.take::<Vec<String>>("flash"), Ok(None));
    }

    #[test]
    fn remove_clear_len_and_order() {
        let mut dynamic = with("b", 1);
        dynamic.insert("a", 2).unwrap();
        dynamic.insert("b", 3).unwrap();
        assert_eq!((dynamic.len(), dynamic.is_empty()), (2, false));
        assert_eq!(
            dynamic.iter().map(|(k, v)| (k, v.clone())).collect::<Vec<_>>(),
            [("a", 2.into()), ("b", 3.into())]
        );
        assert!(dynamic.remove("a"));
        assert!(!dynamic.remove("a"));
        dynamic.clear();
        assert!(dynamic.is_empty());
    }

    #[test]
    fn numbers_at_their_limits_come_back() {
        let mut dynamic = Dynamic::default();
        dynamic.insert("u64", u64::MAX).unwrap();
        dynamic.insert("i64", i64::MIN).unwrap();
        dynamic.insert("u128", u128::from(u64::MAX)).unwrap();
        dynamic.insert("f64", [f64::MAX, f64::MIN_POSITIVE, 5e-324, -0.0, 0.1 + 0.2]).unwrap();
        dynamic.insert("f32", [f32::MAX, 0.1]).unwrap();
        let back = again(&dynamic);
        assert_eq!(back, dynamic);
        assert_eq!(back.get("u64"), Ok(Some(u64::MAX)));
        assert_eq!(back.get("i64"), Ok(Some(i64::MIN)));
        let [.., zero, sum] = back.get::<[f64; 5]>("f64").unwrap().unwrap();
        assert!(zero.is_sign_negative() && sum == 0.1 + 0.2);
        assert_eq!(back.get("f32"), Ok(Some([f32::MAX, 0.1])));
        assert!(back.get::<i64>("u64").is_err());
        assert!(back.get::<u64>("i64").is_err());
    }

    proptest! {
        /// Without the feature `float_roundtrip` of `serde_json` some would come back as another.
        #[test]
        fn every_finite_fraction_comes_back(bits: u64) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            let back = again(&with("n", number));
            prop_assert_eq!(back.get::<f64>("n").unwrap().map(f64::to_bits), Some(bits));
        }
    }

    #[test]
    fn what_json_cannot_hold_is_refused_and_the_old_value_stays() {
        fn refused<V: Serialize>(value: V) -> String {
            let mut dynamic = with("k", 1);
            let error = dynamic.insert("k", value).unwrap_err();
            assert_eq!(dynamic, with("k", 1));
            error.to_string()
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(
                refused(number),
                "a `f64` cannot be kept as `k`: a number in it is NaN or infinite"
            );
        }
        assert!(refused(Some(vec![f32::NAN])).ends_with("NaN or infinite"));
        assert!(refused(u128::MAX).ends_with(
            "keys of maps must be texts or numbers, integers must fit 64 bits, and the type must \
             not refuse"
        ));
        assert!(refused(BTreeMap::from([((1, 2), 3)])).contains("keys of maps"));
        assert!(refused(vec![0; 4097]).ends_with("it has more than 4096 elements"));
    }

    #[test]
    fn what_is_accepted_is_never_too_deep_to_be_read() {
        let nested = |levels| (0..levels).fold(Value::Null, |inside, _| Value::Array(vec![inside]));
        let deepest = with("k", nested(MAX_JSON_DEPTH));
        assert_eq!(again(&deepest), deepest);
        let error = Dynamic::default().insert("k", nested(MAX_JSON_DEPTH + 1)).unwrap_err();
        assert!(error.to_string().ends_with("it is nested too deep"));
        let objects = |levels| (0..levels).fold(Value::Null, |inside, _| json!({ "k": inside }));
        assert_eq!(again(&with("k", objects(MAX_JSON_DEPTH))), with("k", objects(MAX_JSON_DEPTH)));
        assert!(Dynamic::default().insert("k", objects(MAX_JSON_DEPTH + 1)).is_err());
        let text = |levels| format!("{{\"k\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        let read = |levels| serde_json::from_str::<BTreeMap<String, Value>>(&text(levels)).is_ok();
        assert!(read(MAX_JSON_DEPTH) && !read(MAX_JSON_DEPTH + 1), "the limit is `serde_json`'s");
        assert!(Dynamic::default().insert("k", nested(1000)).is_err());
    }

    #[test]
    fn debug_shows_keys_and_no_values() {
        assert_eq!(format!("{:?}", with("user", "hunter2")), r#"{"user": ..}"#);
    }

    #[test]
    fn a_session_holds_it_up_to_the_limit() {
        let keys = KeyRing::new(Key::generate());
        let sessions: Sessions<Dynamic> = Sessions::builder("shop", keys).build().unwrap();
        let mut session = Session::new(with("cart", cart()));
        let value = sessions.encode(&session).unwrap();
        assert_eq!(sessions.decode(&value).unwrap().get("cart"), Ok(Some(cart())));
        session.insert("long", "x".repeat(4096)).unwrap();
        assert!(matches!(sessions.encode(&session), Err(EncodeError::TooLarge { .. })));
    }
}
