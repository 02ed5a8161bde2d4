//! Callers' keys on a DynamoDB that loses requests and replies, holds much else, or holds nonsense.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

#[expect(dead_code, reason = "the ledger's tests use more of it")]
mod faulty;

use std::time::Duration;

use farthing_domain::auth::{ApiKey, ApiKeyText, KeyBytes, KeyDigest, KeyName, Scope, StoredKey};
use farthing_domain::cache::CachedAnswer;
use farthing_domain::ids::{AgentId, Tenant};
use farthing_domain::ports::{AnswerCache, ApiKeys};
use farthing_domain::time::Timestamp;
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{DynamoAnswerCache, DynamoApiKeys, Table};
use farthing_testkit::strict_dynamo::StrictDynamo;
use serde_json::{Value, json};

use faulty::{Fault, Faulty};

const NOW: Timestamp = Timestamp::from_millis(1_796_080_500_000);

fn key(number: u8) -> StoredKey {
    let key = ApiKey {
        id: ApiKeyText::of(&KeyBytes { id: [number; 10], secret: [0; 32] }).id().clone(),
        tenant: Tenant::parse("tenant").unwrap(),
        scopes: [Scope::Infer].into(),
        name: KeyName::parse("a key").unwrap(),
        created: NOW,
        expires: None,
        revoked: None,
    };
    StoredKey { key, digest: KeyDigest::new([number; 32]) }
}

/// What comes of adding a key and revoking it while the calls meet these faults; nothing is known of
/// a call that failed.
async fn check(add: &[Fault], revoke: &[Fault], is_added: Option<bool>, is_revoked: Option<bool>) {
    let case = format!("{add:?}, then {revoke:?}");
    let dynamo = Faulty::new(EmbeddedDynamo::in_memory().unwrap());
    let table = Table::over(dynamo.clone(), "farthing").with_jitter(|_| Duration::ZERO);
    table.create_if_missing().await.unwrap();
    let keys = DynamoApiKeys::new(table);
    dynamo.plan(add);
    let added = keys.add(&key(1)).await;
    assert_eq!((added.ok(), dynamo.left()), (is_added, 0), "{case}");
    dynamo.plan(revoke);
    let revoked = keys.revoke(&key(1).key.id, NOW).await;
    assert_eq!((revoked.ok(), dynamo.left()), (is_revoked, 0), "{case}");
    if is_revoked == Some(true) {
        assert_eq!(keys.get(&key(1).key.id).await.unwrap().unwrap().key.revoked, Some(NOW), "{case}");
    }
}

#[tokio::test]
async fn a_lost_reply_is_no_other_key() {
    use Fault::{Busy, Failure, LostReply, LostRequest};
    check(&[LostReply], &[LostReply], Some(true), Some(true)).await;
    check(&[LostRequest], &[LostRequest], Some(true), Some(true)).await;
    check(&[Failure], &[Failure], Some(true), Some(true)).await;
    check(&[Busy; 5], &[Busy; 5], Some(true), Some(true)).await;
    check(&[LostRequest; 2], &[], None, Some(false)).await;
    check(&[LostReply; 2], &[LostReply; 2], None, None).await;
}

#[tokio::test]
async fn keys_are_listed_among_whatever_else_the_table_holds() {
    let table = Table::over(StrictDynamo::new(), "farthing");
    table.create_if_missing().await.unwrap();
    let (keys, cache) = (DynamoApiKeys::new(table.clone()), DynamoAnswerCache::new(table, Duration::ZERO));
    let agent = AgentId::parse("agent").unwrap();
    // Several pages of a megabyte, with keys before, between and after.
    for number in 0..8_u8 {
        assert!(keys.add(&key(number * 31)).await.unwrap());
        let answer = CachedAnswer {
            key: format!("{number}"),
            query: None,
            embedding: Vec::new(),
            answer: "x".repeat(300_000),
            model: "knowledge".to_owned(),
            score: 0.9,
            tokens: (1, 1),
            created: NOW,
        };
        cache.keep(&agent, &answer, NOW.plus(Duration::from_secs(60))).await.unwrap();
    }
    let listed = keys.list().await.unwrap();
    let mut expected: Vec<_> = (0..8).map(|number| key(number * 31).key).collect();
    expected.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn a_row_that_is_malformed_lets_nobody_in() {
    let dynamo = StrictDynamo::new();
    let table = Table::over(dynamo.clone(), "farthing");
    table.create_if_missing().await.unwrap();
    let keys = DynamoApiKeys::new(table);
    assert!(keys.add(&key(1)).await.unwrap());
    let row = dynamo.read(|items| serde_json::to_value(items.values().next().unwrap()).unwrap());
    let check = async |attribute: &str, value: Option<Value>| {
        let mut item = row.clone();
        let attributes = item.as_object_mut().unwrap();
        match value {
            Some(value) => attributes.insert(attribute.to_owned(), value),
            None => attributes.remove(attribute),
        };
        let body = json!({ "TableName": "farthing", "Item": item }).to_string();
        let (status, reply) = dynamo.answer("PutItem", body.as_bytes());
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&reply));
        let found = keys.get(&key(1).key.id).await;
        assert!(found.is_err(), "`{attribute}` of {item}: {found:?}");
        assert!(keys.list().await.is_err(), "`{attribute}` of {item}");
    };
    for attribute in ["digest", "tenant", "scopes", "name", "created_ms"] {
        check(attribute, None).await;
        check(attribute, Some(json!({ "BOOL": true }))).await;
    }
    check("digest", Some(json!({ "B": "AAAA" }))).await;
    check("tenant", Some(json!({ "S": "A tenant" }))).await;
    check("scopes", Some(json!({ "SS": ["infer", "everything"] }))).await;
    for attribute in ["expires_ms", "revoked_ms"] {
        check(attribute, Some(json!({ "S": "never" }))).await;
        check(attribute, Some(json!({ "NULL": true }))).await;
        check(attribute, Some(json!({ "N": "0.5" }))).await;
    }
}
