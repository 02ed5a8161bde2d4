//! A text that grows by pieces and ends at the first of some texts that is complete, however the pieces part it.

/// What was written so far.
#[derive(Debug)]
pub(super) struct Writing<'a> {
    stops: &'a [String],
    text: String,
    /// How many bytes were told.
    told: usize,
}

impl<'a> Writing<'a> {
    pub(super) fn new(stops: &'a [String]) -> Self {
        Self { stops, text: String::new(), told: 0 }
    }

    /// Adds `piece` and says whether the text ends here, at one of the stops, which is cut off with what follows it.
    pub(super) fn add(&mut self, piece: &str) -> bool {
        // A stop can begin before the piece, but not in what was told.
        self.text.push_str(piece);
        let rest = &self.text[self.told..];
        let ends = self.stops.iter().filter_map(|stop| rest.find(stop.as_str()).map(|at| (at + stop.len(), at)));
        let found = ends.min();
        if let Some((_, at)) = found {
            self.text.truncate(self.told + at);
        }
        found.is_some()
    }

    /// What is new and can be no part of a stop any more.
    pub(super) fn certain(&mut self) -> &str {
        let rest = &self.text[self.told..];
        let begun = |stop: &String| {
            let longest = rest.len().min(stop.len().saturating_sub(1));
            (1..=longest).rev().find(|&length| rest.as_bytes().ends_with(&stop.as_bytes()[..length]))
        };
        let mut upto = rest.len() - self.stops.iter().filter_map(begun).max().unwrap_or(0);
        while !rest.is_char_boundary(upto) {
            upto -= 1;
        }
        let from = self.told;
        self.told += upto;
        &self.text[from..self.told]
    }

    /// The whole text, and the part of it that was not told.
    pub(super) fn end(&self) -> (&str, &str) {
        (&self.text, &self.text[self.told..])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The text that `pieces` give, and what was told of it, with `stops`.
    fn write(pieces: &[&str], stops: &[&str]) -> (String, Vec<String>) {
        let stops: Vec<String> = stops.iter().map(|&stop| stop.to_owned()).collect();
        let (mut writing, mut told) = (Writing::new(&stops), Vec::new());
        for piece in pieces {
            if writing.add(piece) {
                break;
            }
            told.push(writing.certain().to_owned());
        }
        let (text, rest) = writing.end();
        told.push(rest.to_owned());
        told.retain(|piece| !piece.is_empty());
        (text.to_owned(), told)
    }

    #[test]
    fn pieces_are_told_as_they_come() {
        assert_eq!(
            write(&["We ", "open", "."], &[]),
            ("We open.".into(), vec!["We ".into(), "open".into(), ".".into()])
        );
    }

    #[test]
    fn the_first_stop_ends_the_text_wherever_pieces_part() {
        for pieces in [&["a\n\nb"][..], &["a\n", "\nb"], &["a", "\n", "\n", "b"]] {
            assert_eq!(write(pieces, &["b", "\n\n"]), ("a".into(), vec!["a".into()]));
        }
    }

    #[test]
    fn what_may_become_a_stop_is_held_back_and_told_when_it_does_not() {
        assert_eq!(write(&["a\n", "b"], &["\n\n"]), ("a\nb".into(), vec!["a".into(), "\nb".into()]));
        assert_eq!(write(&["a\n"], &["\n\n"]), ("a\n".into(), vec!["a".into(), "\n".into()]));
    }

    proptest! {
        #[test]
        fn what_is_told_is_the_text(pieces in prop::collection::vec("[abé\n]{0,4}", 0..12), stops in prop::collection::vec("[abé\n]{1,3}", 0..3)) {
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            let (text, told) = write(&pieces, &stops);
            prop_assert_eq!(told.concat(), text.clone());
            let whole = pieces.concat();
            let ends = stops.iter().filter_map(|stop| whole.find(stop).map(|at| (at + stop.len(), at)));
            prop_assert_eq!(text, &whole[..ends.min().map_or(whole.len(), |(_, at)| at)]);
        }
    }
}
