//! Errors with their position. Pure.

use std::fmt;

use granit_parser::{ErrorKind, ScanError};

/// Why a text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Line, starting at 1.
    pub line: usize,
    /// Column, starting at 1; `None` for the whole line.
    pub column: Option<usize>,
    /// Problem and remedy.
    pub what: String,
}

impl Error {
    /// An error in a line.
    #[must_use]
    pub fn new(line: usize, what: impl Into<String>) -> Self {
        Self {
            line,
            column: None,
            what: what.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(f, "line {}, column {column}: {}", self.line, self.what),
            None => write!(f, "line {}: {}", self.line, self.what),
        }
    }
}

impl std::error::Error for Error {}

impl From<ScanError> for Error {
    fn from(error: ScanError) -> Self {
        let marker = error.marker();
        Self {
            line: marker.line().max(1),
            column: Some(marker.col() + 1),
            what: message(error.kind()),
        }
    }
}

/// Message for the user. Those of the parser contain hints for programmers.
fn message(kind: &ErrorKind) -> String {
    use ErrorKind as K;
    match kind {
        K::UnexpectedEofFlowSequence
        | K::UnexpectedEofFlowMapping
        | K::UnexpectedEofImplicitFlowMapping
        | K::UnclosedFlowCollection { .. } => "unclosed bracket or brace",
        K::UnclosedQuotedScalar | K::DocumentIndicatorInQuotedScalar => "unclosed quoted string",
        K::UnexpectedEofBlockSequence | K::UnexpectedEofBlockMapping | K::UnexpectedEof => {
            "unexpected end of input"
        }
        K::UnknownAnchor => {
            "an alias (*) of an anchor (&) that is not defined before it; define it first"
        }
        K::MissingAnchorOrAliasName => {
            "an anchor (&) or alias (*) without a name; quote the string"
        }
        K::TabNotAllowed
        | K::TabInBlockIndentation
        | K::TabAtBlockScalarStart
        | K::TabInIndentation
        | K::TabInPlainScalar => "a tab where spaces are required; replace it",
        K::UnknownQuotedScalarEscape
        | K::InvalidQuotedScalarHexEscape
        | K::InvalidLowSurrogateHexEscape
        | K::InvalidLowSurrogate
        | K::MissingLowSurrogate
        | K::UnpairedLowSurrogate
        | K::InvalidUnicodeEscape => {
            "an escape that YAML does not allow in double quotes; use single quotes or \\\\"
        }
        K::DirectiveDisallowed
        | K::DuplicateVersionDirective
        | K::UnsupportedYamlMajorVersion
        | K::DuplicateTagDirective
        | K::MissingDocumentEndBeforeDirective => {
            "a directive (a line that starts with %) is not supported; remove it"
        }
        K::ExpectedTagBang
        | K::InvalidGlobalTagCharacter
        | K::UndeclaredTagHandle
        | K::InvalidTagTerminator
        | K::MissingTagUri
        | K::UnclosedVerbatimTag
        | K::InvalidTagEscape
        | K::InvalidTagUtf8LeadingByte
        | K::InvalidTagUtf8TrailingByte
        | K::InvalidTagUtf8 => "a malformed tag (!); remove it, or quote the string",
        K::ExpectedBlockMappingKey
        | K::ExpectedBlockSequenceEntry
        | K::BlockSequenceEntryNotAllowed
        | K::BlockEntryInFlowCollection
        | K::InvalidBlockEntryWhitespace
        | K::InvalidIndentation
        | K::InvalidQuotedScalarIndent
        | K::InvalidFlowScalarIndent
        | K::MappingKeyNotAllowed => "wrong indentation",
        K::SimpleKeyExpected | K::InvalidSimpleKey => {
            "expected `key: value`; a key must be on one line and have at most 1024 characters"
        }
        K::MappingValueNotAllowed
        | K::InvalidColonPlacement
        | K::FlowMappingValueAdjacentCollection
        | K::InvalidMappingValueWhitespace => {
            "unexpected colon; quote a string that contains `: `, or fix the indentation"
        }
        K::ExpectedFlowMappingSeparator
        | K::ExpectedFlowSequenceSeparator
        | K::MisplacedFlowCollectionEnd
        | K::MismatchedFlowCollectionEnd { .. } => {
            "a bracket, brace or comma is missing or misplaced"
        }
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => {
            "unexpected text after a quoted string; quote all of it"
        }
        K::ZeroBlockScalarIndent | K::InvalidBlockScalarHeader | K::InvalidBlockScalarIndent => {
            "a block scalar (| or >) with a malformed header or indentation"
        }
        K::CommentInterceptedScalar | K::CommentNotSeparated | K::ExpectedWhitespace => {
            "a comment (#) without a space before it, or inside a string; quote the string"
        }
        K::RecursionLimitExceeded => "nested too deeply",
        K::UnexpectedCharacter { character } => {
            return format!("a plain string cannot start with {character:?}; quote it");
        }
        K::PlainScalarStartsWithDashFlowIndicator | K::UnexpectedEndOfPlainScalar => {
            "a string that must be quoted"
        }
        K::InvalidDocumentEnd | K::ExpectedDocumentStart => {
            "unexpected text after the end of the document; start another one with ---"
        }
        _ => "malformed YAML",
    }
    .to_owned()
}
