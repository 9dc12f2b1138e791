//! One variant of the visit counter, listening on a loopback port that the system picks.
//!
//! Prints the port on its first line and serves until its standard input ends, so that it
//! never outlives who started it.

use std::{env, io::Read, net::Ipv4Addr, process::ExitCode, thread};

use peers::variants::Variant;
use tokio::{net::TcpListener, runtime, sync::oneshot};

fn main() -> ExitCode {
    let Some(variant) = env::args().nth(1).and_then(|word| Variant::named(&word)) else {
        eprintln!("usage: server none|idle|sealed|jar|memory [port]");
        return ExitCode::FAILURE;
    };
    let port = env::args().nth(2).map_or(Ok(0), |port| port.parse());
    let port = port.expect("the port is a number");
    let router = variant.router();

    // One thread: the machine's other processor belongs to the one who sends the load.
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.expect("the port is free");
        println!("{}", listener.local_addr().expect("it listens").port());

        let (stop, stopped) = oneshot::channel();
        thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            let _ = stop.send(());
        });
        tokio::select! {
            served = axum::serve(listener, router) => served.expect("it keeps serving"),
            _ = stopped => {}
        }
    });
    ExitCode::SUCCESS
}
