//! biscotti with `serde_json`. It has no axum extractor of its own, so one stands here.

use std::sync::Arc;

use axum::{Router, extract::FromRequestParts, response::AppendHeaders};
use biscotti::{
    Key, Processor, ProcessorConfig, RequestCookie, RequestCookies, ResponseCookie,
    ResponseCookies, SameSite,
    config::{CryptoAlgorithm, CryptoRule, FallbackConfig},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};

use crate::{
    level::{
        axum::{Visit, routes},
        headers::HeadersPeer,
        value::ValuePeer,
    },
    records::Record,
};

/// How the tables call it.
pub const NAME: &str = "biscotti";

const COOKIE: &str = "session";

/// A processor that knows the session's key, shared by all requests.
#[derive(Clone)]
pub struct Biscotti(Arc<Processor>);

impl Biscotti {
    /// A new one, with a key that nobody else has.
    pub fn with_random_key() -> Self {
        Self::with_keys(&[Key::generate()])
    }

    /// The first key seals, all open.
    fn with_keys(keys: &[Key]) -> Self {
        let (newest, older) = keys.split_first().expect("at least one key");
        let fallbacks = older
            .iter()
            .map(|key| FallbackConfig { key: key.clone(), algorithm: CryptoAlgorithm::Encryption })
            .collect();
        let mut config = ProcessorConfig::default();
        config.crypto_rules.push(CryptoRule {
            cookie_names: vec![COOKIE.into()],
            algorithm: CryptoAlgorithm::Encryption,
            key: newest.clone(),
            fallbacks,
        });
        Self(Arc::new(config.into()))
    }

    /// One who seals with the oldest of `keys` keys, and one who has them all.
    pub fn ring(keys: usize) -> (Self, Self) {
        let keys: Vec<Key> = (0..keys).map(|_| Key::generate()).collect();
        (Self::with_keys(&keys[keys.len() - 1..]), Self::with_keys(&keys))
    }

    fn record_in<T: Record>(&self, request: &HeaderMap) -> Option<T> {
        let lines = request.get_all(header::COOKIE).iter();
        let lines = lines.filter_map(|line| line.to_str().ok());
        let cookies = RequestCookies::parse_headers(lines, &self.0).ok()?;
        serde_json::from_str(cookies.get(COOKIE)?.value()).ok()
    }

    fn set_cookie<T: Record>(&self, record: &T) -> HeaderValue {
        let json = serde_json::to_string(record).expect("records are plain JSON");
        let cookie = ResponseCookie::new(COOKIE, json)
            .set_path("/")
            .set_secure(true)
            .set_http_only(true)
            .set_same_site(SameSite::Lax);
        let mut cookies = ResponseCookies::new();
        cookies.insert(cookie);
        let line = cookies.header_values(&self.0).next().expect("just added");
        HeaderValue::try_from(line).expect("base64 is plain ASCII")
    }
}

impl<T: Record> ValuePeer<T> for Biscotti {
    fn encode(&self, record: &T) -> String {
        let json = serde_json::to_string(record).expect("records are plain JSON");
        let sealed = self.0.process_outgoing(ResponseCookie::new(COOKIE, json));
        sealed.value().to_owned()
    }

    fn decode(&self, value: &str) -> T {
        let opened = self.0.process_incoming(COOKIE, value);
        let opened: RequestCookie<'_> = opened.expect("our own value");
        serde_json::from_str(opened.value()).expect("our own JSON")
    }
}

impl<T: Record> HeadersPeer<T> for Biscotti {
    fn read(&self, request: &HeaderMap) -> Option<T> {
        self.record_in(request)
    }

    fn change(&self, request: &HeaderMap, edit: fn(&mut T)) -> HeaderMap {
        let mut record = self.record_in(request).unwrap_or_default();
        edit(&mut record);
        HeaderMap::from_iter([(header::SET_COOKIE, self.set_cookie(&record))])
    }
}

/// The application, with the processor in its state.
pub fn router<T: Record>() -> Router {
    routes::<T, Extracted<T>, Biscotti>().with_state(Biscotti::with_random_key())
}

/// The session of one request, and what is needed to seal it again.
pub struct Extracted<T> {
    record: Option<T>,
    biscotti: Biscotti,
}

impl<T: Record> FromRequestParts<Biscotti> for Extracted<T> {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, state: &Biscotti) -> Result<Self, StatusCode> {
        Ok(Self { record: state.record_in(&parts.headers), biscotti: state.clone() })
    }
}

impl<T: Record> Visit<T> for Extracted<T> {
    type Reply = AppendHeaders<[(HeaderName, HeaderValue); 1]>;

    async fn read<R: Send>(self, look: fn(&T) -> R) -> Option<R> {
        self.record.as_ref().map(look)
    }

    async fn change(self, edit: fn(&mut T)) -> Self::Reply {
        let mut record = self.record.unwrap_or_default();
        edit(&mut record);
        AppendHeaders([(header::SET_COOKIE, self.biscotti.set_cookie(&record))])
    }
}
