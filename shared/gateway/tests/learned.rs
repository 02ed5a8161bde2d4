//! The owner's word on learned knowledge.
#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

use std::sync::Arc;

use farthing_domain::ids::{AgentId, EntryId};
use farthing_domain::knowledge::EntryState::{self, Accepted, Proposed, Rejected, Withdrawn};
use farthing_domain::ports::LearnedKnowledge as _;
use farthing_gateway::learned::LearnedAdmin;
use farthing_testkit::stores_suite::{OracleLearned, entry};

async fn admin() -> LearnedAdmin {
    let learned = OracleLearned::default();
    for (agent, id) in [("bank", "fees"), ("shop", "returns"), ("shop", "sizes"), ("gone", "old")] {
        learned.propose(&entry(agent, id)).await.unwrap();
    }
    LearnedAdmin { learned: Arc::new(learned), agents: ["bank", "shop"].map(agent).to_vec() }
}

fn agent(name: &str) -> AgentId {
    AgentId::parse(name).unwrap()
}

/// Changes entries, and compares what was said when that was refused.
async fn check(admin: &LearnedAdmin, ids: &[&str], to: EntryState, expected: Result<(), &str>) {
    let ids: Vec<EntryId> = ids.iter().map(|id| EntryId::parse(id).unwrap()).collect();
    let changed = admin.change(&ids, None, to).await.map_err(|error| error.to_string());
    let found = changed.as_ref().map(|_| ()).map_err(String::as_str);
    assert_eq!(found, expected);
    assert!(changed.iter().flatten().all(|entry| entry.state == to && ids.contains(&entry.id)));
}

async fn states(admin: &LearnedAdmin) -> Vec<(String, EntryState)> {
    admin.entries(None).await.unwrap().into_iter().map(|entry| (entry.id.to_string(), entry.state)).collect()
}

#[tokio::test]
async fn the_owner_accepts_rejects_and_withdraws_entries_of_any_agent() {
    let admin = admin().await;
    check(&admin, &["fees", "returns"], Accepted, Ok(())).await;
    check(&admin, &["fees"], Accepted, Ok(())).await;
    check(&admin, &["sizes"], Rejected, Ok(())).await;
    check(&admin, &["returns"], Withdrawn, Ok(())).await;
    let expected = [("fees", Accepted), ("returns", Withdrawn), ("sizes", Rejected)];
    assert_eq!(states(&admin).await, expected.map(|(id, state)| (id.to_owned(), state)));
    assert_eq!(admin.learned.withdrawn(&agent("shop")).await.unwrap(), ["learned#returns"]);
    check(&admin, &["returns", "sizes"], Accepted, Ok(())).await;
}

#[tokio::test]
async fn nothing_is_changed_unless_all_of_it_can_be() {
    let admin = admin().await;
    let unknown = "there is no learned entry `prices`; there are: fees, returns, sizes";
    check(&admin, &["fees", "prices"], Accepted, Err(unknown)).await;
    let gone = "there is no learned entry `old`; there are: none";
    check(&admin, &["old"], Withdrawn, Err(gone)).await;
    check(&admin, &["fees"], Withdrawn, Err("`fees` is proposed, and cannot become withdrawn")).await;
    check(&admin, &["fees"], Proposed, Ok(())).await;
    assert!(states(&admin).await.iter().all(|(_, state)| *state == Proposed));
    let error = admin.entries(Some(&agent("gone"))).await.unwrap_err().to_string();
    assert_eq!(error, "there is no agent `gone`; there are: bank, shop");
    let of_shop = admin.entries(Some(&agent("shop"))).await.unwrap();
    assert_eq!(of_shop.len(), 2);
    let ids = [EntryId::parse("fees").unwrap()];
    assert!(admin.change(&ids, Some(&agent("shop")), Accepted).await.is_err(), "it is another agent's");
}
