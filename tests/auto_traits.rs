//! Which public types may go to another thread, be shared between threads, and move while they are
//! polled. None of this is written in the types: a field can take it away unseen, and with it every
//! server that relies on it.

use sealed_session::inspect::{Inspection, Opened, Server};
use sealed_session::key_file::tools::{
    Cancelled, Fleet, KeySchedule, Pruned, Replacement, Revoked, Rotated, Rotation, Tended, Tending,
};
use sealed_session::key_file::{
    Health, KeyFileError, KeyFileOptions, KeyWatch, Pace, Polled, Reloader,
};
use sealed_session::shape::ShapeTest;
use sealed_session::{
    Applied, ApplyError, ConfigError, DatedKey, DecodeError, Dynamic, DynamicError, EncodeError,
    EndError, EndedSessions, EndedStatus, EntryBytes, FeedError, FeedHealth, FileFeed, Key,
    KeyError, KeyFile, KeyId, KeyRing, KeyState, NoSubject, Origin, ParseKeyIdError, Persistence,
    Reason, RedisFeed, ResponseCookie, Saved, Session, Sessions, SessionsBuilder, Unsent,
    actix_web, axum, poem, tower,
};
use std::cell::Cell;
use std::error::Error;
use std::fs;
use std::future::Pending;
use std::path::Path;
use std::rc::Rc;
use walkdir::WalkDir;

/// Data that may go to another thread, and may not be shared between threads.
type Unshared = Cell<u32>;

/// Data that may do neither.
type Local = Rc<u32>;

fn is_send<T: Send>() {}
fn is_unpin<T: Unpin>() {}
fn is_shared<T: Send + Sync + Unpin>() {}
fn is_error<E: Error + Send + Sync + Unpin + 'static>() {}

#[test]
fn what_holds_no_session_is_shared_between_threads() {
    is_shared::<DatedKey>();
    is_shared::<Key>();
    is_shared::<KeyId>();
    is_shared::<KeyRing>();
    is_shared::<KeyState>();
    is_shared::<Origin>();
    is_shared::<Reason>();
    is_shared::<Saved>();
    is_shared::<Persistence>();
    is_shared::<ShapeTest<u32>>();
}

/// Like any data: it goes from thread to thread with its session.
#[test]
fn dynamic_data_is_shared_between_threads() {
    is_shared::<Dynamic>();
}

#[test]
fn key_files_are_shared_between_threads() {
    is_shared::<Cancelled>();
    is_shared::<Fleet>();
    is_shared::<Health>();
    is_shared::<KeyFile>();
    is_shared::<KeyFileOptions>();
    is_shared::<KeySchedule>();
    is_shared::<KeyWatch>();
    is_shared::<Pace>();
    is_shared::<Polled>();
    is_shared::<Pruned>();
    is_shared::<Replacement>();
    is_shared::<Reloader>();
    is_shared::<Revoked>();
    is_shared::<Rotated>();
    is_shared::<Rotation>();
    is_shared::<Tended>();
    is_shared::<Tending>();
}

#[test]
fn what_inspect_tells_is_shared_between_threads() {
    is_shared::<Inspection>();
    is_shared::<Opened>();
    is_shared::<Server>();
}

/// One list and one feed for all threads.
#[test]
fn ended_sessions_are_shared_between_threads() {
    is_shared::<Applied>();
    is_shared::<EndedSessions>();
    is_shared::<EndedStatus>();
    is_shared::<EntryBytes>();
    is_shared::<FeedHealth>();
    is_shared::<FileFeed>();
    is_shared::<RedisFeed>();
    is_shared::<Unsent>();
}

#[test]
fn errors_go_through_any_box() {
    is_error::<ApplyError>();
    is_error::<ConfigError>();
    is_error::<DecodeError>();
    is_error::<DynamicError>();
    is_error::<EncodeError>();
    is_error::<EndError>();
    is_error::<NoSubject>();
    is_error::<FeedError>();
    is_error::<KeyError>();
    is_error::<KeyFileError>();
    is_error::<ParseKeyIdError>();
    is_error::<actix_web::SessionRejection>();
    is_error::<axum::SessionRejection>();
    is_error::<poem::SessionRejection>();
    is_error::<tower::SessionRejection>();
}

/// A server has one for all its threads, whatever the data may do.
#[test]
fn sessions_are_shared_between_threads_whatever_the_data() {
    is_shared::<Sessions<Unshared>>();
    is_shared::<Sessions<Local>>();
    is_shared::<SessionsBuilder<Unshared>>();
    is_shared::<SessionsBuilder<Local>>();
}

#[test]
fn layers_and_middlewares_are_shared_between_threads_whatever_the_data() {
    is_shared::<actix_web::SessionMiddleware<Unshared>>();
    is_shared::<actix_web::SessionMiddleware<Local>>();
    is_shared::<axum::SessionLayer<Unshared>>();
    is_shared::<axum::SessionLayer<Local>>();
    is_shared::<poem::SessionMiddleware<Unshared>>();
    is_shared::<poem::SessionMiddleware<Local>>();
    is_shared::<tower::SessionLayer<Unshared>>();
    is_shared::<tower::SessionLayer<Local>>();
}

#[test]
fn services_are_shared_between_threads_if_what_they_wrap_is() {
    is_shared::<actix_web::SessionService<(), Unshared>>();
    is_shared::<poem::SessionEndpoint<(), Unshared>>();
    is_shared::<tower::SessionService<(), Unshared>>();
}

#[test]
fn a_session_is_as_free_as_its_data() {
    is_shared::<Session<u32>>();
    is_send::<ResponseCookie<Unshared>>();
    is_send::<Session<Unshared>>();
}

/// Extractors go with the handler to another thread; data that cannot be shared is no obstacle.
#[test]
fn extractors_go_to_another_thread() {
    is_shared::<axum::Session<u32>>();
    is_send::<actix_web::Session<Unshared>>();
    is_send::<actix_web::Restored<Unshared>>();
    is_send::<actix_web::RestoredView<Unshared>>();
    is_send::<actix_web::SessionView<Unshared>>();
    is_send::<axum::SessionView<Unshared>>();
    is_shared::<axum::SessionView<u32>>();
    is_send::<axum::Session<Unshared>>();
    is_send::<poem::Session<Unshared>>();
    is_send::<poem::Restored<Unshared>>();
    is_send::<tower::Session<Unshared>>();
}

#[test]
fn response_futures_go_to_another_thread() {
    is_send::<tower::ResponseFuture<Pending<()>, Unshared>>();
    is_unpin::<tower::ResponseFuture<Pending<()>, Unshared>>();
    is_unpin::<actix_web::ResponseFuture<Pending<()>, Unshared>>();
}

/// The names of the public types in a file's text.
fn public_types(text: &str) -> impl Iterator<Item = &str> {
    let definitions = text.lines().filter_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "))
    });
    definitions.map(|line| line.split(|c: char| !c.is_alphanumeric()).next().unwrap())
}

#[test]
fn no_public_type_was_forgotten_here_or_in_the_design() {
    let tried = include_str!("auto_traits.rs");
    let design = include_str!("../docs/design.md");
    let (_, items) = design.split_once("\n## Public items\n").unwrap();
    let (items, _) = items.split_once("\n## ").unwrap();
    let mut count = 0;
    for entry in WalkDir::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let path = entry.unwrap().into_path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            for name in public_types(&fs::read_to_string(&path).unwrap()) {
                let is_tried = [format!("<{name}"), format!("::{name}")].iter().any(|use_of| {
                    tried.contains(&(use_of.clone() + ">"))
                        || tried.contains(&(use_of.clone() + "<"))
                });
                assert!(is_tried, "{}: `{name}`", path.display());
                let told = items.matches(&format!("`{name}`")).count();
                assert_eq!(told, 1, "`{name}` in the public items of docs/design.md");
                count += 1;
            }
        }
    }
    assert!(count > 30, "only {count} types");
}
