use super::*;

fn file(name: &str, bytes: impl AsRef<[u8]>) -> SourceFile {
    SourceFile { name: name.to_owned(), bytes: bytes.as_ref().to_vec() }
}

/// The entries as `id | title | also | passages`, one a line.
fn shown(files: &[SourceFile]) -> String {
    let entries = parse(files).unwrap();
    let lines =
        entries.iter().map(|entry| format!("{} | {} | {:?} | {:?}", entry.id, entry.title, entry.also, entry.passages));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn markdown_gives_entries() {
    let text = "# Bikes\r\nWe rent bikes.\r\n\r\n## How do I log in?\r\nPress Log in.\r\nAlso asked: login | sign in \r\n\r\n## Price\n```\n## not a heading\n```\n### Detail\n5 euros";
    assert_eq!(
        shown(&[file("rental.md", text)]),
        "rental#bikes | Bikes | [] | [\"We rent bikes.\"]\n\
         rental#how-do-i-login | How do I log in? | [\"login\", \"sign in\"] | [\"Press Log in.\"]\n\
         rental#price | Price | [] | [\"```\\n## not a heading\\n```\\n### Detail\\n5 euros\"]"
    );
}

#[test]
fn lines_give_entries() {
    let text = "\u{feff}{\"id\":\"a\",\"question\":\"Why?\",\"answer\":\"Because.\",\"also\":[\"How come\"]}\n\n{\"id\":\"b\",\"question\":\"Who?\",\"answer\":\"You.\"}\n";
    assert_eq!(
        shown(&[file("faq.jsonl", text)]),
        "faq#a | Why? | [\"How come\"] | [\"Because.\"]\nfaq#b | Who? | [] | [\"You.\"]"
    );
}

#[test]
fn long_text_is_cut_between_paragraphs_then_sentences_then_words() {
    let sentence = |words: usize| format!("{}.", vec!["word"; words].join(" "));
    let text = format!(
        "# T\n## Long\n{}\n\n{}\n\n{} {}\n\n{}",
        sentence(60),
        sentence(60),
        sentence(80),
        sentence(80),
        sentence(250)
    );
    let entries = parse(&[file("a.md", text)]).unwrap();
    let counts: Vec<usize> = entries[0].passages.iter().map(|text| text.split_whitespace().count()).collect();
    assert_eq!(counts, [120, 80, 80, 120, 120, 10]);
    assert_eq!(entries[0].passage_id(0), "a#long");
    assert_eq!(entries[0].passage_id(2), "a#long-3");
}

#[test]
fn a_fault_names_file_line_key_and_what_was_expected() {
    let md = |text: &str, expected: &str| check(&[file("a.md", text)], expected);
    md("# T\n## Q\n\n## R\nx", "a.md, line 2: `answer`: expected text below the heading");
    md("# T\n## \nx", "a.md, line 2: `question`: expected a heading with words in it");
    md("# T\n## ???\nx", "a.md, line 2: `question`: expected a heading with words in it");
    md("## Q\nx", "a.md, line 1: `title`: expected `# Title` before the first `## question`");
    md("x\n# T", "a.md, line 1: `title`: expected `# Title` before any text");
    md("# T\n# U", "a.md, line 2: `title`: expected one `# Title` in a file, as its first heading");
    md("# T", "a.md, line 1: `file`: expected at least one entry");
    md("", "a.md, line 1: `file`: expected at least one entry");
    md(
        "# T\n## Q\nx\nAlso asked: a | ",
        "a.md, line 4: `Also asked`: expected phrasings separated by `|`, none of them blank",
    );
    md(
        "# T\n## Log in?\nx\n## login\ny",
        "a.md, line 4: `question`: expected one that no other entry has; a.md, line 2 has the same",
    );
    let line = |text: &str, expected: &str| check(&[file("a.jsonl", text)], expected);
    line("{\"id\":\"a\"", "a.jsonl, line 1: `line`: expected one JSON object on one line");
    line("[]", "a.jsonl, line 1: `line`: expected one JSON object on one line");
    line(r#"{"id":"a","question":"Q","answer":" "}"#, "a.jsonl, line 1: `answer`: expected a text that is not blank");
    line(r#"{"id":"A/b","question":"Q","answer":"x"}"#, "a.jsonl, line 1: `id`: expected at most 80 of a-z, 0-9 and -");
    line(
        r#"{"id":"a","question":"Q","answer":"x","reply":"y"}"#,
        "a.jsonl, line 1: `reply`: expected no such field: id, question, answer and also are known",
    );
    line(
        r#"{"id":"a","question":"Q","answer":"x","also":[""]}"#,
        "a.jsonl, line 1: `also`: expected a list of texts, none of them blank",
    );
    line(
        "{\"id\":\"a\",\"question\":\"Q\",\"answer\":\"x\"}\n{\"id\":\"a\",\"question\":\"R\",\"answer\":\"y\"}",
        "a.jsonl, line 2: `id`: expected one that no other entry has; a.jsonl, line 1 has the same",
    );
    check(&[file("a.md", b"# T\n## Q\n\xff")], "a.md, line 3: `file`: expected text in UTF-8");
    check(&[file("a.md", vec![b'x'; 1024 * 1024 + 1])], "a.md, line 1: `file`: expected at most 1048576 bytes");
    check(&[file("a.txt", "x")], "a.txt, line 1: `file`: expected a name that ends in .md or .jsonl");
}

#[test]
fn a_question_may_not_be_in_two_files() {
    check(
        &[file("a.md", "# T\n## Who?\nx"), file("b.jsonl", r#"{"id":"z","question":"who","answer":"y"}"#)],
        "b.jsonl, line 1: `question`: expected one that no other entry has; a.md, line 2 has the same",
    );
}

#[track_caller]
fn check(files: &[SourceFile], expected: &str) {
    assert_eq!(parse(files).unwrap_err().to_string(), expected);
}
