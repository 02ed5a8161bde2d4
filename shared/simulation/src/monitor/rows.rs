//! Rows: one for each send, and the request that they belong to.

use std::collections::BTreeMap;

use farthing_domain::money::Usd;
use farthing_testkit::strict_dynamo::{Item, Items};

use super::{Violation, broken};

/// A row's place in the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowKey {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl RowKey {
    pub(crate) fn of(pk: &str, sk: &str) -> Self {
        Self { pk: pk.to_owned(), sk: sk.to_owned() }
    }
}

/// How far a row has come, with what it recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowState {
    Pending,
    Posted(i64),
    PostedUnknown(i64),
    Voided(i64),
    Expired,
    Late(i64),
}

/// A row, as the table has it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) state: RowState,
    pub(crate) amount: Usd,
    pub(crate) month: String,
    has_usage: bool,
}

/// What a request's rows come to.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pk: String,
    reserved: i64,
    charged: i64,
    is_overcharged: bool,
}

/// The items of requests: for each, its rows and then its `META`.
pub(crate) fn of_requests(items: &Items) -> impl Iterator<Item = (&(String, String), &Item)> {
    let from = ("REQ#".to_owned(), String::new());
    items.range(from..).take_while(|((pk, _), _)| pk.starts_with("REQ#"))
}

/// The newest row of the invocation `owner` under each key that it holds: its own, and the one of comparisons.
pub(crate) fn newest_of(items: &Items, owner: &str) -> Result<Vec<(RowKey, Row)>, Violation> {
    let is_own = |sk: &str| sk.strip_prefix("ATT#").is_some_and(|rest| rest.starts_with(owner));
    let newest: BTreeMap<&str, (RowKey, &Item)> = of_requests(items)
        .filter(|((_, sk), _)| is_own(sk))
        .map(|((pk, sk), item)| (pk.as_str(), (RowKey::of(pk, sk), item)))
        .collect();
    newest.into_values().map(|(key, item)| Ok((key, Row::read(item)?))).collect()
}

/// The row with this key.
pub(crate) fn find(items: &Items, key: &RowKey) -> Result<Option<Row>, Violation> {
    items.get(&(key.pk.clone(), key.sk.clone())).map(Row::read).transpose()
}

/// A number that has to be there.
pub(crate) fn number(item: &Item, name: &str) -> Result<i64, Violation> {
    match item.get(name).and_then(|value| value.as_i64()) {
        Some(number) => Ok(number),
        None => broken("I1", format!("`{name}` is no number in {item:?}")),
    }
}

/// A text that has to be there.
pub(crate) fn text<'a>(item: &'a Item, name: &str) -> Result<&'a str, Violation> {
    match item.get(name).and_then(|value| value.as_s()) {
        Some(text) => Ok(text),
        None => broken("I1", format!("`{name}` is no text in {item:?}")),
    }
}

impl Row {
    pub(crate) fn read(item: &Item) -> Result<Self, Violation> {
        let recorded = || number(item, "rec");
        let state = match text(item, "st")? {
            "pending" => RowState::Pending,
            "posted" => RowState::Posted(recorded()?),
            "posted_unknown" => RowState::PostedUnknown(recorded()?),
            "voided" => RowState::Voided(recorded()?),
            "expired" => RowState::Expired,
            "late" => RowState::Late(recorded()?),
            other => return broken("I5", format!("a row is `{other}`")),
        };
        let amount = number(item, "amt")?;
        if state == RowState::Expired && recorded()? != amount {
            return broken("I3", format!("{amount} expired and {} is recorded", recorded()?));
        }
        if item.contains_key("ttl") != (state != RowState::Pending) {
            return broken("I5", "a pending row may be forgotten, or a resolved one never");
        }
        if item.contains_key("G1PK") != (state == RowState::Pending) {
            return broken("I5", "the index does not hold exactly the pending rows");
        }
        let month = text(item, "month")?.to_owned();
        Ok(Self { state, amount: Usd::from_nanos(amount), month, has_usage: item.contains_key("usage") })
    }

    /// What is set aside.
    pub(crate) fn pending(&self) -> i64 {
        if self.state == RowState::Pending { self.amount.nanos() } else { 0 }
    }

    /// What is charged.
    pub(crate) fn charged(&self) -> i64 {
        match self.state {
            RowState::Pending => 0,
            RowState::Expired => self.amount.nanos(),
            RowState::Posted(recorded)
            | RowState::PostedUnknown(recorded)
            | RowState::Voided(recorded)
            | RowState::Late(recorded) => recorded,
        }
    }

    /// Whether it is charged without usage figures.
    pub(crate) fn is_unknown(&self) -> bool {
        self.charged() > 0 && !self.has_usage
    }

    /// A row resolves once, and an expired one is corrected once.
    pub(crate) fn check_step_from(&self, before: &RowState, sk: &str) -> Result<(), Violation> {
        let is_step = match (before, &self.state) {
            (before, after) if before == after => true,
            (RowState::Pending, RowState::Late(_)) => false,
            (RowState::Pending, _) | (RowState::Expired, RowState::Late(_)) => true,
            _ => false,
        };
        if is_step { Ok(()) } else { broken("I5", format!("{sk} was {before:?} and is {:?}", self.state)) }
    }

    /// What the provider charges is covered by what is reserved or recorded.
    pub(crate) fn check_cover(&self, charged: Usd, is_overcharged: bool, sk: &str) -> Result<(), Violation> {
        let covered = if self.state == RowState::Pending { self.amount.nanos() } else { self.charged() };
        let is_known = matches!(self.state, RowState::Posted(_)) || (self.has_usage && self.state != RowState::Pending);
        // A call that costs more than it can is covered once its figures are known.
        let excess_is_due = is_overcharged && !is_known;
        if charged.nanos() > covered && !excess_is_due {
            return broken("I3", format!("{sk} is {:?} and covers {covered} of {}", self.state, charged.nanos()));
        }
        if is_known && charged.nanos() != covered {
            return broken("I3", format!("{sk} is {:?}; the provider charges {}", self.state, charged.nanos()));
        }
        Ok(())
    }
}

impl Request {
    pub(crate) fn add(&mut self, pk: &str, row: &Row, charged: Option<Usd>) {
        if self.pk != pk {
            *self = Self { pk: pk.to_owned(), ..Self::default() };
        }
        self.reserved += row.amount.nanos();
        let charged = charged.unwrap_or_default();
        self.charged += charged.nanos();
        self.is_overcharged |= charged > row.amount;
    }

    /// The request's `META` comes after its rows: what they reserved is gone from its envelope.
    pub(crate) fn end(&self, pk: &str, meta: &Item, envelopes: &mut BTreeMap<String, i64>) -> Result<(), Violation> {
        let left = number(meta, "env")?;
        let (reserved, charged) = if self.pk == pk { (self.reserved, self.charged) } else { (0, 0) };
        let whole = left + reserved;
        let first = *envelopes.entry(pk.to_owned()).or_insert(whole);
        if left < 0 || whole != first || first > crate::plan::ENVELOPE.nanos() {
            return broken("I8", format!("of an envelope of {first}, {reserved} are reserved and {left} left"));
        }
        if charged > first && !(self.pk == pk && self.is_overcharged) {
            return broken("I8", format!("a key with an envelope of {first} costs {charged}"));
        }
        Ok(())
    }
}
