//! What a world is made of, drawn from its seed.

use std::time::Duration;

use farthing_domain::complexity::Tier;
use farthing_domain::money::Usd;
use farthing_domain::time::Timestamp;

use crate::chance::Chance;

/// The most that one key may cost.
pub const ENVELOPE: Usd = Usd::from_nanos(50_000_000);

/// Instants, in true time, around which a world may begin: the middle of a month, the end of one
/// month, of a year and of a February with 29 days.
const STARTS: [i64; 4] = [1_795_132_800_000, 1_796_083_200_000, 1_798_761_600_000, 1_835_481_600_000];

/// A world's plan. Which kinds of faults there are differs from world to world, so that rare
/// combinations meet in some of them (swarm testing: Groce et al., ISSTA 2012).
#[derive(Clone, Debug)]
pub struct Plan {
    /// The true time at which it begins.
    pub start: Timestamp,
    /// The month's cap; spending stops at 95 % of it.
    pub cap: Usd,
    /// Unknown usage from this amount up may stop the month.
    pub unknown_allowance: Usd,
    /// Processes at first; a killed one is replaced when it is called again.
    pub processes: usize,
    /// Who asks what, and when.
    pub customers: Vec<Customer>,
    /// When a sweeper runs, in milliseconds from the start, besides those that gateways run.
    pub sweeps_ms: Vec<u64>,
    /// When the weekly job's event is delivered, in milliseconds from the start.
    pub weekly_events_ms: Vec<u64>,
    /// How far a clock may be off, either way.
    pub skew: Duration,
    /// Whether invocations are ended from outside after 29 seconds, as functions are.
    pub is_lambda: bool,
    /// Whether providers take long for every call.
    pub is_slow: bool,
    /// Whether clocks jump back during the world.
    pub clocks_step_back: bool,
    /// Whether processes that start later come with other prices.
    pub prices_change: bool,
    /// What goes wrong.
    pub faults: Faults,
}

/// One who asks.
#[derive(Clone, Debug)]
pub struct Customer {
    /// The key that is sent along, if one is.
    pub key: Option<u32>,
    /// Which body the key comes with; other customers with the same key may send another.
    pub body: u8,
    /// When the first try is sent, in milliseconds from the start.
    pub at_ms: u64,
    /// How often the customer tries.
    pub tries: u32,
    /// After how many milliseconds without a reply the next try is sent.
    pub patience_ms: u64,
    /// How hard the question is.
    pub tier: Tier,
    /// The longest answer.
    pub max_output_tokens: u32,
    /// The most that it may cost.
    pub max_cost: Usd,
}

/// What goes wrong: how often, in a thousand.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The database refuses for load.
    pub throttle: u32,
    /// The database refuses for another transaction.
    pub conflict: u32,
    /// A call to the database does not arrive.
    pub lost_request: u32,
    /// A call to the database is done and nobody hears of it.
    pub lost_reply: u32,
    /// The database breaks, before or after it did what was asked.
    pub failure: u32,
    /// A call to the database arrives late, perhaps after its caller gave up.
    pub stall: u32,
    /// The time in which the database answers nobody.
    pub outage_ms: Option<(u64, u64)>,
    /// A process dies at a step of its.
    pub kill: u32,
    /// How often, in a thousand times that it is looked at, the index follows the table only later.
    pub index_lag: u32,
    /// A process is frozen for minutes when a provider has replied, as a closed laptop is.
    pub freeze: u32,
    /// The most that lies between an invocation's start and its work, in milliseconds.
    pub late_start_ms: u64,
    /// A call to a provider ends in one of `provider_fates`.
    pub provider: u32,
    /// How a call to a provider may end, besides well.
    pub provider_fates: Vec<Fate>,
    /// A provider charges more than a call can cost.
    pub overcharge: u32,
    /// Answers do not pass validation, and the next step is tried.
    pub low_scores: u32,
}

/// How a call to a provider ends, when it does not end well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing is heard; it worked and charges, or it did not.
    Silence,
    /// The connection is reset; it worked and charges, or it did not.
    Reset,
    /// 429.
    RateLimited,
    /// 5xx; it worked and charges, or it did not.
    ServerError,
    /// The reply is cut off; it charges.
    Truncated,
    /// The reply has no usage figures; it charges.
    NoUsage,
    /// A refusal to answer, with usage figures; it charges.
    Unusable,
    /// 400.
    Rejected,
    /// 401.
    Unauthorized,
    /// No connection.
    Unreachable,
    /// The reply comes when nobody waits any more; it charges.
    TooLate,
}

impl Fate {
    const ALL: [Self; 11] = [
        Self::Silence,
        Self::Reset,
        Self::RateLimited,
        Self::ServerError,
        Self::Truncated,
        Self::NoUsage,
        Self::Unusable,
        Self::Rejected,
        Self::Unauthorized,
        Self::Unreachable,
        Self::TooLate,
    ];
}

impl Plan {
    /// The plan of the world with this seed.
    pub(crate) fn draw(chance: &Chance) -> Self {
        let is_race = chance.happens(150);
        let requests = if is_race { chance.between(4, 12) } else { chance.between(1, 7) };
        let keys = chance.between(1, 3);
        let rush_ms = if is_race { 50 } else { chance.pick(&[2_000, 15_000, 60_000]) };
        let mut customers: Vec<Customer> =
            (0..requests).map(|_| Customer::draw(chance, keys, rush_ms, is_race)).collect();
        repeat_bodies(&mut customers);
        let before_rollover = chance.between(0, 90_000);
        let skew = chance.pick(&[0, 0, 0, 2, 14, 28, 120]);
        Self {
            start: Timestamp::from_millis(chance.pick(&STARTS)).minus(Duration::from_millis(before_rollover)),
            cap: Usd::from_nanos(chance.pick(&[20, 40, 70, 120, 250, 5_000]) * 1_000_000),
            unknown_allowance: Usd::from_nanos(chance.pick(&[20_000_000, 1_000_000_000])),
            processes: usize::try_from(chance.between(1, 3)).unwrap_or(1),
            customers,
            sweeps_ms: (0..chance.between(0, 4)).map(|_| chance.between(0, 240_000)).collect(),
            weekly_events_ms: if chance.happens(200) {
                (0..chance.between(1, 3)).map(|_| chance.between(0, 60_000)).collect()
            } else {
                Vec::new()
            },
            skew: Duration::from_secs(skew),
            is_lambda: chance.happens(600),
            is_slow: chance.happens(150),
            clocks_step_back: chance.happens(100),
            prices_change: chance.happens(60),
            faults: Faults::draw(chance),
        }
    }
}

impl Plan {
    /// Whether nothing goes wrong that could leave a charge unknown.
    pub(crate) fn is_calm(&self) -> bool {
        let faults = &self.faults;
        let network = [faults.throttle, faults.conflict, faults.lost_request, faults.lost_reply];
        let others = [faults.failure, faults.stall, faults.kill, faults.freeze, faults.provider];
        let is_quiet = network.into_iter().chain(others).all(|rate| rate == 0) && faults.outage_ms.is_none();
        // Where calls take long, or come one after the other, the last of them may run out of time.
        let is_quick = !self.is_slow && faults.low_scores == 0 && faults.late_start_ms < 1_000;
        is_quiet && is_quick && self.skew.is_zero() && !self.clocks_step_back
    }
}

/// Customers who send the same body with the same key ask for the same.
fn repeat_bodies(customers: &mut [Customer]) {
    for at in 1..customers.len() {
        let (before, rest) = customers.split_at_mut(at);
        let this = &mut rest[0];
        if let Some(first) = before.iter().find(|other| (other.key, other.body) == (this.key, this.body)) {
            (this.tier, this.max_output_tokens, this.max_cost) = (first.tier, first.max_output_tokens, first.max_cost);
        }
    }
}

impl Customer {
    fn draw(chance: &Chance, keys: u64, rush_ms: u64, is_race: bool) -> Self {
        let has_key = chance.happens(if is_race { 300 } else { 800 });
        let body = u8::from(chance.happens(30));
        Self {
            key: has_key.then(|| u32::try_from(chance.between(1, keys)).unwrap_or(1)),
            body,
            at_ms: chance.between(0, rush_ms),
            tries: u32::try_from(chance.pick(&[1, 2, 3, 8])).unwrap_or(1),
            patience_ms: chance.pick(&[1_500, 8_000, 30_000]),
            tier: chance.pick(&[Tier::Medium, Tier::Medium, Tier::High]),
            max_output_tokens: u32::try_from(chance.pick(&[100, 512, 512, 4_000])).unwrap_or(512),
            max_cost: chance.pick(&[ENVELOPE, ENVELOPE, Usd::from_nanos(20_000_000)]),
        }
    }
}

impl Faults {
    fn draw(chance: &Chance) -> Self {
        let kind = |most: u64| if chance.happens(350) { rate(chance.between(1, most)) } else { 0 };
        let is_troubled = chance.happens(600);
        let fates: Vec<Fate> = Fate::ALL.into_iter().filter(|_| chance.happens(400)).collect();
        let outage_from = chance.between(0, 30_000);
        Self {
            throttle: kind(150),
            conflict: kind(250),
            lost_request: kind(120),
            lost_reply: kind(150),
            failure: kind(120),
            stall: kind(100),
            outage_ms: chance.happens(80).then(|| (outage_from, outage_from + chance.between(500, 20_000))),
            kill: kind(60),
            index_lag: if chance.happens(300) { rate(chance.pick(&[300, 600, 970])) } else { 0 },
            freeze: kind(120),
            late_start_ms: chance.pick(&[0, 0, 200, 9_000]),
            provider: if is_troubled && !fates.is_empty() { rate(chance.between(50, 700)) } else { 0 },
            provider_fates: fates,
            overcharge: if chance.happens(50) { rate(chance.between(20, 300)) } else { 0 },
            low_scores: kind(600),
        }
    }
}

fn rate(per_mille: u64) -> u32 {
    u32::try_from(per_mille).unwrap_or(1_000)
}
