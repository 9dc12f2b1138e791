//! Dynamic data, read and written by `docs/format.md`.

use super::{APP, NOW, SECOND, ring, second};
use sealed_session::{Dynamic, EncodeError, Reason, Sessions};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Arrays and objects inside each other, the outermost object included.
const MAX_DEPTH: usize = 127;

/// Longer texts make no other ways, and a cookie would not hold them.
const MAX_TEXT: usize = 2_900;

/// What JSON says, by the page.
#[derive(Debug)]
enum Json {
    Null,
    Bool(bool),
    Integer(i128),
    Double(f64),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

/// Reads from the front of a text, one token after the other.
struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Takes a token, if it is there, and the white space behind it.
    fn take(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(token)?;
        self.skip_space();
        Some(())
    }

    /// A value with so many levels at most.
    fn value(&mut self, levels: usize) -> Option<Json> {
        let words =
            [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))];
        for (word, json) in words {
            if self.take(word).is_some() {
                return Some(json);
            }
        }
        match self.rest.as_bytes().first()? {
            b'{' => self.object(levels).map(Json::Object),
            b'[' => self.list(levels).map(Json::List),
            b'"' => self.text().map(Json::Text),
            _ => self.number(),
        }
    }

    fn list(&mut self, levels: usize) -> Option<Vec<Json>> {
        let inside = levels.checked_sub(1)?;
        let mut list = Vec::new();
        self.items("[", "]", |reader| {
            list.push(reader.value(inside)?);
            Some(())
        })?;
        Some(list)
    }

    fn object(&mut self, levels: usize) -> Option<BTreeMap<String, Json>> {
        let inside = levels.checked_sub(1)?;
        let mut object = BTreeMap::new();
        self.items("{", "}", |reader| {
            let key = reader.text()?;
            reader.take(":")?;
            object.insert(key, reader.value(inside)?);
            Some(())
        })?;
        Some(object)
    }

    /// What stands between two brackets, with commas between.
    fn items(
        &mut self,
        open: &str,
        close: &str,
        mut item: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.take(open)?;
        if self.take(close).is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            if self.take(",").is_none() {
                return self.take(close);
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        let mut chars = self.rest.strip_prefix('"')?.chars();
        let mut text = String::new();
        loop {
            let char = match chars.next()? {
                '"' => break,
                '\0'..='\u{1f}' => return None,
                '\\' => match chars.next()? {
                    same @ ('"' | '\\' | '/') => same,
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'u' => {
                        let mut units = vec![unit(&mut chars)?];
                        if (0xd800..0xdc00).contains(&units[0]) {
                            let behind = (chars.next()?, chars.next()?);
                            units.push(unit(&mut chars).filter(|_| behind == ('\\', 'u'))?);
                        }
                        char::decode_utf16(units).next()?.ok()?
                    }
                    _ => return None,
                },
                other => other,
            };
            text.push(char);
        }
        self.rest = chars.as_str();
        self.skip_space();
        Some(text)
    }

    fn number(&mut self) -> Option<Json> {
        let is_of_one = |char: char| char.is_ascii_digit() || "+-.eE".contains(char);
        let end = self.rest.find(|char| !is_of_one(char)).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.skip_space();
        let digits = number.strip_prefix('-').unwrap_or(number);
        let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
            }
            None => (digits, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let are_digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = are_digits(whole)
            && (whole == "0" || !whole.starts_with('0'))
            && fraction.is_none_or(are_digits)
            && exponent.is_none_or(are_digits);
        if !is_number {
            return None;
        }
        let is_integer = fraction.is_none() && exponent.is_none() && number != "-0";
        let of_64_bits = i128::from(i64::MIN)..=i128::from(u64::MAX);
        match number.parse::<i128>() {
            Ok(integer) if is_integer && of_64_bits.contains(&integer) => {
                Some(Json::Integer(integer))
            }
            _ => number.parse().ok().filter(|double: &f64| double.is_finite()).map(Json::Double),
        }
    }
}

/// Four hex digits.
fn unit(chars: &mut std::str::Chars) -> Option<u16> {
    (0..4).try_fold(0, |unit, _| Some(unit << 4 | chars.next()?.to_digit(16)? as u16))
}

fn read(text: &str) -> Option<Json> {
    let mut reader = Reader { rest: text };
    reader.skip_space();
    let object = reader.object(MAX_DEPTH)?;
    reader.rest.is_empty().then_some(Json::Object(object))
}

fn write(json: &Json, out: &mut String) {
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(is) => out.push_str(if *is { "true" } else { "false" }),
        Json::Integer(integer) => out.push_str(&integer.to_string()),
        Json::Double(double) => out.push_str(&written(*double)),
        Json::Text(text) => write_text(text, out),
        Json::List(list) => {
            out.push('[');
            for (place, value) in list.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                write(value, out);
            }
            out.push(']');
        }
        Json::Object(object) => {
            out.push('{');
            for (place, (key, value)) in object.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                write_text(key, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", char as u32)),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Where the point and the exponent stand is the page's.
fn written(double: f64) -> String {
    let (digits, exponent) = digits(double.abs());
    let sign = if double.is_sign_negative() { "-" } else { "" };
    let (first, others) = digits.split_at(1);
    let number = match exponent {
        0..16 if digits.len() as i32 > exponent + 1 => {
            let (whole, fraction) = digits.split_at(exponent as usize + 1);
            format!("{whole}.{fraction}")
        }
        0..16 => format!("{digits:0<width$}.0", width = exponent as usize + 1),
        -5..0 => format!("0.{}{digits}", "0".repeat(-exponent as usize - 1)),
        _ => {
            let point = if others.is_empty() { "" } else { "." };
            format!("{first}{point}{others}e{exponent:+}")
        }
    };
    format!("{sign}{number}")
}

/// As few digits as bring the double back, and the exponent of the first. Which these are says the
/// standard library, but of two numbers that are equally near it takes the greater, and the page the even
/// one.
fn digits(double: f64) -> (String, i32) {
    let parts = |text: String| {
        let (digits, exponent) = text.split_once('e').expect("it was asked for");
        (digits.replace('.', ""), exponent.parse::<i32>().expect("it is a number"))
    };
    let (shortest, exponent) = parts(format!("{double:e}"));
    // All digits there are.
    let (exact, of_exact) = parts(format!("{double:.1100e}"));
    let (before, behind) = exact.split_at(shortest.len());
    let is_between =
        behind.strip_prefix('5').is_some_and(|zeros| zeros.trim_matches('0').is_empty());
    let is_even = before.ends_with(['0', '2', '4', '6', '8']);
    if is_between && is_even && of_exact == exponent {
        return (before.to_owned(), exponent);
    }
    (shortest, exponent)
}

/// Any bytes as the text of a session of named values.
pub fn dynamic(bytes: &[u8]) -> &'static str {
    static SESSIONS: LazyLock<Sessions<Dynamic>> =
        LazyLock::new(|| Sessions::builder(APP, ring()).build().unwrap());
    if bytes.len() > MAX_TEXT {
        return "too_long";
    }
    let data_of = |text: &[u8]| [&second::varint(text.len() as u64)[..], text].concat();
    let stamps = second::Stamps::created(NOW.unix_timestamp() as u64 * 1000);
    let sealed = SECOND.seal(&second::plaintext(stamps, &data_of(bytes)));
    let json = std::str::from_utf8(bytes).ok().and_then(read);
    let session = match (SESSIONS.decode_at(&sealed, NOW), &json) {
        (Ok(session), Some(_)) => session,
        (Err(error), None) => {
            assert_eq!(error.reason(), Reason::InvalidPayload);
            return "invalid_payload";
        }
        (Ok(_), None) => panic!("it is no object by docs/format.md"),
        (Err(error), Some(_)) => panic!("{error}: it is an object by docs/format.md"),
    };
    let mut text = String::new();
    write(&json.expect("read above"), &mut text);
    let value = match SESSIONS.encode_at(&session, NOW) {
        Ok(value) => value,
        Err(EncodeError::TooLarge { size, limit }) => {
            assert!(size > limit && text.len() > MAX_TEXT, "{} bytes fit", text.len());
            return "too_large";
        }
        Err(error) => panic!("{error}"),
    };
    let plaintext = SECOND.open(&value).expect("it was just sealed");
    let (_, data) = second::unpad(&plaintext).and_then(second::Stamps::read).unwrap();
    let expected = data_of(text.as_bytes());
    assert_eq!(String::from_utf8_lossy(data), String::from_utf8_lossy(&expected));
    // What was written once comes back.
    let again = SESSIONS.decode_at(&value, NOW).unwrap();
    assert!(*again == *session);
    "restored"
}
