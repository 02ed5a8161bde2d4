//! A text in numbers, words and signs.

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Number(f64),
    /// Hours and minutes.
    Clock(f64, f64),
    Word(String),
    Sign(char),
}

/// The pieces of `text`, in order; a number that opens an item of a list is none.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for line in text.lines() {
        let chars: Vec<char> = fold(without_item_number(line)).collect();
        let mut at = 0;
        while at < chars.len() {
            let c = chars[at];
            if c.is_ascii_digit() {
                let (piece, next) = number(&chars, at);
                pieces.push(piece);
                at = next;
            } else if c.is_alphabetic() {
                let end = (at..chars.len()).find(|&end| !chars[end].is_alphabetic()).unwrap_or(chars.len());
                pieces.push(Piece::Word(chars[at..end].iter().collect()));
                at = end;
            } else {
                if !c.is_whitespace() {
                    pieces.push(Piece::Sign(if matches!(c, '–' | '—' | '‑') { '-' } else { c }));
                }
                at += 1;
            }
        }
        pieces.push(Piece::Sign('\n'));
    }
    pieces
}

fn without_item_number(line: &str) -> &str {
    let rest = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
    let is_item = rest.len() < line.trim_start().len() && (rest.starts_with(". ") || rest.starts_with(") "));
    if is_item { &rest[1..] } else { line }
}

fn number(chars: &[char], start: usize) -> (Piece, usize) {
    let digits_from = |at: usize| chars[at.min(chars.len())..].iter().take_while(|c| c.is_ascii_digit()).count();
    let mut text = String::new();
    let mut at = start;
    loop {
        let digits = digits_from(at);
        text.extend(&chars[at..at + digits]);
        at += digits;
        // A comma in a number stands between thousands.
        if chars.get(at) == Some(&',') && digits_from(at + 1) == 3 {
            at += 1;
        } else {
            break;
        }
    }
    let value = text.parse().unwrap_or_default();
    match chars.get(at) {
        Some(':') if digits_from(at + 1) == 2 && text.len() <= 2 => {
            let minutes: String = chars[at + 1..at + 3].iter().collect();
            (Piece::Clock(value, minutes.parse().unwrap_or_default()), at + 3)
        }
        Some('.') if digits_from(at + 1) > 0 => {
            let end = at + 1 + digits_from(at + 1);
            let decimals: String = chars[at + 1..end].iter().collect();
            (Piece::Number(format!("{text}.{decimals}").parse().unwrap_or_default()), end)
        }
        _ => (Piece::Number(value), at),
    }
}

/// Lower case without apostrophes.
fn fold(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase).filter(|c| !matches!(c, '\'' | '’'))
}
