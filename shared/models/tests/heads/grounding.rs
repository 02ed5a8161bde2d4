//! What a local answer may say beside its passage.

use farthing_domain::ports::Passage;
use farthing_models::validator::Findings;

use super::Case;

const FEE: &str = "Cancelling is free up to 24 hours before the lesson. After that the fee is £15. Lessons are £41 an hour and \
                   last 60 minutes; blocks of ten cost £385.";
const OPENING: &str =
    "The museum is open Tuesday to Saturday from 9:30 am to 5 pm. It is closed on Sundays and Mondays.";
const DOGS: &str = "Dogs on a lead are welcome in the garden, but dogs can't come into the house. Guide dogs are allowed \
                    everywhere.";
const RETURNS: &str = "Unworn shoes can be returned within 14 days. Refunds reach your card after 5 working days. The Ridge and \
                       the Fells are sold without laces.";
const STORAGE: &str = "The Studio plan costs €8 per user per month and holds 1.5 TB. The trial lasts 2 weeks.";

#[test]
fn what_the_passage_says_in_other_words_is_kept() {
    for (passage, query, answer) in [
        (FEE, "What if I can't come?", "It's free until a day before the lesson, then we charge 15 pounds."),
        (FEE, "How long is a lesson?", "A lesson lasts an hour and costs £41."),
        (FEE, "What do ten cost?", "10 lessons are £385."),
        (OPENING, "When do you open?", "We open at half past nine and close at 17:00."),
        (OPENING, "When do you open?", "From 9.30 to 5, Tuesdays to Saturdays."),
        (OPENING, "Are you open on Wednesdays?", "Yes, on Wednesday we're open from 9:30."),
        (OPENING, "Are you open on Sundays?", "No, we're closed on Sundays."),
        (DOGS, "Can I bring my dog?", "You can bring your dog into the garden on a lead."),
        (DOGS, "Can I take a dog inside?", "No, dogs can't come into the house."),
        (RETURNS, "How long can I send shoes back?", "You have two weeks, as long as they're unworn."),
        (RETURNS, "How long can I send shoes back?", "Fourteen days."),
        (RETURNS, "Do the Fell shoes have laces?", "The Fell and the Ridges come without laces."),
        (STORAGE, "How much can I store?", "1500 GB on the Studio plan."),
        (STORAGE, "How long is the trial?", "14 days."),
        (STORAGE, "What does Studio cost?", "8 euros a month for each user."),
    ] {
        check(passage, query, answer, false);
    }
}

#[test]
fn what_the_passage_does_not_say_leaves_it() {
    for (passage, query, answer) in [
        (FEE, "What if I can't come?", "After that the fee is £50."),
        (FEE, "What if I can't come?", "After that the fee is €15."),
        (FEE, "What do ten cost?", "Ten lessons are £385, and Ms Hartley gives you a discount."),
        (FEE, "How long is a lesson?", "A lesson lasts 60 hours."),
        (FEE, "What is a lesson?", "Lessons are £41 a week."),
        (OPENING, "When do you open?", "We open at 9:30 pm."),
        (OPENING, "When do you open?", "We open at quarter to nine."),
        (OPENING, "Are you open on Sundays?", "Yes, the museum is open on Sundays."),
        (OPENING, "When are you closed?", "The museum is closed from Tuesday to Saturday in June."),
        (DOGS, "Can I take a dog inside?", "Dogs can come into the house."),
        (DOGS, "Can I take a guide dog inside?", "Guide dogs aren't allowed everywhere."),
        (RETURNS, "How long can I send shoes back?", "You have ninety days."),
        (RETURNS, "When can I send shoes back?", "Unworn shoes can't be returned within 14 days."),
        (RETURNS, "How long can I send shoes back?", "Unworn shoes can be returned after 14 days."),
        (RETURNS, "Which shoes have no laces?", "The Ridge, the Fells and the Karoo."),
        (STORAGE, "What does Studio cost?", "The Studio plan costs €8 per user per year."),
        (STORAGE, "How long is the trial?", "The trial lasts 2 months."),
        (STORAGE, "How long is the trial?", "The trial is 30 % off."),
    ] {
        check(passage, query, answer, true);
    }
}

#[track_caller]
fn check(passage: &str, query: &'static str, answer: &str, leaves: bool) {
    let passages = vec![Passage { id: "1".to_owned(), title: String::new(), text: passage.to_owned(), score: 0.8 }];
    let case = Case { query, passages, ..Case::of(answer) };
    let embedding = super::encoder().embed(query).unwrap();
    let Findings { measures, .. } = super::examiner().examine(case.validation(&embedding)).unwrap();
    assert_eq!(measures.unwrap().leaves_evidence, leaves, "{query:?} {answer:?}");
}
