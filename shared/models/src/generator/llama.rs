//! A model of Llama's architecture, from a GGUF file to an ONNX graph.
//!
//! The graph's inputs are `input_ids` `[1, S]` and, for each layer, `past_k_L` and `past_v_L` `[1, heads, P, size]`; its
//! outputs are `logits` `[1, 1, vocabulary]` of the last position, and `present_k_L` and `present_v_L` of `P + S` positions.

use tract_onnx::pb::ModelProto;

use super::gguf::{Gguf, GgufError, Tensor, Value};
use super::onnx_graph::{Length, OnnxGraph, integer, list};
use super::weights4::{BLOCK, FourBits, eight_bits, floats, four_bits};

/// The sizes of a model of Llama's architecture.
#[derive(Clone, Debug, PartialEq)]
pub struct LlamaShape {
    /// How many layers.
    pub layers: usize,
    /// How many numbers stand for a token between layers.
    pub width: usize,
    /// How many numbers the feed-forward part of a layer has.
    pub inner: usize,
    /// How many heads read.
    pub heads: usize,
    /// How many heads are read; each serves `heads / kv_heads`.
    pub kv_heads: usize,
    /// How many tokens there are.
    pub vocabulary: usize,
    /// How many positions it was trained for.
    pub context: usize,
    /// What is added under the root when a vector is scaled.
    pub epsilon: f64,
    /// The base of the angles by which positions turn vectors.
    pub theta: f64,
}

impl LlamaShape {
    /// The sizes that the file tells.
    ///
    /// # Errors
    /// [`GgufError::Key`] when it is of another architecture, or sizes are missing or do not fit together.
    pub fn read(file: &Gguf<'_>) -> Result<Self, GgufError> {
        let wrong =
            |key: &str, expected: &'static str, found: String| GgufError::Key { key: key.into(), expected, found };
        let architecture = file.text("general.architecture")?;
        if architecture != "llama" {
            return Err(wrong("general.architecture", "`llama`", format!("`{architecture}`")));
        }
        let (heads, kv_heads) =
            (file.count("llama.attention.head_count")?, file.count("llama.attention.head_count_kv")?);
        let width = file.count("llama.embedding_length")?;
        let shape = Self {
            layers: file.count("llama.block_count")?,
            width,
            inner: file.count("llama.feed_forward_length")?,
            heads,
            kv_heads,
            vocabulary: file.texts("tokenizer.ggml.tokens")?.len(),
            context: file.count("llama.context_length")?,
            epsilon: file.float("llama.attention.layer_norm_rms_epsilon")?,
            theta: file.float("llama.rope.freq_base")?,
        };
        let divides = |a: usize, b: usize| a > 0 && b.is_multiple_of(a);
        if !divides(heads, width) || !divides(kv_heads, heads) || !divides(2, shape.head_size()) {
            let found = format!("{heads} and {kv_heads} for a width of {width}");
            return Err(wrong("llama.attention.head_count", "numbers that divide the width", found));
        }
        if let Some(scaling) = file.value("llama.rope.scaling.type")
            && *scaling != Value::Text("none".into())
            && !file.has_tensor("rope_freqs.weight")
        {
            return Err(wrong("llama.rope.scaling.type", "`none`", scaling.to_string()));
        }
        Ok(shape)
    }

    /// How many numbers a head has.
    #[must_use]
    pub fn head_size(&self) -> usize {
        self.width / self.heads
    }
}

/// The graph of the model in `file`, which reads at most `positions` tokens. `told` is told of each layer that is done.
///
/// # Errors
/// [`GgufError`] when a tensor is missing or of another shape or type.
pub(super) fn graph(
    file: &Gguf<'_>,
    shape: &LlamaShape,
    positions: usize,
    told: &mut dyn FnMut(usize),
) -> Result<ModelProto, GgufError> {
    let mut writer = Writer { file, shape, graph: OnnxGraph::default() };
    // A width of which no weights are there is told before anything is made of it: a damaged one may be of any size.
    writer.tensor(WORDS, shape.vocabulary, shape.width)?;
    writer.positions(positions)?;
    let mut hidden = writer.embedding()?;
    for layer in 0..shape.layers {
        hidden = writer.layer(layer, &hidden)?;
        told(layer + 1);
    }
    writer.head(&hidden)?;
    Ok(writer.graph.finish())
}

/// The weights that stand for the tokens.
const WORDS: &str = "token_embd.weight";

struct Writer<'a> {
    file: &'a Gguf<'a>,
    shape: &'a LlamaShape,
    graph: OnnxGraph,
}

impl Writer<'_> {
    /// Constants, lengths, angles of the positions, and what a position must not see.
    fn positions(&mut self, most: usize) -> Result<(), GgufError> {
        let (graph, shape) = (&mut self.graph, self.shape);
        let size = shape.head_size();
        for (name, number) in [("0", 0), ("1", 1), ("2", 2), ("3", 3), ("-1", -1), ("end", i64::MAX)] {
            graph.integers(name, &[number]);
        }
        graph.integers("half", &[size as i64 / 2]);
        graph.integers("size", &[size as i64]);
        graph.input("input_ids", false, &[Length::Fixed(1), Length::Named("S")]);
        graph.output("logits", &[1, 1, shape.vocabulary].map(Length::Fixed));

        let divisors = self.divisors()?;
        let graph = &mut self.graph;
        let turned = |of: fn(f64) -> f64| {
            let angles =
                (0..most).flat_map(|at| divisors.iter().chain(&divisors).map(move |divisor| at as f64 / divisor));
            angles.map(of).map(|number| number as f32).collect::<Vec<_>>()
        };
        graph.floats("all_cos", &[most, size], turned(f64::cos));
        graph.floats("all_sin", &[most, size], turned(f64::sin));
        graph.floats("all_positions", &[most], (0..most).map(|at| at as f32));

        graph.op_with("Shape", &["input_ids"], "new", vec![integer("start", 1), integer("end", 2)]);
        graph.op_with("Shape", &["past_k_0"], "seen", vec![integer("start", 2), integer("end", 3)]);
        graph.op("Add", &["seen", "new"], "all");
        graph.op("Slice", &["all_cos", "seen", "all", "0"], "cos");
        graph.op("Slice", &["all_sin", "seen", "all", "0"], "sin");
        graph.op("Slice", &["all_positions", "seen", "all", "0"], "of_reading");
        graph.op("Slice", &["all_positions", "0", "all", "0"], "of_read");
        graph.op("Unsqueeze", &["of_reading", "1"], "reading");
        graph.op("Unsqueeze", &["of_read", "0"], "read");
        graph.op("LessOrEqual", &["read", "reading"], "may_see");
        graph.floats("nothing", &[], [0.0]);
        graph.floats("hidden", &[], [-1e9]);
        graph.op("Where", &["may_see", "nothing", "hidden"], "mask");
        graph.floats("scale", &[], [1.0 / (size as f32).sqrt()]);
        graph.floats("epsilon", &[], [shape.epsilon as f32]);
        Ok(())
    }

    /// By what a position is divided to give the angle of each pair of numbers.
    fn divisors(&self) -> Result<Vec<f64>, GgufError> {
        let size = self.shape.head_size();
        let plain = (0..size / 2).map(|pair| self.shape.theta.powf(2.0 * pair as f64 / size as f64));
        if !self.file.has_tensor("rope_freqs.weight") {
            return Ok(plain.collect());
        }
        // Llama 3.1 and later stretch the slow ones.
        let factors = self.numbers("rope_freqs.weight", size / 2)?;
        Ok(plain.zip(factors).map(|(plain, factor)| plain * f64::from(factor)).collect())
    }

    fn embedding(&mut self) -> Result<String, GgufError> {
        let (rows, width) = (self.shape.vocabulary, self.shape.width);
        let table = eight_bits(WORDS, self.tensor(WORDS, rows, width)?)?;
        let graph = &mut self.graph;
        graph.signed_bytes("embed.numbers", &[rows, width / BLOCK, BLOCK], table.numbers);
        graph.floats("embed.scales", &[rows, width / BLOCK, 1], table.scales);
        graph.op("Gather", &["embed.numbers", "input_ids"], "x.numbers");
        graph.op("Gather", &["embed.scales", "input_ids"], "x.scales");
        graph.op_with("Cast", &["x.numbers"], "x.floats", vec![integer("to", 1)]);
        graph.op("Mul", &["x.floats", "x.scales"], "x.blocks");
        graph.integers("x.shape", &[1, -1, width as i64]);
        Ok(graph.op("Reshape", &["x.blocks", "x.shape"], "x"))
    }

    fn layer(&mut self, layer: usize, hidden: &str) -> Result<String, GgufError> {
        let (shape, file) = (self.shape, format!("blk.{layer}"));
        let (width, size, l) = (shape.width, shape.head_size(), format!("l{layer}"));
        let (kv, group) = (shape.kv_heads, shape.heads / shape.kv_heads);

        let normed = self.scaled(hidden, &format!("{file}.attn_norm.weight"), &format!("{l}.an"))?;
        let sums = self.block_sums(&normed, &format!("{l}.an"), width);
        let mut read = |kind: &str, heads: usize, turn: bool| {
            let name = format!("{l}.{kind}");
            let order = if turn { unturned(heads, size) } else { (0..heads * size).collect() };
            let rows = (heads * size, width);
            let out = self.linear(&normed, &sums, &format!("{file}.attn_{kind}.weight"), rows, order, &name)?;
            let out = self.heads(&out, heads, &name);
            Ok(if turn { self.turned(&out, &name) } else { out })
        };
        let (q, k, v) = (read("q", shape.heads, true)?, read("k", kv, true)?, read("v", kv, false)?);

        for kind in ["k", "v"] {
            let [kv, size] = [kv, size].map(Length::Fixed);
            self.graph.input(&format!("past_{kind}_{layer}"), true, &[Length::Fixed(1), kv, Length::Named("P"), size]);
            let shape = [Length::Fixed(1), kv, Length::Named("T"), size];
            self.graph.output(&format!("present_{kind}_{layer}"), &shape);
        }
        let graph = &mut self.graph;
        let axis = |axis| vec![integer("axis", axis)];
        let swapped = |order: &[i64]| vec![list("perm", order)];
        let k = graph.op_with("Concat", &[&format!("past_k_{layer}"), &k], &format!("present_k_{layer}"), axis(2));
        let v = graph.op_with("Concat", &[&format!("past_v_{layer}"), &v], &format!("present_v_{layer}"), axis(2));
        graph.integers(&format!("{l}.groups"), &[1, kv as i64, group as i64, -1, size as i64]);
        let q = graph.op("Reshape", &[&q, &format!("{l}.groups")], &format!("{l}.q5"));
        let k = graph.op("Unsqueeze", &[&k, "2"], &format!("{l}.k5"));
        let k = graph.op_with("Transpose", &[&k], &format!("{l}.k5t"), swapped(&[0, 1, 2, 4, 3]));
        let v = graph.op("Unsqueeze", &[&v, "2"], &format!("{l}.v5"));
        let scores = graph.op("MatMul", &[&q, &k], &format!("{l}.qk"));
        let scores = graph.op("Mul", &[&scores, "scale"], &format!("{l}.scores"));
        let scores = graph.op("Add", &[&scores, "mask"], &format!("{l}.masked"));
        let shares = graph.op_with("Softmax", &[&scores], &format!("{l}.shares"), axis(-1));
        let seen = graph.op("MatMul", &[&shares, &v], &format!("{l}.o5"));
        graph.integers(&format!("{l}.ungrouped"), &[1, shape.heads as i64, -1, size as i64]);
        let seen = graph.op("Reshape", &[&seen, &format!("{l}.ungrouped")], &format!("{l}.o4"));
        let seen = graph.op_with("Transpose", &[&seen], &format!("{l}.o4t"), swapped(&[0, 2, 1, 3]));
        graph.integers(&format!("{l}.flat"), &[1, -1, width as i64]);
        let seen = graph.op("Reshape", &[&seen, &format!("{l}.flat")], &format!("{l}.o"));
        let sums = self.block_sums(&seen, &format!("{l}.o"), width);
        let rows = (width, width);
        let name = format!("{file}.attn_output.weight");
        let out = self.linear(&seen, &sums, &name, rows, 0..width, &format!("{l}.attn"))?;
        let hidden = self.graph.op("Add", &[hidden, &out], &format!("{l}.x1"));
        self.feed_forward(&hidden, &file, &l)
    }

    fn feed_forward(&mut self, hidden: &str, file: &str, l: &str) -> Result<String, GgufError> {
        let (width, inner) = (self.shape.width, self.shape.inner);
        let normed = self.scaled(hidden, &format!("{file}.ffn_norm.weight"), &format!("{l}.fn"))?;
        let sums = self.block_sums(&normed, &format!("{l}.fn"), width);
        let mut part = |kind: &str| {
            let name = format!("{file}.ffn_{kind}.weight");
            self.linear(&normed, &sums, &name, (inner, width), 0..inner, &format!("{l}.{kind}"))
        };
        let (gate, up) = (part("gate")?, part("up")?);
        let sigmoid = self.graph.op("Sigmoid", &[&gate], &format!("{l}.sigmoid"));
        let silu = self.graph.op("Mul", &[&gate, &sigmoid], &format!("{l}.silu"));
        let gated = self.graph.op("Mul", &[&silu, &up], &format!("{l}.gated"));
        let sums = self.block_sums(&gated, &format!("{l}.gated"), inner);
        let name = format!("{file}.ffn_down.weight");
        let down = self.linear(&gated, &sums, &name, (width, inner), 0..width, &format!("{l}.down"))?;
        Ok(self.graph.op("Add", &[hidden, &down], &format!("{l}.x2")))
    }

    fn head(&mut self, hidden: &str) -> Result<(), GgufError> {
        let (rows, width) = (self.shape.vocabulary, self.shape.width);
        // Without a head of its own a model reads its word table backwards.
        let name = if self.file.has_tensor("output.weight") { "output.weight" } else { WORDS };
        let last = self.graph.op("Slice", &[hidden, "-1", "end", "1"], "last");
        let normed = self.scaled(&last, "output_norm.weight", "on")?;
        let [high, low] = eight_bits(name, self.tensor(name, rows, width)?)?.halves();
        let sums = self.block_sums(&normed, "on", width);
        let low = self.product(&normed, low, rows, width, "head.low");
        let high = self.product_with_offset(&normed, &sums, high, (rows, width), "head.high");
        self.graph.op("Add", &[&low, &high], "logits");
        Ok(())
    }

    /// `x` at length `√width`, times a weight for each number.
    fn scaled(&mut self, x: &str, weight: &str, name: &str) -> Result<String, GgufError> {
        let width = self.shape.width;
        let numbers = self.numbers(weight, width)?;
        let graph = &mut self.graph;
        let weight = graph.floats(&format!("{name}.weight"), &[width], numbers);
        let squares = graph.op("Mul", &[x, x], &format!("{name}.squares"));
        let axes = vec![list("axes", &[-1]), integer("keepdims", 1)];
        let mean = graph.op_with("ReduceMean", &[&squares], &format!("{name}.mean"), axes);
        let above = graph.op("Add", &[&mean, "epsilon"], &format!("{name}.above"));
        let root = graph.op("Sqrt", &[&above], &format!("{name}.root"));
        let inverse = graph.op("Reciprocal", &[&root], &format!("{name}.inverse"));
        let normed = graph.op("Mul", &[x, &inverse], &format!("{name}.normed"));
        Ok(graph.op("Mul", &[&normed, &weight], name))
    }

    /// The sums of `x` over blocks.
    fn block_sums(&mut self, x: &str, name: &str, width: usize) -> String {
        let graph = &mut self.graph;
        graph.integers(&format!("{name}.blocks_shape"), &[1, -1, (width / BLOCK) as i64, BLOCK as i64]);
        let blocks = graph.op("Reshape", &[x, &format!("{name}.blocks_shape")], &format!("{name}.blocks"));
        graph.op_with("ReduceSum", &[&blocks, "-1"], &format!("{name}.sums"), vec![integer("keepdims", 0)])
    }

    fn linear(
        &mut self,
        x: &str,
        sums: &str,
        tensor: &str,
        (rows, columns): (usize, usize),
        order: impl IntoIterator<Item = usize>,
        name: &str,
    ) -> Result<String, GgufError> {
        let weights = four_bits(tensor, self.tensor(tensor, rows, columns)?, order.into_iter())?;
        Ok(self.product_with_offset(x, sums, weights, (rows, columns), name))
    }

    fn product_with_offset(
        &mut self,
        x: &str,
        sums: &str,
        mut weights: FourBits,
        (rows, columns): (usize, usize),
        name: &str,
    ) -> String {
        let blocks = columns / BLOCK;
        let offsets = std::mem::take(&mut weights.offsets);
        let product = self.product(x, weights, rows, columns, &format!("{name}.product"));
        // Transposed: a row for each block.
        let by_block = (0..blocks).flat_map(|block| offsets.iter().skip(block).step_by(blocks).copied());
        let offsets = self.graph.floats(&format!("{name}.offsets"), &[blocks, rows], by_block);
        let offset = self.graph.op("MatMul", &[sums, &offsets], &format!("{name}.offset"));
        self.graph.op("Add", &[&product, &offset], name)
    }

    fn product(&mut self, x: &str, weights: FourBits, rows: usize, columns: usize, name: &str) -> String {
        let graph = &mut self.graph;
        let blocks = columns / BLOCK;
        let codes = graph.bytes(&format!("{name}.codes"), &[rows, blocks, BLOCK / 2], weights.codes);
        let scales = graph.floats(&format!("{name}.scales"), &[rows * blocks], weights.scales);
        let with = [("K", columns), ("N", rows), ("bits", 4), ("block_size", BLOCK)];
        let with = with.map(|(name, number)| integer(name, number as i64)).to_vec();
        graph.microsoft("MatMulNBits", &[x, &codes, &scales], name, with)
    }

    fn heads(&mut self, x: &str, heads: usize, name: &str) -> String {
        let graph = &mut self.graph;
        graph.integers(&format!("{name}.heads_shape"), &[1, -1, heads as i64, self.shape.head_size() as i64]);
        let apart = graph.op("Reshape", &[x, &format!("{name}.heads_shape")], &format!("{name}.apart"));
        graph.op_with("Transpose", &[&apart], &format!("{name}.heads"), vec![list("perm", &[0, 2, 1, 3])])
    }

    /// Each pair of numbers turned by the angle of its position.
    fn turned(&mut self, x: &str, name: &str) -> String {
        let graph = &mut self.graph;
        let first = graph.op("Slice", &[x, "0", "half", "3"], &format!("{name}.first"));
        let second = graph.op("Slice", &[x, "half", "size", "3"], &format!("{name}.second"));
        let negative = graph.op("Neg", &[&second], &format!("{name}.negative"));
        let axis = vec![integer("axis", 3)];
        let across = graph.op_with("Concat", &[&negative, &first], &format!("{name}.across"), axis);
        let along = graph.op("Mul", &[x, "cos"], &format!("{name}.along"));
        let across = graph.op("Mul", &[&across, "sin"], &format!("{name}.across_sin"));
        graph.op("Add", &[&along, &across], &format!("{name}.turned"))
    }

    fn numbers(&self, name: &str, count: usize) -> Result<Vec<f32>, GgufError> {
        floats(name, self.tensor(name, 1, count)?)
    }

    fn tensor(&self, name: &str, rows: usize, columns: usize) -> Result<Tensor<'_>, GgufError> {
        let tensor = self.file.tensor(name)?;
        if (tensor.rows, tensor.columns) == (rows, columns) {
            return Ok(tensor);
        }
        Err(tensor.unlike(name, format!("of shape {rows} × {columns}")))
    }
}

/// The order of the rows of a matrix whose output is turned: llama.cpp turns neighbours, the graph turns numbers that are
/// half a head apart.
fn unturned(heads: usize, size: usize) -> Vec<usize> {
    let of_head = |head: usize| (0..size).map(move |at| head * size + 2 * (at % (size / 2)) + at / (size / 2));
    (0..heads).flat_map(of_head).collect()
}
