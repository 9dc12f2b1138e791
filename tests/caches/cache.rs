//! Real caches of this machine, each with a folder and a port of its own.

use std::env;
use std::fs::{self, File};
use std::io::{Read, Write, stderr};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Generous: nothing depends on it but how long a cache that hangs holds a test up. Varnish starts
/// a compiler.
const PATIENCE: Duration = Duration::from_secs(120);

/// Who is in front of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Nginx,
    Varnish,
}

/// How far its operator went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// As it comes, with caching turned on.
    Stock,
    /// It does not look at `Cookie` and `Set-Cookie`, and stores what says nothing.
    CookiesIgnored,
    /// It does not look at any header of the response.
    AllIgnored,
    /// nginx with `proxy_buffer_size 4k`, its default where a page of memory has 4 KiB.
    SmallBuffer,
    /// nginx with `proxy_buffer_size 8k`.
    LargeBuffer,
}

impl Program {
    pub(crate) const ALL: [Program; 2] = [Program::Nginx, Program::Varnish];

    fn find(self) -> Option<PathBuf> {
        let name = match self {
            Program::Nginx => "nginx",
            Program::Varnish => "varnishd",
        };
        let path = env::var_os("PATH").unwrap_or_default();
        // Where Debian has them; it is not in every user's `PATH`.
        let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        folders.map(|folder| folder.join(name)).find(|program| program.is_file())
    }

    /// Whether all are there. If not, a line says so; with `CI` in the environment that is a
    /// failure.
    pub(crate) fn all_found(test: &str) -> bool {
        let missing: Vec<_> =
            Program::ALL.into_iter().filter(|program| program.find().is_none()).collect();
        if missing.is_empty() {
            return true;
        }
        let missing = format!(
            "missing on this machine: {missing:?} (in Debian: the packages nginx-light and varnish)"
        );
        assert!(env::var_os("CI").is_none(), "{missing}");
        #[expect(
            clippy::explicit_write,
            reason = "`eprintln!` is not shown for a test that passes"
        )]
        writeln!(stderr(), "SKIPPED test of caches `{test}`: {missing}").unwrap();
        false
    }

    fn command(self, setting: Setting, folder: &Path, origin: SocketAddr, port: u16) -> Command {
        let program = self.find().expect("`all_found` was asked");
        let mut command = Command::new(program);
        match self {
            Program::Nginx => {
                let settings = match setting {
                    Setting::Stock => "",
                    Setting::CookiesIgnored => {
                        "proxy_ignore_headers Set-Cookie; proxy_cache_valid any 1m;"
                    }
                    Setting::AllIgnored => {
                        "proxy_ignore_headers Set-Cookie Cache-Control Expires X-Accel-Expires \
                         Vary; proxy_cache_valid any 1m;"
                    }
                    Setting::SmallBuffer => "proxy_buffer_size 4k;",
                    Setting::LargeBuffer => "proxy_buffer_size 8k;",
                };
                let config = include_str!("nginx.conf")
                    .replace("FOLDER", folder.to_str().expect("a temporary folder is text"))
                    .replace("ORIGIN", &origin.to_string())
                    .replace("PORT", &port.to_string())
                    .replace("SETTINGS", settings);
                let path = folder.join("nginx.conf");
                fs::write(&path, config).unwrap();
                command.arg("-p").arg(folder).arg("-e").arg(folder.join("log"));
                command.arg("-c").arg(path);
            }
            Program::Varnish => {
                let settings = match setting {
                    Setting::Stock => "",
                    Setting::CookiesIgnored => {
                        "sub vcl_req_cookie { return; } sub vcl_beresp_cookie { return; }"
                    }
                    Setting::AllIgnored => {
                        "sub vcl_recv { return (hash); }
                         sub vcl_backend_response { unset beresp.http.Vary; return (deliver); }"
                    }
                    Setting::SmallBuffer | Setting::LargeBuffer => {
                        unreachable!("Varnish has no such setting")
                    }
                };
                let config = format!(
                    "vcl 4.1;\nbackend origin {{ .host = \"{}\"; .port = \"{}\"; }}\n{settings}\n",
                    origin.ip(),
                    origin.port(),
                );
                let path = folder.join("varnish.vcl");
                fs::write(&path, config).unwrap();
                command.args(["-F", "-j", "none", "-T", "none", "-s", "malloc,128m", "-a"]);
                command.arg(format!("127.0.0.1:{port}"));
                command.arg("-n").arg(folder.join("work")).arg("-f").arg(path);
            }
        }
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        command
    }
}

/// A running cache, until it is dropped.
pub(crate) struct Cache {
    process: Child,
    pub(crate) address: SocketAddr,
    folder: TempDir,
}

impl Cache {
    pub(crate) fn start(program: Program, setting: Setting, origin: SocketAddr) -> Cache {
        // Neither program tells the port that the system chose, so one that was just free is given.
        // Someone else may have taken it meanwhile; then the program ends and another is tried.
        let mut log = String::new();
        for _ in 0..5 {
            let folder = tempfile::tempdir().unwrap();
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = free.local_addr().unwrap();
            drop(free);
            let mut command = program.command(setting, folder.path(), origin, address.port());
            let process = command.spawn().unwrap();
            let mut cache = Cache { process, address, folder };
            match cache.wait_until_it_answers() {
                Ok(()) => return cache,
                Err(error) => log = error,
            }
        }
        panic!("{program:?} does not start: {log}");
    }

    /// An error is what the program said before it ended.
    fn wait_until_it_answers(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.process.try_wait().unwrap().is_some() {
                return Err(self.log());
            }
            if self.answers().unwrap_or(false) {
                return Ok(());
            }
            assert!(Instant::now() < deadline, "no answer in time: {}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    fn answers(&self) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /ready HTTP/1.1\r\nHost: cache\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Everything that nginx keeps on its disk.
    pub(crate) fn stored(&self) -> Vec<Vec<u8>> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().join("cache")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(fs::read(path).unwrap());
                }
            }
        }
        files
    }
}

impl Drop for Cache {
    /// Asks first: Varnish has a second process, which its first one ends.
    fn drop(&mut self) {
        let _ = Command::new("kill").arg("-TERM").arg(self.process.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(10);
        while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < deadline {
            sleep(Duration::from_millis(10));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
