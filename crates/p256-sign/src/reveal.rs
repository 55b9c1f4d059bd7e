//! The points where something computed from a secret becomes public. There are no others: the taint run marks a value
//! as public here alone.

/// Where, and why it may be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Whether the fresh randomness of a batch repeats itself: one bit, which says nothing about randomness that does
    /// not.
    RandomnessRepeats,
    /// Whether a nonce candidate is between 1 and n - 1 (RFC 6979 §3.2 step h): one bit, independent of the nonce that
    /// is used.
    NonceInRange,
    /// Whether the secret scalar given by the caller is between 1 and n - 1: one bit.
    KeyInRange,
    /// The public key.
    PublicKey,
    /// r, half of the signature.
    R,
    /// The final s, half of the signature, after it was normalised.
    S,
}

/// The value, public from here on.
#[inline]
pub(crate) fn reveal<T: Copy>(point: Point, value: T) -> T {
    #[cfg(feature = "testing")]
    let value = observed::note(point, value);
    #[cfg(not(feature = "testing"))]
    let _ = point;
    value
}

/// Tells a test of each point that is passed.
#[cfg(feature = "testing")]
pub mod observed {
    use std::sync::OnceLock;

    use super::Point;

    /// Receives the point and the place of the value: its address and length in bytes.
    pub type Observer = fn(Point, *mut u8, usize);

    static OBSERVER: OnceLock<Observer> = OnceLock::new();

    /// Installs the observer of this process, once.
    pub fn observe(observer: Observer) {
        OBSERVER.set(observer).expect("there is one observer in a process");
    }

    pub(super) fn note<T>(point: Point, mut value: T) -> T {
        if let Some(observer) = OBSERVER.get() {
            // by a mutable place, so that what the observer was shown is what is used from here on
            observer(point, std::ptr::from_mut(&mut value).cast(), size_of::<T>());
        }
        value
    }
}
