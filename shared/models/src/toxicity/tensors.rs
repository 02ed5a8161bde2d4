//! Named arrays of numbers in one file, in the safetensors format.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::heads::HeadError;

/// A file's arrays, still as bytes.
pub(super) struct Tensors<'a> {
    header: Header,
    numbers: &'a [u8],
}

#[derive(Deserialize)]
struct Header {
    #[serde(rename = "__metadata__", default)]
    metadata: BTreeMap<String, String>,
    #[serde(flatten)]
    entries: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

impl<'a> Tensors<'a> {
    pub(super) fn read(file: &'a [u8]) -> Result<Self, HeadError> {
        let cut = HeadError::Malformed("the file of arrays is cut off");
        let Some((length, rest)) = file.split_first_chunk::<8>() else { return Err(cut) };
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some((header, numbers)) = rest.split_at_checked(length) else { return Err(cut) };
        Ok(Self { header: serde_json::from_slice(header)?, numbers })
    }

    /// What the file says about itself under `key`.
    pub(super) fn text(&self, key: &str) -> Result<&str, HeadError> {
        self.header.metadata.get(key).map(String::as_str).ok_or(HeadError::Malformed("expected the words of the model"))
    }

    /// The finite numbers of an array of this shape.
    pub(super) fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, HeadError> {
        let bytes = self.bytes(name, "F32", shape, 4)?;
        let number = |bytes: &[u8]| bytes.try_into().map_or(f32::NAN, f32::from_le_bytes);
        let numbers: Vec<f32> = bytes.chunks_exact(4).map(number).collect();
        if numbers.iter().all(|number| number.is_finite()) {
            Ok(numbers)
        } else {
            Err(HeadError::Malformed("expected finite numbers"))
        }
    }

    /// The whole numbers of an array of this shape.
    pub(super) fn shorts(&self, name: &str, shape: &[usize]) -> Result<Vec<i16>, HeadError> {
        let bytes = self.bytes(name, "I16", shape, 2)?;
        Ok(bytes.chunks_exact(2).map(|bytes| bytes.try_into().map_or(0, i16::from_le_bytes)).collect())
    }

    fn bytes(&self, name: &str, dtype: &str, shape: &[usize], width: usize) -> Result<&'a [u8], HeadError> {
        let found = self.header.entries.get(name).filter(|entry| entry.dtype == dtype && entry.shape == shape);
        let Some(entry) = found else { return Err(HeadError::Malformed("an array is missing or has another shape")) };
        let [start, end] = entry.data_offsets;
        let bytes = self.numbers.get(start..end);
        let bytes = bytes.filter(|bytes| bytes.len() == shape.iter().product::<usize>() * width);
        bytes.ok_or(HeadError::Malformed("an array is cut off"))
    }
}
