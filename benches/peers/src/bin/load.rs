//! The five variants of the visit counter under load: requests per second, and processor
//! time per request, as ratios to "no session"; the
//! first also as a ratio to a layer that does nothing.
//!
//! Needs `wrk`. All variants run side by side, and take their turns in short bounded runs.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
    process::{Child, ChildStdin, Command, Stdio},
};

use peers::{
    cookies::{pair_of, request_line},
    harness::median,
    process::cpu_ticks,
    report::{print_header, print_row},
    variants::{self, Variant},
};

const CONNECTIONS: &str = "-c16";
const THREADS: &str = "-t1";
const PAGES: [&str; 3] = ["/untouched", "/read", "/change"];

/// A running server, and what it has achieved.
struct Server {
    variant: Variant,
    process: Child,
    /// The server stops when this is dropped.
    _alive: ChildStdin,
    port: u16,
    cookies: String,
}

/// The runs of one server with one page.
#[derive(Default)]
struct Runs {
    requests_per_second: Vec<f64>,
    ticks_per_request: Vec<f64>,
}

fn main() {
    let (rounds, duration) = match env::args().nth(1).as_deref() {
        Some("--quick") => (1, "-d1s"),
        _ => (7, "-d2s"),
    };
    let servers = variants::ALL.map(Server::start);
    for page in PAGES {
        let mut runs: Vec<Runs> = servers.iter().map(|_| Runs::default()).collect();
        for _ in 0..rounds {
            for (server, runs) in servers.iter().zip(&mut runs) {
                server.load(page, duration, runs);
            }
        }
        print(page, &servers, runs);
    }
    for server in servers {
        server.stop();
    }
}

impl Server {
    fn start(variant: Variant) -> Self {
        let program = env::current_exe().expect("this program has a path");
        let mut process = Command::new(program.with_file_name("server"))
            .arg(variant.word)
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
        let pair = seed(port);
        Self { variant, process, _alive: alive, port, cookies: request_line(pair.as_deref()) }
    }

    fn load(&self, page: &str, duration: &str, runs: &mut Runs) {
        let before = cpu_ticks(self.process.id());
        let output = Command::new("wrk")
            .args([THREADS, CONNECTIONS, duration, "-H"])
            .arg(format!("Cookie: {}", self.cookies))
            .arg(format!("http://127.0.0.1:{}{page}", self.port))
            .output()
            .expect("wrk is installed");
        let ticks = cpu_ticks(self.process.id()) - before;
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.contains("Non-2xx"), "{text}");
        let line = |mark: &str| text.lines().find(|line| line.contains(mark));
        let word = |line: Option<&str>, index| {
            let word = line?.split_whitespace().nth(index)?;
            word.parse::<f64>().ok()
        };
        let requests = word(line("requests in"), 0).expect("wrk counts requests");
        let rate = word(line("Requests/sec:"), 1).expect("wrk prints a rate");
        runs.requests_per_second.push(rate);
        runs.ticks_per_request.push(ticks as f64 / requests);
    }

    fn stop(mut self) {
        drop(self._alive);
        self.process.wait().expect("the server ends with its input");
    }
}

/// The cookie of a visitor who was given the sample.
fn seed(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
    let request = "GET /seed HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("it answers");
    let line = response.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    line.map(|line| pair_of(line).to_owned())
}

fn print(page: &str, servers: &[Server], runs: Vec<Runs>) {
    println!("\n### Under load: `{page}`\n");
    let header = ["", "requests/s", "÷ no session", "÷ idle layer", "processor time ÷ no session"];
    print_header(&header.map(str::to_owned));
    let medians: Vec<(f64, f64)> = runs
        .into_iter()
        .map(|runs| (median(runs.requests_per_second), median(runs.ticks_per_request)))
        .collect();
    let ((bare_rate, bare_ticks), (idle_rate, _)) = (medians[0], medians[1]);
    for (server, (rate, ticks)) in servers.iter().zip(medians) {
        let cells = [
            format!("{rate:.0}"),
            format!("{:.3}", rate / bare_rate),
            format!("{:.3}", rate / idle_rate),
            format!("{:.3}", ticks / bare_ticks),
        ];
        print_row(server.variant.name, &cells);
    }
}
