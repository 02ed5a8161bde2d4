use farthing_domain::ports::Rephraser;
use farthing_domain::quality::Quality;
use farthing_models::rephraser::EditingRephraser;

use super::Case;

/// The quality of an answer between the thresholds.
pub(crate) fn middling() -> Quality {
    Quality {
        score: 0.7,
        relevance: 0.7,
        coherence: 0.7,
        groundedness: Some(0.7),
        brand: 0.7,
        toxicity: 0.1,
        hard_fail: None,
    }
}

async fn rephrase(case: &Case) -> Option<String> {
    let rephraser = EditingRephraser::new(super::examiner(), super::pool());
    let embedding = super::encoder().embed(case.query).unwrap();
    rephraser.rephrase(case.validation(&embedding), &middling()).await.unwrap()
}

#[tokio::test]
async fn faulty_sentences_are_dropped() {
    let good = "Yes, annual plans are refunded in full within 30 days of the first payment.";
    check(&format!("{good} Mr Smith sends you a voucher for $75."), Some(good)).await;
    check(&format!("{good} {good}"), Some(good)).await;
    check(&format!("{good} We promise guaranteed results."), Some(good)).await;
    check(&format!("{good} After that there is"), Some(good)).await;
}

#[tokio::test]
async fn avoided_words_are_replaced() {
    check("Utilize Settings > Billing to ask for a refund.", Some("Use Settings > Billing to ask for a refund.")).await;
}

#[tokio::test]
async fn a_clean_answer_stays_as_it_is() {
    check("Yes, annual plans are refunded in full within 30 days of the first payment.", None).await;
    check(
        "Annual plans are refunded in full within 30 days of the first payment.\n\nAsk under Settings > Billing.",
        None,
    )
    .await;
    check("", None).await;
}

#[tokio::test]
async fn an_answer_without_a_good_sentence_is_left_alone() {
    check("Mr Smith sends you a voucher for $75.", None).await;
}

async fn check(answer: &str, expected: Option<&str>) {
    assert_eq!(rephrase(&Case::of(answer)).await.as_deref(), expected, "{answer:?}");
}

#[tokio::test]
async fn long_answers_keep_their_most_relevant_sentences_in_order() {
    let answer = "The office is painted in a warm white that many of our visitors like very much indeed. Annual plans are \
                  refunded in full within 30 days of the first payment. The cat in the yard is called Tom and sleeps all \
                  day in the sun. After 30 days there is no refund on an annual plan.";
    let case = Case { passages: Vec::new(), must_be_grounded: false, ..Case::of(answer) };
    let expected = "Annual plans are refunded in full within 30 days of the first payment. After 30 days there is no \
                    refund on an annual plan.";
    assert_eq!(rephrase(&case).await.as_deref(), Some(expected));
}

#[tokio::test]
async fn nothing_is_added() {
    let answer = "Utilize the form. Annual plans are refunded within 30 days. Dr Who refunds $9. Then you";
    let edited = rephrase(&Case::of(answer)).await.unwrap();
    let known: Vec<String> = farthing_domain::guard::words(&format!("{answer} use"));
    assert!(farthing_domain::guard::words(&edited).iter().all(|word| known.contains(word)), "{edited:?}");
}
