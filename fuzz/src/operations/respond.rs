//! The response of a request: what the library says in it, and what the browser has then.

use super::super::NAME;
use super::super::migrated::OLD_NAME;
use super::cookies::{Content, CookieSent, Kind, opened};
use super::request::{Cut, Request};
use super::server::Server;
use super::{World, time};
use http::header::{CACHE_CONTROL, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderValue};
use sealed_session::{EncodeError, Saved};

impl Request {
    /// What is sealed of it now: all but the id of a new one.
    fn sealed(&self, server: &Server, cut: &Cut, now: i64) -> Content {
        Content {
            renewed: self.now_is.renewed_at(now),
            schema: self.schema(server),
            cut: cut.number,
            ..self.now_is.clone()
        }
    }

    /// The id that it keeps, if it keeps the one that it came with.
    fn kept_id(&self) -> Option<[u8; 16]> {
        let before = self.before.as_ref()?;
        (!self.renewed && !self.rotated).then_some(before.id)
    }
}

fn assert_content(content: &Content, expected: &Content, kept_id: Option<[u8; 16]>) {
    let without_id = |content: &Content| Content { id: [0; 16], ..content.clone() };
    assert_eq!(without_id(content), without_id(expected));
    if let Some(id) = kept_id {
        assert_eq!(content.id, id);
    }
}

impl World {
    /// The handler makes a value of its session, which no response carries.
    pub(super) fn encode(&self) {
        let Some(request) = self.open.last() else { return };
        let server = &self.servers[request.server];
        let now = self.now(request.server);
        let made = server.sessions.encode_at(&request.session, time(now));
        let cut = request.cut(server, now).filter(|cut| cut.others_of.is_none());
        match (made, cut, server.ring.seals(now)) {
            (Err(EncodeError::Ended), None, _)
            | (Err(EncodeError::NoSealingKey), Some(_), None) => {}
            (Ok(value), Some(cut), Some(number)) => {
                let expected = request.sealed(server, &cut, now);
                assert_content(&opened(number, &value), &expected, request.kept_id());
            }
            (made, cut, seals) => panic!("{made:?} with {seals:?}, ended: {}", cut.is_none()),
        }
    }

    pub(super) fn respond(&mut self, cache_control: Option<&'static str>) {
        let Some(request) = self.open.pop() else { return };
        let now = self.now(request.server);
        let server = &mut self.servers[request.server];
        let seals = server.ring.seals(now);
        let cut = request.cut(server, now);
        let shared = cache_control == Some("public");
        let expected = request.expected(server, now, shared, seals.is_some(), cut.as_ref());
        let sealed = cut.as_ref().map(|cut| request.sealed(server, cut, now));
        let (kept_id, token, has_old) = (request.kept_id(), request.token, request.has_old);

        let mut headers = HeaderMap::new();
        if let Some(said) = cache_control {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(said));
        }
        let saved = server.sessions.save_at(request.session, &mut headers, time(now));
        let saved = match (saved, expected) {
            (Ok(saved), Some(expected)) => {
                assert_eq!(saved, expected);
                saved
            }
            (Err(EncodeError::NoSealingKey), None) => {
                assert!(!headers.contains_key(SET_COOKIE) && !headers.contains_key(VARY));
                self.outcome = "no_key";
                return;
            }
            (saved, expected) => panic!("{saved:?}, not {expected:?}"),
        };

        // What ended with it.
        if let Some(list) = &mut server.list {
            if saved == Saved::Written
                && let Some(Cut { number, others_of: Some(user) }) = cut
            {
                list.end_others(user, number, now);
            }
            list.compare();
        }

        // What caches are told.
        let sets = matches!(saved, Saved::Written | Saved::Removed);
        let said = match cache_control {
            _ if sets || token => "private, no-store",
            Some(said) => said,
            None => "private",
        };
        assert_eq!(headers[CACHE_CONTROL], said);
        assert_eq!(headers[VARY], "Cookie");

        // What the browser is told.
        let mut lines: Vec<&str> =
            headers.get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap()).collect();
        let removes_old = sets && has_old;
        assert_eq!(lines.len(), usize::from(sets) + usize::from(removes_old));
        if removes_old {
            let line = lines.pop().expect("one is left");
            assert!(line.starts_with(&format!("{OLD_NAME}=; ")) && line.contains("; Max-Age=0"));
            self.old.clear();
        }
        match saved {
            Saved::Written => {
                let (pair, attributes) = lines[0].split_once("; ").unwrap();
                let value = pair.strip_prefix(&format!("{NAME}=")).unwrap();
                let number = seals.expect("something was sealed");
                let expected = sealed.expect("it had not ended");
                let content = opened(number, value);
                assert_content(&content, &expected, kept_id);
                if kept_id.is_none() {
                    assert!(self.ids.insert(content.id), "an id came twice");
                }
                let (idle, absolute) = expected.deadlines(now);
                let left = (idle.min(absolute) - now).max(0) / 1000;
                assert!(
                    attributes.ends_with(&format!("; Max-Age={left}")),
                    "{attributes}, not {left}"
                );
                self.cookie =
                    Some(CookieSent { value: value.to_owned(), kind: Kind::Good(number, content) });
            }
            Saved::Removed => {
                assert!(
                    lines[0].starts_with(&format!("{NAME}=; ")) && lines[0].contains("; Max-Age=0")
                );
                self.cookie = None;
            }
            _ => {}
        }
        self.outcome = match saved {
            Saved::Unchanged => "unchanged",
            Saved::Kept => "kept",
            Saved::Written => "written",
            Saved::Removed => "removed",
            Saved::Deferred => "deferred",
            other => panic!("{other:?}"),
        };
    }
}
