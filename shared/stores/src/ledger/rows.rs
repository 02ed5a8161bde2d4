//! Keys, tokens and states of the ledger's items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
pub(super) use farthing_domain::ledger::AttemptState;
use farthing_domain::ledger::Claim;
use farthing_domain::money::Usd;
use farthing_domain::time::Month;
use uuid::Uuid;

use crate::item::{Item, Malformed, get_number, get_text, key, number};

/// The namespace of attempts' tokens.
const TOKENS: Uuid = Uuid::from_bytes(*b"farthing.attempt");

/// What the sort keys of attempts begin with.
pub(super) const ATTEMPT_PREFIX: &str = "ATT#";

/// The month item's key.
pub(super) fn month_key(month: Month) -> Item {
    key(&format!("BUDGET#{month}"), "LEDGER")
}

/// The key of the item that names the prices the ledger goes by.
pub(super) fn prices_key() -> Item {
    key("BUDGET#PRICES", "LEDGER")
}

/// The key of the item that tells of the month's last sweep.
pub(super) fn sweep_key(month: Month) -> Item {
    key(&format!("BUDGET#{month}"), "SWEEP")
}

/// The request item's key.
pub(super) fn request_key(claim: &Claim) -> Item {
    key(&request_pk(claim), "META")
}

fn request_pk(claim: &Claim) -> String {
    format!("REQ#{}#{}", claim.tenant, claim.key_hash)
}

/// The attempt item's key.
pub(super) fn attempt_key(claim: &Claim, attempt: u32) -> Item {
    key(&request_pk(claim), &format!("{ATTEMPT_PREFIX}{}#{attempt:02}", claim.owner))
}

/// The index partition of a month's pending attempts.
pub(super) fn pending_index(month: Month) -> String {
    format!("PENDING#{month}")
}

/// The token of an attempt: the same however often its reservation is asked for.
pub(super) fn attempt_token(claim: &Claim, attempt: u32) -> String {
    Uuid::new_v5(&TOKENS, format!("{}#{}#{attempt}", request_pk(claim), claim.owner).as_bytes()).to_string()
}

/// Names for expressions: many of our attributes' names are words of the expression language.
pub(super) fn names<const N: usize>(names: [(&str, &str); N]) -> HashMap<String, String> {
    names.map(|(alias, name)| (alias.to_owned(), name.to_owned())).into()
}

/// An amount as an attribute.
pub(super) fn money(amount: Usd) -> AttributeValue {
    number(amount.nanos())
}

/// The attribute as an amount.
pub(super) fn get_money(item: &Item, name: &'static str) -> Result<Usd, Malformed> {
    get_number(item, name).map(Usd::from_nanos)
}

/// What became of the attempt.
pub(super) fn attempt_state(item: &Item) -> Result<AttemptState, Malformed> {
    let state = get_text(item, "st")?;
    AttemptState::ALL.into_iter().find(|known| known.as_str() == state).ok_or(Malformed("st"))
}

/// What the attempt was charged; nothing while it is pending.
pub(super) fn recorded(item: &Item) -> Result<Usd, Malformed> {
    if item.contains_key("rec") { get_money(item, "rec") } else { Ok(Usd::ZERO) }
}

/// An attempt as the table has it.
#[derive(Clone, Debug)]
pub(super) struct AttemptRow {
    pub(super) state: AttemptState,
    pub(super) amount: Usd,
    /// What was charged; nothing while pending.
    pub(super) recorded: Usd,
    pub(super) month: Month,
    pub(super) token: String,
}

impl AttemptRow {
    pub(super) fn read(item: &Item) -> Result<Self, Malformed> {
        Ok(Self {
            state: attempt_state(item)?,
            amount: get_money(item, "amt")?,
            recorded: recorded(item)?,
            month: Month::parse(get_text(item, "month")?).ok_or(Malformed("month"))?,
            token: get_text(item, "tok")?.to_owned(),
        })
    }
}
