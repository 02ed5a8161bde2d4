//! What another step makes of a query, for the weekly run.

use std::sync::Arc;

use farthing_domain::money::Usd;
use farthing_domain::outcome::{Attempt, Origin, Outcome};
use farthing_domain::policy::Policy;
use farthing_domain::ports::Ledger as _;
use farthing_domain::time::Timestamp;
use farthing_gateway::Answer;
use farthing_testkit::ledger_suite::OracleLedger;
use farthing_testkit::loopback::ScriptedProvider;
use farthing_testkit::plain::Plain;

use crate::parts::{Ask, FIVE_CENTS, NOW, id, policy, provider};
use crate::written::{STORED, local, tier};

/// A tenth of a cent.
const MILL: Usd = Usd::from_nanos(1_000_000);

/// A gateway that compares every answer.
struct World {
    policy: Policy,
    ledger: Arc<OracleLedger>,
    deepseek: Arc<ScriptedProvider>,
}

impl World {
    fn new(daily: Usd) -> Self {
        let mut policy = policy();
        policy.rollout.compare_sample = 1.0;
        policy.budget.compare_daily_usd = daily;
        let ledger = Arc::new(OracleLedger::new(Usd::from_nanos(1_000_000_000), 95));
        Self { policy, ledger, deepseek: provider("deepseek") }
    }

    /// Asks request `number`, which the knowledge answers with this score.
    async fn ask(&self, number: u32, stored: f32) -> (Answer, Outcome) {
        let ask = Ask {
            id: id(number),
            versions: None,
            learned: None,
            policy: self.policy.clone(),
            keeps_words: false,
            ledger: self.ledger.clone(),
            local: Arc::new(tier(&Arc::new(local(0.9, Some(stored), 0.0)))),
            rules: Arc::new(Plain),
            providers: vec![self.deepseek.clone()],
            max_cost: FIVE_CENTS,
        };
        let (answer, outcome) = ask.run().await;
        (answer.unwrap(), outcome)
    }

    async fn spent(&self) -> (Usd, Usd) {
        let books = self.ledger.books(NOW.month()).await.unwrap();
        (books.settled, books.reserved)
    }
}

#[tokio::test]
async fn a_local_answer_is_compared_with_a_paid_one_that_nobody_sees_or_pays_for() {
    let world = World::new(FIVE_CENTS);
    world.deepseek.push_text("a paid answer", 1_000, 100);
    let (answer, outcome) = world.ask(1, 0.9).await;
    assert_eq!((answer.text.as_str(), answer.cost, outcome.cost), (STORED, Usd::ZERO, Usd::ZERO));
    let Attempt { model, outcome: ended, score, cost, .. } = outcome.shadow.unwrap();
    assert_eq!((model.as_str(), ended.as_str(), score), ("deepseek-chat", "compared", Some(0.9)));
    assert!(cost > Usd::ZERO && answer.route.attempts.len() == 1);
    assert_eq!(world.spent().await, (cost, Usd::ZERO), "the month pays for it");
}

#[tokio::test]
async fn a_paid_answer_is_compared_with_the_local_one_or_the_next() {
    let world = World::new(Usd::ZERO);
    world.deepseek.push_text("a paid answer", 1_000, 100);
    let (answer, outcome) = world.ask(1, 0.3).await;
    // The local one was tried, and nothing may be paid for the next.
    assert_eq!((answer.route.provider.as_str(), outcome.origin, outcome.shadow), ("deepseek", Origin::Paid, None));
}

#[tokio::test]
async fn a_day_s_comparisons_never_cost_more_than_their_scope() {
    let world = World::new(MILL);
    let mut compared = 0_u32;
    for number in 0..40 {
        world.deepseek.push_text("a paid answer", 1_000, 100);
        compared += u32::from(world.ask(number, 0.9).await.1.shadow.is_some());
    }
    let (settled, reserved) = world.spent().await;
    assert!(settled > Usd::ZERO && settled <= MILL && reserved == Usd::ZERO, "{settled}");
    assert!((1..20).contains(&compared), "{compared}");
    assert_eq!(world.deepseek.calls().len(), compared as usize, "nothing is sent that was not reserved");
}

#[tokio::test]
async fn one_request_at_a_time_holds_the_scope() {
    let world = World::new(FIVE_CENTS);
    let other = farthing_domain::ledger::ClaimRequest {
        claim: farthing_domain::ledger::Claim {
            tenant: farthing_domain::ids::Tenant::parse("farthing").unwrap(),
            key_hash: farthing_domain::hex::hex(&<sha2::Sha256 as sha2::Digest>::digest(format!(
                "compare:{}",
                NOW.day()
            ))),
            owner: id(9),
            lease: Timestamp::from_millis(NOW.millis() + 10_000),
        },
        envelope: FIVE_CENTS,
        payload_hash: [0; 32],
        now: NOW,
    };
    let claim = world.ledger.acquire(other).await.unwrap();
    assert_eq!(world.ask(1, 0.9).await.1.shadow, None);
    world.ledger.release(&claim).await.unwrap();
    world.deepseek.push_text("a paid answer", 1_000, 100);
    assert!(world.ask(2, 0.9).await.1.shadow.is_some());
    // The next one finds it free again.
    world.deepseek.push_text("a paid answer", 1_000, 100);
    assert!(world.ask(3, 0.9).await.1.shadow.is_some());
}

#[tokio::test]
async fn a_comparison_that_fails_changes_nothing() {
    let world = World::new(FIVE_CENTS);
    let (answer, outcome) = world.ask(1, 0.9).await;
    assert_eq!((answer.text.as_str(), outcome.shadow.and_then(|shadow| shadow.score)), (STORED, None));
    let (settled, reserved) = world.spent().await;
    assert!(settled > Usd::ZERO && reserved == Usd::ZERO, "a call that broke off is charged in full");
}
