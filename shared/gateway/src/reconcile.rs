//! The use case that holds the ledger against its own rows, and against what the providers bill.

use std::collections::BTreeMap;
use std::sync::Arc;

use farthing_domain::ids::{ModelId, ProviderId};
use farthing_domain::ledger::{AttemptEntry, AttemptState, LedgerUnavailable, MonthBooks};
use farthing_domain::money::Usd;
use farthing_domain::ports::{Ledger, LedgerAudit};
use farthing_domain::registry::{ApiModel, Registry};
use farthing_domain::time::Month;

/// The use case that holds the ledger against its own rows, and against what the providers bill.
pub struct Reconcile {
    /// The ledger's books.
    pub ledger: Arc<dyn Ledger>,
    /// The ledger's rows.
    pub audit: Arc<dyn LedgerAudit>,
    /// The prices.
    pub registry: Registry,
}

/// What a provider says was used of a model: one line of its export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderUsage {
    /// The provider's name for the model.
    pub model: String,
    /// Input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// What it billed, when the export says so. Otherwise the tokens are priced by the registry.
    pub cost: Option<Usd>,
}

/// A month, reconciled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciliation {
    /// The month's books.
    pub books: MonthBooks,
    /// Whether the books changed while the rows were read. Then a difference says nothing.
    pub has_moved: bool,
    /// The month's attempts, added up.
    pub sums: Vec<RowSum>,
    /// The books held against the rows, and against themselves.
    pub checks: Vec<Check>,
    /// The ledger held against the providers, model by model; none when they were not asked.
    pub models: Vec<Comparison>,
}

/// The attempts of one state, provider and model, added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowSum {
    /// What became of them.
    pub state: AttemptState,
    /// Whose API they were for.
    pub provider: ProviderId,
    /// Which model.
    pub model: ModelId,
    /// How many.
    pub attempts: u64,
    /// What was reserved for them.
    pub reserved: Usd,
    /// What they were charged.
    pub charged: Usd,
}

/// A figure of the books beside the one that it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What the figure is.
    pub what: &'static str,
    /// The figure in the books.
    pub books: Usd,
    /// What it should be.
    pub expected: Usd,
}

impl Check {
    /// What the books have more than they should.
    #[must_use]
    pub fn difference(&self) -> Usd {
        minus(self.books, self.expected)
    }
}

/// One model in the ledger and on the provider's bill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The provider's name for the model.
    pub model: String,
    /// Input and output tokens that the ledger knows of.
    pub ledger_tokens: (u64, u64),
    /// What the ledger charged.
    pub charged: Usd,
    /// What it has reserved and not charged yet.
    pub pending: Usd,
    /// Input and output tokens that the provider billed.
    pub provider_tokens: (u64, u64),
    /// What it billed.
    pub billed: Usd,
}

/// Whether the ledger covers what a provider billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Covered,
    /// The provider billed more: money was spent that the ledger does not know of.
    Over,
}

impl Verdict {
    /// The verdict's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Covered => "covered",
            Self::Over => "over",
        }
    }
}

impl Comparison {
    /// What the ledger has, charged and reserved, more than the provider billed.
    #[must_use]
    pub fn difference(&self) -> Usd {
        minus(self.charged.saturating_add(self.pending), self.billed)
    }

    /// Whether the ledger covers the bill.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.difference() < Usd::ZERO { Verdict::Over } else { Verdict::Covered }
    }
}

impl Reconciliation {
    /// Whether the books are those of their rows. Undecided, and so `true`, while they move.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.has_moved || self.checks.iter().all(|check| check.difference() == Usd::ZERO)
    }

    /// Whether the ledger covers every bill.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        self.models.iter().all(|model| model.verdict() == Verdict::Covered)
    }
}

impl Reconcile {
    /// Reads every row of `month` and compares; with the providers' `usage` when it is given. The
    /// cost is that of reading the whole table.
    ///
    /// # Errors
    /// [`LedgerUnavailable`].
    pub async fn run(
        &self,
        month: Month,
        usage: Option<&[ProviderUsage]>,
    ) -> Result<Reconciliation, LedgerUnavailable> {
        let before = self.ledger.books(month).await?;
        let entries = self.audit.attempts(month).await?;
        let books = self.ledger.books(month).await?;
        Ok(Reconciliation {
            has_moved: before != books,
            sums: sums(&entries),
            checks: checks(&books, &entries),
            models: usage.map_or_else(Vec::new, |usage| compare(&self.registry, &entries, usage)),
            books,
        })
    }
}

/// The paid model that goes by this name, the registry's or the provider's.
#[must_use]
pub fn paid_model<'a>(registry: &'a Registry, name: &str) -> Option<&'a ApiModel> {
    let mut paid = registry.models().iter().filter_map(|model| model.api.as_ref().map(|api| (model, api)));
    paid.find(|(model, api)| api.provider_model == name || model.id.as_str() == name).map(|(_, api)| api)
}

fn sums(entries: &[AttemptEntry]) -> Vec<RowSum> {
    let mut sums = BTreeMap::new();
    for entry in entries {
        let place = (entry.provider.clone(), entry.model.clone(), entry.state);
        let sum = sums.entry(place).or_insert_with(|| RowSum {
            state: entry.state,
            provider: entry.provider.clone(),
            model: entry.model.clone(),
            attempts: 0,
            reserved: Usd::ZERO,
            charged: Usd::ZERO,
        });
        sum.attempts += 1;
        sum.reserved = sum.reserved.saturating_add(entry.reserved);
        sum.charged = sum.charged.saturating_add(entry.charged);
    }
    sums.into_values().collect()
}

fn checks(books: &MonthBooks, entries: &[AttemptEntry]) -> Vec<Check> {
    let unknown = |entry: &&AttemptEntry| entry.state != AttemptState::Pending && entry.usage.is_none();
    let settled = entries.iter().map(|entry| entry.charged).sum();
    let held = [books.available, books.reserved, books.settled].into_iter().sum();
    let given = minus(books.cap, books.floor).saturating_add(books.adjusted);
    vec![
        Check { what: "reserved = pending rows", books: books.reserved, expected: pending(entries) },
        Check { what: "settled = charged rows", books: books.settled, expected: settled },
        Check {
            what: "unknown = rows without usage",
            books: books.unknown,
            expected: entries.iter().filter(unknown).map(|entry| entry.charged).sum(),
        },
        Check { what: "available + reserved + settled = cap - floor + adjusted", books: held, expected: given },
    ]
}

fn pending<'a>(entries: impl IntoIterator<Item = &'a AttemptEntry>) -> Usd {
    let pending = entries.into_iter().filter(|entry| entry.state == AttemptState::Pending);
    pending.map(|entry| entry.reserved).sum()
}

fn compare(registry: &Registry, entries: &[AttemptEntry], usage: &[ProviderUsage]) -> Vec<Comparison> {
    let mut models: BTreeMap<&str, Comparison> = BTreeMap::new();
    for entry in entries {
        let model = models.entry(billing_name(registry, entry.model.as_str())).or_default();
        model.ledger_tokens = plus(model.ledger_tokens, entry.usage.unwrap_or_default());
        model.charged = model.charged.saturating_add(entry.charged);
        model.pending = model.pending.saturating_add(pending([entry]));
    }
    // Lines are added up before they are priced, so that cutting a bill finely does not round it up.
    let mut unpriced: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for line in usage {
        let name = billing_name(registry, &line.model);
        let (model, tokens) = (models.entry(name).or_default(), (line.input_tokens, line.output_tokens));
        model.provider_tokens = plus(model.provider_tokens, tokens);
        match line.cost {
            Some(cost) => model.billed = model.billed.saturating_add(cost),
            None => {
                let sum = unpriced.entry(name).or_default();
                *sum = plus(*sum, tokens);
            }
        }
    }
    for (name, (input, output)) in unpriced {
        // Without a price the bill is not known: it is taken as more than any ledger covers.
        let cost = paid_model(registry, name).map_or(Usd::from_nanos(i64::MAX), |api| api.price.cost(input, output));
        let model = models.entry(name).or_default();
        model.billed = model.billed.saturating_add(cost);
    }
    models.into_iter().map(|(name, model)| Comparison { model: name.to_owned(), ..model }).collect()
}

/// The provider's name for a model; one that the registry does not have goes by its own.
fn billing_name<'a>(registry: &'a Registry, name: &'a str) -> &'a str {
    paid_model(registry, name).map_or(name, |api| &api.provider_model)
}

fn plus(one: (u64, u64), other: (u64, u64)) -> (u64, u64) {
    (one.0.saturating_add(other.0), one.1.saturating_add(other.1))
}

fn minus(one: Usd, other: Usd) -> Usd {
    Usd::from_nanos(one.nanos().saturating_sub(other.nanos()))
}

#[cfg(test)]
mod tests;
