//! Running targets without a fuzzer: seeds, and mutations of them from a fixed random sequence.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use crate::Target;

/// The longest input made here, in bytes.
const LONGEST: usize = 1 << 16;

/// Runs a target on its seeds and on [`Target::rounds`] mutations of them.
///
/// # Panics
/// As the target does; the input is printed first.
pub fn run(target: &Target) {
    for input in inputs(target) {
        try_input(target, &input);
    }
}

/// What a smoke run of a target tries: its seeds, and [`Target::rounds`] mutations of them.
pub fn inputs(target: &Target) -> impl Iterator<Item = Vec<u8>> + use<> {
    let seeds = (target.seeds)();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mutations = {
        let seeds = seeds.clone();
        (0..target.rounds).map(move |_| mutated(&seeds, &mut random))
    };
    seeds.into_iter().chain(mutations)
}

/// Runs a target on the content of each file; without files, as [`run`].
///
/// # Errors
/// A file that cannot be read.
///
/// # Panics
/// As the target does.
pub fn run_files(target: &Target, files: impl Iterator<Item = impl AsRef<Path>>) -> std::io::Result<()> {
    let mut files = files.peekable();
    if files.peek().is_none() {
        run(target);
    }
    for file in files {
        try_input(target, &std::fs::read(file)?);
    }
    Ok(())
}

fn try_input(target: &Target, input: &[u8]) {
    // Nothing that the target leaves behind is looked at after a panic.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.body)(input))) {
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        let message = format!("{} fails on {hex}\n", target.name);
        // The panic itself is reported in any case.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), message.as_bytes());
        resume_unwind(panic);
    }
}

/// A seed with a few changes, or (one in sixteen) nothing but random bytes.
fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = match seeds {
        [] => Vec::new(),
        _ => seeds[random.below(seeds.len())].clone(),
    };
    if input.is_empty() || random.below(16) == 0 {
        let length = random.below(512);
        return (0..length).map(|_| random.byte()).collect();
    }
    for _ in 0..=random.below(4) {
        mutate(&mut input, seeds, random);
    }
    input.truncate(LONGEST);
    input
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let end = at + random.below(input.len() - at + 1).min(16);
    match random.below(8) {
        0 => input.truncate(at),
        1 => drop(input.drain(at..end)),
        2 => input.insert(at, random.byte()),
        3 => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len() + 1);
            input.splice(at..end, other[from..].iter().copied());
        }
        // A number at a limit, over what is there.
        4 => {
            let value = LIMITS[random.below(LIMITS.len())].to_le_bytes();
            for (place, byte) in input[at..].iter_mut().zip(value) {
                *place = byte;
            }
        }
        5 => input[at..end].fill(0),
        _ => {
            if let Some(place) = input.get_mut(at) {
                *place ^= 1 << random.below(8);
            }
        }
    }
}

const LIMITS: [u64; 12] = [
    0,
    1,
    0x7f,
    0xff,
    0xffff,
    0x1_0000,
    0x4_0000,
    0x7fff_ffff,
    0xffff_ffff,
    0x1_0000_0000,
    i64::MAX as u64,
    u64::MAX,
];

/// Marsaglia's xorshift with 64 bits: any sequence will do that is the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `limit`, which is not zero.
    fn below(&mut self, limit: usize) -> usize {
        ((self.next() >> 16) % limit as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }
}
