use std::sync::atomic::{AtomicI64, Ordering};

use futures::future::join_all;
use tokio::sync::Semaphore;

use super::*;

struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A secret that can be changed, taken away and held back.
struct Vault {
    text: Mutex<Option<&'static str>>,
    reads: AtomicI64,
    /// A read takes one of these.
    gate: Semaphore,
}

#[async_trait]
impl SecretSource for Vault {
    async fn current(&self) -> Result<SecretText, SecretUnavailable> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.gate.acquire().await.unwrap().forget();
        let text = *self.text.lock().unwrap();
        let unavailable = || SecretUnavailable { secret: "vault".to_owned(), cause: "as the test says".into() };
        text.map(SecretText::new).ok_or_else(unavailable)
    }
}

struct Lab {
    clock: Arc<SetClock>,
    vault: Arc<Vault>,
    secret: CachedSecret<Arc<Vault>>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Current,
    Refreshed,
}
use Ask::{Current, Refreshed};

impl Lab {
    fn new(text: Option<&'static str>) -> Self {
        let clock = Arc::new(SetClock(AtomicI64::new(1_796_080_500_000)));
        let gate = Semaphore::new(Semaphore::MAX_PERMITS);
        let vault = Arc::new(Vault { text: Mutex::new(text), reads: AtomicI64::new(0), gate });
        Self { secret: CachedSecret::new(vault.clone(), clock.clone()), clock, vault }
    }

    fn set(&self, text: Option<&'static str>) {
        *self.vault.text.lock().unwrap() = text;
    }

    fn wait_ms(&self, millis: i64) {
        self.clock.0.fetch_add(millis, Ordering::Relaxed);
    }

    async fn ask(&self, ask: Ask) -> Option<String> {
        let result = match ask {
            Current => self.secret.current().await,
            Refreshed => self.secret.refreshed().await,
        };
        if let Err(error) = &result {
            assert_eq!(error.secret, "vault");
        }
        result.ok().map(|text| text.expose().to_owned())
    }

    /// Asks, and says what is expected and after how many reads in all.
    async fn check(&self, ask: Ask, expected: Option<&str>, reads: i64) {
        assert_eq!(self.ask(ask).await.as_deref(), expected, "{ask:?}");
        assert_eq!(self.vault.reads.load(Ordering::Relaxed), reads, "reads");
    }
}

#[tokio::test]
async fn a_secret_is_remembered_for_five_minutes() {
    let lab = Lab::new(Some("old"));
    lab.check(Current, Some("old"), 1).await;
    lab.set(Some("new"));
    lab.wait_ms(299_999);
    lab.check(Current, Some("old"), 1).await;
    lab.wait_ms(1);
    lab.check(Current, Some("new"), 2).await;
    lab.check(Current, Some("new"), 2).await;
    // A clock that is set back does not keep it for longer.
    lab.wait_ms(-86_400_000);
    lab.check(Current, Some("new"), 3).await;
}

#[tokio::test]
async fn the_last_good_text_is_used_while_there_is_no_other() {
    let lab = Lab::new(Some("old"));
    lab.check(Current, Some("old"), 1).await;
    lab.set(None);
    lab.wait_ms(300_000);
    lab.check(Current, Some("old"), 2).await;
    lab.wait_ms(29_999);
    lab.check(Current, Some("old"), 2).await;
    lab.wait_ms(1);
    lab.check(Current, Some("old"), 3).await;
    lab.set(Some("new"));
    lab.wait_ms(30_000);
    lab.check(Current, Some("new"), 4).await;
}

#[tokio::test]
async fn what_could_never_be_read_is_tried_again_after_a_second() {
    let lab = Lab::new(None);
    lab.check(Current, None, 1).await;
    lab.wait_ms(999);
    lab.check(Current, None, 1).await;
    lab.set(Some("new"));
    lab.wait_ms(1);
    lab.check(Current, Some("new"), 2).await;
}

#[tokio::test]
async fn a_secret_that_is_said_to_be_wrong_is_read_once_in_thirty_seconds() {
    let lab = Lab::new(Some("old"));
    lab.check(Current, Some("old"), 1).await;
    lab.set(Some("new"));
    lab.check(Refreshed, Some("new"), 2).await;
    lab.check(Refreshed, Some("new"), 2).await;
    lab.check(Current, Some("new"), 2).await;
    lab.set(None);
    lab.wait_ms(29_999);
    lab.check(Refreshed, Some("new"), 2).await;
    lab.wait_ms(1);
    lab.check(Refreshed, Some("new"), 3).await;
    lab.set(Some("newer"));
    lab.check(Refreshed, Some("new"), 3).await;
    lab.wait_ms(30_000);
    lab.check(Refreshed, Some("newer"), 4).await;
    // Of many that are told at once, one reads.
    lab.set(Some("newest"));
    lab.wait_ms(30_000);
    let all = join_all((0..50).map(|_| lab.ask(Refreshed))).await;
    assert!(all.iter().all(|text| text.as_deref() == Some("newest")), "{all:?}");
    lab.check(Current, Some("newest"), 5).await;
}

#[tokio::test]
async fn one_reads_and_the_others_wait_only_when_nothing_is_known() {
    let lab = Lab::new(Some("old"));
    lab.vault.gate.forget_permits(Semaphore::MAX_PERMITS);
    let first = async {
        let asked = join_all((0..50).map(|_| lab.ask(Current)));
        let open = async { lab.vault.gate.add_permits(1) };
        futures::join!(asked, open).0
    };
    assert_eq!(first.await, vec![Some("old".to_owned()); 50]);
    lab.set(Some("new"));
    lab.wait_ms(300_000);
    // The first reads and is held back; the others do not wait for it.
    let mut reader = Box::pin(lab.ask(Current));
    assert!(futures::poll!(&mut reader).is_pending());
    lab.check(Current, Some("old"), 2).await;
    // Who is told that it is wrong waits.
    let mut told = Box::pin(lab.ask(Refreshed));
    assert!(futures::poll!(&mut told).is_pending());
    lab.vault.gate.add_permits(2);
    assert_eq!(reader.await.as_deref(), Some("new"));
    assert_eq!(told.await.as_deref(), Some("new"));
    lab.check(Current, Some("new"), 3).await;
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_wait_for_it() {
    let lab = Lab::new(None);
    let all = join_all((0..50).map(|_| lab.ask(Current))).await;
    assert_eq!(all, vec![None; 50]);
    lab.check(Current, None, 1).await;
}

#[tokio::test]
async fn who_gives_up_does_not_leave_the_others_waiting() {
    let lab = Lab::new(Some("text"));
    lab.vault.gate.forget_permits(Semaphore::MAX_PERMITS);
    let mut reader = Box::pin(lab.ask(Current));
    assert!(futures::poll!(&mut reader).is_pending());
    drop(reader);
    lab.vault.gate.add_permits(1);
    lab.check(Current, Some("text"), 2).await;
}
