//! Our cookie over HTTP/2: its value is sent as "never indexed" (RFC 7541 §6.2.3), so neither the
//! server's table nor that of a proxy on the way keeps it, where a guess at it could be tried by
//! the length of what is sent.

use axum::http::HeaderMap;
use axum::{Router, routing::get};
use sealed_session::{Key, KeyRing, Sessions};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Generous: nothing depends on it but how long a broken server holds a test up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a response's `Set-Cookie` was sent.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    NeverIndexed,
    NotIndexed,
    /// Now in the browser's table and in the server's.
    Indexed,
}

#[tokio::test]
async fn axum_sends_our_cookie_as_never_indexed() {
    use sealed_session::axum::{Session, SessionLayer};
    let routes = Router::new()
        .route("/count", get(async |mut session: Session<u32>| **session += 1))
        .route("/sign-out", get(async |session: Session<u32>| sign_out(session)))
        .layer(SessionLayer::new(sessions()))
        .route("/theirs", get(async || [("set-cookie", "theme=dark")]));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, routes).await });

    for path in ["/count", "/sign-out"] {
        assert_eq!(set_cookies(address, path).await, [Sent::NeverIndexed], "{path}");
    }
    let theirs = set_cookies(address, "/theirs").await;
    assert_eq!(theirs, [Sent::NotIndexed], "that is for others to say");

    fn sign_out(mut session: Session<u32>) {
        session.destroy();
    }
}

/// actix-web's header type is of an older version of `http`, and carries the mark too.
#[test]
fn actix_web_sends_our_cookie_as_never_indexed() {
    use actix_web::{App, HttpServer, web};
    use sealed_session::actix_web::{Session, SessionMiddleware};
    actix_web::rt::System::new().block_on(async {
        let sessions = sessions();
        let app = move || {
            let count = async |mut session: Session<u32>| {
                **session += 1;
                ""
            };
            App::new()
                .wrap(SessionMiddleware::new(sessions.clone()))
                .route("/count", web::get().to(count))
        };
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.bind_auto_h2c((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let sent = set_cookies(address, "/count").await;
        handle.stop(false).await;
        assert_eq!(sent, [Sent::NeverIndexed]);
    });
}

#[test]
fn debug_of_a_response_hides_our_cookie() {
    let sessions = sessions();
    let mut session = sessions.load(&HeaderMap::new());
    *session += 1;
    let mut headers = HeaderMap::new();
    sessions.save(session, &mut headers).unwrap();
    let shown = format!("{headers:?}");
    assert!(shown.contains("\"set-cookie\": Sensitive"), "{shown}");
    assert!(!shown.contains("__Host-session"), "{shown}");
}

fn sessions() -> Sessions<u32> {
    Sessions::builder("sensitive", KeyRing::new(Key::generate())).build().unwrap()
}

/// How the response to `GET path` sends each `Set-Cookie`.
async fn set_cookies(address: SocketAddr, path: &str) -> Vec<Sent> {
    const SET_COOKIE: usize = 55; // in the static table: RFC 7541 appendix A
    let block = timeout(PATIENCE, header_block(address, path)).await.expect("an answer in time");
    let mut found = Vec::new();
    let mut rest = &block[..];
    while let Some(first) = rest.first() {
        // RFC 7541 §6: the first bits say what it is, the others begin a number.
        let (bits, sent) = match first {
            0x80.. => (7, None),
            0x40.. => (6, Some(Sent::Indexed)),
            0x20.. => (5, None), // the table's size
            0x10.. => (4, Some(Sent::NeverIndexed)),
            _ => (4, Some(Sent::NotIndexed)),
        };
        let name = number(&mut rest, bits);
        let Some(sent) = sent else { continue };
        if name == 0 {
            string(&mut rest);
        }
        string(&mut rest);
        if name == SET_COOKIE {
            found.push(sent);
        }
    }
    found
}

/// Takes a number that begins in the last `bits` of a byte: RFC 7541 §5.1.
fn number(bytes: &mut &[u8], bits: u32) -> usize {
    let mut next = || {
        let (first, rest) = bytes.split_first().expect("the block is whole");
        *bytes = rest;
        usize::from(*first)
    };
    let max = (1 << bits) - 1;
    let mut number = next() & max;
    let mut shift = 0;
    while number >= max {
        let byte = next();
        number += (byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            break;
        }
    }
    number
}

/// Takes a string, Huffman code or not: RFC 7541 §5.2.
fn string(bytes: &mut &[u8]) {
    let length = number(bytes, 7);
    *bytes = &bytes[length..];
}

/// The header block of the response to `GET path`, as it stands on the wire. The request carries a
/// cookie of our name, so that there is one to remove.
async fn header_block(address: SocketAddr, path: &str) -> Vec<u8> {
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const END_STREAM_AND_HEADERS: u8 = 0x1 | 0x4;

    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    };
    // Literals without Huffman codes: RFC 7541 §6.2.2. The numbers are those of the static table.
    let literal = |name: u8, value: &str| {
        let length = u8::try_from(value.len()).unwrap();
        assert!(length < 127, "it fits one byte");
        let name = if name < 15 { vec![name] } else { vec![15, name - 15] };
        [&name[..], &[length], value.as_bytes()].concat()
    };
    let request = [
        vec![0x80 | 2, 0x80 | 6], // `:method: GET`, `:scheme: http`
        literal(4, path),
        literal(1, "localhost"),
        literal(32, "__Host-session=junk"),
    ];
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    let request = frame(HEADERS, END_STREAM_AND_HEADERS, 1, &request.concat());
    stream.write_all(&request).await.unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.unwrap();
        if head[3] == HEADERS {
            return payload;
        }
    }
}
