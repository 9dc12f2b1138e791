//! The routes of `app.rs`, in each framework.

pub(crate) mod actix_web;
pub(crate) mod axum;
pub(crate) mod core;
pub(crate) mod poem;

use crate::app::App;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// Starts one of the servers.
pub(crate) type Start = fn(App) -> Server;

/// A server on a free port of the loopback interface, until it is dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// `serve` runs on a thread of its own and ends when it is told to.
    fn on_thread(serve: impl FnOnce(TcpListener, Stop) + Send + 'static) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || serve(listener, stopped));
        Server { addr, stop: Some(stop), thread: Some(thread) }
    }

    /// `serve` is a future for tokio, and is dropped to end it.
    fn on_tokio<F: Future>(
        serve: impl FnOnce(tokio::net::TcpListener) -> F + Send + 'static,
    ) -> Server {
        Server::on_thread(|listener, stopped| {
            let runtime = Runtime::new().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    _ = serve(listener) => unreachable!("it serves for ever"),
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })
    }
}

type Stop = oneshot::Receiver<()>;

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
