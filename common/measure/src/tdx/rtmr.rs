//! Run-time measurement registers.

use sha2::{Digest as _, Sha384};

use crate::digest::{Digest, Digest384};

/// A register, replayed. Starts as zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtmr(Digest384);

impl Default for Rtmr {
    fn default() -> Self {
        Self(Digest([0; 48]))
    }
}

impl Rtmr {
    /// TDG.MR.RTMR.EXTEND: the register becomes the SHA-384 of itself and `event`, the digest of an event.
    pub fn extend(&mut self, event: &Digest384) {
        self.0 = Digest(Sha384::new().chain_update(self.0.0).chain_update(event.0).finalize().into());
    }

    /// After all these events.
    #[must_use]
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a Digest384>) -> Self {
        let mut register = Self::default();
        events.into_iter().for_each(|event| register.extend(event));
        register
    }

    /// The value, as a quote has it.
    #[must_use]
    pub const fn value(&self) -> Digest384 {
        self.0
    }
}
