//! Rejects input that the parser (YAML 1.2) accepts, and go-yaml 2 (YAML 1.1) rejects or reads
//! differently. Pure.

use crate::Error;

/// The first error about the text as a whole: document markers and characters.
pub(crate) fn unreadable(text: &str) -> Option<Error> {
    let blank = |line: &&str| line.trim().is_empty() || line.starts_with('#');
    let first = text.lines().enumerate().find(|(_, line)| !blank(line));
    if let Some((at, _)) = first.filter(|(_, line)| line.starts_with("...")) {
        return Some(Error::new(
            at + 1,
            "document end marker (...) before the first document; remove the line",
        ));
    }
    let is_odd = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\r' | '\t')
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
    };
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    let odd = text.char_indices().find(|(_, c)| is_odd(*c));
    if let Some((at, c)) = odd {
        let code = c as u32;
        let what = format!(
            "the character U+{code:04X} is not allowed in YAML; remove it, or escape it in double quotes"
        );
        return Some(Error::new(line(at), what));
    }
    // Go skips a byte order mark at the beginning of any line.
    let (at, _) = text
        .match_indices('\u{feff}')
        .find(|(at, _)| text[..*at].ends_with(['\n', '\r', '\u{feff}']))?;
    let what = "a byte order mark (U+FEFF) at the beginning of a line; remove it";
    Some(Error::new(line(at), what))
}

/// Rejects escapes in double quotes that JSON allows and go-yaml 2 does not.
pub(crate) fn check_escapes(quoted: &str, line: usize) -> Result<(), Error> {
    let mut rest = quoted;
    while let Some((_, escape)) = rest.split_once('\\') {
        let surrogate = escape.get(..3).is_some_and(|start| {
            let start = start.to_ascii_lowercase();
            start.starts_with("ud") && start.ends_with(['8', '9', 'a', 'b', 'c', 'd', 'e', 'f'])
        });
        if escape.starts_with('/') || surrogate {
            let what = "an escape of JSON that YAML does not allow; write the character itself";
            return Err(Error::new(line, what));
        }
        let mut chars = escape.chars();
        chars.next();
        rest = chars.as_str();
    }
    Ok(())
}

/// Rejects plain strings in flow collections that YAML 1.1 splits differently: there, a colon before a
/// comma is part of the string, and a question mark is not.
pub(crate) fn check_in_flow(written: &str, after: &str, line: usize) -> Result<(), Error> {
    let mut after = after.chars();
    let colon = after.next() == Some(':') && after.next().is_some_and(|c| !c.is_whitespace());
    match colon || written.contains('?') || written.starts_with(':') {
        true => Err(Error::new(
            line,
            "inside brackets or braces, quote a string with ? or :, and write a space after a colon",
        )),
        false => Ok(()),
    }
}

/// Rejects a missing key, and a key that is not on one line with its colon.
pub(crate) fn check_key(
    before: &str,
    written: &str,
    after: &str,
    line: usize,
) -> Result<(), Error> {
    let is_line = |c| c == '\n' || c == '\r';
    let next = after.trim_start();
    let gap = &after[..after.len() - next.len()];
    let is_away = next.starts_with('#') || next.starts_with(':') && gap.contains(is_line);
    let what = match written {
        "" => "a key is missing; write or quote it",
        _ if written.contains(is_line) => "a key must be on one line; shorten it",
        _ if is_away && !before.trim_end().ends_with('?') => {
            "a key and its colon must be on one line"
        }
        _ => return Ok(()),
    };
    Err(Error::new(line, what))
}

const TAB: &str = "a tab where spaces are required; replace it";

/// Rejects tabs before the continuation lines of a plain string.
pub(crate) fn check_plain(written: &str, line: usize) -> Result<(), Error> {
    let tab = written.lines().skip(1).position(is_indented_by_tab);
    tab.map_or(Ok(()), |at| Err(Error::new(line + at + 1, TAB)))
}

/// Rejects a block scalar that starts with a tab.
pub(crate) fn check_block(text: &str, line: usize) -> Result<(), Error> {
    match text.trim_start_matches('\n').starts_with('\t') {
        true => Err(Error::new(line + 1, TAB)),
        false => Ok(()),
    }
}

/// Rejects tabs between two nodes outside of flow collections: at the beginning of a line, even of an
/// empty one, and after a dash. The second node is on `line`; `is_first` if there is no first node.
pub(crate) fn check_between(gap: &str, is_first: bool, line: usize) -> Result<(), Error> {
    if !gap.contains('\t') {
        return Ok(());
    }
    let count = gap.matches('\n').count();
    for (i, text) in gap.split('\n').enumerate() {
        let text = text.split('#').next().unwrap_or_default();
        let dash = text.rfind(['-', '?']);
        let after_dash = dash.is_some_and(|at| text[at..].contains('\t'));
        if after_dash || (i > 0 || is_first) && is_indented_by_tab(text) {
            return Err(Error::new((line + i).saturating_sub(count).max(1), TAB));
        }
    }
    Ok(())
}

fn is_indented_by_tab(line: &str) -> bool {
    line.trim_start_matches(' ').starts_with('\t')
}

/// Rejects characters in a tag that YAML 1.1 does not allow.
pub(crate) fn check_tag(suffix: &str, line: usize) -> Result<(), Error> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/,".contains(c);
    match suffix.chars().all(is_plain) {
        true => Ok(()),
        false => Err(Error::new(
            line,
            "a malformed tag (!); remove it, or quote the string",
        )),
    }
}

/// Rejects characters in the name of an anchor that YAML 1.1 does not allow.
pub(crate) fn check_anchor(name: &str, line: usize) -> Result<(), Error> {
    match name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    {
        true => Ok(()),
        false => Err(Error::new(
            line,
            "the name of an anchor (&) or alias (*) may only contain letters, digits, - and _",
        )),
    }
}
