//! Expressions as words and signs.

/// A word or sign of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or keyword.
    Word(String),
    /// `#name`, which stands for a name.
    Alias(String),
    /// `:value`, which stands for a value.
    Placeholder(String),
    /// A whole number, which only stands in brackets.
    Number(usize),
    /// Anything else: `.`, `,`, `(`, `<>` and so on.
    Sign(&'static str),
}

/// Two letters before one: `<=` is not `<`.
const SIGNS: [&str; 15] = ["<>", "<=", ">=", "<", ">", "=", "(", ")", "[", "]", ".", ",", "+", "-", "*"];

/// Splits an expression.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            'a'..='z' | 'A'..='Z' | '_' => {
                let word = word(rest);
                (Token::Word(word.to_owned()), word.len())
            }
            '#' | ':' => {
                let name = &rest[..1 + word(&rest[1..]).len()];
                if name.len() == 1 {
                    return Err(format!("Syntax error; token: \"{first}\", near: \"{rest}\""));
                }
                let token = if first == '#' { Token::Alias } else { Token::Placeholder };
                (token(name.to_owned()), name.len())
            }
            '0'..='9' => {
                let digits = word(rest);
                let number = digits.parse().map_err(|_| format!("Syntax error; token: \"{digits}\""))?;
                (Token::Number(number), digits.len())
            }
            _ => {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                let sign = sign.ok_or_else(|| format!("Syntax error; token: \"{first}\", near: \"{rest}\""))?;
                (Token::Sign(sign), sign.len())
            }
        };
        found.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

/// The letters, digits and underscores at the front.
fn word(text: &str) -> &str {
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    &text[..end.unwrap_or(text.len())]
}
