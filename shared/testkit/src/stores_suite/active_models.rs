//! Which models are in use.

use farthing_domain::ids::ModelId;
use farthing_domain::ports::{ActivationRefused, ActiveModel, ActiveModels};
use futures::future::join_all;

/// Checks an empty store of active models.
///
/// # Panics
/// When it does not keep the port's guarantees.
pub async fn check_active_models(store: &dyn ActiveModels) {
    let ids = [id("b"), id("a"), id("b")];
    assert_eq!(list(store, &[]).await, []);
    assert_eq!(list(store, &ids).await, [], "nothing is active at first");

    let first = version("a", 1, None);
    activate(store, &first, true).await;
    activate(store, &version("b", 2, None), false).await;
    activate(store, &version("a", 0, None), false).await;
    assert_eq!(list(store, &ids).await, std::slice::from_ref(&first));

    let second = version("a", 2, Some(&first.sha256));
    activate(store, &version("a", 3, None), false).await;
    activate(store, &second, true).await;
    activate(store, &ActiveModel { sha256: "other".to_owned(), ..second.clone() }, false).await;
    activate(store, &version("b", 1, None), true).await;
    assert_eq!(list(store, &ids).await, [second.clone(), version("b", 1, None)], "by name, each once");
    assert_eq!(list(store, &[id("a")]).await, [second]);

    // Of many that follow the same version, one does.
    let rivals: Vec<_> =
        (0..8).map(|rival| ActiveModel { sha256: format!("{rival:064}"), ..version("a", 3, None) }).collect();
    let outcomes = join_all(rivals.iter().map(|rival| store.activate(rival))).await;
    let winners: Vec<_> = outcomes.iter().zip(&rivals).filter(|(outcome, _)| outcome.is_ok()).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert_eq!(list(store, &[id("a")]).await, [winners[0].1.clone()]);
}

fn id(name: &str) -> ModelId {
    ModelId::parse(name).unwrap_or_else(|error| panic!("{error}"))
}

fn version(name: &str, revision: u64, previous: Option<&str>) -> ActiveModel {
    ActiveModel {
        id: id(name),
        version: format!("{revision}.0"),
        sha256: format!("{revision:064x}"),
        bytes: u64::MAX - revision,
        previous: previous.map(str::to_owned),
        revision,
    }
}

async fn list(store: &dyn ActiveModels, ids: &[ModelId]) -> Vec<ActiveModel> {
    store.list(ids).await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause))
}

async fn activate(store: &dyn ActiveModels, model: &ActiveModel, is_accepted: bool) {
    match store.activate(model).await {
        Ok(()) => assert!(is_accepted, "{model:?} was activated"),
        Err(ActivationRefused::Conflict) => assert!(!is_accepted, "{model:?} was refused"),
        Err(ActivationRefused::Store(error)) => panic!("{error}: {:?}", error.cause),
    }
}
