//! Mutated inputs: made of a corpus and a seed, which gives the same input again.

use crate::support::random::Random;

/// Texts that are special in most formats.
const TOKENS: [&str; 32] = [
    ";",
    ":",
    ",",
    "-",
    "\"",
    "\"\"",
    "\\",
    "\\n",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\u{1b}",
    "\u{7f}",
    "\u{85}",
    "\u{202e}",
    "é",
    "e\u{301}",
    "😀",
    "0",
    "1",
    "-1",
    "00",
    "999",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "9999-12-31T23:59:59.999Z",
    "1970-01-01T00:00:00.000Z",
    "*",
];

/// Bytes between which a format has its fields.
const SEPARATORS: &[u8] = b";:,\n= ";

/// Longest input: mutations may double it.
const INPUT_BYTES: usize = 100_000;

pub struct Mutator {
    corpus: Vec<Vec<u8>>,
    /// The fields of the corpus, each once.
    fields: Vec<Vec<u8>>,
}

impl Mutator {
    pub fn new(corpus: Vec<Vec<u8>>) -> Self {
        let split = corpus.iter().flat_map(|input| input.split(|byte| SEPARATORS.contains(byte)));
        let mut fields: Vec<_> = split.filter(|field| field.len() <= 64).map(<[u8]>::to_vec).collect();
        fields.extend(TOKENS.iter().map(|token| token.as_bytes().to_vec()));
        fields.sort_unstable();
        fields.dedup();
        Self { corpus, fields }
    }

    /// Returns the input of a seed: one of the corpus with a few mutations.
    pub fn input(&self, seed: u64) -> Vec<u8> {
        let mut random = Random::of(seed, [self.corpus.len() as u64]);
        let mut input = pick(&self.corpus, &mut random).cloned().unwrap_or_default();
        for _ in 0..=random.below(5) {
            self.mutate(&mut input, &mut random);
            input.truncate(INPUT_BYTES);
        }
        input
    }

    /// Changes an input in one place.
    pub fn mutate(&self, input: &mut Vec<u8>, random: &mut Random) {
        let (from, to) = range(input, random);
        let part = input.get(from..to).unwrap_or_default().to_vec();
        match random.below(12) {
            0 => flip_bit(input, random),
            1 => input.truncate(from),
            2 => _ = input.drain(from..to),
            3 => insert(input, to, &part),
            4 => input.splice(from..to, (from..to).map(|_| random.next() as u8)).for_each(drop),
            5 => self.splice(input, random),
            6 => insert(input, from, self.token(random)),
            7 | 8 => replace_field(input, self.token(random), random),
            9 => repeat_field(input, random),
            10 => move_line(input, random),
            _ => insert(input, from, &part.repeat(1 + random.below(200) as usize)),
        }
    }

    fn token(&self, random: &mut Random) -> &[u8] {
        pick(&self.fields, random).map(Vec::as_slice).unwrap_or_default()
    }

    /// Replaces the end of an input by the end of another one.
    fn splice(&self, input: &mut Vec<u8>, random: &mut Random) {
        let Some(other) = pick(&self.corpus, random) else { return };
        input.truncate(random.below(input.len() as u64 + 1) as usize);
        input.extend(other.get(random.below(other.len() as u64 + 1) as usize..).unwrap_or_default());
    }
}

pub fn pick<'a, T>(list: &'a [T], random: &mut Random) -> Option<&'a T> {
    list.get(random.below(list.len() as u64) as usize)
}

/// Chooses a part, mostly a short one.
fn range(input: &[u8], random: &mut Random) -> (usize, usize) {
    let from = random.below(input.len() as u64 + 1) as usize;
    let length = if random.chance(80) { random.below(8) } else { random.below(input.len() as u64 + 1) };
    (from, (from + length as usize).min(input.len()))
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied()).for_each(drop);
}

fn flip_bit(input: &mut [u8], random: &mut Random) {
    let at = random.below(input.len() as u64) as usize;
    let bit = random.below(8);
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << bit;
    }
}

/// Chooses a field: the place of its first byte, and that of the separator after it.
fn field(input: &[u8], random: &mut Random) -> (usize, usize) {
    let at = random.below(input.len() as u64 + 1) as usize;
    let is_separator = |byte: &u8| SEPARATORS.contains(byte);
    let (before, behind) = input.split_at(at.min(input.len()));
    let from = before.iter().rposition(is_separator).map_or(0, |separator| separator + 1);
    (from, behind.iter().position(is_separator).map_or(input.len(), |length| at + length))
}

fn replace_field(input: &mut Vec<u8>, token: &[u8], random: &mut Random) {
    let (from, to) = field(input, random);
    input.splice(from..to, token.iter().copied()).for_each(drop);
}

fn repeat_field(input: &mut Vec<u8>, random: &mut Random) {
    let (from, to) = field(input, random);
    let end = (to + 1).min(input.len());
    let field = input.get(from..end).unwrap_or_default().to_vec();
    insert(input, end, &field);
}

/// Moves a line, or repeats it elsewhere.
fn move_line(input: &mut Vec<u8>, random: &mut Random) {
    let mut lines: Vec<_> = input.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let Some(line) = pick(&lines, random).cloned() else { return };
    if random.chance(50) {
        lines.remove(random.below(lines.len() as u64) as usize);
    }
    lines.insert(random.below(lines.len() as u64 + 1) as usize, line);
    *input = lines.concat();
}
