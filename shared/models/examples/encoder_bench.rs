//! How long the encoder takes at 16 and 128 tokens, on one thread.
//!
//! ```text
//! cargo run --release -p farthing-models --example encoder_bench [VENV]
//! ```
//!
//! Given a Python virtual environment with onnxruntime and numpy, the same model is timed there too,
//! in turns with this one, and the ratio is told.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use farthing_domain::registry::ModelSpec;
use farthing_models::artifacts::{ArtifactConfig, ArtifactStore, IndicatifProgress};
use farthing_models::encoder::MiniLm;

type Error = Box<dyn std::error::Error + Send + Sync>;

const LENGTHS: [usize; 2] = [16, 128];
const TURNS: usize = 3;
const RUNS_A_TURN: usize = 21;

/// Prints the milliseconds of each run, one line for each length.
const ONNXRUNTIME: &str = r#"
import sys, time, numpy, onnxruntime
model, runs, *lengths = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
for length in map(int, lengths):
    ids = numpy.array([[101] + [2000 + i * 37 % 3000 for i in range(length - 2)] + [102]], dtype=numpy.int64)
    inputs = {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}
    for _ in range(3):
        session.run(None, inputs)
    times = []
    for _ in range(int(runs)):
        start = time.perf_counter()
        session.run(None, inputs)
        times.append((time.perf_counter() - start) * 1e3)
    print(*times)
"#;

#[derive(serde::Deserialize)]
struct Models {
    models: Vec<ModelSpec>,
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
async fn main() -> Result<(), Error> {
    let venv = std::env::args_os().nth(1).map(PathBuf::from);
    let files = encoder_files().await?;
    let [model, tokenizer] = files.as_slice() else { return Err("the encoder has two files".into()) };

    let before = resident_mib();
    let start = Instant::now();
    let encoder = MiniLm::load(model, tokenizer)?;
    let load_ms = start.elapsed().as_secs_f64() * 1e3;
    let [mut ours, mut theirs] = [[Vec::new(), Vec::new()], [Vec::new(), Vec::new()]];
    for _ in 0..TURNS {
        for (times, length) in ours.iter_mut().zip(LENGTHS) {
            times.extend(time(&encoder, length)?);
        }
        if let Some(venv) = &venv {
            for (times, line) in theirs.iter_mut().zip(time_onnxruntime(venv, model)?) {
                times.extend(line);
            }
        }
    }
    println!("load {load_ms:.0} ms, resident memory {before:.0} MiB before and {:.0} MiB now", resident_mib());
    for (position, length) in LENGTHS.into_iter().enumerate() {
        let tract = median(&mut ours[position]);
        print!("{length} tokens: tract {tract:.2} ms");
        if venv.is_some() {
            let onnxruntime = median(&mut theirs[position]);
            print!(", onnxruntime {onnxruntime:.2} ms, ratio {:.2}", tract / onnxruntime);
        }
        println!();
    }
    Ok(())
}

async fn encoder_files() -> Result<Vec<PathBuf>, Error> {
    let repository = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let models: Models = toml::from_str(&std::fs::read_to_string(repository.join("infra/models.toml"))?)?;
    let encoder = models.models.iter().find(|model| model.id.as_str() == "all-minilm-l6-v2");
    let store = ArtifactStore::new(ArtifactConfig::of_working_copy(repository))
        .with_progress(Arc::new(IndicatifProgress::new()));
    Ok(store.get_all(&encoder.ok_or("the encoder is not in the registry")?.artifacts).await?)
}

/// The milliseconds of each run.
fn time(encoder: &MiniLm, length: usize) -> Result<Vec<f64>, Error> {
    let middle = (0..length as u32 - 2).map(|i| 2000 + i * 37 % 3000);
    let ids: Vec<u32> = std::iter::once(101).chain(middle).chain([102]).collect();
    for _ in 0..3 {
        encoder.embed_ids(&ids)?;
    }
    let run = |_| {
        let start = Instant::now();
        encoder.embed_ids(&ids)?;
        Ok(start.elapsed().as_secs_f64() * 1e3)
    };
    (0..RUNS_A_TURN).map(run).collect()
}

fn time_onnxruntime(venv: &Path, model: &Path) -> Result<Vec<Vec<f64>>, Error> {
    let mut command = Command::new(venv.join("bin/python"));
    command.args(["-c", ONNXRUNTIME]).arg(model).arg(RUNS_A_TURN.to_string());
    command.args(LENGTHS.map(|length| length.to_string()));
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let lines = String::from_utf8(output.stdout)?;
    lines.lines().map(|line| Ok(line.split(' ').map(str::parse).collect::<Result<_, _>>()?)).collect()
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Resident memory by Linux's account; not a number elsewhere.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}
