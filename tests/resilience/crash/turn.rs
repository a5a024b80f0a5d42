//! What all of these tests share: patience, chance that can be repeated, and turns, so that heavy tests
//! do not run beside each other. Nothing here decides whether a test passes but an end to waiting.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// Far longer than anything here takes; only what hangs gets there.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something holds.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "this never happened: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One heavy test at a time, whichever process it runs in. It ends when this is dropped.
pub struct Turn {
    _lock: File,
}

impl Turn {
    pub fn take() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("heavy-tests");
        let lock = File::create(path).unwrap();
        lock.lock().unwrap();
        Self { _lock: lock }
    }
}

/// Whether the long tests are wanted: `just long` sets it.
pub fn is_long() -> bool {
    std::env::var_os("DURABILITY_TESTS_LONG").is_some()
}

/// Numbers that look random and come again with the same seed (splitmix64).
pub struct Chance(u64);

impl Chance {
    /// The seed that `DURABILITY_TESTS_SEED` names, or always the same one. Whoever uses it prints it.
    pub fn seed() -> u64 {
        let named = std::env::var("DURABILITY_TESTS_SEED").ok();
        named.map_or(20_261_122, |seed| seed.trim().parse().unwrap())
    }

    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Less than `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// For whoever reads the output of a test: the seed, and what was counted. It is shown where the test
/// fails, or where all output is asked for.
#[allow(clippy::print_stderr)]
pub fn tell(text: &str) {
    eprintln!("{text}");
}
