//! How the tests of this binary run: heavy ones one at a time, with a seed that repeats them.

use std::fs::File;
use std::path::Path;

/// Lets heavy tests run one at a time, in whichever process they are. Ends when it is dropped.
///
/// Heavy are those that measure memory or time, or kill a daemon under load: two of them on two cores would
/// make each other's figures meaningless.
pub struct ExclusiveTest {
    _lock: File,
}

impl ExclusiveTest {
    pub fn start() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("heavy-tests");
        let lock = File::create(path).unwrap();
        lock.lock().unwrap();
        Self { _lock: lock }
    }
}

/// Whether to run the long tests: `just long` sets this.
pub fn is_long() -> bool {
    std::env::var_os("DURABILITY_TESTS_LONG").is_some()
}

/// Pseudo-random numbers, the same for the same seed (splitmix64).
pub struct Random(u64);

impl Random {
    /// The seed in `DURABILITY_TESTS_SEED`, or always the same one. A test that uses it prints it.
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

/// Prints the seed or a result. The test harness shows it if the test fails or with `--nocapture`.
#[allow(clippy::print_stderr)]
pub fn report(text: &str) {
    eprintln!("{text}");
}
