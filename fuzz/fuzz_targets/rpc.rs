//! What comes over the socket of the signing service: frames, and the messages in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reroot::signing_service::message::{self, MAX_APPROVALS};
use reroot::signing_service::{Answer, Call, Hello, frame};

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Ok(Some(content)) = frame::read(&mut rest) {
        assert!(!content.is_empty() && content.len() <= frame::MAX);
        read(&content);
    }
    // a frame costs the mutations four bytes that must fit: without one, more of them reach the messages
    read(bytes);
});

/// What was read is within its bounds, and says the same when it is written and read again.
fn read(content: &[u8]) {
    if let Ok(call) = message::parse_call(content) {
        if let Call::Submit { approvals, .. } = &call {
            assert!(approvals.len() <= MAX_APPROVALS);
        }
        let written = message::to_bytes(&call);
        let again = message::parse_call(&written).expect("a call that was written can be read");
        assert_eq!(*message::to_bytes(&again), *written);
    }
    if let Ok(answer) = message::parse::<Answer>(content) {
        let written = message::to_bytes(&answer);
        assert_eq!(message::parse::<Answer>(&written).expect("an answer that was written can be read"), answer);
    }
    if let Ok(hello) = message::parse::<Hello>(content) {
        let written = message::to_bytes(&hello);
        assert_eq!(message::parse::<Hello>(&written).expect("a greeting that was written can be read"), hello);
    }
}
