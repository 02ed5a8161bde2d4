//! Callers' keys, from the command line to the door.

use serde_json::Value;

use crate::server::{Answered, Server, Setup};

const QUESTION: &str = "How do I login?";

/// Runs the command line beside the server; `None` when it fails.
fn run(server: &Server, arguments: &[&str]) -> Option<Value> {
    let output = server.command().args(arguments).arg("--json").output().unwrap();
    output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
}

/// The id and text of a new key.
fn create(server: &Server, arguments: &[&str]) -> (String, String) {
    let made = run(server, &[&["keys", "create"], arguments].concat()).unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

async fn status_as(server: &Server, key: &str) -> Answered {
    server.get_as(key, "/api/budget/status").await
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_say_until_it_is_revoked() {
    let server = Setup::new().needs_keys().start().await;
    let anonymous = server.ask(QUESTION).await;
    assert_eq!((anonymous.status, anonymous.code()), (401, "unauthorized"), "{}", anonymous.text);

    let (id, asks) = create(&server, &["--tenant", "shop", "--name", "web shop"]);
    let (_, reads) = create(&server, &["--tenant", "office", "--scopes", "status,admin"]);
    assert_eq!(server.post_as(&asks, QUESTION).await.status, 200);
    assert_eq!(status_as(&server, &reads).await.status, 200);
    assert_eq!(status_as(&server, &asks).await.status, 403, "it opens questions only");
    assert_eq!(server.post_as(&reads, QUESTION).await.status, 403, "it opens no questions");

    let half_of_another = [&asks[..asks.len() - 52], &reads[reads.len() - 52..]].concat();
    for forged in ["fk_", "wrong", &asks[1..], &asks.to_uppercase(), &half_of_another] {
        let refused = server.post_as(forged, QUESTION).await;
        assert_eq!((refused.status, refused.code()), (403, "forbidden"), "{}", refused.text);
    }

    assert!(run(&server, &["keys", "revoke", &id]).is_some());
    assert_eq!(server.post_as(&asks, QUESTION).await.status, 403);
    assert_eq!(status_as(&server, &reads).await.status, 200, "the other key is untouched");
}

#[tokio::test]
async fn keys_are_listed_without_their_texts_and_wrong_input_is_named() {
    let server = Setup::new().needs_keys().start().await;
    let (id, text) = create(&server, &["--tenant", "shop", "--name", "web shop", "--expires-in", "30"]);
    assert!(run(&server, &["keys", "revoke", &id]).is_some());
    let listed = run(&server, &["keys", "list"]).unwrap();
    let key = &listed[0];
    let shown = ["id", "tenant", "name", "state"].map(|name| key[name].as_str().unwrap().to_owned());
    assert_eq!(shown, [id, "shop".to_owned(), "web shop".to_owned(), "revoked".to_owned()]);
    let secret = text.rsplit('_').next().unwrap();
    assert!(!listed.to_string().contains(secret));

    let wrong: [&[&str]; 5] = [
        &["create", "--tenant", "No Such Tenant"],
        &["create", "--tenant", ""],
        &["create", "--tenant", "shop", "--expires-in", "0"],
        &["revoke", "aaaaaaaaaaaaaaaa"],
        &["revoke", "../../etc"],
    ];
    for wrong in wrong {
        assert!(run(&server, &[&["keys"], wrong].concat()).is_none(), "{wrong:?}");
    }
    let scopes =
        server.command().args(["keys", "create", "--tenant", "shop", "--scopes", "everything"]).output().unwrap();
    let told = String::from_utf8_lossy(&scopes.stderr);
    assert!(told.contains("--scopes") && told.contains("`infer`, `status` or `admin`"), "{told}");
}

#[tokio::test]
async fn tenants_do_not_share_request_keys() {
    let server = Setup::new().needs_keys().start().await;
    let (_, one) = create(&server, &["--tenant", "one"]);
    let (_, other) = create(&server, &["--tenant", "other"]);
    let first = server.post_with_key_as(&one, "k-1", QUESTION).await;
    let again = server.post_with_key_as(&one, "k-1", QUESTION).await;
    let foreign = server.post_with_key_as(&other, "k-1", "What is your pricing?").await;
    assert_eq!((first.status, again.status, foreign.status), (200, 200, 200), "{}", foreign.text);
    assert_eq!(first.text, again.text, "one key has one reply");
    assert_ne!(first.json["id"], foreign.json["id"], "another tenant's key is another key");
}
