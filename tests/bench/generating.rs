//! What the language model takes, beside llama.cpp.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use farthing_bootstrap::files::OwnerFiles;
use farthing_domain::ids::ModelId;
use farthing_domain::ports::{Generated, GenerationRequest, Generator, Sampling};
use farthing_models::artifacts::{ArtifactConfig, ArtifactStore};
use farthing_models::cpu::CpuPool;
use farthing_models::generator::LocalGenerator;

use crate::server::ROOT;
use crate::{middle, millis, rephrasing};

/// Asked so that the answer is long.
const ASKED: &str = "Explain in detail, step by step and with examples, how a bill becomes a law, who takes part in it, what can go \
    wrong, how long each step takes, and what a citizen can do at each of the steps to be heard.";
const RULE: &str =
    "You rewrite answers of a customer service. Keep every fact, number and name. Answer with the rewritten text only.";
/// 60 words.
const ANSWER: &str = "Thanks for your message! We ship every order within two working days from our warehouse in Leeds, and you will \
    get a tracking link by email as soon as the parcel leaves. Standard delivery costs 4.90 pounds and takes three to five \
    days. Orders above 50 pounds are delivered for free. If it is late, please write to our team again.";

/// The figures; `python` is an interpreter with xllamacpp.
pub(crate) async fn measure(python: Option<&str>) {
    let files = OwnerFiles::load(&PathBuf::from(ROOT).join("infra")).unwrap();
    let spec = files.registry.get(&ModelId::parse("smollm2-135m-instruct").unwrap()).unwrap();
    let store = ArtifactStore::new(ArtifactConfig::of_working_copy(&PathBuf::from(ROOT)));
    let paths = store.get_model(spec).await.unwrap();
    let material = store.get(&spec.materials[0]).await.unwrap();
    let generator = LocalGenerator::new(paths.try_into().unwrap(), CpuPool::for_this_machine(1));
    let started = Instant::now();
    write(&generator, "", "hello", 1).await;
    println!("generator  loaded, with its first token, in {:.0} ms", millis(started.elapsed()));
    for repeats in [1, 5] {
        let asked = ASKED.repeat(repeats);
        let mut runs = Vec::new();
        for _ in 0..5 {
            runs.push(write(&generator, "", &asked, 64).await);
        }
        let rate = |tokens: usize, time: Duration| tokens as f64 / time.as_secs_f64();
        let reads = middle(runs.iter().map(|run| rate(run.prompt_tokens, run.reading)).collect());
        let writes = middle(runs.iter().map(|run| rate(run.tokens, run.writing)).collect());
        let theirs = python.map(|python| llama_cpp(python, &material, &asked));
        let beside = theirs.map_or_else(
            || "llama.cpp not measured (name it with --python)".to_owned(),
            |[theirs_reads, theirs_writes]| {
                format!(
                    "llama.cpp {theirs_reads:.0} and {theirs_writes:.0}, ratios {:.2} and {:.2}",
                    reads / theirs_reads,
                    writes / theirs_writes
                )
            },
        );
        let tokens = runs[0].prompt_tokens;
        println!("generator  {tokens:3} tokens read: {reads:.0} tokens/s, {writes:.0} written; {beside}");
    }
    let mut times = Vec::new();
    for _ in 0..5 {
        let started = Instant::now();
        let words = write(&generator, RULE, ANSWER, 120).await.tokens;
        times.push((millis(started.elapsed()), words));
    }
    let tokens = times[0].1;
    let first = times[0].0;
    let time = middle(times.into_iter().map(|(time, _)| time).collect());
    println!(
        "generator  an answer of 60 words rewritten with {tokens} tokens: {time:.0} ms; {first:.0} with a new rule"
    );
    rephrasing::measure(generator).await;
}

async fn write(generator: &LocalGenerator, system: &str, user: &str, most_tokens: usize) -> Generated {
    let request = GenerationRequest {
        system: system.to_owned(),
        user: user.to_owned(),
        most_tokens,
        sampling: Sampling::Greedy,
        stops: Vec::new(),
        time_limit: Duration::from_mins(1),
    };
    generator.generate(request, None).await.unwrap()
}

/// How many tokens llama.cpp reads and writes in a second, on one thread.
fn llama_cpp(python: &str, model: &std::path::Path, user: &str) -> [f64; 2] {
    const SCRIPT: &str = r#"
import json, sys, urllib.request, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx, params.n_parallel, params.n_gpu_layers = 2048, 1, 0
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
prompt = f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{sys.argv[2]}<|im_end|>\n<|im_start|>assistant\n"
body = dict(prompt=prompt, n_predict=64, temperature=0.0, top_k=1, cache_prompt=False)
headers = {"Content-Type": "application/json"}
request = urllib.request.Request(server.listening_address + "/completion", json.dumps(body).encode(), headers)
runs = [json.load(urllib.request.urlopen(request))["timings"] for _ in range(5)]
for key in ["prompt_per_second", "predicted_per_second"]:
    print(sorted(run[key] for run in runs)[2])
"#;
    let output = Command::new(python).args(["-c", SCRIPT]).arg(model).arg(user).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let rates: Vec<f64> = printed.lines().filter_map(|line| line.trim().parse().ok()).collect();
    rates.try_into().unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}
