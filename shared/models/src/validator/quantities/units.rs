//! Units, and the words around an amount.

use super::Kind;

/// What one of a unit is, in the unit of its kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    pub(super) kind: Kind,
    pub(super) size: f64,
}

const UNITS: &[(&[&str], Kind, f64)] = &[
    (&["second", "seconds", "sec", "secs"], Kind::Seconds, 1.0),
    (&["minute", "minutes", "min", "mins"], Kind::Seconds, 60.0),
    (&["hour", "hours", "hr", "hrs", "h"], Kind::Seconds, 3_600.0),
    (&["day", "days", "night", "nights"], Kind::Seconds, 86_400.0),
    (&["week", "weeks"], Kind::Seconds, 604_800.0),
    (&["fortnight", "fortnights"], Kind::Seconds, 1_209_600.0),
    (&["month", "months", "mo"], Kind::Months, 1.0),
    (&["year", "years", "yr", "yrs"], Kind::Months, 12.0),
    (&["pound", "pounds", "quid", "gbp"], Kind::Money('£'), 1.0),
    (&["pence", "penny", "p"], Kind::Money('£'), 0.01),
    (&["dollar", "dollars", "usd"], Kind::Money('$'), 1.0),
    (&["euro", "euros", "eur"], Kind::Money('€'), 1.0),
    (&["percent", "pc"], Kind::Percent, 1.0),
    (&["mm", "millimetre", "millimetres", "millimeters"], Kind::Metres, 0.001),
    (&["cm", "centimetre", "centimetres", "centimeters"], Kind::Metres, 0.01),
    (&["m", "metre", "metres", "meter", "meters"], Kind::Metres, 1.0),
    (&["km", "kilometre", "kilometres", "kilometer", "kilometers"], Kind::Metres, 1_000.0),
    (&["mile", "miles"], Kind::Metres, 1_609.344),
    (&["foot", "feet", "ft"], Kind::Metres, 0.3048),
    (&["g", "gram", "grams"], Kind::Grams, 1.0),
    (&["kg", "kilo", "kilos", "kilogram", "kilograms"], Kind::Grams, 1_000.0),
    (&["tonne", "tonnes"], Kind::Grams, 1e6),
    (&["kb"], Kind::Megabytes, 0.001),
    (&["mb", "megabyte", "megabytes"], Kind::Megabytes, 1.0),
    (&["gb", "gigabyte", "gigabytes"], Kind::Megabytes, 1e3),
    (&["tb", "terabyte", "terabytes"], Kind::Megabytes, 1e6),
];

/// The unit that a word names.
pub(super) fn unit_of(word: &str) -> Option<Unit> {
    let found = UNITS.iter().find(|(names, ..)| names.contains(&word));
    found.map(|&(_, kind, size)| Unit { kind, size })
}

/// Words before an amount that make it the most.
pub(super) const UPPER: &[&str] = &[
    "within",
    "up to",
    "under",
    "below",
    "less than",
    "fewer than",
    "more than no",
    "at most",
    "most",
    "maximum",
    "max",
    "until",
    "till",
    "before",
    "maximum of",
];

/// Words before an amount that make it the least.
pub(super) const LOWER: &[&str] =
    &["at least", "over", "above", "more than", "longer than", "minimum", "min", "after", "minimum of", "older than"];

/// What something is for each of; and whether a word such as "per" has to stand before it.
pub(super) fn period(word: &str) -> Option<(&'static str, bool)> {
    Some(match word {
        "hour" | "hr" => ("hour", true),
        "hourly" => ("hour", false),
        "day" | "night" => ("day", true),
        "daily" | "nightly" => ("day", false),
        "week" | "wk" => ("week", true),
        "weekly" => ("week", false),
        "month" | "mo" => ("month", true),
        "monthly" => ("month", false),
        "year" | "yr" => ("year", true),
        "yearly" | "annually" => ("year", false),
        "person" | "head" | "user" | "seat" | "member" | "guest" | "child" | "adult" => ("person", true),
        _ => return None,
    })
}

/// The number that a word stands for.
pub(super) fn number_word(word: &str) -> Option<f64> {
    Some(match word {
        "a" | "an" | "one" | "once" => 1.0,
        "half" => 0.5,
        "zero" => 0.0,
        "two" | "twice" | "couple" | "double" => 2.0,
        "three" => 3.0,
        "four" => 4.0,
        "five" => 5.0,
        "six" => 6.0,
        "seven" => 7.0,
        "eight" => 8.0,
        "nine" => 9.0,
        "ten" => 10.0,
        "eleven" => 11.0,
        "twelve" | "dozen" => 12.0,
        "thirteen" => 13.0,
        "fourteen" => 14.0,
        "fifteen" => 15.0,
        "sixteen" => 16.0,
        "seventeen" => 17.0,
        "eighteen" => 18.0,
        "nineteen" => 19.0,
        "twenty" => 20.0,
        "thirty" => 30.0,
        "forty" => 40.0,
        "fifty" => 50.0,
        "sixty" => 60.0,
        "seventy" => 70.0,
        "eighty" => 80.0,
        "ninety" => 90.0,
        "hundred" => 100.0,
        "thousand" => 1e3,
        _ => return None,
    })
}
