//! seshcookie: a typed session in a cookie, for axum only.

use axum::Router;
use seshcookie::{Session, SessionConfig, SessionKeys, SessionLayer};

use crate::{
    level::axum::{Visit, routes},
    records::Record,
};

/// How the tables call it.
pub const NAME: &str = "seshcookie";

/// The application, with one random key.
pub fn router<T: Record>() -> Router {
    router_with_keys::<T>(&[random_secret()])
}

/// One who seals with the oldest of `keys` keys, and one who has them all.
pub fn ring<T: Record>(keys: usize) -> (Router, Router) {
    let secrets: Vec<_> = (0..keys).map(|_| random_secret()).collect();
    (router_with_keys::<T>(&secrets[keys - 1..]), router_with_keys::<T>(&secrets))
}

/// The first secret seals, all open.
fn router_with_keys<T: Record>(secrets: &[[u8; 32]]) -> Router {
    let (newest, older) = secrets.split_first().expect("at least one key");
    let keys = SessionKeys::new(newest)
        .and_then(|keys| keys.with_fallbacks(older))
        .expect("32 bytes are enough");
    let layer = SessionLayer::<T>::new(keys, SessionConfig::default());
    routes::<T, Session<T>, ()>().layer(layer.expect("the defaults are valid"))
}

fn random_secret() -> [u8; 32] {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).expect("the system has randomness");
    secret
}

impl<T: Record> Visit<T> for Session<T> {
    type Reply = ();

    async fn read<R: Send>(self, look: fn(&T) -> R) -> Option<R> {
        self.get().await.as_ref().map(look)
    }

    async fn change(self, edit: fn(&mut T)) {
        self.modify(|slot| edit(slot.get_or_insert_default())).await;
    }
}
