//! The floor: the work that nobody can leave out who writes this format.
//!
//! The very bytes of a sealed-session cookie (its envelope, stamps, padding and associated
//! data) through bare XAES-256-GCM, base64 and postcard, with buffers that are ready and
//! used again, one call for randomness and one look at the clock. No checks beyond the
//! tag, no errors, no text of its own to give away. What a library adds to this is its own.

use std::{hint::black_box, time::SystemTime};

use base64_simd::{AsOut, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{
    harness::{Contestant, Id, Level},
    records::Record,
    xaes::Xaes,
};

/// How the tables call it.
pub const NAME: &str = "the floor";

/// A version, a key id.
const HEAD: usize = 1 + 4;
const NONCE: usize = 24;
const TAG: usize = 16;
const PADDING: usize = 16;

/// As long as the associated data of an application `shop` and a cookie `__Host-session`.
const AAD: &[u8] = b"\x01\0\0\0\0\0\x04shop\0\x0e__Host-session";

/// What a session carries beside its data.
#[derive(Serialize, Deserialize)]
struct Stamps {
    id: [u8; 16],
    renewed: u32,
    timeouts: Option<(u32, u32)>,
    schema: u32,
}

const STAMPS: Stamps = Stamps { id: [7; 16], renewed: 300, timeouts: None, schema: 0 };

/// A ready key and ready buffers.
struct Floor {
    xaes: Xaes,
    envelope: [u8; 4096],
    text: [u8; 4096],
}

impl Floor {
    fn new() -> Box<Self> {
        Box::new(Self { xaes: Xaes::new(&[42; 32]), envelope: [0; 4096], text: [0; 4096] })
    }

    /// Stamps, data and padding; answers how long they are.
    fn write_plaintext<T: Serialize>(space: &mut [u8], record: &T) -> usize {
        let written = postcard::to_slice(&(STAMPS, record), space).expect("it fits");
        let written = written.len();
        let padded = (written + 1).next_multiple_of(PADDING);
        space[written] = 0x80;
        space[written + 1..padded].fill(0);
        padded
    }

    fn read_plaintext<T: Record>(plaintext: &[u8]) -> T {
        let marker = plaintext.iter().rposition(|&byte| byte != 0);
        let padded = &plaintext[..marker.expect("our own padding")];
        let (stamps, rest) = postcard::take_from_bytes::<Stamps>(padded).expect("our own stamps");
        black_box(stamps);
        postcard::from_bytes(rest).expect("our own data")
    }

    fn encode<T: Record>(&mut self, record: &T) -> &str {
        black_box(SystemTime::now());
        let (nonce, rest) =
            self.envelope[HEAD..].split_first_chunk_mut::<NONCE>().expect("4096 bytes are enough");
        getrandom::fill(nonce).expect("the system has randomness");
        let length = Self::write_plaintext(rest, record);
        let tag = self.xaes.seal(nonce, AAD, &mut rest[..length]);
        rest[length..length + TAG].copy_from_slice(&tag);
        let envelope = &self.envelope[..HEAD + NONCE + length + TAG];
        URL_SAFE_NO_PAD.encode_as_str(envelope, self.text[..].as_out())
    }

    fn decode<T: Record>(&mut self, value: &str) -> T {
        black_box(SystemTime::now());
        let envelope = URL_SAFE_NO_PAD
            .decode(value.as_bytes(), self.envelope[..].as_out())
            .expect("our own text");
        let (nonce, sealed) =
            envelope[HEAD..].split_first_chunk_mut::<NONCE>().expect("our own envelope");
        let (text, tag) = sealed.split_last_chunk_mut::<TAG>().expect("our own envelope");
        assert!(self.xaes.open(nonce, AAD, text, tag));
        Self::read_plaintext(text)
    }
}

/// Encode and decode, once they have proved that they bring the sample back.
pub fn contestants<T: Record>() -> Vec<Contestant> {
    let mut encoder = Floor::new();
    let mut decoder = Floor::new();
    let value = encoder.encode(&T::sample()).to_owned();
    assert_eq!(decoder.decode::<T>(&value), T::sample());

    let id = |operation| Id { level: Level::Value, peer: NAME, record: T::NAME, operation };
    let sample = T::sample();
    vec![
        Contestant::new(id("encode"), move || {
            black_box(encoder.encode(black_box(&sample)));
        }),
        Contestant::new(id("decode"), move || {
            black_box(decoder.decode::<T>(black_box(&value)));
        }),
    ]
}

/// How long the value is.
pub fn length<T: Record>() -> usize {
    Floor::new().encode(&T::sample()).len()
}

/// The names of the [`parts`], in the order of the table.
pub const PARTS: [&str; 8] = [
    "XAES seal",
    "XAES open",
    "postcard write",
    "postcard read",
    "base64 encode",
    "base64 decode",
    "nonce from the system",
    "clock",
];

/// Each part of the floor by itself.
pub fn parts<T: Record>() -> Vec<Contestant> {
    let mut plaintext = vec![0; 4096];
    let length = Floor::write_plaintext(&mut plaintext, &T::sample());
    plaintext.truncate(length);
    let envelope = vec![7; HEAD + NONCE + length + TAG];
    let text = URL_SAFE_NO_PAD.encode_to_string(&envelope);

    let mut sealer = Floor::new();
    let mut opener = Floor::new();
    let mut sealed = plaintext.clone();
    let tag = opener.xaes.seal(&[1; NONCE], AAD, &mut sealed);
    let mut writer = Floor::new();
    let mut encoder = Floor::new();
    let mut decoder = Floor::new();
    let sample = T::sample();
    let to_seal = plaintext.clone();

    let runs: [Box<dyn FnMut()>; PARTS.len()] = [
        Box::new(move || {
            let text = &mut sealer.text[..length];
            text.copy_from_slice(&to_seal);
            black_box(sealer.xaes.seal(&[1; NONCE], AAD, text));
        }),
        Box::new(move || {
            let text = &mut opener.text[..length];
            text.copy_from_slice(&sealed);
            assert!(opener.xaes.open(&[1; NONCE], AAD, text, &tag));
        }),
        Box::new(move || {
            black_box(Floor::write_plaintext(&mut writer.text, black_box(&sample)));
        }),
        Box::new(move || {
            black_box(Floor::read_plaintext::<T>(black_box(&plaintext)));
        }),
        Box::new(move || {
            let out = encoder.text[..].as_out();
            black_box(URL_SAFE_NO_PAD.encode(black_box(&envelope), out));
        }),
        Box::new(move || {
            let out = decoder.envelope[..].as_out();
            let decoded = URL_SAFE_NO_PAD.decode(black_box(text.as_bytes()), out);
            let _ = black_box(decoded);
        }),
        Box::new(|| {
            let mut nonce = [0; NONCE];
            getrandom::fill(&mut nonce).expect("the system has randomness");
            black_box(nonce);
        }),
        Box::new(|| {
            black_box(SystemTime::now());
        }),
    ];
    PARTS
        .into_iter()
        .zip(runs)
        .map(|(operation, run)| {
            let id = Id { level: Level::Part, peer: NAME, record: T::NAME, operation };
            Contestant::new(id, run)
        })
        .collect()
}
