//! Files that are answers: read block by block, so that the length of a file does not matter to memory.

use std::fs::File;
use std::io::Read as _;

use axum::body::Body;
use futures_util::stream;

use crate::app::App;

/// Bytes of a file that are in memory at once.
const BLOCK: usize = 64 << 10;

/// The content of a file from where it is now.
pub(super) fn file_body(app: App, file: File) -> Body {
    let next = |(app, file): (App, Option<File>)| async move {
        let file = file?;
        let read = app.blocking(move |_| {
            let mut block = vec![0; BLOCK];
            let mut taken = (&file).take(BLOCK as u64);
            let mut filled = 0;
            let result = loop {
                match taken.read(&mut block[filled..]) {
                    Ok(0) => break Ok(()),
                    Ok(count) => filled += count,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => break Err(error),
                }
            };
            block.truncate(filled);
            Ok((file, result.map(|()| block)))
        });
        match read.await {
            Ok((_, Ok(block))) if block.is_empty() => None,
            Ok((file, Ok(block))) => Some((Ok(block), (app, Some(file)))),
            Ok((_, Err(error))) => Some((Err(error), (app, None))),
            Err(_) => Some((Err(std::io::Error::other("the read ended in a panic")), (app, None))),
        }
    };
    Body::from_stream(stream::unfold((app, Some(file)), next))
}
