//! A `redis-server` of our own on a free port of loopback, which keeps nothing on disk.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Ended when it is dropped.
pub struct Engine {
    process: Child,
    port: u16,
}

impl Engine {
    /// Starts one and waits until it answers.
    pub fn start() -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr());
        let port = free.expect("loopback has a free port").port();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(env::temp_dir())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (Debian: apt install redis-server)");
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < deadline, "redis-server does not start");
            thread::sleep(Duration::from_millis(10));
        }
        Self { process, port }
    }

    /// Its first database, as clients want it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// What release it is.
    pub fn version(&self) -> String {
        self.info("server", "redis_version")
    }

    /// How many commands it has served; this question is one, and counts in the next answer.
    pub fn commands(&self) -> u64 {
        self.info("stats", "total_commands_processed").parse().expect("a number")
    }

    fn info(&self, section: &str, field: &str) -> String {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("it listens");
        write!(&stream, "INFO {section}\r\n").expect("it reads");
        let mut answer = BufReader::new(&stream);
        let mut length = String::new();
        answer.read_line(&mut length).expect("it answers");
        let length = length.trim().strip_prefix('$').and_then(|digits| digits.parse().ok());
        let mut text = String::new();
        let text_only = answer.by_ref().take(length.expect("a length"));
        { text_only }.read_to_string(&mut text).expect("it answers whole");
        let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.expect("it tells").to_owned()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
