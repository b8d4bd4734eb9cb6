//! Regular expressions of matchers: whether Go accepts one, and whether it matches an empty value. Pure.
//!
//! The parser accepts a subset of the syntax of Go, with limits far below those of Go. Patterns are not
//! compiled.
//!
//! The crate regex-syntax does not replace it: braces and classes have to be scanned by Go's rules
//! before it can parse them, and its tree takes ten times the time and 90 bytes per character.

/// Whether a pattern, anchored at both ends, matches the empty string.
///
/// # Errors
/// Go rejects the pattern, or may reject it.
pub(crate) fn matches_empty(pattern: &str) -> Result<bool, String> {
    let mut parser = Parser {
        rest: pattern,
        names: Vec::new(),
        depth: 0,
        size: 0,
        classes: 0,
        alternatives: pattern.matches('|').count() + 1,
    };
    let found = parser.alternatives()?;
    match parser.rest.is_empty() {
        true => Ok(found.empty),
        // Only a closing parenthesis ends alternatives early.
        false => Err("unexpected closing parenthesis".to_owned()),
    }
}

/// Go's limits are 1,000 levels, 3.3 million instructions, and 33 million ends of ranges of
/// characters, of which a class of Unicode has 1,300.
const DEEPEST: usize = 100;
const HIGHEST: usize = 400;
const LARGEST: usize = 200_000;
const MOST_CLASSES: usize = 1000;
/// Maximum product of nested repetition counts.
const MOST: usize = 1000;

struct Parser<'a> {
    rest: &'a str,
    /// Names of groups.
    names: Vec<&'a str>,
    depth: usize,
    size: usize,
    /// Classes of Unicode.
    classes: usize,
    /// An upper bound of their number in the pattern.
    alternatives: usize,
}

/// A part of a pattern.
#[derive(Clone, Copy)]
struct Part {
    /// Whether it matches the empty string.
    empty: bool,
    /// Product of nested repetition counts.
    repeats: usize,
    /// An estimate of its instructions.
    size: usize,
    /// An upper bound of half its nesting levels. Go factors common prefixes: `a|ab|abc` becomes
    /// `a(?:|b(?:|c))`.
    height: usize,
    /// An upper bound of the characters, groups and classes in sequence.
    length: usize,
}

impl Part {
    fn one(empty: bool) -> Self {
        Self {
            empty,
            repeats: 1,
            size: 1,
            height: 1,
            length: 1,
        }
    }
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        Some(c)
    }

    fn take(&mut self, prefix: &str) -> bool {
        let after = self.rest.strip_prefix(prefix);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn alternatives(&mut self) -> Result<Part, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("more than {DEEPEST} levels of parentheses"));
        }
        let mut all = self.sequence()?;
        let mut several = false;
        while self.take("|") {
            let part = self.sequence()?;
            several = true;
            all.empty |= part.empty;
            all.repeats = all.repeats.max(part.repeats);
            all.size += part.size;
            all.height = all.height.max(part.height);
            all.length = all.length.max(part.length);
        }
        if several {
            // Each level needs a common character and splits off an alternative.
            all.height += 1 + all.length.min(self.alternatives);
        }
        if all.height > HIGHEST {
            return Err("too many long alternatives; split the matcher into several".to_owned());
        }
        self.depth -= 1;
        Ok(all)
    }

    fn sequence(&mut self) -> Result<Part, String> {
        let mut all = Part::one(true);
        while !self.rest.is_empty() && !self.rest.starts_with(['|', ')']) {
            let part = self.repeated()?;
            all.empty &= part.empty;
            all.repeats = all.repeats.max(part.repeats);
            all.size += part.size;
            all.height = all.height.max(part.height);
            all.length += part.length;
            self.size = self.size.max(all.size);
            if self.size > LARGEST {
                return Err("too large".to_owned());
            }
        }
        Ok(all)
    }

    fn repeated(&mut self) -> Result<Part, String> {
        let Some(part) = self.part()? else {
            // A change of flags cannot be repeated.
            return match self.repetition() {
                Some(_) => Err("missing argument of a repetition".to_owned()),
                None => Ok(Part::one(true)),
            };
        };
        let Some((least, most)) = self.repetition() else {
            return Ok(part);
        };
        // Not greedy.
        self.take("?");
        if self.repetition().is_some() {
            return Err("nested repetition operators".to_owned());
        }
        let least = least.ok_or("repetition count above 1000")?;
        let times = match most {
            Most::Unlimited => least,
            Most::Counted(most) => most,
            Most::Operator => 1,
        };
        if times > MOST || matches!(most, Most::Counted(most) if most < least) {
            return Err("repetition count above 1000, or maximum below minimum".into());
        }
        let repeats = match times {
            0 => 1,
            times => part.repeats.saturating_mul(times),
        };
        if repeats > MOST {
            return Err("product of nested repetition counts above 1000".to_owned());
        }
        Ok(Part {
            empty: part.empty || least == 0,
            repeats,
            size: part.size.saturating_mul(times.max(1)) + 1,
            height: part.height + 1,
            length: part.length,
        })
    }

    /// A repetition, if the next characters are one.
    fn repetition(&mut self) -> Option<(Option<usize>, Most)> {
        match self.rest.chars().next()? {
            '*' | '?' => {
                self.next();
                Some((Some(0), Most::Operator))
            }
            '+' => {
                self.next();
                Some((Some(1), Most::Operator))
            }
            '{' => {
                let (inner, after) = self.rest[1..].split_once('}')?;
                let (least, most) = match inner.split_once(',') {
                    Some((least, "")) => (count(least)?, Most::Unlimited),
                    Some((least, most)) => {
                        let (least, most) = (count(least)?, count(most)?);
                        (least, Most::Counted(most.unwrap_or(usize::MAX)))
                    }
                    None => {
                        let times = count(inner)?;
                        (times, Most::Counted(times.unwrap_or(usize::MAX)))
                    }
                };
                self.rest = after;
                Some((least, most))
            }
            _ => None,
        }
    }

    /// A character, class, group or anchor; nothing for flags.
    fn part(&mut self) -> Result<Option<Part>, String> {
        let before = self.rest;
        let Some(c) = self.next() else {
            return Ok(None);
        };
        let part = match c {
            '*' | '+' | '?' => return Err("missing argument of a repetition".to_owned()),
            '{' => {
                self.rest = before;
                if self.repetition().is_some() {
                    return Err("missing argument of a repetition".to_owned());
                }
                self.next();
                Part::one(false)
            }
            '^' | '$' => Part::one(true),
            '[' => {
                self.class()?;
                Part::one(false)
            }
            '(' => return self.group(),
            '\\' => return self.escape().map(Some),
            _ => Part::one(false),
        };
        Ok(Some(part))
    }

    fn group(&mut self) -> Result<Option<Part>, String> {
        if self.take("?") {
            if self.take("P<") || self.take("<") {
                self.group_name()?;
            } else if !self.flags()? {
                return Ok(None);
            }
        }
        let mut part = self.alternatives()?;
        if !self.take(")") {
            return Err("unclosed parenthesis".to_owned());
        }
        part.size += 2;
        part.height += 1;
        Ok(Some(part))
    }

    fn group_name(&mut self) -> Result<(), String> {
        let (name, after) = self.rest.split_once('>').unwrap_or_default();
        let valid = |b: u8| b == b'_' || b.is_ascii_alphanumeric();
        if name.is_empty() || !name.bytes().all(valid) || self.names.contains(&name) {
            return Err("missing or duplicate group name".to_owned());
        }
        self.names.push(name);
        self.rest = after;
        Ok(())
    }

    /// Flags after `(?`. True if they begin a group.
    fn flags(&mut self) -> Result<bool, String> {
        let (mut minus, mut any) = (false, true);
        loop {
            match self.next() {
                Some('i' | 'm' | 's' | 'U') => any = true,
                Some('-') if !minus => (minus, any) = (true, false),
                Some(')') if any => return Ok(false),
                Some(':') if any => return Ok(true),
                _ => return Err("(? with a flag that Go does not support".to_owned()),
            }
        }
    }

    fn escape(&mut self) -> Result<Part, String> {
        match self.rest.chars().next() {
            Some('A' | 'z' | 'B') => {
                self.next();
                Ok(Part::one(true))
            }
            Some('b') => {
                self.next();
                Ok(Part::one(false))
            }
            Some('Q') => Err("\\Q is not supported; escape each character".to_owned()),
            _ => self.character().map(|_| Part::one(false)),
        }
    }

    /// An escape after a backslash; the character, if it is a single one.
    fn character(&mut self) -> Result<Option<char>, String> {
        let Some(c) = self.next() else {
            return Err("trailing backslash".to_owned());
        };
        match c {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => Ok(None),
            'p' | 'P' => self.unicode_class().map(|()| None),
            'a' => Ok(Some('\x07')),
            'f' => Ok(Some('\x0c')),
            'n' => Ok(Some('\n')),
            'r' => Ok(Some('\r')),
            't' => Ok(Some('\t')),
            'v' => Ok(Some('\x0b')),
            'x' => self.hexadecimal().map(Some),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok(Some(c)),
            c => Err(format!("invalid escape \\{c}")),
        }
    }

    fn hexadecimal(&mut self) -> Result<char, String> {
        let digits = match self.take("{") {
            true => {
                let (digits, after) = self.rest.split_once('}').ok_or("unclosed \\x{")?;
                self.rest = after;
                digits
            }
            false => {
                let digits = self.rest.get(..2).ok_or("\\x without two digits")?;
                self.rest = &self.rest[2..];
                digits
            }
        };
        let desired = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let value = u32::from_str_radix(digits, 16).ok().filter(|_| desired);
        value
            .and_then(char::from_u32)
            .ok_or_else(|| "\\x without a valid character".to_owned())
    }

    fn unicode_class(&mut self) -> Result<(), String> {
        let name = match self.take("{") {
            true => {
                let (name, after) = self.rest.split_once('}').ok_or("unclosed \\p{")?;
                self.rest = after;
                name.strip_prefix('^').unwrap_or(name)
            }
            false => {
                let end = self.rest.chars().next().map_or(0, char::len_utf8);
                let (name, after) = self.rest.split_at(end);
                self.rest = after;
                name
            }
        };
        self.classes += 1;
        match CLASSES.contains(&name) {
            true if self.classes > MOST_CLASSES => {
                Err(format!("more than {MOST_CLASSES} character classes"))
            }
            true => Ok(()),
            false => Err(format!("unsupported character class \\p{{{name}}}")),
        }
    }

    /// A class in brackets, whose opening one was read.
    fn class(&mut self) -> Result<(), String> {
        self.take("^");
        let mut first = true;
        loop {
            if !first && self.take("]") {
                return Ok(());
            }
            first = false;
            // Without an end, it is a bracket and a colon.
            let named = self.rest.strip_prefix("[:");
            if let Some((name, after)) = named.and_then(|rest| rest.split_once(":]")) {
                if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
                    return Err(format!("unknown character class [:{name}:]"));
                }
                self.rest = after;
                continue;
            }
            let Some(low) = self.class_character()? else {
                continue;
            };
            if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.next();
                match self.class_character()? {
                    Some(high) if low <= high => {}
                    _ => return Err("character range in reverse order".to_owned()),
                }
            }
        }
    }

    /// A character of a class; nothing for a class of its own.
    fn class_character(&mut self) -> Result<Option<char>, String> {
        match self.next() {
            Some('\\') => self.character(),
            Some(c) => Ok(Some(c)),
            None => Err("unclosed bracket".to_owned()),
        }
    }
}

/// Maximum of a repetition.
#[derive(Clone, Copy)]
enum Most {
    /// `*`, `+` and `?` do not multiply.
    Operator,
    Unlimited,
    Counted(usize),
}

/// A repetition count as Go reads it; `Some(None)` if it is too large. `None` makes the brace a character.
#[allow(clippy::option_option)]
fn count(text: &str) -> Option<Option<usize>> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let plain = text == "0" || !text.starts_with('0');
    (digits && plain).then(|| text.parse().ok().filter(|n| *n <= MOST))
}

/// Classes of Unicode that every version has.
const CLASSES: [&str; 38] = [
    "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P", "Pc",
    "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs",
    "Arabic", "Cyrillic", "Greek", "Han", "Hebrew", "Hiragana", "Latin",
];

const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

#[cfg(test)]
#[path = "regex_tests.rs"]
mod tests;
