//! One suite, every server: what `docs/design.md` says of headers and deadlines, asserted over a
//! real socket against the core behind hyper and against each adapter. Each pair of server and
//! assertion is a test of its own.
//!
//! | file | what it has |
//! | --- | --- |
//! | `app.rs` | what all servers serve: the routes, the record, what a handler tells its test |
//! | `client.rs` | HTTP/1 with every byte as given, and HTTP/2 |
//! | `servers/` | the routes in each framework |
//! | `suite/` | the assertions |

mod app;
mod client;
mod servers;
mod suite;

/// The named tests of one server.
macro_rules! server_passes {
    ($($server:ident: $($suite:ident)*;)*) => {$(
        mod $server {
            $(crate::suite::$suite!($server);)*
        }
    )*};
}

server_passes! {
    core: reading headers deadlines visitors;
    axum: reading headers deadlines visitors extraction;
    actix_web: reading headers deadlines visitors extraction;
    poem: reading headers deadlines visitors extraction;
}
