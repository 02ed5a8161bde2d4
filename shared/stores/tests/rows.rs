//! What the ledger's rows say to one who reads the table itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

#[expect(dead_code, reason = "the other tests use more of it")]
mod faulty;

use std::collections::HashMap;

use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use farthing_domain::ledger::{Finish, StoredReply};
use farthing_domain::money::Usd;
use farthing_domain::ports::Ledger as _;
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{DynamoLedger, LedgerConfig, Table};

use faulty::requests::{CENT, NOW, claim_request};

const TABLE: &str = "farthing";

/// A ledger, and the table as any other program sees it.
struct Lab {
    ledger: DynamoLedger,
    client: aws_sdk_dynamodb::Client,
}

impl Lab {
    async fn new() -> Self {
        let database = EmbeddedDynamo::in_memory().unwrap();
        let table = Table::over(database.clone(), TABLE);
        table.create_if_missing().await.unwrap();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url("http://embedded.invalid")
            .allow_no_auth()
            .http_client(database);
        let config = config.build();
        let ledger = DynamoLedger::new(table, LedgerConfig::new(Usd::from_nanos(100 * CENT.nanos()), 95, "1"));
        Self { ledger, client: aws_sdk_dynamodb::Client::from_conf(config) }
    }
}

fn key(pk: String, sk: &str) -> HashMap<String, AttributeValue> {
    let text = |text: String| AttributeValue::S(text);
    HashMap::from([("PK".to_owned(), text(pk)), ("SK".to_owned(), text(sk.to_owned()))])
}

/// The state of the request's row after a reply with this status.
async fn check_state(status: Option<u16>, expected: &str) {
    let lab = Lab::new().await;
    let claim = lab.ledger.acquire(claim_request()).await.unwrap();
    let request = key(format!("REQ#{}#{}", claim.tenant, claim.key_hash), "META");
    let reply = status.map(|status| StoredReply { status, body: b"{}".to_vec() });
    assert!(lab.ledger.finish(Finish { claim, reply, forget_at: NOW }).await.unwrap());
    let row = lab.client.get_item().table_name(TABLE).set_key(Some(request)).send().await.unwrap().item.unwrap();
    assert_eq!(row["st"].as_s().unwrap(), expected, "after {status:?}");
}

#[tokio::test]
async fn a_request_that_ended_in_an_error_says_so() {
    check_state(None, "done").await;
    check_state(Some(200), "done").await;
    check_state(Some(399), "done").await;
    check_state(Some(400), "failed").await;
    check_state(Some(502), "failed").await;
}
