//! The form with a file (`multipart/form-data`, RFC 7578): its small fields, and then the file, which is read piece by piece.
//!
//! The file is the last field, so its length follows from that of the whole form, and is known before its first byte: the API
//! demands that. The form must end there. Fields after the file would be taken for its
//! content; a browser sends fields in the order of the page, where the file is last, and its digest is shown afterwards.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header;
use futures_util::stream;
use http_body_util::BodyExt as _;

use super::form::Fields;
use crate::problem::{LENGTH_REQUIRED, Problem, REQUEST_MALFORMED, UPLOAD_LENGTH};

/// A form whose file has not been read.
pub(super) struct Form {
    pub(super) fields: Fields,
    /// The name that the sender gave the file.
    pub(super) name: String,
    /// Its length.
    pub(super) bytes: u64,
    rest: Rest,
}

impl Form {
    /// Reads the fields before the file.
    ///
    /// # Errors
    /// It is not such a form, or it has no file.
    pub(super) async fn read(request: Request) -> Result<Self, Problem> {
        let wrong = |what: &str| Problem::new(REQUEST_MALFORMED, format!("the form with the file {what}"));
        let headers = request.headers();
        let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let boundary = media.split(';').find_map(|part| part.trim().strip_prefix("boundary="));
        let boundary = boundary.map(|text| text.trim_matches('"')).filter(|text| (1..=70).contains(&text.len()));
        let delimiter = format!("--{}", boundary.ok_or_else(|| wrong("has no boundary"))?);
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let length = length.ok_or_else(|| Problem::new(LENGTH_REQUIRED, "there is no Content-Length"))?;
        let mut source = Source { body: request.into_body(), read: 0 };
        let (mut head, mut fields) = (Vec::new(), Vec::new());
        loop {
            match next_part(&head, &delimiter).map_err(wrong)? {
                Found::More => {
                    if head.len() > MAX_HEAD {
                        return Err(wrong("has long fields before the file"));
                    }
                    let more = source.next().await?.ok_or_else(|| wrong("ends before its file"))?;
                    head.extend_from_slice(&more);
                }
                Found::Field { name, value, used } => {
                    fields.push((name, value));
                    head.drain(..used);
                }
                Found::File { name, used } => {
                    let closing = format!("\r\n{delimiter}--\r\n").into_bytes();
                    let before = source.read - (head.len() - used) as u64;
                    let bytes =
                        length.checked_sub(before + closing.len() as u64).ok_or_else(|| wrong("is too short"))?;
                    let pending = Bytes::from(head.split_off(used));
                    let rest = Rest { source, pending, left: bytes, closing, at: 0 };
                    return Ok(Self { fields: Fields::of(fields), name, bytes, rest });
                }
            }
        }
    }

    /// The content of the file.
    pub(super) fn content(self) -> Body {
        Body::from_stream(stream::unfold(Some(self.rest), |rest| async move {
            let mut rest = rest?;
            match rest.next().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(rest))),
                Ok(None) => None,
                Err(problem) => Some((Err(std::io::Error::other(problem.document().detail.clone())), None)),
            }
        }))
    }
}

/// The body of the request.
struct Source {
    body: Body,
    read: u64,
}

impl Source {
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            let broken = |_| Problem::new(UPLOAD_LENGTH, "the form broke off");
            let Some(frame) = self.body.frame().await.transpose().map_err(broken)? else { return Ok(None) };
            if let Ok(data) = frame.into_data() {
                self.read += data.len() as u64;
                return Ok(Some(data));
            }
        }
    }
}

/// The file and what follows it.
struct Rest {
    source: Source,
    pending: Bytes,
    left: u64,
    closing: Vec<u8>,
    /// How much of the closing was there.
    at: usize,
}

impl Rest {
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            if self.pending.is_empty() {
                match self.source.next().await? {
                    Some(more) => self.pending = more,
                    None if self.left == 0 && self.at == self.closing.len() => return Ok(None),
                    None => return Err(Problem::new(UPLOAD_LENGTH, "the form broke off")),
                }
            }
            if self.left > 0 {
                let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.pending.len());
                let piece = self.pending.split_to(length);
                self.left -= piece.len() as u64;
                if !piece.is_empty() {
                    return Ok(Some(piece));
                }
                continue;
            }
            let tail = std::mem::take(&mut self.pending);
            let expected = self.closing.get(self.at..self.at + tail.len());
            if expected != Some(&tail[..]) {
                return Err(Problem::new(REQUEST_MALFORMED, "the form does not end after its file"));
            }
            self.at += tail.len();
        }
    }
}

enum Found {
    /// The part is not whole.
    More,
    Field {
        name: String,
        value: String,
        used: usize,
    },
    File {
        name: String,
        used: usize,
    },
}

/// The part at the beginning.
fn next_part(head: &[u8], delimiter: &str) -> Result<Found, &'static str> {
    let begin = format!("{delimiter}\r\n");
    let known = head.len().min(begin.len());
    if head[..known] != begin.as_bytes()[..known] {
        return Err("has no part where one begins, or no file");
    }
    let Some(end) = find(head, b"\r\n\r\n") else { return Ok(Found::More) };
    let lines = std::str::from_utf8(&head[begin.len().min(end)..end]).map_err(|_| "is not UTF-8")?;
    let disposition = lines.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then_some(value)
    });
    let disposition = disposition.ok_or("has a part without a name")?;
    let name = parameter(disposition, "name").ok_or("has a part without a name")?;
    let content = end + 4;
    if let Some(file) = parameter(disposition, "filename") {
        return Ok(Found::File { name: file, used: content });
    }
    let Some(length) = find(&head[content..], format!("\r\n{delimiter}").as_bytes()) else { return Ok(Found::More) };
    let value = std::str::from_utf8(&head[content..content + length]).map_err(|_| "is not UTF-8")?;
    Ok(Found::Field { name, value: value.to_owned(), used: content + length + 2 })
}

/// A quoted parameter. Browsers write `"` and line ends in it as `%22`, `%0D` and `%0A` (HTML Standard, multipart/form-data
/// encoding algorithm).
fn parameter(disposition: &str, wanted: &str) -> Option<String> {
    let mut rest = disposition;
    while let Some((_, after)) = rest.split_once(';') {
        let (name, value) = after.split_once('=')?;
        let (value, after) = value.strip_prefix('"')?.split_once('"')?;
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"));
        }
        rest = after;
    }
    None
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Longest fields before the file.
const MAX_HEAD: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &'static [u8], length: usize) -> Request {
        let pieces = body.chunks(3).map(Bytes::from_static).map(Ok::<_, std::io::Error>);
        Request::builder()
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=B")
            .header(header::CONTENT_LENGTH, length)
            .body(Body::from_stream(stream::iter(pieces.collect::<Vec<_>>())))
            .unwrap()
    }

    async fn read(body: &'static [u8], length: usize) -> Result<(Form, Result<Bytes, String>), String> {
        let form = Form::read(request(body, length)).await.map_err(|problem| problem.document().detail.clone())?;
        let again = Form::read(request(body, length)).await.map_err(|problem| problem.document().detail.clone())?;
        let content =
            again.content().collect().await.map(http_body_util::Collected::to_bytes).map_err(|error| error.to_string());
        Ok((form, content))
    }

    const GOOD: &[u8] = b"--B\r\nContent-Disposition: form-data; name=\"form_token\"\r\n\r\nabc\r\n--B\r\ncontent-disposition: \
        form-data; name=\"file\"; filename=\"a%22; filename=b.zip\"\r\nContent-Type: application/zip\r\n\r\nPK\r\n--B\r\n\r\n--B--\r\n";

    #[tokio::test]
    async fn fields_and_a_file_are_read() {
        let (form, content) = read(GOOD, GOOD.len()).await.unwrap();
        assert_eq!((form.fields.one("form_token"), form.name.as_str()), ("abc", "a\"; filename=b.zip"));
        // a delimiter inside of the file is content: its length says where it ends
        assert_eq!(content.unwrap(), &b"PK\r\n--B\r\n"[..]);
        assert_eq!(form.bytes, 9);
    }

    #[tokio::test]
    async fn a_form_that_is_cut_off_is_refused_and_what_follows_the_file_is_content() {
        let more = b"--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\nPK\r\n--B\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n--B--\r\n";
        let (form, content) = read(more, more.len()).await.unwrap();
        // as its length says: the digest shows it
        assert!(form.bytes > 2 && content.is_ok());
        let open = &GOOD[..GOOD.len() - 3];
        assert!(read(open, open.len()).await.unwrap().1.is_err());
        assert!(read(GOOD, GOOD.len() + 1).await.unwrap().1.is_err());
        assert!(read(GOOD, GOOD.len() - 1).await.unwrap().1.is_err());
    }

    #[tokio::test]
    async fn what_is_not_such_a_form_is_refused() {
        for bad in [
            &b""[..],
            b"x",
            b"--B--\r\n",
            b"--B\r\n\r\n\r\nabc\r\n--B--\r\n",
            b"--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nabc\r\n--B--\r\n",
            b"--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\n",
        ] {
            assert!(read(bad, bad.len()).await.is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }
}
