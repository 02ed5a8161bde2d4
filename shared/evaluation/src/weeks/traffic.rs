//! What customers ask in a week.

use std::time::Duration;

use farthing_domain::complexity::Tier;
use farthing_domain::ids::{InvalidId, RequestId};
use farthing_domain::prompt::Prompt;
use farthing_domain::time::{Timestamp, Week};

use super::bank::{Bank, Other, Topic};
use super::chance::{below, chance};
use super::events::Conditions;
use super::plan::Plan;

/// The share of questions that are about the bank's topics; all else is of the other parts, 0 to 1.
const ON_TOPIC: f64 = 0.8;
/// The shares of medium and of high questions; what is left is creative.
const MEDIUM: f64 = 0.1;
const HIGH: f64 = 0.07;
const LENGTH: Duration = Duration::from_secs(7 * 24 * 3_600);

/// One question of a customer.
#[derive(Clone, Debug)]
pub(super) struct Request<'a> {
    pub(super) id: RequestId,
    pub(super) at: Timestamp,
    pub(super) query: &'a Prompt,
    /// Whether its caller says whether the answer helped, and if so, whether that is what is so.
    pub(super) rates: Option<bool>,
}

/// The questions of `week`, which has this number from 1 on, in the order in which they come. What one of them is does not
/// depend on any other.
pub(super) fn week<'a>(
    bank: &'a Bank,
    plan: &Plan,
    (week, number): (Week, usize),
    conditions: &Conditions,
) -> Result<Vec<Request<'a>>, InvalidId> {
    let places = Places::of(bank);
    let apart = LENGTH.as_secs_f64() / plan.requests as f64;
    let request = |nth: usize| {
        let name = format!("{number}/{nth}");
        let draw = |what: &str| chance(plan.seed, &[what, &name]);
        let at = week.start().plus(Duration::from_secs_f64(apart * (nth as f64 + draw("when"))));
        let is_rated = draw("rates") < Plan::RATED;
        Ok(Request {
            id: request_id(at, number * 1_000_000 + nth)?,
            at,
            query: places.query(plan.seed, &name, conditions.new_topics),
            rates: is_rated.then(|| draw("noise") >= Plan::NOISE),
        })
    };
    (0..plan.requests).map(request).collect()
}

/// What may be drawn.
struct Places<'a> {
    bank: &'a Bank,
    /// For each topic the sum of the weights up to it.
    weights: Vec<f64>,
    parts: [Vec<&'a Other>; 3],
}

impl<'a> Places<'a> {
    fn of(bank: &'a Bank) -> Self {
        let mut sum = 0.0;
        let weights = (1..=bank.topics.len()).map(|rank| {
            // Zipf's law: the second is asked about half as often as the first.
            sum += 1.0 / rank as f64;
            sum
        });
        let weights = weights.collect();
        let of = |part: Tier| bank.others.iter().filter(|other| other.part == part).collect();
        Self { bank, weights, parts: [of(Tier::Medium), of(Tier::High), of(Tier::Creative)] }
    }

    fn query(&self, seed: u64, name: &str, new_topics: f64) -> &'a Prompt {
        let about = |topic: &'a Topic| &topic.asked[below(seed, &["way", name], topic.asked.len())];
        if !self.bank.later.is_empty() && chance(seed, &["new", name]) < new_topics {
            return about(&self.bank.later[below(seed, &["later", name], self.bank.later.len())]);
        }
        let part = chance(seed, &["part", name]);
        let place = [ON_TOPIC + MEDIUM, ON_TOPIC + MEDIUM + HIGH, 1.0].iter().position(|end| part < *end);
        let others = self.parts.get(place.unwrap_or(2)).filter(|others| !others.is_empty() && part >= ON_TOPIC);
        if let Some(others) = others {
            return &others[below(seed, &["other", name], others.len())].query;
        }
        let last = self.weights.last().copied().unwrap_or_default();
        let drawn = chance(seed, &["topic", name]) * last;
        let rank = self.weights.partition_point(|sum| *sum <= drawn).min(self.weights.len().saturating_sub(1));
        about(&self.bank.topics[rank])
    }
}

/// A name as a ULID has it: the time, and a number in place of chance.
fn request_id(at: Timestamp, number: usize) -> Result<RequestId, InvalidId> {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let millis = u64::try_from(at.millis()).unwrap_or_default();
    let time = (0..10).rev().map(|place| DIGITS[(millis >> (5 * place)) as usize & 31]);
    let name: String = time.map(char::from).chain(format!("{number:016}").chars()).collect();
    RequestId::parse(&name)
}

#[cfg(test)]
mod tests {
    use super::super::bank::tests::shipped;
    use super::super::events::Events;
    use super::*;

    const PLAN: Plan = Plan { weeks: 16, requests: 4_000, seed: 7 };

    fn share(bank: &Bank, number: usize, holds: impl Fn(&str) -> bool) -> f64 {
        let requests = week(bank, &PLAN, (Plan::first(), number), &Events::default().at(number)).unwrap();
        requests.iter().filter(|request| holds(request.query.as_str())).count() as f64 / requests.len() as f64
    }

    #[test]
    fn topics_follow_zipf_and_parts_their_shares() {
        let bank = shipped();
        let about = |rank: usize| {
            let asked: Vec<&str> = bank.topics[rank - 1].asked.iter().map(Prompt::as_str).collect();
            share(&bank, 1, move |query| asked.contains(&query))
        };
        let first: f64 = 0.8 / (1..=77).map(|rank| 1.0 / f64::from(rank)).sum::<f64>();
        for rank in [1_usize, 2, 4, 8] {
            let (found, expected) = (about(rank), first / rank as f64);
            assert!((found - expected).abs() < 0.015, "topic {rank}: {found} is not about {expected}");
        }
        for (part, expected) in [(Tier::Medium, 0.1), (Tier::High, 0.07), (Tier::Creative, 0.03)] {
            let of: Vec<&str> =
                bank.others.iter().filter(|other| other.part == part).map(|other| other.query.as_str()).collect();
            let found = share(&bank, 1, |query| of.contains(&query));
            assert!((found - expected).abs() < 0.015, "{part}: {found} is not about {expected}");
        }
    }

    #[test]
    fn new_topics_come_when_they_are_due() {
        let bank = shipped();
        let new: Vec<&str> = bank.later.iter().flat_map(|topic| &topic.asked).map(Prompt::as_str).collect();
        assert!(share(&bank, 7, |query| new.contains(&query)) < 1e-9);
        assert!((share(&bank, 8, |query| new.contains(&query)) - 0.15).abs() < 0.02);
    }

    #[test]
    fn a_week_is_the_same_whenever_it_is_drawn_and_stays_within_its_days() {
        let (bank, calm) = (shipped(), Conditions::default());
        let draw = |number| week(&bank, &PLAN, (Plan::first(), number), &calm).unwrap();
        let (one, again, other) = (draw(3), draw(3), draw(4));
        let asked = |requests: &[Request<'_>]| requests.iter().map(|r| r.query.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(asked(&one), asked(&again));
        assert_ne!(asked(&one), asked(&other));
        assert!(one.iter().all(|request| request.at.week() == Plan::first()));
        assert!(one.windows(2).all(|pair| pair[0].at <= pair[1].at && pair[0].id < pair[1].id));
        assert_eq!(one[9].id.time(), Some(one[9].at), "its day can be told from its name");
        let rated = one.iter().filter(|request| request.rates.is_some()).count();
        assert!((140..260).contains(&rated), "{rated}");
    }
}
