//! Why extraction failed: mistakes in the program, told in the log, and to the developer.

use crate::adapters::slots::Nested;
use crate::telemetry;
use std::any::type_name;
use std::fmt;

/// Why extraction failed. Each cause is a mistake in the program, so the message names the fix.
///
/// An ERROR event has the message, always. The response is a 500, whose text is the message only with
/// debug assertions: visitors of a release build learn nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRejection {
    type_name: &'static str,
    cause: Cause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    NoLayer,
    InUse,
    Closed,
    Nested(Nested),
}

impl SessionRejection {
    pub(crate) fn no_layer<T>() -> SessionRejection {
        SessionRejection::new::<T>(Cause::NoLayer)
    }

    pub(crate) fn in_use<T>() -> SessionRejection {
        SessionRejection::new::<T>(Cause::InUse)
    }

    pub(crate) fn closed<T>() -> SessionRejection {
        SessionRejection::new::<T>(Cause::Closed)
    }

    pub(crate) fn nested<T>(nested: Nested) -> SessionRejection {
        SessionRejection::new::<T>(Cause::Nested(nested))
    }

    fn new<T>(cause: Cause) -> SessionRejection {
        let rejection = SessionRejection { type_name: type_name::<T>(), cause };
        telemetry::misused(&rejection);
        rejection
    }

    /// Returns what a visitor may read.
    #[cfg(feature = "_extractor")]
    pub(crate) fn public_text(&self) -> String {
        if cfg!(debug_assertions) { self.to_string() } else { String::new() }
    }
}

impl fmt::Display for SessionRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.type_name;
        match self.cause {
            Cause::NoLayer => write!(
                f,
                "there are no sessions of type `{name}` here: put the session middleware with a \
                 `Sessions<{name}>` around this route. (A route that is added after the middleware, \
                 below `.layer(…)`, is not inside it: that is the usual cause)"
            ),
            Cause::InUse => write!(
                f,
                "the session of type `{name}` is in use: only one `Session<{name}>` can be held at a \
                 time. Take a `SessionView<{name}>` if you only read, or call `drop(session)` before the \
                 request goes on (`next.run(request)` or the like)"
            ),
            Cause::Closed => write!(
                f,
                "the session of type `{name}` was asked for after the response was ready, when it is \
                 saved already: ask for it before, and keep what you need of it"
            ),
            Cause::Nested(Nested { outer, inner }) => write!(
                f,
                "the middlewares for `{outer}` and `{inner}` write the same cookie and wipe each other \
                 out: give one of them another `cookie_name`, or keep both in one type"
            ),
        }
    }
}

impl std::error::Error for SessionRejection {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_names_the_fix() {
        for (rejection, expected) in [
            (
                SessionRejection::no_layer::<u8>(),
                "there are no sessions of type `u8` here: put the session middleware with a \
                 `Sessions<u8>` around this route. (A route that is added after the middleware, below \
                 `.layer(…)`, is not inside it: that is the usual cause)",
            ),
            (
                SessionRejection::in_use::<u8>(),
                "the session of type `u8` is in use: only one `Session<u8>` can be held at a time. Take \
                 a `SessionView<u8>` if you only read, or call `drop(session)` before the request goes on \
                 (`next.run(request)` or the like)",
            ),
            (
                SessionRejection::closed::<u8>(),
                "the session of type `u8` was asked for after the response was ready, when it is saved \
                 already: ask for it before, and keep what you need of it",
            ),
            (
                SessionRejection::nested::<u8>(Nested { outer: "A", inner: "B" }),
                "the middlewares for `A` and `B` write the same cookie and wipe each other out: give one \
                 of them another `cookie_name`, or keep both in one type",
            ),
        ] {
            assert_eq!(rejection.to_string(), expected);
        }
    }
}
