//! A whole request through actix-web's test service, in process: no socket.

use std::{hint::black_box, rc::Rc};

use actix_http::Request;
use actix_web::{
    Error, FromRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{Service, ServiceResponse},
    http::header,
    rt::System,
    test::TestRequest,
    web::{self, ServiceConfig},
};

use crate::{
    cookies::{pair_of, request_line},
    harness::{Contestant, Id, Level},
    now::now,
    records::Record,
};

/// What a handler extracts, seen so that one set of handlers serves all peers.
pub trait Visit<T: Record>: FromRequest + 'static {
    /// Looks at the session, if there is one.
    fn read<R>(self, look: fn(&T) -> R) -> Option<R>;

    /// Edits the session, a new one where there is none.
    fn change(self, edit: fn(&mut T));
}

/// The pages of [`crate::level::axum::routes`], for actix-web; all ask for the session.
pub fn pages<T: Record, V: Visit<T>>(config: &mut ServiceConfig) {
    config
        .route("/read", web::get().to(read::<T, V>))
        .route("/change", web::get().to(change::<T, V>))
        .route("/seed", web::get().to(seed::<T, V>))
        .route("/show", web::get().to(show::<T, V>));
}

async fn read<T: Record, V: Visit<T>>(visit: V) -> HttpResponse {
    let look = |record: &T| {
        black_box(record);
    };
    match visit.read(look) {
        Some(()) => HttpResponse::Ok().finish(),
        None => HttpResponse::NotFound().finish(),
    }
}

async fn change<T: Record, V: Visit<T>>(visit: V) -> HttpResponse {
    visit.change(T::touch);
    HttpResponse::Ok().finish()
}

async fn seed<T: Record, V: Visit<T>>(visit: V) -> HttpResponse {
    visit.change(|record| *record = T::sample());
    HttpResponse::Ok().finish()
}

async fn show<T: Record, V: Visit<T>>(visit: V) -> String {
    let print = |record: &T| serde_json::to_string(record).expect("records are plain JSON");
    visit.read(print).unwrap_or_default()
}

/// An application that was started, whatever its type.
pub struct Started(Box<dyn Fn(Request) -> ServiceResponse<BoxBody>>);

impl Started {
    /// Waits for `service`, which actix-web's `init_service` starts.
    pub fn new<S, B>(service: impl Future<Output = S>) -> Self
    where
        S: Service<Request, Response = ServiceResponse<B>, Error = Error> + 'static,
        B: MessageBody + 'static,
    {
        let service = System::new().block_on(service);
        Self(Box::new(move |request| {
            let response = now(service.call(request)).expect("no page fails");
            response.map_into_boxed_body()
        }))
    }

    /// One request, from headers to response.
    fn call(&self, path: &'static str, cookies: &str) -> ServiceResponse {
        let request = TestRequest::get().uri(path).insert_header((header::COOKIE, cookies));
        let response = (self.0)(request.to_request());
        assert_eq!(response.status().as_u16(), 200, "{path}");
        response
    }

    /// Fetches the cookie of a visitor who was given the sample.
    pub fn seeded(&self) -> Option<String> {
        kept_pair(&self.call("/seed", &request_line(None)))
    }

    fn shown<T: Record>(&self, pair: &str) -> Option<T> {
        let response = self.call("/show", &request_line(Some(pair)));
        let body = now(actix_web::body::to_bytes(response.into_body()));
        serde_json::from_slice(&body.expect("the body is in memory")).ok()
    }
}

fn kept_pair(response: &ServiceResponse) -> Option<String> {
    let line = response.headers().get(header::SET_COOKIE)?;
    let line = line.to_str().expect("cookies are plain ASCII");
    Some(pair_of(line).to_owned())
}

/// The two operations of one peer, once it has proved that the session comes back.
pub fn contestants<T: Record>(peer: &'static str, app: Started) -> Vec<Contestant> {
    let pair = app.seeded().unwrap_or_else(|| panic!("{peer} sets no cookie"));
    assert_eq!(app.shown(&pair), Some(T::sample()), "{peer}");

    let changed = app.call("/change", &request_line(Some(&pair)));
    let later = kept_pair(&changed).unwrap_or_else(|| panic!("{peer} forgets the change"));
    let mut touched = T::sample();
    touched.touch();
    assert_eq!(app.shown(&later), Some(touched), "{peer}");

    unchecked::<T>(peer, app)
}

/// As [`contestants`], for what has no session: the bare framework.
pub fn unchecked<T: Record>(peer: &'static str, app: Started) -> Vec<Contestant> {
    let cookies: Rc<str> = request_line(app.seeded().as_deref()).into();
    let app = Rc::new(app);
    [("read", "/read"), ("change", "/change")]
        .map(|(operation, path)| {
            let id = Id { level: Level::Actix, peer, record: T::NAME, operation };
            let app = Rc::clone(&app);
            let cookies = Rc::clone(&cookies);
            Contestant::new(id, move || {
                black_box(app.call(path, &cookies));
            })
        })
        .into()
}
