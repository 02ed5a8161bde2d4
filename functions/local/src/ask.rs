//! One question and its receipt.

use std::process::ExitCode;

use clap::Args;
use farthing_bootstrap::config::Config;
use serde_json::{Value, json};

use crate::gateway::LocalGateway;
use crate::output;

#[derive(Args)]
pub(crate) struct AskArgs {
    /// The question.
    query: String,
    /// The agent to ask.
    #[arg(long)]
    agent: Option<String>,
    /// The most tokens of a paid answer.
    #[arg(long, value_name = "TOKENS")]
    max_output_tokens: Option<u64>,
    /// The most that the answer may cost, in dollars.
    #[arg(long, value_name = "USD")]
    max_cost_usd: Option<String>,
    /// The use of the answer cache: use, bypass or refresh.
    #[arg(long)]
    cache: Option<String>,
}

pub(crate) async fn run(config: &Config, args: &AskArgs, json: bool) -> anyhow::Result<ExitCode> {
    let gateway = LocalGateway::open(config, output::progress()).await?;
    let mut body = json!({"query": args.query});
    let fields = [
        ("agent", args.agent.clone().map(Value::from)),
        ("max_output_tokens", args.max_output_tokens.map(Value::from)),
        ("max_cost_usd", args.max_cost_usd.clone().map(Value::from)),
        ("cache", args.cache.clone().map(Value::from)),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    let reply = gateway.handle(None, "POST", "/api/agents", None, body.to_string().into_bytes()).await;
    let answer: Value = serde_json::from_slice(&reply.body)?;
    if json {
        output::line(&answer);
    } else {
        print_receipt(&answer);
    }
    Ok(if reply.status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_receipt(answer: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    let number = |value: &Value| value.as_f64().map_or_else(|| "–".to_owned(), |number| format!("{number:.2}"));
    let attempts = if let Some(error) = answer.get("error") {
        output::note(format!("{}: {}", text(&error["code"]), text(&error["message"])));
        &error["attempts"]
    } else {
        let (route, quality, cost) = (&answer["route"], &answer["quality"], &answer["cost"]);
        output::line(text(&answer["answer"]));
        output::line("");
        output::line(format!("  tier      {} ({})", text(&route["complexity"]), number(&route["confidence"])));
        let sources: Vec<String> = answer["sources"].as_array().into_iter().flatten().map(|s| text(&s["id"])).collect();
        let from = if sources.is_empty() { String::new() } else { format!(", from {}", sources.join(", ")) };
        output::line(format!("  model     {} / {}{from}", text(&route["provider"]), text(&route["model"])));
        output::line(format!(
            "  score     {} {} (relevance {}, coherence {}, groundedness {}, brand {}, toxicity {})",
            number(&quality["score"]),
            text(&quality["action"]),
            number(&quality["relevance"]),
            number(&quality["coherence"]),
            number(&quality["groundedness"]),
            number(&quality["brand"]),
            number(&quality["toxicity"]),
        ));
        output::line(format!("  cost      ${} (the baseline: ${})", text(&cost["usd"]), text(&cost["baseline_usd"])));
        output::line(format!("  time      {} ms", answer["latency_ms"]));
        &route["attempts"]
    };
    for (number_of, attempt) in attempts.as_array().into_iter().flatten().enumerate() {
        output::line(format!(
            "  attempt {} {}: {}, score {}, ${}, {} ms",
            number_of + 1,
            text(&attempt["model"]),
            text(&attempt["outcome"]),
            number(&attempt["score"]),
            text(&attempt["cost_usd"]),
            attempt["latency_ms"],
        ));
    }
}
