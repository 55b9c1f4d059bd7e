//! Where a worker finds the files of chunks.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::Agent;

use crate::error::PoolError;
use crate::https;
use crate::input;
use crate::x509::Sha256Digest;

use super::chunk_file::{MAX_BYTES, name, place};

/// How long a web server may take for a file.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a worker finds the files of chunks. What comes from there is compared with the digest that was handed out.
#[derive(Clone, Debug)]
pub struct LeafStore(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// A directory that the planner's machine and this one share, or a copy of it.
    Folder(PathBuf),
    /// A web server that serves it. TLS would keep nothing true that the digest does not.
    Web(Agent, String),
}

impl LeafStore {
    /// A directory, or a URL that begins with `http://`.
    pub fn at(place: &Path) -> Self {
        match place.to_str().filter(|text| text.starts_with("http://")) {
            Some(url) => {
                Self(Kind::Web(https::client(std::iter::empty(), PATIENCE), url.trim_end_matches('/').to_owned()))
            }
            None => Self(Kind::Folder(place.to_owned())),
        }
    }

    /// Returns the content of the file that should have this digest.
    pub(crate) fn fetch(&self, digest: &Sha256Digest) -> Result<Vec<u8>, PoolError> {
        let (place, read) = match &self.0 {
            Kind::Folder(folder) => {
                let place = place(folder, digest);
                let mut content = Vec::new();
                let read = input::open(&place).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut content));
                (place.to_string_lossy().into_owned(), read.map(|_| content).map_err(|error| error.to_string()))
            }
            Kind::Web(agent, base) => {
                let url = format!("{base}/{}", name(digest));
                let read = get(agent, &url);
                (url, read)
            }
        };
        read.map_err(|what| PoolError::Leaves { place, what })
    }
}

/// The body of the answer of a web server that has the file.
fn get(agent: &Agent, url: &str) -> Result<Vec<u8>, String> {
    let mut answer = agent.get(url).call().map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    if status != 200 {
        return Err(format!("the server answers with status {status}"));
    }
    answer.body_mut().with_config().limit(MAX_BYTES).read_to_vec().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;

    use super::*;
    use crate::crypto::sha256;

    #[test]
    fn a_web_server_gives_a_file_or_says_why_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/leaves/", listener.local_addr().unwrap());
        let (there, missing) = (sha256(b"content"), sha256(b"missing"));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..2 {
                    let (mut stream, _) = listener.accept().unwrap();
                    let mut asked = [0; 4_096];
                    let read = stream.read(&mut asked).unwrap();
                    let asked = String::from_utf8_lossy(&asked[..read]).into_owned();
                    let answer = if asked.starts_with(&format!("GET /leaves/{there}.leaves HTTP/1.1\r\n")) {
                        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\ncontent"
                    } else {
                        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    };
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            });
            let store = LeafStore::at(Path::new(&url));
            assert_eq!(store.fetch(&there).unwrap(), b"content");
            let error = store.fetch(&missing).unwrap_err().to_string();
            assert!(error.contains(&format!("leaves/{missing}.leaves`")) && error.contains("status 404"), "{error}");
        });
    }
}
