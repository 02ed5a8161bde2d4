//! The rows of the database, read past the ledger, and the prices.

use std::collections::BTreeMap;
use std::path::Path;

use dynoxide::Database;
use farthing_bootstrap::files::OwnerFiles;
use farthing_domain::registry::Price;
use serde_json::{Value, json};

/// Amounts in nano-dollars.
pub(crate) type Nanos = i64;

/// What the table says of money, row by row.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) months: BTreeMap<String, Month>,
    /// By the hash of the request's key.
    pub(crate) requests: BTreeMap<String, Request>,
}

/// The balance of a month.
#[derive(Debug)]
pub(crate) struct Month {
    pub(crate) line: Nanos,
    pub(crate) available: Nanos,
    pub(crate) reserved: Nanos,
    pub(crate) settled: Nanos,
    pub(crate) unknown: Nanos,
}

/// A key that was claimed, and its attempts.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) state: String,
    pub(crate) owner: String,
    pub(crate) envelope_left: Nanos,
    pub(crate) attempts: Vec<Attempt>,
}

/// One reservation.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) owner: String,
    pub(crate) state: String,
    pub(crate) month: String,
    pub(crate) amount: Nanos,
    pub(crate) charged: Nanos,
    is_in_index: bool,
}

impl Books {
    /// Copies the database of a program that has ended, however it ended, checks that the copy is
    /// sound and reads it. The original is left as the program left it, for the next start.
    pub(crate) fn of_copy(folder: &Path) -> Self {
        let copy = tempfile::tempdir().unwrap();
        for name in ["dynamodb.sqlite", "dynamodb.sqlite-wal"] {
            let from = folder.join(name);
            if from.exists() {
                std::fs::copy(from, copy.path().join(name)).unwrap();
            }
        }
        let file = copy.path().join("dynamodb.sqlite");
        let connection = rusqlite::Connection::open(&file).unwrap();
        let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok", "the database is damaged");
        drop(connection);
        Self::read(&file)
    }

    fn read(file: &Path) -> Self {
        let database = Database::new(file.to_str().unwrap()).unwrap();
        let mut books = Self::default();
        let mut from = Value::Null;
        loop {
            let mut scan = json!({"TableName": "farthing"});
            if !from.is_null() {
                scan["ExclusiveStartKey"] = from;
            }
            let page = database.scan(serde_json::from_value(scan).unwrap()).unwrap();
            let page = serde_json::to_value(page).unwrap();
            page["Items"].as_array().unwrap().iter().for_each(|item| books.add(item));
            from = page["LastEvaluatedKey"].clone();
            if from.is_null() {
                return books;
            }
        }
    }

    fn add(&mut self, item: &Value) {
        let (pk, sk) = (text(item, "PK"), text(item, "SK"));
        if let (Some(month), "LEDGER", true) = (pk.strip_prefix("BUDGET#"), sk, item["avail"].is_object()) {
            let month_of = Month {
                line: number(item, "cap") - number(item, "floor") + number(item, "adj"),
                available: number(item, "avail"),
                reserved: number(item, "reserved"),
                settled: number(item, "settled"),
                unknown: number(item, "unknown"),
            };
            self.months.insert(month.to_owned(), month_of);
        }
        let Some(key) = pk.strip_prefix("REQ#").and_then(|rest| rest.rsplit('#').next()) else { return };
        let request = self.requests.entry(key.to_owned()).or_default();
        if sk == "META" {
            text(item, "st").clone_into(&mut request.state);
            text(item, "ow").clone_into(&mut request.owner);
            request.envelope_left = number(item, "env");
        } else if let Some(attempt) = sk.strip_prefix("ATT#") {
            request.attempts.push(Attempt {
                owner: attempt.split('#').next().unwrap_or_default().to_owned(),
                state: text(item, "st").to_owned(),
                month: text(item, "month").to_owned(),
                amount: number(item, "amt"),
                charged: if item["rec"].is_object() { number(item, "rec") } else { 0 },
                is_in_index: item["G1PK"].is_object(),
            });
        }
    }

    /// Every attempt.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.requests.values().flat_map(|request| &request.attempts)
    }

    /// What was charged, over all months.
    pub(crate) fn settled(&self) -> Nanos {
        self.months.values().map(|month| month.settled).sum()
    }

    /// Checks each month's balance against its rows.
    pub(crate) fn check_balance(&self) {
        for (name, month) in &self.months {
            let rows = || self.attempts().filter(|attempt| attempt.month == *name);
            let sum = |keep: &dyn Fn(&Attempt) -> bool, amount: &dyn Fn(&Attempt) -> Nanos| {
                rows().filter(|attempt| keep(attempt)).map(amount).sum::<Nanos>()
            };
            let is_unknown = |attempt: &Attempt| ["posted_unknown", "expired"].contains(&attempt.state.as_str());
            assert!(month.available >= 0, "{name}: {month:?}");
            assert_eq!(month.available + month.reserved + month.settled, month.line, "{name}: {month:?}");
            assert_eq!(month.reserved, sum(&Attempt::is_pending, &|attempt| attempt.amount), "{name}: {month:?}");
            assert_eq!(month.settled, sum(&|_| true, &|attempt| attempt.charged), "{name}: {month:?}");
            assert_eq!(month.unknown, sum(&is_unknown, &|attempt| attempt.charged), "{name}: {month:?}");
        }
        let stray: Vec<&Attempt> =
            self.attempts().filter(|attempt| attempt.is_in_index != attempt.is_pending()).collect();
        assert!(stray.is_empty(), "the index of pending attempts differs from the rows: {stray:?}");
    }
}

impl Attempt {
    pub(crate) fn is_pending(&self) -> bool {
        self.state == "pending"
    }

    /// Whether the call that it is for may have been sent.
    pub(crate) fn may_be_sent(&self) -> bool {
        self.state != "voided"
    }
}

impl Request {
    /// What is left of the envelope and what was taken from it.
    pub(crate) fn envelope(&self) -> Nanos {
        self.envelope_left + self.attempts.iter().map(|attempt| attempt.amount).sum::<Nanos>()
    }

    pub(crate) fn charged(&self) -> Nanos {
        self.attempts.iter().map(|attempt| attempt.charged).sum()
    }
}

/// The price of a model, by the provider's name for it.
pub(crate) fn price_of<'a>(files: &'a OwnerFiles, provider_model: &str) -> &'a Price {
    let mut apis = files.registry.models().iter().filter_map(|model| model.api.as_ref());
    &apis.find(|api| api.provider_model == provider_model).unwrap().price
}

fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name]["S"].as_str().unwrap_or_default()
}

fn number(item: &Value, name: &str) -> Nanos {
    let digits = item[name]["N"].as_str().unwrap_or_else(|| panic!("`{name}` is missing in {item}"));
    digits.parse().unwrap_or_else(|error| panic!("`{name}` = {digits}: {error}"))
}
