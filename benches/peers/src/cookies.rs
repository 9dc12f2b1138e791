//! What a browser sends along, and what it keeps of an answer.

use http::{HeaderMap, HeaderValue, header};

/// Nine cookies of other programs, about 400 bytes in all: analytics, consent, taste.
const NEIGHBOURS: [&str; 9] = [
    "_ga=GA1.1.1836227943.1790000000",
    "_ga_8KX2M7QP4D=GS2.1.s1794000000$o12$g1$t1794000123$j60$l0$h0",
    "_gid=GA1.2.904418875.1793990000",
    "consent=analytics%3Dyes%26marketing%3Dno%26version%3D4%26at%3D1793990000%26region%3Deu",
    "_fbp=fb.1.1790000000123.1098115397",
    "theme=dark",
    "locale=en-GB",
    "ab_bucket=checkout-2026-10.variant-b.cohort-0417",
    "__stripe_mid=5f0c9c7e-3d0a-4b43-a1a7-6f9a7d3f0d2c8e41aa",
];

/// The value of a `Cookie` header: the nine neighbours, and `pair` in their middle.
pub fn request_line(pair: Option<&str>) -> String {
    let mut pairs = NEIGHBOURS.to_vec();
    if let Some(pair) = pair {
        pairs.insert(5, pair);
    }
    pairs.join("; ")
}

/// The headers of a request with [`request_line`] in them.
pub fn request_headers(pair: Option<&str>) -> HeaderMap {
    let line = HeaderValue::try_from(request_line(pair)).expect("cookies are plain ASCII");
    HeaderMap::from_iter([(header::COOKIE, line)])
}

/// The `name=value` of the one `Set-Cookie` header, as the browser will send it back.
pub fn kept_pair(response: &HeaderMap) -> Option<String> {
    let mut lines = response.get_all(header::SET_COOKIE).iter();
    let line = lines.next()?.to_str().expect("cookies are plain ASCII");
    assert!(lines.next().is_none(), "one session, one cookie");
    Some(pair_of(line).to_owned())
}

/// The `name=value` at the start of a `Set-Cookie` header.
pub fn pair_of(line: &str) -> &str {
    line.split_once(';').map_or(line, |(pair, _attributes)| pair)
}

/// How long the value of a `name=value` is.
pub fn value_length(pair: &str) -> usize {
    let (_name, value) = pair.split_once('=').expect("a pair has an equals sign");
    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_neighbours_are_about_400_bytes() {
        let line = request_line(None).len();
        assert!((380..420).contains(&line), "{line}");
    }
}
