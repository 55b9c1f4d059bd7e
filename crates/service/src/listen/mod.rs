//! Connections: taken here, and not by the framework, so that a request knows who is at the other end.
//!
//! Guarantees: a connection that says nothing, or whose handshake or headers take too long, is closed; there are never
//! more than the limit. A client certificate was verified before a handler sees it.

mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use reroot_core::text::exact_path;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};

use crate::error::ServiceError;
use crate::principal::Peer;
use crate::settings::Listen;

pub use tls::Secure;

/// Longest time for a TLS handshake, and for the headers of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest time that open requests have when the service ends.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// A place that is listened on.
#[expect(missing_debug_implementations, reason = "holds a key")]
pub struct Listener {
    socket: Socket,
    tls: Option<Arc<Secure>>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

impl Listener {
    /// Listens.
    ///
    /// # Errors
    /// The place is taken, or this user may not use it.
    pub async fn open(place: &Listen, tls: Option<Arc<Secure>>) -> Result<Self, ServiceError> {
        let (name, socket) = match place {
            Listen::Tcp(address) => (address.to_string(), TcpListener::bind(address).await.map(Socket::Tcp)),
            Listen::Unix(path) => {
                // a socket that a killed process has left is taken over, one that answers is not
                if std::os::unix::net::UnixStream::connect(path).is_err() {
                    let _ = rustix::fs::unlink(path);
                }
                (exact_path(path), UnixListener::bind(path).map(Socket::Unix))
            }
        };
        let socket = socket.map_err(|source| ServiceError::Listen { place: name, source })?;
        Ok(Self { socket, tls })
    }

    /// The address that was given, where the settings left the port to the system.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            Socket::Unix(_) => None,
        }
    }

    async fn accept(&self) -> std::io::Result<(Box<dyn Stream>, Peer)> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                let _ = stream.set_nodelay(true);
                Ok((Box::new(stream), Peer { address: Some(address.ip()), certificate: None }))
            }
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), Peer::default()))
            }
        }
    }

    /// Takes connections until `stop` says so, and then lets the open requests end.
    pub async fn run(self, router: Router, connections: u32, mut stop: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(connections as usize));
        let graceful = GracefulShutdown::new();
        loop {
            let place = tokio::select! {
                place = Arc::clone(&places).acquire_owned() => place.expect("the semaphore is not closed"),
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let accepted = tokio::select! {
                accepted = self.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let Ok((stream, peer)) = accepted else {
                // out of descriptors: give those that are open time to end
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let (tls, router, watcher) = (self.tls.clone(), router.clone(), graceful.watcher());
            let serve = async move {
                let Some((stream, peer)) = secured(tls, stream, peer).await else { return };
                let answer = service_fn(move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(peer.clone());
                    TowerToHyperService::new(router.clone()).call(request.map(Body::new))
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(PATIENCE)
                    .max_buf_size(64 << 10)
                    .serve_connection(TokioIo::new(stream), answer);
                let _ = watcher.watch(connection).await;
                drop(place);
            };
            tokio::spawn(serve);
        }
        let _ = tokio::time::timeout(LAST_REQUESTS, graceful.shutdown()).await;
    }
}

/// The stream inside TLS, and the client's certificate.
async fn secured(tls: Option<Arc<Secure>>, stream: Box<dyn Stream>, peer: Peer) -> Option<(Box<dyn Stream>, Peer)> {
    let Some(tls) = tls else { return Some((stream, peer)) };
    let stream = tokio::time::timeout(PATIENCE, tls.acceptor().accept(stream)).await.ok()?.ok()?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let certificate = certificate.map(|certificate| certificate.to_vec());
    Some((Box::new(stream), Peer { certificate, ..peer }))
}
