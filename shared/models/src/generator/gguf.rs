//! Reads GGUF files, the format in which llama.cpp keeps its models.
//!
//! By the format's own description: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::collections::HashMap;
use std::fmt;

/// The most strings, numbers or tensors that a file may list.
const MOST_ITEMS: u64 = 1 << 20;
/// The most bytes of one string.
const MOST_BYTES: u64 = 1 << 20;
/// How deep arrays may lie in arrays.
const MOST_NESTED: u8 = 2;
/// Where the tensors' bytes begin is a multiple of this many bytes, when the file does not say otherwise.
const ALIGNMENT: u64 = 32;

/// Why a file cannot be read as a model.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// It begins with other bytes than a GGUF file.
    #[error("it is no GGUF file: it begins with {0:02x?}")]
    NotGguf(Vec<u8>),
    /// It is of a version that nobody writes any more, or that is newer.
    #[error("it is a GGUF file of version {0}; 2 and 3 are read")]
    Version(u32),
    /// It ends too early, or a length in it cannot be true.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// A piece of its description is missing or of another kind.
    #[error("`{key}` is {found}, expected {expected}")]
    Key {
        /// Which.
        key: String,
        /// What was needed.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A tensor is missing.
    #[error("it has no tensor `{0}`")]
    NoTensor(String),
    /// A tensor has another shape or type.
    #[error("tensor `{name}` is {found}, expected {expected}")]
    Tensor {
        /// Which.
        name: String,
        /// What was needed.
        expected: String,
        /// What is there.
        found: String,
    },
}

/// A piece of a file's description.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number, of whatever width.
    Integer(i128),
    /// A number with a fraction.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Text.
    Text(String),
    /// Several of a kind.
    List(Vec<Value>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Integer(number) => write!(f, "{number}"),
            Value::Float(number) => write!(f, "{number}"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Text(text) if text.len() < 60 => write!(f, "`{text}`"),
            Value::Text(text) => write!(f, "a text of {} bytes", text.len()),
            Value::List(values) => write!(f, "a list of {}", values.len()),
        }
    }
}

/// How a tensor's numbers are kept, as ggml numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorType {
    /// 32-bit floats.
    F32,
    /// Blocks of 32 numbers of 4 bits, with a scale and an offset.
    Q4_1,
    /// Blocks of 32 numbers of 8 bits, with a scale.
    Q8_0,
    /// One that is not read here.
    Other(u32),
}

impl TensorType {
    fn of(code: u32) -> Self {
        match code {
            0 => TensorType::F32,
            3 => TensorType::Q4_1,
            8 => TensorType::Q8_0,
            other => TensorType::Other(other),
        }
    }

    /// How many numbers a block has and how many bytes.
    fn block(self) -> Option<(u64, u64)> {
        match self {
            TensorType::F32 => Some((1, 4)),
            TensorType::Q4_1 => Some((32, 20)),
            TensorType::Q8_0 => Some((32, 34)),
            TensorType::Other(_) => None,
        }
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TensorType::Other(code) => write!(f, "ggml type {code}"),
            known => write!(f, "{known:?}"),
        }
    }
}

/// A tensor: its shape, outermost axis first, and its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Tensor<'a> {
    /// How many rows.
    pub rows: usize,
    /// How many numbers in each row.
    pub columns: usize,
    /// How they are kept.
    pub kind: TensorType,
    /// All of them, row after row.
    pub bytes: &'a [u8],
}

impl Tensor<'_> {
    /// The refusal of this tensor, whose name is `name`.
    pub(super) fn unlike(&self, name: &str, expected: impl Into<String>) -> GgufError {
        let found = format!("{} of shape {} × {}", self.kind, self.rows, self.columns);
        GgufError::Tensor { name: name.to_owned(), expected: expected.into(), found }
    }
}

struct Placed {
    /// Innermost axis first, as the file has it.
    shape: Vec<u64>,
    kind: TensorType,
    offset: u64,
}

/// A GGUF file in memory.
pub struct Gguf<'a> {
    values: HashMap<String, Value>,
    tensors: HashMap<String, Placed>,
    data: &'a [u8],
}

impl fmt::Debug for Gguf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gguf").field("values", &self.values.len()).field("tensors", &self.tensors.len()).finish()
    }
}

impl<'a> Gguf<'a> {
    /// Reads the description in `bytes`, a whole file.
    ///
    /// # Errors
    /// [`GgufError::NotGguf`], [`GgufError::Version`], [`GgufError::Damaged`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, GgufError> {
        let mut reader = Reader { rest: bytes, at: 0 };
        let magic = bytes.get(..4).unwrap_or(bytes);
        if magic != b"GGUF" {
            return Err(GgufError::NotGguf(magic.to_vec()));
        }
        reader.take(4)?;
        let version = reader.u32()?;
        if !(2..=3).contains(&version) {
            return Err(GgufError::Version(version));
        }
        let (tensor_count, value_count) = (reader.count("tensors")?, reader.count("values")?);
        let mut values = HashMap::new();
        for _ in 0..value_count {
            let key = reader.text()?;
            let kind = reader.u32()?;
            values.insert(key, reader.value(kind, 0)?);
        }
        let mut tensors = HashMap::new();
        for _ in 0..tensor_count {
            let name = reader.text()?;
            let axes = reader.u32()?;
            if !(1..=4).contains(&axes) {
                return Err(GgufError::Damaged(format!("tensor `{name}` has {axes} axes")));
            }
            let shape = (0..axes).map(|_| reader.u64()).collect::<Result<_, _>>()?;
            let (kind, offset) = (TensorType::of(reader.u32()?), reader.u64()?);
            tensors.insert(name, Placed { shape, kind, offset });
        }
        let alignment = match values.get("general.alignment") {
            Some(Value::Integer(number)) => u64::try_from(*number).ok().filter(|number| *number > 0),
            Some(_) => None,
            None => Some(ALIGNMENT),
        };
        let alignment = alignment.ok_or_else(|| GgufError::Damaged("its alignment is no positive number".into()))?;
        let start = (reader.at as u64).checked_next_multiple_of(alignment).and_then(|at| usize::try_from(at).ok());
        let data = start.and_then(|start| bytes.get(start..));
        let data = data.ok_or_else(|| GgufError::Damaged("it ends before its tensors".into()))?;
        Ok(Self { values, tensors, data })
    }

    /// The value of `key`, when there is one.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    fn wrong(&self, key: &str, expected: &'static str) -> GgufError {
        let found = self.values.get(key).map_or("missing".to_owned(), Value::to_string);
        GgufError::Key { key: key.to_owned(), expected, found }
    }

    /// The count that `key` gives.
    ///
    /// # Errors
    /// [`GgufError::Key`].
    pub fn count(&self, key: &str) -> Result<usize, GgufError> {
        let found = match self.values.get(key) {
            Some(Value::Integer(number)) => usize::try_from(*number).ok().filter(|number| *number <= 1 << 30),
            _ => None,
        };
        found.ok_or_else(|| self.wrong(key, "a whole number from 0 to 2^30"))
    }

    /// The number that `key` gives.
    ///
    /// # Errors
    /// [`GgufError::Key`].
    pub fn float(&self, key: &str) -> Result<f64, GgufError> {
        match self.values.get(key) {
            Some(Value::Float(number)) if number.is_finite() => Ok(*number),
            _ => Err(self.wrong(key, "a number with a fraction")),
        }
    }

    /// The text that `key` gives.
    ///
    /// # Errors
    /// [`GgufError::Key`].
    pub fn text(&self, key: &str) -> Result<&str, GgufError> {
        match self.values.get(key) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(self.wrong(key, "a text")),
        }
    }

    /// The texts that `key` lists.
    ///
    /// # Errors
    /// [`GgufError::Key`].
    pub fn texts(&self, key: &str) -> Result<Vec<&str>, GgufError> {
        self.list(key, "a list of texts", |value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The whole numbers that `key` lists.
    ///
    /// # Errors
    /// [`GgufError::Key`].
    pub fn integers(&self, key: &str) -> Result<Vec<i128>, GgufError> {
        self.list(key, "a list of whole numbers", |value| match value {
            Value::Integer(number) => Some(*number),
            _ => None,
        })
    }

    fn list<'s, T>(
        &'s self,
        key: &str,
        expected: &'static str,
        of: impl Fn(&'s Value) -> Option<T>,
    ) -> Result<Vec<T>, GgufError> {
        let listed = match self.values.get(key) {
            Some(Value::List(values)) => values.iter().map(of).collect(),
            _ => None,
        };
        listed.ok_or_else(|| self.wrong(key, expected))
    }

    /// Whether there is a tensor `name`.
    #[must_use]
    pub fn has_tensor(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The tensor `name` of one or two axes.
    ///
    /// # Errors
    /// [`GgufError::NoTensor`]; [`GgufError::Tensor`] when it has more axes or is of a type that is not read;
    /// [`GgufError::Damaged`] when it lies outside of the file.
    pub fn tensor(&self, name: &str) -> Result<Tensor<'a>, GgufError> {
        let placed = self.tensors.get(name).ok_or_else(|| GgufError::NoTensor(name.to_owned()))?;
        let wrong = |expected: &str| GgufError::Tensor {
            name: name.to_owned(),
            expected: expected.to_owned(),
            found: format!("{} of shape {:?}", placed.kind, placed.shape),
        };
        let damaged = || GgufError::Damaged(format!("tensor `{name}` lies outside of the file"));
        let (columns, rows) = match *placed.shape.as_slice() {
            [columns] => (columns, 1),
            [columns, rows] => (columns, rows),
            _ => return Err(wrong("of one or two axes")),
        };
        let (numbers, bytes) = placed.kind.block().ok_or_else(|| wrong("F32, Q4_1 or Q8_0"))?;
        if columns % numbers != 0 {
            return Err(wrong("of rows of whole blocks of 32"));
        }
        let length =
            (columns / numbers).checked_mul(bytes).and_then(|row| row.checked_mul(rows)).ok_or_else(damaged)?;
        let end = placed.offset.checked_add(length).ok_or_else(damaged)?;
        let range = usize::try_from(placed.offset).ok().zip(usize::try_from(end).ok());
        let bytes = range.and_then(|(start, end)| self.data.get(start..end)).ok_or_else(damaged)?;
        let size = |axis: u64| usize::try_from(axis).map_err(|_| damaged());
        Ok(Tensor { rows: size(rows)?, columns: size(columns)?, kind: placed.kind, bytes })
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], GgufError> {
        let ends = || GgufError::Damaged(format!("it ends at byte {}", self.at + self.rest.len()));
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(ends)?;
        self.rest = rest;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let taken = self.take(N)?;
        Ok(std::array::from_fn(|at| taken[at]))
    }

    fn u32(&mut self) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn count(&mut self, what: &str) -> Result<u64, GgufError> {
        let count = self.u64()?;
        if count > MOST_ITEMS {
            return Err(GgufError::Damaged(format!("it lists {count} {what}, at most {MOST_ITEMS} are read")));
        }
        Ok(count)
    }

    fn text(&mut self) -> Result<String, GgufError> {
        let length = self.u64()?;
        if length > MOST_BYTES {
            return Err(GgufError::Damaged(format!("a text has {length} bytes, at most {MOST_BYTES} are read")));
        }
        let bytes = self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        // Tokens of byte-level vocabularies are text too; some files have others.
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    fn value(&mut self, kind: u32, depth: u8) -> Result<Value, GgufError> {
        Ok(match kind {
            0 => Value::Integer(u8::from_le_bytes(self.array()?).into()),
            1 => Value::Integer(i8::from_le_bytes(self.array()?).into()),
            2 => Value::Integer(u16::from_le_bytes(self.array()?).into()),
            3 => Value::Integer(i16::from_le_bytes(self.array()?).into()),
            4 => Value::Integer(self.u32()?.into()),
            5 => Value::Integer(i32::from_le_bytes(self.array()?).into()),
            6 => Value::Float(f32::from_le_bytes(self.array()?).into()),
            7 => Value::Bool(self.array::<1>()? != [0]),
            8 => Value::Text(self.text()?),
            9 if depth < MOST_NESTED => {
                let of = self.u32()?;
                let count = self.count("items")?;
                Value::List((0..count).map(|_| self.value(of, depth + 1)).collect::<Result<_, _>>()?)
            }
            10 => Value::Integer(self.u64()?.into()),
            11 => Value::Integer(i64::from_le_bytes(self.array()?).into()),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            other => return Err(GgufError::Damaged(format!("a value is of kind {other} at depth {depth}"))),
        })
    }
}
