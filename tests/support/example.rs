//! The built examples, running on free ports of this machine.

use sealed_session::Key;
use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::Duration;

/// For a server to say where it listens. On a busy machine that takes a while.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The examples' files, built anew if their sources changed: `cargo test --test …` builds that
/// test only.
static EXAMPLES: LazyLock<HashMap<String, PathBuf>> = LazyLock::new(|| {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp is in target");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--examples", "--message-format", "json-render-diagnostics"]);
    cargo.arg("--target-dir").arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
    // What `cargo test` says of the package to this test: the script that builds `ring` reads it, and
    // would build that crate, and all that use it, anew for each other package that it hears of.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    let output = cargo.stderr(Stdio::inherit()).output().expect("cargo runs");
    assert!(output.status.success(), "the examples do not build");
    let messages = String::from_utf8(output.stdout).expect("UTF-8");
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["kind"][0] == "example")
        .filter_map(|message| {
            let name = message["target"]["name"].as_str()?.to_owned();
            Some((name, PathBuf::from(message["executable"].as_str()?)))
        })
        .collect()
});

/// An example, to be started on a free port, without what the environment may say to it.
pub(crate) fn named(name: &str) -> Command {
    let mut command = Command::new(&EXAMPLES[name]);
    command.env("ADDR", "127.0.0.1:0").env("NO_COLOR", "1");
    for variable in
        ["KEY_FILE", "KEY_MAX_AGE", "SESSION_KEYS", "ENDED_FILE", "INSECURE", "RUST_LOG"]
    {
        command.env_remove(variable);
    }
    command
}

/// A running example, until it is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
    /// What it said up to its address.
    pub(crate) log: String,
}

impl Server {
    /// The example of this name, with a key of its own.
    pub(crate) fn of(name: &str) -> Server {
        Server::launch(&mut named(name))
    }

    /// `page_views` with these keys in `SESSION_KEYS`, or without the variable.
    pub(crate) fn start(keys: &[&Key]) -> Server {
        let mut command = named("page_views");
        if !keys.is_empty() {
            let texts: Vec<String> = keys.iter().map(|key| key.to_text().to_string()).collect();
            command.env("SESSION_KEYS", texts.join(","));
        }
        Server::launch(&mut command)
    }

    pub(crate) fn launch(command: &mut Command) -> Server {
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the example starts");
        let stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut server = Server { process, url: String::new(), log: String::new() };
        // Reads to the end, for otherwise the server would stop at a full pipe.
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            stdout.lines().map_while(Result::ok).for_each(|line| {
                let _ = sender.send(line);
            })
        });
        while server.url.is_empty() {
            let line = lines.recv_timeout(START_TIMEOUT);
            let line = line.unwrap_or_else(|_| panic!("no address, only this: {}", server.log));
            if let Some(start) = line.find("http://") {
                server.url = line[start..].to_owned();
            }
            server.log += &line;
            server.log.push('\n');
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
