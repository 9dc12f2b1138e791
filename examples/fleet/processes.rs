//! The processes of the fleet: three servers, nginx in front, and the command that changes the
//! keys.

use std::error::Error;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

pub(crate) const SERVERS: usize = 3;

/// The programs, built like this one.
pub(crate) struct Programs {
    page_views: PathBuf,
    sealed_session: PathBuf,
    nginx: &'static str,
}

impl Programs {
    /// `cargo run --example fleet` builds this example only.
    pub(crate) fn build() -> Result<Programs> {
        let nginx = ["nginx", "/usr/sbin/nginx"].into_iter().find(|name| {
            let version = Command::new(name).arg("-v").stderr(Stdio::null()).status();
            version.is_ok_and(|status| status.success())
        });
        let nginx = nginx.ok_or("nginx is missing; on Debian: apt-get install nginx-light")?;

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
        })
    }
}

/// Everything that runs, in a folder of its own. What runs is killed when this is dropped.
pub(crate) struct Fleet {
    programs: Programs,
    folder: tempfile::TempDir,
    servers: Vec<Server>,
    nginx: Option<Child>,
    /// Where the visitors go.
    pub(crate) entrance: SocketAddr,
}

struct Server {
    address: SocketAddr,
    process: Option<Child>,
}

impl Fleet {
    pub(crate) fn start(programs: Programs) -> Result<Fleet> {
        let free = |_| Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?);
        let addresses = (0..=SERVERS).map(free).collect::<Result<Vec<SocketAddr>>>()?;
        let server = |address: &SocketAddr| Server { address: *address, process: None };
        let mut fleet = Fleet {
            programs,
            folder: tempfile::tempdir()?,
            servers: addresses[..SERVERS].iter().map(server).collect(),
            nginx: None,
            entrance: addresses[SERVERS],
        };
        fleet.keys(&["new"])?;
        for place in 0..SERVERS {
            fleet.start_server(place)?;
        }
        fleet.start_nginx()?;
        Ok(fleet)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `sealed-session keys WHAT FILE …`, and what it says.
    pub(crate) fn keys(&self, what: &[&str]) -> Result<serde_json::Value> {
        let mut command = Command::new(&self.programs.sealed_session);
        command.args(["--json", "keys", what[0]]).arg(self.path("keys.toml")).args(&what[1..]);
        let output = command.output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    pub(crate) fn start_server(&mut self, place: usize) -> Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path(&format!("server-{place}.log")))?;
        let address = self.servers[place].address;
        let process = Command::new(&self.programs.page_views)
            .env("ADDR", address.to_string())
            .env("KEY_FILE", self.path("keys.toml"))
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log)
            .spawn()?;
        self.servers[place].process = Some(process);
        wait_for(address)
    }

    /// SIGKILL: no time to save or to say good-bye.
    pub(crate) fn kill_server(&mut self, place: usize) -> Result<()> {
        if let Some(mut process) = self.servers[place].process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    fn start_nginx(&mut self) -> Result<()> {
        let line =
            |server: &Server| format!("server {} max_fails=1 fail_timeout=1s;", server.address);
        let servers: Vec<String> = self.servers.iter().map(line).collect();
        let folder = self.folder.path().to_str().ok_or("the temporary folder is no text")?;
        let config = include_str!("nginx.conf")
            .replace("FOLDER", folder)
            .replace("SERVERS", &servers.join("\n        "))
            .replace("PORT", &self.entrance.port().to_string());
        fs::write(self.path("nginx.conf"), config)?;
        let nginx = Command::new(self.programs.nginx)
            .arg("-p")
            .arg(self.folder.path())
            .arg("-e")
            .arg(self.path("nginx.log"))
            .arg("-c")
            .arg(self.path("nginx.conf"))
            .stdin(Stdio::null())
            .spawn()?;
        self.nginx = Some(nginx);
        wait_for(self.entrance)
    }

    /// Kilobytes of memory that the server really uses (`VmRSS`).
    pub(crate) fn memory(&self, place: usize) -> Option<u64> {
        let id = self.servers[place].process.as_ref()?.id();
        let status =
            fs::read_to_string(Path::new("/proc").join(id.to_string()).join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.trim().parse().ok()
    }

    /// What the servers logged, for whoever must find out what went wrong.
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
        let servers = self.servers.iter_mut().filter_map(|server| server.process.as_mut());
        for process in servers.chain(self.nginx.as_mut()) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
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
