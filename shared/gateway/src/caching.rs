//! The answer cache, as one request uses it. A cache that fails costs money, never an answer.

use std::error::Error;
use std::time::Duration;

use farthing_domain::cache::{CacheHit, CachedAnswer, exact_key, is_rewording, may_stand_for, normal_form};
use farthing_domain::policy::CacheRules;
use farthing_domain::ports::{CacheLookup, ModelUnavailable, QuestionMatcher};
use farthing_domain::prompt::{Conversation, Prompt};
use farthing_domain::quality::Verdict;
use farthing_domain::request::CacheUse;
use farthing_domain::time::Timestamp;

use crate::answer::{Answering, Insight, Work};
use crate::cascading::Delivered;
use crate::receipt::{Answer, Attempt, Judgement};
use crate::withdrawals::version_without;

type Found = Option<(CacheHit, CachedAnswer)>;

/// How the answer to the question `asked` is found for `query`, when their embeddings have this cosine
/// `similarity`; `None` when it is not given.
///
/// # Errors
/// [`ModelUnavailable`] when the questions cannot be compared.
pub async fn hit_between(
    matcher: &dyn QuestionMatcher,
    query: &str,
    asked: &str,
    similarity: f32,
    rules: &CacheRules,
) -> Result<Option<CacheHit>, ModelUnavailable> {
    let (query, asked) = (normal_form(query), normal_form(asked));
    if query == asked {
        return Ok(Some(CacheHit::Exact));
    }
    if may_stand_for(&query, &asked, similarity, rules).is_err() {
        return Ok(None);
    }
    let is_same = is_rewording(&query, &asked) || matcher.same(&query, &asked).await? >= rules.min_same;
    Ok(is_same.then_some(CacheHit::Semantic))
}

impl Answering {
    /// An answer that is fresh, and one that is not but may be served when the budget is gone.
    pub(crate) async fn look_up(&self, work: &Work<'_>, insight: &Insight) -> (Found, Found) {
        let rules = &self.parts.policy.cache;
        if !rules.enabled || work.request.cache != CacheUse::Use {
            return (None, None);
        }
        let key = cache_key(work, insight, &work.request.conversation);
        let by_meaning = work.request.conversation.is_single_turn();
        let lookup = CacheLookup {
            agent: work.brand_id(),
            key: &key,
            embedding: by_meaning.then_some(insight.analysis.embedding.as_slice()),
            min_similarity: rules.min_similarity,
            now: self.now(),
        };
        let (exact, similar) = match self.parts.cache.look_up(lookup).await {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "cache.look_up failed");
                return (None, None);
            }
        };
        let similar = self.comparable(work, insight, similar).await;
        let candidates = exact
            .map(|cached| (CacheHit::Exact, cached))
            .into_iter()
            .chain(similar.into_iter().map(|cached| (CacheHit::Semantic, cached)));
        let now = self.now();
        let (mut fresh, mut stale) = (None, None);
        for candidate in candidates {
            let place = if candidate.1.age(now) <= rules.fresh() { &mut fresh } else { &mut stale };
            place.get_or_insert(candidate);
        }
        (fresh, stale)
    }

    /// Those of `similar` whose answers may be given, in their order. After the first that is fresh none is looked at.
    async fn comparable(
        &self,
        work: &Work<'_>,
        insight: &Insight,
        similar: Vec<(f32, CachedAnswer)>,
    ) -> Vec<CachedAnswer> {
        let rules = &self.parts.policy.cache;
        let now = self.now();
        let mut comparable = Vec::new();
        for (similarity, cached) in similar.into_iter().filter(|(_, cached)| is_of_this_class(work, insight, cached)) {
            let asked = cached.query.as_deref().unwrap_or_default();
            match hit_between(insight.tier.matcher.as_ref(), work.query, asked, similarity, rules).await {
                Ok(Some(_)) => {
                    let is_fresh = cached.age(now) <= rules.fresh();
                    comparable.push(cached);
                    if is_fresh {
                        break;
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::error!(error = &error as &dyn Error, "matcher.same failed"),
            }
        }
        comparable
    }

    /// Keeps a delivered answer for later questions.
    pub(crate) async fn keep(&self, work: &Work<'_>, insight: &Insight, delivered: &Delivered) {
        let rules = &self.parts.policy.cache;
        if !rules.enabled || work.request.cache == CacheUse::Bypass {
            return;
        }
        let is_single = work.request.conversation.is_single_turn();
        let now = self.now();
        let answer = CachedAnswer {
            key: cache_key(work, insight, &work.request.conversation),
            query: is_single.then(|| normal_form(work.query)),
            embedding: if is_single { insight.analysis.embedding.clone() } else { Vec::new() },
            answer: delivered.answer.text.clone(),
            model: delivered.answer.model.clone(),
            score: delivered.answer.quality.score,
            tokens: delivered.answer.tokens,
            created: now,
        };
        if let Err(error) = self.parts.cache.keep(work.brand_id(), &answer, now.plus(rules.keep())).await {
            tracing::error!(error = &error as &dyn Error, "cache.keep failed");
        }
    }

    /// The receipt of a cached answer; `stale` is its age when it is no longer fresh.
    pub(crate) fn cached_answer(
        &self,
        work: &Work<'_>,
        insight: &Insight,
        hit: CacheHit,
        cached: &CachedAnswer,
        stale: Option<Duration>,
        started: Timestamp,
    ) -> Answer {
        let mut answer = self.answer_of(work, Some(insight), cached.answer.clone(), cached.tokens, started, |route| {
            "cache".clone_into(&mut route.provider);
            route.model.clone_from(&cached.model);
            route.cache = Some(hit);
            route.stale = stale;
            route.attempts.push(Attempt {
                score: Some(cached.score),
                latency_ms: self.elapsed_ms(started),
                ..Attempt::skipped("cache", "delivered")
            });
        });
        answer.quality = Some(Judgement { score: cached.score, action: Verdict::Deliver, parts: None });
        answer
    }
}

/// What an answer depends on besides the question is part of the key: the agent's knowledge.
fn cache_key(work: &Work<'_>, insight: &Insight, conversation: &Conversation) -> String {
    let version = insight.tier.knowledge.version(work.brand_id());
    exact_key(work.brand_id(), &version_without(version, &work.withdrawn), conversation)
}

/// Whether `cached` was kept under the agent's present knowledge.
fn is_of_this_class(work: &Work<'_>, insight: &Insight, cached: &CachedAnswer) -> bool {
    let asked = cached.query.as_deref().and_then(|query| Prompt::parse(query).ok());
    asked.is_some_and(|query| cache_key(work, insight, &Conversation::of(query)) == cached.key)
}
