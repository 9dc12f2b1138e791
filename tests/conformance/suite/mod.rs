//! The assertions. Each file lists its own at its top, in a macro that makes them tests of one
//! server.

pub(crate) mod deadlines;
pub(crate) mod extraction;
pub(crate) mod headers;
pub(crate) mod reading;
pub(crate) mod visitors;

pub(crate) use deadlines::deadlines;
pub(crate) use extraction::extraction;
pub(crate) use headers::headers;
pub(crate) use reading::reading;
pub(crate) use visitors::visitors;

/// Defines the macro `$suite!(server)`, which makes a test of each assertion.
macro_rules! assertions {
    ($suite:ident: $($assertion:ident)*) => {
        macro_rules! $suite {
            ($server:ident) => {$(
                #[test]
                fn $assertion() {
                    crate::suite::$suite::$assertion(crate::servers::$server::start);
                }
            )*};
        }
        pub(crate) use $suite;
    };
}
pub(crate) use assertions;
