//! Days of the week and months that a text names.

use std::collections::BTreeSet;

const DAYS: [&[&str]; 7] = [
    &["monday", "mondays", "mon"],
    &["tuesday", "tuesdays", "tue", "tues"],
    &["wednesday", "wednesdays"],
    &["thursday", "thursdays", "thu", "thur", "thurs"],
    &["friday", "fridays", "fri"],
    &["saturday", "saturdays"],
    &["sunday", "sundays"],
];

const MONTHS: [&[&str]; 12] = [
    &["january", "jan"],
    &["february", "feb"],
    &["march", "mar"],
    &["april", "apr"],
    &["may"],
    &["june", "jun"],
    &["july", "jul"],
    &["august", "aug"],
    &["september", "sept", "sep"],
    &["october", "oct"],
    &["november", "nov"],
    &["december", "dec"],
];

/// Days and months.
#[derive(Clone, Debug, Default)]
pub(super) struct Days {
    days: BTreeSet<usize>,
    months: BTreeSet<usize>,
}

impl Days {
    /// Those that a text names itself.
    pub(super) fn named(text: &str) -> Self {
        let mut found = Self::default();
        for raw in text.split(|c: char| !c.is_alphanumeric()).filter(|raw| raw.starts_with(char::is_uppercase)) {
            let word = raw.to_lowercase();
            found.days.extend(place(&DAYS, &word));
            // "May" and "March" open sentences as well.
            found.months.extend(place(&MONTHS, &word).filter(|_| !matches!(word.as_str(), "may" | "march" | "mar")));
        }
        found
    }

    /// Those that a text names or means: "Monday to Friday" means Tuesday as well.
    pub(super) fn stated(text: &str) -> Self {
        let mut found = Self::default();
        let lower = text.to_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let day = |word: &str| match word {
            "sat" => Some(5),
            "sun" => Some(6),
            "wed" => Some(2),
            _ => place(&DAYS, word),
        };
        for (at, word) in words.iter().enumerate() {
            match *word {
                "weekday" | "weekdays" => found.days.extend(0..5),
                "weekend" | "weekends" => found.days.extend(5..7),
                "daily" | "week" | "everyday" => found.days.extend(0..7),
                "every" if words.get(at + 1) == Some(&"day") => found.days.extend(0..7),
                _ => {}
            }
            found.months.extend(place(&MONTHS, word));
            let Some(first) = day(word) else { continue };
            found.days.insert(first);
            let next = |by: usize| words.get(at + by).copied().unwrap_or_default();
            let last = day(next(1))
                .or_else(|| day(next(2)).filter(|_| matches!(next(1), "to" | "through" | "until" | "till")));
            if let Some(last) = last {
                let length = (last + 7 - first) % 7;
                found.days.extend((0..=length).map(|by| (first + by) % 7));
            }
        }
        found
    }

    /// How many of these `others` has not.
    pub(super) fn missing_in(&self, others: &Self) -> usize {
        self.days.difference(&others.days).count() + self.months.difference(&others.months).count()
    }
}

/// Whether the word is the name of a day or a month.
pub(super) fn is_one(word: &str) -> bool {
    place(&DAYS, word).is_some() || place(&MONTHS, word).is_some()
}

fn place(lists: &[&[&str]], word: &str) -> Option<usize> {
    lists.iter().position(|list| list.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_days_have_to_be_stated_or_meant() {
        check("On Wednesdays.", "Open Monday to Friday.", 0);
        check("On Wednesday.", "Mon–Fri from 9 to 5", 0);
        check("On Saturday.", "Open Monday to Friday.", 1);
        check("On Saturday.", "At weekends.", 0);
        check("In June.", "In July.", 1);
        check("It may march on Sunday.", "Every day.", 0);
        check("On Sunday.", "Friday to Monday", 0);
    }

    #[track_caller]
    fn check(answer: &str, evidence: &str, expected: usize) {
        assert_eq!(Days::named(answer).missing_in(&Days::stated(evidence)), expected, "{answer:?} {evidence:?}");
    }
}
