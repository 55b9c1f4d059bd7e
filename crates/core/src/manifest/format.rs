//! The versions of the formats of a batch's files (docs/spec/versions.md).

use crate::cert::Encoder;
use crate::verify::Family;

/// The format of a batch's statement and lines, and of version 2 what the lines follow from besides.
///
/// A reader knows it before it looks at anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `reroot-manifest/1`, of encoder 1.
    One,
    /// `reroot-manifest/2`, of encoder 2, for chips of this family.
    Two(Family),
}

impl Format {
    /// The format of a batch of this encoder.
    pub const fn of(encoder: Encoder, family: Family) -> Self {
        match encoder {
            Encoder::One => Self::One,
            Encoder::Two => Self::Two(family),
        }
    }

    /// The encoder that goes with the format.
    pub const fn encoder(self) -> Encoder {
        match self {
            Self::One => Encoder::One,
            Self::Two(_) => Encoder::Two,
        }
    }

    /// The family of the chips; `None` where only the policy says it.
    pub const fn family(self) -> Option<Family> {
        match self {
            Self::One => None,
            Self::Two(family) => Some(family),
        }
    }

    /// The name of the format that goes with an encoder.
    pub const fn name(encoder: Encoder) -> &'static str {
        match encoder {
            Encoder::One => "reroot-manifest/1",
            Encoder::Two => "reroot-manifest/2",
        }
    }
}
