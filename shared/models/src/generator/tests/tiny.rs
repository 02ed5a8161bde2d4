//! A GGUF file of a tiny model of random numbers, and what the model gives, computed plainly.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tract_onnx::prelude::f16;

pub(super) const WIDTH: usize = 64;
pub(super) const LAYERS: usize = 2;
pub(super) const HEADS: usize = 2;
pub(super) const KV_HEADS: usize = 1;
pub(super) const INNER: usize = 96;
pub(super) const CONTEXT: usize = 40;
const SIZE: usize = WIDTH / HEADS;
const BLOCK: usize = 32;

const TEMPLATE: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + \
    '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// A piece of a GGUF file's description, as it is written.
#[derive(Clone)]
pub(super) enum Written {
    U32(u32),
    F32(f32),
    Text(String),
    Texts(Vec<String>),
    I32s(Vec<i32>),
}

impl Written {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A tensor as it is written: its type's number, its shape with the innermost axis first, its bytes.
#[derive(Clone)]
pub(super) struct WrittenTensor {
    pub(super) kind: u32,
    pub(super) shape: Vec<u64>,
    pub(super) bytes: Vec<u8>,
}

/// A GGUF file that is being written.
#[derive(Clone)]
pub(super) struct TinyModel {
    pub(super) values: BTreeMap<String, Written>,
    pub(super) tensors: BTreeMap<String, WrittenTensor>,
    /// The numbers of each tensor, row after row.
    numbers: BTreeMap<String, Vec<f32>>,
    random: StdRng,
}

impl TinyModel {
    pub(super) fn new(seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        let mut model = Self { values: BTreeMap::new(), tensors: BTreeMap::new(), numbers: BTreeMap::new(), random };
        model.describe();
        let vocabulary = model.vocabulary();
        model.eight_bits("token_embd.weight", vocabulary, WIDTH);
        model.floats("output_norm.weight", WIDTH);
        for layer in 0..LAYERS {
            let name = |part: &str| format!("blk.{layer}.{part}.weight");
            model.floats(&name("attn_norm"), WIDTH);
            model.floats(&name("ffn_norm"), WIDTH);
            model.four_bits(&name("attn_q"), WIDTH, WIDTH);
            model.four_bits(&name("attn_k"), KV_HEADS * SIZE, WIDTH);
            model.four_bits(&name("attn_v"), KV_HEADS * SIZE, WIDTH);
            model.four_bits(&name("attn_output"), WIDTH, WIDTH);
            model.four_bits(&name("ffn_gate"), INNER, WIDTH);
            model.four_bits(&name("ffn_up"), INNER, WIDTH);
            model.four_bits(&name("ffn_down"), WIDTH, INNER);
        }
        model
    }

    fn describe(&mut self) {
        let mut set = |key: &str, value| self.values.insert(key.to_owned(), value);
        set("general.architecture", Written::Text("llama".into()));
        for (key, number) in [
            ("block_count", LAYERS),
            ("embedding_length", WIDTH),
            ("feed_forward_length", INNER),
            ("context_length", CONTEXT),
            ("attention.head_count", HEADS),
            ("attention.head_count_kv", KV_HEADS),
        ] {
            set(&format!("llama.{key}"), Written::U32(number as u32));
        }
        set("llama.attention.layer_norm_rms_epsilon", Written::F32(1e-5));
        set("llama.rope.freq_base", Written::F32(10_000.0));
        let special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"].map(str::to_owned);
        let mut kinds = vec![3; special.len()];
        let tokens: Vec<String> = special.into_iter().chain(bytes().map(String::from)).chain(["he".into()]).collect();
        kinds.resize(tokens.len(), 1);
        set("tokenizer.ggml.model", Written::Text("gpt2".into()));
        set("tokenizer.ggml.pre", Written::Text("smollm".into()));
        set("tokenizer.ggml.tokens", Written::Texts(tokens));
        set("tokenizer.ggml.token_type", Written::I32s(kinds));
        set("tokenizer.ggml.merges", Written::Texts(vec!["h e".into()]));
        set("tokenizer.ggml.bos_token_id", Written::U32(1));
        set("tokenizer.ggml.eos_token_id", Written::U32(2));
        set("tokenizer.chat_template", Written::Text(TEMPLATE.into()));
    }

    pub(super) fn vocabulary(&self) -> usize {
        3 + 256 + 1
    }

    fn floats(&mut self, name: &str, count: usize) {
        let numbers: Vec<f32> = (0..count).map(|_| self.random.random_range(0.5..1.5)).collect();
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.put(name, WrittenTensor { kind: 0, shape: vec![count as u64], bytes }, numbers);
    }

    fn four_bits(&mut self, name: &str, rows: usize, columns: usize) {
        let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
        for _ in 0..rows * columns / BLOCK {
            let scale = f16::from_f32(self.random.random_range(0.01..0.03));
            let offset = f16::from_f32(self.random.random_range(-0.2..-0.1));
            let codes: Vec<u8> = (0..BLOCK).map(|_| self.random.random_range(0..16)).collect();
            bytes.extend(scale.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            bytes.extend((0..BLOCK / 2).map(|at| codes[at] | codes[at + BLOCK / 2] << 4));
            numbers.extend(codes.iter().map(|code| scale.to_f32() * f32::from(*code) + offset.to_f32()));
        }
        self.put(name, WrittenTensor { kind: 3, shape: vec![columns as u64, rows as u64], bytes }, numbers);
    }

    fn eight_bits(&mut self, name: &str, rows: usize, columns: usize) {
        let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
        for _ in 0..rows * columns / BLOCK {
            let scale = f16::from_f32(self.random.random_range(0.001..0.01));
            let codes: Vec<i8> = (0..BLOCK).map(|_| self.random.random()).collect();
            bytes.extend(scale.to_le_bytes());
            bytes.extend(codes.iter().map(|code| *code as u8));
            numbers.extend(codes.iter().map(|code| scale.to_f32() * f32::from(*code)));
        }
        self.put(name, WrittenTensor { kind: 8, shape: vec![columns as u64, rows as u64], bytes }, numbers);
    }

    fn put(&mut self, name: &str, tensor: WrittenTensor, numbers: Vec<f32>) {
        self.tensors.insert(name.to_owned(), tensor);
        self.numbers.insert(name.to_owned(), numbers);
    }

    /// The file's bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend((self.tensors.len() as u64).to_le_bytes());
        file.extend((self.values.len() as u64).to_le_bytes());
        let text = |file: &mut Vec<u8>, text: &str| {
            file.extend((text.len() as u64).to_le_bytes());
            file.extend(text.as_bytes());
        };
        let list = |file: &mut Vec<u8>, kind: u32, length: usize| {
            file.extend(9_u32.to_le_bytes());
            file.extend(kind.to_le_bytes());
            file.extend((length as u64).to_le_bytes());
        };
        for (key, value) in &self.values {
            text(&mut file, key);
            match value {
                Written::U32(number) => file.extend([4_u32.to_le_bytes(), number.to_le_bytes()].concat()),
                Written::F32(number) => file.extend([6_u32.to_le_bytes(), number.to_le_bytes()].concat()),
                Written::Text(value) => {
                    file.extend(8_u32.to_le_bytes());
                    text(&mut file, value);
                }
                Written::Texts(values) => {
                    list(&mut file, 8, values.len());
                    values.iter().for_each(|value| text(&mut file, value));
                }
                Written::I32s(numbers) => {
                    list(&mut file, 5, numbers.len());
                    file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
                }
            }
        }
        let mut data = Vec::new();
        for (name, tensor) in &self.tensors {
            data.resize(data.len().next_multiple_of(BLOCK), 0);
            text(&mut file, name);
            file.extend((tensor.shape.len() as u32).to_le_bytes());
            file.extend(tensor.shape.iter().flat_map(|length| length.to_le_bytes()));
            file.extend(tensor.kind.to_le_bytes());
            file.extend((data.len() as u64).to_le_bytes());
            data.extend(&tensor.bytes);
        }
        file.resize(file.len().next_multiple_of(BLOCK), 0);
        file.extend(data);
        file
    }

    /// The logits behind `tokens`, computed as llama.cpp lays its tensors out: neighbours are turned together.
    pub(super) fn logits(&self, tokens: &[u32]) -> Vec<f32> {
        let embed = &self.numbers["token_embd.weight"];
        let mut hidden: Vec<Vec<f32>> =
            tokens.iter().map(|&token| embed[token as usize * WIDTH..][..WIDTH].to_vec()).collect();
        for layer in 0..LAYERS {
            let weight = |part: &str| &self.numbers[&format!("blk.{layer}.{part}.weight")];
            let read: Vec<Vec<f32>> = hidden.iter().map(|x| normed(x, weight("attn_norm"))).collect();
            let project = |part: &str| read.iter().map(|x| product(weight(part), x)).collect::<Vec<_>>();
            let (mut q, mut k, v) = (project("attn_q"), project("attn_k"), project("attn_v"));
            q.iter_mut().chain(&mut k).enumerate().for_each(|(at, x)| turn(x, at % tokens.len()));
            for at in 0..tokens.len() {
                let mut seen = vec![0.0; WIDTH];
                for head in 0..HEADS {
                    let group = head * KV_HEADS / HEADS;
                    let of = |x: &[f32], head: usize| x[head * SIZE..][..SIZE].to_vec();
                    let scores: Vec<f32> = (0..=at)
                        .map(|other| dot(&of(&q[at], head), &of(&k[other], group)) / (SIZE as f32).sqrt())
                        .collect();
                    let most = scores.iter().copied().fold(f32::MIN, f32::max);
                    let shares: Vec<f32> = scores.iter().map(|score| (score - most).exp()).collect();
                    let sum: f32 = shares.iter().sum();
                    for (other, share) in shares.iter().enumerate() {
                        let value = of(&v[other], group);
                        (0..SIZE).for_each(|i| seen[head * SIZE + i] += share / sum * value[i]);
                    }
                }
                add(&mut hidden[at], &product(weight("attn_output"), &seen));
            }
            for x in &mut hidden {
                let read = normed(x, weight("ffn_norm"));
                let (gate, up) = (product(weight("ffn_gate"), &read), product(weight("ffn_up"), &read));
                let gated: Vec<f32> =
                    gate.iter().zip(&up).map(|(gate, up)| gate / (1.0 + (-gate).exp()) * up).collect();
                add(x, &product(weight("ffn_down"), &gated));
            }
        }
        product(embed, &normed(&hidden[tokens.len() - 1], &self.numbers["output_norm.weight"]))
    }
}

/// The characters that stand for the 256 bytes in byte-level vocabularies.
fn bytes() -> impl Iterator<Item = char> {
    let is_shown = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut hidden = 0;
    (0..256).filter_map(move |byte| {
        let code = if is_shown(byte) {
            byte
        } else {
            255 + {
                hidden += 1;
                hidden
            }
        };
        char::from_u32(code)
    })
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn product(matrix: &[f32], x: &[f32]) -> Vec<f32> {
    matrix.chunks_exact(x.len()).map(|row| dot(row, x)).collect()
}

fn add(x: &mut [f32], other: &[f32]) {
    x.iter_mut().zip(other).for_each(|(x, other)| *x += other);
}

fn normed(x: &[f32], weight: &[f32]) -> Vec<f32> {
    let scale = (dot(x, x) / x.len() as f32 + 1e-5).sqrt().recip();
    x.iter().zip(weight).map(|(x, weight)| x * scale * weight).collect()
}

fn turn(x: &mut [f32], position: usize) {
    for head in x.chunks_exact_mut(SIZE) {
        for (pair, numbers) in head.chunks_exact_mut(2).enumerate() {
            let angle = position as f32 / 10_000_f32.powf(2.0 * pair as f32 / SIZE as f32);
            let [a, b] = [numbers[0], numbers[1]];
            numbers[0] = a * angle.cos() - b * angle.sin();
            numbers[1] = a * angle.sin() + b * angle.cos();
        }
    }
}
