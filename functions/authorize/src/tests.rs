use std::sync::Arc;

use async_trait::async_trait;
use farthing_domain::auth::{ApiKey, ApiKeyId, ApiKeyText, KeyBytes, KeyName, StoredKey};
use farthing_domain::ids::Tenant;
use farthing_domain::ports::{ApiKeys, Clock, SecretSource, SecretText, SecretUnavailable, StoreError};
use farthing_domain::time::Timestamp;
use farthing_gateway::authorize::{KeyAdmin, NewKey};
use farthing_testkit::stores_suite::{FixedSecret, OracleKeys};
use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

const ROUTES: [(&str, Scope); 6] = [
    ("POST /api/agents", Scope::Infer),
    ("POST /api/agents/batch", Scope::Infer),
    ("POST /api/agents/feedback", Scope::Infer),
    ("GET /api/models/status", Scope::Status),
    ("GET /api/budget/status", Scope::Status),
    ("POST /api/models/init", Scope::Admin),
];
const PEPPER: FixedSecret = FixedSecret("a pepper of more than 32 characters");

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_796_080_500_000)
    }
}

/// An authorizer, and the text of a key of the tenant `shop` for one scope.
async fn with_key(scope: Scope) -> (Authorize, ApiKeyText) {
    with_key_of(scope, &KeyBytes { id: [1; 10], secret: [2; 32] }).await
}

/// The same, with the key that is made of these bytes.
async fn with_key_of(scope: Scope, bytes: &KeyBytes) -> (Authorize, ApiKeyText) {
    let keys = Arc::new(OracleKeys::default());
    let admin = KeyAdmin { keys: keys.clone(), pepper: Arc::new(PEPPER), clock: Arc::new(Still) };
    let tenant = Tenant::parse("shop").unwrap();
    let new = NewKey { tenant, scopes: [scope].into(), name: KeyName::parse("a key").unwrap(), expires: None };
    let text = admin.create(new, bytes).await.unwrap();
    (Authorize { keys, pepper: Arc::new(PEPPER), clock: Arc::new(Still) }, text)
}

/// The event that API Gateway sends for a call with this key.
fn event(route: &str, key: &ApiKeyText) -> Value {
    let shown = format!("Bearer {}", key.expose());
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:us-east-1:123456789012:abcdef123/$default/POST/api/agents",
        "identitySource": [shown, route],
        "routeKey": route,
        "rawPath": "/api/agents",
        "rawQueryString": "",
        "headers": { "authorization": shown, "content-type": "application/json", "host": "x.example" },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdef123",
            "http": { "method": "POST", "path": "/api/agents", "sourceIp": "203.0.113.7" },
            "requestId": "id",
            "routeKey": route,
            "stage": "$default",
        },
    })
}

async fn decide(authorize: &Authorize, event: &Value) -> Value {
    serde_json::to_value(handle(authorize, event).await.unwrap()).unwrap()
}

async fn is_let_in(authorize: &Authorize, event: &Value) -> bool {
    let decision = decide(authorize, event).await;
    let is_authorized = decision["isAuthorized"].as_bool().unwrap();
    assert!(is_authorized || decision == json!({ "isAuthorized": false }), "{decision}");
    is_authorized
}

#[tokio::test]
async fn each_scope_opens_its_routes_and_no_others() {
    for scope in Scope::ALL {
        let (authorize, key) = with_key(scope).await;
        for (route, needed) in ROUTES {
            let expected = if scope == needed {
                json!({ "isAuthorized": true, "context": { "tenant": "shop", "key": key.id().as_str() } })
            } else {
                json!({ "isAuthorized": false })
            };
            assert_eq!(decide(&authorize, &event(route, &key)).await, expected, "{scope} on {route}");
        }
        assert!(!is_let_in(&authorize, &event("$default", &key)).await);
        assert!(!is_let_in(&authorize, &event("POST /api/agents/{more}", &key)).await);
    }
}

#[tokio::test]
async fn the_header_may_be_in_any_case_and_there_once() {
    let (authorize, key) = with_key(Scope::Infer).await;
    let good = event("POST /api/agents", &key);
    let shown = &good["headers"]["authorization"];
    let check = async |headers: Value, expected: bool| {
        let mut event = good.clone();
        event["headers"] = headers.clone();
        assert_eq!(is_let_in(&authorize, &event).await, expected, "{headers}");
    };
    check(json!({ "authorization": shown }), true).await;
    check(json!({ "Authorization": shown }), true).await;
    check(json!({ "AUTHORIZATION": shown }), true).await;
    check(json!({ "authorization": shown, "Authorization": shown }), false).await;
    check(json!({ "x-authorization": shown }), false).await;
    check(json!({ "authorization": [shown] }), false).await;
    check(json!({ "authorization": key.expose() }), false).await;
    check(json!([shown]), false).await;
    check(json!({}), false).await;
    check(Value::Null, false).await;
}

#[tokio::test]
async fn an_answer_that_would_be_remembered_for_other_routes_or_keys_lets_nobody_in() {
    let (authorize, key) = with_key(Scope::Infer).await;
    let good = event("POST /api/agents", &key);
    let (shown, route) = (&good["headers"]["authorization"], &good["routeKey"]);
    let check = async |sources: Value, expected: bool| {
        let mut event = good.clone();
        event["identitySource"] = sources.clone();
        assert_eq!(is_let_in(&authorize, &event).await, expected, "{sources}");
    };
    check(json!([shown, route]), true).await;
    check(json!([route, "$default", shown]), true).await;
    // Nothing is remembered without identity sources.
    check(Value::Null, true).await;
    check(json!([shown]), false).await;
    check(json!([route]), false).await;
    check(json!([]), false).await;
    check(json!([shown, "GET /api/models/status"]), false).await;
    check(json!(["Bearer another", route]), false).await;
    check(json!(shown), false).await;
    check(json!({ "0": shown, "1": route }), false).await;
}

#[tokio::test]
async fn keys_that_cannot_be_checked_are_an_error_and_no_refusal() {
    struct Down;

    fn down() -> StoreError {
        StoreError { store: "key", cause: "as the test says".into() }
    }

    #[async_trait]
    impl ApiKeys for Down {
        async fn get(&self, _: &ApiKeyId) -> Result<Option<StoredKey>, StoreError> {
            Err(down())
        }

        async fn add(&self, _: &StoredKey) -> Result<bool, StoreError> {
            Err(down())
        }

        async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
            Err(down())
        }

        async fn revoke(&self, _: &ApiKeyId, _: Timestamp) -> Result<bool, StoreError> {
            Err(down())
        }
    }

    #[async_trait]
    impl SecretSource for Down {
        async fn current(&self) -> Result<SecretText, SecretUnavailable> {
            Err(SecretUnavailable { secret: "pepper".to_owned(), cause: "as the test says".into() })
        }
    }

    let (authorize, key) = with_key(Scope::Infer).await;
    let Authorize { keys, pepper, clock } = authorize;
    for authorize in [
        Authorize { keys: Arc::new(Down), pepper: pepper.clone(), clock: clock.clone() },
        Authorize { keys: keys.clone(), pepper: Arc::new(Down), clock: clock.clone() },
        Authorize { keys: keys.clone(), pepper: Arc::new(FixedSecret("too short")), clock: clock.clone() },
    ] {
        let error = handle(&authorize, &event("POST /api/agents", &key)).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(key.expose()) && !shown.contains("too short"), "{shown}");
        // What needs no look at the keys is refused all the same.
        assert!(!is_let_in(&authorize, &event("$default", &key)).await);
        assert!(!is_let_in(&authorize, &json!({ "routeKey": "POST /api/agents" })).await);
    }
}

/// JSON of every kind, with the names that an event has among those of objects.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        Just(json!("POST /api/agents")),
        Just(json!("Bearer fk_")),
    ];
    let name = prop_oneof![
        Just("headers".to_owned()),
        Just("authorization".to_owned()),
        Just("routeKey".to_owned()),
        Just("identitySource".to_owned()),
        "\\PC{0,8}",
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The sample events, which `sam local invoke` and `cargo lambda invoke` take too.
fn sample(name: &str) -> Value {
    let path = format!("{}/../../tests/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))).unwrap()
}

#[tokio::test]
async fn the_sample_lets_in_whoever_has_its_key_and_no_malformed_one_does() {
    // The bytes whose base32 is the id and the secret of the samples' key.
    let (mut id, mut secret) = ([0; 10], [0; 32]);
    for bytes in [&mut id[..], &mut secret[..]] {
        bytes[..4].copy_from_slice(&[0x90, 0x18, 0xf5, 0x90]);
    }
    let (authorize, key) = with_key_of(Scope::Infer, &KeyBytes { id, secret }).await;
    let sample_event = sample("authorize");
    assert_eq!(sample_event["headers"]["authorization"], format!("Bearer {}", key.expose()));
    assert!(is_let_in(&authorize, &sample_event).await);
    assert!(!is_let_in(&with_key(Scope::Infer).await.0, &sample_event).await, "the key is not there");

    let folder = format!("{}/../../tests/events/malformed", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let names = files.map(|file| file.file_stem().unwrap().to_string_lossy().into_owned());
    // The others are meant for other functions.
    let names: Vec<String> = names.filter(|name| name.starts_with("authorize-")).collect();
    assert!(names.len() >= 7, "{names:?}");
    for name in names {
        let event = sample(&format!("malformed/{name}"));
        assert!(!is_let_in(&authorize, &event).await, "{name}");
    }
}

fn with_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

proptest! {
    #[test]
    fn no_event_without_a_key_lets_anybody_in(event in anything()) {
        let is_let_in = with_runtime(async {
            let (authorize, _) = with_key(Scope::Infer).await;
            is_let_in(&authorize, &event).await
        });
        prop_assert!(!is_let_in);
    }

    /// An event in which one of the parts that count is something else.
    #[test]
    fn no_event_that_is_damaged_lets_anybody_in(
        damage in anything(),
        part in proptest::sample::select(&["/headers", "/headers/authorization", "/routeKey"][..]),
    ) {
        let (is_same, is_let_in) = with_runtime(async {
            let (authorize, key) = with_key(Scope::Status).await;
            let mut event = event("GET /api/models/status", &key);
            let there = event.pointer_mut(part).unwrap();
            let is_same = *there == damage;
            *there = damage;
            (is_same, is_let_in(&authorize, &event).await)
        });
        prop_assert!(is_same || !is_let_in);
    }
}
