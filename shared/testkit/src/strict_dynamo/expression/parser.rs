//! What conditions and updates have in common when they are read.

use super::lexer::{Token, tokens};
use super::reserved::is_reserved;
use super::tree::{Parsed, Path, Step};

/// How long an expression may be, in bytes.
const MOST_BYTES: usize = 4_096;

/// An expression that is being read.
pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    aliases: Vec<String>,
    placeholders: Vec<String>,
}

impl Parser {
    fn new(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("The expression can not be empty;".to_owned());
        }
        if text.len() > MOST_BYTES {
            return Err("Expression size has exceeded the maximum allowed size;".to_owned());
        }
        let tokens = tokens(text)?;
        if has_redundant_parentheses(&tokens) {
            return Err("The expression has redundant parentheses;".to_owned());
        }
        Ok(Self { tokens, at: 0, aliases: Vec::new(), placeholders: Vec::new() })
    }

    /// Reads the whole of `text` as what `read` reads.
    pub(super) fn parse<T>(text: &str, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<Parsed<T>, String> {
        let mut parser = Self::new(text)?;
        let tree = read(&mut parser)?;
        if parser.peek().is_some() {
            return Err(parser.syntax_error());
        }
        Ok(Parsed { tree, aliases: parser.aliases, placeholders: parser.placeholders })
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    pub(super) fn syntax_error(&self) -> String {
        match self.peek() {
            Some(token) => format!("Syntax error; token: \"{}\"", shown(token)),
            None => "Syntax error; token: \"<EOF>\"".to_owned(),
        }
    }

    /// Whether the sign is next; it is taken then.
    pub(super) fn takes(&mut self, sign: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(is_next);
        is_next
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(self.syntax_error()) }
    }

    /// Whether the keyword is next, in letters of any case; it is taken then.
    pub(super) fn takes_word(&mut self, keyword: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(is_next);
        is_next
    }

    pub(super) fn expect_word(&mut self, keyword: &str) -> Result<(), String> {
        if self.takes_word(keyword) { Ok(()) } else { Err(self.syntax_error()) }
    }

    /// The name of the function that is called next, if one is; it is taken, with its parenthesis.
    pub(super) fn takes_call(&mut self) -> Option<String> {
        let [Token::Word(name), Token::Sign("("), ..] = self.tokens.get(self.at..)? else { return None };
        let name = name.clone();
        // `NOT (` and `IN (` are no calls.
        if name.chars().any(|letter| letter.is_ascii_uppercase()) || is_operator(&name) {
            return None;
        }
        self.at += 2;
        Some(name)
    }

    pub(super) fn takes_placeholder(&mut self) -> Option<String> {
        let Some(Token::Placeholder(placeholder)) = self.peek() else { return None };
        let placeholder = placeholder.clone();
        self.at += 1;
        note(&mut self.placeholders, &placeholder);
        Some(placeholder)
    }

    pub(super) fn placeholder(&mut self) -> Result<String, String> {
        self.takes_placeholder().ok_or_else(|| self.syntax_error())
    }

    pub(super) fn path(&mut self) -> Result<Path, String> {
        let mut path = vec![self.name()?];
        loop {
            if self.takes(".") {
                path.push(self.name()?);
            } else if self.takes("[") {
                let Some(Token::Number(at)) = self.peek() else { return Err(self.syntax_error()) };
                path.push(Step::At(*at));
                self.at += 1;
                self.expect("]")?;
            } else {
                return Ok(path);
            }
        }
    }

    fn name(&mut self) -> Result<Step, String> {
        let step = match self.peek() {
            Some(Token::Word(name)) if is_reserved(name) => {
                return Err(format!("Attribute name is a reserved keyword; reserved keyword: {name}"));
            }
            Some(Token::Word(name)) => Step::Name(name.clone()),
            Some(Token::Alias(alias)) => {
                let alias = alias.clone();
                note(&mut self.aliases, &alias);
                Step::Alias(alias)
            }
            _ => return Err(self.syntax_error()),
        };
        self.at += 1;
        Ok(step)
    }
}

fn is_operator(word: &str) -> bool {
    ["and", "or", "not", "in", "between"].contains(&word)
}

fn note(noted: &mut Vec<String>, name: &str) {
    if !noted.iter().any(|known| known == name) {
        noted.push(name.to_owned());
    }
}

/// Whether there are parentheses right within parentheses.
fn has_redundant_parentheses(tokens: &[Token]) -> bool {
    let mut open = Vec::new();
    let mut last_closed = None;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign("(") => open.push(at),
            Token::Sign(")") => {
                let Some(start) = open.pop() else { return false };
                if last_closed == Some((start + 1, at - 1)) {
                    return true;
                }
                last_closed = Some((start, at));
            }
            _ => {}
        }
    }
    false
}

fn shown(token: &Token) -> String {
    match token {
        Token::Word(text) | Token::Alias(text) | Token::Placeholder(text) => text.clone(),
        Token::Number(number) => number.to_string(),
        Token::Sign(sign) => (*sign).to_owned(),
    }
}
