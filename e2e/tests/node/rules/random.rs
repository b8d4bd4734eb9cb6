//! Random expressions from a fixed seed: most of them nearly valid, some of them broken.

/// A generator of numbers with a fixed seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: usize) -> usize {
        // Xorshift: the sequence only has to be reproducible.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % limit
    }

    pub fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

const NAMES: [&str; 22] = [
    "up",
    "foo",
    "a:b",
    "_x",
    "sum",
    "by",
    "offset",
    "start",
    "step",
    "and",
    "bool",
    "on",
    "inf",
    "group_left",
    "without",
    "Max",
    "atan2",
    "smoothed",
    "le",
    "nan",
    "count_values",
    "x1",
];
const TEXTS: [&str; 18] = [
    r#""a""#,
    "'b'",
    "`c`",
    r#""a\n""#,
    r#""\x41""#,
    r#""é""#,
    r#""""#,
    r#"".*""#,
    r#"".+""#,
    r#""a|b""#,
    r#""(a""#,
    r#""a{2}""#,
    r#""[a-z]+""#,
    r#""a**""#,
    r#""(?i)x""#,
    r#""\d""#,
    r"`\d+`",
    r#""__name__""#,
];
const NUMBERS: [&str; 22] = [
    "1",
    "0",
    "1.5",
    ".5",
    "1e3",
    "1E-3",
    "0x1F",
    "1_000",
    "010",
    "08",
    "1e999",
    "1.",
    "0x",
    "1__0",
    "5m",
    "1h30m",
    "1m1h",
    "300y",
    "0xee",
    "1_",
    "99999999999999999999",
    "1ms1s",
];
const DURATIONS: [&str; 17] = [
    "5m",
    "1h",
    "30s",
    "1h30m",
    "300",
    "1.5",
    "0",
    "0s",
    "-5m",
    "1d",
    "300y",
    "step()",
    "max(5m, step())",
    "-step()",
    "(5m)",
    "5m+1m",
    "+5m",
];
const OPERATORS: [&str; 16] = [
    "+", "-", "*", "/", "%", "^", "==", "!=", "<", "<=", ">", ">=", "and", "or", "unless", "atan2",
];
const FUNCTIONS: [&str; 14] = [
    "rate",
    "abs",
    "label_replace",
    "vector",
    "scalar",
    "time",
    "round",
    "absent",
    "histogram_quantile",
    "clamp",
    "avg_over_time",
    "nope",
    "limitk",
    "hour",
];

/// Expressions.
pub fn expressions(count: usize) -> impl Iterator<Item = String> {
    let mut dice = Dice(0x5eed);
    (0..count).map(move |_| {
        let depth = dice.below(4);
        let expression = expression(&mut dice, depth);
        match dice.chance(30) {
            true => broken(&mut dice, &expression),
            false => expression,
        }
    })
}

fn labels(dice: &mut Dice) -> String {
    let labels: Vec<_> = (0..dice.below(3)).map(|_| dice.one(&NAMES)).collect();
    format!("({}{})", labels.join(", "), dice.one(&["", "", ","]))
}

fn selector(dice: &mut Dice) -> String {
    let matchers: Vec<_> = (0..dice.below(3))
        .map(|_| {
            let operator = dice.one(&["=", "!=", "=~", "!~"]);
            match dice.chance(15) {
                true => dice.one(&TEXTS).to_owned(),
                false => format!("{}{operator}{}", dice.one(&NAMES), dice.one(&TEXTS)),
            }
        })
        .collect();
    let braces = format!("{{{}{}}}", matchers.join(","), dice.one(&["", "", ","]));
    match dice.below(3) {
        0 => dice.one(&NAMES).to_owned(),
        1 => braces,
        _ => dice.one(&NAMES).to_owned() + &braces,
    }
}

fn expression(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return match dice.below(6) {
            0 => dice.one(&NUMBERS).to_owned(),
            1 => dice.one(&TEXTS).to_owned(),
            2 | 3 => "foo".to_owned(),
            _ => selector(dice),
        };
    }
    let inner = expression(dice, depth - 1);
    match dice.below(10) {
        0 => format!("({inner})"),
        1 => format!("-{inner}"),
        2 => format!(
            "{inner}[{}{}]",
            dice.one(&DURATIONS),
            dice.one(&["", ":", ":1m"])
        ),
        3 => format!("{inner} offset {}", dice.one(&DURATIONS)),
        4 => format!(
            "{inner} @ {}",
            dice.one(&["start()", "end()", "5", "-1.5", "x"])
        ),
        5 => format!("rate(foo[{}]) > {inner}", dice.one(&DURATIONS)),
        6 => format!(
            "{}({inner}{})",
            dice.one(&FUNCTIONS),
            dice.one(&["", "", ", 1", ",", "[5m]"])
        ),
        7 => {
            let by = dice.one(&["", " by ", " without "]);
            let labels = if by.is_empty() {
                String::new()
            } else {
                labels(dice)
            };
            format!(
                "{}{by}{labels}({inner})",
                dice.one(&["sum", "topk", "max", "group", "limitk"])
            )
        }
        _ => {
            let other = expression(dice, depth - 1);
            let mut modifier = dice.one(&["", "", "", "bool", "on", "ignoring"]).to_owned();
            if modifier == "on" || modifier == "ignoring" {
                modifier += &labels(dice);
                modifier += dice.one(&["", "", " group_left", " group_right(x)"]);
            }
            format!("{inner} {} {modifier} {other}", dice.one(&OPERATORS))
        }
    }
}

/// An expression with a missing, repeated or inserted character.
fn broken(dice: &mut Dice, expression: &str) -> String {
    let mut characters: Vec<char> = expression.chars().collect();
    let at = dice.below(characters.len());
    match dice.below(3) {
        0 => drop(characters.remove(at)),
        1 => characters.insert(at, characters[at]),
        _ => {
            let more = dice.one(&[
                "(", ")", "[", "]", "{", "}", ",", ":", "@", "=", "\"", "#", " ", "5m", "$", "é",
            ]);
            for c in more.chars().rev() {
                characters.insert(at, c);
            }
        }
    }
    characters.into_iter().collect()
}
