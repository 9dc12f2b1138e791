//! The examples `page_views…` as their users meet them: the built server on a real socket, and the
//! real `curl` with its cookie jar.

mod support;

use sealed_session::key_file::tools::KeySchedule;
use sealed_session::{Key, KeyFile, KeyRing, Session, Sessions};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;
use support::example::{self, Server};
use time::OffsetDateTime;

/// What the page does, in whatever framework.
fn counts_signs_in_greets_and_signs_out(example: &str) {
    let server = Server::of(example);
    let browser = Browser::new(example);
    assert_eq!(browser.line(&server), "You visited this page 1 time.");
    assert_eq!(browser.line(&server), "You visited this page 2 times.");

    let token = browser.form_token(&server);
    let sign_in = [("csrf", &*token), ("username", "Ada L")];
    assert_eq!(browser.send_form(&server, "/login", &sign_in), "303 /");
    assert_eq!(browser.line(&server), "You visited this page 4 times, Ada L.");
    assert!(browser.page(&server).contains("Hello, <bdi>Ada L</bdi>!"));

    let token = browser.form_token(&server);
    assert_eq!(browser.send_form(&server, "/logout", &[("csrf", &token)]), "303 /");
    assert_eq!(browser.cookie(), None);
    assert_eq!(browser.line(&server), "You visited this page 1 time.");

    // The tutorials' links.
    assert_eq!(browser.redirect(&server, "/login?username=Ada%20L"), "303 /");
    assert_eq!(browser.line(&server), "You visited this page 2 times, Ada L.");
    assert_eq!(browser.redirect(&server, "/logout"), "303 /");
    assert_eq!(browser.line(&server), "You visited this page 1 time.");

    let missing = browser.curl(&server, "/missing", &["-o", DISCARD, "-w", "%{http_code}"]);
    assert_eq!(missing, "404");
}

/// One from before the sign-in, none at all, and one of another visitor.
fn refuses_forms_without_a_good_token(example: &str) {
    let server = Server::of(example);
    let [browser, other] =
        ["forms", "foreign-forms"].map(|name| Browser::new(&format!("{example}-{name}")));
    let [before, foreign] = [&browser, &other].map(|browser| browser.form_token(&server));
    let sign_in =
        |token| browser.send_form(&server, "/login", &[("csrf", token), ("username", "Ada")]);
    for token in ["", &foreign, &before[1..]] {
        assert_eq!(sign_in(token), "403 ", "{token}");
    }
    assert_eq!(browser.send_form(&server, "/login", &[("username", "Ada")]), "403 ");
    assert_eq!(browser.line(&server), "You visited this page 2 times.");

    assert_eq!(sign_in(&before), "303 /");
    assert_eq!(sign_in(&before), "403 ", "the sign-in gave the session a new id");
    assert_eq!(browser.send_form(&server, "/logout", &[("csrf", &before)]), "403 ");
    assert_eq!(browser.line(&server), "You visited this page 3 times, Ada.");
}

#[test]
fn with_axum() {
    refuses_forms_without_a_good_token("page_views");
    counts_signs_in_greets_and_signs_out("page_views");
}

#[test]
fn with_actix_web() {
    refuses_forms_without_a_good_token("page_views_actix");
    counts_signs_in_greets_and_signs_out("page_views_actix");
}

#[test]
fn with_poem() {
    refuses_forms_without_a_good_token("page_views_poem");
    counts_signs_in_greets_and_signs_out("page_views_poem");
}

#[test]
fn with_hyper() {
    refuses_forms_without_a_good_token("page_views_hyper");
    counts_signs_in_greets_and_signs_out("page_views_hyper");
}

#[test]
fn two_browsers_have_two_sessions() {
    let server = Server::start(&[]);
    let [ada, bob] = ["ada", "bob"].map(Browser::new);
    ada.redirect(&server, "/login?username=Ada");
    bob.redirect(&server, "/login?username=Bob");
    assert_eq!(ada.line(&server), "You visited this page 1 time, Ada.");
    assert_eq!(bob.line(&server), "You visited this page 1 time, Bob.");
}

#[test]
fn signing_in_gives_the_session_a_new_id() {
    let key = Key::generate();
    let server = Server::start(&[&key]);
    let browser = Browser::new("new-id");
    browser.line(&server);
    let before = browser.session(&key);
    browser.redirect(&server, "/login?username=Ada");
    let after = browser.session(&key);
    assert_ne!(after.id(), before.id());
    assert_eq!(before.user, None);
    assert_eq!(after.user.as_deref(), Some("Ada"));
    assert_eq!(after.page_views, before.page_views);
}

#[test]
fn without_a_name_nobody_is_signed_in() {
    let server = Server::start(&[]);
    let browser = Browser::new("no-name");
    for path in ["/login", "/login?username=", "/login?username=%20%0a"] {
        assert_eq!(browser.redirect(&server, path), "303 /");
        assert_eq!(browser.cookie(), None, "{path}");
    }
    assert_eq!(browser.line(&server), "You visited this page 1 time.");
}

#[test]
fn a_name_is_cut_before_it_outgrows_the_cookie() {
    let server = Server::start(&[]);
    let browser = Browser::new("long-name");
    let path = format!("/login?username={}", "%F0%9F%A6%80".repeat(3000));
    assert_eq!(browser.redirect(&server, &path), "303 /");
    let greeting = format!("You visited this page 1 time, {}.", "🦀".repeat(100));
    assert_eq!(browser.line(&server), greeting);
}

#[test]
fn a_name_with_markup_is_harmless() {
    let server = Server::start(&[]);
    let browser = Browser::new("markup");
    browser.redirect(&server, "/login?username=%3Cscript%3E%26");
    let page = browser.page(&server);
    assert!(page.contains("Hello, <bdi>&lt;script&gt;&amp;</bdi>!"), "{page}");
    assert!(!page.contains("<script"), "{page}");
}

#[test]
fn browsers_get_a_page_and_others_a_line() {
    let server = Server::start(&[]);
    let browser = Browser::new("accept");
    let content_type = |accept: &str| {
        let accept = format!("Accept: {accept}");
        browser.curl(&server, "/", &["-H", &accept, "-o", DISCARD, "-w", "%{content_type}"])
    };
    assert_eq!(content_type("text/html,application/xml;q=0.9"), "text/html; charset=utf-8");
    assert_eq!(content_type("text/plain"), "text/plain; charset=utf-8");
    assert_eq!(content_type("*/*"), "text/plain; charset=utf-8");
    assert_eq!(browser.line(&server), "You visited this page 4 times.");
}

#[test]
fn the_page_shows_what_the_browser_holds() {
    let key = Key::generate();
    let server = Server::start(&[&key]);
    let browser = Browser::new("panel");
    for origin in ["New: your browser sent no session", "Restored: your cookie was accepted"] {
        let page = browser.page(&server);
        let id = browser.session(&key).id();
        let len = "__Host-session=".len() + browser.cookie().expect("there is one").len();
        for part in [
            origin,
            &format!("{len} of 4096 bytes"),
            &format!("<code>{}</code>", key.id()),
            &format!("<code>{id}</code>"),
            "<dt>Ends without a visit</dt><dd>in ",
            "<dt>Ends in any case</dt><dd>in ",
        ] {
            assert!(page.contains(part), "no `{part}` in {page}");
        }
    }
}

#[test]
fn a_tampered_cookie_makes_a_new_visitor_who_is_told_why() {
    let server = Server::start(&[]);
    let browser = Browser::new("tampered");
    browser.redirect(&server, "/login?username=Ada");
    browser.tamper();
    let page = browser.page(&server);
    assert!(page.contains("your cookie was not accepted: forged"), "{page}");
    assert!(!page.contains("Ada"), "{page}");
    assert_eq!(browser.line(&server), "You visited this page 2 times.");
}

#[test]
fn sessions_outlive_a_restart_with_the_same_keys() {
    let key = Key::generate();
    let browser = Browser::new("restart");
    browser.redirect(&Server::start(&[&key]), "/login?username=Ada");
    let restarted = Server::start(&[&key]);
    assert_eq!(browser.line(&restarted), "You visited this page 1 time, Ada.");
}

#[test]
fn rotating_keys_signs_nobody_out_and_reseals() {
    let [old, new] = [Key::generate(), Key::generate()];
    let browser = Browser::new("rotation");
    browser.redirect(&Server::start(&[&old]), "/login?username=Ada");
    assert_eq!(browser.key_id(), old.id().to_bytes());

    let both = Server::start(&[&new, &old]);
    assert_eq!(browser.line(&both), "You visited this page 1 time, Ada.");
    assert_eq!(browser.key_id(), new.id().to_bytes());

    let only_new = Server::start(&[&new]);
    assert_eq!(browser.line(&only_new), "You visited this page 2 times, Ada.");
}

#[test]
fn dropping_the_key_of_a_cookie_signs_its_visitor_out() {
    let [old, new] = [Key::generate(), Key::generate()];
    let browser = Browser::new("dropped-key");
    browser.redirect(&Server::start(&[&old]), "/login?username=Ada");
    assert_eq!(browser.key_id(), old.id().to_bytes());

    let only_new = Server::start(&[&new]);
    assert_eq!(browser.line(&only_new), "You visited this page 1 time.");
    assert_eq!(browser.key_id(), new.id().to_bytes());
}

#[test]
fn without_keys_it_warns_and_tells_how_to_make_one() {
    let server = Server::start(&[]);
    assert!(server.log.contains("sessions will not outlive it"), "{}", server.log);
    let (_, command) = server.log.split_once("export SESSION_KEYS=$(").expect("it names a command");
    let (command, _) = command.split_once(')').expect("the whole of it");
    let (program, argument) = command.rsplit_once(' ').expect("with its argument");

    let printed = Command::new(program).arg(argument).output().expect("it is there");
    assert!(printed.status.success());
    let key: Key = text(printed.stdout).trim().parse().expect("it prints a key");
    let server = Server::start(&[&key]);
    assert!(!server.log.contains("WARN"), "{}", server.log);
}

#[test]
fn wrong_keys_are_an_error_that_names_the_entry_and_no_secret() {
    let good = Key::generate().to_text();
    let cut = &good[..40];
    let output = run(&[], Some(&format!("{},{cut}", *good)));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(output.stderr),
        "in the environment variable SESSION_KEYS: key 2 of the list: a key in text form has 53 \
         characters, but this one has 40: was it cut short?\n"
    );
    assert_eq!(text(output.stdout), "");
}

#[test]
fn empty_keys_are_an_error_too() {
    let output = run(&[], Some(""));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(output.stderr),
        "in the environment variable SESSION_KEYS: the text is empty, so there is no key: \
         make one with `sealed-session keys generate`, or in a program with \
         `Key::generate().to_text()`\n"
    );
}

#[test]
fn cookies_are_insecure_only_when_asked_for() {
    let headers =
        |server: &Server| Browser::new("insecure").curl(server, "/", &["-o", DISCARD, "-D", "-"]);
    let secure = headers(&Server::start(&[]));
    assert!(
        secure.contains("set-cookie: __Host-session=") && secure.contains("; Secure"),
        "{secure}"
    );

    let server = Server::launch(example().env("INSECURE", "1"));
    let insecure = headers(&server);
    assert!(
        insecure.contains("set-cookie: session=") && !insecure.contains("; Secure"),
        "{insecure}"
    );
    assert!(server.log.contains("never do this in production"), "{}", server.log);
}

/// The addresses that are not on this machine cannot be listened on: the example ends then.
#[test]
fn an_address_for_other_machines_is_a_warning_unless_cookies_are_insecure() {
    const WARNING: &str = "browsers do not keep a cookie with `Secure`";
    let log = |addr: &str, insecure: &str| {
        let mut example = example();
        example.env("ADDR", addr).env("INSECURE", insecure);
        text(example.output().expect("the example starts").stdout)
    };
    for addr in ["203.0.113.1:0", "[2001:db8::1]:0", "shop.invalid:0"] {
        let secure = log(addr, "0");
        assert!(secure.contains("WARN") && secure.contains(WARNING), "{addr}: {secure}");
        assert!(!log(addr, "1").contains(WARNING), "{addr}");
    }
    for addr in ["127.0.0.1:0", "[::1]:0", "localhost:0"] {
        let server = Server::launch(example().env("ADDR", addr));
        assert!(!server.log.contains(WARNING), "{addr}: {}", server.log);
    }
}

#[test]
fn a_new_visitor_is_told_what_it_means_when_that_does_not_change() {
    let server = Server::start(&[]);
    let browser = Browser::new("nothing-back");
    const MEANING: &str = "your browser does not send the cookie back";
    assert!(browser.page(&server).contains(MEANING));
    assert!(!browser.page(&server).contains(MEANING), "it does");
}

#[test]
fn it_shows_its_figures_in_the_format_of_prometheus() {
    let key = Key::generate();
    let server = Server::start(&[&key]);
    let browser = Browser::new("metrics");
    browser.line(&server);
    browser.line(&server);
    let figures = browser.curl(&server, "/metrics", &["-D", "-"]);
    let id = key.id();
    for line in [
        "content-type: text/plain; version=0.0.4".to_owned(),
        "# TYPE sealed_session_opened_total counter".to_owned(),
        format!("sealed_session_opened_total{{key_id=\"{id}\"}} 1"),
        "sealed_session_written_total{cause=\"changed\"} 2".to_owned(),
        "sealed_session_cookie_bytes_bucket{le=\"512\"} 2".to_owned(),
    ] {
        assert!(figures.lines().any(|shown| shown.trim_end() == line), "no `{line}` in {figures}");
    }
    assert!(!figures.to_ascii_lowercase().contains("set-cookie"), "{figures}");
    let ready = browser.curl(&server, "/ready", &["-w", "%{http_code}"]);
    assert_eq!(ready, "ready\n200", "without a key file there is none to be too old");
}

#[test]
fn it_is_not_ready_when_its_keys_may_be_too_old() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let keys = KeySchedule::new(Key::generate(), OffsetDateTime::now_utc()).unwrap();
    KeyFile::options().create(&path, &keys).unwrap();
    let mut example = example();
    let server = Server::launch(example.env("KEY_FILE", &path).env("KEY_MAX_AGE", "2"));
    let browser = Browser::new("ready");
    let ready = || browser.curl(&server, "/ready", &["-w", "%{http_code}"]);
    assert_eq!(ready(), "ready, keys of generation 1\n200");
    let generation = "sealed_session_key_file_generation 1";
    assert!(browser.curl(&server, "/metrics", &[]).contains(generation));

    fs::write(&path, "generation = 2\n").unwrap();
    let started = Instant::now();
    let refused = loop {
        let answer = ready();
        if answer.ends_with("503") {
            break answer;
        }
        assert!(started.elapsed().as_secs() < 60, "still {answer}");
    };
    assert!(refused.contains("not ready: ") && refused.contains("it has no key"), "{refused}");
    let figures = browser.curl(&server, "/metrics", &[]);
    assert!(figures.contains("sealed_session_key_file_error 1"), "{figures}");
    assert_eq!(browser.line(&server), "You visited this page 1 time.", "it serves all the same");

    KeyFile::options().create(folder.path().join("again.toml"), &keys).unwrap();
    fs::rename(folder.path().join("again.toml"), &path).unwrap();
    while !ready().ends_with("200") {
        assert!(started.elapsed().as_secs() < 120, "it does not recover");
    }
}

#[test]
fn a_wrong_age_of_keys_is_an_error() {
    let output = example().env("KEY_MAX_AGE", "3m").output().expect("the example starts");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(output.stderr), "KEY_MAX_AGE=3m: give a number of seconds\n");
}

/// The session of the example, to look into its cookies from another process.
#[derive(Serialize, Deserialize, Default)]
struct Visit {
    page_views: u32,
    user: Option<String>,
}

fn example() -> Command {
    example::named("page_views")
}

/// The example where it ends by itself; should it not, it has nowhere to listen.
fn run(arguments: &[&str], keys: Option<&str>) -> Output {
    let mut command = example();
    command.env("ADDR", "nowhere").args(arguments).envs(keys.map(|keys| ("SESSION_KEYS", keys)));
    command.output().expect("the example starts")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

const DISCARD: &str = if cfg!(windows) { "NUL" } else { "/dev/null" };

/// `curl` with a cookie jar of its own.
struct Browser {
    jar: PathBuf,
}

impl Browser {
    /// One with an empty jar. Every test gives another name.
    fn new(name: &str) -> Browser {
        let jar = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page_views-{name}.jar"));
        fs::write(&jar, "").expect("the jar can be written");
        Browser { jar }
    }

    fn curl(&self, server: &Server, path: &str, options: &[&str]) -> String {
        let mut curl = Command::new("curl");
        // `-q`: whatever the user's `.curlrc` says.
        curl.args(["-q", "-sS", "--noproxy", "*", "-b"]).arg(&self.jar).arg("-c").arg(&self.jar);
        curl.args(options).arg(format!("{}{path}", server.url));
        let output = curl.output().unwrap_or_else(|error| match error.kind() {
            ErrorKind::NotFound => panic!(
                "this test needs the program `curl`, 7.79 or later: install it (for example \
                 `apt-get install curl`)"
            ),
            _ => panic!("curl does not start: {error}"),
        });
        assert!(output.status.success(), "curl: {}", text(output.stderr));
        text(output.stdout)
    }

    /// `GET /` as curl sees it.
    fn line(&self, server: &Server) -> String {
        let body = self.curl(server, "/", &[]);
        body.strip_suffix('\n').expect("one line").to_owned()
    }

    /// `GET /` as a browser sees it.
    fn page(&self, server: &Server) -> String {
        self.curl(server, "/", &["-H", "Accept: text/html"])
    }

    /// The status, and where to.
    fn redirect(&self, server: &Server, path: &str) -> String {
        self.curl(server, path, &["-w", "%{http_code} %{redirect_url}"]).replace(&server.url, "")
    }

    /// The token of the page's form, which is a visit.
    fn form_token(&self, server: &Server) -> String {
        let page = self.page(server);
        let (_, rest) = page.split_once(r#"name="csrf" value=""#).expect("a form with a token");
        rest.split_once('"').expect("the whole of it").0.to_owned()
    }

    /// Sends a form by POST. The status, and where to.
    fn send_form(&self, server: &Server, path: &str, fields: &[(&str, &str)]) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let form = form.extend_pairs(fields).finish();
        let status = "%{http_code} %{redirect_url}";
        let options = ["-d", &form, "-o", DISCARD, "-w", status];
        self.curl(server, path, &options).replace(&server.url, "")
    }

    fn jar(&self) -> String {
        fs::read_to_string(&self.jar).expect("the jar can be read")
    }

    /// The session cookie's value: the last of seven fields, separated by tabs.
    fn cookie(&self) -> Option<String> {
        let jar = self.jar();
        let mut lines = jar.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        lines.find(|fields| fields.get(5) == Some(&"__Host-session")).map(|fields| fields[6].into())
    }

    fn value(&self) -> String {
        self.cookie()
            .expect("curl has kept the cookie: versions before 7.79 take 127.0.0.1 for insecure")
    }

    /// The four bytes after the version in the envelope: they say which key sealed it.
    fn key_id(&self) -> [u8; 4] {
        let envelope = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(self.value()).expect("base64url");
        envelope[1..5].try_into().expect("four bytes")
    }

    /// What the cookie holds.
    fn session(&self, key: &Key) -> Session<Visit> {
        let ring = KeyRing::new(key.clone());
        let sessions = Sessions::builder("page_views", ring).build().expect("as in the example");
        sessions.decode(&self.value()).expect("the example sealed it")
    }

    /// Changes one character in the middle of the ciphertext.
    fn tamper(&self) {
        let value = self.value();
        let place = value.len() / 2;
        let other = if &value[place..=place] == "A" { "B" } else { "A" };
        let mut tampered = value.clone();
        tampered.replace_range(place..=place, other);
        fs::write(&self.jar, self.jar().replace(&value, &tampered)).expect("the jar is writable");
    }
}
