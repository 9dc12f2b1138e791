//! What other jars make of our cookies, in every combination of attributes that `build()` allows:
//! the crate `cookie_store` (reqwest and ureq keep their cookies in it) and the engine of curl.
//! They must do what `tests/browser` sees Chromium do, or differ where this file says so.

mod support;

use cookie_store::{CookieStore, RawCookie};
use std::net::SocketAddr;
use std::process::Command;
use support::combinations::{self, DOMAIN, HOST_NAME};
use tokio::runtime::Runtime;
use url::Url;

/// curl takes `localhost` for secure, as browsers do, but nothing below it.
const HOST_SECURE_FOR_CURL: &str = "localhost";

#[test]
fn cookie_store_stores_sends_back_and_removes_every_combination() {
    // cookie_store, too, takes only `localhost` itself for secure; in the address of TLS that does
    // not matter.
    let url: Url = format!("https://{HOST_NAME}/app/0/read").parse().unwrap();
    for combination in combinations::all(DOMAIN) {
        let mut jar = CookieStore::new();
        let mut receive = |set_cookie: String| {
            jar.store_response_cookies([RawCookie::parse(set_cookie).unwrap()].into_iter(), &url);
            let held = jar.get_request_values(&url).map(|(name, value)| format!("{name}={value}"));
            held.collect::<Vec<_>>()
        };
        let set_cookie = combination.set_cookie();
        let pair = set_cookie.split(';').next().unwrap();
        assert_eq!(receive(set_cookie.clone()), [pair], "{combination}");
        assert_eq!(receive(combination.removal(pair)), [] as [&str; 0], "{combination}");
        assert_eq!(jar.iter_unexpired().count(), 0, "{combination}");
    }
}

/// A known difference: neither jar knows `Partitioned`, so the cookie with it replaces the one
/// without. Chromium holds both.
#[test]
fn neither_jar_knows_partitions() {
    let combinations = combinations::all(HOST_SECURE_FOR_CURL);
    let both = combinations::without_and_with_partition(&combinations);

    let url: Url = format!("https://{HOST_NAME}/").parse().unwrap();
    let mut jar = CookieStore::new();
    for index in both {
        jar.parse(&combinations[index].set_cookie(), &url).unwrap();
    }
    assert_eq!(jar.iter_any().count(), 1);

    let runtime = Runtime::new().unwrap();
    let addr = runtime.block_on(combinations::serve(&combinations));
    let [without, with] = both;
    let told = curl(HOST_SECURE_FOR_CURL, addr, &[(without, "set"), (with, "set")]);
    assert_eq!(told, ["New", "held", "Restored", "held"]);
}

#[test]
fn curl_stores_sends_back_and_removes_every_combination() {
    let runtime = Runtime::new().unwrap();
    for (host, domain, secure) in
        [(HOST_SECURE_FOR_CURL, HOST_SECURE_FOR_CURL, true), (HOST_NAME, DOMAIN, false)]
    {
        let combinations = combinations::all(domain);
        let addr = runtime.block_on(combinations::serve(&combinations));
        for (index, combination) in combinations.iter().enumerate() {
            if combination.secure == secure {
                let told = curl(host, addr, &whole_life(index));
                let expected = ["New", "held", "Restored", "held", "Restored", "New"];
                assert_eq!(told, expected, "{combination}");
            }
        }
    }
}

/// A known difference: Chromium takes `www.shop.localhost` for secure.
#[test]
fn curl_refuses_secure_cookies_below_localhost() {
    let runtime = Runtime::new().unwrap();
    let combinations = combinations::all(DOMAIN);
    let addr = runtime.block_on(combinations::serve(&combinations));
    let secure = combinations.iter().position(|combination| combination.secure).unwrap();
    assert_eq!(curl(HOST_NAME, addr, &whole_life(secure)), ["New"; 4]);
}

fn whole_life(index: usize) -> [(usize, &'static str); 4] {
    ["set", "read", "remove", "read"].map(|action| (index, action))
}

/// What one curl tells while it asks for actions on combinations: each answer, which is the origin
/// that the server saw, and after it a `held` for each cookie in the jar.
fn curl(host: &str, addr: SocketAddr, actions: &[(usize, &str)]) -> Vec<String> {
    let mut curl = Command::new("curl");
    // `-q`: whatever the user's `.curlrc` says. `-b ""` turns the engine on, `-c -` shows the jar.
    curl.args(["-q", "-sS", "--noproxy", "*", "-b", "", "-c", "-", "-w", "\n"]);
    curl.arg("--connect-to").arg(format!("::{}:{}", addr.ip(), addr.port()));
    for (index, action) in actions {
        curl.arg(format!("http://{host}:{}/app/{index}/{action}", addr.port()));
    }
    let output = curl.output().expect("this test needs the program `curl`, 7.79 or later");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // `#HttpOnly_` begins a cookie, `# ` a comment; the fields of a cookie are separated by tabs.
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with("# "));
    lines.map(|line| if line.contains('\t') { "held" } else { line }.to_owned()).collect()
}
