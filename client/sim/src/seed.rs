use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// Where all keys, serial numbers and salts come from: the same seed gives the same vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// A stream for one purpose. Streams with different labels are independent.
    pub(crate) fn stream(self, label: &str) -> ChaCha20Rng {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(label);
        ChaCha20Rng::from_seed(hash.finalize().into())
    }

    /// The first bytes of a stream.
    pub(crate) fn bytes<const N: usize>(self, label: &str) -> [u8; N] {
        use chacha20::rand_core::Rng;
        let mut bytes = [0; N];
        self.stream(label).fill_bytes(&mut bytes);
        bytes
    }

    /// A serial number: positive, and the same for the same label.
    pub(crate) fn serial(self, label: &str) -> [u8; 20] {
        let mut serial: [u8; 20] = self.bytes(label);
        serial[0] = serial[0] & 0x7f | 0x40;
        serial
    }
}
