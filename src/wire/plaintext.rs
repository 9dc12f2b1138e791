//! Plaintext bytes ⇄ stamps and `T` (postcard), and the padding that hides their exact length.
//!
//! ```text
//! plaintext = postcard(stamps) ‖ postcard(T) ‖ 0x80 ‖ zero bytes up to a multiple of the padding
//! ```
//!
//! Everything read here is authentic, so what does not fit is a bug or another program with the
//! same key; it is refused all the same, and within bounded time and memory.

use crate::rules::reason::Reason;
use crate::rules::timeouts::{Clocks, Timeouts};
use crate::timestamp::Timestamp;
use crate::wire::limits::{self, write::WriteError};
use postcard::to_allocvec;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::ops::Range;
use uuid::{Uuid, Variant};

/// Stands between `T` and the zeros. Without it, padding would be read as fields that an
/// older `T` did not have.
const END: u8 = 0x80;
/// The padding is at most 256, so there are at most this many zeros.
const MAX_ZEROS: usize = 255;

/// Bytes of a `u32` as a varint, at most.
const MAX_NUMBER_LEN: usize = 5;

/// What the library itself keeps about a session, in the order of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamps {
    /// A UUIDv7: its first 48 bits are the time of creation in milliseconds.
    id: [u8; 16],
    rest: StampsAfterId,
}

/// Apart from the id, whose bytes stand on the wire as they are: serde would visit each for itself,
/// which took 6 % of the instructions of an encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct StampsAfterId {
    renewed: u32,
    timeouts: Option<(u32, u32)>,
    schema: u32,
}

impl StampsAfterId {
    /// Four numbers and the byte of the `Option`.
    const MAX_BYTES: usize = 4 * MAX_NUMBER_LEN + 1;
}

impl Stamps {
    pub(crate) fn new(id: Uuid, clocks: &Clocks, schema: u32) -> Stamps {
        let timeouts = clocks.own.map(|own| (own.idle, own.absolute));
        let rest = StampsAfterId { renewed: clocks.renewed, timeouts, schema };
        Stamps { id: id.into_bytes(), rest }
    }

    /// The version of the application's data.
    pub(crate) fn schema(&self) -> u32 {
        self.rest.schema
    }

    /// The id and the clocks it starts.
    pub(crate) fn identity(&self) -> Result<(Uuid, Clocks), Reason> {
        let id = Uuid::from_bytes(self.id);
        if id.get_version_num() != 7 || id.get_variant() != Variant::RFC4122 {
            return Err(Reason::InvalidPayload);
        }
        let StampsAfterId { renewed, timeouts, .. } = self.rest;
        let own = timeouts.map(|(idle, absolute)| Timeouts { idle, absolute });
        Ok((id, Clocks { created: created(id), renewed, own }))
    }
}

/// When a session with this id was created.
pub(crate) fn created(id: Uuid) -> Timestamp {
    Timestamp::from_millis((id.as_u128() >> 80) as u64)
}

/// The id of a session created at `at`.
pub(crate) fn new_id(at: Timestamp, random: &[u8; 10]) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(at.millis(), random).into_uuid()
}

/// The stamps of a plaintext, and where in it the bytes of `T` are.
pub(crate) fn split(plaintext: &[u8]) -> Result<(Stamps, Range<usize>), Reason> {
    let zeros = plaintext.iter().rev().take_while(|byte| **byte == 0).count();
    let body = match plaintext[..plaintext.len() - zeros].split_last() {
        Some((&END, body)) if zeros <= MAX_ZEROS => body,
        _ => return Err(Reason::InvalidPayload),
    };
    let (id, after) = body.split_first_chunk().ok_or(Reason::InvalidPayload)?;
    let (rest, data) = postcard::take_from_bytes(after).map_err(|_| Reason::InvalidPayload)?;
    Ok((Stamps { id: *id, rest }, body.len() - data.len()..body.len()))
}

/// Reads `T` from bytes that it must use up.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Reason> {
    let mut deserializer = postcard::Deserializer::from_bytes(bytes);
    let value = limits::read::deserialize(&mut deserializer).map_err(|_| Reason::InvalidPayload)?;
    match deserializer.finalize() {
        Ok([]) => Ok(value),
        _ => Err(Reason::InvalidPayload),
    }
}

/// Appends stamps and `T`, without end marker and padding, to `out`. Returns where `T` stands.
pub(crate) fn write<T: Serialize>(
    out: &mut Vec<u8>,
    stamps: &Stamps,
    data: &T,
) -> Result<Written, WriteError<postcard::Error>> {
    out.extend_from_slice(&stamps.id);
    let mut space = [0; StampsAfterId::MAX_BYTES];
    let rest = postcard::to_slice(&stamps.rest, &mut space).map_err(WriteError::Other)?;
    out.extend_from_slice(rest);
    let start = out.len();
    // Mostly `out` has room enough; where not, again with all the room there can be.
    let room = out.capacity() - start;
    let mut len = write_into(out, room, data)?;
    if len > room {
        out.truncate(start);
        len = write_into(out, MAX_BYTES, data)?;
    }
    let data = start..out.len();
    Ok(Written { excess: len.saturating_sub(data.len()), data })
}

/// What [`write`] wrote.
pub(crate) struct Written {
    /// Where the bytes of `T` stand in the buffer.
    pub(crate) data: Range<usize>,
    /// How many more bytes `T` has than fit any cookie. They were counted and not kept.
    pub(crate) excess: usize,
}

/// Appends the end marker and as many zeros as make the plaintext, which began at `start`, a
/// multiple of `padding` long.
pub(crate) fn pad(out: &mut Vec<u8>, start: usize, padding: usize) {
    out.push(END);
    out.resize(start + padded_len(out.len() - start, padding), 0);
}

/// The length of a plaintext whose stamps, `T` and end marker take up `len` bytes.
pub(crate) fn padded_len(len: usize, padding: usize) -> usize {
    len.next_multiple_of(padding)
}

/// Whether bytes that [`write`] made of a `T` read back whole, as a `T` that takes up as many.
/// (Not the same bytes: a `HashMap` comes back in another order.)
pub(crate) fn round_trips<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> bool {
    read::<T>(bytes)
        .is_ok_and(|back| to_allocvec(&back).is_ok_and(|again| again.len() == bytes.len()))
}

/// How many more bytes the stamps can take after later renewals: `renewed` is a varint.
pub(crate) fn growth(clocks: &Clocks) -> usize {
    let bits = u32::BITS - clocks.renewed.leading_zeros();
    MAX_NUMBER_LEN - bits.div_ceil(7).max(1) as usize
}

/// More than the plaintext of any cookie.
const MAX_BYTES: usize = 4096;

/// Appends at most `room` bytes of `value`. Returns how many it has: a list of millions costs no
/// memory and still leads to an error that tells its size.
fn write_into<T: Serialize>(
    out: &mut Vec<u8>,
    room: usize,
    value: &T,
) -> Result<usize, WriteError<postcard::Error>> {
    let start = out.len();
    out.resize(start + room, 0);
    let output = Counted { out: &mut out[start..], len: 0 };
    let mut serializer = postcard::Serializer { output };
    let written = limits::write::serialize(value, &mut serializer);
    let len = serializer.output.len;
    match written {
        // The size is what the developer is told: it names what to change.
        Err(WriteError::TooManyElements) if len > MAX_BYTES => {}
        written => written?,
    }
    out.truncate(start + len.min(room));
    Ok(len)
}

/// Writes what there is room for, and counts all.
struct Counted<'o> {
    out: &'o mut [u8],
    len: usize,
}

impl postcard::ser_flavors::Flavor for Counted<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        if let Some(place) = self.out.get_mut(self.len) {
            *place = byte;
        }
        self.len += 1;
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        let end = self.len + bytes.len();
        if let Some(place) = self.out.get_mut(self.len..end) {
            place.copy_from_slice(bytes);
        }
        self.len = end;
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clocks(renewed: u32) -> Clocks {
        Clocks { created: Timestamp::from_millis(1_800_000_000_123), renewed, own: None }
    }

    #[test]
    fn growth_is_what_the_widest_renewal_adds() {
        let len = |renewed| {
            let id = new_id(Timestamp::from_millis(0), &[0; 10]);
            let mut out = Vec::new();
            write(&mut out, &Stamps::new(id, &clocks(renewed), 0), &()).unwrap();
            out.len()
        };
        for renewed in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_456, u32::MAX]
        {
            assert_eq!(len(renewed) + growth(&clocks(renewed)), len(u32::MAX), "{renewed}");
        }
    }

    #[test]
    fn an_id_tells_when_the_session_was_created() {
        let at = Timestamp::from_millis(1_800_000_000_123);
        assert_eq!(created(new_id(at, &[0xff; 10])), at);
    }

    #[test]
    fn an_id_of_another_uuid_version_or_variant_is_refused() {
        let id = new_id(Timestamp::from_millis(0), &[0; 10]);
        let good = Stamps::new(id, &clocks(0), 0);
        assert!(good.identity().is_ok());
        for (byte, value) in [(6, 0x40), (6, 0x80), (6, 0), (8, 0), (8, 0xc0), (8, 0xe0)] {
            let mut bad = good;
            bad.id[byte] = value;
            assert_eq!(bad.identity().unwrap_err(), Reason::InvalidPayload, "{byte} {value:#x}");
        }
    }

    #[test]
    fn what_is_written_does_not_depend_on_the_room_there_was() {
        let stamps = Stamps::new(new_id(Timestamp::from_millis(0), &[0; 10]), &clocks(300), 0);
        let data = ("eight by", 300_u16, vec![7_u8; 20]);
        let expected = [&stamps.id[..], &to_allocvec(&(stamps.rest, &data)).unwrap()].concat();
        for room in 0..2 * expected.len() {
            let mut out = Vec::with_capacity(room);
            let written = write(&mut out, &stamps, &data).unwrap();
            assert_eq!(out, expected, "{room}");
            assert_eq!(out[written.data], to_allocvec(&data).unwrap(), "{room}");
            assert_eq!(written.excess, 0, "{room}");
        }
    }

    #[test]
    fn large_data_is_counted_and_not_kept() {
        let stamps = Stamps::new(new_id(Timestamp::from_millis(0), &[0; 10]), &clocks(0), 0);
        let mut out = Vec::new();
        let written = write(&mut out, &stamps, &vec![1_u8; 1_000_000]).unwrap();
        assert_eq!(written.data.len() + written.excess, 1_000_003, "three bytes of length");
        assert!(out.len() < 5000);
    }

    #[test]
    fn round_trips_tells_types_that_lose_a_field() {
        #[derive(Serialize, Deserialize)]
        struct Skips {
            #[serde(skip_serializing_if = "Option::is_none")]
            a: Option<u8>,
            b: u8,
        }
        let bytes = |skips: &Skips| to_allocvec(skips).unwrap();
        assert!(round_trips::<Skips>(&bytes(&Skips { a: Some(1), b: 2 })));
        assert!(!round_trips::<Skips>(&bytes(&Skips { a: None, b: 2 })));
    }
}
