//! sealed-session itself, at every level.

use std::hint::black_box;

use actix_web::{
    App, Error,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    test::init_service,
};
use axum::Router;
use http::HeaderMap;
use sealed_session::{
    EndedSessions, Key, KeyRing, Origin, RedisFeed, Session, Sessions,
    actix_web::SessionMiddleware,
    axum::{Session as Extracted, SessionLayer},
};
use time::Duration;

use crate::{
    harness::Contestant,
    level::{
        actix::{self as in_actix, Started, pages},
        axum::{self as in_axum, Visit, routes},
        headers::{self, HeadersPeer},
        ring,
        value::{self, ValuePeer},
    },
    records::{Login, Record},
};

/// How the tables call it.
pub const NAME: &str = "sealed-session";

/// How the tables call it when it refuses what ended, and hears of it through Redis.
pub const ENDED: &str = "sealed-session, `ended`, `RedisFeed`";

/// All operations at all levels but the ring.
pub fn contestants<T: Record>() -> Vec<Contestant> {
    let sessions = with_random_key::<T>();
    let ready = Session::new(T::sample());
    let encode = move || {
        black_box(sessions.encode(black_box(&ready)).expect("it fits"));
    };
    let mut all = vec![
        Contestant::new(value::id::<T>(NAME, "encode"), encode),
        value::decoder::<T>(NAME, with_random_key::<T>()),
    ];
    all.extend(headers::contestants::<T>(NAME, with_random_key::<T>()));
    all.extend(in_axum::contestants::<T>(NAME, router::<T>()));
    all.extend(in_actix::contestants::<T>(NAME, app::<T>()));
    all
}

/// Decoding with the oldest key of rings of several sizes.
pub fn ring() -> impl Iterator<Item = Contestant> {
    ring::values(NAME, |keys| {
        let oldest = Key::generate();
        let alone = KeyRing::new(oldest.clone());
        if keys == 1 {
            return (with_keys::<Login>(alone.clone()), with_keys(alone));
        }
        let younger = (2..keys).map(|_| Key::generate());
        let all =
            younger.chain([oldest]).try_fold(KeyRing::new(Key::generate()), KeyRing::with_retired);
        (with_keys(alone), with_keys(all.expect("no key twice")))
    })
}

/// How long the value is.
pub fn length<T: Record>() -> usize {
    ValuePeer::<T>::encode(&with_random_key::<T>(), &T::sample()).len()
}

/// The axum application.
pub fn router<T: Record>() -> Router {
    router_of(with_random_key::<T>())
}

/// The axum application of these sessions.
pub fn router_of<T: Record>(sessions: Sessions<T>) -> Router {
    routes::<T, Extracted<T>, ()>().layer(SessionLayer::new(sessions))
}

/// The actix-web application.
fn app<T: Record>() -> Started {
    Started::new(init_service(app_of(with_random_key::<T>())))
}

/// The actix-web application of these sessions.
pub fn app_of<T: Record>(
    sessions: Sessions<T>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new().wrap(SessionMiddleware::new(sessions)).configure(pages::<T, Extracted<T>>)
}

/// Sessions that can be ended, told by the feed through the Redis at this address. A hundred
/// thousand have ended, and all of a hundred thousand users, so that there is something to look
/// through.
pub async fn with_ended(redis: &str) -> (Sessions<Login>, RedisFeed) {
    const ENDED_BEFORE: u32 = 100_000;
    let hours = Duration::hours(8);
    let ended = EndedSessions::new("shop", hours);
    let feed = RedisFeed::connect(redis, &ended).await.expect("Redis answers");
    for user in 0..ENDED_BEFORE {
        ended.end(Session::new(()).id()).expect("it is an id of ours");
        ended.end_all_of(&format!("visitor-{user}")).expect("it is no empty subject");
    }
    feed.flush(Duration::minutes(1)).await.expect("Redis takes them");
    let sessions = Sessions::builder("shop", KeyRing::new(Key::generate()))
        .absolute_timeout(hours)
        .ended(&ended)
        .subject(Login::user_id)
        .build();
    (sessions.expect("it is valid"), feed)
}

/// Sessions with the defaults.
pub fn with_random_key<T: Record>() -> Sessions<T> {
    with_keys(KeyRing::new(Key::generate()))
}

fn with_keys<T: Record>(keys: KeyRing) -> Sessions<T> {
    let sessions = Sessions::builder("shop", keys).build();
    sessions.expect("the defaults are valid")
}

fn is_restored<T>(session: &Session<T>) -> bool {
    matches!(session.origin(), Origin::Restored)
}

impl<T: Record> ValuePeer<T> for Sessions<T> {
    /// With a new session each time; [`contestants`] times one that is ready.
    fn encode(&self, record: &T) -> String {
        let session = Session::new(record.clone());
        Sessions::encode(self, &session).expect("it fits")
    }

    fn decode(&self, value: &str) -> T {
        let session = Sessions::decode(self, value).expect("our own value");
        session.into_inner()
    }
}

impl<T: Record> HeadersPeer<T> for Sessions<T> {
    fn read(&self, request: &HeaderMap) -> Option<T> {
        let session = self.load(request);
        is_restored(&session).then(|| session.into_inner())
    }

    fn change(&self, request: &HeaderMap, edit: fn(&mut T)) -> HeaderMap {
        let mut session = self.load(request);
        edit(&mut session);
        let mut response = HeaderMap::new();
        self.save(session, &mut response).expect("it fits");
        response
    }
}

impl<T: Record> Visit<T> for Extracted<T> {
    type Reply = ();

    async fn read<R: Send>(self, look: fn(&T) -> R) -> Option<R> {
        is_restored(&self).then(|| look(&self))
    }

    async fn change(mut self, edit: fn(&mut T)) {
        edit(&mut self);
    }
}

impl<T: Record> in_actix::Visit<T> for Extracted<T> {
    fn read<R>(self, look: fn(&T) -> R) -> Option<R> {
        is_restored(&self).then(|| look(&self))
    }

    fn change(mut self, edit: fn(&mut T)) {
        edit(&mut self);
    }
}
