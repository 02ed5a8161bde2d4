//! Amounts in a text, in units in which they can be compared: "2 weeks" is "14 days".

mod lexing;
#[cfg(test)]
mod tests;
mod units;

use lexing::Piece;
use units::{LOWER, UPPER, Unit, number_word, period, unit_of};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// Nothing that has a unit.
    Bare,
    /// Money, with the sign of its currency.
    Money(char),
    /// A share in percent.
    Percent,
    /// A time in seconds.
    Seconds,
    /// A time in months, which have no fixed length.
    Months,
    /// A time of the day in minutes; whether it is after noon, where that can be told.
    Clock(Option<bool>),
    /// A length in metres.
    Metres,
    /// A mass in grams.
    Grams,
    /// A size in megabytes.
    Megabytes,
}

/// Whether an amount is the least or the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Least,
    Most,
}

/// An amount.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantity {
    /// In the unit of its kind.
    pub(super) value: f64,
    /// As it was written.
    pub(super) written: f64,
    pub(super) kind: Kind,
    pub(super) bound: Option<Bound>,
    /// What it is for each of: a month, a person.
    pub(super) per: Vec<&'static str>,
    /// "a week", "one": too common a way of speaking to be held against an answer.
    pub(super) is_loose: bool,
}

/// In how many amounts an answer and its evidence differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    /// Numbers that the evidence has nowhere.
    pub(super) unknown: usize,
    /// Numbers that it has with other units only.
    pub(super) units: usize,
    /// Amounts that are the least where the evidence has the most, or the other way round, or are for
    /// another period.
    pub(super) terms: usize,
}

impl Faults {
    pub(super) const fn sum(self) -> usize {
        self.unknown + self.units + self.terms
    }
}

impl std::ops::Add for Faults {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { unknown: self.unknown + other.unknown, units: self.units + other.units, terms: self.terms + other.terms }
    }
}

/// Whether a word is a number or a unit, and no name however it is written.
pub(super) fn is_part(word: &str) -> bool {
    number_word(word).is_some() || unit_of(word).is_some() || matches!(word, "am" | "pm")
}

/// In what the amounts of an answer differ from those of its evidence.
pub(super) fn faults(answer: &[Quantity], evidence: &[Quantity]) -> Faults {
    let mut faults = Faults::default();
    for quantity in answer.iter().filter(|quantity| !quantity.is_loose) {
        let equal: Vec<&Quantity> = evidence.iter().filter(|other| quantity.equals(other)).collect();
        if equal.is_empty() {
            let has_number = evidence.iter().any(|other| is_close(quantity.written, other.written, 1e-6));
            if has_number { faults.units += 1 } else { faults.unknown += 1 }
        } else if equal.iter().all(|other| quantity.is_against(other)) {
            faults.terms += 1;
        }
    }
    faults
}

impl Quantity {
    /// Whether both are the same amount, as far as their units tell.
    fn equals(&self, other: &Self) -> bool {
        let is_same = |tolerance: f64| is_close(self.value, other.value, tolerance);
        match (self.kind, other.kind) {
            (Kind::Clock(one), Kind::Clock(two)) => {
                (self.value - other.value).abs() < 0.5 && (one.is_none() || two.is_none() || one == two)
            }
            // "9.30" is a time where the other text has "09:30".
            (Kind::Clock(_), Kind::Bare) => is_close(as_clock(other.written), self.value, 1e-6),
            (Kind::Bare, Kind::Clock(_)) => is_close(as_clock(self.written), other.value, 1e-6),
            // "22 h" is a time of the day where the other text has "22:00".
            (Kind::Seconds, Kind::Clock(_)) if self.written <= 24.0 => {
                is_close(as_clock(self.written), other.value, 1e-6)
            }
            (Kind::Bare, _) | (_, Kind::Bare) => is_close(self.written, other.written, 1e-6),
            (Kind::Megabytes, Kind::Megabytes) => is_same(0.03),
            (one, two) => one == two && is_same(1e-3),
        }
    }

    fn is_against(&self, other: &Self) -> bool {
        let bounds = matches!((self.bound, other.bound), (Some(one), Some(two)) if one != two);
        let period = |quantity: &Self| quantity.per.iter().find(|per| **per != "person").copied();
        let periods = matches!((period(self), period(other)), (Some(one), Some(two)) if one != two);
        bounds || periods
    }
}

fn is_close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1e-9)
}

/// 9.3 is half past nine, and 9 is nine o'clock.
fn as_clock(written: f64) -> f64 {
    written.trunc() % 12.0 * 60.0 + (written.fract() * 100.0).round()
}

/// The amounts in `text`, in order.
pub(super) fn quantities(text: &str) -> Vec<Quantity> {
    let pieces = lexing::pieces(text);
    let mut found: Vec<Quantity> = Vec::new();
    let mut at = 0;
    while at < pieces.len() {
        let Some((quantity, next)) = quantity(&pieces, at) else {
            at += 1;
            continue;
        };
        let mut quantity = quantity;
        if quantity.kind != Kind::Bare {
            quantity.bound = bound(&pieces, at, next);
        }
        if matches!(quantity.kind, Kind::Money(_) | Kind::Percent | Kind::Bare | Kind::Months) {
            quantity.per = per(&pieces, next);
        }
        // In "3 to 4 months" the first number has the unit of the second.
        if let Some(before) = found.last_mut().filter(|_| is_range(&pieces, at))
            && before.kind == Kind::Bare
            && quantity.kind != Kind::Bare
            && quantity.written != 0.0
        {
            before.value = before.written * quantity.value / quantity.written;
            before.kind = quantity.kind;
            if let Kind::Clock(_) = quantity.kind {
                (before.value, before.kind) = (as_clock(before.written), Kind::Clock(None));
            }
        }
        found.push(quantity);
        at = next;
    }
    found
}

fn word(pieces: &[Piece], at: usize) -> &str {
    match pieces.get(at) {
        Some(Piece::Word(word)) => word,
        _ => "",
    }
}

fn sign(pieces: &[Piece], at: usize) -> char {
    match pieces.get(at) {
        Some(Piece::Sign(sign)) => *sign,
        _ => ' ',
    }
}

/// The amount that begins at `at`, and where the text goes on after it.
fn quantity(pieces: &[Piece], at: usize) -> Option<(Quantity, usize)> {
    let plain = |value: f64, kind: Kind, is_loose: bool| Quantity {
        value,
        written: value,
        kind,
        bound: None,
        per: Vec::new(),
        is_loose,
    };
    match word(pieces, at) {
        "noon" | "midday" => return Some((plain(0.0, Kind::Clock(Some(true)), false), at + 1)),
        "midnight" => return Some((plain(0.0, Kind::Clock(Some(false)), false), at + 1)),
        "fortnight" => return Some((plain(14.0 * 86_400.0, Kind::Seconds, false), at + 1)),
        part @ ("half" | "quarter") if matches!(word(pieces, at + 1), "past" | "to") => {
            let (hour, next) = match word(pieces, at + 2) {
                "midnight" | "noon" | "midday" => (12.0, at + 3),
                _ => number(pieces, at + 2)?,
            };
            let minutes = if part == "half" { 30.0 } else { 15.0 };
            let minutes = if word(pieces, at + 1) == "to" { -minutes } else { minutes };
            return Some((plain((hour * 60.0 + minutes).rem_euclid(720.0), Kind::Clock(None), false), next));
        }
        _ => {}
    }
    if let Some(Piece::Clock(hour, minute)) = pieces.get(at) {
        let (after_noon, next) = half_of_day(pieces, at + 1).unwrap_or((None, at + 1));
        let after_noon = after_noon.or((*hour >= 13.0).then_some(true));
        return Some((plain(hour % 12.0 * 60.0 + minute, Kind::Clock(after_noon), false), next));
    }
    let currency = sign(pieces, at);
    let has_currency = matches!(currency, '£' | '$' | '€');
    let (written, mut next) = number(pieces, at + usize::from(has_currency))?;
    let is_article = matches!(word(pieces, at), "a" | "an");
    let mut quantity = plain(written, Kind::Bare, matches!(word(pieces, at), "a" | "an" | "one" | "once"));
    if has_currency {
        quantity.kind = Kind::Money(currency);
        return Some((quantity, next));
    }
    if let Some((after_noon, after)) = half_of_day(pieces, next) {
        quantity.value = as_clock(written);
        quantity.kind = Kind::Clock(after_noon);
        return Some((quantity, after));
    }
    // "2 working days", "half an hour".
    while matches!(
        word(pieces, next),
        "a" | "an" | "of" | "working" | "business" | "full" | "calendar" | "whole" | "more"
    ) && (1..=3).any(|by| unit_of(word(pieces, next + by)).is_some())
    {
        next += 1;
    }
    let unit = match pieces.get(next) {
        Some(Piece::Word(word)) if word == "per" && self::word(pieces, next + 1) == "cent" => {
            next += 1;
            Some(Unit { kind: Kind::Percent, size: 1.0 })
        }
        Some(Piece::Word(word)) => unit_of(word),
        Some(Piece::Sign('%')) => Some(Unit { kind: Kind::Percent, size: 1.0 }),
        Some(Piece::Sign(sign @ ('£' | '$' | '€'))) if !matches!(pieces.get(next + 1), Some(Piece::Number(_))) => {
            Some(Unit { kind: Kind::Money(*sign), size: 1.0 })
        }
        _ => None,
    };
    // "Two cases", "three of them": so few that an answer counts them itself.
    let is_spelled = matches!(pieces[at], Piece::Word(_));
    quantity.is_loose |= is_spelled && unit.is_none() && written <= 3.0;
    // "a" is a number only before a unit: "a week".
    if is_article && unit.is_none() {
        return None;
    }
    if let Some(unit) = unit {
        next += 1;
        if word(pieces, next) == "and" && word(pieces, next + 1) == "a" && word(pieces, next + 2) == "half" {
            (quantity.written, quantity.is_loose, next) = (quantity.written + 0.5, false, next + 3);
        }
        (quantity.value, quantity.kind) = (quantity.written * unit.size, unit.kind);
    }
    Some((quantity, next))
}

/// The number that begins at `at`, and where the text goes on after it.
fn number(pieces: &[Piece], at: usize) -> Option<(f64, usize)> {
    let (mut value, mut next) = match pieces.get(at)? {
        Piece::Number(value) => (*value, at + 1),
        Piece::Word(word) => (number_word(word)?, at + 1),
        _ => return None,
    };
    let is_spelled = matches!(pieces[at], Piece::Word(_));
    // "twenty-one", "twenty one".
    let ones = next + usize::from(sign(pieces, next) == '-');
    if is_spelled
        && (20.0..100.0).contains(&value)
        && let Some(more) = number_word(word(pieces, ones)).filter(|more| (1.0..10.0).contains(more))
    {
        (value, next) = (value + more, ones + 1);
    }
    if word(pieces, next) == "and" && word(pieces, next + 1) == "a" && word(pieces, next + 2) == "half" {
        (value, next) = (value + 0.5, next + 3);
    }
    let half_a = usize::from(value == 0.5 && word(pieces, next) == "a");
    let size = match word(pieces, next + half_a) {
        "dozen" => 12.0,
        "hundred" => 100.0,
        "thousand" | "k" => 1e3,
        "million" => 1e6,
        "billion" => 1e9,
        _ => return Some((value, next)),
    };
    Some((value * size, next + half_a + 1))
}

/// Whether the hour before `at` is after noon, where that is said, and where the text goes on.
fn half_of_day(pieces: &[Piece], at: usize) -> Option<(Option<bool>, usize)> {
    match word(pieces, at) {
        "am" => Some((Some(false), at + 1)),
        "pm" => Some((Some(true), at + 1)),
        "oclock" => Some((None, at + 1)),
        half @ ("a" | "p") if sign(pieces, at + 1) == '.' && word(pieces, at + 2) == "m" => {
            Some((Some(half == "p"), at + 3))
        }
        _ => None,
    }
}

const DENIALS: &[&str] = &[" no ", " not ", " dont ", " never ", " nobody ", " cant ", " cannot "];

fn is_range(pieces: &[Piece], at: usize) -> bool {
    let is_link = |at: usize| matches!(word(pieces, at), "to" | "or" | "and") || sign(pieces, at) == '-';
    let is_number = |at: usize| {
        matches!(pieces.get(at), Some(Piece::Number(_) | Piece::Clock(..))) || number_word(word(pieces, at)).is_some()
    };
    at >= 2 && is_link(at - 1) && is_number(at - 2)
}

/// Whether the words around an amount make it the least or the most.
fn bound(pieces: &[Piece], start: usize, end: usize) -> Option<Bound> {
    let before: Vec<&str> =
        (start.saturating_sub(3)..start).map(|at| word(pieces, at)).filter(|w| !w.is_empty()).collect();
    let text = format!(" {} ", before.join(" "));
    let ends_with = |phrase: &&str| {
        let skips = ["", "the ", "a ", "about ", "around "];
        skips.iter().any(|skip| text.ends_with(&format!(" {phrase} {skip}")))
    };
    // "Up to 2 days before the start" is at least 2 days ahead of it.
    if matches!(word(pieces, end), "before" | "ahead" | "prior" | "beforehand" | "notice" | "in" | "after" | "from") {
        return None;
    }
    let is_denied = DENIALS.iter().any(|denial| text.contains(denial));
    let found = if UPPER.iter().any(ends_with) {
        Some(if is_denied { Bound::Least } else { Bound::Most })
    } else if LOWER.iter().any(ends_with) {
        Some(if is_denied { Bound::Most } else { Bound::Least })
    } else {
        None
    };
    let after = (word(pieces, end), word(pieces, end + 1));
    found.or(match after {
        ("or" | "and", "more" | "over" | "older" | "above" | "longer" | "later") => Some(Bound::Least),
        ("or" | "and", "less" | "fewer" | "under" | "younger" | "below" | "earlier") => Some(Bound::Most),
        ("minimum", _) => Some(Bound::Least),
        ("maximum", _) => Some(Bound::Most),
        _ if sign(pieces, end) == '+' => Some(Bound::Least),
        _ => None,
    })
}

/// For each of what an amount is, by the words after it.
fn per(pieces: &[Piece], start: usize) -> Vec<&'static str> {
    let (mut at, mut found) = (start, Vec::new());
    loop {
        let is_link = matches!(word(pieces, at), "a" | "an" | "per" | "each" | "every") || sign(pieces, at) == '/';
        match period(word(pieces, at + usize::from(is_link))) {
            Some((name, needs_link)) if is_link || !needs_link => {
                found.push(name);
                at += 1 + usize::from(is_link);
            }
            _ => return found,
        }
    }
}
