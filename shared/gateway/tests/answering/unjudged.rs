//! Requests while there are no local models.

use std::sync::Arc;

use farthing_domain::agent::BrandProfile;
use farthing_domain::money::Usd;
use farthing_domain::outcome::{Origin, Outcome};
use farthing_domain::ports::{Ledger as _, RuleCheck, Validation};
use farthing_domain::quality::HardFail;
use farthing_gateway::{Answer, LocalTier, LocalTierSource};
use farthing_testkit::ledger_suite::OracleLedger;
use farthing_testkit::loopback::ScriptedProvider;

use crate::parts::{Ask, FIVE_CENTS, NOW, id, owner_file, policy, provider};

/// Models that could not be loaded.
struct Missing;

impl LocalTierSource for Missing {
    fn current(&self) -> Option<LocalTier> {
        None
    }
}

/// The rule that no answer says "never".
struct NotNever;

impl RuleCheck for NotNever {
    fn fault(&self, validation: Validation<'_>) -> Option<HardFail> {
        validation.answer.contains("never").then_some(HardFail::ForbiddenClaim)
    }
}

/// Asks one question, and gives what came of it and what was spent.
async fn ask(providers: &[&Arc<ScriptedProvider>]) -> (Result<Answer, &'static str>, Outcome, Usd) {
    let ledger = Arc::new(OracleLedger::new(Usd::from_nanos(1_000_000_000), 95));
    let (local, rules, max_cost) = (Arc::new(Missing), Arc::new(NotNever), FIVE_CENTS);
    let providers = providers.iter().map(|provider| Arc::clone(provider)).collect();
    let (result, outcome) = Ask {
        id: id(1),
        versions: None,
        learned: None,
        policy: policy(),
        keeps_words: false,
        ledger: ledger.clone(),
        local,
        rules,
        providers,
        max_cost,
    }
    .run()
    .await;
    let books = ledger.books(NOW.month()).await.unwrap();
    assert_eq!(books.reserved, Usd::ZERO, "nothing stays reserved");
    (result, outcome, books.settled)
}

#[tokio::test]
async fn the_first_paid_answer_is_delivered_and_says_that_nobody_judged_it() {
    let (deepseek, anthropic) = (provider("deepseek"), provider("anthropic"));
    deepseek.push_text("an answer", 1_000, 1_000);
    let (answer, outcome, spent) = ask(&[&deepseek, &anthropic]).await;
    let answer = answer.unwrap();
    assert_eq!((answer.text.as_str(), answer.route.provider.as_str()), ("an answer", "deepseek"));
    assert!(answer.route.unjudged && answer.route.best_effort && !answer.route.escalated);
    assert_eq!((answer.quality, answer.route.complexity), (None, None), "no score is made up");
    assert_eq!(answer.route.attempts[0].outcome, "unjudged");
    assert!(spent > Usd::ZERO && spent == answer.cost, "it is paid for as always");
    assert_eq!((outcome.origin, outcome.tier(), outcome.score), (Origin::Paid, None, None));
    assert!(anthropic.calls().is_empty());
}

#[tokio::test]
async fn an_answer_that_breaks_a_rule_is_not_delivered() {
    let (deepseek, anthropic) = (provider("deepseek"), provider("anthropic"));
    deepseek.push_text("never", 10, 10);
    anthropic.push_text("always", 10, 10);
    let answer = ask(&[&deepseek, &anthropic]).await.0.unwrap();
    assert_eq!((answer.text.as_str(), answer.route.escalated), ("always", true));
    let outcomes: Vec<_> = answer.route.attempts.iter().map(|attempt| attempt.outcome.as_str()).collect();
    assert_eq!(outcomes, ["forbidden_claim", "unjudged"]);

    deepseek.push_text("never", 10, 10);
    anthropic.push_text("never ever", 10, 10);
    let (refused, outcome, spent) = ask(&[&deepseek, &anthropic]).await;
    assert_eq!((refused.unwrap_err(), outcome.origin), ("no_answer", Origin::Failed));
    assert!(spent > Usd::ZERO);
}

#[tokio::test]
async fn a_prompt_that_nobody_screened_gets_nothing_to_draw_out() {
    let deepseek = provider("deepseek");
    deepseek.push_text("an answer", 10, 10);
    ask(&[&deepseek]).await.0.unwrap();
    let sent = deepseek.calls()[0].body["system"].as_str().unwrap().to_owned();
    let agent: BrandProfile = owner_file("agents/rprd/agent.toml", None);
    assert!(sent.contains(&agent.name), "{sent}");
    let examples = agent.voice.examples.iter().map(|example| &example.answer);
    for private in agent.voice.forbidden_claims.iter().chain([&agent.voice.tone, &agent.description]).chain(examples) {
        assert!(!sent.contains(private.as_str()), "the prompt tells {private:?}");
    }
}

#[tokio::test]
async fn without_a_provider_there_is_no_answer() {
    let (result, _, spent) = ask(&[]).await;
    assert_eq!((result.unwrap_err(), spent), ("no_answer", Usd::ZERO));
}
