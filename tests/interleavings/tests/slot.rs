//! One request, several threads that want its session: the rules of `docs/adapters.md`, whichever runs
//! first.

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderValue, Request, Response};
use sealed_session::tower::{Session as Held, SessionLayer, SessionView};
use sealed_session::{Key, KeyRing, Origin, ResponseCookie, Session, Sessions};
use shuttle::thread;
use std::future::{Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

type Visit = u32;
type Arrived = Request<()>;

/// How many orders are tried, and again as many that are chosen for rare ones.
const ORDERS: usize = 1000;

fn in_many_orders(test: fn()) {
    shuttle::check_random(test, ORDERS);
    shuttle::check_pct(test, ORDERS, 3);
}

/// A handler as a service.
#[derive(Clone)]
struct Handler(fn(Arrived));

impl Service<Arrived> for Handler {
    type Response = Response<()>;
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Response<()>, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Arrived) -> Self::Future {
        (self.0)(request);
        ready(Ok(Response::new(())))
    }
}

/// Sends a visitor's seventh page view through the layer and returns what the response does to the cookie.
fn answer(handler: fn(Arrived)) -> ResponseCookie<Visit> {
    let key = Key::from_bytes(std::array::from_fn(|place| place as u8)).unwrap();
    let sessions: Sessions<Visit> = Sessions::builder("shop", KeyRing::new(key)).build().unwrap();
    let mut request = Request::new(());
    let cookie: HeaderValue = sessions.cookie_for(&Session::new(7)).unwrap();
    request.headers_mut().insert(COOKIE, cookie);
    let mut service = SessionLayer::new(sessions.clone()).layer(Handler(handler));
    let response = shuttle::future::block_on(service.call(request)).unwrap();
    assert!(response.headers().get_all(SET_COOKIE).iter().count() <= 1);
    sessions.read_response(response.headers())
}

fn taken(request: &Arrived) -> Option<Held<Visit>> {
    Held::from_request(request).ok()
}

fn view(request: &Arrived) -> Option<SessionView<Visit>> {
    SessionView::from_request(request).ok()
}

#[test]
fn of_two_who_want_to_hold_it_one_may_be_refused_and_no_change_is_lost() {
    in_many_orders(|| {
        let cookie = answer(|request| {
            let count = |request: Arrived| {
                thread::spawn(move || {
                    let Some(mut session) = taken(&request) else { return 0 };
                    **session += 1;
                    1
                })
            };
            let threads = [count(request.clone()), count(request.clone())];
            let counted: u32 = threads.map(|thread| thread.join().unwrap()).iter().sum();
            assert!((1..=2).contains(&counted));
            assert_eq!(**taken(&request).unwrap(), 7 + counted);
        });
        let ResponseCookie::Set(session) = cookie else { panic!("it was changed") };
        assert!((8..=9).contains(&*session));
    });
}

#[test]
fn views_are_of_the_session_as_it_arrived_whoever_holds_it() {
    in_many_orders(|| {
        let cookie = answer(|request| {
            let look = |request: Arrived| {
                thread::spawn(move || {
                    let view = view(&request).expect("a view can be taken at any time");
                    assert_eq!((*view, view.origin()), (7, Origin::Restored));
                    view.id()
                })
            };
            let changing = request.clone();
            let holder = thread::spawn(move || {
                let mut session = taken(&changing).expect("nobody else holds it");
                **session = 8;
                session.id()
            });
            let ids = [look(request.clone()), look(request)].map(|thread| thread.join().unwrap());
            let id = holder.join().unwrap();
            assert_eq!(ids, [id, id], "it was loaded once");
        });
        assert!(matches!(cookie, ResponseCookie::Set(session) if *session == 8));
    });
}

/// Once a session was thrown out no view lets it in, and before that it is the one that came.
#[test]
fn a_view_beside_a_destroy_is_of_the_visitor_before_or_of_a_new_one() {
    in_many_orders(|| {
        let cookie = answer(|request| {
            let leaving = request.clone();
            let holder = thread::spawn(move || taken(&leaving).unwrap().destroy());
            let seen = view(&request).unwrap();
            assert!([(7, Origin::Restored), (0, Origin::New)].contains(&(*seen, seen.origin())));
            holder.join().unwrap();
            let after = view(&request).unwrap();
            assert_eq!((*after, after.origin()), (0, Origin::New));
        });
        assert!(matches!(cookie, ResponseCookie::Removed));
    });
}

/// A handler that has answered while a task of its still holds the session.
#[test]
fn a_change_that_meets_the_response_is_in_it_or_in_none() {
    in_many_orders(|| {
        use std::sync::Mutex;
        static TASK: Mutex<Option<(Arrived, thread::JoinHandle<()>)>> = Mutex::new(None);
        let cookie = answer(|request| {
            let changing = request.clone();
            let task = thread::spawn(move || {
                if let Some(mut session) = taken(&changing) {
                    **session = 8;
                }
            });
            *TASK.lock().unwrap() = Some((request, task));
        });
        let (request, task) = TASK.lock().unwrap().take().unwrap();
        task.join().unwrap();
        assert!(taken(&request).is_none(), "the response is ready");
        match cookie {
            ResponseCookie::Set(session) => assert_eq!(*session, 8),
            ResponseCookie::None => {}
            ResponseCookie::Removed => panic!("nobody removed it"),
        }
    });
}

#[test]
fn after_the_response_nothing_can_be_taken() {
    // One thread, so there is one order.
    let once = |test: fn()| shuttle::check_random(test, 1);
    once(|| {
        use std::sync::Mutex;
        static KEPT: Mutex<Option<Arrived>> = Mutex::new(None);
        answer(|request| {
            drop(taken(&request));
            *KEPT.lock().unwrap() = Some(request);
        });
        let request = KEPT.lock().unwrap().take().unwrap();
        assert!(taken(&request).is_none() && view(&request).is_none());
    });
}

#[test]
fn who_panics_with_it_leaves_nothing_and_stops_nobody() {
    in_many_orders(|| {
        let cookie = answer(|request| {
            let failing = request.clone();
            let holder = thread::spawn(move || {
                let failed = catch_unwind(AssertUnwindSafe(|| {
                    let mut session = taken(&failing).expect("nobody else holds it");
                    **session = 666;
                    // Not `panic!`, which would print a line for each of thousands.
                    std::panic::resume_unwind(Box::new("a handler's mistake"));
                }));
                assert!(failed.is_err());
            });
            let seen = view(&request).unwrap();
            assert_eq!(*seen, 7);
            holder.join().unwrap();
            assert_eq!(*view(&request).unwrap(), 7);
        });
        assert!(matches!(cookie, ResponseCookie::None));
    });
}
