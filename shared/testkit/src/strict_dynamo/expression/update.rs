//! Reading updates.

use super::parser::Parser;
use super::tree::{Action, Parsed, Path, Term, Update};

/// Reads an update.
pub(in super::super) fn parse(text: &str) -> Result<Parsed<Update>, String> {
    Parser::parse(text, clauses)
}

type Clause = (&'static str, fn(&mut Parser) -> Result<(Path, Action), String>);
const CLAUSES: [Clause; 4] = [("SET", set), ("REMOVE", remove), ("ADD", add), ("DELETE", delete)];

fn clauses(parser: &mut Parser) -> Result<Update, String> {
    let (mut update, mut seen) = (Vec::new(), Vec::new());
    while parser.peek().is_some() {
        let clause = CLAUSES.into_iter().find(|(keyword, _)| parser.takes_word(keyword));
        let (keyword, action) = clause.ok_or_else(|| parser.syntax_error())?;
        if seen.contains(&keyword) {
            return Err(format!("The \"{keyword}\" section can only be used once in an update expression;"));
        }
        seen.push(keyword);
        update.push(action(parser)?);
        while parser.takes(",") {
            update.push(action(parser)?);
        }
    }
    Ok(update)
}

fn set(parser: &mut Parser) -> Result<(Path, Action), String> {
    let path = parser.path()?;
    parser.expect("=")?;
    let first = term(parser)?;
    let value = if parser.takes("+") {
        Term::Plus(Box::new(first), Box::new(term(parser)?))
    } else if parser.takes("-") {
        Term::Minus(Box::new(first), Box::new(term(parser)?))
    } else {
        first
    };
    Ok((path, Action::Set(value)))
}

fn remove(parser: &mut Parser) -> Result<(Path, Action), String> {
    Ok((parser.path()?, Action::Remove))
}

fn add(parser: &mut Parser) -> Result<(Path, Action), String> {
    let path = parser.path()?;
    Ok((path, Action::Add(parser.placeholder()?)))
}

fn delete(parser: &mut Parser) -> Result<(Path, Action), String> {
    let path = parser.path()?;
    Ok((path, Action::Delete(parser.placeholder()?)))
}

fn term(parser: &mut Parser) -> Result<Term, String> {
    if let Some(placeholder) = parser.takes_placeholder() {
        return Ok(Term::Value(placeholder));
    }
    match parser.takes_call().as_deref() {
        Some("if_not_exists") => {
            let path = parser.path()?;
            parser.expect(",")?;
            let otherwise = term(parser)?;
            parser.expect(")")?;
            Ok(Term::IfMissing(path, Box::new(otherwise)))
        }
        Some("list_append") => {
            let first = term(parser)?;
            parser.expect(",")?;
            let second = term(parser)?;
            parser.expect(")")?;
            Ok(Term::Append(Box::new(first), Box::new(second)))
        }
        Some(other) => Err(format!("Invalid function name; function: {other}")),
        None => parser.path().map(Term::Path),
    }
}
