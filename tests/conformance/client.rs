//! HTTP/1 with every byte as given, and HTTP/2.

use crate::app::NAME;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Generous: nothing depends on it but how long a broken server holds a test up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// All values of a header, in their order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let values = self.headers.iter().filter(|(other, _)| other == name);
        values.map(|(_, value)| value.as_str()).collect()
    }

    /// The only value of a header, if there is one.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        match self.all(name)[..] {
            [] => None,
            [value] => Some(value),
            _ => panic!("several `{name}`: {self:?}"),
        }
    }

    /// `name=value` of our cookie, if the response sets it, and its attributes.
    pub(crate) fn session(&self) -> Option<(&str, &str)> {
        let ours = |value: &&str| value.starts_with(NAME) && value[NAME.len()..].starts_with('=');
        let cookies: Vec<&str> = self.all("set-cookie").into_iter().filter(ours).collect();
        match cookies[..] {
            [] => None,
            [cookie] => cookie.split_once("; "),
            _ => panic!("ours appears once: {self:?}"),
        }
    }

    /// `name=value` of our cookie, which the response must set.
    pub(crate) fn cookie(&self) -> &str {
        self.session().unwrap_or_else(|| panic!("no session set: {self:?}")).0
    }

    /// The names of all headers but those that servers add to everything.
    pub(crate) fn names(&self) -> Vec<&str> {
        let usual = ["connection", "content-length", "content-type", "date", "transfer-encoding"];
        let names = self.headers.iter().map(|(name, _)| name.as_str());
        let mut names: Vec<&str> = names.filter(|name| !usual.contains(name)).collect();
        names.sort_unstable();
        names
    }
}

/// One request over HTTP/1 on a connection of its own.
pub(crate) struct Request(Vec<u8>);

pub(crate) fn get(path: &str) -> Request {
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    Request(head.into_bytes())
}

impl Request {
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Request {
        self.0.extend([name.as_bytes(), b": ", value.as_ref(), b"\r\n"].concat());
        self
    }

    pub(crate) fn cookie(self, cookie: impl AsRef<[u8]>) -> Request {
        self.header("cookie", cookie)
    }

    /// Makes the handler set a header.
    pub(crate) fn wish(self, header: &str) -> Request {
        self.header("wished", header)
    }

    /// Sends it, and leaves the answer to be read.
    pub(crate) fn open(mut self, addr: SocketAddr) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        self.0.extend(b"\r\n");
        stream.write_all(&self.0).unwrap();
        BufReader::new(stream)
    }

    /// The answer; an error if the connection ends before it.
    pub(crate) fn try_send(self, addr: SocketAddr) -> io::Result<Answer> {
        let mut stream = self.open(addr);
        let mut answer = read_head(&mut stream)?;
        if answer.one("transfer-encoding") == Some("chunked") {
            while read_chunk(&mut stream, &mut answer.body)? {}
        } else {
            stream.read_to_string(&mut answer.body)?;
        }
        Ok(answer)
    }

    pub(crate) fn send(self, addr: SocketAddr) -> Answer {
        self.try_send(addr).unwrap()
    }
}

fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The answer without its body.
pub(crate) fn read_head(stream: &mut impl BufRead) -> io::Result<Answer> {
    let status = read_line(stream)?.split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream)?;
        let Some((name, value)) = line.split_once(':') else {
            return Ok(Answer { status, headers, body: String::new() });
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// Whether there are more.
pub(crate) fn read_chunk(stream: &mut impl BufRead, body: &mut String) -> io::Result<bool> {
    let len = usize::from_str_radix(&read_line(stream)?, 16).unwrap();
    let mut chunk = vec![0; len];
    stream.read_exact(&mut chunk)?;
    body.push_str(str::from_utf8(&chunk).unwrap());
    read_line(stream)?;
    Ok(len > 0)
}

/// One connection that speaks HTTP/2 from its first byte (RFC 9113 §3.3).
#[derive(Clone)]
pub(crate) struct Http2(http2::SendRequest<Empty<Bytes>>);

impl Http2 {
    pub(crate) async fn connect(addr: SocketAddr) -> Http2 {
        let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
        let connecting = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (requests, connection) = connecting.await.unwrap();
        tokio::spawn(connection);
        Http2(requests)
    }

    /// With each of the cookies in a field of its own.
    pub(crate) async fn get(&mut self, path: &str, cookies: &[&str]) -> Answer {
        let mut request = hyper::Request::get(format!("http://localhost{path}"));
        for cookie in cookies {
            request = request.header("cookie", *cookie);
        }
        let request = request.body(Empty::new()).unwrap();
        self.0.ready().await.unwrap();
        answer(self.0.send_request(request).await.unwrap()).await
    }
}

async fn answer(response: hyper::Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let text = |value: &hyper::header::HeaderValue| value.to_str().unwrap().to_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    let headers = headers.collect();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: head.status.as_u16(), headers, body: String::from_utf8(body).unwrap() }
}
