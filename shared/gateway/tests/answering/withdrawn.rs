//! Learned knowledge that was withdrawn.

use std::sync::Arc;

use farthing_domain::knowledge::EntryState;
use farthing_domain::money::Usd;
use farthing_domain::ports::LearnedKnowledge as _;
use farthing_testkit::ledger_suite::OracleLedger;
use farthing_testkit::plain::Plain;
use farthing_testkit::stores_suite::{OracleLearned, entry};

use crate::parts::{Ask, FIVE_CENTS, id, policy, provider};
use crate::written::{PASSAGE, local, tier};

/// Whose answer one request gets, whose index still has the entry.
async fn answered_by(learned: &Arc<OracleLearned>) -> String {
    let deepseek = provider("deepseek");
    deepseek.push_text("a paid answer", 1_000, 100);
    let mut policy = policy();
    policy.rollout.compare_sample = 0.0;
    let ask = Ask {
        id: id(1),
        versions: None,
        learned: Some(learned.clone()),
        policy,
        keeps_words: false,
        ledger: Arc::new(OracleLedger::new(Usd::from_nanos(1_000_000_000), 95)),
        local: Arc::new(tier(&Arc::new(local(0.9, Some(0.9), 0.0)))),
        rules: Arc::new(Plain),
        providers: vec![deepseek],
        max_cost: FIVE_CENTS,
    };
    ask.run().await.0.unwrap().route.provider
}

#[tokio::test]
async fn a_gateway_that_still_has_it_does_not_answer_from_it() {
    let learned = Arc::new(OracleLearned::default());
    let entry = entry("rprd", "parking");
    assert_eq!(entry.passage(), PASSAGE);
    learned.propose(&entry).await.unwrap();
    learned.set_state(&entry.agent, &entry.id, EntryState::Proposed, EntryState::Accepted).await.unwrap();
    assert_eq!(answered_by(&learned).await, "local");
    learned.set_state(&entry.agent, &entry.id, EntryState::Accepted, EntryState::Withdrawn).await.unwrap();
    assert_eq!(answered_by(&learned).await, "deepseek");
}
