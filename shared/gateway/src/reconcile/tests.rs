use farthing_domain::money::TokenPrice;
use farthing_domain::registry::{ModelKind, ModelSpec, Price};
use farthing_domain::time::Month;

use super::*;

fn dollars(text: &str) -> Usd {
    text.strip_prefix('-')
        .map_or_else(|| Usd::parse(text).unwrap(), |text| Usd::from_nanos(-Usd::parse(text).unwrap().nanos()))
}

/// Dollars a million, in and out: `cheap` 1 and 2, `dear` 10 and 20, `tiny` 0.0005 and 1. The provider
/// calls them `cheap-v1` and so on.
fn registry() -> Registry {
    let model = |id: &str, input: &str, output: &str| ModelSpec {
        id: ModelId::parse(id).unwrap(),
        kind: ModelKind::Api,
        role: String::new(),
        version: "1".to_owned(),
        licence: String::new(),
        memory_mb: 0,
        enabled: true,
        note: None,
        artifacts: Vec::new(),
        materials: Vec::new(),
        api: Some(ApiModel {
            provider: ProviderId::parse("provider").unwrap(),
            provider_model: format!("{id}-v1"),
            price: Price {
                input_usd_per_million: TokenPrice::parse_usd_per_million(input).unwrap(),
                output_usd_per_million: TokenPrice::parse_usd_per_million(output).unwrap(),
                as_of: String::new(),
                source: String::new(),
            },
            max_input_tokens: 1_000,
            max_output_tokens: 1_000,
        }),
    };
    Registry::parse(vec![model("cheap", "1", "2"), model("dear", "10", "20"), model("tiny", "0.0005", "1")]).unwrap()
}

/// An attempt from `model state reserved charged [input output]`.
fn entry(line: &str) -> AttemptEntry {
    let words: Vec<&str> = line.split_whitespace().collect();
    AttemptEntry {
        state: AttemptState::ALL.into_iter().find(|state| state.as_str() == words[1]).unwrap(),
        provider: ProviderId::parse("provider").unwrap(),
        model: ModelId::parse(words[0]).unwrap(),
        reserved: dollars(words[2]),
        charged: dollars(words[3]),
        usage: words.get(4).map(|input| (input.parse().unwrap(), words[5].parse().unwrap())),
    }
}

fn entries(lines: &str) -> Vec<AttemptEntry> {
    lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(entry).collect()
}

const ROWS: &str = "
    cheap pending 0.05 0
    cheap posted 0.05 0.003 1000 1000
    cheap posted_unknown 0.02 0.02
    cheap voided 0.05 0
    dear expired 0.04 0.04
    dear late 0.05 0.01 500 250
    dear late 0.03 0.03";

/// Books of a $1 month that stops at 95 %.
fn books(available: &str, reserved: &str, settled: &str, unknown: &str) -> MonthBooks {
    MonthBooks {
        month: Month::parse("2026-11").unwrap(),
        state: farthing_domain::ledger::MonthState::Open,
        cap: dollars("1"),
        floor: dollars("0.05"),
        available: dollars(available),
        reserved: dollars(reserved),
        settled: dollars(settled),
        unknown: dollars(unknown),
        adjusted: Usd::ZERO,
    }
}

#[track_caller]
fn check_books(books: &MonthBooks, differences: [&str; 4]) {
    let found: Vec<Usd> = checks(books, &entries(ROWS)).iter().map(Check::difference).collect();
    assert_eq!(found, differences.map(dollars), "{books:?}");
}

#[test]
fn the_books_are_those_of_the_rows() {
    check_books(&books("0.797", "0.05", "0.103", "0.09"), ["0", "0", "0", "0"]);
    check_books(&books("0.797", "0.06", "0.093", "0.09"), ["0.01", "-0.01", "0", "0"]);
    check_books(&books("0.797", "0.05", "0.103", "0.08"), ["0", "0", "-0.01", "0"]);
    check_books(&books("0.8", "0.05", "0.103", "0.09"), ["0", "0", "0", "0.003"]);
    let adjusted = MonthBooks { adjusted: dollars("0.1"), ..books("0.897", "0.05", "0.103", "0.09") };
    check_books(&adjusted, ["0", "0", "0", "0"]);
}

#[test]
fn rows_are_added_up_by_provider_model_and_state() {
    let sums = sums(&entries(ROWS));
    let found: Vec<String> = sums
        .iter()
        .map(|sum| format!("{} {} {} {} {}", sum.model, sum.state.as_str(), sum.attempts, sum.reserved, sum.charged))
        .collect();
    assert_eq!(
        found,
        [
            "cheap pending 1 0.050000 0.000000",
            "cheap posted 1 0.050000 0.003000",
            "cheap posted_unknown 1 0.020000 0.020000",
            "cheap voided 1 0.050000 0.000000",
            "dear expired 1 0.040000 0.040000",
            "dear late 2 0.080000 0.040000",
        ]
    );
}

/// Compares the rows with `usage`, lines of `model input output [cost]`, and expects a line of
/// `model ledger-tokens held billed difference verdict` for each model.
#[track_caller]
fn check_usage(rows: &str, usage: &[&str], expected: &[&str]) {
    let usage: Vec<ProviderUsage> = usage
        .iter()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            ProviderUsage {
                model: words[0].to_owned(),
                input_tokens: words[1].parse().unwrap(),
                output_tokens: words[2].parse().unwrap(),
                cost: words.get(3).map(|cost| dollars(cost)),
            }
        })
        .collect();
    let found: Vec<String> = compare(&registry(), &entries(rows), &usage)
        .iter()
        .map(|model| {
            let held = model.charged.saturating_add(model.pending);
            let (input, output) = model.ledger_tokens;
            let verdict = model.verdict().as_str();
            format!("{} {input}+{output} {held} {} {} {verdict}", model.model, model.billed, model.difference())
        })
        .collect();
    assert_eq!(found, expected, "{usage:?}");
}

#[test]
fn the_ledger_covers_a_bill_or_the_provider_is_over() {
    let one = "cheap posted 0.05 0.003 1000 1000";
    check_usage(one, &["cheap-v1 1000 1000"], &["cheap-v1 1000+1000 0.003000 0.003000 0.000000 covered"]);
    check_usage(one, &["cheap 400 0", "cheap-v1 600 1000"], &["cheap-v1 1000+1000 0.003000 0.003000 0.000000 covered"]);
    check_usage(one, &["cheap-v1 1000 1001"], &["cheap-v1 1000+1000 0.003000 0.003002 -0.000002 over"]);
    check_usage(one, &["cheap-v1 1 1 0.0031"], &["cheap-v1 1000+1000 0.003000 0.003100 -0.000100 over"]);
    check_usage(one, &["cheap-v1 9999 9999 0.001"], &["cheap-v1 1000+1000 0.003000 0.001000 0.002000 covered"]);
    // What is reserved still covers a bill; what was voided or never reserved does not.
    check_usage("cheap pending 0.05 0", &["cheap-v1 0 25000"], &["cheap-v1 0+0 0.050000 0.050000 0.000000 covered"]);
    check_usage("cheap voided 0.05 0", &["cheap-v1 0 1"], &["cheap-v1 0+0 0.000000 0.000002 -0.000002 over"]);
    check_usage("", &["dear-v1 1 0"], &["dear-v1 0+0 0.000000 0.000010 -0.000010 over"]);
    // A model that was not billed, and one that the registry has no more.
    check_usage("gone posted 0.01 0.01 5 5", &[], &["gone 5+5 0.010000 0.000000 0.010000 covered"]);
}

#[test]
fn many_small_lines_are_not_rounded_up_one_by_one() {
    // Half a nano-dollar each.
    let lines = ["tiny-v1 1 0"; 2_000];
    let covered = ["tiny-v1 2000+0 0.000001 0.000001 0.000000 covered"];
    check_usage("tiny posted 0.05 0.000001 2000 0", &lines, &covered);
}

#[test]
fn a_bill_without_a_known_price_is_never_covered() {
    let lines = [ProviderUsage { model: "other".to_owned(), input_tokens: 1, output_tokens: 0, cost: None }];
    let models = compare(&registry(), &[], &lines);
    assert_eq!(models[0].verdict(), Verdict::Over);
}
