use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::ports::{Finish, Generated, GenerationError, GenerationRequest, Generator, Heard, Rephraser};
use farthing_models::rephraser::GeneratingRephraser;
use farthing_models::validator::{HeadValidator, QualityHeads};

use super::Case;
use super::rephraser::middling;

const ANSWER: &str = "Annual plans, they get refunded in full within 30 days of the first payment, and then yes";
const BETTER: &str = "Annual plans are refunded in full within 30 days of the first payment.";

/// A model that writes what a test wants: a real one cannot be told to fail.
struct Scripted(Result<(String, Finish), ()>);

#[async_trait]
impl Generator for Scripted {
    async fn generate(&self, request: GenerationRequest, _: Option<Heard>) -> Result<Generated, GenerationError> {
        assert!(request.user.contains("30 days"), "it is given the answer");
        assert!(!request.system.contains("30 days"), "the rule is the same for all answers");
        let (text, finish) = self.0.clone().map_err(|()| GenerationError::Overloaded)?;
        let (reading, writing) = (Duration::ZERO, Duration::ZERO);
        Ok(Generated { text, finish, prompt_tokens: 1, remembered_tokens: 0, tokens: 1, reading, writing })
    }
}

async fn rephrase(answer: &str, written: Result<(&str, Finish), ()>) -> Option<String> {
    let heads = QualityHeads::from_json(&super::head("complexity-head/quality.json")).unwrap();
    let validator = Arc::new(HeadValidator::new(super::examiner(), heads, super::pool()));
    let generator = Scripted(written.map(|(text, finish)| (text.to_owned(), finish)));
    let rephraser = GeneratingRephraser::new(super::examiner(), validator, Arc::new(generator), super::pool());
    let case = Case::of(answer);
    let embedding = super::encoder().embed(case.query).unwrap();
    rephraser.rephrase(case.validation(&embedding), &middling()).await.unwrap()
}

#[tokio::test]
async fn better_words_that_say_the_same_are_taken() {
    assert_eq!(rephrase(ANSWER, Ok((BETTER, Finish::End))).await.as_deref(), Some(BETTER));
}

#[tokio::test]
async fn worse_words_are_not() {
    assert_eq!(rephrase(BETTER, Ok((ANSWER, Finish::End))).await, None);
}

#[tokio::test]
async fn words_that_say_something_else_are_never_taken() {
    for written in [
        "Annual plans are refunded in full within 60 days of the first payment.",
        "Annual plans are not refunded in full within 30 days of the first payment.",
        "Annual plans are refunded in full within 30 days of the first payment, says Mr Brzezinski.",
        "Annual plans are refunded in full. The refund is $75 within 30 days of the first payment.",
        "Plans are refunded.",
        "We promise guaranteed results: annual plans are refunded in full within 30 days of the first payment.",
        "Jahrestarife werden innerhalb von 30 Tagen nach der ersten Zahlung voll erstattet.",
        "Annual plans are refunded in full within 30 days of the first payment, in full within 30 days of the first payment.",
        "Sure! Here is the rewritten text.",
        "30 days 30 days 30 days 30 days 30 days 30 days 30 days 30 days 30 days 30 days 30 days",
        "",
        " \n ",
    ] {
        assert_eq!(rephrase(ANSWER, Ok((written, Finish::End))).await, None, "{written:?}");
    }
}

#[tokio::test]
async fn what_did_not_end_by_itself_is_not_taken() {
    for finish in [Finish::MostTokens, Finish::ContextFull, Finish::TimeUp] {
        assert_eq!(rephrase(ANSWER, Ok((BETTER, finish))).await, None);
    }
}

#[tokio::test]
async fn without_the_model_answers_are_edited() {
    let answer = format!("{BETTER} Mr Smith sends you a voucher for $75.");
    assert_eq!(rephrase(&answer, Err(())).await.as_deref(), Some(BETTER));
}

#[tokio::test]
async fn the_owners_own_words_are_left_as_they_are() {
    let stored = super::Case::of("").passages[0].text.clone();
    assert_eq!(rephrase(&stored, Ok((BETTER, Finish::End))).await, None);
}
