//! The leases of weekly jobs, on DynamoDB.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use farthing_domain::jobs::{JobClaim, JobRefused, JobResult};
use farthing_domain::ports::{Jobs, StoreError};
use farthing_domain::time::Timestamp;

use crate::conditional::{Updated, send_update};
use crate::item::{Item, Malformed, get_number, get_text, key, number, text};
use crate::retry::BoxError;
use crate::table::Table;

/// A job that is being done.
const RUNNING: &str = "running";
/// A job that was done.
const DONE: &str = "done";

/// The leases of weekly jobs, in a [`Table`].
#[derive(Clone, Debug)]
pub struct DynamoJobs {
    table: Table,
}

impl DynamoJobs {
    /// The jobs in `table`.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    fn update(&self, claim: &JobClaim) -> UpdateItemFluentBuilder {
        let update = self.table.client().update_item().table_name(self.table.name());
        update
            .set_key(Some(key(&format!("JOB#{}", claim.job.as_str()), &claim.week.to_string())))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .expression_attribute_names("#st", "st")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":running", text(RUNNING))
            .expression_attribute_values(":me", text(claim.owner.as_str()))
    }
}

#[async_trait]
impl Jobs for DynamoJobs {
    async fn begin(&self, claim: &JobClaim, now: Timestamp) -> Result<(), JobRefused> {
        let update = self
            .update(claim)
            .update_expression("SET #st = :running, #owner = :me, #lease = :lease")
            .condition_expression("attribute_not_exists(PK) OR (#st = :running AND (#owner = :me OR #lease < :now))")
            .expression_attribute_names("#lease", "lease")
            .expression_attribute_values(":lease", number(claim.lease.millis()))
            .expression_attribute_values(":now", number(now.millis()));
        match send_update(&self.table, update).await.map_err(store_error)? {
            Updated::Yes => Ok(()),
            Updated::No(None) => Err(store_error("a job was refused without its item".into()).into()),
            Updated::No(Some(item)) => {
                Err(why_refused(&item, now).unwrap_or_else(|malformed| store_error(malformed.into()).into()))
            }
        }
    }

    async fn finish(&self, claim: &JobClaim, result: &JobResult) -> Result<bool, StoreError> {
        let update = self
            .update(claim)
            .update_expression("SET #st = :done, #result = :result")
            .condition_expression("#st = :running AND #owner = :me")
            .expression_attribute_names("#result", "result")
            .expression_attribute_values(":done", text(DONE))
            .expression_attribute_values(":result", text(result.as_str()));
        match send_update(&self.table, update).await.map_err(store_error)? {
            Updated::Yes => Ok(true),
            Updated::No(None) => Ok(false),
            // Our own earlier try may have ended it.
            Updated::No(Some(item)) => {
                is_ended_so(&item, claim, result).map_err(|malformed| store_error(malformed.into()))
            }
        }
    }
}

fn why_refused(item: &Item, now: Timestamp) -> Result<JobRefused, Malformed> {
    if get_text(item, "st")? == RUNNING {
        let lease = Timestamp::from_millis(get_number(item, "lease")?);
        return Ok(JobRefused::Running { retry_after: lease.since(now) });
    }
    let result = JobResult::parse(get_text(item, "result")?).map_err(|_| Malformed("result"))?;
    Ok(JobRefused::Done(result))
}

fn is_ended_so(item: &Item, claim: &JobClaim, result: &JobResult) -> Result<bool, Malformed> {
    Ok(get_text(item, "st")? == DONE
        && get_text(item, "owner")? == claim.owner.as_str()
        && get_text(item, "result")? == result.as_str())
}

fn store_error(cause: BoxError) -> StoreError {
    StoreError { store: "job", cause }
}
