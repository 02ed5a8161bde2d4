//! Words of dates, times, lengths, masses, numbers and money.

/// Names of months.
pub(in super::super) const MONTHS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sept",
    "sep",
    "oct",
    "nov",
    "dec",
];

/// Names of days.
pub(in super::super) const DAYS: &[&str] = &[
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "weekday",
    "weekend",
    "weekdays",
    "weekends",
];

/// Words that tell when.
pub(in super::super) const TIMES: &[&str] = &[
    "yesterday",
    "today",
    "tomorrow",
    "noon",
    "midnight",
    "morning",
    "evening",
    "night",
    "spring",
    "summer",
    "autumn",
    "winter",
    "century",
    "decade",
    "immediately",
    "daily",
    "weekly",
    "monthly",
    "yearly",
    "never",
    "always",
    "christmas",
    "easter",
];

/// What follows the hour.
pub(in super::super) const CLOCK: &[&str] = &["am", "pm", "oclock", "a", "p"];

/// Units of time.
pub(in super::super) const TIME_UNITS: &[&str] = &[
    "second",
    "seconds",
    "minute",
    "minutes",
    "hour",
    "hours",
    "day",
    "days",
    "week",
    "weeks",
    "month",
    "months",
    "year",
    "years",
    "decade",
    "decades",
    "century",
    "centuries",
    "fortnight",
];

/// Units of length and area.
pub(in super::super) const LENGTHS: &[&str] = &[
    "metre",
    "metres",
    "meter",
    "meters",
    "kilometre",
    "kilometres",
    "kilometer",
    "kilometers",
    "km",
    "m",
    "cm",
    "mm",
    "centimetre",
    "centimetres",
    "centimeters",
    "millimetres",
    "mile",
    "miles",
    "foot",
    "feet",
    "ft",
    "inch",
    "inches",
    "yard",
    "yards",
    "acre",
    "acres",
    "hectare",
    "hectares",
    "square",
    "light",
];

/// Units of length and of time.
pub(in super::super) const LENGTHS_AND_TIMES: &[&str] = &[
    "metre",
    "metres",
    "meter",
    "meters",
    "kilometre",
    "kilometres",
    "kilometer",
    "kilometers",
    "km",
    "m",
    "cm",
    "mm",
    "mile",
    "miles",
    "foot",
    "feet",
    "ft",
    "inch",
    "inches",
    "yard",
    "yards",
    "second",
    "seconds",
    "minute",
    "minutes",
    "hour",
    "hours",
    "day",
    "days",
    "week",
    "weeks",
    "month",
    "months",
    "year",
    "years",
    "decade",
    "decades",
    "century",
    "centuries",
    "fortnight",
    "times",
    "working",
    "business",
];

/// Units of age.
pub(in super::super) const AGES: &[&str] = &["year", "years", "months", "old", "age", "weeks", "days"];

/// Units of speed.
pub(in super::super) const SPEEDS: &[&str] = &[
    "mph",
    "kph",
    "kmh",
    "miles",
    "kilometres",
    "kilometers",
    "knots",
    "km",
    "mbps",
    "gbps",
    "mb",
    "metres",
    "meters",
    "per",
];

/// Units of temperature.
pub(in super::super) const DEGREES: &[&str] =
    &["degree", "degrees", "c", "f", "celsius", "fahrenheit", "kelvin", "centigrade"];

/// Units of mass and volume.
pub(in super::super) const MASSES: &[&str] = &[
    "gram",
    "grams",
    "kilo",
    "kilos",
    "kilogram",
    "kilograms",
    "kg",
    "g",
    "pound",
    "pounds",
    "lb",
    "lbs",
    "ounce",
    "ounces",
    "oz",
    "ton",
    "tons",
    "tonne",
    "tonnes",
    "stone",
    "litre",
    "litres",
    "liter",
    "liters",
    "ml",
    "gallon",
    "gallons",
];

/// With these "how much" asks for a weight.
pub(in super::super) const MASS_VERBS: &[&str] = &["weigh", "weighs", "weight", "rain", "snow", "water", "milk"];

/// Numbers in words.
pub(in super::super) const NUMBER_WORDS: &[&str] = &[
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
    "million",
    "billion",
    "dozen",
    "half",
    "once",
    "twice",
];

/// Amounts that are no numbers.
pub(in super::super) const VAGUE_AMOUNTS: &[&str] = &[
    "several",
    "few",
    "many",
    "none",
    "no",
    "unlimited",
    "dozens",
    "hundreds",
    "thousands",
    "millions",
    "both",
    "all",
];

/// Units of money.
pub(in super::super) const CURRENCIES: &[&str] = &[
    "dollar", "dollars", "pound", "pounds", "euro", "euros", "cent", "cents", "pence", "million", "billion", "yen",
    "francs", "crowns", "marks", "pesos", "rupees", "rubles", "p",
];

/// Shares in words.
pub(in super::super) const FRACTIONS: &[&str] = &["half", "third", "quarter", "fifth", "tenth", "thirds", "quarters"];
