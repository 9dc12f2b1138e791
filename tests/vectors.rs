//! The vectors of `tests/vectors/v1`, which `interop/javascript` makes, through the public API.
//!
//! They are never changed to make a test pass: a vector that fails is a fault here, or the format
//! has changed. Form tokens are read in `src/csrf.rs`, beside what verifies them.

mod support;

use sealed_session::inspect::{Server, inspect};
use sealed_session::key_file::{KeyFileError, tools::KeySchedule};
use sealed_session::{
    Applied, ApplyError, DatedKey, Dynamic, EncodeError, EndedSessions, Key, KeyError, KeyId,
    KeyRing, Origin, Reason, Sessions, SessionsBuilder,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use support::fixtures::{Visit, request};
use support::second::{Second, Stamps, unpad};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// SHA-256 of every file of vectors. A vector that is added gives its file another; one that stands
/// there is never changed, so a new digest comes with added lines only.
const DIGESTS: [(&str, &str); 9] = [
    ("v1/cookie-headers.json", "0cec8622b6b67de962866a5d0162050d9f806a5b8e4f2b05d89cefa8bcc86e8f"),
    ("v1/ended.json", "933690bcdcb120386828e92c6a3b078cb1c4d54473446b5bc8b6b29c81115457"),
    ("v1/entries.json", "a15813c59555124deb8c3e2aa38b40a1ea3e2fa87316dee7bfb9470df6f8739d"),
    ("v1/form-tokens.json", "3f80a1e299d5b505c178d51742afbdb16ceede7d40619b0d65490aa43a7a68b8"),
    ("v1/key-files.json", "ec2ba794deb69980485eae5478744d867f3ef9325cd072abb87c036f9e50b0db"),
    ("v1/keys.json", "4e6dab963a2999c5a0f4b09ae12e2d4bf0e9be4229d1dacccce03d3a771cbcf4"),
    ("v1/migrated-ids.json", "8f5d8fc9ced06b9330d68fd4571e23fd32d533aecb691f64ffad6102dad743d4"),
    ("v1/values.json", "5d22999b5f87c9a24e6ca4432aecd867bb6f686224fa1dd30e8ebf93dcd5e69d"),
    ("xaes-256-gcm.json", "3410ff4876994c8a2efbe85590591771ac8c90a80842c11c591531f5346eb517"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn file<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&fs::read_to_string(folder().join("v1").join(name)).unwrap()).unwrap()
}

#[test]
fn the_files_are_those_that_were_released() {
    let mut names = vec!["xaes-256-gcm.json".to_owned()];
    for entry in fs::read_dir(folder().join("v1")).unwrap() {
        names.push(format!("v1/{}", entry.unwrap().file_name().into_string().unwrap()));
    }
    names.sort();
    let digests: Vec<(String, String)> = names
        .into_iter()
        .map(|name| {
            let digest = hex(&Sha256::digest(fs::read(folder().join(&name)).unwrap()));
            (name, digest)
        })
        .collect();
    let expected = DIGESTS.map(|(name, digest)| (name.to_owned(), digest.to_owned()));
    assert_eq!(digests, expected);
}

fn at(millis: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

// Keys.

type KeyTexts = HashMap<String, String>;

#[derive(Deserialize)]
#[serde(untagged)]
enum Ring {
    Dated {
        schedule: Vec<Dated>,
    },
    Undated {
        seals: String,
        #[serde(default)]
        opens: Vec<String>,
    },
}

#[derive(Deserialize)]
struct Dated {
    key: String,
    seal_from: i64,
    open_until: Option<i64>,
    #[serde(default)]
    revoked: bool,
}

fn schedule(texts: &KeyTexts, keys: &[Dated]) -> Result<KeyRing, KeyError> {
    KeyRing::schedule(keys.iter().map(|dated| {
        let key = DatedKey::new(texts[&dated.key].parse().unwrap(), at(dated.seal_from));
        let key = if dated.revoked { key.with_revoked() } else { key };
        match dated.open_until {
            Some(time) => key.with_open_until(at(time)),
            None => key,
        }
    }))
}

impl Ring {
    fn read(&self, texts: &KeyTexts) -> KeyRing {
        let key = |name: &String| -> Key { texts[name].parse().unwrap() };
        match self {
            Ring::Dated { schedule: keys } => schedule(texts, keys).unwrap(),
            Ring::Undated { seals, opens } => opens
                .iter()
                .fold(KeyRing::new(key(seals)), |ring, name| ring.with_retired(key(name)).unwrap()),
        }
    }
}

#[derive(Deserialize)]
struct Keys {
    keys: KeyTexts,
    good: Vec<GoodKey>,
    bad: Vec<BadKey>,
    rings: Vec<GoodRing>,
    bad_rings: Vec<BadRing>,
    schedules: Vec<Schedule>,
    bad_schedules: Vec<BadSchedule>,
}

#[derive(Deserialize)]
struct GoodKey {
    name: String,
    text: String,
    key: String,
    id: String,
}

#[derive(Deserialize)]
struct BadKey {
    name: String,
    text: String,
    error: String,
}

#[derive(Deserialize)]
struct GoodRing {
    name: String,
    text: String,
    seals: String,
    opens: Vec<String>,
}

#[derive(Deserialize)]
struct BadRing {
    name: String,
    text: String,
    position: usize,
    error: String,
}

#[derive(Deserialize)]
struct Schedule {
    name: String,
    keys: Vec<Dated>,
    at: Vec<Moment>,
}

#[derive(Deserialize)]
struct Moment {
    now: i64,
    seals: Option<String>,
    states: HashMap<String, String>,
}

#[derive(Deserialize)]
struct BadSchedule {
    name: String,
    keys: Vec<Dated>,
    because: String,
}

fn fault(error: &KeyError) -> &'static str {
    match error {
        KeyError::AllEqual => "all_equal",
        KeyError::Text => "text",
        KeyError::Prefix => "prefix",
        KeyError::TextLength(_) => "text_length",
        KeyError::Alphabet => "alphabet",
        KeyError::Checksum => "checksum",
        KeyError::DuplicateId(_) => "duplicate_id",
        KeyError::Schedule(_) => "schedule",
        other => panic!("no vector is refused for this: {other}"),
    }
}

#[test]
fn keys_in_text_form() {
    let keys: Keys = file("keys.json");
    for GoodKey { name, text, key, id } in &keys.good {
        let read: Key = text.parse().unwrap();
        assert_eq!(read.id().to_string(), *id, "{name}");
        assert_eq!(*read.to_text(), *text, "{name}");
        assert_eq!(Key::try_from(&unhex(key)[..]).unwrap().id().to_string(), *id, "{name}");
    }
    assert!(keys.bad.len() >= 20);
    for BadKey { name, text, error } in &keys.bad {
        assert_eq!(fault(&text.parse::<Key>().unwrap_err()), error, "{name}");
    }
}

#[test]
fn rings_of_keys_in_text_form() {
    let keys: Keys = file("keys.json");
    for GoodRing { name, text, seals, opens } in &keys.rings {
        let ring: KeyRing = text.parse().unwrap();
        let sessions: Sessions<Visit> = Sessions::builder("shop", ring.clone()).build().unwrap();
        assert_eq!(sessions.sealing_key_at(at(0)).unwrap().to_string(), *seals, "{name}");
        let mut states: Vec<String> =
            ring.states_at(at(0)).iter().map(|(id, _)| id.to_string()).collect();
        let mut opens = opens.clone();
        states.sort();
        opens.sort();
        assert_eq!(states, opens, "{name}");
    }
    for BadRing { name, text, position, error } in &keys.bad_rings {
        match text.parse::<KeyRing>().unwrap_err() {
            KeyError::Entry { position: place, error: inner } => {
                assert_eq!((place, fault(&inner)), (*position, &error[..]), "{name}");
            }
            other => panic!("{name}: {other}"),
        }
    }
}

#[test]
fn rings_with_dates() {
    let keys: Keys = file("keys.json");
    let name_of = |id: KeyId| {
        let key = keys.good.iter().find(|key| key.id == id.to_string()).unwrap();
        key.name.clone()
    };
    for Schedule { name, keys: dated, at: moments } in &keys.schedules {
        let ring = schedule(&keys.keys, dated).unwrap();
        let sessions: Sessions<Visit> = Sessions::builder("shop", ring.clone()).build().unwrap();
        for Moment { now, seals, states } in moments {
            assert_eq!(sessions.sealing_key_at(at(*now)).map(name_of), *seals, "{name}");
            let found: HashMap<String, String> = ring
                .states_at(at(*now))
                .into_iter()
                .map(|(id, state)| (name_of(id), state.as_str().to_owned()))
                .collect();
            assert_eq!(found, *states, "{name} at {now}");
        }
    }
    for BadSchedule { name, keys: dated, because } in &keys.bad_schedules {
        let error = schedule(&keys.keys, dated).unwrap_err();
        assert_eq!(fault(&error), "schedule", "{name}");
        // The same in the words of the format and in those of the message.
        let told = [
            ("it has no key", "no key can seal: there is none"),
            ("every key is revoked", "no key can seal: the only one is revoked"),
            ("have the same `seal_from`", "two keys have the same seal_from"),
            ("has an `open_until`", "the newest key has an open_until"),
            ("needs an `open_until`", "a key that is not the newest needs an open_until"),
            ("ends before", "a key ends before the next one seals"),
        ];
        let message = error.to_string();
        let (_, expected) = told.iter().find(|(words, _)| message.contains(words)).expect(name);
        assert!(because.starts_with(expected), "{name}: {message}");
    }
}

// Values.

#[derive(Deserialize)]
struct Values {
    keys: KeyTexts,
    server: Value,
    good: Vec<Good>,
    bad: Vec<Bad>,
}

#[derive(Deserialize)]
struct Good {
    name: String,
    #[serde(default)]
    server: Value,
    now: i64,
    value: String,
    session: Says,
}

#[derive(Deserialize)]
struct Says {
    id: Uuid,
    renewed: u32,
    timeouts: Option<Lengths>,
    schema: u32,
    cut: u32,
    data: String,
}

#[derive(Deserialize)]
struct Bad {
    name: String,
    #[serde(default)]
    server: Value,
    now: i64,
    value: String,
    reason: String,
    row: u8,
}

#[derive(Deserialize, Clone, Copy)]
struct Lengths {
    idle: i64,
    absolute: i64,
}

impl Lengths {
    fn durations(self) -> (Duration, Duration) {
        (Duration::seconds(self.idle), Duration::seconds(self.absolute))
    }
}

#[derive(Deserialize)]
struct Setup {
    app: String,
    cookie_name: String,
    keys: Ring,
    #[serde(rename = "type")]
    kind: String,
    schema: u32,
    upgrades: BTreeMap<u32, String>,
    timeouts: Lengths,
    longest_timeouts: Lengths,
    reject_created_before: i64,
    revoked_user: Option<String>,
}

/// The server of one vector: that of the file with what the vector changes.
fn setup(base: &Value, changes: &Value) -> Setup {
    let mut whole = base.clone();
    for (name, value) in changes.as_object().into_iter().flatten() {
        whole[name] = value.clone();
    }
    Setup::deserialize(whole).unwrap()
}

/// A type of 2 levels each.
#[derive(Serialize, Deserialize, Default, Debug, PartialEq)]
struct Nest(Option<Box<Nest>>);

impl Setup {
    fn builder<T: Serialize + DeserializeOwned>(&self, texts: &KeyTexts) -> SessionsBuilder<T> {
        let (idle, absolute) = self.timeouts.durations();
        let (longest_idle, longest_absolute) = self.longest_timeouts.durations();
        Sessions::builder(&self.app[..], self.keys.read(texts))
            .cookie_name(&self.cookie_name[..])
            .schema_version(self.schema)
            .idle_timeout(idle)
            .absolute_timeout(absolute)
            .longest_timeouts(longest_idle, longest_absolute)
    }

    fn sessions<T: Serialize + DeserializeOwned + Default>(
        &self,
        builder: SessionsBuilder<T>,
    ) -> Sessions<T> {
        let sessions = builder.build().unwrap();
        sessions.reject_created_before(at(self.reject_created_before));
        sessions
    }

    fn visits(&self, texts: &KeyTexts) -> Sessions<Visit> {
        self.sessions(self.visits_builder(texts))
    }

    fn visits_builder(&self, texts: &KeyTexts) -> SessionsBuilder<Visit> {
        let mut builder = self.builder::<Visit>(texts);
        for (schema, old) in &self.upgrades {
            assert_eq!(old, "page_views");
            builder = builder.upgrade(*schema, |page_views: u32| Visit { page_views, user: None });
        }
        if let Some(user) = self.revoked_user.clone() {
            builder = builder.revoked(move |session| session.user.as_ref() == Some(&user));
        }
        builder
    }

    /// What is known without the application's type.
    fn inspected(&self, texts: &KeyTexts) -> Server {
        let (idle_timeout, absolute_timeout) = self.timeouts.durations();
        Server {
            app: self.app.clone(),
            cookie_name: self.cookie_name.clone(),
            keys: Some(self.keys.read(texts)),
            idle_timeout,
            absolute_timeout,
            longest_timeouts: self.longest_timeouts.durations(),
        }
    }
}

/// Something to do with the `Sessions` of whichever type a vector has.
trait Task {
    fn run<T: Serialize + DeserializeOwned + Debug>(self, sessions: &Sessions<T>);
}

fn with_sessions(setup: &Setup, texts: &KeyTexts, task: impl Task) {
    match &setup.kind[..] {
        "visit" => task.run(&setup.visits(texts)),
        "dynamic" => task.run(&setup.sessions::<Dynamic>(setup.builder(texts))),
        "nest" => task.run(&setup.sessions::<Nest>(setup.builder(texts))),
        "units" => task.run(&setup.sessions::<Vec<()>>(setup.builder(texts))),
        other => panic!("no such type: {other}"),
    }
}

struct Open<'v>(&'v Good, &'v Setup, &'v KeyTexts);

impl Task for Open<'_> {
    fn run<T: Serialize + DeserializeOwned + Debug>(self, sessions: &Sessions<T>) {
        let Open(good, setup, texts) = self;
        let (name, now) = (&good.name, at(good.now));
        let session =
            sessions.decode_at(&good.value, now).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(session.id(), good.session.id, "{name}");
        let own = good.session.timeouts.map(Lengths::durations);
        assert_eq!(session.own_timeouts(), own, "{name}");
        let renewed = session.created_at() + Duration::seconds(good.session.renewed.into());
        assert_eq!(session.renewed_at(), renewed, "{name}");

        // What it says to those who do not know its type.
        let inspection = inspect(&good.value, &setup.inspected(texts), now).unwrap();
        assert_eq!((inspection.refused, inspection.refused_at), (None, None), "{name}");
        let inside = inspection.session.unwrap();
        assert_eq!((inside.schema, inside.cut), (good.session.schema, good.session.cut), "{name}");
        assert_eq!(inside.renewed_at, session.renewed_at(), "{name}");

        // What a writer makes of it, which a second implementation opens.
        let key = secret(texts, sessions.sealing_key_at(now).unwrap());
        if name == "cookie_of_4096_bytes" {
            // It is at the limit, and a later cookie of this session could be longer.
            assert!(matches!(
                sessions.encode_at(&session, now),
                Err(EncodeError::TooLarge { limit: 4096, .. })
            ));
        } else {
            let value = sessions.encode_at(&session, now).unwrap();
            let plaintext = Second::new(key, &setup.app, &setup.cookie_name).open(&value).unwrap();
            let (stamps, data) = Stamps::read(unpad(&plaintext).unwrap()).unwrap();
            assert_eq!(Uuid::from_bytes(stamps.id), good.session.id, "{name}");
            assert_eq!((stamps.schema, stamps.cut), (setup.schema, good.session.cut), "{name}");
            assert_eq!(hex(data), good.session.data, "{name}");
        }
    }
}

/// The bytes of the key of the file that has this id.
fn secret(texts: &KeyTexts, id: KeyId) -> [u8; 32] {
    let text = texts.values().find(|text| text.parse::<Key>().unwrap().id() == id).unwrap();
    // `ssk1_`, then 32 bytes and 4 of the checksum.
    *support::second::to_bytes(&text[5..]).first_chunk().unwrap()
}

struct Refuse<'v>(&'v Bad, &'v Setup, &'v KeyTexts);

impl Task for Refuse<'_> {
    fn run<T: Serialize + DeserializeOwned + Debug>(self, sessions: &Sessions<T>) {
        let Refuse(bad, setup, texts) = self;
        let (name, now) = (&bad.name, at(bad.now));
        let error = sessions.decode_at(&bad.value, now).expect_err(name);
        assert_eq!(error.reason().as_str(), bad.reason, "{name}");
        // Row 10 needs what the operator said, and the rows after it need the type.
        let inspection = inspect(&bad.value, &setup.inspected(texts), now).unwrap();
        let told = inspection.refused.map(Reason::as_str).zip(inspection.refused_at);
        let expected = (bad.row < 10).then_some((&bad.reason[..], bad.row));
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn good_values() {
    let values: Values = file("values.json");
    assert!(values.good.len() >= 20);
    for good in &values.good {
        let setup = setup(&values.server, &good.server);
        with_sessions(&setup, &values.keys, Open(good, &setup, &values.keys));
    }
}

#[test]
fn bad_values() {
    let values: Values = file("values.json");
    assert!(values.bad.len() >= 60);
    for bad in &values.bad {
        let setup = setup(&values.server, &bad.server);
        with_sessions(&setup, &values.keys, Refuse(bad, &setup, &values.keys));
    }
}

// Values beside entries of ended sessions.

#[derive(Deserialize)]
struct Ended {
    keys: KeyTexts,
    namespace: String,
    keep: i64,
    now: i64,
    good: Vec<BesideEntries>,
    bad: Vec<EndedByEntries>,
}

#[derive(Deserialize)]
struct BesideEntries {
    name: String,
    #[serde(default)]
    server: Value,
    ended: Vec<String>,
    value: String,
}

#[derive(Deserialize)]
struct EndedByEntries {
    #[serde(flatten)]
    beside: BesideEntries,
    reason: String,
    /// What a server says that remembers no ended sessions.
    otherwise: Option<Otherwise>,
}

#[derive(Deserialize)]
struct Otherwise {
    reason: String,
}

impl Ended {
    /// What a server that has read the entries of the vector says of its value, and one that remembers
    /// none: why they refuse it.
    fn told(&self, vector: &BesideEntries) -> [Option<&'static str>; 2] {
        let BesideEntries { name, server, ended, value } = vector;
        let setup = setup(&file::<Values>("values.json").server, server);
        let now = at(self.now);
        let list = EndedSessions::new(&self.namespace[..], Duration::seconds(self.keep));
        for entry in ended {
            list.apply_at(&unhex(entry), now).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        let builder = setup.visits_builder(&self.keys);
        let remembering = builder.ended(&list).subject(|visit: &Visit| visit.user.clone());
        [remembering, setup.visits_builder(&self.keys)].map(|builder| {
            let decoded = setup.sessions(builder).decode_at(value, now);
            decoded.err().map(|error| error.reason().as_str())
        })
    }
}

#[test]
fn values_beside_entries_of_ended_sessions() {
    let ended: Ended = file("ended.json");
    assert!(ended.good.len() >= 10 && ended.bad.len() >= 20);
    for good in &ended.good {
        assert_eq!(ended.told(good), [None, None], "{}", good.name);
    }
    for EndedByEntries { beside, reason, otherwise } in &ended.bad {
        let otherwise = otherwise.as_ref().map(|otherwise| &otherwise.reason[..]);
        assert_eq!(ended.told(beside), [Some(&reason[..]), otherwise], "{}", beside.name);
    }
}

// Cookie headers.

#[derive(Deserialize)]
struct CookieHeaders {
    keys: KeyTexts,
    now: i64,
    requests: Vec<Request>,
}

#[derive(Deserialize)]
struct Request {
    name: String,
    headers: Vec<Header>,
    refused: Option<String>,
    session: Option<Found>,
}

#[derive(Deserialize)]
struct Found {
    id: Uuid,
    page_views: u32,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Header {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Part {
    Text(String),
    Repeated { repeat: String, times: usize },
}

impl Part {
    fn text(&self) -> String {
        match self {
            Part::Text(text) => text.clone(),
            Part::Repeated { repeat, times } => repeat.repeat(*times),
        }
    }
}

impl Header {
    /// Its characters are its bytes.
    fn bytes(&self) -> Vec<u8> {
        let text = match self {
            Header::Text(text) => text.clone(),
            Header::Parts(parts) => parts.iter().map(Part::text).collect(),
        };
        text.chars().map(|character| u8::try_from(character).unwrap()).collect()
    }
}

#[test]
fn cookie_headers() {
    let file_of_headers: CookieHeaders = file("cookie-headers.json");
    let base = file::<Values>("values.json").server;
    let sessions = setup(&base, &Value::Null).visits(&file_of_headers.keys);
    assert!(file_of_headers.requests.len() >= 40);
    for Request { name, headers, refused, session: found } in &file_of_headers.requests {
        let request = request(headers.iter().map(Header::bytes));
        let session = sessions.load_at(&request, at(file_of_headers.now));
        match (found, refused) {
            (Some(found), None) => {
                assert!(matches!(session.origin(), Origin::Restored), "{name}");
                assert_eq!(
                    (session.id(), session.page_views),
                    (found.id, found.page_views),
                    "{name}"
                );
            }
            (None, Some(reason)) => match session.origin() {
                Origin::Rejected(told) => assert_eq!(told.as_str(), reason, "{name}"),
                other => panic!("{name}: {other:?}"),
            },
            (None, None) => assert_eq!(session.origin(), Origin::New, "{name}"),
            (Some(_), Some(_)) => panic!("{name} is contradictory"),
        }
    }
}

// Entries of ended sessions.

#[derive(Deserialize)]
struct Entries {
    namespace: String,
    now: i64,
    good: Vec<GoodEntry>,
    bad: Vec<BadEntry>,
    subjects: Vec<SubjectOf>,
}

#[derive(Deserialize)]
struct GoodEntry {
    name: String,
    entry: String,
    line: String,
    says: Value,
}

#[derive(Deserialize)]
struct BadEntry {
    name: String,
    entry: String,
    error: String,
}

#[derive(Deserialize)]
struct SubjectOf {
    name: String,
    namespace: String,
    user: Part,
    subject: String,
}

impl Entries {
    fn list(&self) -> EndedSessions {
        EndedSessions::new(&self.namespace[..], Duration::hours(8))
    }

    fn good(&self, name: &str) -> &GoodEntry {
        self.good.iter().find(|good| good.name == name).unwrap()
    }
}

/// What a list has to send, in hex.
fn unsent(list: &EndedSessions) -> Vec<String> {
    list.unsent(10).entries().map(|entry| hex(entry.as_ref())).collect()
}

#[test]
fn entries_of_ended_sessions() {
    let entries: Entries = file("entries.json");
    for good in &entries.good {
        let GoodEntry { name, entry, line, says } = good;
        let bytes = unhex(entry);
        assert_eq!(support::second::to_text(&bytes), *line, "{name}");
        let list = entries.list();
        let applied = list.apply_at(&bytes, at(entries.now)).unwrap();
        // What ended in 1970 matters no more, and this list keeps ends for 8 hours anyway.
        let is_news = !["id_of_1970", "keep_of_a_new_feed"].contains(&&name[..]);
        assert_eq!(applied != Applied::Known, is_news, "{name}: {says}");
        // Two that say the same are one.
        let again = list.apply_at(&bytes, at(entries.now)).unwrap();
        assert_ne!(again, Applied::New, "{name}");
    }
    for BadEntry { name, entry, error } in &entries.bad {
        let told = match entries.list().apply_at(&unhex(entry), at(entries.now)).unwrap_err() {
            ApplyError::NotAnEntry => "not_an_entry",
            ApplyError::UnknownVersion(_) => "unknown_version",
            ApplyError::NumberTooLarge(_) => "number_too_large",
            other => panic!("{name}: {other}"),
        };
        assert_eq!(told, error, "{name}");
    }
}

#[test]
fn what_ends_here_makes_the_entries_of_the_vectors() {
    let entries: Entries = file("entries.json");
    let list = entries.list();
    let by_administrator = entries.good("id_ended_by_an_administrator");
    let id: Uuid = by_administrator.says["id"].as_str().unwrap().parse().unwrap();
    list.end_at(id, at(entries.now)).unwrap();
    assert_eq!(unsent(&list), [&by_administrator.entry[..]]);

    let list = entries.list();
    list.end_all_of_at("user-17", at(entries.now)).unwrap();
    assert_eq!(unsent(&list), [&entries.good("cut_of_end_all_of").entry[..]]);
}

#[test]
fn subjects() {
    let entries: Entries = file("entries.json");
    for SubjectOf { name, namespace, user, subject } in &entries.subjects {
        let list = EndedSessions::new(&namespace[..], Duration::hours(8));
        list.end_all_of_at(&user.text(), at(entries.now)).unwrap();
        // Version and kind, then the subject.
        assert_eq!(unsent(&list)[0][4..36], *subject, "{name}");
    }
}

// Key files.

#[derive(Deserialize)]
struct KeyFiles {
    keys: KeyTexts,
    good: Vec<GoodKeyFile>,
    bad: Vec<BadKeyFile>,
}

#[derive(Deserialize)]
struct GoodKeyFile {
    name: String,
    text: String,
    says: Said,
    written: String,
}

#[derive(Deserialize)]
struct Said {
    /// A text if JavaScript has no such number.
    generation: Value,
    reject_created_before: Option<i64>,
    keys: Vec<Dated>,
}

#[derive(Deserialize)]
struct BadKeyFile {
    name: String,
    text: Option<String>,
    hex: Option<String>,
    line: usize,
    error: String,
}

fn millis(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap()
}

#[test]
fn good_key_files() {
    let files: KeyFiles = file("key-files.json");
    assert!(files.good.len() >= 20);
    for GoodKeyFile { name, text, says, written } in &files.good {
        let read = KeySchedule::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let generation = says.generation.as_str().map(|text| text.parse().unwrap());
        let generation = generation.or(says.generation.as_u64()).unwrap();
        assert_eq!(read.generation(), generation, "{name}");
        assert_eq!(read.reject_created_before().map(millis), says.reject_created_before, "{name}");
        assert_eq!(read.keys().len(), says.keys.len(), "{name}");
        for (dated, said) in read.keys().iter().zip(&says.keys) {
            let key: Key = files.keys[&said.key].parse().unwrap();
            assert_eq!(dated.id(), key.id(), "{name}");
            assert_eq!(millis(dated.seal_from()), said.seal_from, "{name}");
            assert_eq!(dated.open_until().map(millis), said.open_until, "{name}");
            assert_eq!(dated.is_revoked(), said.revoked, "{name}");
        }
        assert_eq!(*read.to_text(), *written, "{name}");
    }
}

/// What is wrong, by the words of the message.
fn kind(error: &KeyFileError) -> &'static str {
    let text = error.to_string();
    let (_, problem) = text.split_once(": ").expect("the line stands in front");
    let kinds = [
        ("the file is empty", "empty"),
        ("this is not UTF-8 text", "not_utf_8"),
        ("this is not TOML", "not_toml"),
        ("the last line is not `# end`", "cut_short"),
        ("unknown field", "unknown_field"),
        ("`generation` is missing", "missing_field"),
        ("this key has no", "missing_field"),
        ("`generation` is not", "wrong_type"),
        ("`secret` is not", "wrong_type"),
        ("`secret` has a `\\`", "wrong_type"),
        ("`revoked` is not", "wrong_type"),
        ("`key` is not a list", "wrong_type"),
        ("this is not a table", "wrong_type"),
        ("`secret`: ", "key"),
        ("this key and that of line", "duplicate_id"),
    ];
    if let Some((_, kind)) = kinds.iter().find(|(words, _)| problem.starts_with(words)) {
        return kind;
    }
    let of_dates = ["is not a moment in time", "is no date of the calendar"];
    if of_dates.iter().any(|words| problem.contains(words)) { "date" } else { "schedule" }
}

#[test]
fn bad_key_files() {
    let files: KeyFiles = file("key-files.json");
    assert!(files.bad.len() >= 30);
    for BadKeyFile { name, text, hex, line, error } in &files.bad {
        let content = match (text, hex) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(hex)) => unhex(hex),
            _ => panic!("{name} is a text or bytes"),
        };
        let refused = KeySchedule::parse(&content).map(|_| ()).expect_err(name);
        assert_eq!(
            (refused.line(), kind(&refused)),
            (Some(*line), &error[..]),
            "{name}: {refused}"
        );
    }
}

// Ids of cookies from before.

#[derive(Deserialize)]
struct MigratedIds {
    name: String,
    jar_key: String,
    since: i64,
    now: i64,
    good: Vec<OldCookie>,
    bad: Vec<NoOldCookie>,
}

#[derive(Deserialize)]
struct OldCookie {
    name: String,
    value: String,
    text: String,
    id: Uuid,
}

#[derive(Deserialize)]
struct NoOldCookie {
    name: String,
    value: String,
    because: String,
}

#[test]
fn ids_of_cookies_from_before() {
    let ids: MigratedIds = file("migrated-ids.json");
    let jar_key = cookie::Key::from(&unhex(&ids.jar_key));
    let (since, now) = (at(ids.since), at(ids.now));
    let visit = |text: &str| Some(Visit { page_views: 0, user: Some(text.to_owned()) });
    let key = Key::from_bytes(std::array::from_fn(|place| place as u8)).unwrap();
    let sessions = Sessions::<Visit>::builder("shop", KeyRing::new(key))
        .migrate_private_jar(&ids.name[..], &jar_key, since..since + Duration::hours(1), visit)
        .build()
        .unwrap();
    let load = |value: &str| {
        let request = request([format!("{}={value}", ids.name).into_bytes()]);
        sessions.load_at(&request, now)
    };
    assert!(!ids.good.is_empty() && !ids.bad.is_empty());
    for OldCookie { name, value, text, id } in &ids.good {
        let session = load(value);
        assert_eq!((session.origin(), session.id()), (Origin::Restored, *id), "{name}");
        assert_eq!((session.created_at(), session.renewed_at()), (since, now), "{name}");
        assert_eq!(session.user.as_ref(), Some(text), "{name}");
    }
    for NoOldCookie { name, value, because } in &ids.bad {
        assert_eq!(load(value).origin(), Origin::New, "{name}: {because}");
    }
}
