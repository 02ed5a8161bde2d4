use proptest::prelude::*;

use super::super::Digest;
use super::super::sketch::paid;
use super::*;
use crate::ids::Tenant;
use crate::outcome::{Feedback, Origin, Outcome, QueryRecord, Words};
use crate::policy::usual;

const GOOD: [&str; 3] = [
    "Returns are free within 30 days: print the label from the orders page.",
    "You can return it for free within 30 days. Print the label on the orders page.",
    "Returns within 30 days are free. The orders page lets you print the label.",
];
const BAD: &str = "Returns cost 5 dollars and have to be sent within 10 days to the warehouse.";

fn week() -> Week {
    Week::parse("2026-W48").unwrap()
}

/// A question on returns that was paid for, and whose words are kept.
fn asked(number: u32) -> Outcome {
    let vector: Vec<f32> =
        (0..16).map(|at| if at == 0 { 1.0 } else { ((number * 7 + at) % 5) as f32 / 40.0 }).collect();
    let words = Words::new(&format!("How do I return parcel kind {}?", number % 4), GOOD[number as usize % 3]);
    Outcome {
        at: week().start(),
        tenant: Tenant::parse(["shop", "bank", "school"][number as usize % 3]).unwrap(),
        attempts: Vec::new(),
        cost: Usd::from_nanos(70_000_000),
        baseline: Usd::from_nanos(90_000_000),
        words: Some(words),
        ..paid(number, &vector)
    }
}

fn answered(number: u32, answer: &str) -> Outcome {
    let question = asked(number).words.unwrap().question;
    Outcome { words: Some(Words::new(&question, answer)), ..asked(number) }
}

fn of_tenant(number: u32, tenant: &str) -> Outcome {
    Outcome { tenant: Tenant::parse(tenant).unwrap(), ..asked(number) }
}

fn digest(outcomes: &[Outcome]) -> Digest {
    let mut digest = Digest::default();
    outcomes.iter().for_each(|outcome| digest.add(outcome, &usual().quality));
    digest
}

fn proposed(outcomes: &[Outcome]) -> Vec<LearnedEntry> {
    proposals(week(), &digest(outcomes).bought, &usual(), &[])
}

#[test]
fn questions_that_come_again_and_are_answered_alike_propose_one_entry() {
    let outcomes: Vec<Outcome> = (0..12).map(asked).collect();
    let found = proposed(&outcomes);
    let [entry] = found.as_slice() else { panic!("{found:?}") };
    assert!(GOOD.contains(&entry.answer.as_str()), "{}", entry.answer);
    assert!(entry.id.as_str().starts_with("how-do-i-return-parcel-kind-"), "{}", entry.id);
    assert_eq!((entry.also.len(), entry.sources.len(), entry.questions), (3, 12, 12), "four phrasings");
    assert!(!entry.also.contains(&entry.question));
    let month = 12.0 * 0.07 * 365.25 / 12.0 / 7.0;
    assert!((entry.saves_usd_a_month - month).abs() < 1e-9, "{}", entry.saves_usd_a_month);
    assert_eq!((entry.week, entry.state), (week(), EntryState::Proposed));
    assert!(entry.clone().validated().is_ok());

    let mut automatic = usual();
    automatic.learning.approve = Approval::Automatic;
    let accepted = proposals(week(), &digest(&outcomes).bought, &automatic, &[]);
    assert_eq!((&accepted[0].id, accepted[0].state), (&entry.id, EntryState::Accepted));
}

#[test]
fn a_minority_of_other_answers_is_left_out_and_a_split_proposes_nothing() {
    let with_bad = |bad: u32| -> Vec<Outcome> {
        (0..12).map(|number| if number < bad { answered(number, BAD) } else { asked(number) }).collect()
    };
    let found = proposed(&with_bad(3));
    assert_eq!((found.len(), found[0].sources.len(), found[0].questions), (1, 9, 9));
    assert_ne!(found[0].answer, BAD);
    assert_eq!(proposed(&with_bad(5)), [], "seven of twelve are no two thirds");
    let nothing_alike: Vec<Outcome> =
        (0..12).map(|number| answered(number, &format!("Reply number {number} says thing {number}."))).collect();
    assert_eq!(proposed(&nothing_alike), []);
}

#[test]
fn what_is_no_evidence_proposes_nothing() {
    let all = |change: &dyn Fn(Outcome) -> Outcome| proposed(&(0..12).map(asked).map(change).collect::<Vec<_>>());
    assert_eq!(all(&|outcome| outcome).len(), 1);
    assert_eq!(all(&|outcome| Outcome { words: None, ..outcome }), [], "the owner keeps no words");
    assert_eq!(all(&|outcome| Outcome { score: Some(0.8), ..outcome }), [], "no more than delivered at best");
    assert_eq!(all(&|outcome| Outcome { origin: Origin::Local, ..outcome }), [], "nothing was paid");
    let personal =
        |answer: &str| all(&|outcome| Outcome { words: Some(Words::new("Where is it?", answer)), ..outcome });
    assert_eq!(personal("Your order 4711 0815 is at the depot.").len(), 0);
    assert_eq!(personal("Every order is at the depot for two days.").len(), 1);
    let follow_up = |outcome: Outcome| {
        let words = outcome.words.clone().map(|words| Words { is_follow_up: true, ..words });
        Outcome { words, ..outcome }
    };
    assert_eq!(all(&follow_up), []);
    assert_eq!(proposed(&(0..4).map(asked).collect::<Vec<_>>()), [], "four are fewer than the policy's five");
    assert_eq!(proposed(&(0..5).map(asked).collect::<Vec<_>>()).len(), 1);
}

#[test]
fn one_caller_who_calls_the_answer_unhelpful_stops_it() {
    let mut outcomes: Vec<Outcome> = (0..12).map(asked).collect();
    outcomes[7].feedback = Some(Feedback::Helpful);
    assert_eq!(proposed(&outcomes).len(), 1);
    outcomes[7].feedback = Some(Feedback::Unhelpful);
    assert_eq!(proposed(&outcomes), []);
    outcomes[7] = Outcome { feedback: Some(Feedback::Unhelpful), ..answered(7, BAD) };
    assert_eq!(proposed(&outcomes).len(), 1, "what was unhelpful says something else");
}

#[test]
fn a_tenant_is_half_of_the_evidence_at_most() {
    let alone: Vec<Outcome> = (0..12).map(|number| of_tenant(number, "shop")).collect();
    assert_eq!(proposed(&alone).len(), 1, "there is no other tenant");

    let mut beside = alone.clone();
    let elsewhere = Outcome { origin: Origin::Local, ..of_tenant(99, "bank") };
    beside.push(elsewhere);
    assert_eq!(proposed(&beside), [], "others ask the agent, and not this");

    // Eleven of one and three of others: three of the one count.
    let mut flooded: Vec<Outcome> = (0..11).map(|number| of_tenant(number, "shop")).collect();
    flooded.extend((11..14).map(|number| of_tenant(number, ["bank", "school"][number as usize % 2])));
    let found = proposed(&flooded);
    assert_eq!((found.len(), found[0].sources.len()), (1, 6));
    // And if the one says something else than the others, neither has two thirds.
    for outcome in &mut flooded[..11] {
        outcome.words = Some(Words::new(&outcome.words.clone().unwrap().question, BAD));
    }
    assert_eq!(proposed(&flooded), []);

    // Half of the answers are of one tenant, and three of the others' say something else: of the one three count, too.
    let half = (0..6).map(|number| of_tenant(number, "shop"));
    let others = (6..12).map(|number| if number < 9 { answered(number, BAD) } else { asked(number) });
    let others = others.map(|outcome| Outcome { tenant: Tenant::parse("bank").unwrap(), ..outcome });
    let found = proposed(&half.chain(others).collect::<Vec<_>>());
    assert_eq!((found.len(), found[0].sources.len()), (1, 6));
}

#[test]
fn what_is_known_is_not_proposed_again_by_another_week() {
    let outcomes: Vec<Outcome> = (0..12).map(asked).collect();
    let first = proposed(&outcomes);
    let again = |week: Week, known: &[LearnedEntry]| proposals(week, &digest(&outcomes).bought, &usual(), known);
    assert_eq!(again(week(), &first), first, "the same run once more");
    for state in EntryState::ALL {
        let known = [LearnedEntry { state, ..first[0].clone() }];
        assert_eq!(again(week().next(), &known), [], "{state:?}");
    }
    let others = LearnedEntry { agent: AgentId::parse("bank").unwrap(), ..first[0].clone() };
    assert_eq!(again(week().next(), &[others]).len(), 1, "another agent's");
}

#[test]
fn a_week_proposes_ten_entries_at_most_those_of_the_largest_topics() {
    let on = |place: u32, number: u32| {
        let outcome = asked(100 * place + number);
        let vector: Vec<f32> = (0..16).map(|at| if at == place { 1.0 } else { 0.0 }).collect();
        let embedding = QuantizedVector::of(&vector);
        let query = outcome.query.clone().map(|query| QueryRecord { embedding, ..query });
        let words = Words::new(&format!("How about subject {place}?"), "It is free within 30 days.");
        Outcome { query, words: Some(words), ..outcome }
    };
    let outcomes: Vec<Outcome> =
        (0..12).flat_map(|place| (0..6 + place).map(move |number| on(place, number))).collect();
    let sizes: Vec<usize> = proposed(&outcomes).iter().map(|entry| entry.sources.len()).collect();
    assert_eq!(sizes, [17, 16, 15, 14, 13, 12, 11, 10, 9, 8]);
}

proptest! {
    /// Outcomes come in any order, and a run that was cut off goes on from its digest.
    #[test]
    fn in_any_order_the_same_is_proposed(order in Just((0_u32..40).collect::<Vec<_>>()).prop_shuffle(), cut in 0_usize..40) {
        let outcome = |number: &u32| if number.is_multiple_of(7) { answered(*number, BAD) } else { asked(*number) };
        let expected = proposed(&(0..40).map(|number| outcome(&number)).collect::<Vec<_>>());
        prop_assert_eq!(expected.len(), 1);
        let (first, second) = order.split_at(cut);
        let mut merged = digest(&second.iter().map(outcome).collect::<Vec<_>>());
        merged.merge(&digest(&first.iter().map(outcome).collect::<Vec<_>>()));
        prop_assert_eq!(proposals(week(), &merged.bought, &usual(), &[]), expected);
    }
}
