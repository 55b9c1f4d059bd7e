//! Files that are sent: whole, a part (RFC 9110 §14), or not at all where the caller has them (§13).
//!
//! A file is read piece by piece while it is sent, so that a slow reader holds no memory and no thread.

use std::fs::File;
use std::future::Future as _;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Bytes, Frame, SizeHint};
use reroot_core::x509::Time;
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::task::JoinHandle;

use crate::problem::{Problem, RANGE};

/// What is sent.
pub(super) struct Sent {
    /// The open file.
    pub(super) file: File,
    /// Its length.
    pub(super) bytes: u64,
    /// SHA-256 in hexadecimal: the strong entity tag.
    pub(super) sha256: String,
    /// Its media type.
    pub(super) media: &'static str,
    /// The name under which it is kept.
    pub(super) name: String,
}

impl Sent {
    /// The answer to a request with these headers.
    pub(super) fn answer(self, asked: &HeaderMap) -> Response {
        let tag = format!("\"{}\"", self.sha256);
        let mut headers = headers(&tag, self.media, &self.name);
        if asked.get_all(header::IF_NONE_MATCH).iter().any(|value| matches(value, &tag)) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        // RFC 9110 §13.1.5: a part only of what the caller has a part of
        let same = asked.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == tag.as_bytes());
        let wanted = asked.get(header::RANGE).filter(|_| same).and_then(|value| value.to_str().ok());
        let (status, from, to) = match wanted.map_or(Wanted::Whole, |text| wanted_range(text, self.bytes)) {
            Wanted::Whole => (StatusCode::OK, 0, self.bytes),
            Wanted::Part(from, to) => {
                let place = format!("bytes {from}-{}/{}", to - 1, self.bytes);
                headers.insert(header::CONTENT_RANGE, value(&place));
                (StatusCode::PARTIAL_CONTENT, from, to)
            }
            Wanted::Nothing => {
                let problem = Problem::new(RANGE, format!("the file has {} bytes", self.bytes));
                let mut response = problem.into_response();
                let place = format!("bytes */{}", self.bytes);
                response.headers_mut().insert(header::CONTENT_RANGE, value(&place));
                return response;
            }
        };
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(to - from));
        (status, headers, Pieces::of(self.file, from, to)).into_response()
    }
}

/// The answer that is a whole file, of a job that is not published: it has no entity tag and is not kept by caches.
pub(super) fn attachment(file: File, bytes: u64, name: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, value("application/octet-stream")),
        (header::CONTENT_LENGTH, HeaderValue::from(bytes)),
        (header::CONTENT_DISPOSITION, disposition(name)),
    ];
    (headers, Pieces::of(file, 0, bytes)).into_response()
}

/// What every file and every document that is a file has.
pub(super) fn headers(tag: &str, media: &'static str, name: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, value(tag));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable"));
    headers.insert(header::CONTENT_DISPOSITION, disposition(name));
    headers
}

/// A time as HTTP writes it (RFC 9110 §5.6.7). One that has no such form is the beginning of time: long ago.
pub(super) fn http_date(at: Time) -> String {
    let form =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    let at = OffsetDateTime::from_unix_timestamp(at.unix()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(form).unwrap_or_default()
}

/// Names of files are of letters, digits and few other characters: anything else is replaced.
fn disposition(name: &str) -> HeaderValue {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.chars().map(plain).collect();
    value(&format!("attachment; filename=\"{name}\""))
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("_"))
}

/// Whether a list of entity tags has this one. The comparison is the weak one: RFC 9110 §13.1.2.
fn matches(value: &HeaderValue, tag: &str) -> bool {
    let text = value.to_str().unwrap_or_default();
    text.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

enum Wanted {
    Whole,
    Part(u64, u64),
    Nothing,
}

/// One range of bytes. Several of them, other units and what cannot be read are ignored, as RFC 9110 §14.2 allows.
fn wanted_range(text: &str, bytes: u64) -> Wanted {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Wanted::Whole;
    };
    let number = |text: &str| -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last && first < bytes => {
            Wanted::Part(first, last.saturating_add(1).min(bytes))
        }
        (Some(first), None) if last.is_empty() && first < bytes => Wanted::Part(first, bytes),
        (None, Some(count)) if first.is_empty() && count > 0 && bytes > 0 => {
            Wanted::Part(bytes.saturating_sub(count), bytes)
        }
        (Some(first), Some(last)) if first > last => Wanted::Whole,
        (Some(_), Some(_)) => Wanted::Nothing,
        (Some(_), None) if last.is_empty() => Wanted::Nothing,
        (None, Some(_)) if first.is_empty() => Wanted::Nothing,
        _ => Wanted::Whole,
    }
}

/// The bytes of a file between two places.
struct Pieces {
    file: Arc<File>,
    at: u64,
    end: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Pieces {
    fn of(file: File, at: u64, end: u64) -> Body {
        Body::new(Self { file: Arc::new(file), at, end, reading: None })
    }
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.at >= self.end {
            return Poll::Ready(None);
        }
        let (at, length) = (self.at, (self.end - self.at).min(PIECE));
        let file = Arc::clone(&self.file);
        let reading = self.reading.get_or_insert_with(|| {
            tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; usize::try_from(length).unwrap_or(0)];
                file.read_exact_at(&mut piece, at)?;
                Ok(piece.into())
            })
        });
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(piece) => {
                self.at += piece.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.end - self.at)
    }
}

/// Bytes that are read at once.
const PIECE: u64 = 1 << 18;

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Option<(u64, u64)> {
        match wanted_range(text, 100) {
            Wanted::Whole => Some((0, 100)),
            Wanted::Part(from, to) => Some((from, to)),
            Wanted::Nothing => None,
        }
    }

    #[test]
    fn a_range_is_a_part_or_the_whole_or_nothing() {
        for (text, expected) in [
            ("bytes=0-9", Some((0, 10))),
            ("bytes=90-", Some((90, 100))),
            ("bytes=-10", Some((90, 100))),
            ("bytes=-1000", Some((0, 100))),
            ("bytes=99-1000", Some((99, 100))),
            ("bytes=100-", None),
            ("bytes=100-200", None),
            ("bytes=-0", None),
            ("bytes=5-4", Some((0, 100))),
            ("bytes=0-1,5-6", Some((0, 100))),
            ("bytes=", Some((0, 100))),
            ("bytes=a-b", Some((0, 100))),
            ("lines=0-9", Some((0, 100))),
            ("bytes=18446744073709551616-", None),
        ] {
            assert_eq!(range(text), expected, "{text}");
        }
    }

    #[test]
    fn a_time_is_written_as_http_does() {
        let text = |at: &str| http_date(Time::from_rfc3339(at).unwrap());
        assert_eq!(text("1994-11-06T08:49:37Z"), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(text("9999-12-31T23:59:59Z"), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn a_name_ends_no_header() {
        let headers = headers("\"00\"", "text/plain", "a\"b\r\nX: y/\u{e9}.pem");
        assert_eq!(headers[header::CONTENT_DISPOSITION], "attachment; filename=\"a_b__X__y__.pem\"");
    }

    #[test]
    fn tags_are_compared_in_lists() {
        for (text, expected) in
            [("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true), ("\"b\"", false)]
        {
            assert_eq!(matches(&HeaderValue::from_str(text).unwrap(), "\"a\""), expected, "{text}");
        }
    }
}
