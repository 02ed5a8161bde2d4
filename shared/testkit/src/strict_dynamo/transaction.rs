//! Transactions: all writes or none.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::expressions::Expressions;
use super::refusal::{Reason, Refusal, invalid};
use super::state::named;
use super::table::Table;
use super::wire::{Returned, TransactWriteItem, TransactWriteItems, WriteRequest};
use super::write::{Failure, Kind, MOST_ITEM_BYTES, Write};

/// How many writes a transaction may have.
const MOST_WRITES: usize = 100;
/// How many bytes its items may have together.
const MOST_BYTES: usize = 4 * 1_024 * 1_024;
/// How long a token may be.
const MOST_TOKEN_BYTES: usize = 36;
/// How long a token is remembered.
const TOKEN_AGE_MS: i64 = 600_000;
/// When there are this many tokens, old ones are looked for.
const MANY_TOKENS: usize = 4_096;

/// The tokens of transactions that were done, with what they were used for, and when.
#[derive(Debug, Default)]
pub(super) struct Tokens(HashMap<String, Used>);

#[derive(Debug)]
struct Used {
    parameters: u64,
    at_ms: i64,
}

impl Tokens {
    /// What the token was used for, unless that is long ago.
    fn find(&self, token: &str, now_ms: i64) -> Option<u64> {
        self.0.get(token).filter(|used| is_fresh(used, now_ms)).map(|used| used.parameters)
    }

    fn remember(&mut self, token: String, parameters: u64, now_ms: i64) {
        if self.0.len() >= MANY_TOKENS && self.0.len().is_power_of_two() {
            self.0.retain(|_, used| is_fresh(used, now_ms));
        }
        self.0.insert(token, Used { parameters, at_ms: now_ms });
    }
}

const fn is_fresh(used: &Used, now_ms: i64) -> bool {
    now_ms.saturating_sub(used.at_ms) < TOKEN_AGE_MS
}

/// Runs a transaction. Without a time of its own the service remembers tokens for ever.
pub(super) fn run(
    request: TransactWriteItems<'_>,
    table: &mut Option<Table>,
    expressions: &mut Expressions,
    tokens: &mut Tokens,
    now_ms: Option<i64>,
) -> Result<Vec<u8>, Refusal> {
    let TransactWriteItems { transact_items: items, client_request_token: token } = request;
    if items.is_empty() || items.len() > MOST_WRITES {
        return Err(invalid("Member must have length less than or equal to 100, and greater than or equal to 1"));
    }
    if token.as_ref().is_some_and(|token| token.is_empty() || token.len() > MOST_TOKEN_BYTES) {
        return Err(invalid("Value at 'clientRequestToken' must have 1 to 36 letters"));
    }
    let now_ms = now_ms.unwrap_or_default();
    let parameters = token.as_ref().map(|_| fingerprint(&items)).unwrap_or_default();
    match token.as_ref().and_then(|token| tokens.find(token, now_ms)) {
        Some(used) if used == parameters => return Ok(b"{}".to_vec()),
        Some(_) => return Err(Refusal::TokenMismatch),
        None => {}
    }
    let mut writes = Vec::with_capacity(items.len());
    let mut place = None;
    for item in items {
        let (kind, request) = only_action(item)?;
        place = Some(named(table, request.table_name.as_ref())?);
        writes.push(Write::new(kind, request, expressions)?);
    }
    if let Some(table) = place {
        run_on(writes, table)?;
    }
    if let Some(token) = token {
        tokens.remember(token, parameters, now_ms);
    }
    Ok(b"{}".to_vec())
}

/// The same for the same parameters.
fn fingerprint(items: &[TransactWriteItem<'_>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    items.hash(&mut hasher);
    hasher.finish()
}

fn only_action(item: TransactWriteItem<'_>) -> Result<(Kind, WriteRequest<'_>), Refusal> {
    let TransactWriteItem { put, update, delete, condition_check } = item;
    let actions = [(Kind::Put, put), (Kind::Update, update), (Kind::Delete, delete), (Kind::Check, condition_check)];
    let mut given = actions.into_iter().filter_map(|(kind, request)| Some((kind, request?)));
    let (Some((kind, request)), None) = (given.next(), given.next()) else {
        return Err(invalid("TransactItems can only contain one of Check, Put, Update or Delete"));
    };
    if request.return_values != Returned::None {
        return Err(invalid("A write of a transaction has no ReturnValues"));
    }
    if kind == Kind::Update && request.update_expression.is_none() {
        return Err(invalid("An update of a transaction needs an UpdateExpression"));
    }
    Ok((kind, *request))
}

fn run_on(writes: Vec<Result<Write<'_>, Failure>>, table: &mut Table) -> Result<(), Refusal> {
    let keys = || writes.iter().flatten().map(|write| &write.key);
    if keys().collect::<BTreeSet<_>>().len() < keys().count() {
        return Err(invalid("Transaction request cannot include multiple operations on one item"));
    }
    let sizes = || writes.iter().flatten().map(|write| write.size(table.items.get(&write.key)));
    // A few items are never too much.
    if writes.len() * MOST_ITEM_BYTES > MOST_BYTES && sizes().sum::<usize>() > MOST_BYTES {
        return Err(invalid(
            "Collection size of items exceeded, which can also be caused by the aggregate size of the items in the \
             transaction exceeding the 4MB limit",
        ));
    }
    let judged = writes.into_iter().map(|write| {
        let write = write?;
        let changes = write.judge(&table.items)?;
        Ok((write, changes))
    });
    let judged: Vec<Result<_, Failure>> = judged.collect();
    if judged.iter().all(Result::is_ok) {
        for (write, changes) in judged.into_iter().flatten() {
            write.apply(changes, table);
        }
        return Ok(());
    }
    let reasons = judged.into_iter().map(|judged| judged.err().map_or(Ok(Reason::NONE), Failure::reason));
    Err(Refusal::Cancelled(reasons.collect::<Result<_, _>>()?))
}
