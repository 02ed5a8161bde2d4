//! Jobs in memory, as simple as they can be.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use farthing_domain::jobs::{Job, JobClaim, JobRefused, JobResult};
use farthing_domain::ports::{Jobs, StoreError};
use farthing_domain::time::{Timestamp, Week};

/// Jobs behind one lock, to compare others with.
#[derive(Debug, Default)]
pub struct OracleJobs {
    records: Mutex<HashMap<(Job, Week), Record>>,
}

#[derive(Debug)]
struct Record {
    held_by: JobClaim,
    result: Option<JobResult>,
}

impl OracleJobs {
    fn records(&self) -> MutexGuard<'_, HashMap<(Job, Week), Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Jobs for OracleJobs {
    async fn begin(&self, claim: &JobClaim, now: Timestamp) -> Result<(), JobRefused> {
        let mut records = self.records();
        if let Some(Record { held_by, result }) = records.get(&(claim.job, claim.week)) {
            if let Some(result) = result {
                return Err(JobRefused::Done(result.clone()));
            }
            if held_by.owner != claim.owner && now <= held_by.lease {
                return Err(JobRefused::Running { retry_after: held_by.lease.since(now) });
            }
        }
        records.insert((claim.job, claim.week), Record { held_by: claim.clone(), result: None });
        Ok(())
    }

    async fn finish(&self, claim: &JobClaim, result: &JobResult) -> Result<bool, StoreError> {
        let mut records = self.records();
        let Some(record) = records.get_mut(&(claim.job, claim.week)) else { return Ok(false) };
        if record.held_by.owner != claim.owner {
            return Ok(false);
        }
        Ok(record.result.get_or_insert_with(|| result.clone()) == result)
    }
}
