//! What a loopback provider would bill.

use std::collections::BTreeMap;

use farthing_domain::money::Usd;
use farthing_domain::registry::Price;

/// The bill of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// The provider's name for the model.
    pub model: String,
    /// Input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
}

/// The bills of one model, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Billed {
    /// How many calls were billed.
    pub calls: u64,
    /// Input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
}

/// Every bill so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    bills: Vec<Bill>,
}

impl Meter {
    /// Adds a bill.
    pub fn add(&mut self, bill: Bill) {
        self.bills.push(bill);
    }

    /// Every bill, in the order of the calls' arrival.
    #[must_use]
    pub fn bills(&self) -> &[Bill] {
        &self.bills
    }

    /// The sums of each model.
    #[must_use]
    pub fn by_model(&self) -> BTreeMap<String, Billed> {
        let mut sums = BTreeMap::<String, Billed>::new();
        for bill in &self.bills {
            let sum = sums.entry(bill.model.clone()).or_default();
            sum.calls += 1;
            sum.input_tokens = sum.input_tokens.saturating_add(bill.input_tokens);
            sum.output_tokens = sum.output_tokens.saturating_add(bill.output_tokens);
        }
        sums
    }

    /// The sums of one model.
    #[must_use]
    pub fn of(&self, model: &str) -> Billed {
        self.by_model().remove(model).unwrap_or_default()
    }

    /// What the bills cost by the models' prices, each bill rounded up as a ledger's row is.
    #[must_use]
    pub fn cost<'a>(&self, price_of: impl Fn(&str) -> &'a Price) -> Usd {
        self.bills.iter().fold(Usd::ZERO, |sum, bill| {
            sum.saturating_add(price_of(&bill.model).cost(bill.input_tokens, bill.output_tokens))
        })
    }
}
