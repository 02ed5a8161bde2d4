//! Expressions as trees, before it is known what their aliases stand for.

/// One step into an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Step {
    /// To the attribute of this name.
    Name(String),
    /// To the attribute whose name the alias stands for.
    Alias(String),
    /// To an element of a list.
    At(usize),
}

/// The way to an attribute, from the item.
pub(in super::super) type Path = Vec<Step>;

/// What a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Operand {
    Path(Path),
    /// A value of the request, by its placeholder.
    Value(String),
    /// The size of what is there.
    Size(Path),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Comparator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// A condition on an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Condition {
    Compare(Operand, Comparator, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    Missing(Path),
    /// What is there has the type that the placeholder's value names.
    HasType(Path, Operand),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
}

/// What an attribute is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Term {
    Path(Path),
    Value(String),
    IfMissing(Path, Box<Term>),
    Append(Box<Term>, Box<Term>),
    Plus(Box<Term>, Box<Term>),
    Minus(Box<Term>, Box<Term>),
}

/// What is done to one attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Action {
    Set(Term),
    Remove,
    /// Adds the placeholder's number or set.
    Add(String),
    /// Takes the placeholder's set out of the set that is there.
    Delete(String),
}

/// What is done to an item.
pub(in super::super) type Update = Vec<(Path, Action)>;

/// An expression that was read, and the names and placeholders that it uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Parsed<T> {
    pub(in super::super) tree: T,
    pub(in super::super) aliases: Vec<String>,
    pub(in super::super) placeholders: Vec<String>,
}
