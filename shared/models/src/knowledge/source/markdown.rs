//! Knowledge as Markdown.

use super::{Entry, Fault, entry_id, passages, slug};

const ALSO: &str = "Also asked:";

/// A heading with the lines below it.
struct Section<'a> {
    line: usize,
    key: &'static str,
    heading: &'a str,
    body: Vec<&'a str>,
    also: Vec<String>,
}

/// The entries of the Markdown file `file`.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Entry>, Fault> {
    let sections = sections(file, text)?;
    let mut entries = Vec::new();
    for section in sections {
        let is_title = section.key == "title";
        let passages = passages(section.body.join("\n").trim());
        if passages.is_empty() && is_title && section.also.is_empty() {
            continue;
        }
        if passages.is_empty() {
            return Err(Fault::new(file, section.line, "answer", "text below the heading"));
        }
        entries.push(Entry {
            id: entry_id(file, &slug(section.heading)),
            title: section.heading.to_owned(),
            also: section.also,
            passages,
            file: file.to_owned(),
            line: section.line,
        });
    }
    Ok(entries)
}

fn sections<'a>(file: &str, text: &'a str) -> Result<Vec<Section<'a>>, Fault> {
    let mut sections: Vec<Section<'a>> = Vec::new();
    let mut is_code = false;
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        let heading = if is_code { None } else { heading(line) };
        if let Some((key, heading)) = heading {
            if key == "title" && !sections.is_empty() {
                return Err(Fault::new(file, number, "title", "one `# Title` in a file, as its first heading"));
            }
            if key == "question" && sections.is_empty() {
                return Err(Fault::new(file, number, "title", "`# Title` before the first `## question`"));
            }
            if slug(heading).is_empty() {
                return Err(Fault::new(file, number, key, "a heading with words in it"));
            }
            sections.push(Section { line: number, key, heading, body: Vec::new(), also: Vec::new() });
            continue;
        }
        let Some(section) = sections.last_mut() else {
            if line.trim().is_empty() {
                continue;
            }
            return Err(Fault::new(file, number, "title", "`# Title` before any text"));
        };
        match line.trim().strip_prefix(ALSO) {
            Some(rest) if !is_code => section.also.extend(also(file, number, rest)?),
            _ => section.body.push(line),
        }
    }
    Ok(sections)
}

/// A first or second level heading; deeper ones are part of the text.
fn heading(line: &str) -> Option<(&'static str, &str)> {
    let (marks, rest) = line.split_at(line.bytes().take_while(|byte| *byte == b'#').count());
    let key = match marks.len() {
        1 => "title",
        2 => "question",
        _ => return None,
    };
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| (key, rest.trim()))
}

fn also(file: &str, line: usize, rest: &str) -> Result<Vec<String>, Fault> {
    rest.split('|')
        .map(|phrasing| {
            let phrasing = phrasing.trim();
            if slug(phrasing).is_empty() {
                return Err(Fault::new(file, line, "Also asked", "phrasings separated by `|`, none of them blank"));
            }
            Ok(phrasing.to_owned())
        })
        .collect()
}
