//! Which value is meant, if a whole line was pasted?

/// What was found of the cookie.
pub(crate) struct Found {
    pub(crate) value: String,
    /// How many cookies of the name are in the line. The value is the first one's.
    pub(crate) count: usize,
}

/// Takes a value, `name=value`, or a `Cookie` or `Set-Cookie` line with or without the field's
/// name. What is none of these is taken for the value. A line without the cookie is an error.
pub(crate) fn find(text: &str, name: &str) -> Result<Found, String> {
    let text = text.trim();
    let (field, rest) = match text.split_once(':') {
        Some((field, rest)) if field.eq_ignore_ascii_case("cookie") => (Some("Cookie"), rest),
        Some((field, rest)) if field.eq_ignore_ascii_case("set-cookie") => {
            (Some("Set-Cookie"), rest)
        }
        _ => (None, text),
    };
    // Behind the first pair of a `Set-Cookie` are attributes.
    let pairs = match field {
        Some("Set-Cookie") => rest.split_once(';').map_or(rest, |(pair, _)| pair),
        _ => rest,
    };
    let mut values = pairs.split(';').filter_map(|pair| {
        pair.trim().split_once('=').filter(|(other, _)| *other == name).map(|(_, value)| value)
    });
    match values.next() {
        Some(value) => Ok(Found { value: value.to_owned(), count: 1 + values.count() }),
        None if field.is_some() || text.contains("; ") => {
            Err(format!("there is no cookie `{name}` in that line: `--name` tells another name"))
        }
        None => Ok(Found { value: text.to_owned(), count: 1 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the message says of a line would not be true of it: it is refused as a value.
    #[test]
    fn a_field_that_holds_no_cookies_is_taken_for_a_value() {
        for text in ["Host: session=AAAA", "x:y"] {
            let found = find(text, "session").unwrap();
            assert_eq!((found.value.as_str(), found.count), (text, 1));
        }
    }
}
