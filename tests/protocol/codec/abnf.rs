//! A grammar in ABNF (RFC 5234), as far as the protocol page uses it: reads the rules, and matches a text against one.

use std::collections::{BTreeMap, BTreeSet};

/// The elements of a rule.
#[derive(Clone, Debug)]
pub enum Node {
    Literal(String),
    Range(char, char),
    Rule(String),
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    /// Least and most repetitions.
    Repeat(usize, usize, Box<Node>),
}

pub struct Grammar {
    pub rules: BTreeMap<String, Node>,
}

impl Grammar {
    /// Reads rules. A line that begins with white space continues the rule before it.
    pub fn parse(text: &str) -> Self {
        let mut sources: Vec<String> = Vec::new();
        for line in text.lines().map(without_comment).filter(|line| !line.trim().is_empty()) {
            match (line.starts_with(' '), sources.last_mut()) {
                (true, Some(rule)) => rule.push_str(line),
                _ => sources.push(line.to_owned()),
            }
        }
        let core =
            "ALPHA = %x41-5A / %x61-7A\nDIGIT = %x30-39\nHEXDIG = DIGIT / \"A\" / \"B\" / \"C\" / \"D\" / \"E\" / \"F\"
DQUOTE = %x22\nHTAB = %x09\nCR = %x0D\nLF = %x0A";
        let mut rules = BTreeMap::new();
        for source in core.lines().map(str::to_owned).chain(sources) {
            let (name, elements) = source.split_once('=').unwrap_or_else(|| panic!("no rule: {source}"));
            let mut parser = Parser { rest: elements.trim() };
            let node = parser.choice();
            assert!(parser.rest.is_empty(), "cannot read {:?} of {source}", parser.rest);
            assert!(rules.insert(name.trim().to_owned(), node).is_none(), "two rules for {name}");
        }
        Self { rules }
    }

    /// Returns true if the whole text is what the rule stands for.
    pub fn matches(&self, rule: &str, text: &str) -> bool {
        let text: Vec<_> = text.chars().collect();
        self.ends(&Node::Rule(rule.to_owned()), &text, 0).contains(&text.len())
    }

    /// Returns all rules that the rules refer to.
    pub fn references(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        self.rules.values().for_each(|node| collect_references(node, &mut found));
        found
    }

    /// Returns the literals with which the alternatives of a rule begin.
    pub fn first_literals(&self, rule: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        self.collect_first(&self.rules[rule], &mut found);
        found
    }

    fn collect_first(&self, node: &Node, found: &mut BTreeSet<String>) {
        match node {
            Node::Literal(text) => _ = found.insert(text.clone()),
            Node::Rule(name) => self.collect_first(&self.rules[name], found),
            Node::Choice(nodes) => nodes.iter().for_each(|node| self.collect_first(node, found)),
            Node::Sequence(nodes) => self.collect_first(&nodes[0], found),
            Node::Repeat(.., node) => self.collect_first(node, found),
            Node::Range(..) => {}
        }
    }

    /// Returns every place at which a match that begins at `at` can end.
    fn ends(&self, node: &Node, text: &[char], at: usize) -> BTreeSet<usize> {
        match node {
            Node::Literal(literal) => {
                let end = at + literal.chars().count();
                let found = text.get(at..end).is_some_and(|found| {
                    literal.chars().zip(found).all(|(literal, found)| literal.eq_ignore_ascii_case(found))
                });
                found.then_some(end).into_iter().collect()
            }
            Node::Range(first, last) => {
                text.get(at).filter(|c| (first..=last).contains(c)).map(|_| at + 1).into_iter().collect()
            }
            Node::Rule(name) => self.ends(self.rules.get(name).unwrap_or_else(|| panic!("no rule {name}")), text, at),
            Node::Choice(nodes) => nodes.iter().flat_map(|node| self.ends(node, text, at)).collect(),
            Node::Sequence(nodes) => nodes.iter().fold(BTreeSet::from([at]), |ends, node| {
                ends.into_iter().flat_map(|at| self.ends(node, text, at)).collect()
            }),
            Node::Repeat(least, most, node) => self.repeated_ends(*least, *most, node, text, at),
        }
    }

    fn repeated_ends(&self, least: usize, most: usize, node: &Node, text: &[char], at: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::from([at]);
        let mut ends = BTreeSet::new();
        for count in 0..=most.min(text.len() + 1) {
            if count >= least {
                // An end that was reached before leads to no new one.
                reached.retain(|end| ends.insert(*end));
            }
            reached = reached.into_iter().flat_map(|at| self.ends(node, text, at)).collect();
            if reached.is_empty() {
                break;
            }
        }
        ends
    }
}

fn collect_references(node: &Node, found: &mut BTreeSet<String>) {
    match node {
        Node::Rule(name) => _ = found.insert(name.clone()),
        Node::Sequence(nodes) | Node::Choice(nodes) => nodes.iter().for_each(|node| collect_references(node, found)),
        Node::Repeat(.., node) => collect_references(node, found),
        Node::Literal(_) | Node::Range(..) => {}
    }
}

/// Cuts a comment off; a `;` in quotes begins none.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ';' if !quoted => return &line[..at],
            _ => {}
        }
    }
    line
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn choice(&mut self) -> Node {
        let mut nodes = vec![self.sequence()];
        while self.skip("/") {
            nodes.push(self.sequence());
        }
        if nodes.len() == 1 { nodes.remove(0) } else { Node::Choice(nodes) }
    }

    fn sequence(&mut self) -> Node {
        let mut nodes = Vec::new();
        while !self.rest.is_empty() && !self.rest.starts_with(['/', ')', ']']) {
            nodes.push(self.repetition());
        }
        Node::Sequence(nodes)
    }

    fn repetition(&mut self) -> Node {
        let least = self.number();
        let (least, most) = match (self.skip("*"), least) {
            (true, least) => (least.unwrap_or(0), self.number().unwrap_or(usize::MAX)),
            (false, Some(times)) => (times, times),
            (false, None) => return self.element(),
        };
        Node::Repeat(least, most, Box::new(self.element()))
    }

    fn element(&mut self) -> Node {
        if self.skip("(") {
            let node = self.choice();
            assert!(self.skip(")"), "no ) before {}", self.rest);
            return node;
        }
        if self.skip("[") {
            let node = self.choice();
            assert!(self.skip("]"), "no ] before {}", self.rest);
            return Node::Repeat(0, 1, Box::new(node));
        }
        if let Some(rest) = self.rest.strip_prefix('"') {
            let (literal, rest) = rest.split_once('"').expect("the end of a literal");
            self.rest = rest.trim_start();
            return Node::Literal(literal.to_owned());
        }
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '%'));
        match word.strip_prefix("%x") {
            Some(range) => {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                let code = |hex| u32::from_str_radix(hex, 16).ok().and_then(char::from_u32).expect("a code point");
                Node::Range(code(first), code(last))
            }
            None => Node::Rule(word),
        }
    }

    fn number(&mut self) -> Option<usize> {
        let digits = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        number.parse().ok()
    }

    fn skip(&mut self, sign: &str) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest).trim_start();
        rest.is_some()
    }

    fn take_while(&mut self, allowed: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !allowed(c)).unwrap_or(self.rest.len());
        assert!(end > 0, "no element: {}", self.rest);
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word.to_owned()
    }
}
