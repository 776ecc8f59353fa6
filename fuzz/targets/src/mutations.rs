//! Inputs made of others: bytes changed, pieces taken out, doubled, moved and taken from elsewhere, words put in each other's place.

/// A stream of inputs that begins with the seeds themselves.
pub struct Mutations {
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
    state: u64,
    made: usize,
}

/// Values at which something often ends.
const EDGES: [&str; 14] = [
    "",
    "0",
    "-1",
    "1",
    "INFINITY",
    "-INFINITY",
    "9223372036854775807",
    "-9223372036854775808",
    "4294967296",
    "\"",
    "<",
    "&#0;",
    "\u{fffd}",
    "null",
];

const LENGTH_MAX: usize = 1 << 15;

impl Mutations {
    /// Returns the stream of a number; the same number gives the same stream.
    pub fn new(seeds: Vec<Vec<u8>>, number: u64) -> Self {
        let mut words: Vec<Vec<u8>> = EDGES.iter().map(|edge| edge.as_bytes().to_vec()).collect();
        for seed in &seeds {
            words.extend(seed.split(|byte| !byte.is_ascii_alphanumeric() && !b"-_.:#".contains(byte)).map(<[u8]>::to_vec));
        }
        words.sort();
        words.dedup();
        Self { seeds, words, state: number ^ 0x9e37_79b9_7f4a_7c15, made: 0 }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }

    /// Returns a piece of an input, most often from one mark of its language to another.
    fn piece(&mut self, of: &[u8]) -> std::ops::Range<usize> {
        let marks: Vec<usize> = of.iter().enumerate().filter(|(_, byte)| b"<>{}[],\"\n".contains(byte)).map(|(at, _)| at).collect();
        let end = |generator: &mut Self| match marks.is_empty() || generator.below(4) == 0 {
            true => generator.below(of.len() + 1),
            false => marks[generator.below(marks.len())],
        };
        let (a, b) = (end(self), end(self));
        a.min(b)..a.max(b)
    }

    fn word(&mut self, input: &[u8]) -> std::ops::Range<usize> {
        let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:#".contains(byte);
        let mut from = self.below(input.len());
        while from < input.len() && !is_inside(&input[from]) {
            from += 1;
        }
        let to = input[from..].iter().position(|byte| !is_inside(byte)).map_or(input.len(), |length| from + length);
        while from > 0 && is_inside(&input[from - 1]) {
            from -= 1;
        }
        from..to
    }

    fn changed(&mut self, mut input: Vec<u8>) -> Vec<u8> {
        match self.below(8) {
            0 if !input.is_empty() => {
                let at = self.below(input.len());
                input[at] = self.below(256) as u8;
            }
            1 => drop(input.drain(self.piece(&input.clone()))),
            2 => {
                let range = self.piece(&input);
                let (piece, at) = (input[range].to_vec(), self.below(input.len() + 1));
                input.splice(at..at, piece);
            }
            3 => {
                let which = self.below(self.seeds.len());
                let other = self.seeds[which].clone();
                let (from, to) = (self.piece(&other), self.piece(&input));
                input.splice(to, other[from].iter().copied());
            }
            4 => input.truncate(self.below(input.len() + 1)),
            _ => {
                let (range, word) = (self.word(&input), self.below(self.words.len()));
                input.splice(range, self.words[word].iter().copied());
            }
        }
        input.truncate(LENGTH_MAX);
        input
    }
}

impl Iterator for Mutations {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.made += 1;
        if let Some(seed) = self.seeds.get(self.made - 1) {
            return Some(seed.clone());
        }
        let which = self.below(self.seeds.len());
        let mut input = self.seeds.get(which)?.clone();
        for _ in 0..=self.below(5) {
            input = self.changed(input);
        }
        Some(input)
    }
}
