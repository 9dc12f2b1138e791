//! The lines of a feed's file: whole ones from a place on, and none that is too long to be one.

use crate::ended::entry::{EntryBytes, MAX_LEN};
use base64_simd::{Out, URL_SAFE_NO_PAD};
use std::io::{self, Read};

/// Base64url of the longest entry, with room for those of later versions.
pub(super) const MAX_LINE: usize = 256;

const BUFFER: usize = 256 * 1024;

/// Appends an entry as a line.
pub(crate) fn write(entry: &EntryBytes, text: &mut Vec<u8>) {
    URL_SAFE_NO_PAD.encode_append(entry, text);
    text.push(b'\n');
}

/// Returns the bytes that a line stands for, if it is base64url of not too many.
pub(crate) fn decode<'b>(line: &[u8], buffer: &'b mut [u8; MAX_LINE]) -> Option<&'b [u8]> {
    if line.len() > MAX_LINE {
        return None;
    }
    URL_SAFE_NO_PAD.decode(line, Out::from_slice(buffer)).ok().map(|bytes| &*bytes)
}

/// Calls `meet` for each whole line, without its end; a line that is too long comes cut short.
/// Returns how many bytes the whole lines have.
pub(crate) fn read(mut file: impl Read, mut meet: impl FnMut(&[u8])) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut line: Vec<u8> = Vec::with_capacity(MAX_LINE + 1);
    let (mut seen, mut whole) = (0, 0);
    loop {
        let len = match file.read(&mut buffer) {
            Ok(0) => return Ok(whole),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let mut rest = &buffer[..len];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            extend(&mut line, &rest[..end]);
            meet(&line);
            line.clear();
            rest = &rest[end + 1..];
            whole = seen + (len - rest.len()) as u64;
        }
        extend(&mut line, rest);
        seen += len as u64;
    }
}

fn extend(line: &mut Vec<u8>, more: &[u8]) {
    // One byte more than a line may have tells that it is too long.
    let room = (MAX_LINE + 1).saturating_sub(line.len());
    line.extend_from_slice(&more[..more.len().min(room)]);
}

const _: () = assert!(MAX_LEN.div_ceil(3) * 4 < MAX_LINE);

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> (Vec<String>, u64) {
        let mut lines = Vec::new();
        let whole = read(text, |line| lines.push(String::from_utf8_lossy(line).into_owned()));
        (lines, whole.unwrap())
    }

    #[test]
    fn only_whole_lines_count() {
        assert_eq!(lines(b""), (vec![], 0));
        assert_eq!(lines(b"abc"), (vec![], 0));
        assert_eq!(lines(b"abc\nde"), (vec!["abc".into()], 4));
        assert_eq!(lines(b"abc\n\nde\n"), (vec!["abc".into(), "".into(), "de".into()], 8));
    }

    #[test]
    fn a_line_over_two_buffers_is_one() {
        let mut text = b"x\n".repeat(BUFFER / 2 - 2);
        text.extend_from_slice(b"0123456789\nend\n");
        let (lines, whole) = lines(&text);
        assert_eq!(lines[lines.len() - 2..], ["0123456789", "end"]);
        assert_eq!(whole, text.len() as u64);
    }

    #[test]
    fn a_line_stands_for_bytes_if_it_is_not_too_long() {
        let len = |line: usize| decode(&vec![b'A'; line], &mut [0; MAX_LINE]).map(<[u8]>::len);
        assert_eq!((len(0), len(MAX_LINE), len(MAX_LINE + 4)), (Some(0), Some(192), None));
        assert_eq!(decode(b"no base64!", &mut [0; MAX_LINE]), None);
    }

    /// Fails first, and then has a line.
    struct Fails(Option<io::ErrorKind>, &'static [u8]);

    impl Read for Fails {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.take() {
                Some(kind) => Err(kind.into()),
                None => self.1.read(buffer),
            }
        }
    }

    #[test]
    fn reading_goes_on_when_a_signal_came_between_and_else_fails() {
        let read = |kind| read(Fails(Some(kind), b"line\n"), |_| {}).map_err(|error| error.kind());
        assert_eq!(read(io::ErrorKind::Interrupted), Ok(5));
        assert_eq!(read(io::ErrorKind::Other), Err(io::ErrorKind::Other));
    }

    #[test]
    fn a_line_of_a_megabyte_is_skipped_without_being_kept() {
        let mut text = vec![b'x'; 1 << 20];
        text.extend_from_slice(b"\nnext\n");
        let (lines, _) = lines(&text);
        assert_eq!((lines[0].len(), lines[1].as_str()), (MAX_LINE + 1, "next"));
        assert_eq!(decode(lines[0].as_bytes(), &mut [0; MAX_LINE]), None);
    }
}
