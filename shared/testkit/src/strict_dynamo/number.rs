//! Numbers as the service has them: decimal, exact, 38 digits.

use std::cmp::Ordering;
use std::fmt;

/// How many significant digits a number has at most.
const MOST_DIGITS: u32 = 38;
/// The largest power of ten that a number's first digit may stand for.
const MOST_MAGNITUDE: i32 = 125;
/// The smallest power of ten that a number's first digit may stand for.
const LEAST_MAGNITUDE: i32 = -130;
/// No digits reach this.
const DIGITS_LIMIT: i128 = 10_i128.pow(MOST_DIGITS);

/// An exact decimal number of up to 38 significant digits.
///
/// Each value has one representation: whole numbers below 10³⁸ have the exponent 0, all others have
/// no trailing zero among their digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number {
    digits: i128,
    exponent: i32,
}

/// Not a number that can be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The text is no number.
    #[error("The parameter cannot be converted to a numeric value")]
    NotNumeric,
    /// It has more than 38 significant digits.
    #[error("Attempting to store more than 38 significant digits in a Number")]
    TooPrecise,
    /// It is above 9.99…E+125, or below its negative.
    #[error("Number overflow. Attempting to store a number with magnitude larger than supported range")]
    Overflow,
    /// It is nearer to nothing than 1E-130.
    #[error("Number underflow. Attempting to store a number with magnitude smaller than supported range")]
    Underflow,
}

impl Number {
    /// No number is less.
    pub(super) const LEAST: Self = Self { digits: 1 - DIGITS_LIMIT, exponent: MOST_MAGNITUDE - MOST_DIGITS as i32 + 1 };

    /// Reads a number, such as `-12`, `0.875` or `1.5E-3`.
    ///
    /// # Errors
    /// [`NumberError`] when it is none, or one that the service does not store.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        // Nearly all numbers are amounts and times, and fit.
        if text.len() <= 18
            && !text.starts_with('+')
            && let Ok(whole) = text.parse::<i64>()
        {
            return Ok(Self::from(whole));
        }
        parse_decimal(text)
    }

    /// The number, if it is whole and an `i64`.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        if self.exponent == 0 { i64::try_from(self.digits).ok() } else { None }
    }

    /// The sum.
    ///
    /// # Errors
    /// [`NumberError`] when it cannot be stored.
    pub fn plus(self, other: Self) -> Result<Self, NumberError> {
        if self.exponent == 0
            && other.exponent == 0
            && let Some(sum) = self.digits.checked_add(other.digits)
        {
            return Self::canonical(sum, 0);
        }
        let (one, two) = (self.stripped(), other.stripped());
        let exponent = one.exponent.min(two.exponent);
        let sum = one.digits_at(exponent).zip(two.digits_at(exponent)).and_then(|(one, two)| one.checked_add(two));
        Self::canonical(sum.ok_or(NumberError::TooPrecise)?, exponent)
    }

    /// The difference.
    ///
    /// # Errors
    /// [`NumberError`] when it cannot be stored.
    pub fn minus(self, other: Self) -> Result<Self, NumberError> {
        self.plus(Self { digits: -other.digits, exponent: other.exponent })
    }

    /// How many bytes the service counts for it.
    pub(super) fn size(self) -> usize {
        let stripped = match self.as_i64() {
            // Division is slow among large numbers.
            Some(mut whole) => {
                while whole != 0 && whole % 10 == 0 {
                    whole /= 10;
                }
                i128::from(whole)
            }
            None => self.stripped().digits,
        };
        let digits = usize::try_from(count(stripped)).unwrap_or_default();
        digits.div_ceil(2) + 1 + usize::from(self.digits < 0)
    }

    fn canonical(digits: i128, exponent: i32) -> Result<Self, NumberError> {
        if exponent == 0 && digits.abs() < DIGITS_LIMIT {
            return Ok(Self { digits, exponent });
        }
        let mut number = Self { digits, exponent }.stripped();
        let length = count(number.digits);
        let magnitude = number.exponent + length as i32 - 1;
        if length > MOST_DIGITS {
            return Err(NumberError::TooPrecise);
        }
        if magnitude > MOST_MAGNITUDE {
            return Err(NumberError::Overflow);
        }
        if magnitude < LEAST_MAGNITUDE {
            return Err(NumberError::Underflow);
        }
        if number.exponent > 0 && magnitude < MOST_DIGITS as i32 {
            number.digits *= 10_i128.pow(number.exponent.unsigned_abs());
            number.exponent = 0;
        }
        Ok(number)
    }

    /// The same value without zeros at the end of its digits.
    fn stripped(mut self) -> Self {
        if self.digits == 0 {
            return Self { digits: 0, exponent: 0 };
        }
        while self.digits % 10 == 0 {
            self.digits /= 10;
            self.exponent += 1;
        }
        self
    }

    /// The digits, were the exponent this one, which is not above it.
    fn digits_at(self, exponent: i32) -> Option<i128> {
        let shift = u32::try_from(self.exponent - exponent).ok()?;
        if self.digits == 0 { Some(0) } else { self.digits.checked_mul(10_i128.checked_pow(shift)?) }
    }
}

/// How many digits it has; 1 for nothing.
fn count(digits: i128) -> u32 {
    digits.unsigned_abs().checked_ilog10().unwrap_or(0) + 1
}

fn parse_decimal(text: &str) -> Result<Number, NumberError> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().map_err(|_| NumberError::NotNumeric)?),
        None => (text, 0),
    };
    let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(NumberError::NotNumeric);
    }
    let (mut digits, mut zeros) = (0_i128, 0_u32);
    for digit in whole.bytes().chain(fraction.bytes()) {
        match digit {
            b'0' if digits == 0 => {}
            b'0' => zeros += 1,
            b'1'..=b'9' => {
                let shift = 10_i128.checked_pow(zeros + 1).ok_or(NumberError::TooPrecise)?;
                let shifted = digits.checked_mul(shift).filter(|shifted| *shifted < DIGITS_LIMIT);
                digits = shifted.ok_or(NumberError::TooPrecise)? + i128::from(digit - b'0');
                zeros = 0;
            }
            _ => return Err(NumberError::NotNumeric),
        }
    }
    if digits == 0 {
        return Ok(Number::from(0));
    }
    let places = i32::try_from(fraction.len()).map_err(|_| NumberError::TooPrecise)?;
    let zeros = i32::try_from(zeros).map_err(|_| NumberError::Overflow)?;
    let digits = if mantissa.starts_with('-') { -digits } else { digits };
    Number::canonical(digits, i32::from(exponent) - places + zeros)
}

impl From<i64> for Number {
    fn from(whole: i64) -> Self {
        Self { digits: i128::from(whole), exponent: 0 }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.exponent == other.exponent {
            return self.digits.cmp(&other.digits);
        }
        let (one, two) = (self.stripped(), other.stripped());
        let signs = one.digits.signum().cmp(&two.digits.signum());
        if signs != Ordering::Equal || one.digits == 0 {
            return signs;
        }
        let magnitude = |number: &Self| number.exponent + count(number.digits) as i32;
        let magnitudes = magnitude(&one).cmp(&magnitude(&two));
        if magnitudes != Ordering::Equal {
            return if one.digits < 0 { magnitudes.reverse() } else { magnitudes };
        }
        // Of one magnitude, they differ by less than 38 digits.
        let exponent = one.exponent.min(two.exponent);
        one.digits_at(exponent).cmp(&two.digits_at(exponent))
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(whole) = self.as_i64() {
            return whole.fmt(f);
        }
        if self.exponent >= 0 {
            self.digits.fmt(f)?;
            return (0..self.exponent).try_for_each(|_| f.write_str("0"));
        }
        let places = self.exponent.unsigned_abs() as usize;
        let digits = format!("{:0>width$}", self.digits.unsigned_abs(), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let sign = if self.digits < 0 { "-" } else { "" };
        write!(f, "{sign}{whole}.{fraction}")
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let read = match Number::parse(text) {
            Ok(number) => number.to_string(),
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn numbers_are_read_and_written_exactly() {
        check("0", "0");
        check("-0", "0");
        check("007", "7");
        check("-190000000000", "-190000000000");
        check("9223372036854775807", "9223372036854775807");
        check("0.875", "0.875");
        check("-.5", "-0.5");
        check("1.500", "1.5");
        check("2.", "2");
        check("12.5E-3", "0.0125");
        check("1.5e3", "1500");
        check("1E40", &format!("1{}", "0".repeat(40)));
        check(&"9".repeat(38), &"9".repeat(38));
        check(&format!("1{}", "0".repeat(60)), &format!("1{}", "0".repeat(60)));
        check("1E-130", &format!("0.{}1", "0".repeat(129)));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", ".", "1 ", "0x1", "one", "1e", "1.2.3", "--1", "NaN", "Infinity"] {
            check(text, "NotNumeric");
        }
        check(&"9".repeat(39), "TooPrecise");
        check(&format!("1.{}1", "0".repeat(37)), "TooPrecise");
        check("1E126", "Overflow");
        check("-1E126", "Overflow");
        check("1E-131", "Underflow");
    }

    #[track_caller]
    fn check_sum(one: &str, two: &str, sum: &str, difference: &str) {
        let (one, two) = (Number::parse(one).unwrap(), Number::parse(two).unwrap());
        let shown = |result: Result<Number, NumberError>| match result {
            Ok(number) => number.to_string(),
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(shown(one.plus(two)), sum, "{one} + {two}");
        assert_eq!(shown(one.minus(two)), difference, "{one} - {two}");
    }

    #[test]
    fn sums_are_exact() {
        check_sum("2", "3", "5", "-1");
        check_sum("0.1", "0.2", "0.3", "-0.1");
        check_sum("0.5", "0.5", "1", "0");
        check_sum("1E37", "0", &format!("1{}", "0".repeat(37)), &format!("1{}", "0".repeat(37)));
        check_sum("9E37", "9E37", &format!("18{}", "0".repeat(37)), "0");
        check_sum("1E38", "1", "TooPrecise", &"9".repeat(38));
        check_sum("1E100", "1", "TooPrecise", "TooPrecise");
        check_sum("9E125", "9E125", "Overflow", "0");
    }

    #[test]
    fn numbers_are_ordered_by_value() {
        let ordered =
            ["-1E100", "-10", "-9.5", "-9", "-0.1", "0", "1E-50", "0.09", "0.1", "1", "9.99", "10", "1E38", "1.1E38"];
        let numbers: Vec<Number> = ordered.iter().map(|text| Number::parse(text).unwrap()).collect();
        for (at, one) in numbers.iter().enumerate() {
            for (other_at, other) in numbers.iter().enumerate() {
                assert_eq!(one.cmp(other), at.cmp(&other_at), "{one} and {other}");
            }
        }
    }
}
