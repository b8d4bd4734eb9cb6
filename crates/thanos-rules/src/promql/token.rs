//! The tokens of PromQL.

/// The kind of a token. Keywords are distinguished as far as the grammar needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name without a colon that is not a keyword.
    Identifier,
    /// A name with a colon.
    MetricIdentifier,
    Number,
    Duration,
    /// A string with its quotes.
    Text,
    Aggregator(Aggregator),
    Word(Word),
    Operator(Operator),
    /// `=`
    Equal,
    /// `=~`
    Match,
    /// `!~`
    NoMatch,
    At,
    Comma,
    Colon,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    End,
}

/// The operators between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Unless,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
    LessOrEqual,
    Less,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Atan2,
    Power,
}

impl Operator {
    /// Its precedence; a higher one binds tighter.
    pub(super) fn binding(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Equal
            | Self::NotEqual
            | Self::GreaterOrEqual
            | Self::Greater
            | Self::LessOrEqual
            | Self::Less => 3,
            Self::Add | Self::Subtract => 4,
            Self::Multiply | Self::Divide | Self::Modulo | Self::Atan2 => 5,
            Self::Power => 6,
        }
    }

    pub(super) fn compares(self) -> bool {
        self.binding() == 3
    }

    pub(super) fn calculates(self) -> bool {
        self.binding() > 3
    }

    pub(super) fn is_set(self) -> bool {
        self.binding() <= 2
    }
}

/// The aggregations, by their arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregator {
    /// One argument. `min` and `max` are also functions of durations.
    Plain,
    MinMax,
    /// A number first.
    Scalar,
    /// A number first, and only with experimental functions.
    Experimental,
    /// A string first.
    CountValues,
}

/// Keywords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Offset,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Bool,
    /// `start` and `end`
    Bound,
    Step,
    /// `smoothed` and `anchored`, which Thanos does not enable.
    Extended,
}

/// A token and its position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The kind of a word. Keywords are case-insensitive.
pub(super) fn keyword(word: &str) -> Option<TokenKind> {
    let kind = match word.to_ascii_lowercase().as_str() {
        "and" => TokenKind::Operator(Operator::And),
        "or" => TokenKind::Operator(Operator::Or),
        "unless" => TokenKind::Operator(Operator::Unless),
        "atan2" => TokenKind::Operator(Operator::Atan2),
        "sum" | "avg" | "count" | "group" | "stddev" | "stdvar" => {
            TokenKind::Aggregator(Aggregator::Plain)
        }
        "min" | "max" => TokenKind::Aggregator(Aggregator::MinMax),
        "topk" | "bottomk" | "quantile" => TokenKind::Aggregator(Aggregator::Scalar),
        "limitk" | "limit_ratio" => TokenKind::Aggregator(Aggregator::Experimental),
        "count_values" => TokenKind::Aggregator(Aggregator::CountValues),
        "offset" => TokenKind::Word(Word::Offset),
        "smoothed" | "anchored" => TokenKind::Word(Word::Extended),
        "by" => TokenKind::Word(Word::By),
        "without" => TokenKind::Word(Word::Without),
        "on" => TokenKind::Word(Word::On),
        "ignoring" => TokenKind::Word(Word::Ignoring),
        "group_left" => TokenKind::Word(Word::GroupLeft),
        "group_right" => TokenKind::Word(Word::GroupRight),
        "bool" => TokenKind::Word(Word::Bool),
        "start" | "end" => TokenKind::Word(Word::Bound),
        "step" => TokenKind::Word(Word::Step),
        "inf" | "nan" => TokenKind::Number,
        _ => return None,
    };
    Some(kind)
}
