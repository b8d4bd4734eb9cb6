//! Systematic expressions: each function, aggregation and operator with valid and invalid operands, and each
//! element of the grammar.

/// The functions of the tested Thanos.
const FUNCTIONS: &str = include_str!("../../../../crates/thanos-rules/src/functions/0.42.tsv");

/// An expression of each type.
const TYPES: [(&str, &str); 4] = [
    ("scalar", "1"),
    ("vector", "up"),
    ("matrix", "up[5m]"),
    ("string", "\"a\""),
];

pub fn all() -> impl Iterator<Item = String> {
    let texts = ELEMENTS.iter().map(|text| (*text).to_owned());
    let durations = DURATIONS.iter().flat_map(|d| {
        [
            format!("up[{d}]"),
            format!("up[5m:{d}]"),
            format!("up offset {d}"),
            format!("up @ {d}"),
            (*d).to_owned(),
        ]
    });
    let strings = STRINGS.iter().flat_map(|s| {
        [
            (*s).to_owned(),
            format!("up{{a={s}}}"),
            format!("{{{s}}}"),
            format!("sum by ({s}) (up)"),
        ]
    });
    let patterns = PATTERNS
        .iter()
        .flat_map(|p| [format!("{{a=~`{p}`}}"), format!("{{b=\"c\",a!~`{p}`}}")]);
    let keywords = KEYWORDS.iter().flat_map(|word| {
        [
            (*word).to_owned(),
            format!("{word}{{a=\"b\"}}"),
            format!("{word}(up)"),
            format!("up + {word}"),
            format!("sum by ({word}) (up)"),
            format!("up{{{word}=\"a\"}}"),
            format!("up * on ({word}) group_left up"),
        ]
    });
    functions()
        .chain(aggregations())
        .chain(operators())
        .chain(texts)
        .chain(durations)
        .chain(strings)
        .chain(patterns)
        .chain(keywords)
}

/// Every function: valid, with fewer and with more arguments, and with each other type.
fn functions() -> impl Iterator<Item = String> {
    let extended = "xrate\tmatrix\nxincrease\tmatrix\nxdelta\tmatrix".lines();
    FUNCTIONS.lines().chain(extended).flat_map(|line| {
        let mut columns = line.split('\t');
        let name = columns.next().unwrap();
        let types = columns.next().unwrap().split(',').filter(|t| !t.is_empty());
        let right: Vec<_> = types
            .map(|t| TYPES.iter().find(|(name, _)| *name == t).unwrap().1)
            .collect();
        let call = |arguments: &[&str]| format!("{name}({})", arguments.join(", "));
        let mut all = vec![
            call(&right),
            format!("-{}", call(&right)),
            format!("{}[5m:]", call(&right)),
            name.to_owned(),
        ];
        all.extend((0..right.len()).map(|fewer| call(&right[..fewer])));
        let last = right.last().copied().unwrap_or("1");
        all.extend((1..4).map(|more| call(&[&right[..], &vec![last; more]].concat())));
        for i in 0..right.len() {
            let others = TYPES.iter().filter(|(_, text)| *text != right[i]);
            all.extend(others.map(|(_, text)| {
                let mut wrong = right.clone();
                wrong[i] = text;
                call(&wrong)
            }));
        }
        all
    })
}

fn aggregations() -> impl Iterator<Item = String> {
    let all = "sum avg count min max group stddev stdvar topk bottomk count_values quantile limitk limit_ratio";
    all.split(' ').flat_map(|name| {
        let arguments = [
            "",
            "up",
            "1, up",
            "\"a\", up",
            "up, up",
            "up, 1",
            "1",
            "\"a\"",
            "up[5m]",
            "1, up, up",
            "up,",
        ];
        let plain = arguments.map(|arguments| format!("{name}({arguments})"));
        let grouped = arguments.map(|arguments| format!("{name} by (a) ({arguments})"));
        let after = ["up", "1, up", "\"a\", up"]
            .map(|arguments| format!("{name}({arguments}) without (a, b)"));
        plain.into_iter().chain(grouped).chain(after)
    })
}

/// Every operator between every two types, with every modifier.
fn operators() -> impl Iterator<Item = String> {
    let all = [
        "+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">=", "and", "or",
        "unless",
    ];
    let modifiers = [
        "",
        "bool",
        "on(a)",
        "on()",
        "ignoring(a)",
        "bool on(a)",
        "on(a) group_left",
        "on() group_right()",
        "on(a) group_left(a)",
        "ignoring(a) group_right(a)",
        "group_left",
        "on(a) bool",
    ];
    all.into_iter().flat_map(move |operator| {
        modifiers.into_iter().flat_map(move |modifier| {
            // The interesting pairs with all modifiers, and the others with none.
            let pairs = TYPES
                .iter()
                .flat_map(|left| TYPES.iter().map(move |right| (left.1, right.1)));
            let most = pairs.filter(move |(left, right)| {
                modifier.is_empty() || ["1", "up"].contains(left) && ["1", "up"].contains(right)
            });
            most.map(move |(left, right)| format!("{left} {operator} {modifier} {right}"))
        })
    })
}

const ELEMENTS: &[&str] = &[
    "",
    " ",
    "# only",
    "up # comment",
    "up # comment\n",
    "# first\nup",
    "up\n+\nup",
    "\tup",
    "(up)",
    "((up))",
    "()",
    "(up",
    "up)",
    "-up",
    "--up",
    "+-+up",
    "-1",
    "- 1",
    "!up",
    "-\"a\"",
    "-up[5m]",
    "2 ^ -1",
    "-2 ^ 2",
    "1 + 2 * 3",
    "1 == 1",
    "1 == bool 1",
    "up == bool up",
    "up == bool on(a) up",
    "up{}",
    "{}",
    "{a=\"\"}",
    "{a!=\"\"}",
    "{a=~\"\"}",
    "{a=~\".+\"}",
    "{a!~\".+\"}",
    "{a!=\"b\"}",
    "{a=\"b\",}",
    "{,}",
    "{a=\"b\",,}",
    "{a=\"b\" c=\"d\"}",
    "{a=\"b\" or c=\"d\"}",
    "{a==\"b\"}",
    "{a=b}",
    "{a}",
    "{\"a\"}",
    "{\"a\",\"b\"}",
    "up{\"a\"}",
    "up{__name__=\"a\"}",
    "up{__name__!=\"a\"}",
    "{__name__=\"a\"}",
    "{__name__=\"a\",__name__=\"b\"}",
    "{\"__name__\"=\"a\"}",
    "up{a=\"b\"}{c=\"d\"}",
    "up {a=\"b\"}",
    "{\"a b\"=\"c\"}",
    "{\"\"=\"c\"}",
    "{1a=\"b\"}",
    "{a:b=\"c\"}",
    "{a=\"b\"",
    "a:b",
    ":a",
    "a:",
    ":",
    "1a",
    "a-b",
    "a.b",
    "é",
    "up up",
    "up 1",
    "up[5m]",
    "up [5m]",
    "up[ 5m ]",
    "up[5m] offset 1m",
    "up offset 1m[5m]",
    "up offset 0s[5m]",
    "up offset step()[5m]",
    "up @ 5[5m]",
    "up @ start()[5m]",
    "(up)[5m]",
    "up[5m][5m]",
    "up[5m:][5m:]",
    "sum(up)[5m]",
    "sum(up)[5m:]",
    "1[5m:]",
    "\"a\"[5m:]",
    "up[5m:1m] offset 1m @ 5",
    "up[:]",
    "up[5m:1m:1m]",
    "up[]",
    "up[5m",
    "up[a]",
    "up[\"5m\"]",
    "up[5m # c\n]",
    "up[# c\n5m]",
    "up[step():1m]",
    "up[5m] + up[step():1m]",
    "rate(up[5m])[step():1m]",
    "up offset 1m offset 1m",
    "up offset 0 offset 1m",
    "up @ 1 @ 2",
    "up @ start() @ end()",
    "up @ middle()",
    "up @ start",
    "up @",
    "up offset",
    "sum(up) offset 1m",
    "-up offset 1m",
    "1 offset 1m",
    "up offset 5m ^ 2",
    "up offset - -5m",
    "up offset --5m + 1",
    "up smoothed",
    "up[5m] anchored",
    "step()",
    "1 + step()",
    "min(1, 2)",
    "sum by (a) (up) by (b)",
    "sum without by (up)",
    "fill(up, 0)",
];

const DURATIONS: &[&str] = &[
    "5m",
    "1h30m",
    "1y1w1d1h1m1s1ms",
    "1m1h",
    "1s1s",
    "0",
    "0s",
    "0ms",
    "1ms",
    "5",
    "1.5",
    ".5",
    "5.",
    "1e3",
    "1e-10",
    "-5m",
    "+5m",
    "--5m",
    "1_000",
    "0x10",
    "0xee",
    "010",
    "1i",
    "5mm",
    "5 m",
    "5M",
    "292y",
    "293y",
    "9223372036",
    "9223372037",
    "1e10",
    "99999999999999999999",
    "inf",
    "step()",
    "-step()",
    "step",
    "step(1)",
    "min(5m, 1h)",
    "max(step(), 5m)",
    "max(5m)",
    "min(5m,1h,1d)",
    "max(-5m, +1m)",
    "avg(5m, 1h)",
    "5m + 1m",
    "5m * 2",
    "(5m)",
];

const STRINGS: &[&str] = &[
    r#""a""#,
    "'a'",
    "`a`",
    r#""""#,
    "''",
    "``",
    r#""\"""#,
    r"'\''",
    r#""\'""#,
    r#"'\"'"#,
    r"`\`",
    r#""\n\t\\\a\b\f\r\v""#,
    r#""\x41""#,
    r#""\x4""#,
    r#""\xzz""#,
    r#""\101""#,
    r#""\18""#,
    r#""\777""#,
    r#""\u00e9""#,
    r#""\u00e""#,
    r#""\ud800""#,
    r#""\U0001F600""#,
    r#""\U00110000""#,
    r#""\q""#,
    r#""\xff""#,
    "\"a\nb\"",
    "`a\nb`",
    "\"a",
    "'a",
    "`a",
    "\"é\"",
    "\"\u{fffd}\"",
    "\"a\" \"b\"",
];

const PATTERNS: &[&str] = &[
    "",
    "a",
    ".*",
    ".+",
    "a|b",
    "a|",
    "|",
    "a*",
    "a+?",
    "a??",
    "a**",
    "a*+",
    "*",
    "+a",
    "(",
    ")",
    "(a",
    "a)",
    "()",
    "(a|b)+",
    "(?:a)",
    "(?i)a",
    "(?-i)a",
    "(?i-s:a)",
    "(?is)",
    "(?x)a",
    "(?P<n>a)",
    "(?<n>a)",
    "(?P<>a)",
    "(?P<n>a)(?P<m>b)",
    "(?=a)",
    "(?!a)",
    "[a]",
    "[^a]",
    "[]a]",
    "[a-]",
    "[a-z0-9_.-]",
    "[z-a]",
    "[",
    "[a",
    "[]",
    "[[:alpha:]]",
    "[[:nope:]]",
    "[[:^space:]]",
    "[\\d-]",
    "[a-\\d]",
    "[\\]]",
    "a{2}",
    "a{2,}",
    "a{2,3}",
    "a{3,2}",
    "a{1000}",
    "a{1001}",
    "a{,2}",
    "a{",
    "a{x}",
    "a{01}",
    "(a{100}){100}",
    "(a{10}){100}",
    "a{2}{3}",
    "a{0}",
    "\\d\\s\\w\\D",
    "\\.",
    "\\-",
    "\\_",
    "\\q",
    "\\1",
    "\\x41",
    "\\x{41}",
    "\\x{}",
    "\\pL\\p{Greek}",
    "\\p{Nope}",
    "\\b\\B\\A\\z",
    "^$",
    "\\",
];

const KEYWORDS: &[&str] = &[
    "and",
    "or",
    "unless",
    "atan2",
    "offset",
    "smoothed",
    "anchored",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "start",
    "end",
    "step",
    "inf",
    "nan",
    "Inf",
    "NaN",
    "SUM",
    "sum",
    "topk",
    "count_values",
    "limitk",
    "min",
    "histogram",
    "rate",
    "le",
    "AND",
];
