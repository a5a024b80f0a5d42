//! A seeded random number generator (splitmix64) for samples, with the same numbers everywhere.

pub struct Random(u64);

impl Random {
    /// Returns a generator for one numbered sample, independent of all others.
    pub fn new(seed: u64, number: usize) -> Self {
        let mut first = Self(seed ^ (number as u64).wrapping_mul(0xA24B_AED4_963E_E407));
        Self(first.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Returns a number from 0 to `end`, exclusive.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// Returns a number between two limits, inclusive.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as usize) as i64
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Returns a number below `end`; the higher the power, the more frequent are small numbers.
    pub fn skewed(&mut self, end: usize, power: i32) -> usize {
        (end as f64 * self.unit().powi(power)) as usize
    }

    /// Returns `true` with a probability in percent.
    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Returns one of the values by weight.
    pub fn weighted<T: Copy>(&mut self, from: &[(T, usize)]) -> T {
        let total = from.iter().map(|(_, weight)| weight).sum();
        let mut left = self.below(total);
        for &(item, weight) in from {
            if left < weight {
                return item;
            }
            left -= weight;
        }
        from[0].0
    }
}
