//! Money in whole nano-US-dollars, and prices in whole pico-US-dollars a token.

use std::fmt;
use std::iter::Sum;

use serde::Deserialize;

const NANOS_PER_USD: i64 = 1_000_000_000;
const PICOS_PER_NANO: i128 = 1_000;

/// An amount of US dollars, in whole nano-dollars (10⁻⁹ $).
///
/// ```
/// use farthing_domain::money::Usd;
/// let limit = Usd::parse("0.05").unwrap();
/// assert_eq!(limit.nanos(), 50_000_000);
/// assert_eq!(limit.to_string(), "0.050000");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Usd(i64);

/// Why a text is no amount of money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an amount in US dollars: expected digits with at most 9 decimals, such as \"0.05\"")]
pub struct InvalidUsd(String);

impl Usd {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// An amount of `nanos` nano-dollars.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Reads a non-negative decimal amount such as `"0.05"`.
    ///
    /// # Errors
    /// [`InvalidUsd`] when the text is not plain digits with at most nine decimals, or too large.
    pub fn parse(text: &str) -> Result<Self, InvalidUsd> {
        let invalid = || InvalidUsd(text.chars().take(40).collect());
        let nanos = parse_decimal(text, 9).ok_or_else(invalid)?;
        i64::try_from(nanos).map(Self).map_err(|_| invalid())
    }

    /// The amount in nano-dollars.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// `self + other`, kept within what an `i64` holds.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// `self − other`, never below zero.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).max(0))
    }

    /// `percent` hundredths of the amount, rounded down, for a line that must not be crossed.
    #[must_use]
    pub fn percent_floor(self, percent: u8) -> Self {
        Self((i128::from(self.0) * i128::from(percent) / 100) as i64)
    }

    /// The amount as a floating-point number of dollars, for display only.
    #[must_use]
    pub fn as_dollars(self) -> f64 {
        self.0 as f64 / NANOS_PER_USD as f64
    }
}

impl TryFrom<String> for Usd {
    type Error = InvalidUsd;
    fn try_from(text: String) -> Result<Self, InvalidUsd> {
        Self::parse(&text)
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::saturating_add)
    }
}

impl fmt::Display for Usd {
    /// Dollars with six decimals, rounded away from zero so that no cost shows as free.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.unsigned_abs().div_ceil(1_000);
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

/// The price of one token, in whole pico-dollars (10⁻¹² $).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct TokenPrice(i64);

/// Why a text is no price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a price in US dollars per million tokens: expected a positive number with at most 6 decimals, such as \"0.28\""
)]
pub struct InvalidPrice(String);

impl TokenPrice {
    /// Reads a price in dollars per million tokens, as providers print it. A price is above zero:
    /// an unknown price must be refused and never taken as free.
    ///
    /// # Errors
    /// [`InvalidPrice`] when the text is not a positive decimal, or has more than six decimals.
    pub fn parse_usd_per_million(text: &str) -> Result<Self, InvalidPrice> {
        let invalid = || InvalidPrice(text.chars().take(40).collect());
        match parse_decimal(text, 6).map(i64::try_from) {
            Some(Ok(picos)) if picos > 0 => Ok(Self(picos)),
            _ => Err(invalid()),
        }
    }

    /// So many times the price, at least once.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self(self.0.saturating_mul(i64::from(times.max(1))))
    }

    /// What `tokens` cost, rounded up to a whole nano-dollar.
    #[must_use]
    pub fn cost(self, tokens: u64) -> Usd {
        let picos = i128::from(self.0) * i128::from(tokens);
        let nanos = picos.div_euclid(PICOS_PER_NANO) + i128::from(picos.rem_euclid(PICOS_PER_NANO) != 0);
        Usd(i64::try_from(nanos).unwrap_or(i64::MAX))
    }

    /// The most tokens that `budget` pays for.
    #[must_use]
    pub fn affordable_tokens(self, budget: Usd) -> u64 {
        let picos = i128::from(budget.0.max(0)) * PICOS_PER_NANO;
        u64::try_from(picos / i128::from(self.0)).unwrap_or(u64::MAX)
    }
}

impl TryFrom<String> for TokenPrice {
    type Error = InvalidPrice;
    fn try_from(text: String) -> Result<Self, InvalidPrice> {
        Self::parse_usd_per_million(&text)
    }
}

/// `text` as a whole number of 10^-`decimals`, when it is plain digits with no more decimals.
fn parse_decimal(text: &str, decimals: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let has_form = !whole.is_empty() && digits(whole) && digits(fraction) && fraction.len() <= decimals;
    if !has_form || (text.contains('.') && fraction.is_empty()) {
        return None;
    }
    format!("{whole}{fraction:0<decimals$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_plain_decimals() {
        check("0.05", Some(50_000_000));
        check("200", Some(200 * NANOS_PER_USD));
        check("0.000000001", Some(1));
        for bad in ["", "-1", "+1", "1.", ".5", "1e3", "0.0000000001", "1,0", " 1", "NaN", "99999999999999999999"] {
            check(bad, None);
        }
    }

    #[track_caller]
    fn check(text: &str, nanos: Option<i64>) {
        assert_eq!(Usd::parse(text).ok().map(Usd::nanos), nanos, "{text:?}");
    }

    #[test]
    fn a_price_is_never_zero() {
        assert!(TokenPrice::parse_usd_per_million("0").is_err());
        assert!(TokenPrice::parse_usd_per_million("0.000000").is_err());
        let cached_read = TokenPrice::parse_usd_per_million("0.0028").unwrap();
        assert_eq!(cached_read.cost(1), Usd(3), "2.8 nano-dollars are rounded up");
    }

    #[test]
    fn a_cost_below_a_micro_dollar_does_not_show_as_free() {
        assert_eq!(Usd(1).to_string(), "0.000001");
        assert_eq!(Usd(-1_500).to_string(), "-0.000002");
    }

    proptest! {
        #[test]
        fn costs_are_rounded_up_by_less_than_one_nano(picos in 1_i64..10_000_000_000, tokens in 0_u64..10_000_000) {
            let cost = i128::from(TokenPrice(picos).cost(tokens).nanos()) * PICOS_PER_NANO;
            let exact = i128::from(picos) * i128::from(tokens);
            prop_assert!(cost >= exact && cost < exact + PICOS_PER_NANO);
        }

        #[test]
        fn what_is_affordable_fits_and_one_more_does_not(picos in 1_i64..10_000_000_000, nanos in 0_i64..1_000_000_000) {
            let (price, budget) = (TokenPrice(picos), Usd(nanos));
            let tokens = price.affordable_tokens(budget);
            prop_assert!(price.cost(tokens) <= budget);
            prop_assert!(price.cost(tokens + 1) > budget);
        }

        #[test]
        fn amounts_survive_a_round_trip(nanos in 0_i64..i64::MAX) {
            let text = format!("{}.{:09}", nanos / NANOS_PER_USD, nanos % NANOS_PER_USD);
            prop_assert_eq!(Usd::parse(&text).unwrap(), Usd(nanos));
        }
    }
}
