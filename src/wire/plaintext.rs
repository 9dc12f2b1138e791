//! Plaintext ⇄ stamps and data (postcard), and the padding that hides their exact length. No other
//! file knows where in a plaintext anything stands.
//!
//! ```text
//! plaintext = stamps ‖ data ‖ 0x80 ‖ zero bytes up to a multiple of the padding
//! ```
//!
//! Everything read here is authentic, so what does not fit is a bug or another program with the
//! same key; it is refused all the same, and within bounded time and memory.

use crate::rules::reason::{Reason, Refusal};
use crate::rules::timeouts::{Clocks, Timeouts};
use crate::timestamp::Timestamp;
use crate::wire::envelope::{Binding, Text};
use crate::wire::limits::{self, write::WriteError};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use uuid::Uuid;

/// Stands between the data and the zeros. Without it, padding would be read as fields that an
/// older `T` did not have.
const END: u8 = 0x80;
/// The padding is at most 256, so there are at most this many zeros.
const MAX_ZEROS: usize = 255;

/// Bytes of a `u32` as a varint, at most.
const MAX_NUMBER_LEN: usize = 5;
/// Bytes of the id.
const ID_LEN: usize = 16;
/// Of these, the random ones (RFC 9562 §5.7: 74 bits, the others are the time, version and variant).
pub(crate) const ID_RANDOM_LEN: usize = 10;

/// More than the plaintext of any cookie.
const MAX_LEN: usize = 4096;

/// Why data was not written.
pub(crate) type NotWritten = WriteError<postcard::Error>;

/// What the library itself keeps about a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamps {
    /// A UUIDv7: its first 48 bits are the time of creation in milliseconds.
    pub(crate) id: Uuid,
    pub(crate) clocks: Clocks,
    /// The version of the application's data.
    pub(crate) schema: u32,
    /// The cut of its subject that it was sealed under: see `docs/ending-sessions.md`.
    pub(crate) cut: u32,
}

/// The stamps after the id, in the order of the wire. The id stands apart, because serde would visit
/// each of its bytes for itself, which took 6 % of the instructions of an encode.
#[derive(Serialize, Deserialize)]
struct StampsAfterId {
    renewed: u32,
    timeouts: Option<(u32, u32)>,
    schema: u32,
    cut: u32,
}

impl Stamps {
    /// All stamps at their longest: the id, five numbers and the byte of the `Option`.
    const MAX_LEN: usize = ID_LEN + 5 * MAX_NUMBER_LEN + 1;

    /// Reads the stamps at the start of `bytes`, and returns how many bytes they take up.
    fn read(bytes: &[u8]) -> Option<(Stamps, usize)> {
        let (id, after) = bytes.split_first_chunk()?;
        let (StampsAfterId { renewed, timeouts, schema, cut }, data) =
            postcard::take_from_bytes(after).ok()?;
        let id = Uuid::from_bytes(*id);
        let created = Timestamp::of_id(id)?;
        let own = timeouts.map(|(idle, absolute)| Timeouts { idle, absolute });
        let clocks = Clocks { created, renewed, own };
        Some((Stamps { id, clocks, schema, cut }, bytes.len() - data.len()))
    }

    /// Writes the stamps to the start of `space`, and returns how many bytes they take up.
    fn write(&self, space: &mut [u8; Stamps::MAX_LEN]) -> usize {
        let (id, after) = space.split_first_chunk_mut().expect("an id is shorter");
        *id = self.id.into_bytes();
        let Clocks { created: _, renewed, own } = self.clocks;
        let timeouts = own.map(|own| (own.idle, own.absolute));
        let rest = StampsAfterId { renewed, timeouts, schema: self.schema, cut: self.cut };
        ID_LEN + postcard::to_slice(&rest, after).expect("there is room for the longest").len()
    }

    /// Returns how many bytes these stamps can take up in any later cookie of the same session:
    /// `renewed` grows, and so may `cut`.
    pub(crate) fn max_len(&self) -> usize {
        let numbers = self.clocks.own.map(|own| [own.idle, own.absolute]);
        let timeouts: usize = numbers.iter().flatten().map(|number| number_len(*number)).sum();
        ID_LEN + 2 * MAX_NUMBER_LEN + 1 + timeouts + number_len(self.schema)
    }
}

/// Returns how many bytes `number` takes up as a varint.
fn number_len(number: u32) -> usize {
    let bits = u32::BITS - number.leading_zeros();
    bits.div_ceil(7).max(1) as usize
}

/// Returns the id of a session created at `at`.
pub(crate) fn new_id(at: Timestamp, random: &[u8; ID_RANDOM_LEN]) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(at.millis(), random).into_uuid()
}

/// The data of a session, in the place where it is opened or sealed.
pub(crate) struct Plaintext {
    text: Text,
    data: Range<usize>,
    /// How many more bytes the data has than fit any cookie. They were counted and not kept.
    excess: usize,
}

impl Plaintext {
    /// Reads what the cipher opened: row 7 of `docs/format.md`.
    pub(crate) fn read(text: Text) -> Result<(Stamps, Plaintext), Refusal> {
        let bytes = text.bytes();
        let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
        let body = match bytes[..bytes.len() - zeros].split_last() {
            Some((&END, body)) if zeros <= MAX_ZEROS => body,
            _ => return Err(Refusal::at(7, Reason::InvalidPayload)),
        };
        let (stamps, len) = Stamps::read(body).ok_or(Refusal::at(7, Reason::InvalidPayload))?;
        let data = len..body.len();
        Ok((stamps, Plaintext { text, data, excess: 0 }))
    }

    /// Begins a plaintext whose data is still to be [`append`](Plaintext::append)ed; the stamps come
    /// last, when everything is decided.
    pub(crate) fn draft(binding: &Binding, expected_len: usize) -> Plaintext {
        let mut text = Text::with_capacity(binding, Stamps::MAX_LEN + expected_len);
        let end = text.end();
        end.resize(end.len() + Stamps::MAX_LEN, 0);
        Plaintext { text, data: Stamps::MAX_LEN..Stamps::MAX_LEN, excess: 0 }
    }

    /// Returns the plaintext and leaves an empty one in its place.
    #[cfg(feature = "_adapter")]
    pub(crate) fn take(&mut self) -> Plaintext {
        let empty = Plaintext { text: Text::empty(), data: 0..0, excess: 0 };
        std::mem::replace(self, empty)
    }

    /// Returns the bytes of the data.
    pub(crate) fn data(&self) -> &[u8] {
        &self.text.bytes()[self.data.clone()]
    }

    /// Returns how many bytes the data has, also those that were not kept.
    pub(crate) fn data_len(&self) -> usize {
        self.data.len() + self.excess
    }

    /// Appends `value` to the data of a draft.
    pub(crate) fn append<T: Serialize>(&mut self, value: &T) -> Result<(), NotWritten> {
        let end = self.text.end();
        let start = end.len();
        // Tries the spare capacity first; if it overflows, retries with the maximum.
        let room = end.capacity() - start;
        let mut len = write_into(end, room, value)?;
        if len > room {
            end.truncate(start);
            len = write_into(end, MAX_LEN, value)?;
        }
        let kept = end.len() - start;
        self.data.end += kept;
        self.excess += len - kept;
        Ok(())
    }

    /// Completes a draft: stamps, data, end marker, and as many zeros as make it a multiple of
    /// `padding` long.
    pub(crate) fn finish(mut self, stamps: &Stamps, padding: usize) -> Text {
        let mut space = [0; Stamps::MAX_LEN];
        let stamps_len = stamps.write(&mut space);
        let len = stamps_len + self.data.len();
        let bytes = self.text.bytes_mut();
        bytes[..stamps_len].copy_from_slice(&space[..stamps_len]);
        bytes.copy_within(self.data.clone(), stamps_len);
        let unused = bytes.len() - len;
        let end = self.text.end();
        end.truncate(end.len() - unused);
        end.push(END);
        end.resize(end.len() + padded_len(len + 1, padding) - (len + 1), 0);
        self.text
    }
}

/// Returns the length of a plaintext with stamps and data of these lengths.
pub(crate) fn plaintext_len(stamps_len: usize, data_len: usize, padding: usize) -> usize {
    let end_marker = 1;
    padded_len(stamps_len + data_len + end_marker, padding)
}

fn padded_len(len: usize, padding: usize) -> usize {
    len.next_multiple_of(padding)
}

/// Returns how many bytes `value` has as data. They are counted and not kept.
pub(crate) fn counted_len<T: Serialize>(value: &T) -> Result<usize, NotWritten> {
    write_counted(value, &mut [])
}

/// Appends at most `room` bytes of `value`. Returns how many it has: a list of millions costs no
/// memory and still leads to an error that tells its size.
fn write_into<T: Serialize>(
    out: &mut Vec<u8>,
    room: usize,
    value: &T,
) -> Result<usize, NotWritten> {
    let start = out.len();
    out.resize(start + room, 0);
    let len = write_counted(value, &mut out[start..])?;
    out.truncate(start + len.min(room));
    Ok(len)
}

/// Writes what of `value` fits `out`, and returns how many bytes it has.
#[inline]
fn write_counted<T: Serialize>(value: &T, out: &mut [u8]) -> Result<usize, NotWritten> {
    let mut serializer = postcard::Serializer { output: Counted { out, len: 0 } };
    let written = limits::write::serialize(value, &mut serializer);
    let len = serializer.output.len;
    match written {
        // The size is what the developer is told: it names what to change.
        Err(WriteError::TooManyElements) if len > MAX_LEN => Ok(len),
        written => written.map(|()| len),
    }
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
    use postcard::to_allocvec;

    fn stamps(renewed: u32) -> Stamps {
        let created = Timestamp::from_millis(1_800_000_000_123);
        let clocks = Clocks { created, renewed, own: None };
        Stamps { id: new_id(created, &[0; 10]), clocks, schema: 0, cut: 0 }
    }

    fn binding() -> Binding {
        Binding::new("shop", "sid")
    }

    /// A whole plaintext, padded to a multiple of 1.
    fn written<T: Serialize>(stamps: &Stamps, data: &T, room: usize) -> Text {
        let mut draft = Plaintext::draft(&binding(), room);
        draft.append(data).unwrap();
        draft.finish(stamps, 1)
    }

    #[test]
    fn the_longest_stamps_have_their_longest_length() {
        let longest = Stamps {
            clocks: Clocks {
                renewed: u32::MAX,
                own: Some(Timeouts { idle: u32::MAX, absolute: u32::MAX }),
                ..stamps(0).clocks
            },
            schema: u32::MAX,
            cut: u32::MAX,
            ..stamps(0)
        };
        assert_eq!(longest.write(&mut [0; Stamps::MAX_LEN]), Stamps::MAX_LEN);
        assert_eq!(longest.max_len(), Stamps::MAX_LEN);
    }

    #[test]
    fn no_later_cookie_of_a_session_has_longer_stamps() {
        let own = [None, Some(Timeouts { idle: 127, absolute: 128 })];
        for (own, schema) in own.into_iter().flat_map(|own| [0, 127, 128].map(|n| (own, n))) {
            for renewed in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 268_435_456, u32::MAX] {
                let clocks = Clocks { own, ..stamps(renewed).clocks };
                let now = Stamps { clocks, schema, ..stamps(renewed) };
                let last =
                    Stamps { clocks: Clocks { renewed: u32::MAX, ..clocks }, cut: u32::MAX, ..now };
                assert_eq!(now.max_len(), last.write(&mut [0; Stamps::MAX_LEN]), "{now:?}");
            }
        }
    }

    /// Where the size alone would be no error.
    #[test]
    fn too_many_elements_in_as_many_bytes_as_fit_are_told_as_such() {
        let nothings = vec![(); 5000];
        let text = |len: usize| "x".repeat(len);
        let with = |len| counted_len(&(text(len), &nothings));
        // Both lengths are two bytes long.
        assert!(matches!(with(MAX_LEN - 4), Err(WriteError::TooManyElements)));
        assert!(with(MAX_LEN - 3).is_ok_and(|len| len > MAX_LEN), "its size is told");
    }

    #[test]
    fn an_id_tells_when_the_session_was_created() {
        let at = Timestamp::from_millis(1_800_000_000_123);
        assert_eq!(Timestamp::of_id(new_id(at, &[0xff; 10])), Some(at));
    }

    #[test]
    fn an_id_of_another_uuid_version_or_variant_is_refused() {
        let mut space = [0; Stamps::MAX_LEN];
        let len = stamps(0).write(&mut space);
        assert!(Stamps::read(&space[..len]).is_some());
        for (byte, value) in [(6, 0x40), (6, 0x80), (6, 0), (8, 0), (8, 0xc0), (8, 0xe0)] {
            let mut bad = space;
            bad[byte] = value;
            assert!(Stamps::read(&bad[..len]).is_none(), "{byte} {value:#x}");
        }
    }

    #[test]
    fn stamps_and_data_come_back() {
        let stamps = Stamps { schema: 300, cut: 70_000, ..stamps(90) };
        let (read, plaintext) = Plaintext::read(written(&stamps, &"data", 0)).ok().unwrap();
        assert_eq!(read, stamps);
        assert_eq!(plaintext.data(), b"\x04data");
    }

    #[test]
    fn what_is_written_does_not_depend_on_the_room_there_was() {
        let data = ("eight by", 300_u16, vec![7_u8; 20]);
        let stamps = stamps(300);
        let rest = StampsAfterId { renewed: 300, timeouts: None, schema: 0, cut: 0 };
        let rest = to_allocvec(&(rest, &data)).unwrap();
        let expected = [stamps.id.as_bytes(), &rest[..], &[END]].concat();
        for room in 0..2 * expected.len() {
            assert_eq!(written(&stamps, &data, room).bytes(), expected, "{room}");
        }
    }

    #[test]
    fn padding_makes_the_length_a_multiple() {
        for padding in [1, 2, 16, 255, 256] {
            let mut draft = Plaintext::draft(&binding(), 0);
            draft.append(&[7_u8; 20]).unwrap();
            let text = draft.finish(&stamps(0), padding);
            assert_eq!(text.bytes().len() % padding, 0, "{padding}");
            assert_eq!(Plaintext::read(text).ok().unwrap().1.data(), [7; 20], "{padding}");
        }
    }

    #[test]
    fn large_data_is_counted_and_not_kept() {
        let mut draft = Plaintext::draft(&binding(), 0);
        draft.append(&vec![1_u8; 1_000_000]).unwrap();
        assert_eq!(draft.data_len(), 1_000_003, "three bytes of length");
        assert!(draft.data().len() < 5000);
        assert_eq!(counted_len(&vec![1_u8; 1_000_000]).unwrap(), 1_000_003);
    }
}
