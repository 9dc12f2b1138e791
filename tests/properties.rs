//! What holds for every session and every input, tried with random ones.

mod support;

use http::HeaderValue;
use http::header::COOKIE;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::FileFailurePersistence;
use sealed_session::{EncodeError, Origin, Persistence, Session, Sessions};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use support::fixtures::*;
use support::second::{Second, Stamps, to_bytes, to_text, unpad};
use time::Duration;

/// A session of every kind of part that applications use.
#[derive(Serialize, Deserialize, Default, Debug, Clone, PartialEq)]
struct Profile {
    name: String,
    age: Option<u16>,
    balances: Vec<i64>,
    role: Role,
    labels: BTreeMap<String, (bool, u8)>,
    previous: Option<Box<Profile>>,
}

#[derive(Serialize, Deserialize, Default, Debug, Clone, PartialEq)]
enum Role {
    #[default]
    Guest,
    Member(u64),
    Admin {
        rights: Vec<u8>,
        initial: Option<char>,
    },
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![
        Just(Role::Guest),
        any::<u64>().prop_map(Role::Member),
        (vec(any::<u8>(), 0..20), any::<Option<char>>())
            .prop_map(|(rights, initial)| Role::Admin { rights, initial }),
    ]
}

prop_compose! {
    fn profile_without_previous()(
        name in any::<String>(),
        age in any::<Option<u16>>(),
        balances in vec(any::<i64>(), 0..10),
        role in role(),
        labels in btree_map("\\PC{0,10}", any::<(bool, u8)>(), 0..5),
    ) -> Profile {
        Profile { name, age, balances, role, labels, previous: None }
    }
}

prop_compose! {
    /// Small enough for a cookie.
    fn profile()(
        profile in profile_without_previous(),
        previous in proptest::option::of(profile_without_previous()),
    ) -> Profile {
        Profile { previous: previous.map(Box::new), ..profile }
    }
}

prop_compose! {
    /// Any policy, and a session's own timeouts within it.
    fn sessions_with_any_settings()(
        padding in 1_usize..=256,
        (idle, absolute) in (1..=u32::MAX, 1..=u32::MAX)
            .prop_map(|(a, b)| (a.min(b), a.max(b))),
        persistent in any::<bool>(),
    ) -> Sessions<Profile> {
        builder()
            .padding(padding)
            .idle_timeout(Duration::seconds(idle.into()))
            .absolute_timeout(Duration::seconds(absolute.into()))
            .persistence(persistence(persistent))
            .build()
            .unwrap()
    }
}

fn own_timeouts() -> impl Strategy<Value = Option<(u32, u32)>> {
    proptest::option::of((1..=u32::MAX, 1..=u32::MAX))
}

fn session_with(profile: Profile, own_timeouts: Option<(u32, u32)>) -> Session<Profile> {
    let mut session = Session::new_at(profile, NOW);
    if let Some((idle, absolute)) = own_timeouts {
        session.set_timeouts(Duration::seconds(idle.into()), Duration::seconds(absolute.into()));
    }
    session
}

/// Any name of a cookie without a prefix.
const ANY_NAME: &str = "[a-z!#$%&'*+.^`|~0-9-]{1,40}";

proptest! {
    // What fails becomes a named test of its own, not a file of numbers.
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_session_comes_back_the_same(
        sessions in sessions_with_any_settings(),
        profile in profile(),
        own in own_timeouts(),
    ) {
        let session = session_with(profile, own);
        let value = sessions.encode_at(&session, NOW).unwrap();
        let back = sessions.decode_at(&value, NOW).unwrap();
        prop_assert_eq!(&*back, &*session);
        prop_assert_eq!(back.id(), session.id());
        prop_assert_eq!(back.created_at(), session.created_at());
    }

    #[test]
    fn any_session_is_renewed_until_its_last_second(
        sessions in sessions_with_any_settings(),
        own in own_timeouts(),
        renewals in 1..5,
    ) {
        let session = session_with(Profile::default(), own);
        let mut value = sessions.encode_at(&session, NOW).unwrap();
        let mut now = NOW;
        for _ in 0..renewals {
            let before = sessions.decode_at(&value, now).unwrap();
            now = before.idle_deadline().min(before.absolute_deadline()) - SECOND;
            value = sessions.encode_at(&before, now).unwrap();
            let after = sessions.decode_at(&value, now).unwrap();
            prop_assert!(after.idle_deadline() >= before.idle_deadline());
            prop_assert_eq!(after.absolute_deadline(), before.absolute_deadline());
        }
    }

    #[test]
    fn the_second_implementation_opens_it_for_any_application_and_name(
        app in "\\PC{1,40}",
        name in ANY_NAME,
        profile in profile(),
    ) {
        let sessions: Sessions<Profile> =
            Sessions::builder(&app, ring()).cookie_name(&name).build().unwrap();
        let session = Session::new_at(profile, NOW);
        let value = sessions.encode_at(&session, NOW).unwrap();
        let plaintext = Second::new(KEY, &app, &name).open(&value).unwrap();
        let (stamps, _) = Stamps::read(unpad(&plaintext).unwrap()).unwrap();
        prop_assert_eq!(stamps.id, *session.id().as_bytes());
    }

    #[test]
    fn any_change_of_any_bits_is_refused(profile in profile(), at in any::<Index>(), bits in 1_u8..) {
        let sessions = sessions();
        let value = sessions.encode_at(&Session::new_at(profile, NOW), NOW).unwrap();
        let mut envelope = to_bytes(&value);
        *at.get_mut(&mut envelope) ^= bits;
        prop_assert!(sessions.decode_at(&to_text(&envelope), NOW).is_err());
    }

    #[test]
    fn any_change_of_any_character_is_refused(
        profile in profile(),
        at in any::<Index>(),
        other in any::<char>(),
    ) {
        let sessions = sessions();
        let value = sessions.encode_at(&Session::new_at(profile, NOW), NOW).unwrap();
        let at = at.index(value.len());
        prop_assume!(!value[at..].starts_with(other));
        let changed = format!("{}{other}{}", &value[..at], &value[at + 1..]);
        prop_assert!(sessions.decode_at(&changed, NOW).is_err());
    }

    #[test]
    fn any_truncation_is_refused(profile in profile(), len in any::<Index>()) {
        let sessions = sessions();
        let value = sessions.encode_at(&Session::new_at(profile, NOW), NOW).unwrap();
        let cut = &value[..len.index(value.len())];
        prop_assert!(sessions.decode_at(cut, NOW).is_err());
    }

    #[test]
    fn any_bytes_appended_are_refused(profile in profile(), bytes in vec(any::<u8>(), 1..40)) {
        let sessions = sessions();
        let value = sessions.encode_at(&Session::new_at(profile, NOW), NOW).unwrap();
        let longer = to_text(&[to_bytes(&value), bytes].concat());
        prop_assert!(sessions.decode_at(&longer, NOW).is_err());
    }

    #[test]
    fn any_text_appended_is_refused(profile in profile(), text in ".{1,20}") {
        let sessions = sessions();
        let value = sessions.encode_at(&Session::new_at(profile, NOW), NOW).unwrap();
        prop_assert!(sessions.decode_at(&(value + &text), NOW).is_err());
    }

    #[test]
    fn no_header_bytes_make_load_panic_or_pass_for_a_session(
        headers in vec(vec(any::<u8>(), 0..200), 0..5),
        value in vec(any::<u8>(), 0..200),
    ) {
        let mut request = request(headers.iter().filter(|bytes| HeaderValue::from_bytes(bytes).is_ok()));
        if let Ok(ours) = HeaderValue::from_bytes(&[NAME.as_bytes(), b"=", &value].concat()) {
            request.append(COOKIE, ours);
        }
        let session = sessions::<Profile>().load_at(&request, NOW);
        prop_assert_ne!(session.origin(), Origin::Restored);
        prop_assert_eq!(&*session, &Profile::default());
    }

    #[test]
    fn no_text_makes_decode_panic_or_pass_for_a_session(text in any::<String>()) {
        prop_assert!(sessions::<Profile>().decode_at(&text, NOW).is_err());
    }

    #[test]
    fn encode_never_exceeds_the_limit(
        name in ANY_NAME,
        padding in 1_usize..=256,
        len in 2_500_usize..3_200,
    ) {
        let sessions: Sessions<Vec<u8>> =
            builder().cookie_name(&name).padding(padding).build().unwrap();
        match sessions.encode_at(&Session::new_at(vec![7; len], NOW), NOW) {
            Ok(value) => prop_assert!(name.len() + 1 + value.len() <= LIMIT),
            Err(EncodeError::TooLarge { size, limit }) => prop_assert!(size > limit && limit == LIMIT),
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}

fn persistence(outlives_the_browser: bool) -> Persistence {
    if outlives_the_browser { Persistence::Always } else { Persistence::Never }
}
