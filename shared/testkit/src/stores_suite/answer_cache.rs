//! Answers kept for later.

use std::time::Duration;

use farthing_domain::cache::CachedAnswer;
use farthing_domain::ids::AgentId;
use farthing_domain::ports::{AnswerCache, CacheLookup};
use farthing_domain::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_796_080_500_000);
const HOUR: Duration = Duration::from_secs(3_600);

/// Checks an empty cache. `other` is the same cache as another process has it, and looks for what
/// was added each time that it is asked.
///
/// # Panics
/// When it does not keep the port's guarantees.
pub async fn check_answer_cache(cache: &dyn AnswerCache, other: &dyn AnswerCache) {
    let (one, two) = (agent("one"), agent("two"));
    let look = Look { cache, agent: &one, key: "x", embedding: None, at: NOW };
    look.finds(None, &[]).await;
    Look { embedding: Some(&[1.0, 0.0]), cache: other, ..look }.finds(None, &[]).await;

    let east = answer("east", &[1.0, 0.0]);
    let north_east = answer("north-east", &[0.6, 0.8]);
    let north = answer("north", &[0.0, 1.0]);
    let long = CachedAnswer { query: None, embedding: Vec::new(), ..answer("long", &[]) };
    for kept in [&east, &north_east, &north, &long] {
        keep(cache, &one, kept, NOW.plus(HOUR)).await;
    }
    for cache in [cache, other] {
        let look = Look { cache, ..look };
        // By the exact key alone, whole and of the right agent.
        for kept in [&east, &long] {
            Look { key: &kept.key, ..look }.finds(Some(kept), &[]).await;
            Look { key: &kept.key, agent: &two, ..look }.finds(None, &[]).await;
        }
        // By meaning, most similar first; what has no meaning is never similar.
        let near = Look { embedding: Some(&[0.8, 0.6]), ..look };
        near.finds(None, &["north-east", "east", "north"]).await;
        Look { key: "north", ..near }.finds(Some(&north), &["north-east", "east", "north"]).await;
        Look { agent: &two, ..near }.finds(None, &[]).await;
        Look { embedding: Some(&[1.0, 0.0]), ..look }.finds(None, &["east", "north-east"]).await;
        Look { embedding: Some(&[1.0, 0.0, 0.0]), ..look }.finds(None, &[]).await;
        Look { embedding: Some(&[f32::NAN, 0.0]), ..look }.finds(None, &[]).await;
        // What has expired is gone, to the millisecond.
        let last = NOW.plus(HOUR).minus(Duration::from_millis(1));
        Look { key: "east", at: last, ..near }.finds(Some(&east), &["north-east", "east", "north"]).await;
        Look { key: "east", at: NOW.plus(HOUR), ..near }.finds(None, &[]).await;
    }

    // A newer answer takes the place of an older one, also in meaning.
    let moved = CachedAnswer { answer: "newer".to_owned(), created: NOW.plus(HOUR), ..answer("east", &[0.0, 1.0]) };
    keep(other, &one, &moved, NOW.plus(4 * HOUR)).await;
    for cache in [cache, other] {
        let look = Look { cache, key: "east", at: NOW.plus(HOUR + HOUR / 2), ..look };
        Look { embedding: Some(&[0.0, 1.0]), ..look }.finds(Some(&moved), &["east"]).await;
        Look { embedding: Some(&[1.0, 0.0]), ..look }.finds(Some(&moved), &[]).await;
    }

    // At most eight similar ones.
    for number in 0..12_u8 {
        let angle = f32::from(number) * 0.01;
        keep(cache, &two, &answer(&format!("n{number:02}"), &[angle.cos(), angle.sin()]), NOW.plus(HOUR)).await;
    }
    let eight = ["n00", "n01", "n02", "n03", "n04", "n05", "n06", "n07"];
    for cache in [cache, other] {
        Look { cache, agent: &two, embedding: Some(&[1.0, 0.0]), ..look }.finds(None, &eight).await;
    }
}

#[derive(Clone, Copy)]
struct Look<'a> {
    cache: &'a dyn AnswerCache,
    agent: &'a AgentId,
    key: &'a str,
    embedding: Option<&'a [f32]>,
    at: Timestamp,
}

impl Look<'_> {
    async fn finds(self, exact: Option<&CachedAnswer>, similar: &[&str]) {
        let Look { cache, agent, key, embedding, at } = self;
        // "East" and "north" are this far from what lies between them.
        let lookup = CacheLookup { agent, key, embedding, min_similarity: 0.599, now: at };
        let found = cache.look_up(lookup).await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause));
        assert_eq!(found.0.as_ref(), exact, "for `{key}` of `{agent}`");
        let keys: Vec<&str> = found.1.iter().map(|(_, answer)| answer.key.as_str()).collect();
        assert_eq!(keys, similar, "near {embedding:?} of `{agent}`");
        for (similarity, answer) in &found.1 {
            let to = embedding.unwrap_or_default();
            let cosine: f32 = answer.embedding.iter().zip(to).map(|(a, b)| a * b).sum();
            assert!((similarity - cosine).abs() < 1e-5, "{similarity} is not {cosine}");
        }
    }
}

fn agent(name: &str) -> AgentId {
    AgentId::parse(name).unwrap_or_else(|error| panic!("{error}"))
}

fn answer(key: &str, embedding: &[f32]) -> CachedAnswer {
    CachedAnswer {
        key: key.to_owned(),
        query: Some(format!("where is {key}")),
        embedding: embedding.to_vec(),
        answer: format!("There: {key} — ✓"),
        model: "knowledge".to_owned(),
        score: 0.1 + 0.7,
        tokens: (7, u64::from(u32::MAX)),
        created: NOW,
    }
}

async fn keep(cache: &dyn AnswerCache, agent: &AgentId, answer: &CachedAnswer, expires: Timestamp) {
    cache.keep(agent, answer, expires).await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause));
}
