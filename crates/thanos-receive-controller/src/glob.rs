//! Tenant patterns, with the semantics of Go's `filepath.Match` on Linux, which routers use. Pure, no
//! IO.

/// A pattern that `filepath.Match` accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// `*`: any characters.
    Star,
    /// `?`: one character.
    Any,
    /// A literal character.
    Char(char),
    /// `[…]`: one character in one of the ranges, or with `^` in none of them.
    Class {
        negated: bool,
        ranges: Vec<(u32, u32)>,
    },
}

const UNCLOSED: &str = "a `[` has no closing `]`";
const EMPTY: &str = "a character class such as `[]` is empty";
const RANGE: &str = "a `-` in a character class has no character on one of its sides";
const ESCAPE: &str = "the backslash at its end escapes nothing";

/// Path separator, which `*` and `?` do not match. Tenant names do not contain it.
const SEPARATOR: u8 = b'/';

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// Why it is malformed. Routers answer requests with HTTP 500 once they compare a tenant with such
    /// a pattern.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut rest = text;
        let mut tokens = Vec::new();
        while let Some(c) = next(&mut rest) {
            tokens.push(match c {
                '*' => Token::Star,
                '?' => Token::Any,
                '[' => class(&mut rest)?,
                '\\' => Token::Char(next(&mut rest).ok_or(ESCAPE)?),
                c => Token::Char(c),
            });
        }
        Ok(Self(tokens))
    }

    /// Pattern that matches every tenant. Tenant names are not empty.
    #[must_use]
    pub fn every_tenant() -> Self {
        Self(vec![Token::Any, Token::Star])
    }

    /// The only name that it matches, if it consists of literal characters.
    #[must_use]
    pub fn literal(&self) -> Option<String> {
        let char = |token: &Token| match token {
            Token::Char(c) => Some(*c),
            _ => None,
        };
        self.0.iter().map(char).collect()
    }

    /// Whether it matches a name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut name = name.as_bytes();
        let mut tokens = self.0.as_slice();
        // As in Go, each chunk between stars is matched at its first possible byte offset.
        while !tokens.is_empty() {
            let stars = tokens.iter().take_while(|t| **t == Token::Star).count();
            let after = &tokens[stars..];
            let end = after.iter().position(|t| *t == Token::Star);
            let (chunk, rest) = after.split_at(end.unwrap_or(after.len()));
            if stars > 0 && chunk.is_empty() {
                return !name.contains(&SEPARATOR);
            }
            // The last chunk must match up to the end.
            let fits = |name: &&[u8]| !rest.is_empty() || name.is_empty();
            let at = |from: usize| matched(chunk, &name[from..]).filter(fits);
            let reach = name.iter().position(|b| *b == SEPARATOR);
            let skipped = (stars > 0).then(|| 1..=reach.unwrap_or(name.len()));
            let found = at(0).or_else(|| skipped?.find_map(at));
            let Some(left) = found else {
                return false;
            };
            (name, tokens) = (left, rest);
        }
        name.is_empty()
    }

    /// Whether it matches every name that `other` matches. `false` may be a false negative; `true` is
    /// certain for names of valid UTF-8.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let this: Vec<_> = atoms(&self.0).into_iter().map(|a| a.map(widened)).collect();
        let other = match atoms(&other.0) {
            all if all == [None] => atoms(&Self::every_tenant().0),
            atoms => atoms,
        };
        if other
            .iter()
            .any(|atom| atom.as_ref().is_some_and(|set| set.is_empty()))
        {
            // `other` matches nothing, so nothing of it is taken.
            return false;
        }
        let width = other.len() + 1;
        let mut covers = vec![false; (this.len() + 1) * width];
        for i in (0..=this.len()).rev() {
            for j in (0..=other.len()).rev() {
                let at = |i: usize, j: usize| covers[i * width + j];
                covers[i * width + j] = match (this.get(i), other.get(j)) {
                    (None, None) => true,
                    (None, Some(_)) | (Some(Some(_)), None) => false,
                    (Some(None), None) => at(i + 1, j),
                    (Some(None), Some(_)) => at(i + 1, j) || at(i, j + 1),
                    (Some(Some(set)), Some(Some(part))) => contains(set, part) && at(i + 1, j + 1),
                    // A star is empty, or one character and a star.
                    (Some(Some(set)), Some(None)) => {
                        contains(set, &ALL) && at(i, j + 1) && at(i + 1, j)
                    }
                };
            }
        }
        covers[0]
    }

    /// Number of tokens.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

fn next(rest: &mut &str) -> Option<char> {
    let mut chars = rest.chars();
    let first = chars.next();
    *rest = chars.as_str();
    first
}

/// Parses a class after its `[`.
fn class(rest: &mut &str) -> Result<Token, &'static str> {
    let negated = rest.starts_with('^');
    if negated {
        next(rest);
    }
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && rest.starts_with(']') {
            next(rest);
            return Ok(Token::Class { negated, ranges });
        }
        let low = bound(rest, ranges.is_empty())?;
        let mut high = low;
        if rest.starts_with('-') {
            next(rest);
            high = bound(rest, false)?;
        }
        ranges.push((low.into(), high.into()));
    }
}

/// Parses a character of a class, after which the class must continue.
fn bound(rest: &mut &str, is_first: bool) -> Result<char, &'static str> {
    let bound = match next(rest).ok_or(UNCLOSED)? {
        ']' if is_first => return Err(EMPTY),
        '-' | ']' => return Err(RANGE),
        '\\' => next(rest).ok_or(UNCLOSED)?,
        c => c,
    };
    match rest.is_empty() {
        true => Err(UNCLOSED),
        false => Ok(bound),
    }
}

/// Rest of a name after a chunk without stars; `None` if it does not match.
fn matched<'a>(chunk: &[Token], mut name: &'a [u8]) -> Option<&'a [u8]> {
    for token in chunk {
        name = match token {
            Token::Char(c) => name.strip_prefix(c.encode_utf8(&mut [0; 4]).as_bytes())?,
            Token::Any | Token::Star if name.first() == Some(&SEPARATOR) => return None,
            Token::Any | Token::Star => name.get(decode(name)?.1..)?,
            Token::Class { negated, ranges } => {
                let (c, length) = decode(name)?;
                let is_in = ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                if is_in == *negated {
                    return None;
                }
                name.get(length..)?
            }
        };
    }
    Some(name)
}

/// First character and its length. As in Go, an invalid byte is one character.
fn decode(name: &[u8]) -> Option<(u32, usize)> {
    let length = match *name.first()? {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
    };
    let first = name.get(..length).and_then(|n| std::str::from_utf8(n).ok());
    let first = first.and_then(|text| text.chars().next());
    Some(first.map_or((char::REPLACEMENT_CHARACTER.into(), 1), |c| {
        (c.into(), length)
    }))
}

/// Set of characters, as sorted ranges that do not touch.
type Set = Vec<(u32, u32)>;

const ALL: [(u32, u32); 1] = [(0, char::MAX as u32)];

/// Character set of each token, and `None` for stars. A star is moved behind adjacent tokens that match
/// any character.
fn atoms(tokens: &[Token]) -> Vec<Option<Set>> {
    let mut atoms: Vec<Option<Set>> = Vec::new();
    for token in tokens {
        let set = match token {
            Token::Star => None,
            Token::Any => Some(ALL.to_vec()),
            Token::Char(c) => Some(vec![((*c).into(), (*c).into())]),
            Token::Class { negated, ranges } => Some(match negated {
                true => complement(&merged(ranges)),
                false => merged(ranges),
            }),
        };
        let is_any = set.clone().is_some_and(|set| contains(&widened(set), &ALL));
        match (atoms.last(), &set) {
            (Some(None), None) => {}
            (Some(None), Some(_)) if is_any => atoms.insert(atoms.len() - 1, set),
            _ => atoms.push(set),
        }
    }
    atoms
}

fn merged(ranges: &[(u32, u32)]) -> Set {
    let mut ranges: Set = ranges.iter().filter(|(l, h)| l <= h).copied().collect();
    ranges.sort_unstable();
    let mut merged: Set = Vec::new();
    for (low, high) in ranges {
        match merged.last_mut() {
            Some((_, last)) if low <= *last + 1 => *last = high.max(*last),
            _ => merged.push((low, high)),
        }
    }
    merged
}

/// Complement of a set.
fn complement(set: &Set) -> Set {
    let mut complement = Vec::new();
    let mut from = 0;
    for (low, high) in set {
        if from < *low {
            complement.push((from, low - 1));
        }
        from = high + 1;
    }
    if from <= char::MAX as u32 {
        complement.push((from, char::MAX as u32));
    }
    complement
}

/// Adds the separator, which tenant names do not contain.
fn widened(mut set: Set) -> Set {
    set.push((SEPARATOR.into(), SEPARATOR.into()));
    merged(&set)
}

fn contains(set: &Set, part: &[(u32, u32)]) -> bool {
    let is_in = |(low, high): &(u32, u32)| set.iter().any(|(l, h)| l <= low && high <= h);
    part.iter().all(is_in)
}

#[cfg(test)]
mod tests;
