//! A frame: the length of a message as 4 bytes, big-endian, and the message.

use std::io::{ErrorKind, Read, Write};

use zeroize::Zeroizing;

use super::SigningServiceError;

/// Longest message, in bytes.
pub const MAX: usize = 1 << 20;
/// Bytes of the length.
const HEADER: usize = 4;

/// Reads one frame. `None`: the other side closed the connection between two frames. The buffer is wiped when it is
/// dropped: a secret may be in it.
///
/// # Errors
/// The message is empty or longer than [`MAX`], the connection ends inside a frame, or reading fails.
pub fn read(from: &mut impl Read) -> Result<Option<Zeroizing<Vec<u8>>>, SigningServiceError> {
    let mut header = [0; HEADER];
    let mut at = 0;
    while at < HEADER {
        match from.read(&mut header[at..]) {
            Ok(0) if at == 0 => return Ok(None),
            Ok(0) => return Err(cut(at)),
            Ok(count) => at += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let length = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
    if length == 0 || length > MAX {
        let what = format!("its length is {length} bytes, expected 1 to {MAX}");
        return Err(SigningServiceError::Frame { what });
    }
    // one allocation that never grows: no copy of a secret stays behind
    let mut message = Zeroizing::new(vec![0; length]);
    let mut at = 0;
    while at < length {
        match from.read(&mut message[at..]) {
            Ok(0) => return Err(cut(HEADER + at)),
            Ok(count) => at += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(Some(message))
}

/// Puts a message into a frame.
///
/// # Errors
/// The message is longer than [`MAX`].
pub fn frame(message: &[u8]) -> Result<Zeroizing<Vec<u8>>, SigningServiceError> {
    let length = u32::try_from(message.len()).ok().filter(|_| message.len() <= MAX);
    let length = length.ok_or_else(|| SigningServiceError::Frame {
        what: format!("its length is {} bytes, expected 1 to {MAX}", message.len()),
    })?;
    let mut framed = Zeroizing::new(Vec::with_capacity(HEADER + message.len()));
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    Ok(framed)
}

/// Writes one frame.
///
/// # Errors
/// The message is too long, or writing fails.
pub fn write(to: &mut impl Write, message: &[u8]) -> Result<(), SigningServiceError> {
    to.write_all(&frame(message)?).map_err(failed)
}

fn cut(found: usize) -> SigningServiceError {
    SigningServiceError::Frame { what: format!("the connection ended after {found} bytes of it") }
}

pub(super) fn failed(error: std::io::Error) -> SigningServiceError {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            SigningServiceError::Deadline { seconds: super::wire::DEADLINE.as_secs() }
        }
        _ => SigningServiceError::Wire(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out one byte at a time.
    struct Slowly<'a>(&'a [u8]);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = 1.min(buffer.len());
            self.0.read(&mut buffer[..count])
        }
    }

    fn read_all(bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let message = read(&mut Slowly(bytes)).map_err(|error| error.to_string())?;
        Ok(message.map(|message| message.to_vec()))
    }

    #[test]
    fn a_frame_comes_back_and_nothing_else_is_one() {
        let longest = vec![b'x'; MAX];
        for message in [&b"{}"[..], b"x", &longest] {
            assert_eq!(read_all(&frame(message).unwrap()).unwrap().unwrap(), message);
        }
        assert_eq!(read_all(b""), Ok(None));
        for (bytes, what) in [
            (&[0, 0][..], "ended after 2 bytes"),
            (&[0, 0, 0, 3, b'a'], "ended after 5 bytes"),
            (&[0, 0, 0, 0], "its length is 0 bytes"),
            (&[0, 0x10, 0, 1], "its length is 1048577 bytes"),
            (&[255; 8], "its length is 4294967295 bytes"),
        ] {
            let error = read_all(bytes).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
        assert!(frame(&vec![0; MAX + 1]).is_err());
    }
}
