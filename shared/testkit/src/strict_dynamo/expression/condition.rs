//! Reading conditions.

use super::lexer::Token;
use super::parser::Parser;
use super::tree::{Comparator, Condition, Operand, Parsed};

/// How many operands `IN` may have.
const MOST_OPERANDS: usize = 100;

/// Reads a condition.
pub(in super::super) fn parse(text: &str) -> Result<Parsed<Condition>, String> {
    Parser::parse(text, either)
}

fn either(parser: &mut Parser) -> Result<Condition, String> {
    let mut condition = both(parser)?;
    while parser.takes_word("OR") {
        condition = Condition::Or(Box::new(condition), Box::new(both(parser)?));
    }
    Ok(condition)
}

fn both(parser: &mut Parser) -> Result<Condition, String> {
    let mut condition = negated(parser)?;
    while parser.takes_word("AND") {
        condition = Condition::And(Box::new(condition), Box::new(negated(parser)?));
    }
    Ok(condition)
}

fn negated(parser: &mut Parser) -> Result<Condition, String> {
    if parser.takes_word("NOT") {
        return Ok(Condition::Not(Box::new(negated(parser)?)));
    }
    if parser.takes("(") {
        let condition = either(parser)?;
        parser.expect(")")?;
        return Ok(condition);
    }
    single(parser)
}

fn single(parser: &mut Parser) -> Result<Condition, String> {
    let first = match parser.takes_call() {
        Some(function) if function == "size" => size(parser)?,
        Some(function) => return call(parser, &function),
        None => operand(parser)?,
    };
    if parser.takes_word("BETWEEN") {
        let least = operand(parser)?;
        parser.expect_word("AND")?;
        return Ok(Condition::Between(first, least, operand(parser)?));
    }
    if parser.takes_word("IN") {
        parser.expect("(")?;
        let choices = list(parser)?;
        return Ok(Condition::In(first, choices));
    }
    let comparator = comparator(parser)?;
    Ok(Condition::Compare(first, comparator, operand(parser)?))
}

fn comparator(parser: &mut Parser) -> Result<Comparator, String> {
    let Some(Token::Sign(sign)) = parser.peek() else { return Err(parser.syntax_error()) };
    let comparator = match *sign {
        "=" => Comparator::Equal,
        "<>" => Comparator::NotEqual,
        "<" => Comparator::Less,
        "<=" => Comparator::AtMost,
        ">" => Comparator::Greater,
        ">=" => Comparator::AtLeast,
        _ => return Err(parser.syntax_error()),
    };
    let sign = *sign;
    parser.expect(sign)?;
    Ok(comparator)
}

fn operand(parser: &mut Parser) -> Result<Operand, String> {
    if let Some(placeholder) = parser.takes_placeholder() {
        return Ok(Operand::Value(placeholder));
    }
    match parser.takes_call() {
        Some(function) if function == "size" => size(parser),
        Some(function) => Err(format!("Invalid function name; function: {function}")),
        None => parser.path().map(Operand::Path),
    }
}

fn size(parser: &mut Parser) -> Result<Operand, String> {
    let path = parser.path()?;
    parser.expect(")")?;
    Ok(Operand::Size(path))
}

/// Operands up to the closing parenthesis.
fn list(parser: &mut Parser) -> Result<Vec<Operand>, String> {
    let mut operands = vec![operand(parser)?];
    while parser.takes(",") {
        operands.push(operand(parser)?);
    }
    parser.expect(")")?;
    if operands.len() > MOST_OPERANDS {
        return Err(format!("Too many operands; limit: {MOST_OPERANDS}"));
    }
    Ok(operands)
}

fn call(parser: &mut Parser, function: &str) -> Result<Condition, String> {
    if !["attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains"].contains(&function) {
        return Err(format!("Invalid function name; function: {function}"));
    }
    let mut operands = list(parser)?.into_iter();
    let (first, second, third) = (operands.next(), operands.next(), operands.next());
    match (function, first, second, third) {
        ("attribute_exists", Some(Operand::Path(path)), None, None) => Ok(Condition::Exists(path)),
        ("attribute_not_exists", Some(Operand::Path(path)), None, None) => Ok(Condition::Missing(path)),
        ("attribute_type", Some(Operand::Path(path)), Some(kind @ Operand::Value(_)), None) => {
            Ok(Condition::HasType(path, kind))
        }
        ("begins_with", Some(text), Some(start), None) => Ok(Condition::BeginsWith(text, start)),
        ("contains", Some(whole), Some(part), None) => Ok(Condition::Contains(whole, part)),
        (
            "attribute_exists" | "attribute_not_exists" | "attribute_type",
            Some(Operand::Value(_) | Operand::Size(_)),
            ..,
        ) => Err(format!("Operator or function requires a document path; operator or function: {function}")),
        _ => Err(format!("Incorrect number of operands for operator or function; operator or function: {function}")),
    }
}
