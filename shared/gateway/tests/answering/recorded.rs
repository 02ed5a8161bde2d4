//! What is recorded of a request.

use std::sync::Arc;

use farthing_domain::complexity::Tier;
use farthing_domain::ids::ModelId;
use farthing_domain::outcome::{KnowledgeRecord, Origin, Outcome, Words};
use farthing_domain::rollout::{Arm, Stage};
use farthing_domain::router::Step;

use crate::parts::{policy, provider};
use crate::written::{PASSAGE, STORED, ask_under, local};

fn paid(model: &str) -> Step {
    Step::Paid(ModelId::parse(model).unwrap())
}

#[tokio::test]
async fn an_escalation_is_recorded_step_by_step() {
    let deepseek = provider("deepseek");
    deepseek.push_text("a paid answer", 1_000, 100);
    let (answer, outcome) = ask_under(policy(), false, &Arc::new(local(0.9, Some(0.3), 0.0)), &deepseek).await;
    let answer = answer.unwrap();

    let query = outcome.query.clone().unwrap();
    assert_eq!((query.tier, query.confidence, query.tokens), (Tier::Simple, 1.0, 3));
    assert_eq!(query.embedding.to_vec(), [1.0]);
    assert_eq!(query.knowledge, Some(KnowledgeRecord { passage: PASSAGE.to_owned(), answerability: 0.9 }));
    assert_eq!(outcome.plan, [Step::Local, paid("deepseek-chat"), paid("claude-sonnet")]);
    let tried: Vec<_> = outcome.attempts.iter().map(|tried| (tried.model.as_str(), tried.outcome.as_str())).collect();
    assert_eq!(tried, [("knowledge", "low_score"), ("deepseek-chat", "delivered")]);
    let scores: Vec<_> = outcome.attempts.iter().map(|tried| tried.quality.as_ref().map(|q| q.relevance)).collect();
    assert_eq!(scores, [Some(0.3), Some(0.9)], "the parts of each score are kept");
    assert_eq!(outcome.attempts.iter().map(|tried| tried.cost).sum::<farthing_domain::money::Usd>(), answer.cost);
    assert_eq!((outcome.origin, outcome.escalated, outcome.arm, outcome.policy), (Origin::Paid, true, Arm::Local, 1));
    assert_eq!(
        (outcome.shadow, outcome.feedback, outcome.words),
        (None, None, None),
        "no words unless they are wanted"
    );
}

#[tokio::test]
async fn words_are_kept_where_the_owner_wants_them() {
    let (_, outcome) = ask_under(policy(), true, &Arc::new(local(0.9, Some(0.9), 0.0)), &provider("deepseek")).await;
    assert_eq!(outcome.words, Some(Words::new("a question", STORED)));
    let (failed, outcome) = ask_under(policy(), true, &Arc::new(local(0.0, None, 0.0)), &provider("deepseek")).await;
    assert!(failed.is_err());
    assert_eq!((outcome.words, outcome.error.as_deref()), (None, Some("no_answer")), "nothing was answered");
}

/// At the shadow stage the answer is paid for, and the local one is judged beside it and not delivered.
#[tokio::test]
async fn a_comparison_is_recorded_and_not_delivered() {
    let mut policy = policy();
    (policy.rollout.stage, policy.rollout.shadow_sample) = (Stage::Shadow, 1.0);
    let deepseek = provider("deepseek");
    deepseek.push_text("a paid answer", 10, 10);
    let (answer, outcome) = ask_under(policy, false, &Arc::new(local(0.9, Some(0.85), 0.0)), &deepseek).await;
    let Outcome { shadow, arm, origin, .. } = outcome;
    assert_eq!((answer.unwrap().text.as_str(), arm, origin), ("a paid answer", Arm::Shadow, Origin::Paid));
    let shadow = shadow.unwrap();
    assert_eq!((shadow.model.as_str(), shadow.outcome.as_str(), shadow.score), ("knowledge", "compared", Some(0.85)));
}
