//! Turns blocks of a GGUF file into the tensors of ONNX operators, without loss.

use tract_onnx::prelude::f16;

use super::gguf::{GgufError, Tensor, TensorType};

/// How many numbers share a scale.
pub(super) const BLOCK: usize = 32;

/// What the ONNX operator `MatMulNBits` reads, and what has to be added to what it gives: it knows a weight as
/// `scale × (code − 8)`, so that of `scale × code + offset` there is `blocksum(x) × (offset + 8 × scale)` missing.
pub(super) struct FourBits {
    /// Two codes in each byte, the first in its low half.
    pub(super) codes: Vec<u8>,
    /// One for each block.
    pub(super) scales: Vec<f32>,
    /// One for each block, `offset + 8 × scale`.
    pub(super) offsets: Vec<f32>,
}

/// The blocks of a `Q4_1` matrix, with its rows in the order `rows`.
///
/// # Errors
/// [`GgufError::Tensor`] when it is of another type.
pub(super) fn four_bits(
    name: &str,
    tensor: Tensor<'_>,
    rows: impl Iterator<Item = usize>,
) -> Result<FourBits, GgufError> {
    const BYTES: usize = 20;
    if tensor.kind != TensorType::Q4_1 {
        return Err(tensor.unlike(name, "Q4_1"));
    }
    let blocks = tensor.columns / BLOCK;
    let mut weights = FourBits {
        codes: Vec::with_capacity(tensor.rows * tensor.columns / 2),
        scales: Vec::with_capacity(tensor.rows * blocks),
        offsets: Vec::with_capacity(tensor.rows * blocks),
    };
    let (all, _) = tensor.bytes.as_chunks::<BYTES>();
    for row in rows {
        for block in &all[row * blocks..(row + 1) * blocks] {
            let (scale, offset) = (half(&block[..2]), half(&block[2..4]));
            weights.scales.push(scale);
            weights.offsets.push(offset + 8.0 * scale);
            let packed = &block[4..];
            // The file has the first half of the block in the low halves of the bytes.
            let first = packed.chunks_exact(2).map(|pair| pair[0] & 15 | (pair[1] & 15) << 4);
            let second = packed.chunks_exact(2).map(|pair| pair[0] >> 4 | pair[1] & 0xf0);
            weights.codes.extend(first.chain(second));
        }
    }
    Ok(weights)
}

/// A matrix of 8-bit numbers with a scale for each block.
pub(super) struct EightBits {
    /// The numbers, each as the byte that it is.
    pub(super) numbers: Vec<u8>,
    /// One for each block.
    pub(super) scales: Vec<f32>,
}

/// The blocks of a `Q8_0` matrix.
///
/// # Errors
/// [`GgufError::Tensor`] when it is of another type.
pub(super) fn eight_bits(name: &str, tensor: Tensor<'_>) -> Result<EightBits, GgufError> {
    const BYTES: usize = 34;
    if tensor.kind != TensorType::Q8_0 {
        return Err(tensor.unlike(name, "Q8_0"));
    }
    let (blocks, _) = tensor.bytes.as_chunks::<BYTES>();
    Ok(EightBits {
        numbers: blocks.iter().flat_map(|block| &block[2..]).copied().collect(),
        scales: blocks.iter().map(|block| half(&block[..2])).collect(),
    })
}

impl EightBits {
    /// The same numbers as two matrices of 4 bits, whose products add up to that of this one: `number + 128 = 16 × high +
    /// low`. What is missing of the second's offset is in the first's.
    pub(super) fn halves(&self) -> [FourBits; 2] {
        let codes = |half: fn(u8) -> u8| {
            let shifted = self.numbers.chunks_exact(2).map(move |pair| [pair[0] ^ 128, pair[1] ^ 128].map(half));
            shifted.map(|[first, second]| first | second << 4).collect()
        };
        // 16 × scale × (high − 8) + scale × (low − 8) = scale × (number + 128 − 136).
        let offsets = self.scales.iter().map(|scale| 8.0 * scale).collect();
        [
            FourBits {
                codes: codes(|number| number >> 4),
                scales: self.scales.iter().map(|scale| 16.0 * scale).collect(),
                offsets,
            },
            FourBits { codes: codes(|number| number & 15), scales: self.scales.clone(), offsets: Vec::new() },
        ]
    }
}

/// The numbers of an `F32` tensor.
///
/// # Errors
/// [`GgufError::Tensor`] when it is of another type.
pub(super) fn floats(name: &str, tensor: Tensor<'_>) -> Result<Vec<f32>, GgufError> {
    if tensor.kind != TensorType::F32 {
        return Err(tensor.unlike(name, "F32"));
    }
    let (numbers, _) = tensor.bytes.as_chunks::<4>();
    Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

fn half(bytes: &[u8]) -> f32 {
    f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()
}
