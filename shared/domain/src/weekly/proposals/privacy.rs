//! Texts that are about one person or one day, as far as simple marks tell.
//!
//! A text is held back that has an address of electronic mail, six digits in a row (a number of a telephone, a card or an
//! order; a date), an amount of money in one sentence with something of the caller's own ("your invoice"), or a day such as
//! "yesterday". The words are English ones. A name without any of these marks is not noticed.

/// From so many digits up a number is of one person or thing.
const LONG_NUMBER: usize = 6;
/// What may stand between the digits of one number.
const BETWEEN_DIGITS: [char; 5] = [' ', '-', '.', '(', ')'];
/// Days that are others when the answer is given again.
const DAYS: [&str; 4] = ["today", "yesterday", "tomorrow", "tonight"];
/// Things that one caller has.
const OWN: [&str; 10] =
    ["account", "balance", "bill", "booking", "charge", "invoice", "order", "payment", "refund", "transaction"];
const OWNERS: [&str; 2] = ["my", "your"];
const CURRENCIES: [&str; 7] = ["dollars", "usd", "euros", "euro", "eur", "pounds", "gbp"];

/// Whether the text looks as if it were about one person or one day.
pub(super) fn is_personal(text: &str) -> bool {
    has_address(text)
        || has_long_number(text)
        || names_a_day(text)
        || text.split(['.', '!', '?', '\n']).any(is_of_an_account)
}

fn has_address(text: &str) -> bool {
    let is_address = |word: &str| {
        word.split_once('@').is_some_and(|(name, host)| {
            name.ends_with(char::is_alphanumeric) && host.starts_with(char::is_alphanumeric) && host.contains('.')
        })
    };
    text.split_whitespace().any(is_address)
}

fn has_long_number(text: &str) -> bool {
    let mut digits = 0;
    text.chars().any(|c| {
        if c.is_numeric() {
            digits += 1;
        } else if !BETWEEN_DIGITS.contains(&c) {
            digits = 0;
        }
        digits >= LONG_NUMBER
    })
}

fn names_a_day(text: &str) -> bool {
    words(text).any(|word| DAYS.contains(&word.as_str()))
}

/// Whether a sentence has an amount of money and something of the caller's own.
fn is_of_an_account(sentence: &str) -> bool {
    let words: Vec<String> = words(sentence).collect();
    let has_number = sentence.chars().any(char::is_numeric);
    let has_currency =
        sentence.contains(['$', '€', '£']) || words.iter().any(|word| CURRENCIES.contains(&word.as_str()));
    let is_own = |pair: &[String]| OWNERS.contains(&pair[0].as_str()) && OWN.contains(&pair[1].as_str());
    has_number && has_currency && words.windows(2).any(is_own)
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_one_person_or_day_is_held_back() {
        for text in [
            "We wrote to jane.doe@shop.example about it.",
            "Your order 4711-0815 is on its way.",
            "Call +49 (30) 123 45",
            "The card 4111 1111 1111 1111 was declined.",
            "It was sent on 2026-11-29.",
            "Your balance is $31",
            "We sent 20 euros to you: your refund is complete.",
            "Yesterday it was down.",
        ] {
            assert!(is_personal(text), "{text}");
        }
    }

    #[test]
    fn what_is_true_of_everybody_is_not() {
        for text in [
            "Starter costs $19 a month, Studio $49.",
            "Follow us @rprd, from 08:00 to 18:00, 24 hours, 365 days: 1. Open it. 2. Press Save.",
            "You find your invoice under Billing. Studio costs $49.",
            "Up to 10,000 posts are kept for 12 months.",
        ] {
            assert!(!is_personal(text), "{text}");
        }
    }
}
