//! Randomness from the CPU's generator (`RDRAND`), with a health check.
//!
//! The host cannot see or choose these numbers, but a broken CPU, or one told to break, may repeat itself or
//! stick at zeros or ones, as some did after a suspend. Two equal words in a row, or a word of all zeros or all
//! ones, come by chance once in 2^62 words: to see one means that the generator is not to be trusted, and
//! the Keep ends rather than make keys with it.

use core::arch::x86_64::_rdrand64_step;

use holdfast_gate::Ending;

use crate::sync::Lock;
use crate::sys;

/// How often an empty generator is asked again, as Intel's guide has it.
const RETRIES: usize = 10;

/// Words that must pass at the start.
const START_UP: usize = 1024;

/// One random word of a source, or nothing if it is exhausted.
pub type Source = fn() -> Option<u64>;

/// Why a source is not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unhealthy {
    /// It had no number, however often it was asked.
    Exhausted,
    /// It gave the same word twice in a row.
    Repeated,
    /// It gave a word of all zeros or all ones.
    Stuck,
}

/// A source with the memory that its health check needs.
#[derive(Debug)]
pub struct Generator {
    source: Source,
    last: Option<u64>,
}

impl Generator {
    /// A generator that was not checked yet.
    #[must_use]
    pub const fn new(source: Source) -> Self {
        Self { source, last: None }
    }

    /// Draws words and forgets them, to see whether the source is healthy.
    ///
    /// # Errors
    /// What is wrong with the source.
    pub fn start_up_test(&mut self) -> Result<(), Unhealthy> {
        for _ in 0..START_UP {
            self.word()?;
        }
        Ok(())
    }

    /// The next word.
    ///
    /// # Errors
    /// What is wrong with the source.
    pub fn word(&mut self) -> Result<u64, Unhealthy> {
        let word = (0..=RETRIES).find_map(|_| (self.source)()).ok_or(Unhealthy::Exhausted)?;
        if word == 0 || word == u64::MAX {
            return Err(Unhealthy::Stuck);
        }
        if self.last.replace(word) == Some(word) {
            return Err(Unhealthy::Repeated);
        }
        Ok(word)
    }

    /// Fills `buffer`.
    ///
    /// # Errors
    /// What is wrong with the source; the buffer is then not to be used.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Unhealthy> {
        for bytes in buffer.chunks_mut(size_of::<u64>()) {
            let word = self.word()?.to_ne_bytes();
            bytes.copy_from_slice(&word[..bytes.len()]);
        }
        Ok(())
    }
}

static CPU: Lock<Generator> = Lock::new(Generator::new(rdrand));

fn or_end<T>(result: Result<T, Unhealthy>) -> T {
    result.unwrap_or_else(|_| sys::abort(Ending::RandomnessFailed))
}

/// Tests the CPU's generator; ends the Keep if it fails. Call it once, before [`fill`].
pub fn init() {
    or_end(CPU.lock().start_up_test());
}

/// Fills `buffer` with secret randomness; ends the Keep if the generator fails.
pub fn fill(buffer: &mut [u8]) {
    or_end(CPU.lock().fill(buffer));
}

fn rdrand() -> Option<u64> {
    let mut word = 0;
    // SAFETY: the Keep does not start on a CPU without RDRAND.
    let done = unsafe { step(&mut word) };
    done.then_some(word)
}

/// # Safety
/// The CPU has RDRAND.
#[target_feature(enable = "rdrand")]
unsafe fn step(word: &mut u64) -> bool {
    _rdrand64_step(word) == 1
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicU64, Ordering};
    use std::collections::BTreeSet;

    use super::*;

    fn run(source: Source) -> Result<(), Unhealthy> {
        Generator::new(source).start_up_test()
    }

    #[test]
    fn bad_sources_are_told_by_what_is_wrong() {
        assert_eq!(run(|| None), Err(Unhealthy::Exhausted));
        assert_eq!(run(|| Some(0)), Err(Unhealthy::Stuck));
        assert_eq!(run(|| Some(u64::MAX)), Err(Unhealthy::Stuck));
        assert_eq!(run(|| Some(0x1234_5678_9abc_def0)), Err(Unhealthy::Repeated));
    }

    #[test]
    fn a_source_that_breaks_later_is_noticed() {
        static DRAWN: AtomicU64 = AtomicU64::new(0);
        let mut generator = Generator::new(|| Some(DRAWN.fetch_add(1, Ordering::SeqCst).min(2000) + 1));
        assert_eq!(generator.start_up_test(), Ok(()));
        let mut buffer = [0; 8 * 976];
        assert_eq!(generator.fill(&mut buffer), Ok(()));
        assert_eq!(generator.fill(&mut buffer), Err(Unhealthy::Repeated));
    }

    #[test]
    fn an_empty_source_is_asked_again() {
        static ASKED: AtomicU64 = AtomicU64::new(0);
        let mut generator = Generator::new(|| {
            let asked = ASKED.fetch_add(1, Ordering::SeqCst);
            asked.is_multiple_of(10).then_some(asked + 1)
        });
        assert_eq!(generator.word(), Ok(1));
        assert_eq!(generator.word(), Ok(11));
    }

    #[test]
    fn the_cpu_fills_every_byte_of_any_length() {
        init();
        for length in 0..40 {
            let mut buffers = BTreeSet::new();
            for _ in 0..40 {
                let mut buffer = [0_u8; 40];
                fill(&mut buffer[..length]);
                assert!(buffer[length..].iter().all(|byte| *byte == 0));
                buffers.insert(buffer);
            }
            // By chance, the last byte is the same 40 times once in 2^312.
            let last = length.checked_sub(1);
            let distinct: BTreeSet<u8> = buffers.iter().filter_map(|buffer| Some(buffer[last?])).collect();
            assert!(length == 0 || distinct.len() > 1);
        }
    }
}
