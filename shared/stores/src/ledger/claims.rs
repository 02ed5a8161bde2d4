//! Claims on request keys.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use farthing_domain::ledger::{Claim, ClaimRefused, ClaimRequest, Finish, LedgerUnavailable, StoredReply};
use farthing_domain::time::Timestamp;

use super::rows::{get_money, money, names, prices_key, request_key};
use super::{DynamoLedger, unavailable};
use crate::conditional::{Updated, send_update};
use crate::item::{Item, Malformed, bytes, get_bytes, get_number, get_text, number, text};

/// A request that is being answered.
pub(super) const IN_PROGRESS: &str = "inprog";
/// A request that was answered.
const DONE: &str = "done";
/// A request whose answer is an error.
const FAILED: &str = "failed";

impl DynamoLedger {
    pub(super) async fn acquire_claim(&self, request: ClaimRequest) -> Result<Claim, ClaimRefused> {
        let ClaimRequest { claim, envelope, payload_hash, now } = request;
        if !self.table.server_clock().has_replied() {
            self.table.get(&prices_key(), false).await.map_err(LedgerUnavailable)?;
        }
        // Leases are kept in the service's time. By their own clocks two processes that differ would
        // both hold a key: the one ahead would take it over before the other is done.
        let clock = self.table.server_clock();
        let (lease, now) = (clock.theirs(claim.lease, now), clock.theirs(now, now));
        // An update and not a put: whoever takes a key over finds what is left of its envelope.
        let update = self
            .update_request(&claim)
            .update_expression(
                "SET #ow = :me, #lease = :l, #st = :inprog, #env = if_not_exists(#env, :env), \
                 #hash = if_not_exists(#hash, :h)",
            )
            .condition_expression(
                "attribute_not_exists(PK) OR (#st = :inprog AND #hash = :h AND (#ow = :me OR #lease < :now))",
            )
            .set_expression_attribute_names(Some(names([
                ("#ow", "ow"),
                ("#lease", "lease_ms"),
                ("#st", "st"),
                ("#env", "env"),
                ("#hash", "payload_hash"),
            ])))
            .expression_attribute_values(":me", text(claim.owner.as_str()))
            .expression_attribute_values(":l", number(lease.millis().max(1)))
            .expression_attribute_values(":inprog", text(IN_PROGRESS))
            .expression_attribute_values(":env", money(envelope))
            .expression_attribute_values(":h", bytes(payload_hash))
            .expression_attribute_values(":now", number(now.millis()));
        match self.send(update).await? {
            Updated::Yes => Ok(claim),
            Updated::No(None) => Err(unavailable("a claim was refused without its item").into()),
            Updated::No(Some(item)) => Err(why_refused(&item, &payload_hash, now)
                .unwrap_or_else(|malformed| ClaimRefused::Unavailable(unavailable(malformed)))),
        }
    }

    pub(super) async fn finish_claim(&self, finish: Finish) -> Result<bool, LedgerUnavailable> {
        let Finish { claim, reply, forget_at } = finish;
        let state = if reply.as_ref().is_some_and(|reply| reply.status >= 400) { FAILED } else { DONE };
        let mut update = self
            .update_request(&claim)
            .condition_expression("#st = :inprog AND #ow = :me")
            .set_expression_attribute_names(Some(names([("#ow", "ow"), ("#st", "st"), ("#ttl", "ttl")])))
            .expression_attribute_values(":me", text(claim.owner.as_str()))
            .expression_attribute_values(":inprog", text(IN_PROGRESS))
            .expression_attribute_values(":done", text(state))
            .expression_attribute_values(":t", number(forget_at.seconds()));
        update = match reply {
            None => update.update_expression("SET #st = :done, #ttl = :t"),
            Some(reply) => update
                .update_expression("SET #st = :done, #ttl = :t, #resp = :b, #status = :s")
                .expression_attribute_names("#resp", "resp")
                .expression_attribute_names("#status", "resp_status")
                .expression_attribute_values(":b", bytes(reply.body))
                .expression_attribute_values(":s", number(i64::from(reply.status))),
        };
        match self.send(update).await? {
            Updated::Yes => Ok(true),
            Updated::No(None) => Ok(false),
            // Our own earlier try may have ended it.
            Updated::No(Some(item)) => {
                let state = get_text(&item, "st").map_err(unavailable)?;
                let owner = get_text(&item, "ow").map_err(unavailable)?;
                Ok(state != IN_PROGRESS && owner == claim.owner.as_str())
            }
        }
    }

    pub(super) async fn release_claim(&self, claim: &Claim) -> Result<(), LedgerUnavailable> {
        // 1 and not 0: a lease always is an instant, and this one is long past.
        let update = self
            .update_request(claim)
            .update_expression("SET #lease = :past")
            .condition_expression("#st = :inprog AND #ow = :me")
            .set_expression_attribute_names(Some(names([("#ow", "ow"), ("#st", "st"), ("#lease", "lease_ms")])))
            .expression_attribute_values(":me", text(claim.owner.as_str()))
            .expression_attribute_values(":inprog", text(IN_PROGRESS))
            .expression_attribute_values(":past", number(1));
        self.send(update).await.map(drop)
    }

    fn update_request(&self, claim: &Claim) -> UpdateItemFluentBuilder {
        let update = self.table.client().update_item().table_name(self.table.name());
        update
            .set_key(Some(request_key(claim)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    async fn send(&self, update: UpdateItemFluentBuilder) -> Result<Updated, LedgerUnavailable> {
        send_update(&self.table, update).await.map_err(LedgerUnavailable)
    }
}

fn why_refused(item: &Item, payload_hash: &[u8; 32], now: Timestamp) -> Result<ClaimRefused, Malformed> {
    if get_bytes(item, "payload_hash")? != payload_hash {
        return Ok(ClaimRefused::OtherPayload);
    }
    if get_text(item, "st")? == IN_PROGRESS {
        let lease = Timestamp::from_millis(get_number(item, "lease_ms")?);
        return Ok(ClaimRefused::InProgress { retry_after: lease.since(now) });
    }
    let body = get_bytes(item, "resp")?.to_vec();
    Ok(ClaimRefused::Done(StoredReply { status: get_number(item, "resp_status")?, body }))
}

/// What is left of a request's envelope.
pub(super) fn envelope_left(item: &Item) -> Result<farthing_domain::money::Usd, Malformed> {
    get_money(item, "env")
}

/// Whether the request is in progress and held by the claim's owner.
pub(super) fn is_held(item: &Item, claim: &Claim) -> Result<bool, Malformed> {
    Ok(get_text(item, "st")? == IN_PROGRESS && get_text(item, "ow")? == claim.owner.as_str())
}
