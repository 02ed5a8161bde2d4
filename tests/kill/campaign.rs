//! All kills at one point, on one database and with one provider.

use std::fmt;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::time::Duration;

use farthing_bootstrap::clock::SystemClock;
use farthing_bootstrap::files::OwnerFiles;
use farthing_domain::money::Usd;
use farthing_domain::ports::{Clock as _, Ledger as _};
use farthing_domain::time::Month;
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{DynamoLedger, LedgerConfig, Table};
use farthing_testkit::loopback::{Reply, Script};
use futures::future::join_all;

use crate::books::{Attempt, Books, Nanos, Request, price_of};
use crate::keys::Key;
use crate::server::{Answered, GOOD_ANSWER, Home, Server, Setup};

/// The points, in the order in which a request comes by.
pub(crate) const POINTS: [&str; 12] = [
    "before-acquire",
    "after-acquire",
    "before-reserve",
    "after-reserve",
    "before-send",
    "after-send",
    "before-receive",
    "after-receive",
    "before-settle",
    "after-settle",
    "before-done",
    "after-done",
];

/// How many requests are in work at once.
const IN_WORK: usize = 8;
/// How many of them may be repeats.
const REPEATS: usize = 3;
/// The most that a key may cost: two calls and a part of a third.
const ENVELOPE: &str = "0.001100";
/// Kills that the rows do not confirm are made up for, up to this many times those wanted.
const MOST_ROUNDS: usize = 3;

/// The state of a campaign.
pub(crate) struct Campaign {
    point: &'static str,
    setup: Setup,
    home: Home,
    files: OwnerFiles,
    keys: Vec<Key>,
    rounds: usize,
    kills: usize,
}

/// What a campaign came to.
pub(crate) struct Tally {
    point: &'static str,
    pub(crate) kills: usize,
    unconfirmed: usize,
    requests: u32,
    sends: usize,
    settled: Usd,
    metered: Usd,
    keys: usize,
    over_limit: usize,
}

impl Campaign {
    /// Kills the program `kills` times at `point`, then has every key answered and checks the books.
    pub(crate) async fn run(point: &'static str, kills: usize) -> Tally {
        let setup = setup();
        let home = setup.home().await;
        home.providers.script(script(point));
        let files = OwnerFiles::load(&home.folder.path().join("infra")).unwrap();
        let mut campaign = Self { point, setup, home, files, keys: Vec::new(), rounds: 0, kills: 0 };
        while campaign.kills < kills {
            assert!(campaign.rounds < kills * MOST_ROUNDS, "{point}: {} kills were confirmed", campaign.kills);
            campaign.kill_once().await;
        }
        campaign.answer_all().await;
        campaign.sweep().await;
        campaign.settle_up()
    }

    /// Starts the program, has it die at the point and looks at what it left.
    async fn kill_once(&mut self) {
        let at = 1 + self.rounds % 5;
        self.rounds += 1;
        self.setup.environment = vec![("FARTHING_KILL_AT", format!("{}:{at}", self.point))];
        let mut server = self.setup.start_in(&self.home);
        let first_new = self.keys.len();
        // A request may end without coming by the point: as long as the process lives, more are sent.
        for _ in 0..10 {
            let wave = self.wave();
            if self.ask(&server, &wave).await {
                break;
            }
        }
        self.check_death(&mut server).await;
        let books = Books::of_copy(&self.data());
        books.check_balance();
        let sends = self.sends();
        // Of a repeated key the rows may tell of an earlier kill.
        let mut new = first_new..self.keys.len();
        self.kills += usize::from(new.any(|number| self.confirms(&books, number, sends[number].0)));
    }

    /// The numbers of the keys that are asked next: new ones, and a few that had no answer yet.
    fn wave(&mut self) -> Vec<usize> {
        let due: Vec<usize> = (0..self.keys.len()).filter(|number| self.keys[*number].is_due()).take(REPEATS).collect();
        let first_new = self.keys.len();
        self.keys.extend((first_new..first_new + IN_WORK - due.len()).map(Key::new));
        (first_new..self.keys.len()).chain(due).collect()
    }

    /// Asks the keys, one shortly after the other, and says whether the process died meanwhile.
    async fn ask(&mut self, server: &Server, numbers: &[usize]) -> bool {
        let client = reqwest::Client::new();
        let url = format!("{}/api/agents", server.url);
        let replies = join_all(numbers.iter().enumerate().map(|(place, number)| {
            let key = &self.keys[*number];
            let request = client.post(&url).header("Idempotency-Key", key.name()).body(key.body());
            async move {
                tokio::time::sleep(Duration::from_millis(8 * place as u64)).await;
                Answered::to(request).await.ok()
            }
        }))
        .await;
        for (number, reply) in numbers.iter().zip(&replies) {
            self.keys[*number].note(reply.as_ref());
        }
        replies.iter().any(Option::is_none)
    }

    /// Checks that the process was killed by signal 9, at the point.
    async fn check_death(&self, server: &mut Server) {
        let mut status = server.process.try_wait().unwrap();
        for _ in 0..100 {
            if status.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            status = server.process.try_wait().unwrap();
        }
        let status = status.unwrap_or_else(|| panic!("{}: the point is not reached", self.point));
        let mut words = String::new();
        server.process.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        assert_eq!(status.signal(), Some(9), "{}: {status}: {words}", self.point);
        assert!(words.contains(&format!("killed at {}", self.point)), "{}: {words}", self.point);
    }

    /// Whether what is left of a key shows that its request can have died at the point.
    fn confirms(&self, books: &Books, number: usize, sends: usize) -> bool {
        let key = &self.keys[number];
        let Some(request) = books.requests.get(&key.hash()) else { return self.point == "before-acquire" };
        let is_in_work = !key.is_answered() && request.state == "inprog";
        let own: Vec<&Attempt> = request.attempts.iter().filter(|attempt| attempt.owner == request.owner).collect();
        let is_pending = own.iter().any(|attempt| attempt.is_pending());
        let unsent = may_be_sent(request).saturating_sub(sends);
        match self.point {
            "after-acquire" | "before-reserve" => is_in_work && own.is_empty(),
            "after-reserve" | "before-send" => is_in_work && is_pending && unsent > 0,
            "after-send" | "before-receive" | "after-receive" | "before-settle" => {
                is_in_work && is_pending && unsent == 0
            }
            "after-settle" | "before-done" => is_in_work && !own.is_empty() && !is_pending,
            "after-done" => !key.is_answered() && request.state != "inprog",
            _ => false,
        }
    }

    /// Has every key answered, then asks each once more, for the same answer.
    async fn answer_all(&mut self) {
        self.setup.environment.clear();
        let server = self.setup.start_in(&self.home);
        for _ in 0..200 {
            let open: Vec<usize> = (0..self.keys.len()).filter(|number| !self.keys[*number].is_answered()).collect();
            if open.is_empty() {
                break;
            }
            let due: Vec<usize> = open.into_iter().filter(|number| self.keys[*number].is_due()).take(IN_WORK).collect();
            if due.is_empty() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert!(!self.ask(&server, &due).await, "{}: the process died by itself", self.point);
        }
        let all: Vec<usize> = (0..self.keys.len()).collect();
        for some in all.chunks(IN_WORK) {
            assert!(!self.ask(&server, some).await, "{}: the process died by itself", self.point);
        }
        let open = self.keys.iter().filter(|key| !key.is_answered()).count();
        assert_eq!(open, 0, "{}: keys without an answer", self.point);
        assert!(self.keys.iter().all(|key| key.times_answered > 0));
    }

    /// Expires what the killed processes left, as the sweeper does some minutes later.
    async fn sweep(&self) {
        let database = EmbeddedDynamo::open(&self.data().join("dynamodb.sqlite")).unwrap();
        let budget = &self.files.policy.budget;
        let prices = self.files.registry.price_version();
        let config = LedgerConfig::new(budget.monthly_usd, budget.stop_percent, &prices);
        let ledger = DynamoLedger::new(Table::over(database, "farthing"), config);
        let later = SystemClock.now().plus(Duration::from_secs(300));
        for month in Books::of_copy(&self.data()).months.keys() {
            let swept = ledger.sweep(Month::parse(month).unwrap(), later).await.unwrap();
            assert_eq!(swept.pending, 0, "{}: left pending", self.point);
        }
    }

    /// Holds the books against the provider's meter, key by key.
    fn settle_up(self) -> Tally {
        let books = Books::of_copy(&self.data());
        books.check_balance();
        assert!(books.months.values().all(|month| month.reserved == 0), "{}: {:?}", self.point, books.months);
        let envelope = Usd::parse(ENVELOPE).unwrap().nanos();
        let sends = self.sends();
        for (key, (sent, billed)) in self.keys.iter().zip(&sends) {
            let (name, request) = (key.name(), &books.requests[&key.hash()]);
            assert_ne!(request.state, "inprog", "{name}");
            assert_eq!(request.envelope(), envelope, "{name}: {request:?}");
            assert!(request.charged() <= envelope, "{name}: {request:?}");
            assert!(request.charged() >= *billed, "{name} was billed {billed}: {request:?}");
            assert!(*sent <= may_be_sent(request), "{name} was sent {sent} times: {request:?}");
        }
        assert_eq!(books.requests.len(), self.keys.len());
        let metered = self.home.providers.cost(|model| price_of(&self.files, model));
        assert!(books.settled() >= metered.nanos());
        let over_limit = self.keys.iter().filter(|key| key.is_over_its_limit()).count();
        assert!(over_limit > 0, "{}: no key came to its limit, so that it was not tried", self.point);
        Tally {
            point: self.point,
            kills: self.kills,
            unconfirmed: self.rounds - self.kills,
            requests: self.keys.iter().map(|key| key.times_asked).sum(),
            sends: self.home.providers.calls(),
            settled: Usd::from_nanos(books.settled()),
            metered,
            keys: self.keys.len(),
            over_limit,
        }
    }

    /// For each key, how often the provider was called for it and what it bills.
    fn sends(&self) -> Vec<(usize, Nanos)> {
        let (calls, meter) = (self.home.providers.requests(), self.home.providers.meter());
        assert_eq!(calls.len(), meter.bills().len(), "no reply of these scripts is free");
        let mut sends = vec![(0, 0); self.keys.len()];
        for (call, bill) in calls.iter().zip(meter.bills()) {
            let of_key = &mut sends[Key::number_in(call.last_user_message())];
            of_key.0 += 1;
            of_key.1 += price_of(&self.files, &bill.model).cost(bill.input_tokens, bill.output_tokens).nanos();
        }
        sends
    }

    fn data(&self) -> PathBuf {
        self.home.folder.path().join("data")
    }
}

/// How many calls there can have been, by the rows.
fn may_be_sent(request: &Request) -> usize {
    request.attempts.iter().filter(|attempt| attempt.may_be_sent()).count()
}

/// One paid step for every query, leases of five seconds, and limits that a few calls use up.
fn setup() -> Setup {
    let mut setup = Setup::new()
        .policy("per_request_usd = \"0.05\"", format!("per_request_usd = \"{ENVELOPE}\""))
        .policy("local = \"always\"", "local = \"never\"")
        .policy("local = \"when_confident\"", "local = \"never\"")
        .policy("\"deepseek-chat\", \"claude-sonnet\"", "\"deepseek-chat\"")
        .policy("\"claude-sonnet\", \"gpt-4o\"", "\"deepseek-chat\"")
        .policy("request_ms = 26000", "request_ms = 2000")
        .policy("step_ms = 20000", "step_ms = 1000")
        .policy("margin_ms = 2000", "margin_ms = 300")
        .policy("breaker_failures = 5", "breaker_failures = 1000000");
    setup.keeps_stderr = true;
    setup
}

/// Replies that take up to a tenth of a second, so that requests are at various points at once.
/// One key in ten never gets a usable one. For the kills during a call, they take longer.
fn script(point: &str) -> Script {
    let shape = |reply: Reply, ms: u64| match point {
        "after-send" => reply.after(250 + ms),
        "before-receive" => reply.halting(250 + ms),
        _ => reply.after(ms),
    };
    let good = || Reply::counted(GOOD_ANSWER);
    let script = (0..10).filter(|digit| *digit != 5).fold(Script::always(good()), |script, digit| {
        script.when_contains(&format!("{digit}."), shape(good(), digit * 10))
    });
    script.when_contains("5.", shape(Reply::NoUsage, 50))
}

impl Tally {
    pub(crate) const HEAD: &str =
        "point           kills (unconfirmed)  requests  sends  settled $  metered $  ratio  keys (over limit)";
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio = self.settled.as_dollars() / self.metered.as_dollars();
        write!(
            f,
            "{:<15} {:>5} {:>13} {:>9} {:>6} {:>10} {:>10} {:>6.2} {:>5} {:>12}",
            self.point,
            self.kills,
            self.unconfirmed,
            self.requests,
            self.sends,
            self.settled,
            self.metered,
            ratio,
            self.keys,
            self.over_limit
        )
    }
}
