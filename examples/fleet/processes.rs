//! The processes of the fleet: three servers, each with a key file and a clock of its own, nginx in
//! front, and the command that changes the keys.

use crate::Result;
use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::sleep;

pub(crate) const SERVERS: usize = 3;

/// How long a file is on its way from the operator to each server.
pub(crate) const DELAYS: [Duration; SERVERS] =
    [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(4)];
/// Seconds by which each server's clock is wrong. The one that gets new keys first is ahead, the
/// one that gets them last is behind: it cannot be worse.
pub(crate) const CLOCK_ERRORS: [i64; SERVERS] = [3, 0, -3];

/// The programs, built like this one.
pub(crate) struct Programs {
    page_views: PathBuf,
    sealed_session: PathBuf,
    nginx: &'static str,
    faketime: PathBuf,
}

impl Programs {
    /// `cargo run --example fleet` builds this example only.
    pub(crate) fn build() -> Result<Programs> {
        let nginx = ["nginx", "/usr/sbin/nginx"].into_iter().find(|name| {
            let version = Command::new(name).arg("-v").stderr(Stdio::null()).status();
            version.is_ok_and(|status| status.success())
        });
        let nginx = nginx.ok_or("nginx is missing; on Debian: apt-get install nginx-light")?;
        let faketime = find_faketime().ok_or("faketime is missing; apt-get install faketime")?;

        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "--features", "cli"]);
        command.args(["--example", "page_views", "--bin", "sealed-session"]);
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        if !command.current_dir(env!("CARGO_MANIFEST_DIR")).status()?.success() {
            return Err("the servers could not be built".into());
        }
        let this = std::env::current_exe()?;
        let examples = this.parent().ok_or("no folder of this program")?;
        let programs = examples.parent().ok_or("no folder of the programs")?;
        Ok(Programs {
            page_views: examples.join("page_views"),
            sealed_session: programs.join("sealed-session"),
            nginx,
            faketime,
        })
    }
}

/// The library that tells one process another time, for threads.
fn find_faketime() -> Option<PathBuf> {
    let folders = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    let below = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let below: Vec<PathBuf> = below.map(|entry| entry.path()).collect();
    let mut found = folders.iter().chain(&below).map(|f| f.join("faketime/libfaketimeMT.so.1"));
    found.find(|library| library.exists())
}

/// Everything that runs, in a folder of its own. What runs is ended when this is dropped.
pub(crate) struct Fleet {
    programs: Programs,
    servers: Vec<Server>,
    pub(crate) nginx: Arc<Nginx>,
    /// The process ids of the servers, 0 where one was killed.
    pub(crate) ids: Arc<[AtomicU32; SERVERS]>,
    /// Dropped last.
    folder: tempfile::TempDir,
}

struct Server {
    address: SocketAddr,
    process: Option<Child>,
}

impl Fleet {
    /// How old a server's keys may be before it says that it is not ready.
    pub(crate) fn start(programs: Programs, ready_limit: Duration) -> Result<Fleet> {
        let free = |_| Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?);
        let addresses = (0..=SERVERS).map(free).collect::<Result<Vec<SocketAddr>>>()?;
        let server = |address: &SocketAddr| Server { address: *address, process: None };
        let folder = tempfile::tempdir()?;
        let nginx = Nginx {
            program: programs.nginx,
            folder: folder.path().to_owned(),
            servers: addresses[..SERVERS].to_vec(),
            entrance: addresses[SERVERS],
            process: Mutex::new(None),
        };
        let mut fleet = Fleet {
            programs,
            servers: addresses[..SERVERS].iter().map(server).collect(),
            nginx: Arc::new(nginx),
            ids: Arc::default(),
            folder,
        };
        fleet.keys(&["new"])?;
        for place in 0..SERVERS {
            fs::create_dir(fleet.path(&format!("server-{place}")))?;
            fleet.copy(place, &fs::read(fleet.path("keys.toml"))?)?;
            fleet.start_server(place, ready_limit)?;
        }
        fleet.nginx.start()?;
        Ok(fleet)
    }

    /// Where the visitors go.
    pub(crate) fn entrance(&self) -> SocketAddr {
        self.nginx.entrance
    }

    pub(crate) fn addresses(&self) -> [SocketAddr; SERVERS] {
        std::array::from_fn(|place| self.servers[place].address)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `sealed-session keys WHAT FILE …` with the operator's own file, and what it says.
    pub(crate) fn keys(&self, what: &[&str]) -> Result<serde_json::Value> {
        let mut command = Command::new(&self.programs.sealed_session);
        command.args(["--json", "keys", what[0]]).arg(self.path("keys.toml")).args(&what[1..]);
        let output = command.output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Sends the operator's file to every server, each after its delay. To `damaged` comes only the
    /// first half of it.
    pub(crate) fn bring_file(&self, damaged: Option<usize>) -> Result<()> {
        let content = fs::read(self.path("keys.toml"))?;
        for (place, delay) in DELAYS.into_iter().enumerate() {
            let half = if damaged == Some(place) { content.len() / 2 } else { content.len() };
            let (content, path) = (content[..half].to_vec(), self.copy_of(place));
            tokio::spawn(async move {
                sleep(delay).await;
                put(&path, &content).expect("the folder is there and the disk has room");
            });
        }
        Ok(())
    }

    /// Brings the whole file to one server, now.
    pub(crate) fn repair_file(&self, place: usize) -> Result<()> {
        self.copy(place, &fs::read(self.path("keys.toml"))?)
    }

    fn copy_of(&self, place: usize) -> PathBuf {
        self.path(&format!("server-{place}")).join("keys.toml")
    }

    fn copy(&self, place: usize, content: &[u8]) -> Result<()> {
        Ok(put(&self.copy_of(place), content)?)
    }

    pub(crate) fn start_server(&mut self, place: usize, ready_limit: Duration) -> Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path(&format!("server-{place}.log")))?;
        let address = self.servers[place].address;
        let mut command = Command::new(&self.programs.page_views);
        command
            .env("ADDR", address.to_string())
            .env("KEY_FILE", self.copy_of(place))
            .env("KEY_MAX_AGE", ready_limit.as_secs().to_string())
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log);
        if CLOCK_ERRORS[place] != 0 {
            // Only what tells the date is wrong; how long a second is, stays.
            command
                .env("LD_PRELOAD", &self.programs.faketime)
                .env("FAKETIME", format!("{:+}s", CLOCK_ERRORS[place]))
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("DONT_FAKE_MONOTONIC", "1")
                .env("NO_FAKE_STAT", "1");
        }
        let process = command.spawn()?;
        self.ids[place].store(process.id(), Ordering::Relaxed);
        self.servers[place].process = Some(process);
        wait_for(address)
    }

    /// SIGKILL: no time to save or to say good-bye.
    pub(crate) fn kill_server(&mut self, place: usize) -> Result<()> {
        if let Some(mut process) = self.servers[place].process.take() {
            self.ids[place].store(0, Ordering::Relaxed);
            end(&mut process)?;
        }
        Ok(())
    }

    /// What the servers logged, for finding out what went wrong.
    pub(crate) fn logs(&self) -> String {
        let names = (0..SERVERS).map(|place| format!("server-{place}.log"));
        let log = |name: String| {
            let text = fs::read_to_string(self.path(&name)).unwrap_or_default();
            format!("== {name}\n{text}")
        };
        names.chain(["nginx.log".to_owned()]).map(log).collect()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for process in self.servers.iter_mut().filter_map(|server| server.process.as_mut()) {
            let _ = end(process);
        }
        self.nginx.stop();
    }
}

/// By SIGKILL. libfaketime then leaves two files, which nobody else removes.
fn end(process: &mut Child) -> std::io::Result<()> {
    process.kill()?;
    process.wait()?;
    for name in ["faketime_shm_", "sem.faketime_sem_"] {
        let _ = fs::remove_file(format!("/dev/shm/{name}{}", process.id()));
    }
    Ok(())
}

/// The load balancer.
pub(crate) struct Nginx {
    program: &'static str,
    folder: PathBuf,
    servers: Vec<SocketAddr>,
    entrance: SocketAddr,
    process: Mutex<Option<Child>>,
}

impl Nginx {
    fn start(&self) -> Result<()> {
        self.configure(&[true; SERVERS])?;
        let process = self.command().stdin(Stdio::null()).spawn()?;
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
        wait_for(self.entrance)
    }

    /// From now on only these servers get requests.
    pub(crate) fn serve_with(&self, serving: &[bool; SERVERS]) -> std::result::Result<(), String> {
        self.configure(serving).map_err(|error| error.to_string())?;
        self.signal("reload")
    }

    fn configure(&self, serving: &[bool; SERVERS]) -> Result<()> {
        let line = |(address, serving): (&SocketAddr, &bool)| {
            let down = if *serving { "" } else { " down" };
            format!("server {address} max_fails=1 fail_timeout=1s{down};")
        };
        let servers: Vec<String> = self.servers.iter().zip(serving).map(line).collect();
        let folder = self.folder.to_str().ok_or("the temporary folder is no text")?;
        let config = include_str!("nginx.conf")
            .replace("FOLDER", folder)
            .replace("SERVERS", &servers.join("\n        "))
            .replace("PORT", &self.entrance.port().to_string());
        Ok(put(&self.folder.join("nginx.conf"), config.as_bytes())?)
    }

    fn signal(&self, which: &str) -> std::result::Result<(), String> {
        let output = self.command().args(["-s", which]).output();
        let output = output.map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.arg("-p").arg(&self.folder).arg("-e").arg(self.folder.join("nginx.log"));
        command.arg("-c").arg(self.folder.join("nginx.conf"));
        command
    }

    /// By a signal to the master, for its workers would outlive a SIGKILL.
    fn stop(&self) {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut process) = process {
            if self.signal("stop").is_err() {
                let _ = process.kill();
            }
            let _ = process.wait();
        }
    }
}

/// Writes beside it, then renames: a reader sees the old file or the new one.
fn put(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, content)?;
    fs::set_permissions(&beside, Permissions::from_mode(0o600))?;
    fs::rename(beside, path)
}

/// Until somebody listens there.
fn wait_for(address: SocketAddr) -> Result<()> {
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        if started.elapsed() > Duration::from_secs(30) {
            return Err(format!("nobody listens on {address}").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
