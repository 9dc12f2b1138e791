//! Who takes part where.

use crate::{
    cookies::value_length,
    floor,
    harness::Contestant,
    level::{actix, axum, headers, ring, value, value::ValuePeer},
    ours,
    peers::{
        actix_session, axum_extra, bare,
        biscotti::{self, Biscotti},
        cookie_jar::{self, PrivateJar},
        fernet::{self, Tokens},
        pasetors::{self, Paseto},
        seshcookie, tower_sessions,
    },
    records::{Cart, Counter, Login, Record},
};

/// Everybody, with every record. Each has shown that it brings the session back.
pub fn contestants() -> Vec<Contestant> {
    let mut all = with_record::<Counter>();
    all.extend(with_record::<Login>());
    all.extend(with_record::<Cart>());
    all.extend(floor::parts::<Login>());
    all.extend(ring::values(biscotti::NAME, Biscotti::ring));
    all.extend(ring::values(fernet::NAME, Tokens::ring));
    all.extend(ring::requests(seshcookie::NAME, seshcookie::ring::<Login>));
    all.extend(ours::ring());
    all
}

fn with_record<T: Record>() -> Vec<Contestant> {
    [
        floor::contestants::<T>(),
        ours::contestants::<T>(),
        value::contestants::<T>(cookie_jar::NAME, PrivateJar::with_random_key()).into(),
        value::contestants::<T>(biscotti::NAME, Biscotti::with_random_key()).into(),
        value::contestants::<T>(fernet::NAME, Tokens::with_random_key()).into(),
        value::contestants::<T>(pasetors::NAME, Paseto::with_random_key()).into(),
        headers::contestants::<T>(cookie_jar::NAME, PrivateJar::with_random_key()),
        headers::contestants::<T>(axum_extra::NAME, axum_extra::Jar::with_random_key()),
        headers::contestants::<T>(biscotti::NAME, Biscotti::with_random_key()),
        axum::unchecked::<T>(bare::NAME, bare::router::<T>()),
        axum::unchecked::<T>(bare::IDLE_LAYER, bare::idle_layer_router::<T>()),
        axum::contestants::<T>(axum_extra::NAME, axum_extra::router::<T>()),
        axum::contestants::<T>(biscotti::NAME, biscotti::router::<T>()),
        axum::contestants::<T>(seshcookie::NAME, seshcookie::router::<T>()),
        axum::contestants::<T>(tower_sessions::MEMORY, tower_sessions::memory_router::<T>()),
        axum::contestants::<T>(
            tower_sessions::COOKIE_STORE,
            tower_sessions::cookie_store_router::<T>(),
        ),
        actix::unchecked::<T>(bare::NAME, bare::app::<T>()),
        actix::contestants::<T>(actix_session::NAME, actix_session::app::<T>()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// How long each peer's cookie value is, as it is sent.
pub fn lengths<T: Record>() -> [(&'static str, usize); 11] {
    fn of_value<T: Record>(codec: impl ValuePeer<T>) -> usize {
        codec.encode(&T::sample()).len()
    }
    let of_router = |router| {
        let pair = axum::seeded(&router).expect("every peer sets a cookie");
        value_length(&pair)
    };
    let of_actix = actix_session::app::<T>().seeded().expect("so does actix");
    [
        (floor::NAME, floor::length::<T>()),
        (ours::NAME, ours::length::<T>()),
        (cookie_jar::NAME, of_value::<T>(PrivateJar::with_random_key())),
        (axum_extra::NAME, of_router(axum_extra::router::<T>())),
        (biscotti::NAME, of_value::<T>(Biscotti::with_random_key())),
        (fernet::NAME, of_value::<T>(Tokens::with_random_key())),
        (pasetors::NAME, of_value::<T>(Paseto::with_random_key())),
        (seshcookie::NAME, of_router(seshcookie::router::<T>())),
        (tower_sessions::MEMORY, of_router(tower_sessions::memory_router::<T>())),
        (tower_sessions::COOKIE_STORE, of_router(tower_sessions::cookie_store_router::<T>())),
        (actix_session::NAME, value_length(&of_actix)),
    ]
}
