//! A circuit breaker: a provider that keeps failing is left alone for a while.

use std::time::Duration;

use crate::time::{Pause, Timestamp};

/// When a breaker opens and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRules {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open before one request may try again.
    pub cool_down: Duration,
}

/// The state of one provider's breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    failures_in_a_row: u32,
    pause: Option<Pause>,
}

impl Breaker {
    /// Whether a request may be sent at `now`. While it is half open, asking takes the one place:
    /// others are refused for another cool-down, or until the result is known.
    pub fn admits(&mut self, rules: &BreakerRules, now: Timestamp) -> bool {
        match self.pause {
            Some(pause) if pause.lasts(now) => false,
            Some(_) => {
                self.pause = Some(Pause::new(now, rules.cool_down));
                true
            }
            None => true,
        }
    }

    /// Whether a request at `now` would be refused; unlike [`Breaker::admits`] it takes no place.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.pause.is_some_and(|pause| pause.lasts(now))
    }

    /// Notes that the provider answered.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Notes that the provider failed at `now`.
    pub fn failed(&mut self, rules: &BreakerRules, now: Timestamp) {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        if self.failures_in_a_row >= rules.failures {
            self.pause = Some(Pause::new(now, rules.cool_down));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: BreakerRules = BreakerRules { failures: 3, cool_down: Duration::from_secs(30) };

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_request_try_again() {
        let mut breaker = Breaker::default();
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        breaker.failed(&RULES, at(0));
        breaker.failed(&RULES, at(1));
        breaker.succeeded();
        breaker.failed(&RULES, at(2));
        breaker.failed(&RULES, at(3));
        assert!(breaker.admits(&RULES, at(3)), "a success in between starts the count again");
        breaker.failed(&RULES, at(4));
        assert!(!breaker.admits(&RULES, at(33)));
        assert!(breaker.admits(&RULES, at(34)), "one request may try");
        assert!(!breaker.admits(&RULES, at(35)), "but only one");
        breaker.succeeded();
        assert!(breaker.admits(&RULES, at(36)));
    }

    /// A breaker that opened at `instant`.
    fn open_since(instant: Timestamp) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..RULES.failures {
            breaker.failed(&RULES, instant);
        }
        breaker
    }

    proptest! {
        #[test]
        fn a_clock_that_is_set_back_does_not_keep_it_open(after in 0_u64..100_000, back in 0_u64..=3_600_000) {
            let opened = Timestamp::from_millis(1_796_080_500_000);
            let mut breaker = open_since(opened);
            let set_back = opened.plus(Duration::from_millis(after)).minus(Duration::from_millis(back));
            let is_admitted = [set_back, set_back.plus(2 * RULES.cool_down)].map(|now| breaker.admits(&RULES, now));
            prop_assert!(is_admitted.contains(&true));
        }

        #[test]
        fn readings_a_little_out_of_order_do_not_close_it(before in 0_u64..1_000) {
            let opened = Timestamp::from_millis(1_796_080_500_000);
            prop_assert!(open_since(opened).is_open(opened.minus(Duration::from_millis(before))));
        }
    }
}
