//! The simulation as a command.

use std::fmt::Display;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use farthing_simulation::{Bug, Campaign, Options, campaign, run};

/// Simulates the ledger and the gateway under faults.
///
/// Without arguments it runs 10,000 worlds. It ends with status 1 when an invariant does not hold,
/// and prints the seed and the last lines of that world.
#[derive(Parser)]
#[command(name = "sim", version)]
struct Arguments {
    /// Replay the world with this seed, and print all that happened in it.
    #[arg(long, conflicts_with_all = ["worlds", "seconds", "from", "hunt"])]
    seed: Option<u64>,
    /// Run this many worlds.
    #[arg(long, default_value_t = 10_000)]
    worlds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Begin no world after this many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// How many worlds at once [default: one for each processor]
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Plant this bug, by name; an unknown name lists them.
    #[arg(long)]
    bug: Option<String>,
    /// Plant every bug in turn and print after how many worlds each is found.
    #[arg(long)]
    hunt: bool,
}

/// Prints a line; whoever reads it may have heard enough.
fn print(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// How many lines of a failed world are printed.
const LAST_LINES: usize = 60;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let bug = match arguments.bug.as_deref().map(|name| Bug::named(name).ok_or(name)) {
        None => None,
        Some(Ok(bug)) => Some(bug),
        Some(Err(name)) => {
            print(format_args!("there is no bug `{name}`; there are:"));
            Bug::ALL.iter().for_each(|bug| print(format_args!("  {}", bug.as_str())));
            return ExitCode::FAILURE;
        }
    };
    if let Some(seed) = arguments.seed {
        return replay(seed, bug, usize::MAX);
    }
    if arguments.hunt {
        return hunt(arguments.worlds);
    }
    let campaign = Campaign {
        seeds: arguments.from..arguments.from.saturating_add(arguments.worlds),
        bug,
        limit: arguments.seconds.map(Duration::from_secs),
        threads: arguments.threads,
    };
    let tally = campaign.run();
    print(format_args!("{tally}"));
    match tally.found {
        None => ExitCode::SUCCESS,
        Some(found) => {
            print(format_args!("seed {}: {}", found.seed, found.violation));
            replay(found.seed, bug, LAST_LINES)
        }
    }
}

fn replay(seed: u64, bug: Option<Bug>, lines: usize) -> ExitCode {
    let ended = run(seed, Options { bug, is_traced: true });
    print(format_args!("{:#?}", ended.plan));
    let skipped = ended.trace.len().saturating_sub(lines);
    ended.trace.iter().skip(skipped).for_each(|line| print(format_args!("{line}")));
    match ended.violation {
        None => {
            print(format_args!("seed {seed}: every invariant held"));
            ExitCode::SUCCESS
        }
        Some(violation) => {
            print(format_args!("seed {seed}: {violation}"));
            ExitCode::FAILURE
        }
    }
}

fn hunt(most: u64) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for (bug, found) in campaign::hunt(Bug::ALL, most) {
        match found {
            Some((worlds, found)) => {
                print(format_args!(
                    "{:32} after {worlds:>6} worlds: seed {}, {}",
                    bug.as_str(),
                    found.seed,
                    found.violation
                ));
            }
            None => {
                print(format_args!("{:32} NOT FOUND in {most} worlds", bug.as_str()));
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
