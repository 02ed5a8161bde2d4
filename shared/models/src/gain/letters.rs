//! Small whole numbers as text: one printable letter each, so that a file of many numbers stays
//! small and is still text.

/// The letters, `#` to `~` without the backslash, which JSON would have to escape.
const FIRST: u8 = b'#';
const BACKSLASH: u8 = b'\\';

/// How many numbers there are: 0 to 90.
pub const LETTERS: u8 = b'~' - FIRST;

/// The letter of `number`; numbers above the greatest have the greatest's letter.
#[must_use]
pub const fn letter(number: u8) -> char {
    let number = if number < LETTERS { number } else { LETTERS - 1 };
    let letter = FIRST + number;
    (if letter >= BACKSLASH { letter + 1 } else { letter }) as char
}

/// The number of `letter`; `None` when it is no letter of this alphabet.
#[must_use]
pub(super) const fn number(letter: u8) -> Option<u8> {
    match letter {
        FIRST..=b'[' => Some(letter - FIRST),
        b']'..=b'~' => Some(letter - FIRST - 1),
        _ => None,
    }
}

/// The numbers of `text`; `None` when one letter of it is none of this alphabet.
#[must_use]
pub(super) fn numbers(text: &str) -> Option<Vec<u8>> {
    text.bytes().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_letter_of_its_own() {
        let text: String = (0..LETTERS).map(letter).collect();
        assert_eq!(numbers(&text), Some((0..LETTERS).collect()));
        assert_eq!(letter(200), letter(LETTERS - 1));
        assert_eq!(text.len(), 91);
    }

    #[test]
    fn other_letters_are_none() {
        for text in ["\\", "\"", " ", "!", "é", "\u{7f}"] {
            assert_eq!(numbers(text), None, "{text:?}");
        }
    }
}
