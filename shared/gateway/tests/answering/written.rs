//! Answers that the language model makes of passages.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use farthing_domain::agent::BrandProfile;
use farthing_domain::complexity::Tier;
use farthing_domain::ids::{AgentId, ModelId};
use farthing_domain::money::Usd;
use farthing_domain::outcome::Outcome;
use farthing_domain::policy::Policy;
use farthing_domain::ports::{
    Analysis, Analyst, GroundedAnswerer, KnowledgeBase, LocalAnswer, ModelUnavailable, Passage, Retrieval, Source,
    Validation, Validator,
};
use farthing_domain::quality::Quality;
use farthing_gateway::{Answer, LocalTier};
use farthing_testkit::ledger_suite::OracleLedger;
use farthing_testkit::loopback::ScriptedProvider;
use farthing_testkit::plain::Plain;

use crate::parts::{Ask, FIVE_CENTS, id, local_tier, policy, provider};

/// The name of the passage.
pub(crate) const PASSAGE: &str = "learned#parking";
pub(crate) const STORED: &str = "stored words";
const WRITTEN: &str = "words of its own";

/// One passage, that answers with this probability, and whose own words score so much.
pub(crate) struct Local {
    answerability: f32,
    stored: Option<f32>,
    written: f32,
    /// Whether the language model never ends.
    hangs: bool,
    asked: AtomicUsize,
    /// Of each validation: the answer, the prior, and whether it has to keep to the passages.
    judged: Mutex<Vec<(String, f32, bool)>>,
}

pub(crate) fn local(answerability: f32, stored: Option<f32>, written: f32) -> Local {
    Local { answerability, stored, written, hangs: false, asked: AtomicUsize::new(0), judged: Mutex::default() }
}

fn answer(text: &str, model: &str) -> LocalAnswer {
    let sources = vec![Source { id: "p".to_owned(), title: "Parking".to_owned() }];
    LocalAnswer { text: text.to_owned(), model: ModelId::parse(model).unwrap(), sources }
}

#[async_trait]
impl Analyst for Local {
    async fn analyse(&self, _: &str) -> Result<Analysis, ModelUnavailable> {
        Ok(Plain::analysis(Tier::Simple))
    }

    fn count_tokens(&self, _: &str) -> u64 {
        3
    }
}

#[async_trait]
impl KnowledgeBase for Local {
    async fn retrieve(&self, _: &AgentId, _: &str, _: &Analysis, _: usize) -> Result<Retrieval, ModelUnavailable> {
        let text = STORED.to_owned();
        let passage = Passage { id: PASSAGE.to_owned(), title: "Parking".to_owned(), text, score: 0.9 };
        Ok(Retrieval { passages: vec![passage], answerability: self.answerability })
    }

    fn answer(&self, _: &BrandProfile, _: &str, _: &Retrieval) -> Option<LocalAnswer> {
        self.stored.map(|_| answer(STORED, "knowledge"))
    }

    fn version(&self, _: &AgentId) -> String {
        String::new()
    }
}

#[async_trait]
impl GroundedAnswerer for Local {
    async fn answer(&self, _: &BrandProfile, _: &str, retrieval: &Retrieval) -> Option<LocalAnswer> {
        assert_eq!(retrieval.passages[0].text, STORED);
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Some(answer(WRITTEN, "a-language-model"))
    }
}

#[async_trait]
impl Validator for Local {
    async fn validate(&self, validation: Validation<'_>) -> Result<Quality, ModelUnavailable> {
        let Validation { answer, prior, must_be_grounded, system_prompt, .. } = validation;
        assert!(!system_prompt.contains(STORED), "who says what the knowledge has repeats no instructions");
        self.judged.lock().unwrap().push((answer.to_owned(), prior, must_be_grounded));
        Ok(Plain::quality(match answer {
            STORED => self.stored.unwrap(),
            WRITTEN => self.written,
            _ => 0.9,
        }))
    }
}

async fn ask(local: &Arc<Local>, write_from: f32, deepseek: &Arc<ScriptedProvider>) -> Result<Answer, &'static str> {
    let mut policy = policy();
    policy.limits.write_from = write_from;
    ask_under(policy, false, local, deepseek).await.0
}

/// All of the local models, these among them.
pub(crate) fn tier(local: &Arc<Local>) -> LocalTier {
    LocalTier {
        analyst: local.clone(),
        knowledge: local.clone(),
        grounded: Some(local.clone()),
        validator: local.clone(),
        ..local_tier()
    }
}

/// Asks one question of an agent with these local models.
pub(crate) async fn ask_under(
    policy: Policy,
    keeps_words: bool,
    local: &Arc<Local>,
    deepseek: &Arc<ScriptedProvider>,
) -> (Result<Answer, &'static str>, Outcome) {
    let tier = tier(local);
    let ledger = Arc::new(OracleLedger::new(Usd::from_nanos(1_000_000_000), 95));
    let (local, providers) = (Arc::new(tier), vec![Arc::clone(deepseek)]);
    Ask {
        id: id(1),
        versions: None,
        learned: None,
        policy,
        keeps_words,
        ledger,
        local,
        rules: Arc::new(Plain),
        providers,
        max_cost: FIVE_CENTS,
    }
    .run()
    .await
}

fn attempts(answer: &Answer) -> Vec<(&str, &str)> {
    answer.route.attempts.iter().map(|attempt| (attempt.model.as_str(), attempt.outcome.as_str())).collect()
}

#[tokio::test]
async fn where_no_stored_answer_is_to_be_had_the_model_answers() {
    let local = Arc::new(local(0.5, None, 0.9));
    let told = ask(&local, 0.4, &provider("deepseek")).await.unwrap();
    assert_eq!((told.text.as_str(), told.route.provider.as_str()), (WRITTEN, "local"));
    assert_eq!((told.cost, told.sources[0].title.as_str()), (Usd::ZERO, "Parking"));
    assert_eq!(attempts(&told), [("a-language-model", "delivered")]);
    let judged = local.judged.lock().unwrap();
    assert_eq!(*judged, [(WRITTEN.to_owned(), 0.5, true)], "at best the passage answers so probably");
}

#[tokio::test]
async fn the_owners_words_are_preferred_when_they_will_do() {
    for stored in [0.95, 0.7] {
        let local = Arc::new(local(0.9, Some(stored), 0.99));
        let told = ask(&local, 0.4, &provider("deepseek")).await.unwrap();
        assert_eq!((told.text.as_str(), local.asked.load(Ordering::Relaxed)), (STORED, 0));
    }
    let local = Arc::new(local(0.9, Some(0.5), 0.9));
    let told = ask(&local, 0.4, &provider("deepseek")).await.unwrap();
    assert_eq!(told.text, WRITTEN, "these will not");
    assert_eq!(attempts(&told), [("knowledge", "low_score"), ("a-language-model", "delivered")]);
}

#[tokio::test]
async fn what_the_validator_does_not_like_is_not_delivered() {
    let local = Arc::new(local(0.5, None, 0.3));
    let deepseek = provider("deepseek");
    deepseek.push_text("a paid answer", 10, 10);
    let told = ask(&local, 0.4, &deepseek).await.unwrap();
    assert_eq!(told.text, "a paid answer");
    assert_eq!(attempts(&told), [("a-language-model", "low_score"), ("deepseek-chat", "delivered")]);
}

#[tokio::test]
async fn the_policy_says_from_when_on() {
    for (answerability, write_from, asked) in
        [(0.39, 0.4, 0), (0.4, 0.4, 1), (1.0, 1.0, 0), (0.0, 0.0, 1), (f32::NAN, 0.4, 0)]
    {
        let local = Arc::new(local(answerability, None, 0.9));
        let deepseek = provider("deepseek");
        deepseek.push_text("a paid answer", 10, 10);
        ask(&local, write_from, &deepseek).await.unwrap();
        assert_eq!(local.asked.load(Ordering::Relaxed), asked, "{answerability} from {write_from}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_does_not_end_costs_no_more_than_the_time_that_there_is() {
    let local = Arc::new(Local { hangs: true, ..local(0.5, None, 0.9) });
    let ended = ask(&local, 0.4, &provider("deepseek")).await;
    assert_eq!((ended.unwrap_err(), local.asked.load(Ordering::Relaxed)), ("deadline_exceeded", 1));
}
