//! A vector in a byte for each of its numbers.

use serde::{Deserialize, Serialize};

use crate::hex::{hex, unhex};

/// A vector whose numbers are multiples of one step, -127 to 127 of them: a quarter of the bytes, and for an embedding of
/// length 1 and 384 numbers a cosine that is right within 0.002.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QuantizedVector {
    step: f32,
    values: Vec<i8>,
}

/// The most multiples of the step, either way.
const MOST: f32 = 127.0;
/// The bytes of the step.
const HEAD: usize = 4;

impl QuantizedVector {
    /// `vector`, rounded. Numbers that are not finite become 0.
    #[must_use]
    pub fn of(vector: &[f32]) -> Self {
        let finite = |value: &f32| if value.is_finite() { *value } else { 0.0 };
        let largest = vector.iter().map(finite).fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let step = if largest > 0.0 { largest / MOST } else { 1.0 };
        let values = vector.iter().map(|value| (finite(value) / step).round().clamp(-MOST, MOST) as i8).collect();
        Self { step, values }
    }

    /// The vector as numbers again.
    #[must_use]
    pub fn to_vec(&self) -> Vec<f32> {
        self.values.iter().map(|value| f32::from(*value) * self.step).collect()
    }

    /// The step in little-endian order, and then a byte for each number.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let values = self.values.iter().map(|value| value.to_ne_bytes()[0]);
        self.step.to_le_bytes().into_iter().chain(values).collect()
    }

    /// What [`Self::to_bytes`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, values) = bytes.split_at_checked(HEAD)?;
        let step = f32::from_le_bytes(head.try_into().ok()?);
        let values = values.iter().map(|byte| i8::from_ne_bytes([*byte])).collect();
        (step.is_finite() && step > 0.0).then_some(Self { step, values })
    }
}

/// A text that is no vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a vector as hexadecimal digits")]
pub struct InvalidVector;

impl From<QuantizedVector> for String {
    fn from(vector: QuantizedVector) -> Self {
        hex(&vector.to_bytes())
    }
}

impl TryFrom<String> for QuantizedVector {
    type Error = InvalidVector;

    fn try_from(text: String) -> Result<Self, InvalidVector> {
        unhex(&text).and_then(|bytes| Self::from_bytes(&bytes)).ok_or(InvalidVector)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cosine(one: &[f32], other: &[f32]) -> f32 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
    }

    proptest! {
        #[test]
        fn numbers_are_within_half_a_step(vector in proptest::collection::vec(-2.0_f32..2.0, 0..400)) {
            let found = QuantizedVector::of(&vector);
            let largest = vector.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let again = QuantizedVector::from_bytes(&found.to_bytes()).unwrap();
            prop_assert_eq!(&again, &found);
            prop_assert_eq!(&QuantizedVector::try_from(String::from(found.clone())).unwrap(), &found);
            for (value, rounded) in vector.iter().zip(again.to_vec()) {
                prop_assert!((value - rounded).abs() <= largest / 127.0 * 0.501);
            }
        }

        #[test]
        fn cosines_of_embeddings_hardly_change(
            one in proptest::collection::vec(-1.0_f32..1.0, 384),
            other in proptest::collection::vec(-1.0_f32..1.0, 384),
        ) {
            let rounded = |vector: &[f32]| QuantizedVector::of(vector).to_vec();
            prop_assert!((cosine(&one, &other) - cosine(&rounded(&one), &rounded(&other))).abs() < 0.002);
        }
    }

    #[test]
    fn what_is_no_number_counts_as_nothing() {
        assert_eq!(QuantizedVector::of(&[f32::NAN, 0.5, f32::INFINITY]).to_vec(), [0.0, 0.5, 0.0]);
        assert_eq!(QuantizedVector::of(&[0.0, 0.0]).to_vec(), [0.0, 0.0]);
        for bad in [&[][..], &[0, 0, 0], &[0, 0, 0, 0, 1], &[0, 0, 192, 127, 1]] {
            assert_eq!(QuantizedVector::from_bytes(bad), None, "{bad:?}");
        }
    }
}
