//! What aliases and placeholders stand for in one request.

use super::super::expression::tree::{Parsed, Path, Step};
use super::super::pairs::{Pairs, Text};
use super::super::refusal::{Refusal, invalid};
use super::super::value::{Item, Value};

/// Names of attributes, by alias.
pub(in super::super) type Names<'a> = Pairs<'a, Text<'a>>;
/// Values, by placeholder.
pub(in super::super) type Values<'a> = Pairs<'a, Value>;

/// The names and values of one request.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Scope<'a> {
    names: &'a Names<'a>,
    values: &'a Values<'a>,
}

static NO_NAMES: Names<'static> = Pairs::EMPTY;
static NO_VALUES: Values<'static> = Pairs::EMPTY;

impl<'a> Scope<'a> {
    /// The scope of a request with these names and values, or without.
    pub(in super::super) fn new(names: Option<&'a Names<'a>>, values: Option<&'a Values<'a>>) -> Self {
        Self { names: names.unwrap_or(&NO_NAMES), values: values.unwrap_or(&NO_VALUES) }
    }

    /// The value that the placeholder stands for.
    pub(in super::super) fn value(self, placeholder: &str) -> Option<&'a Value> {
        self.values.get(placeholder)
    }

    /// The name that the step goes by, if it is not to an element of a list.
    pub(in super::super) fn name<'s>(self, step: &'s Step) -> Option<&'s str>
    where
        'a: 's,
    {
        match step {
            Step::Name(name) => Some(name),
            Step::Alias(alias) => self.names.get(alias).map(Text::as_ref),
            Step::At(_) => None,
        }
    }

    /// What is at the end of the path.
    pub(in super::super) fn find<'i>(self, item: &'i Item, path: &Path) -> Option<&'i Value> {
        let (first, rest) = path.split_first()?;
        self.find_in(item.get(self.name(first)?)?, rest)
    }

    /// What is at the end of the steps from `value`.
    pub(in super::super) fn find_in<'i>(self, value: &'i Value, steps: &[Step]) -> Option<&'i Value> {
        steps.iter().try_fold(value, |value, step| match (value, step) {
            (Value::L(values), Step::At(at)) => values.get(*at),
            (Value::M(values), step) => values.get(self.name(step)?),
            _ => None,
        })
    }

    /// Whether two paths are the same, whatever they are written with.
    pub(in super::super) fn is_same_step(self, one: &Step, other: &Step) -> bool {
        match (one, other) {
            (Step::At(one), Step::At(other)) => one == other,
            (Step::At(_), _) | (_, Step::At(_)) => false,
            (one, other) => self.name(one) == self.name(other),
        }
    }

    /// Refuses an expression that uses what the request does not define.
    pub(in super::super) fn check_defined<T>(self, kind: &str, parsed: &Parsed<T>) -> Result<(), Refusal> {
        if let Some(alias) = parsed.aliases.iter().find(|alias| self.names.get(alias).is_none()) {
            return Err(invalid(format!(
                "Invalid {kind}: An expression attribute name used in the document path is not defined; \
                 attribute name: {alias}"
            )));
        }
        if let Some(placeholder) = parsed.placeholders.iter().find(|value| self.values.get(value).is_none()) {
            return Err(invalid(format!(
                "Invalid {kind}: An expression attribute value used in expression is not defined; \
                 attribute value: {placeholder}"
            )));
        }
        Ok(())
    }

    /// Refuses names and values that no expression uses: these are all that they use.
    pub(in super::super) fn check_used(self, aliases: &[&[String]], placeholders: &[&[String]]) -> Result<(), Refusal> {
        let is_used = |used: &[&[String]], name: &str| used.iter().copied().flatten().any(|used| used == name);
        if let Some(name) = self.names.names().find(|name| !is_used(aliases, name)) {
            return Err(invalid(format!(
                "Value provided in ExpressionAttributeNames unused in expressions: keys: {{{name}}}"
            )));
        }
        if let Some(name) = self.values.names().find(|name| !is_used(placeholders, name)) {
            return Err(invalid(format!(
                "Value provided in ExpressionAttributeValues unused in expressions: keys: {{{name}}}"
            )));
        }
        Ok(())
    }
}
