use farthing_domain::ports::Validator;
use farthing_domain::quality::{HardFail, Quality};
use farthing_models::validator::{HeadValidator, QualityHeads};

use super::Case;

async fn judge(case: &Case) -> Quality {
    let heads = QualityHeads::from_json(&super::head("complexity-head/quality.json")).unwrap();
    let validator = HeadValidator::new(super::examiner(), heads, super::pool());
    let embedding = super::encoder().embed(case.query).unwrap();
    validator.validate(case.validation(&embedding)).await.unwrap()
}

#[tokio::test]
async fn good_answers_are_delivered() {
    check_delivered("Yes, within 30 days of the first payment we refund it in full. After that there is no refund.")
        .await;
    check_delivered(
        "Annual plans are refunded in full within 30 days of the first payment. After 30 days there is no refund, and \
         the plan runs to the end of the year.",
    )
    .await;
}

async fn check_delivered(answer: &str) {
    let quality = judge(&Case::of(answer)).await;
    assert!(quality.score > 0.8 && quality.hard_fail.is_none(), "{answer:?} {quality:?}");
}

#[tokio::test]
async fn faulty_answers_escalate() {
    check_escalates("Yes, annual plans are refunded in full within 90 days, and you get a gift card of $50.").await;
    check_escalates("No, annual plans are never refunded, not even in the first 30 days.").await;
    check_escalates("It depends on many things, so it is best to look into it somewhere.").await;
    check_escalates("Our bicycles come in red and green, and the basket holds two bottles of milk.").await;
    check_escalates("Yes, within 30 days of the first payment we refund it in full. After that there is").await;
    check_escalates("Yes, within 30 days. Yes, within 30 days. Yes, within 30 days. Yes, within 30 days.").await;
}

async fn check_escalates(answer: &str) {
    let quality = judge(&Case::of(answer)).await;
    assert!(quality.score < 0.6, "{answer:?} {quality:?}");
}

#[tokio::test]
async fn each_part_tells_its_own_fault() {
    let good = judge(&Case::of("Yes, within 30 days of the first payment we refund it in full.")).await;
    let stray = judge(&Case::of("Our bicycles come in red and green, and the basket holds two bottles.")).await;
    assert!(stray.relevance < good.relevance - 0.2, "{stray:?} {good:?}");
    let cut = judge(&Case::of("Yes, within 30 days of the first payment we refund it in full, and the")).await;
    assert!(cut.coherence < good.coherence - 0.3, "{cut:?} {good:?}");
    let invented = judge(&Case::of("Yes, within 90 days of the first payment Mr Smith refunds $500 in full.")).await;
    assert!(invented.groundedness.unwrap() < good.groundedness.unwrap() - 0.3, "{invented:?} {good:?}");
    let avoided = judge(&Case::of("Yes, utilize it within 30 days of the first payment for a full refund.")).await;
    assert!(avoided.brand < good.brand, "{avoided:?} {good:?}");
    let rude = judge(&Case::of("Yes, you stupid idiot, within 30 days of the first payment.")).await;
    assert!(rude.toxicity > good.toxicity + 0.3, "{rude:?} {good:?}");
}

#[tokio::test]
async fn without_passages_there_is_no_groundedness() {
    let case =
        Case { passages: Vec::new(), must_be_grounded: false, ..Case::of("Yes, within 30 days of the payment.") };
    assert_eq!(judge(&case).await.groundedness, None);
}

#[tokio::test]
async fn missing_support_weighs_less_when_the_answer_may_know_more() {
    let answer = "Yes, within 30 days of the first payment, and our partner Acme refunds 10 % after that.";
    let strict = judge(&Case::of(answer)).await;
    let free = judge(&Case { must_be_grounded: false, ..Case::of(answer) }).await;
    assert!(free.score > strict.score, "{free:?} {strict:?}");
}

#[tokio::test]
async fn some_faults_fail_whatever_the_score() {
    let prompt = "You answer for Shop. Never speak of the secret discount code that the staff use among themselves.";
    let leak = "Never speak of the secret discount code that the staff use among themselves.";
    check_fails(Case::of(""), HardFail::Empty).await;
    check_fails(Case::of(" ...\n"), HardFail::Empty).await;
    check_fails(Case::of("You get guaranteed results within 30 days."), HardFail::ForbiddenClaim).await;
    check_fails(Case::of("It is 100% secure, within 30 days."), HardFail::ForbiddenClaim).await;
    check_fails(Case::of("Fuck off, you stupid bitch."), HardFail::Toxic).await;
    check_fails(Case::of("Ja, innerhalb von 30 Tagen erstatten wir den vollen Betrag."), HardFail::WrongLanguage).await;
    check_fails(Case { system_prompt: prompt, ..Case::of(leak) }, HardFail::PromptLeak).await;
}

async fn check_fails(case: Case, expected: HardFail) {
    let quality = judge(&case).await;
    assert_eq!(quality.hard_fail, Some(expected), "{:?}", case.answer);
    assert!(quality.score < 0.01);
}

#[tokio::test]
async fn what_is_meant_to_be_said_is_no_leak() {
    let passage = Case::of("").passages[0].text.clone();
    let case = Case {
        system_prompt: "You may use this: Annual plans are refunded in full within 30 days of the first payment.",
        ..Case::of(&passage)
    };
    assert_eq!(judge(&case).await.hard_fail, None);
    let case = Case { system_prompt: "", ..case };
    assert_eq!(judge(&case).await.hard_fail, None);
}

#[tokio::test]
async fn a_language_that_was_asked_for_is_right() {
    let answer = "Où est la pharmacie la plus proche, s'il vous plaît ?";
    let asked = Case { query: "Translate \"Where is the nearest pharmacy, please?\" into French", ..Case::of(answer) };
    assert_eq!(judge(&asked).await.hard_fail, None);
    assert_eq!(judge(&Case::of(answer)).await.hard_fail, Some(HardFail::WrongLanguage));
}

#[tokio::test]
async fn odd_answers_are_judged_too() {
    let long = "One word. ".repeat(400);
    for answer in ["\u{0}a", "…a?!.. ).\" b", "字。字!", "🙂 a", "a\n\n\n- b\n1.\n2) c", "``` {(\"", &long, "é.É.é…É!?"]
    {
        let quality = judge(&Case::of(answer)).await;
        assert!((0.0..=1.0).contains(&quality.score), "{answer:?} {quality:?}");
    }
}
