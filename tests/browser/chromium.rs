//! A headless Chromium with an empty profile, driven over WebDriver.

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write, stderr};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;
use tokio::task::JoinError;
use tokio::time::timeout;
use url::{ParseError, Url};

/// Generous: nothing depends on it but how long a browser that hangs holds a test up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Runs a test with a browser of its own, which is ended afterwards, whatever happened. Every test
/// gives another name. On a machine without a browser the test is skipped, with a line that says
/// so; where `CI` is `true` that is a failure.
pub(crate) fn with_browser<F>(name: &str, test: impl Fn(Client) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    with_restarts(name, 1, |client, _| test(client));
}

/// Runs `test` so many times, each in a new process of the browser that starts with what the one
/// before has left in its profile. `test` is told how many were before.
pub(crate) fn with_restarts<F>(name: &str, starts: u32, test: impl Fn(Client, u32) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let found = [&["chromedriver"][..], &["chromium", "chromium-browser", "google-chrome"]];
    let [Some(chromedriver), Some(chromium)] = found.map(find) else {
        let missing = "no `chromium` and `chromedriver` on this machine (in Debian: the packages \
                       chromium and chromium-driver)";
        assert!(env::var("CI").as_deref() != Ok("true"), "{missing}");
        #[expect(
            clippy::explicit_write,
            reason = "`eprintln!` is not shown for a test that passes"
        )]
        writeln!(stderr(), "SKIPPED browser test `{name}`: {missing}").unwrap();
        return;
    };
    let driver = Driver::start(&chromedriver);
    let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("browser-{name}"));
    let _ = fs::remove_dir_all(&profile);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let result = runtime.block_on(async {
        for before in 0..starts {
            let client = driver.open(&chromium, &profile).await;
            let result = tokio::spawn(timeout(PATIENCE, test(client.clone(), before))).await;
            // Ends Chromium, too.
            timeout(PATIENCE, client.close()).await.expect("it ends in time").unwrap();
            result?.expect("the test ends in time");
        }
        Ok(())
    });
    drop(driver);
    let _ = fs::remove_dir_all(&profile);
    if let Err(error) = result {
        let error: JoinError = error;
        resume_unwind(error.into_panic());
    }
}

fn find(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let all = env::split_paths(&path).flat_map(|dir| names.iter().map(move |name| dir.join(name)));
    all.into_iter().find(|program| program.is_file())
}

/// A running chromedriver, until it is dropped.
struct Driver {
    process: Child,
    url: String,
}

impl Driver {
    fn start(program: &Path) -> Driver {
        let mut command = Command::new(program);
        let mut process = command.arg("--port=0").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let port = port.expect("chromedriver says where it listens");
        // Reads to the end, for otherwise it would stop at a full pipe.
        thread::spawn(move || lines.for_each(drop));
        Driver { process, url: format!("http://127.0.0.1:{port}") }
    }

    async fn open(&self, chromium: &Path, profile: &Path) -> Client {
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--no-proxy-server",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // A name that no browser takes for secure.
            "--host-resolver-rules=MAP shop.test 127.0.0.1",
            &format!("--user-data-dir={}", profile.display()),
        ];
        let capabilities = json!({
            "goog:chromeOptions": { "binary": chromium, "args": arguments },
            "timeouts": { "pageLoad": 120_000, "script": 120_000 },
        });
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.as_object().unwrap().clone());
        builder.connect(&self.url).await.expect("Chromium starts")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// All cookies that the browser holds, of all sites, with their attributes: WebDriver's own command
/// shows only what a page would get. The fields are those of `Network.Cookie` in the DevTools
/// protocol.
pub(crate) async fn jar(client: &Client) -> Vec<Value> {
    let result = client.issue_cmd(DevTools("Storage.getCookies")).await.unwrap();
    result["cookies"].as_array().expect("a list of cookies").clone()
}

pub(crate) async fn empty_jar(client: &Client) {
    client.issue_cmd(DevTools("Storage.clearCookies")).await.unwrap();
}

/// A command of the DevTools protocol, which chromedriver passes on.
#[derive(Debug)]
struct DevTools(&'static str);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        let session = session.expect("the browser is open");
        base.join(&format!("session/{session}/goog/cdp/execute"))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "cmd": self.0, "params": {} }).to_string()))
    }
}
