//! A registry in which the price of a call is a round figure.

use farthing_testkit::loopback::Reply;
use serde_json::{Value, json};

use crate::server::{GOOD_ANSWER, Server, Setup};

/// Half a cent, in nano-dollars.
pub(crate) const HALF_A_CENT: i64 = 5_000_000;
/// The most output tokens of a call.
pub(crate) const TOKENS: u64 = 100;

/// One paid step for every query, whose hundred output tokens cost `nanos`, and a month whose stop
/// line is at `line` nano-dollars. Input costs next to nothing, but a price is never zero: a
/// reservation is some nano-dollars more than what a good call costs.
pub(crate) fn setup(nanos: i64, line: i64) -> Setup {
    let dollars_per_million = format!("{}.{:05}", nanos / 100_000, nanos % 100_000);
    // Rounded up to the whole nano-dollar of which 95 % are the line again.
    let monthly = (line * 100 + 94) / 95;
    let mut setup = Setup::new()
        .policy("monthly_usd = \"200\"", format!("monthly_usd = \"{}\"", decimal(monthly)))
        .policy("local = \"always\"", "local = \"never\"")
        .policy("local = \"when_confident\"", "local = \"never\"")
        .policy("\"deepseek-chat\", \"claude-sonnet\"", "\"deepseek-chat\"")
        .policy("\"claude-sonnet\", \"gpt-4o\"", "\"deepseek-chat\"")
        .policy("step_ms = 20000", "step_ms = 3000")
        .policy("breaker_failures = 5", "breaker_failures = 1000000");
    setup.registry = vec![
        ("input_usd_per_million = \"0.14\"", "input_usd_per_million = \"0.000001\"".to_owned()),
        ("output_usd_per_million = \"0.28\"", format!("output_usd_per_million = \"{dollars_per_million}\"")),
    ];
    setup
}

fn decimal(nanos: i64) -> String {
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

/// A request that takes a paid call.
pub(crate) fn body() -> String {
    json!({"query": "Compare newsletters with videos for a bakery.", "max_output_tokens": TOKENS, "cache": "bypass"})
        .to_string()
}

/// An answer that costs what a hundred output tokens do.
pub(crate) fn answer() -> Reply {
    Reply::text(GOOD_ANSWER, 0, TOKENS)
}

/// What the month's books say over HTTP, in nano-dollars.
pub(crate) struct Figures {
    pub(crate) used: i64,
    pub(crate) reserved: i64,
    pub(crate) available: i64,
    pub(crate) line: i64,
    pub(crate) state: String,
}

impl Figures {
    pub(crate) async fn of(server: &Server) -> Self {
        let status = server.get("/api/budget/status").await.json;
        let nanos = |value: &Value| (value.as_f64().unwrap_or_else(|| panic!("{status}")) * 1e9).round() as i64;
        let monthly = &status["monthly"];
        Self {
            used: nanos(&monthly["used"]),
            reserved: nanos(&monthly["reserved"]),
            available: nanos(&monthly["available"]),
            line: nanos(&status["emergencyStop"]["at"]),
            state: monthly["state"].as_str().unwrap_or_default().to_owned(),
        }
    }
}
