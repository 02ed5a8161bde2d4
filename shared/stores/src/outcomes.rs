//! The outcome log on DynamoDB.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use farthing_domain::complexity::Tier;
use farthing_domain::ids::{RequestId, Tenant};
use farthing_domain::money::Usd;
use farthing_domain::outcome::{Feedback, Origin, Outcome, Summary, score_bin};
use farthing_domain::ports::{OutcomeLog, Rated, SHARDS, StoreError};
use farthing_domain::time::Month;

use crate::item::{Item, Malformed, PK, SK, get_number, get_text, key, number, text};
use crate::retry::{BoxError, NotDone, failed, repeated, transact};
use crate::table::Table;

mod row;

/// Whose request it was.
const TENANT: &str = "tenant";
/// What was said of it.
const FEEDBACK: &str = "feedback";

/// A day's sums are spread over this many items, so that no one item takes every request.
const SUMS: u8 = 4;
/// How long single outcomes are kept; the sums stay.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);
/// How long after it was made a request may end.
const LONGEST: Duration = Duration::from_secs(60);
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
        let mut item = outcome_key(&outcome.at.day(), &outcome.request);
        item.extend(row::write(outcome)?);
        let put = Put::builder()
            .table_name(self.table.name())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(PK)")
            .build()?;
        let add = self.add(&outcome.at.day(), &outcome.request, &counters(outcome))?;
        let writes = [TransactWriteItem::builder().put(put).build(), add];
        match transact(&self.table, &ulid::Ulid::new().to_string(), &writes).await {
            Ok(()) => Ok(()),
            Err(NotDone::Conditions(reasons)) if failed(&reasons, 0) => Ok(()),
            Err(not_done) => Err(not_done.into_cause()),
        }
    }

    /// Adds to the sums of a day.
    fn add(
        &self,
        day: &str,
        request: &RequestId,
        counters: &[(&'static str, i64)],
    ) -> Result<TransactWriteItem, BoxError> {
        let terms: Vec<String> = (0..counters.len()).map(|at| format!("#c{at} :c{at}")).collect();
        let mut add = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(sums_key(day, shard(request) % SUMS)))
            .update_expression(format!("ADD {}", terms.join(", ")));
        for (at, (name, by)) in counters.iter().enumerate() {
            add = add
                .expression_attribute_names(format!("#c{at}"), *name)
                .expression_attribute_values(format!(":c{at}"), number(*by));
        }
        Ok(TransactWriteItem::builder().update(add.build()?).build())
    }

    async fn read_page(
        &self,
        day: &str,
        shard: u8,
        after: Option<&RequestId>,
        most: usize,
    ) -> Result<Vec<Outcome>, BoxError> {
        let query = self.table.client().query().table_name(self.table.name());
        let query = query
            .key_condition_expression(if after.is_some() { "#pk = :pk AND #sk > :after" } else { "#pk = :pk" })
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", text(shard_key(day, shard)))
            .limit(i32::try_from(most)?);
        let query = match after {
            Some(after) => {
                query.expression_attribute_names("#sk", SK).expression_attribute_values(":after", text(after.as_str()))
            }
            None => query,
        };
        let found = repeated(&self.table, || query.clone().send()).await?;
        Ok(found.items().iter().map(row::read).collect::<Result<_, _>>()?)
    }

    /// Notes what was said of a request that ended on `day`.
    async fn note(
        &self,
        day: &str,
        tenant: &Tenant,
        request: &RequestId,
        feedback: Feedback,
    ) -> Result<Rated, BoxError> {
        let note = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(outcome_key(day, request)))
            .update_expression("SET #said = :said")
            .condition_expression("attribute_exists(PK) AND #tenant = :tenant AND attribute_not_exists(#said)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .expression_attribute_names("#said", FEEDBACK)
            .expression_attribute_names("#tenant", TENANT)
            .expression_attribute_values(":said", text(feedback.as_str()))
            .expression_attribute_values(":tenant", text(tenant.as_str()))
            .build()?;
        let add = self.add(day, request, &[(feedback.as_str(), 1)])?;
        let writes = [TransactWriteItem::builder().update(note).build(), add];
        match transact(&self.table, &ulid::Ulid::new().to_string(), &writes).await {
            Ok(()) => Ok(Rated::Noted),
            Err(NotDone::Conditions(reasons)) if failed(&reasons, 0) => {
                let item = reasons.first().and_then(|reason| reason.item.as_ref());
                let Some(item) = item.filter(|item| !item.is_empty()) else { return Ok(Rated::Unknown) };
                if get_text(item, TENANT)? != tenant.as_str() {
                    return Ok(Rated::Unknown);
                }
                // Our own earlier try may have noted it.
                let said = row::feedback(get_text(item, FEEDBACK)?);
                Ok(if said == Some(feedback) { Rated::Noted } else { Rated::Otherwise })
            }
            Err(not_done) => Err(not_done.into_cause()),
        }
    }

    async fn sum(&self, month: Month) -> Result<Summary, BoxError> {
        let day = Duration::from_secs(24 * 3_600);
        let days = std::iter::successors(Some(month.start()), |start| Some(start.plus(day)));
        let keys: Vec<Item> = days
            .take_while(|start| *start < month.resets_at())
            .flat_map(|start| (0..SUMS).map(move |shard| sums_key(&start.day(), shard)))
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

    async fn page(
        &self,
        day: &str,
        shard: u8,
        after: Option<&RequestId>,
        most: usize,
    ) -> Result<Vec<Outcome>, StoreError> {
        self.read_page(day, shard, after, most).await.map_err(store_error)
    }

    async fn rate(&self, tenant: &Tenant, request: &RequestId, feedback: Feedback) -> Result<Rated, StoreError> {
        let Some(made) = request.time() else { return Ok(Rated::Unknown) };
        let (day, next) = (made.day(), made.plus(LONGEST).day());
        let noted = self.note(&day, tenant, request, feedback).await.map_err(store_error)?;
        if noted == Rated::Unknown && next != day {
            return self.note(&next, tenant, request, feedback).await.map_err(store_error);
        }
        Ok(noted)
    }

    async fn summary(&self, month: Month) -> Result<Summary, StoreError> {
        self.sum(month).await.map_err(store_error)
    }
}

fn store_error(cause: BoxError) -> StoreError {
    StoreError { store: "outcome", cause }
}

fn outcome_key(day: &str, request: &RequestId) -> Item {
    key(&shard_key(day, shard(request)), request.as_str())
}

fn shard_key(day: &str, shard: u8) -> String {
    format!("OUTCOME#{day}#{shard:02}")
}

fn sums_key(day: &str, shard: u8) -> Item {
    key(&format!("METRIC#{day}"), &format!("S{shard}"))
}

/// The part that a request's outcome is in: always the same one.
fn shard(request: &RequestId) -> u8 {
    request.as_str().bytes().fold(0, u8::wrapping_add) % SHARDS
}

/// The counters that the outcome adds to, and by how much.
fn counters(outcome: &Outcome) -> Vec<(&'static str, i64)> {
    let mut counters = vec![
        ("total", 1),
        (outcome.origin.as_str(), 1),
        ("cost", outcome.cost.nanos()),
        ("baseline", outcome.baseline.nanos()),
    ];
    counters.extend(outcome.tier().map(|tier| (tier_counter(tier), 1)));
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
    summary.helpful += count(Feedback::Helpful.as_str())?;
    summary.unhelpful += count(Feedback::Unhelpful.as_str())?;
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
