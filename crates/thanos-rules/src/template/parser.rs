//! The grammar of templates.

use super::lexer::Token;
use crate::Dialect;

/// Checks the tokens of a template.
pub(super) fn check(tokens: &[Token], dialect: &Dialect) -> Result<(), String> {
    let mut parser = Parser {
        dialect,
        tokens,
        at: 0,
        // Rules declare these before the text begins.
        variables: ["$", "$labels", "$externalLabels", "$externalURL", "$value"]
            .map(str::to_owned)
            .to_vec(),
        defined: Vec::new(),
        ranges: 0,
        depth: 0,
    };
    match parser.list(true)? {
        None => Ok(()),
        Some(end) => Err(format!("unexpected {{{{{end}}}}}")),
    }
}

/// Maximum nesting depth of blocks and parentheses, so that the stack is never exhausted.
const DEEPEST: usize = 50;

/// Functions of every version: those of Go, and those of Prometheus.
const FUNCTIONS: [&str; 48] = [
    "and",
    "call",
    "eq",
    "ge",
    "gt",
    "html",
    "index",
    "js",
    "le",
    "len",
    "lt",
    "ne",
    "not",
    "or",
    "print",
    "printf",
    "println",
    "slice",
    "urlquery",
    "args",
    "externalURL",
    "first",
    "graphLink",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "label",
    "match",
    "now",
    "parseDuration",
    "pathPrefix",
    "query",
    "reReplaceAll",
    "safeHtml",
    "sortByLabel",
    "stripDomain",
    "stripPort",
    "strvalue",
    "tableLink",
    "title",
    "toDuration",
    "toLower",
    "toTime",
    "toUpper",
    "urlQueryEscape",
    "value",
];

const KEYWORDS: [&str; 10] = [
    "block", "break", "continue", "define", "else", "end", "if", "range", "template", "with",
];

struct Parser<'a> {
    dialect: &'a Dialect,
    tokens: &'a [Token],
    at: usize,
    variables: Vec<String>,
    /// Defined templates. A second definition is always rejected; Go accepts it if one of them is empty.
    defined: Vec<String>,
    ranges: usize,
    depth: usize,
}

/// Whether an operand can be called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operand {
    /// It is allowed at the beginning of a later stage of a pipeline.
    Callable,
    /// It cannot.
    Value,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn skip_space(&mut self) {
        while self.peek() == Some(&Token::Space) {
            self.at += 1;
        }
    }

    fn take(&mut self, token: &Token) -> bool {
        self.skip_space();
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn close(&mut self, context: &str) -> Result<(), String> {
        match self.take(&Token::Close) {
            true => Ok(()),
            false => Err(format!("unexpected input after {context}, expected }}}}")),
        }
    }

    /// A keyword at the beginning of an action.
    fn keyword(&mut self) -> Option<&'a str> {
        self.skip_space();
        match self.peek() {
            Some(Token::Word(word)) if KEYWORDS.contains(&word.as_str()) => {
                self.at += 1;
                Some(word)
            }
            _ => None,
        }
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        // The outermost list is no level.
        match self.depth > DEEPEST + 1 {
            true => Err(format!("it is nested more than {DEEPEST} levels deep")),
            false => Ok(()),
        }
    }

    /// Text and actions up to `else` or `end`, or to the end of the template.
    fn list(&mut self, top: bool) -> Result<Option<&'a str>, String> {
        self.deeper()?;
        let ended = loop {
            match self.peek() {
                None if top => break None,
                None => return Err("{{end}} is missing".to_owned()),
                Some(Token::Open) => {
                    self.at += 1;
                    if let Some(end) = self.action(top)? {
                        break Some(end);
                    }
                }
                Some(_) => self.at += 1,
            }
        };
        self.depth -= 1;
        Ok(ended)
    }

    /// One action; the keyword, if it ends a list.
    fn action(&mut self, top: bool) -> Result<Option<&'a str>, String> {
        let keyword = self.keyword();
        match keyword {
            None => self.pipeline("an action", &Token::Close, false)?,
            Some("end") => {
                self.close("end")?;
                return Ok(keyword);
            }
            // The caller reads the tokens after it.
            Some("else") => return Ok(keyword),
            Some("if") => self.control("if")?,
            Some("range") => self.control("range")?,
            Some("with") => self.control("with")?,
            Some("template") => {
                self.name()?;
                if !self.take(&Token::Close) {
                    self.pipeline("template", &Token::Close, false)?;
                }
            }
            Some("block") => {
                let name = self.name()?;
                self.pipeline("block", &Token::Close, false)?;
                self.definition(name)?;
            }
            Some("define") if top => {
                let name = self.name()?;
                self.close("define")?;
                self.definition(name)?;
            }
            Some("define") => return Err("{{define}} is only allowed at the top level".to_owned()),
            Some(other) if self.ranges > 0 => self.close(other)?,
            Some(other) => return Err(format!("{{{{{other}}}}} is only allowed in {{{{range}}}}")),
        }
        Ok(None)
    }

    fn control(&mut self, context: &str) -> Result<(), String> {
        let variables = self.variables.len();
        let is_range = usize::from(context == "range");
        self.pipeline(context, &Token::Close, is_range == 1)?;
        let inside = self.variables.len();
        self.ranges += is_range;
        let mut ended = self.list(false)?;
        self.ranges -= is_range;
        self.variables.truncate(inside);
        if ended == Some("else") {
            let at = self.at;
            match self.keyword() {
                Some(again) if again == context && is_range == 0 => {
                    self.deeper()?;
                    self.control(context)?;
                    self.depth -= 1;
                    self.variables.truncate(variables);
                    return Ok(());
                }
                _ => self.at = at,
            }
            self.close("else")?;
            ended = self.list(false)?;
        }
        self.variables.truncate(variables);
        match ended {
            Some("end") => Ok(()),
            _ => Err("unexpected second {{else}}".to_owned()),
        }
    }

    /// The body of a template of its own, which sees no variables of others.
    fn definition(&mut self, name: String) -> Result<(), String> {
        if self.defined.contains(&name) {
            return Err(format!("the template {name} is defined twice"));
        }
        // What Prometheus calls the text of an alert itself.
        if name.starts_with("__alert_") {
            return Err(format!("the template name {name} is reserved"));
        }
        self.defined.push(name);
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let ranges = std::mem::take(&mut self.ranges);
        let ended = self.list(false)?;
        self.variables = variables;
        self.ranges = ranges;
        match ended {
            Some("end") => Ok(()),
            _ => Err("{{else}} is not allowed in {{define}}".to_owned()),
        }
    }

    /// The name of a template, as a string.
    fn name(&mut self) -> Result<String, String> {
        self.skip_space();
        match self.peek() {
            // Two notations of one name would not be seen as one.
            Some(Token::Literal(name)) if !name.contains('\\') => {
                self.at += 1;
                Ok(name[1..].to_owned())
            }
            _ => Err("expected a quoted template name without escapes".to_owned()),
        }
    }

    fn pipeline(&mut self, context: &str, end: &Token, range: bool) -> Result<(), String> {
        self.declarations(context, range)?;
        let mut stages = 0;
        loop {
            self.skip_space();
            if self.peek() == Some(end) {
                self.at += 1;
                return match stages {
                    0 => Err(format!("missing value for {context}")),
                    _ => Ok(()),
                };
            }
            let first = self.command()?;
            if stages > 0 && first == Operand::Value {
                return Err("unexpected value after |, expected a function".to_owned());
            }
            stages += 1;
        }
    }

    /// Variables that a pipeline sets: one, or two in a range.
    fn declarations(&mut self, context: &str, range: bool) -> Result<(), String> {
        for last in [!range, true] {
            self.skip_space();
            let Some(Token::Variable(name)) = self.peek() else {
                return Ok(());
            };
            let at = self.at;
            self.at += 1;
            self.skip_space();
            match self.peek() {
                Some(Token::Declare) => {
                    self.at += 1;
                    self.variables.push(name.clone());
                    return Ok(());
                }
                Some(Token::Assign) if self.variables.contains(name) => {
                    self.at += 1;
                    return Ok(());
                }
                Some(Token::Assign) => return Err(format!("undefined variable {name}")),
                Some(Token::Comma) if !last => {
                    self.at += 1;
                    self.variables.push(name.clone());
                    self.skip_space();
                    if !matches!(self.peek(), Some(Token::Variable(_))) {
                        return Err("expected a second variable after the comma".to_owned());
                    }
                }
                Some(Token::Comma) => return Err(format!("too many variables for {context}")),
                _ => {
                    self.at = at;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Operands with spaces between them, up to `|` or the end. Returns the first one.
    fn command(&mut self) -> Result<Operand, String> {
        let mut first = None;
        loop {
            self.skip_space();
            let operand = self.operand()?;
            first = first.or(operand);
            match self.peek() {
                Some(Token::Space) if operand.is_some() => {}
                Some(Token::Close | Token::RightParen) => break,
                Some(Token::Pipe) => {
                    self.at += 1;
                    break;
                }
                _ => return Err("unexpected input between operands".to_owned()),
            }
        }
        first.ok_or_else(|| "missing value for command".to_owned())
    }

    fn operand(&mut self) -> Result<Option<Operand>, String> {
        let Some(token) = self.peek() else {
            return Ok(None);
        };
        self.at += 1;
        let (operand, has_fields) = match token {
            Token::Word(word) => match word.as_str() {
                "true" | "false" | "nil" => (Operand::Value, false),
                word if KEYWORDS.contains(&word) => {
                    return Err(format!("unexpected keyword {word} in an action"));
                }
                word if FUNCTIONS.contains(&word) && self.dialect.has_template_function(word) => {
                    (Operand::Callable, true)
                }
                word => return Err(format!("undefined function {word}")),
            },
            Token::Dot | Token::Number | Token::Literal(_) => (Operand::Value, false),
            Token::Field => (Operand::Callable, true),
            Token::Variable(name) => match self.variables.contains(name) {
                true => (Operand::Callable, true),
                false => return Err(format!("undefined variable {name}")),
            },
            Token::LeftParen => {
                self.deeper()?;
                self.pipeline("parentheses", &Token::RightParen, false)?;
                self.depth -= 1;
                (Operand::Callable, true)
            }
            _ => {
                self.at -= 1;
                return Ok(None);
            }
        };
        while self.peek() == Some(&Token::Field) {
            if !has_fields {
                return Err("field access on a value without fields".to_owned());
            }
            self.at += 1;
        }
        Ok(Some(operand))
    }
}
