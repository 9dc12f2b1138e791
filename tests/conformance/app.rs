//! What all servers serve.
//!
//! | path | the handler |
//! | --- | --- |
//! | `/untouched` | does not touch the session |
//! | `/read` | answers origin, page views and note |
//! | `/count` | adds a page view and answers how many there are |
//! | `/sign-in`, `/sign-out` | `renew()`, `destroy()` |
//! | `/fail` | adds a page view and fails with 503 |
//! | `/panic` | adds a page view and panics |
//! | `/large` | makes the note too large for a cookie, and answers it |
//! | `/stream` | adds a page view, gives the session back and answers a body in two parts |
//! | `/endless` | the same, but from the test's word on the body never ends |
//! | `/wait` | adds a page view and waits for the test's word |
//! | `/together` | adds a page view when all visitors have come |
//! | `/again` | adds a page view, after a middleware has added ten |
//! | `/twice` | asks for the session while it holds it |
//! | `/hold` | adds a page view and keeps the session until its body is sent |
//! | `/restored`, `/restored-view` | asks for a session, or a view, that came from a cookie |
//! | `/view` | answers what two views show |
//! | `/beside`, `/before` | adds a page view and answers what views beside the session, or taken before it, show |
//! | `/guarded` | adds a page view, between two views that a middleware takes (`x-views`) |
//! | `/thrown-out` | answers what a view shows after a middleware has destroyed the session |
//! | `/elsewhere` | asks for a session for which there is no middleware |
//!
//! A request's `wished` headers (`name: value`) are put on the responses of `/read` and `/count`,
//! as if the handler had set them.

use hyper::body::Bytes;
use sealed_session::{Key, KeyRing, Origin, Session, Sessions};
use serde::{Deserialize, Serialize};
use std::array;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, ready};
use time::{Duration, OffsetDateTime};
use tokio::sync::{Barrier, Semaphore};
use tokio_stream::Stream;

pub(crate) const NAME: &str = "__Host-session";
/// How many visitors `/together` waits for.
pub(crate) const CROWD: usize = 1000;

#[derive(Serialize, Deserialize, Default, Debug, Clone, PartialEq)]
pub(crate) struct Visit {
    pub(crate) page_views: u32,
    pub(crate) note: String,
}

/// A session that no server has a middleware for.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Elsewhere;

/// What the handlers need.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) sessions: Sessions<Visit>,
    pub(crate) crowd: Arc<Barrier>,
    events: mpsc::Sender<Event>,
    word: Arc<Semaphore>,
}

/// What a handler tells its test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// `/wait` or `/endless` has begun.
    Begun,
    /// It has ended, or was dropped because the visitor went away.
    Over,
}

/// Tells the test when it is dropped.
pub(crate) struct Watch(mpsc::Sender<Event>);

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.0.send(Event::Over);
    }
}

impl App {
    /// Tells the test that it has begun, and waits for the test's word.
    pub(crate) async fn wait(&self) {
        let _watch = self.watch();
        self.heard().await;
    }

    fn watch(&self) -> Watch {
        let _ = self.events.send(Event::Begun);
        Watch(self.events.clone())
    }

    fn heard(&self) -> impl Future<Output = ()> + Send + use<> {
        let word = Arc::clone(&self.word);
        async move { word.acquire().await.expect("never closed").forget() }
    }

    /// A body that tells the test when it is dropped, and after the test's word never ends.
    pub(crate) fn endless_parts(&self) -> Parts<Watch> {
        Parts { more: Some(Box::pin(self.heard())), ..parts(self.watch()) }
    }
}

/// The test's side: it makes cookies and looks into them.
pub(crate) struct Fixture {
    pub(crate) app: App,
    pub(crate) events: mpsc::Receiver<Event>,
    opened: Arc<AtomicU32>,
    word: Arc<Semaphore>,
}

impl Fixture {
    pub(crate) fn new() -> Fixture {
        let opened = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&opened);
        let sessions = Sessions::<Visit>::builder("conformance", KeyRing::new(Key::generate()))
            .revoked(move |_: &Session<Visit>| {
                counter.fetch_add(1, Ordering::Relaxed);
                false
            })
            .build()
            .unwrap();
        let (sender, events) = mpsc::channel();
        let word = Arc::new(Semaphore::new(0));
        let crowd = Arc::new(Barrier::new(CROWD));
        let app = App { sessions, crowd, events: sender, word: Arc::clone(&word) };
        Fixture { app, events, opened, word }
    }

    /// `name=value` of a visitor who was here so often.
    pub(crate) fn cookie(&self, page_views: u32) -> String {
        self.cookie_from(Duration::ZERO, page_views)
    }

    /// The same, made `ago` and not used since.
    pub(crate) fn cookie_from(&self, ago: Duration, page_views: u32) -> String {
        let then = OffsetDateTime::now_utc() - ago;
        let visit = Visit { page_views, note: String::new() };
        let session = Session::new_at(visit, then);
        format!("{NAME}={}", self.app.sessions.encode_at(&session, then).unwrap())
    }

    /// What is in `name=value`. It counts as an opening, too.
    pub(crate) fn open(&self, cookie: &str) -> Session<Visit> {
        let value = cookie.strip_prefix(NAME).unwrap().strip_prefix('=').unwrap();
        self.app.sessions.decode(value).unwrap()
    }

    /// Lets the handler of `/wait` or the body of `/endless` go on.
    pub(crate) fn say_the_word(&self) {
        self.word.add_permits(1);
    }

    /// How many cookies were opened up to now.
    pub(crate) fn times_opened(&self) -> u32 {
        self.opened.load(Ordering::Relaxed)
    }
}

/// A body in two parts.
pub(crate) struct Parts<H> {
    left: array::IntoIter<&'static str, 2>,
    /// If set: when there are more, for ever.
    more: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Dropped with the body.
    _held: H,
}

pub(crate) fn parts<H>(held: H) -> Parts<H> {
    Parts { left: ["first ", "second"].into_iter(), more: None, _held: held }
}

impl<H: Unpin> Stream for Parts<H> {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(part) = self.left.next() {
            return Poll::Ready(Some(Ok(Bytes::from(part))));
        }
        let Some(more) = &mut self.more else { return Poll::Ready(None) };
        ready!(more.as_mut().poll(context));
        self.more = Some(Box::pin(std::future::ready(())));
        Poll::Ready(Some(Ok(Bytes::from("more "))))
    }
}

pub(crate) fn described(session: &Session<Visit>) -> String {
    let Visit { page_views, note } = &**session;
    format!("{:?} {page_views} {note}", session.origin())
}

/// What two views show, and the page views after one more.
pub(crate) fn seen(first: &Visit, second: &Visit, session: &mut Visit) -> String {
    let views = (first.page_views, second.page_views);
    format!("{} {} {}", views.0, views.1, count(session))
}

pub(crate) fn view_described(visit: &Visit, origin: Origin) -> String {
    format!("{origin:?} {}", visit.page_views)
}

pub(crate) fn count(visit: &mut Visit) -> String {
    visit.page_views += 1;
    visit.page_views.to_string()
}

pub(crate) fn outgrow(visit: &mut Visit) -> String {
    visit.note = "secret".repeat(1000);
    visit.note.clone()
}

/// The headers that the test wants the handler to set, from the values of `wished`.
pub(crate) fn wished<'v>(
    values: impl Iterator<Item = &'v [u8]>,
) -> impl Iterator<Item = (&'v str, &'v str)> {
    values.map(|value| str::from_utf8(value).unwrap().split_once(": ").unwrap())
}
