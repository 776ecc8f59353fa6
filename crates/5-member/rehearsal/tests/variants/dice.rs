//! A small generator of numbers, so that a failure can be repeated from its seed.

/// Numbers that look random and follow from a seed.
pub struct Dice(u64);

impl Dice {
    /// Returns dice whose throws follow from these two numbers.
    pub fn new(seed: u64, position: u64) -> Self {
        let mut dice =
            Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ position.wrapping_mul(0xd1b5_4a32_d192_ed03) ^ 0x2545_f491_4f6c_dd1d);
        dice.below(2);
        dice
    }

    /// Returns a number from 0 to `limit` - 1; 0 where the limit is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 33) as usize % limit.max(1)
    }

    /// Returns one of several; there must be one.
    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// Returns one of several, if there is any.
    pub fn one_of<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.below(from.len())].clone())
    }

    /// Returns true in one of so many throws.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}
