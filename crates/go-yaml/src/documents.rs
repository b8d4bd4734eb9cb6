//! Builds document trees from the events of the parser. Pure.

use std::collections::BTreeMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, StrInput, StructureStyle};

use crate::document::{Content, Document, Tagged};
use crate::{Error, lines};

/// Iterates over the documents of a text. Ends after an error.
#[must_use]
pub fn documents(text: &str) -> Documents<'_> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.disallow_directives = true;
    options.emit_anchor_events = true;
    options.bom_inside_document_as_content = true;
    options.block_scalar_eof_without_line_feed = true;
    Documents {
        text,
        parser: Some(Parser::new_from_str_with_options(text, options)),
        unreadable: lines::unreadable(text),
        at: 0,
    }
}

/// Iterator of [`documents`].
pub struct Documents<'a> {
    text: &'a str,
    /// `None` after the end or an error.
    parser: Option<Parser<'a, StrInput<'a>>>,
    /// Error about the whole text, reported first.
    unreadable: Option<Error>,
    /// End of the last event.
    at: usize,
}

impl<'a> Iterator for Documents<'a> {
    type Item = Result<Document<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = match self.unreadable.take() {
            Some(error) => Err(error),
            None => self.read(),
        };
        if !matches!(read, Ok(Some(_))) {
            self.parser = None;
        }
        read.transpose()
    }
}

impl<'a> Documents<'a> {
    fn read(&mut self) -> Result<Option<Document<'a>>, Error> {
        let Some(parser) = &mut self.parser else {
            return Ok(None);
        };
        let mut builder = Builder::default();
        // Depth of brackets and braces.
        let mut flow = 0_usize;
        while let Some(event) = parser.next_event() {
            let (event, span) = event?;
            let line = span.start.line();
            let range = span.byte_range().unwrap_or(self.at..self.at);
            if flow == 0 {
                let gap = self.text.get(self.at..range.start).unwrap_or_default();
                lines::check_between(gap, self.at == 0, line)?;
            }
            self.at = self.at.max(range.end);
            if let Some(tag) = event.tag() {
                lines::check_tag(tag.suffix(), line)?;
            }
            match event {
                Event::DocumentStart(..) => builder.line = line,
                Event::DocumentEnd => return Ok(Some(builder.finish())),
                Event::Scalar(text, style, anchor, tag) => {
                    let plain = style == ScalarStyle::Plain;
                    let (written, after) = (
                        self.text.get(range.clone()).unwrap_or_default(),
                        self.text.get(range.end..).unwrap_or_default(),
                    );
                    match style {
                        ScalarStyle::DoubleQuoted => lines::check_escapes(written, line)?,
                        ScalarStyle::Plain => {
                            lines::check_plain(written, line)?;
                            if flow > 0 {
                                lines::check_in_flow(written, after, line)?;
                            }
                        }
                        ScalarStyle::Literal | ScalarStyle::Folded => {
                            lines::check_block(&text, line)?
                        }
                        ScalarStyle::SingleQuoted => {}
                    }
                    if builder.expects_key() {
                        let before = self.text.get(..range.start).unwrap_or_default();
                        lines::check_key(before, written, after, line)?;
                    }
                    let tag = tag.as_deref().map(Tagged::of);
                    builder.open(anchor, line, Content::Scalar { text, plain, tag });
                    builder.close();
                }
                Event::SequenceStart(style, anchor, _) => {
                    flow += usize::from(style == StructureStyle::Flow || flow > 0);
                    builder.open(anchor, line, Content::Sequence(Vec::new()));
                }
                Event::MappingStart(style, anchor, _) => {
                    flow += usize::from(style == StructureStyle::Flow || flow > 0);
                    builder.open(anchor, line, Content::Mapping(Vec::new()));
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    flow = flow.saturating_sub(1);
                    builder.close();
                }
                Event::Anchor(_, name) => lines::check_anchor(&name, line)?,
                Event::Alias(anchor) => {
                    lines::check_anchor(
                        self.text
                            .get(range)
                            .unwrap_or_default()
                            .trim_start_matches('*'),
                        line,
                    )?;
                    let target = builder.anchors.get(&anchor).copied();
                    let target = target.ok_or_else(|| {
                        Error::new(line, "an alias (*) of an undefined anchor (&)")
                    })?;
                    builder.open(0, line, Content::Alias(target));
                    builder.close();
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

#[derive(Default)]
struct Builder<'a> {
    nodes: Vec<(usize, Content<'a>)>,
    /// Open collections, and the last opened node.
    open: Vec<usize>,
    anchors: BTreeMap<usize, usize>,
    line: usize,
}

impl<'a> Builder<'a> {
    fn open(&mut self, anchor: usize, line: usize, content: Content<'a>) {
        let number = self.nodes.len();
        let parent = self
            .open
            .last()
            .and_then(|parent| self.nodes.get_mut(*parent));
        if let Some((_, Content::Sequence(children) | Content::Mapping(children))) = parent {
            children.push(number);
        }
        if anchor != 0 {
            self.anchors.insert(anchor, number);
        }
        self.nodes.push((line, content));
        self.open.push(number);
    }

    fn close(&mut self) {
        self.open.pop();
    }

    /// Whether the next node is a key of a mapping.
    fn expects_key(&self) -> bool {
        let parent = self.open.last().and_then(|parent| self.nodes.get(*parent));
        matches!(parent, Some((_, Content::Mapping(children))) if children.len() % 2 == 0)
    }

    fn finish(self) -> Document<'a> {
        Document::new(self.nodes, self.line)
    }
}

#[cfg(test)]
#[path = "documents_tests.rs"]
mod tests;
