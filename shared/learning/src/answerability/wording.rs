//! How customers word an entry's question, and how a question that only looks like it differs.

use farthing_evaluation::measures::Random;

/// Words whose exchange turns a question into its opposite.
const EXCHANGED: &[(&str, &str)] = &[
    ("turn on", "turn off"),
    ("switch on", "switch off"),
    ("enable", "disable"),
    ("activate", "deactivate"),
    ("with", "without"),
    ("start", "stop"),
    ("add", "remove"),
    ("create", "delete"),
    ("open", "close"),
    ("increase", "decrease"),
    ("raise", "lower"),
    ("upgrade", "downgrade"),
    ("import", "export"),
    ("upload", "download"),
    ("subscribe", "unsubscribe"),
    ("send", "receive"),
    ("before", "after"),
    ("lock", "unlock"),
    ("buy", "sell"),
    ("accept", "reject"),
    ("first", "last"),
    ("maximum", "minimum"),
    ("monthly", "yearly"),
];

/// `phrasing` as it is typed: in lower case, without its question mark, with words around it.
pub(super) fn in_passing(phrasing: &str, random: &mut Random) -> String {
    const AROUND: &[(&str, &str)] = &[
        ("", ""),
        ("", ""),
        ("hi, ", ""),
        ("hello! ", ""),
        ("", " please"),
        ("", ", thanks"),
        ("quick question: ", ""),
        ("can you tell me ", ""),
        ("I have a question. ", ""),
        ("", " again"),
        ("sorry, ", ""),
    ];
    let (before, after) = AROUND[random.below(AROUND.len())];
    let bare = phrasing.trim_end_matches(['?', '.', '!']);
    match random.below(3) {
        0 => format!("{before}{bare}{after}").to_lowercase(),
        1 => format!("{before}{bare}{after}?"),
        _ => format!("{before}{phrasing}"),
    }
}

/// `phrasing` with another number or the opposite word: a question that its entry does not answer.
/// `None` when it has neither.
pub(super) fn altered(phrasing: &str, random: &mut Random) -> Option<String> {
    with_another_number(phrasing, random).or_else(|| opposite(phrasing))
}

fn with_another_number(phrasing: &str, random: &mut Random) -> Option<String> {
    let start = phrasing.find(|c: char| c.is_ascii_digit())?;
    let length = phrasing[start..].find(|c: char| !c.is_ascii_digit()).unwrap_or(phrasing.len() - start);
    let number: u64 = phrasing[start..start + length].parse().ok()?;
    let (before, after) = (&phrasing[..start], &phrasing[start + length..]);
    Some(format!("{before}{}{after}", number + 3 + random.below(90) as u64))
}

fn opposite(phrasing: &str) -> Option<String> {
    let lower = phrasing.to_lowercase();
    let padded = format!(" {lower} ");
    let exchanged = |from: &str, to: &str| {
        let from = format!(" {from} ");
        padded.contains(&from).then(|| padded.replacen(&from, &format!(" {to} "), 1).trim().to_owned())
    };
    EXCHANGED.iter().find_map(|(one, other)| exchanged(one, other).or_else(|| exchanged(other, one)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_altered_question_asks_something_else() {
        check("How do I turn on reminders?", Some("how do i turn off reminders?"));
        check("Is it possible without a card", Some("is it possible with a card"));
        check("How do I unlock it?", Some("how do i lock it?"));
        check("Where are you?", None);
        check("Is the onset early?", None);
    }

    #[track_caller]
    fn check(phrasing: &str, expected: Option<&str>) {
        assert_eq!(altered(phrasing, &mut Random::new(1)).as_deref(), expected, "{phrasing:?}");
    }

    #[test]
    fn another_number_is_another() {
        let altered = altered("What does the $49 plan cover?", &mut Random::new(1)).unwrap();
        assert!(altered.starts_with("What does the $") && altered.ends_with(" plan cover?"), "{altered}");
        assert!(!altered.contains("$49 "), "{altered}");
    }

    #[test]
    fn words_around_keep_the_question() {
        for seed in 0..50 {
            let typed = in_passing("How do I pay?", &mut Random::new(seed)).to_lowercase();
            assert!(typed.contains("how do i pay"), "{typed}");
        }
    }
}
