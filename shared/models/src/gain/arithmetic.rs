//! The arithmetic that an answer states, done again.

/// How deeply brackets and signs may nest: more is no arithmetic that anybody writes, and would use
/// up the stack.
const DEPTH: usize = 24;
/// How many equations of one answer are read.
const MOST_EQUATIONS: usize = 64;
/// How many numbers of one text are read.
const MOST_NUMBERS: usize = 256;

/// A statement that two numbers are equal.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Equation {
    /// What the answer says comes out; `None` when that cannot be read.
    pub(super) stated: Option<f64>,
    /// What comes out; `None` when the left side cannot be read.
    pub(super) computed: Option<f64>,
    /// The numbers of the left side.
    pub(super) operands: Vec<f64>,
    /// How many operations the left side has.
    pub(super) operations: usize,
    /// Whether it stands between the marks `<<` and `>>`.
    pub(super) is_marked: bool,
}

impl Equation {
    /// Whether both sides can be read and differ.
    pub(super) fn is_wrong(&self) -> bool {
        matches!((self.stated, self.computed), (Some(stated), Some(computed)) if !close(stated, computed))
    }
}

/// Whether two numbers are the same but for rounding.
pub(super) fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= f64::max(0.006, 1e-3 * a.abs().max(b.abs()))
}

/// The numbers of `text` in order, thousands separators left out.
pub(super) fn numbers(text: &str) -> Vec<f64> {
    let bytes = text.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() && found.len() < MOST_NUMBERS {
        match number_end(bytes, at) {
            Some(end) => {
                found.extend(number(&text[at..end]));
                at = end;
            }
            None => at += 1,
        }
    }
    found
}

/// Where the number that begins at `at` ends.
fn number_end(bytes: &[u8], at: usize) -> Option<usize> {
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = at;
    if digit(at) {
        while digit(end) || (bytes.get(end) == Some(&b',') && digit(end + 1)) {
            end += 1;
        }
    } else if bytes.get(at) != Some(&b'.') || !digit(at + 1) {
        return None;
    }
    if bytes.get(end) == Some(&b'.') && digit(end + 1) {
        end += 1;
        while digit(end) {
            end += 1;
        }
    }
    Some(end)
}

fn number(text: &str) -> Option<f64> {
    text.replace(',', "").parse().ok().filter(|number: &f64| number.is_finite())
}

/// The equations of `answer`: the marked ones first, then those in its running text.
pub(super) fn equations(answer: &str) -> Vec<Equation> {
    let (text, marked) = split_marks(answer);
    let marked = marked.into_iter().filter_map(|mark| {
        let (left, right) = mark.split_once('=')?;
        Some(equation(left, right.rsplit('=').next().unwrap_or_default(), true))
    });
    let plain = text.lines().flat_map(|line| {
        let sides: Vec<&str> = line.split('=').collect();
        sides.windows(2).filter_map(|pair| plain_equation(pair[0], pair[1])).collect::<Vec<_>>()
    });
    marked.chain(plain).take(MOST_EQUATIONS).collect()
}

/// `answer` without what stands between the marks `<<` and `>>`, and what stands there.
pub(super) fn split_marks(answer: &str) -> (String, Vec<&str>) {
    let (mut text, mut marks, mut rest) = (String::with_capacity(answer.len()), Vec::new(), answer);
    while let Some(open) = rest.find("<<") {
        let inside = &rest[open + 2..];
        let close = inside.find(['<', '>']).filter(|&close| inside[close..].starts_with(">>"));
        let Some(close) = close else {
            text.push_str(&rest[..open + 1]);
            rest = &rest[open + 1..];
            continue;
        };
        text.push_str(&rest[..open]);
        marks.push(&inside[..close]);
        rest = &inside[close + 2..];
    }
    text.push_str(rest);
    (text, marks)
}

fn equation(left: &str, right: &str, is_marked: bool) -> Equation {
    Equation {
        stated: evaluate(right),
        computed: evaluate(left),
        operands: numbers(left),
        operations: operations(left),
        is_marked,
    }
}

/// The equation between the end of `left` and the beginning of `right`, if both are arithmetic.
fn plain_equation(left: &str, right: &str) -> Option<Equation> {
    // Between two equations of a line there may be a comma: "2 + 3 = 5, 5 - 1 = 4".
    let (left, right) = (left.rsplit(", ").next()?, right.split(", ").next()?);
    let begin = left.char_indices().rev().take_while(|&(_, c)| is_arithmetic(c)).last()?.0;
    let left = left[begin..].trim_start_matches(|c: char| c.is_whitespace() || "x×*/).,%".contains(c)).trim();
    let left = left.trim_end_matches([' ', ',', '.']);
    let end = right.find(|c| !is_arithmetic(c)).unwrap_or(right.len());
    let right = right[..end].trim_end_matches(|c: char| c.is_whitespace() || "x+-−–*/(.,".contains(c));
    let equation = equation(left, right, false);
    (equation.operations > 0 && equation.stated.is_some() && equation.computed.is_some()).then_some(equation)
}

fn is_arithmetic(c: char) -> bool {
    c.is_ascii_digit() || ".,+-−–*x×/÷·()%$€£ \t\\^".contains(c)
}

fn operations(text: &str) -> usize {
    let chars: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let after_a_number = |at: usize| at > 0 && (chars[at - 1].is_ascii_digit() || ")%".contains(chars[at - 1]));
    let is_operation = |&at: &usize| match chars[at] {
        '+' | '*' | '/' | '×' | '÷' | '·' => true,
        '-' | '−' | '–' | 'x' => after_a_number(at),
        _ => false,
    };
    (0..chars.len()).filter(is_operation).count()
}

/// What the arithmetic of `text` comes to; `None` when it is not arithmetic alone.
pub(super) fn evaluate(text: &str) -> Option<f64> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = reader.sum()?;
    (reader.peek().is_none() && value.is_finite()).then_some(value)
}

/// A reader of arithmetic, each method one level of binding.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    /// The next sign, spaces and currencies left out.
    fn peek(&mut self) -> Option<char> {
        loop {
            let next = self.text[self.at..].chars().next()?;
            if !next.is_whitespace() && !"$€£\\,".contains(next) {
                return Some(next);
            }
            self.at += next.len_utf8();
        }
    }

    fn take(&mut self, sign: char) {
        self.at += sign.len_utf8();
    }

    fn sum(&mut self) -> Option<f64> {
        let mut value = self.product()?;
        while let Some(sign @ ('+' | '-' | '−' | '–')) = self.peek() {
            self.take(sign);
            let next = self.product()?;
            value = if sign == '+' { value + next } else { value - next };
        }
        Some(value)
    }

    fn product(&mut self) -> Option<f64> {
        let mut value = self.signed()?;
        while let Some(sign @ ('*' | 'x' | '×' | '·' | '/' | '÷' | '(')) = self.peek() {
            if sign == '(' {
                value *= self.atom()?;
                continue;
            }
            self.take(sign);
            let next = self.signed()?;
            match sign {
                '/' | '÷' if next == 0.0 => return None,
                '/' | '÷' => value /= next,
                _ => value *= next,
            }
        }
        Some(value)
    }

    fn signed(&mut self) -> Option<f64> {
        let mut sign = 1.0;
        while self.peek() == Some('-') {
            self.take('-');
            sign = -sign;
        }
        Some(sign * self.atom()?)
    }

    fn atom(&mut self) -> Option<f64> {
        let mut value = if self.peek()? == '(' {
            self.take('(');
            self.depth += 1;
            if self.depth > DEPTH {
                return None;
            }
            let value = self.sum()?;
            if self.peek()? != ')' {
                return None;
            }
            self.take(')');
            self.depth -= 1;
            value
        } else {
            let end = number_end(self.text.as_bytes(), self.at)?;
            let value = number(&self.text[self.at..end])?;
            self.at = end;
            value
        };
        if self.peek() == Some('%') {
            self.take('%');
            value /= 100.0;
        }
        if self.peek() == Some('^') {
            self.take('^');
            self.depth += 1;
            let exponent = if self.depth > DEPTH { None } else { self.atom() }?;
            self.depth -= 1;
            value = if exponent.abs() <= 20.0 { value.powf(exponent) } else { return None };
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_done_as_it_is_written() {
        for (text, expected) in [
            ("2+3*4", Some(14.0)),
            ("(2 + 3) x 4", Some(20.0)),
            ("$1,200 / 4", Some(300.0)),
            ("50% * 80", Some(40.0)),
            ("2(3+4)", Some(14.0)),
            ("-3 - -2", Some(-1.0)),
            ("2^3^2", Some(512.0)),
            ("10 − 2.5", Some(7.5)),
            (".5*8", Some(4.0)),
            ("1/0", None),
            ("3 apples", None),
            ("", None),
            ("(2+3", None),
            ("2+", None),
            ("9^99", None),
        ] {
            assert_eq!(evaluate(text), expected, "{text:?}");
        }
    }

    #[test]
    fn brackets_without_end_are_no_arithmetic() {
        assert_eq!(evaluate(&"(".repeat(100_000)), None);
        assert_eq!(evaluate(&"2^".repeat(100_000)), None);
        assert_eq!(evaluate(&format!("{}2", "-".repeat(100_000))), Some(2.0));
    }

    #[test]
    fn equations_are_found_and_checked() {
        check("20 x 4 = <<20*4=80>>80 sheep.", &["20*4=80", "20*4=80"]);
        check("She has 16 - 3 = 12 left.", &["16-3=12 wrong"]);
        check("That is 2 * 3 = 6, and then 6 + 4 = 10.", &["2*3=6", "6+4=10"]);
        check("A price of $5 + $2.50 = $7.50", &["5+2.5=7.5"]);
        check("1/3 * 100 = 33.33", &["1/3*100=33.33"]);
        check("2 + 3 = 1 + 4 = 5", &["2+3=5", "1+4=5"]);
        check("x = 5 and y = 6", &[]);
        check("<<broken", &[]);
        check("<<2+a=3>>", &["?=3"]);
    }

    /// Each expected equation is `left=computed`, with ` wrong` when the answer says otherwise.
    #[track_caller]
    fn check(answer: &str, expected: &[&str]) {
        let found = equations(answer);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found.is_wrong(), expected.ends_with("wrong"), "{found:?}");
            let left = expected.split('=').next().unwrap();
            assert_eq!(found.computed, evaluate(left), "{found:?}");
        }
    }

    #[test]
    fn numbers_lose_their_separators_and_keep_their_fractions() {
        for (text, expected) in [
            ("1,234.5 and 6", vec![1234.5, 6.0]),
            ("3, 4, 5", vec![3.0, 4.0, 5.0]),
            ("half of .75.", vec![0.75]),
            ("9".repeat(400).as_str(), vec![]),
            ("no number", vec![]),
        ] {
            assert_eq!(numbers(text), expected, "{text:?}");
        }
    }
}
