//! What is wrong with a text, and where.

use std::fmt;

use granit_parser::{ErrorKind, ScanError};

/// Why a text could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The line, from one.
    pub line: usize,
    /// The column, from one; none if it is about the whole line.
    pub column: Option<usize>,
    /// What is wrong, and what to do.
    pub what: String,
}

impl Error {
    /// What is wrong with a line.
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
            what: words(error.kind()),
        }
    }
}

/// The parser's own words have hints for programmers, so none of them is repeated.
fn words(kind: &ErrorKind) -> String {
    use ErrorKind as K;
    match kind {
        K::UnexpectedEofFlowSequence
        | K::UnexpectedEofFlowMapping
        | K::UnexpectedEofImplicitFlowMapping
        | K::UnclosedFlowCollection { .. } => "a bracket or brace is not closed",
        K::UnclosedQuotedScalar | K::DocumentIndicatorInQuotedScalar => {
            "a quoted text is not closed"
        }
        K::UnexpectedEofBlockSequence | K::UnexpectedEofBlockMapping | K::UnexpectedEof => {
            "unexpected end of the text"
        }
        K::UnknownAnchor => "an alias (*) of an anchor (&) that is not defined before it",
        K::MissingAnchorOrAliasName => "an anchor (&) or alias (*) without a name; quote the text",
        K::TabNotAllowed
        | K::TabInBlockIndentation
        | K::TabAtBlockScalarStart
        | K::TabInIndentation
        | K::TabInPlainScalar => "a tab where spaces are needed",
        K::UnknownQuotedScalarEscape
        | K::InvalidQuotedScalarHexEscape
        | K::InvalidLowSurrogateHexEscape
        | K::InvalidLowSurrogate
        | K::MissingLowSurrogate
        | K::UnpairedLowSurrogate
        | K::InvalidUnicodeEscape => {
            "an escape that YAML does not allow between double quotes; use single quotes or \\\\"
        }
        K::DirectiveDisallowed
        | K::DuplicateVersionDirective
        | K::UnsupportedYamlMajorVersion
        | K::DuplicateTagDirective
        | K::MissingDocumentEndBeforeDirective => {
            "a directive (a line that begins with %) is not supported; remove it"
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
        | K::InvalidTagUtf8 => "a malformed tag (!); remove it, or quote the text",
        K::ExpectedBlockMappingKey
        | K::ExpectedBlockSequenceEntry
        | K::BlockSequenceEntryNotAllowed
        | K::BlockEntryInFlowCollection
        | K::InvalidBlockEntryWhitespace
        | K::InvalidIndentation
        | K::InvalidQuotedScalarIndent
        | K::InvalidFlowScalarIndent
        | K::MappingKeyNotAllowed => "the indentation does not fit the lines before",
        K::SimpleKeyExpected | K::InvalidSimpleKey => {
            "expected `key: value`; a key is on one line and has at most 1024 characters"
        }
        K::MappingValueNotAllowed
        | K::InvalidColonPlacement
        | K::FlowMappingValueAdjacentCollection
        | K::InvalidMappingValueWhitespace => {
            "a colon where no value can begin; quote a text that contains `: `, or fix the indentation"
        }
        K::ExpectedFlowMappingSeparator
        | K::ExpectedFlowSequenceSeparator
        | K::MisplacedFlowCollectionEnd
        | K::MismatchedFlowCollectionEnd { .. } => "a bracket, brace or comma is missing or misplaced",
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => {
            "a quoted text is followed by something else; quote all of it"
        }
        K::ZeroBlockScalarIndent
        | K::InvalidBlockScalarHeader
        | K::InvalidBlockScalarIndent => {
            "a block of text (| or >) with a malformed first line or indentation"
        }
        K::CommentInterceptedScalar | K::CommentNotSeparated | K::ExpectedWhitespace => {
            "a comment (#) without a space before it, or within a text; quote the text"
        }
        K::RecursionLimitExceeded => "it is nested too deeply",
        K::UnexpectedCharacter { character } => {
            return format!("{character:?} cannot begin a text; quote the text");
        }
        K::PlainScalarStartsWithDashFlowIndicator | K::UnexpectedEndOfPlainScalar => {
            "a text that needs quotes"
        }
        K::InvalidDocumentEnd | K::ExpectedDocumentStart => {
            "something after the end of the document; begin another one with ---"
        }
        _ => "malformed YAML",
    }
    .to_owned()
}
