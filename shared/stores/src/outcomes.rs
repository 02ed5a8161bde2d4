//! The outcome log on DynamoDB.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use farthing_domain::complexity::Tier;
use farthing_domain::ids::RequestId;
use farthing_domain::money::Usd;
use farthing_domain::outcome::{Origin, Outcome, Summary, score_bin};
use farthing_domain::ports::{OutcomeLog, StoreError};
use farthing_domain::time::Month;

use crate::item::{Item, Malformed, TTL, fraction, get_number, item, key, number, text};
use crate::retry::{BoxError, NotDone, failed, transact};
use crate::table::Table;

/// A day's sums are spread over this many items, so that no one item takes every request.
const SHARDS: u8 = 4;
/// How long single outcomes are kept; the sums stay.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);
/// The names of the score histogram's counters.
const BINS: [&str; 20] = [
    "bin_00", "bin_01", "bin_02", "bin_03", "bin_04", "bin_05", "bin_06", "bin_07", "bin_08", "bin_09", "bin_10",
    "bin_11", "bin_12", "bin_13", "bin_14", "bin_15", "bin_16", "bin_17", "bin_18", "bin_19",
];

/// The outcome log, in a [`Table`]: an item for each request, and sums for each day.
#[derive(Clone, Debug)]
pub struct DynamoOutcomes {
    table: Table,
}

impl DynamoOutcomes {
    /// The log in `table`.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// Writes the outcome and adds to the sums in one transaction, if the outcome is new.
    async fn write(&self, outcome: &Outcome) -> Result<(), BoxError> {
        let put = Put::builder()
            .table_name(self.table.name())
            .set_item(Some(row(outcome)))
            .condition_expression("attribute_not_exists(PK)")
            .build()?;
        let counted = counters(outcome);
        let terms: Vec<String> = (0..counted.len()).map(|at| format!("#c{at} :c{at}")).collect();
        let mut add = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(sums_key(&outcome.at.day(), shard(&outcome.request))))
            .update_expression(format!("ADD {}", terms.join(", ")));
        for (at, (name, by)) in counted.into_iter().enumerate() {
            add = add
                .expression_attribute_names(format!("#c{at}"), name)
                .expression_attribute_values(format!(":c{at}"), number(by));
        }
        let writes =
            [TransactWriteItem::builder().put(put).build(), TransactWriteItem::builder().update(add.build()?).build()];
        match transact(&self.table, &ulid::Ulid::new().to_string(), &writes).await {
            Ok(()) => Ok(()),
            Err(NotDone::Conditions(reasons)) if failed(&reasons, 0) => Ok(()),
            Err(not_done) => Err(not_done.into_cause()),
        }
    }

    async fn sum(&self, month: Month) -> Result<Summary, BoxError> {
        let day = Duration::from_secs(24 * 3_600);
        let days = std::iter::successors(Some(month.start()), |start| Some(start.plus(day)));
        let keys: Vec<Item> = days
            .take_while(|start| *start < month.resets_at())
            .flat_map(|start| (0..SHARDS).map(move |shard| sums_key(&start.day(), shard)))
            .collect();
        let mut summary = Summary::default();
        for sums in self.table.get_many(keys).await? {
            add_to(&mut summary, &sums)?;
        }
        Ok(summary)
    }
}

#[async_trait]
impl OutcomeLog for DynamoOutcomes {
    async fn record(&self, outcome: &Outcome) -> Result<(), StoreError> {
        self.write(outcome).await.map_err(store_error)
    }

    async fn has(&self, day: &str, request: &RequestId) -> Result<bool, StoreError> {
        let item = self.table.get(&outcome_key(day, request), true).await.map_err(store_error)?;
        Ok(item.is_some())
    }

    async fn summary(&self, month: Month) -> Result<Summary, StoreError> {
        self.sum(month).await.map_err(store_error)
    }
}

fn store_error(cause: BoxError) -> StoreError {
    StoreError { store: "outcome", cause }
}

fn outcome_key(day: &str, request: &RequestId) -> Item {
    key(&format!("OUTCOME#{day}"), request.as_str())
}

fn sums_key(day: &str, shard: u8) -> Item {
    key(&format!("METRIC#{day}"), &format!("S{shard}"))
}

/// The shard that a request's outcome is added to: always the same one.
fn shard(request: &RequestId) -> u8 {
    request.as_str().bytes().fold(0, u8::wrapping_add) % SHARDS
}

fn row(outcome: &Outcome) -> Item {
    let Outcome { request, at, agent, tier, confidence, origin, model, score, .. } = outcome;
    let Outcome { escalated, shadow_score, cost, baseline, latency_ms, error, .. } = outcome;
    let mut row = outcome_key(&at.day(), request);
    row.extend(item([
        ("at_ms", number(at.millis())),
        ("agent", text(agent.as_str())),
        ("origin", text(origin.as_str())),
        ("escalated", AttributeValue::Bool(*escalated)),
        ("cost", number(cost.nanos())),
        ("baseline", number(baseline.nanos())),
        ("latency_ms", AttributeValue::N(latency_ms.to_string())),
        (TTL, number(at.plus(KEPT).seconds())),
    ]));
    let optional = [
        ("tier", tier.map(|tier| text(tier.as_str()))),
        ("confidence", fraction(*confidence)),
        ("model", model.as_ref().map(|model| text(model.as_str()))),
        ("score", score.and_then(fraction)),
        ("shadow_score", shadow_score.and_then(fraction)),
        ("error", error.map(text)),
    ];
    row.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    row
}

/// The counters that the outcome adds to, and by how much.
fn counters(outcome: &Outcome) -> Vec<(&'static str, i64)> {
    let mut counters = vec![
        ("total", 1),
        (outcome.origin.as_str(), 1),
        ("cost", outcome.cost.nanos()),
        ("baseline", outcome.baseline.nanos()),
    ];
    counters.extend(outcome.tier.map(|tier| (tier_counter(tier), 1)));
    if let Some(score) = outcome.score.filter(|score| score.is_finite()) {
        let millis = (score.clamp(0.0, 1.0) * 1_000.0).round() as i64;
        counters.extend([("scored", 1), ("score_millis", millis), (BINS[score_bin(score)], 1)]);
    }
    counters
}

const fn tier_counter(tier: Tier) -> &'static str {
    match tier {
        Tier::Simple => "tier_simple",
        Tier::Medium => "tier_medium",
        Tier::High => "tier_high",
        Tier::Creative => "tier_creative",
    }
}

fn add_to(summary: &mut Summary, sums: &Item) -> Result<(), Malformed> {
    let count = |name: &'static str| if sums.contains_key(name) { get_number::<u64>(sums, name) } else { Ok(0) };
    let money = |name: &'static str| count(name).map(|nanos| Usd::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX)));
    summary.total += count("total")?;
    for (origin, sum) in [
        (Origin::Local, &mut summary.local),
        (Origin::Paid, &mut summary.paid),
        (Origin::Cached, &mut summary.cached),
        (Origin::Refused, &mut summary.refused),
        (Origin::Failed, &mut summary.failed),
    ] {
        *sum += count(origin.as_str())?;
    }
    for (tier, sum) in Tier::ALL.into_iter().zip(&mut summary.by_tier) {
        *sum += count(tier_counter(tier))?;
    }
    summary.cost = summary.cost.saturating_add(money("cost")?);
    summary.baseline = summary.baseline.saturating_add(money("baseline")?);
    summary.score_millis += count("score_millis")?;
    summary.scored += count("scored")?;
    for (bin, sum) in BINS.into_iter().zip(&mut summary.score_histogram) {
        *sum += count(bin)?;
    }
    Ok(())
}
