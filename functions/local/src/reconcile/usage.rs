//! What the providers bill, from a CSV file.

use anyhow::bail;
use csv::{ReaderBuilder, StringRecord, Trim};
use farthing_domain::money::Usd;
use farthing_domain::registry::Registry;
use farthing_gateway::reconcile::{ProviderUsage, paid_model};

const MODEL: &str = "model";
const INPUT: &str = "input_tokens";
const OUTPUT: &str = "output_tokens";
const COST: &str = "cost_usd";

/// Where the columns are.
struct Columns {
    model: usize,
    input: usize,
    output: usize,
    cost: Option<usize>,
}

/// The lines of a CSV file with the columns `model`, `input_tokens`, `output_tokens` and perhaps
/// `cost_usd`, in any order.
///
/// # Errors
/// The first line and column at fault, and what was expected there. A model without a known price
/// is one.
pub(super) fn parse(text: &[u8], registry: &Registry) -> anyhow::Result<Vec<ProviderUsage>> {
    // Spreadsheets put a mark before the first column's name.
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(text);
    let columns = Columns::find(reader.headers()?)?;
    let width = reader.headers()?.len();
    let mut lines = Vec::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != width {
            bail!("line {line}: expected {width} columns, found {}", record.len());
        }
        lines.push(read(&record, &columns, registry).map_err(|fault| anyhow::anyhow!("line {line}, {fault}"))?);
    }
    Ok(lines)
}

impl Columns {
    fn find(header: &StringRecord) -> anyhow::Result<Self> {
        let known = [MODEL, INPUT, OUTPUT, COST];
        for (place, name) in header.iter().enumerate() {
            if !known.contains(&name) {
                bail!("line 1, column {}: expected one of {}, found `{name}`", place + 1, known.join(", "));
            }
            if header.iter().take(place).any(|earlier| earlier == name) {
                bail!("line 1, column {}: expected `{name}` once", place + 1);
            }
        }
        let place = |name: &str| header.iter().position(|found| found == name);
        let needed = |name| place(name).ok_or_else(|| anyhow::anyhow!("line 1: expected a column `{name}`"));
        Ok(Self { model: needed(MODEL)?, input: needed(INPUT)?, output: needed(OUTPUT)?, cost: place(COST) })
    }
}

fn read(record: &StringRecord, columns: &Columns, registry: &Registry) -> Result<ProviderUsage, String> {
    let cell = |column: usize| record.get(column).unwrap_or_default();
    let tokens = |column: usize, name: &str| {
        let text = cell(column);
        let number = text.parse::<u64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        number.ok_or_else(|| format!("column `{name}`: expected a whole number of tokens, found `{}`", short(text)))
    };
    let Some(model) = paid_model(registry, cell(columns.model)) else {
        let known: Vec<&str> =
            registry.models().iter().filter_map(|model| Some(model.api.as_ref()?.provider_model.as_str())).collect();
        let (known, found) = (known.join(", "), short(cell(columns.model)));
        return Err(format!("column `{MODEL}`: expected a paid model of models.toml ({known}), found `{found}`"));
    };
    let cost = columns.cost.map(cell).filter(|cost| !cost.is_empty());
    let cost = cost.map(Usd::parse).transpose().map_err(|error| format!("column `{COST}`: {error}"))?;
    Ok(ProviderUsage {
        model: model.provider_model.clone(),
        input_tokens: tokens(columns.input, INPUT)?,
        output_tokens: tokens(columns.output, OUTPUT)?,
        cost,
    })
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use farthing_bootstrap::files::OwnerFiles;

    use super::*;

    /// What comes of the file: its lines as `model input output cost`, or the error.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let infra = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra"));
        let registry = OwnerFiles::load(infra).unwrap().registry;
        let found = match parse(text.as_bytes(), &registry) {
            Ok(lines) => lines
                .iter()
                .map(|line| {
                    let cost = line.cost.map_or("priced".to_owned(), |cost| cost.to_string());
                    format!("{} {} {} {cost}", line.model, line.input_tokens, line.output_tokens)
                })
                .collect(),
            Err(error) => vec![format!("{error:#}")],
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn columns_come_in_any_order_and_models_by_either_name() {
        check("model,input_tokens,output_tokens\ngpt-4o,1000,20\n", &["gpt-4o 1000 20 priced"]);
        check("output_tokens,input_tokens,model\n 20 , 1000 , claude-sonnet \n", &["claude-sonnet-4-6 1000 20 priced"]);
        check(
            "\u{feff}model,input_tokens,output_tokens,cost_usd\r\ngpt-4o,1,2,0.5\r\n\r\ngpt-4o,3,4,\r\n",
            &["gpt-4o 1 2 0.500000", "gpt-4o 3 4 priced"],
        );
        check("model,input_tokens,output_tokens\n", &[]);
    }

    #[test]
    fn a_wrong_file_is_told_with_line_column_and_what_was_expected() {
        let body = |line: &str| format!("model,input_tokens,output_tokens,cost_usd\ngpt-4o,1,2,3\n{line}\n");
        check("", &["line 1: expected a column `model`"]);
        check("model,input_tokens\n", &["line 1: expected a column `output_tokens`"]);
        check(
            "model,input_tokens,output_tokens,cost\n",
            &["line 1, column 4: expected one of model, input_tokens, output_tokens, cost_usd, found `cost`"],
        );
        check("model,model\n", &["line 1, column 2: expected `model` once"]);
        check(&body("gpt-4o,1,2"), &["line 3: expected 4 columns, found 3"]);
        check(
            &body("gpt-4o,1.5,2,3"),
            &["line 3, column `input_tokens`: expected a whole number of tokens, found `1.5`"],
        );
        check(
            &body("gpt-4o,1,+2,3"),
            &["line 3, column `output_tokens`: expected a whole number of tokens, found `+2`"],
        );
        check(
            &body("gpt-4o,1,2,-3"),
            &[
                "line 3, column `cost_usd`: `-3` is not an amount in US dollars: expected digits with at most 9 decimals, \
               such as \"0.05\"",
            ],
        );
        check(
            &body("gpt-5,1,2,3"),
            &["line 3, column `model`: expected a paid model of models.toml (deepseek-v4-flash, claude-haiku-4-5, \
               claude-sonnet-4-6, gpt-4o), found `gpt-5`"],
        );
    }
}
