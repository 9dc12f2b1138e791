//! Pages of somebody who is signed in, beside a Redis: ours, which tells other servers through it
//! of sessions that ended, and those of the two whose sessions live in it.

use std::{
    io::Read,
    net::{Ipv4Addr, TcpListener},
    process, thread,
};

use actix_web::{App, HttpServer, rt::System};
use axum::Router;
use tokio::runtime;

use crate::{
    level::actix::pages,
    ours,
    peers::{actix_session, bare, tower_sessions},
    records::Login,
};

/// A framework, and who keeps the sessions in it.
#[derive(Clone, Copy, Debug)]
pub struct Stack {
    /// How the command line calls it.
    pub word: &'static str,
    /// How the tables call it.
    pub name: &'static str,
    serve: fn(&str),
}

/// Those in axum, "no session" first.
pub const AXUM: [Stack; 4] = [
    Stack {
        word: "axum",
        name: bare::NAME,
        serve: |_| in_axum(async { axum_serves(bare::router::<Login>()).await }),
    },
    Stack {
        word: "axum-ours",
        name: ours::NAME,
        serve: |_| in_axum(async { axum_serves(ours::router::<Login>()).await }),
    },
    Stack {
        word: "axum-ours-ended",
        name: ours::ENDED,
        serve: |redis| {
            in_axum(async {
                let (sessions, _feed) = ours::with_ended(redis).await;
                axum_serves(ours::router_of(sessions)).await;
            });
        },
    },
    Stack {
        word: "axum-redis",
        name: tower_sessions::REDIS,
        serve: |redis| {
            in_axum(async { axum_serves(tower_sessions::redis_router::<Login>(redis).await).await })
        },
    },
];

/// Serves an application of actix-web with one worker.
macro_rules! actix_serves {
    ($app:expr) => {
        HttpServer::new(move || $app)
            .workers(1)
            .listen(listener())
            .expect("it listens")
            .run()
            .await
            .expect("it keeps serving")
    };
}

/// Those in actix-web, "no session" first.
pub const ACTIX: [Stack; 4] = [
    Stack {
        word: "actix",
        name: bare::NAME,
        serve: |_| {
            System::new().block_on(async {
                actix_serves!(App::new().configure(pages::<Login, bare::Nothing>));
            });
        },
    },
    Stack {
        word: "actix-ours",
        name: ours::NAME,
        serve: |_| {
            System::new().block_on(async {
                let sessions = ours::with_random_key::<Login>();
                actix_serves!(ours::app_of(sessions.clone()));
            });
        },
    },
    Stack {
        word: "actix-ours-ended",
        name: ours::ENDED,
        serve: |redis| {
            System::new().block_on(async {
                let (sessions, _feed) = ours::with_ended(redis).await;
                actix_serves!(ours::app_of(sessions.clone()));
            });
        },
    },
    Stack {
        word: "actix-redis",
        name: actix_session::REDIS,
        serve: |redis| {
            System::new().block_on(async {
                let (store, key) = actix_session::redis_store(redis).await;
                actix_serves!(actix_session::app_of::<Login, _>(store.clone(), key.clone()));
            });
        },
    },
];

impl Stack {
    /// The stack that the command line calls so.
    pub fn named(word: &str) -> Option<Self> {
        AXUM.into_iter().chain(ACTIX).find(|stack| stack.word == word)
    }

    /// Serves on a port of loopback that the system picks, all requests on one thread. Prints the
    /// port, and ends the process when its standard input ends.
    pub fn serve(self, redis: &str) {
        thread::spawn(|| {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            process::exit(0);
        });
        (self.serve)(redis);
    }
}

fn in_axum(application: impl Future<Output = ()>) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(application);
}

async fn axum_serves(router: Router) {
    let listener = listener();
    listener.set_nonblocking(true).expect("it can");
    let listener = tokio::net::TcpListener::from_std(listener).expect("it listens");
    axum::serve(listener, router).await.expect("it keeps serving");
}

fn listener() -> TcpListener {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    println!("{}", listener.local_addr().expect("it listens").port());
    listener
}
