//! What is measured: the login record of `docs/performance.md` in its four ways through the library, and in
//! two of them as named values ([`ReadyDynamic`]), at a fixed time and under a fixed key, so that the same code
//! takes the same instructions.

use http::HeaderMap;
use http::header::COOKIE;
use sealed_session::{Dynamic, Key, KeyRing, Session, Sessions};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

/// The login record: 102 bytes of postcard.
#[derive(Serialize, Deserialize, Default)]
pub struct Login {
    user: u64,
    name: String,
    email: String,
    roles: Vec<String>,
    csrf: String,
    seen: u64,
    page: String,
    views: u32,
    flash: Vec<String>,
}

fn login() -> Login {
    Login {
        user: 48_213,
        name: "Ada Lovelace".to_owned(),
        email: "ada.lovelace@example.com".to_owned(),
        roles: vec!["customer".to_owned(), "editor".to_owned()],
        csrf: "pX0dXu1nOZb2v7yW3cJmRw".to_owned(),
        seen: 1_795_261_530,
        page: "/account/orders".to_owned(),
        views: 41,
        flash: Vec::new(),
    }
}

fn keys() -> KeyRing {
    KeyRing::new(Key::from_bytes(std::array::from_fn(|i| i as u8)).expect("not a placeholder"))
}

/// Everything ready, each way walked once: what is done only once does not count.
pub struct Ready {
    sessions: Sessions<Login>,
    session: Session<Login>,
    value: String,
    request: HeaderMap,
}

impl Default for Ready {
    fn default() -> Ready {
        let sessions = Sessions::builder("shop", keys()).build().expect("the defaults");
        let session = Session::new_at(login(), NOW);
        let value = sessions.encode_at(&session, NOW).expect("it fits");
        let nine_others = "theme=dark; lang=en-GB; consent=all; tz=Europe%2FBerlin; \
            _ga=GA1.2.1234567890.1234567890; _gid=GA1.2.987654321.1795261530; \
            ab=checkout-2.variant-b; cart=3f1c9a70b2d84e15; seen=1795261530.41";
        let header = format!("{nine_others}; __Host-session={value}");
        let request = HeaderMap::from_iter([(COOKIE, header.parse().expect("visible ASCII"))]);
        let ready = Ready { sessions, session, value, request };
        ready.encode();
        ready.decode();
        ready.save_unchanged(ready.load());
        ready.save_changed(ready.load());
        ready
    }
}

impl Ready {
    /// Session → value.
    pub fn encode(&self) -> String {
        self.sessions.encode_at(&self.session, NOW).expect("it fits")
    }

    /// Value → session.
    pub fn decode(&self) -> Session<Login> {
        self.sessions.decode_at(&self.value, NOW).expect("our own value")
    }

    /// Headers with nine other cookies → session.
    pub fn load(&self) -> Session<Login> {
        self.sessions.load_at(&self.request, NOW)
    }

    /// A session that was only read → headers.
    pub fn save_unchanged(&self, session: Session<Login>) -> HeaderMap {
        let mut response = HeaderMap::new();
        self.sessions.save_at(session, &mut response, NOW).expect("nothing to write");
        response
    }

    /// A session that was changed → headers.
    pub fn save_changed(&self, mut session: Session<Login>) -> HeaderMap {
        session.views += 1;
        let mut response = HeaderMap::new();
        self.sessions.save_at(session, &mut response, NOW).expect("it fits");
        response
    }
}

/// The same data under the same names without a type of its own.
pub struct ReadyDynamic {
    sessions: Sessions<Dynamic>,
    session: Session<Dynamic>,
    value: String,
}

impl Default for ReadyDynamic {
    fn default() -> ReadyDynamic {
        let sessions = Sessions::builder("shop", keys()).build().expect("the defaults");
        let session = Session::new_at(dynamic_login(), NOW);
        let value = sessions.encode_at(&session, NOW).expect("it fits");
        let ready = ReadyDynamic { sessions, session, value };
        ready.encode();
        ready.decode();
        ready
    }
}

fn dynamic_login() -> Dynamic {
    let Login { user, name, email, roles, csrf, seen, page, views, flash } = login();
    let mut values = Dynamic::default();
    let inserted = [
        values.insert("user", user),
        values.insert("name", name),
        values.insert("email", email),
        values.insert("roles", roles),
        values.insert("csrf", csrf),
        values.insert("seen", seen),
        values.insert("page", page),
        values.insert("views", views),
        values.insert("flash", flash),
    ];
    assert!(inserted.iter().all(Result::is_ok));
    values
}

impl ReadyDynamic {
    /// Session → value.
    pub fn encode(&self) -> String {
        self.sessions.encode_at(&self.session, NOW).expect("it fits")
    }

    /// Value → session.
    pub fn decode(&self) -> Session<Dynamic> {
        self.sessions.decode_at(&self.value, NOW).expect("our own value")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `docs/performance.md` has these figures. Padding makes values of similar data equally long.
    #[test]
    fn the_lengths_of_the_login_as_a_type_and_as_named_values() {
        let [typed, dynamic] = [Ready::default().value, ReadyDynamic::default().value];
        assert_eq!((typed.len(), dynamic.len()), (231, 359));
    }
}
