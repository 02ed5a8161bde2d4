//! Text from a small language model that runs in this process.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use farthing_domain::ports::{Finish, Generated, GenerationError, GenerationRequest, Generator, Heard, Sampling};
use tokenizers::Tokenizer;
use tokio::sync::{OnceCell, Semaphore};

use crate::cpu::{CpuError, CpuPool};
use crate::encoder::LoadError;
use chat::ChatTemplate;
use model::{LanguageModel, Memory};
use sampling::Sampler;
use writing::Writing;

mod build;
mod chat;
mod export;
mod gguf;
mod kernels;
mod llama;
mod model;
mod onnx_graph;
mod sampling;
mod vocabulary;
mod weights4;
mod writing;

pub use build::{BuildError, ChatFile, FILES, build, write_onnx};
pub use gguf::{Gguf, GgufError, Tensor, TensorType, Value};
pub use llama::LlamaShape;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How many tokens are read between two looks at whether anybody still waits.
const CHUNK: usize = 64;
/// The longest time that a request may have, whatever it says.
const LONGEST: Duration = Duration::from_hours(1);
/// How many rules are remembered as they were read, some 46 kB for each token of a model of 135 million numbers.
const REMEMBERED: usize = 4;

/// A language model that writes on a pool of cores, one text at a time: a text takes a core for a second or more, which
/// questions wait for. It is loaded when it is first asked.
#[derive(Debug)]
pub struct LocalGenerator {
    files: [PathBuf; 3],
    pool: CpuPool,
    loaded: OnceCell<Arc<Loaded>>,
    turn: Arc<Semaphore>,
}

impl LocalGenerator {
    /// A generator of `files`, in the order of [`FILES`]. Verify them first.
    #[must_use]
    pub fn new(files: [PathBuf; 3], pool: CpuPool) -> Self {
        Self { files, pool, loaded: OnceCell::new(), turn: Arc::new(Semaphore::new(1)) }
    }

    async fn loaded(&self) -> Result<&Arc<Loaded>, GenerationError> {
        let load = || async {
            let files = self.files.clone();
            let loaded = self.pool.run(move || Loaded::load(&files)).await.map_err(from_pool)?;
            loaded.map(Arc::new).map_err(|error| GenerationError::Failed(error.into()))
        };
        self.loaded.get_or_try_init(load).await
    }
}

/// Tells work that nobody waits for it any more.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[async_trait]
impl Generator for LocalGenerator {
    async fn generate(&self, request: GenerationRequest, heard: Option<Heard>) -> Result<Generated, GenerationError> {
        check(&request)?;
        let until = Instant::now() + request.time_limit.min(LONGEST);
        let turn = tokio::time::timeout_at(until.into(), Arc::clone(&self.turn).acquire_owned()).await;
        let turn =
            turn.map_err(|_| GenerationError::Overloaded)?.map_err(|error| GenerationError::Failed(error.into()))?;
        let loaded = Arc::clone(self.loaded().await?);
        let given_up = Arc::new(AtomicBool::new(false));
        let _waiting = Waiting(Arc::clone(&given_up));
        let work = move || {
            let _held_until_done = turn;
            loaded.generate(&request, heard, until, &given_up)
        };
        self.pool.run(work).await.map_err(from_pool)?
    }
}

fn from_pool(error: CpuError) -> GenerationError {
    match error {
        CpuError::Overloaded => GenerationError::Overloaded,
        CpuError::Broken(cause) => GenerationError::Failed(cause),
    }
}

fn check(request: &GenerationRequest) -> Result<(), GenerationError> {
    let invalid = |field, reason: &str| Err(GenerationError::Invalid { field, reason: reason.to_owned() });
    if request.user.trim().is_empty() {
        return invalid("user", "is empty");
    }
    if request.most_tokens == 0 {
        return invalid("most_tokens", "has to be at least 1");
    }
    if request.stops.iter().any(String::is_empty) {
        return invalid("stops", "has an empty text");
    }
    if let Sampling::Random { temperature, top_p, .. } = request.sampling {
        if !(temperature > 0.0 && temperature.is_finite()) {
            return invalid("temperature", "has to be a number above 0");
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return invalid("top_p", "has to be above 0 and at most 1");
        }
    }
    Ok(())
}

/// Loads the model from `files`, in the order of [`FILES`], and has it read a word.
///
/// # Errors
/// Why it cannot be loaded or run.
pub fn self_test(files: &[PathBuf]) -> Result<(), BoxError> {
    let files: &[PathBuf; 3] = files.try_into().map_err(|_| "a language model has three files")?;
    let loaded = Loaded::load(files)?;
    let logits = loaded.model.read(&mut loaded.model.nothing(), &loaded.tokens("Hello")?)?;
    if logits.iter().all(|logit| logit.is_finite()) { Ok(()) } else { Err("it gave no number".into()) }
}

#[derive(Debug)]
struct Loaded {
    model: LanguageModel,
    tokenizer: Tokenizer,
    template: ChatTemplate,
    end: u32,
    context: usize,
    /// Rules with what the model keeps of them, the last used last.
    remembered: Mutex<VecDeque<(String, Memory)>>,
}

impl Loaded {
    fn load([model, tokenizer, chat]: &[PathBuf; 3]) -> Result<Self, LoadError> {
        let read =
            |path: &PathBuf| std::fs::read(path).map_err(|cause| LoadError::Unreadable { path: path.clone(), cause });
        let tokenizer = Tokenizer::from_bytes(read(tokenizer)?).map_err(LoadError::Tokenizer)?;
        let file: ChatFile = serde_json::from_slice(&read(chat)?).map_err(|error| LoadError::Model(error.into()))?;
        let end = tokenizer.token_to_id(&file.end);
        let end = end.ok_or_else(|| LoadError::Tokenizer("it does not know the token that ends an answer".into()))?;
        let added = tokenizer.get_added_tokens_decoder();
        let special = added.into_values().filter(|token| token.special).map(|token| token.content).collect();
        let template = ChatTemplate::new(&file.template, special, file.begin, file.end);
        let template = template.map_err(|error| LoadError::Model(error.into()))?;
        let model = LanguageModel::load(model)?;
        if model.vocabulary() < tokenizer.get_vocab_size(true) {
            return Err(LoadError::Model("it knows fewer tokens than its tokenizer".into()));
        }
        Ok(Self { model, tokenizer, template, end, context: file.context, remembered: Mutex::default() })
    }

    fn generate(
        &self,
        request: &GenerationRequest,
        mut heard: Option<Heard>,
        until: Instant,
        given_up: &AtomicBool,
    ) -> Result<Generated, GenerationError> {
        let failed = |error: BoxError| GenerationError::Failed(error);
        let goes_on = || !given_up.load(Ordering::Relaxed) && Instant::now() < until;
        let chat = self.template.chat(&request.system, &request.user).map_err(|error| failed(error.into()))?;
        let (rule, rest) = (self.tokens(&chat.rule)?, self.tokens(&chat.rest)?);
        let prompt_tokens = rule.len() + rest.len();
        let limit = self.context.saturating_sub(1);
        if prompt_tokens > limit {
            return Err(GenerationError::TooLong { tokens: prompt_tokens, limit });
        }

        let started = Instant::now();
        let remembered = self.recall(&chat.rule);
        let remembered_tokens = remembered.as_ref().map_or(0, Memory::tokens);
        let mut memory = match remembered {
            Some(memory) => memory,
            None => {
                let mut memory = self.model.nothing();
                if !rule.is_empty() {
                    self.read(&mut memory, &rule, &goes_on)?;
                    self.remember(&chat.rule, &memory);
                }
                memory
            }
        };
        let mut logits = self.read(&mut memory, &rest, &goes_on)?;
        let reading = started.elapsed();

        let started = Instant::now();
        let mut sampler = Sampler::new(request.sampling);
        let mut decoder = self.tokenizer.decode_stream(true);
        let mut writing = Writing::new(&request.stops);
        let mut tell = |piece: &str| match &mut heard {
            Some(heard) if !piece.is_empty() => heard(piece),
            _ => {}
        };
        let mut tokens = 0;
        let finish = loop {
            if !goes_on() {
                break Finish::TimeUp;
            }
            let token = sampler.choose(&logits).ok_or_else(|| failed("it gave no number".into()))?;
            if token == self.end {
                break Finish::End;
            }
            tokens += 1;
            if let Some(piece) = decoder.step(token).map_err(failed)? {
                if writing.add(&piece) {
                    break Finish::Stop;
                }
                tell(writing.certain());
            }
            if tokens == request.most_tokens {
                break Finish::MostTokens;
            }
            if memory.tokens() == self.context {
                break Finish::ContextFull;
            }
            logits = self.model.read(&mut memory, &[token]).map_err(failed)?;
        };
        let (text, rest) = writing.end();
        tell(rest);
        let text = text.to_owned();
        let writing = started.elapsed();
        Ok(Generated { text, finish, prompt_tokens, remembered_tokens, tokens, reading, writing })
    }

    fn tokens(&self, text: &str) -> Result<Vec<u32>, GenerationError> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(GenerationError::Failed)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Reads `tokens` in pieces, as long as somebody waits.
    fn read(
        &self,
        memory: &mut Memory,
        tokens: &[u32],
        goes_on: &dyn Fn() -> bool,
    ) -> Result<Vec<f32>, GenerationError> {
        let mut logits = Vec::new();
        for piece in tokens.chunks(CHUNK) {
            if !goes_on() {
                return Err(GenerationError::Overloaded);
            }
            logits = self.model.read(memory, piece).map_err(GenerationError::Failed)?;
        }
        Ok(logits)
    }

    fn recall(&self, rule: &str) -> Option<Memory> {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let at = remembered.iter().position(|(of, _)| of == rule)?;
        let found = remembered.remove(at)?;
        let memory = found.1.clone();
        remembered.push_back(found);
        Some(memory)
    }

    fn remember(&self, rule: &str, memory: &Memory) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.iter().all(|(of, _)| of != rule) {
            remembered.push_back((rule.to_owned(), memory.clone()));
        }
        while remembered.len() > REMEMBERED {
            remembered.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
