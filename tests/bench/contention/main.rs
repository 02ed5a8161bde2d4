//! How the month's one item bears many callers at once: `cargo bench -p farthing-stores --bench contention`.
//!
//! Every caller reserves on requests of its own, in one month, and resolves each reservation before
//! the next, as the gateway does. Without arguments it runs on embedded DynamoDB, in memory and in
//! a file. Others, after `--`:
//!
//! - `--endpoint http://127.0.0.1:8000`: a program that speaks DynamoDB, without credentials;
//! - `--aws`: AWS, with the credentials and region of the environment or profile. It makes the table
//!   `farthing-contention` (`--table` names another), which is left there to be deleted by hand;
//! - `--windows 2,5,10`: the embedded database behind a model of AWS, in which a transaction has its
//!   items to itself for so many milliseconds, and others that want one of them are cancelled;
//! - `--provider-ms 1000`: the time between a reservation and its resolution, as a provider takes
//!   it, from half as long to half as long again; none otherwise, which is more than any load;
//! - `--reserves 512`: how many reservations in all, for each number of callers;
//! - `--callers 1,8,32,64`: the numbers of callers.
//!
//! The embedded database and emulators run one transaction after the other, so they show no
//! conflicts. AWS cancels a transaction that meets another on the same item; how long its window is
//! can only be measured there.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark ends at the first error")]

mod contended;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use farthing_domain::ids::{ModelId, ProviderId, RequestId, Tenant};
use farthing_domain::ledger::{Claim, ClaimRequest, MonthBooks, ReserveRefused, ReserveRequest, Resolution};
use farthing_domain::metrics::TX_CONFLICT;
use farthing_domain::money::Usd;
use farthing_domain::ports::Ledger;
use farthing_domain::time::Timestamp;
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{DynamoLedger, LedgerConfig, Table};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use contended::Contended;

const AMOUNT: Usd = Usd::from_nanos(5_000_000);
const ACTUAL: Usd = Usd::from_nanos(1_234_567);
/// How long a new table may take to appear.
const TABLE_LIMIT: Duration = Duration::from_secs(120);

#[tokio::main]
async fn main() {
    let recorder = DebuggingRecorder::new();
    let conflicts = Conflicts(recorder.snapshotter());
    metrics::set_global_recorder(recorder).unwrap();
    let arguments = Arguments::read();
    let name = arguments.table.as_str();
    if arguments.is_aws {
        let sdk = aws_config::load_defaults(BehaviorVersion::latest()).await;
        measure("AWS", Table::in_aws(&sdk, name), &arguments, &conflicts).await;
    } else if let Some(endpoint) = &arguments.endpoint {
        measure(endpoint, Table::in_aws(&without_account(endpoint).await, name), &arguments, &conflicts).await;
    } else if !arguments.windows.is_empty() {
        for window in &arguments.windows {
            let model = Contended::new(EmbeddedDynamo::in_memory().unwrap(), Duration::from_millis(*window));
            let store = format!("a model of AWS with a window of {window} ms");
            measure(&store, Table::over(model, name), &arguments, &conflicts).await;
        }
    } else {
        let folder = tempfile::tempdir().unwrap();
        let in_file = EmbeddedDynamo::open(&folder.path().join("farthing.db")).unwrap();
        let in_memory = EmbeddedDynamo::in_memory().unwrap();
        measure("embedded, in memory", Table::over(in_memory, name), &arguments, &conflicts).await;
        measure("embedded, in a file", Table::over(in_file, name), &arguments, &conflicts).await;
    }
}

/// What the command line asks for.
struct Arguments {
    endpoint: Option<String>,
    is_aws: bool,
    table: String,
    reserves: usize,
    callers: Vec<usize>,
    windows: Vec<u64>,
    provider: Duration,
}

impl Arguments {
    fn read() -> Self {
        let given: Vec<String> = std::env::args().collect();
        let after = |name: &str| given.iter().position(|word| word == name).map(|at| given[at + 1].clone());
        let callers = after("--callers").unwrap_or_else(|| "1,8,32,64".to_owned());
        let windows = after("--windows").unwrap_or_default();
        Self {
            endpoint: after("--endpoint"),
            is_aws: given.iter().any(|word| word == "--aws"),
            table: after("--table").unwrap_or_else(|| "farthing-contention".to_owned()),
            reserves: after("--reserves").map_or(512, |count| count.parse().unwrap()),
            callers: callers.split(',').map(|count| count.parse().unwrap()).collect(),
            provider: Duration::from_millis(after("--provider-ms").map_or(0, |millis| millis.parse().unwrap())),
            windows: windows.split_terminator(',').map(|millis| millis.parse().unwrap()).collect(),
        }
    }
}

async fn without_account(endpoint: &str) -> SdkConfig {
    let config = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(endpoint).test_credentials();
    config.region(Region::from_static("us-east-1")).load().await
}

/// Counts the transactions that were cancelled because they met others.
struct Conflicts(Snapshotter);

impl Conflicts {
    /// How many there were since this was asked last.
    fn take(&self) -> u64 {
        let metrics = self.0.snapshot().into_vec().into_iter();
        let conflicts = metrics.filter(|(key, ..)| key.key().name() == TX_CONFLICT);
        conflicts.map(|(.., value)| if let DebugValue::Counter(count) = value { count } else { 0 }).sum()
    }
}

/// What one number of callers came to.
#[derive(Default)]
struct Figures {
    reserve_ms: Vec<f64>,
    resolve_ms: Vec<f64>,
    /// Reservations that were not made, or not known to be.
    not_reserved: usize,
    /// Reservations that were made, and not known to be resolved.
    not_resolved: usize,
}

async fn measure(store: &str, table: Table, arguments: &Arguments, conflicts: &Conflicts) {
    println!("\n{store}: {} reservations for each number of callers", arguments.reserves);
    let ledger = Arc::new(open(table).await);
    println!(
        "callers  reserve p50  p99 ms  resolve p50  p99 ms  conflicts/reserve  refused  unresolved  calls/s  ratio"
    );
    let mut alone = None;
    for callers in &arguments.callers {
        let before = ledger.books(now().month()).await.unwrap();
        let claims = claim_all(&ledger, arguments.reserves).await;
        conflicts.take();
        let started = Instant::now();
        let figures = call_all(&ledger, *callers, arguments.provider, claims).await;
        let a_second = figures.resolve_ms.len() as f64 / started.elapsed().as_secs_f64();
        println!(
            "{callers:7}  {:11.1}  {:6.1}  {:11.1}  {:6.1}  {:17.2}  {:7}  {:10}  {a_second:7.0}  {:5.2}",
            percentile(&figures.reserve_ms, 50),
            percentile(&figures.reserve_ms, 99),
            percentile(&figures.resolve_ms, 50),
            percentile(&figures.resolve_ms, 99),
            conflicts.take() as f64 / arguments.reserves as f64,
            figures.not_reserved,
            figures.not_resolved,
            a_second / *alone.get_or_insert(a_second),
        );
        assert_balanced(&before, &ledger.books(now().month()).await.unwrap(), &figures);
    }
}

/// The ledger in `table`, which is made if it is missing.
async fn open(table: Table) -> DynamoLedger {
    let started = Instant::now();
    let created = table.create_if_missing().await;
    let ledger = DynamoLedger::new(table, LedgerConfig::new(Usd::parse("1000000").unwrap(), 95, "1"));
    // A cloud makes a table in its own time.
    while let Err(error) = ledger.books(now().month()).await {
        assert!(started.elapsed() < TABLE_LIMIT, "there is no table: {error:?}, {created:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    ledger
}

/// Claims as many requests as there are to be reservations.
async fn claim_all(ledger: &DynamoLedger, count: usize) -> Vec<Claim> {
    let mut claims = Vec::new();
    for _ in 0..count {
        let owner = ulid::Ulid::new().to_string();
        let claim = Claim {
            tenant: Tenant::parse("contention").unwrap(),
            key_hash: format!("{owner:0>64}"),
            owner: RequestId::parse(&owner).unwrap(),
            lease: now().plus(Duration::from_secs(600)),
        };
        let request = ClaimRequest { claim, envelope: AMOUNT, payload_hash: [0; 32], now: now() };
        claims.push(ledger.acquire(request).await.unwrap());
    }
    claims
}

/// Has `callers` reserve and resolve, each one claim after the other, until all claims are used.
async fn call_all(ledger: &Arc<DynamoLedger>, callers: usize, provider: Duration, claims: Vec<Claim>) -> Figures {
    let (claims, next) = (Arc::new(claims), Arc::new(AtomicUsize::new(0)));
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (ledger, claims, next) = (Arc::clone(ledger), Arc::clone(&claims), Arc::clone(&next));
            tokio::spawn(async move {
                let mut figures = Figures::default();
                while let Some(claim) = claims.get(next.fetch_add(1, Ordering::Relaxed)) {
                    call(&ledger, claim, provider, &mut figures).await;
                }
                figures
            })
        })
        .collect();
    let mut all = Figures::default();
    for task in tasks {
        let figures = task.await.unwrap();
        all.reserve_ms.extend(figures.reserve_ms);
        all.resolve_ms.extend(figures.resolve_ms);
        all.not_reserved += figures.not_reserved;
        all.not_resolved += figures.not_resolved;
    }
    all.reserve_ms.sort_by(f64::total_cmp);
    all.resolve_ms.sort_by(f64::total_cmp);
    all
}

async fn call(ledger: &DynamoLedger, claim: &Claim, provider: Duration, figures: &mut Figures) {
    let request = ReserveRequest {
        claim: claim.clone(),
        attempt: 0,
        amount: AMOUNT,
        provider: ProviderId::parse("provider").unwrap(),
        model: ModelId::parse("model").unwrap(),
        month: now().month(),
        now: now(),
    };
    let started = Instant::now();
    let reservation = match ledger.reserve(request).await {
        Ok(reservation) => reservation,
        Err(ReserveRefused::Unavailable(_)) => {
            figures.not_reserved += 1;
            return;
        }
        Err(refused) => panic!("{refused:?}"),
    };
    figures.reserve_ms.push(millis(started.elapsed()));
    if !provider.is_zero() {
        tokio::time::sleep(rand::random_range(provider / 2..provider * 3 / 2)).await;
    }
    let posted = Resolution::Posted { actual: ACTUAL, input_tokens: 1, output_tokens: 1 };
    let started = Instant::now();
    match ledger.resolve(reservation, posted, now()).await {
        Ok(_) => figures.resolve_ms.push(millis(started.elapsed())),
        Err(_) => figures.not_resolved += 1,
    }
}

/// The books are the sum of what was answered. Of what was not, each may have been done or not.
fn assert_balanced(before: &MonthBooks, after: &MonthBooks, figures: &Figures) {
    let nanos = Usd::nanos;
    let held = nanos(after.available) + nanos(after.reserved) + nanos(after.settled);
    assert_eq!(held, nanos(after.cap) - nanos(after.floor) + nanos(after.adjusted), "{after:?}");
    let count = |count: usize| i64::try_from(count).unwrap();
    let settled = nanos(after.settled) - nanos(before.settled);
    let reserved = nanos(after.reserved) - nanos(before.reserved);
    let surely_settled = nanos(ACTUAL) * count(figures.resolve_ms.len());
    let most_settled = surely_settled + nanos(ACTUAL) * count(figures.not_resolved);
    assert!((surely_settled..=most_settled).contains(&settled), "{settled} nano-dollars were charged");
    let most_reserved = nanos(AMOUNT) * count(figures.not_reserved + figures.not_resolved);
    assert!((0..=most_reserved).contains(&reserved), "{reserved} nano-dollars are reserved");
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[expect(clippy::disallowed_methods, reason = "a service with a clock of its own wants the time to be right")]
fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(0).plus(since_epoch)
}
