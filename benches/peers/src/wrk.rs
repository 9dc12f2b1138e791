//! A server of ours in a process of its own, and `wrk` that loads it.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
};

use crate::{
    cookies::{pair_of, request_line},
    process::cpu_ticks,
};

const CONNECTIONS: &str = "-c16";
const THREADS: &str = "-t1";

/// A running server.
pub struct Server {
    process: Child,
    /// The server stops when this is dropped.
    alive: ChildStdin,
    port: u16,
    pair: Option<String>,
    pinned: bool,
}

/// What one run of `wrk` saw.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// How many requests were answered.
    pub requests: f64,
    /// How many a second.
    pub rate: f64,
    /// The median of the latency in microseconds.
    pub median_micros: f64,
    /// Of a hundred requests the slowest but one, in microseconds.
    pub p99_micros: f64,
    /// The server's processor time in clock ticks for one request.
    pub ticks_per_request: f64,
}

impl Server {
    /// Starts the program of this name, which lies beside this one and prints its port. The
    /// cookie of a visitor who was given the sample goes with all later requests.
    pub fn start(program: &str, arguments: &[&str]) -> Self {
        Self::start_by(Command::new(beside(program)), arguments)
    }

    /// The same, on the first processor, with the load on the second: neither is moved meanwhile.
    pub fn start_pinned(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(beside(program));
        Self { pinned: true, ..Self::start_by(command, arguments) }
    }

    fn start_by(mut command: Command, arguments: &[&str]) -> Self {
        let mut process = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("build the server first: cargo build --release");
        let alive = process.stdin.take().expect("it is piped");
        let output = process.stdout.take().expect("it is piped");
        let mut port = String::new();
        let read = BufReader::new(output).read_line(&mut port);
        read.expect("the server prints its port");
        let port = port.trim().parse().expect("the port is a number");
        let mut server = Self { process, alive, port, pair: None, pinned: false };
        server.get("/seed");
        server
    }

    /// Fetches one page and returns its body; keeps the session's cookie as a browser does.
    pub fn get(&mut self, page: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("it listens");
        let cookies = self.cookies();
        let request = format!(
            "GET {page} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {cookies}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("it answers");
        assert!(response.starts_with("HTTP/1.1 200 "), "{page}: {response}");
        let (head, body) = response.split_once("\r\n\r\n").expect("a head and a body");
        let line = head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        if let Some(line) = line {
            self.pair = Some(pair_of(line).to_owned());
        }
        body.to_owned()
    }

    /// Loads one page for so long.
    pub fn load(&self, page: &str, duration: &str) -> Run {
        let before = cpu_ticks(self.process.id());
        let mut command = Command::new(if self.pinned { "taskset" } else { "wrk" });
        if self.pinned {
            command.args(["-c", "1", "wrk"]);
        }
        let output = command
            .args([THREADS, CONNECTIONS, duration, "--latency", "-H"])
            .arg(format!("Cookie: {}", self.cookies()))
            .arg(format!("http://127.0.0.1:{}{page}", self.port))
            .output()
            .expect("wrk is installed");
        let ticks = cpu_ticks(self.process.id()) - before;
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{text}");
        let word = |mark: &str, index| {
            let line = text.lines().find(|line| line.contains(mark))?;
            line.split_whitespace().nth(index)
        };
        let number = |mark, index| word(mark, index)?.parse::<f64>().ok();
        let requests = number("requests in", 0).expect("wrk counts requests");
        Run {
            requests,
            rate: number("Requests/sec:", 1).expect("wrk prints a rate"),
            median_micros: word(" 50% ", 1).and_then(micros).expect("wrk prints latencies"),
            p99_micros: word(" 99% ", 1).and_then(micros).expect("wrk prints latencies"),
            ticks_per_request: ticks as f64 / requests,
        }
    }

    /// Ends the process.
    pub fn stop(mut self) {
        drop(self.alive);
        self.process.wait().expect("the server ends with its input");
    }

    fn cookies(&self) -> String {
        request_line(self.pair.as_deref())
    }
}

fn beside(program: &str) -> PathBuf {
    env::current_exe().expect("this program has a path").with_file_name(program)
}

/// A time as `wrk` prints it.
fn micros(text: &str) -> Option<f64> {
    let units = [("us", 1.0), ("ms", 1e3), ("s", 1e6)];
    let (number, factor) =
        units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_wrk_prints_them() {
        let read = ["87.00us", "1.23ms", "2.50s", "-nan"].map(micros);
        assert_eq!(read, [Some(87.0), Some(1230.0), Some(2.5e6), None]);
    }
}
