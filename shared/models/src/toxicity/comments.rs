//! A small recurrent network that was trained on the comments of Wikipedia's talk pages.
//!
//! It reads a text's last hundred known words from both ends and gives six log-odds. A text that
//! is shorter is read after a run of padding: the network was trained so, and padding is no more
//! neutral to it than a word.

use std::collections::HashMap;

use super::tensors::Tensors;
use crate::heads::HeadError;

/// How many log-odds there are: toxic, severely toxic, obscene, threat, insult, hate of a group.
pub const LABELS: usize = 6;

const POSITIONS: usize = 100;
const UNITS: usize = 50;
const GATES: usize = 4 * UNITS;
const WIDTH: usize = 50;
const WORDS: usize = 20_000;

/// A reading of padding is over when nothing moves by more than this from one position to the next.
const STILL: f32 = 1e-6;

/// Not words, as the network's own tokenizer sees it; the apostrophe is part of a word.
const SEPARATORS: &str = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n ";

type Units = [f32; UNITS];

/// The network.
#[derive(Clone, Debug)]
pub struct CommentsModel {
    ids: HashMap<String, usize>,
    embedding: Vec<i16>,
    scale: Vec<f32>,
    forward: Direction,
    backward: Direction,
    /// What the forward reading is and has seen after so much padding.
    padded: Vec<Reading>,
    hidden: Layer,
    output: Layer,
}

impl CommentsModel {
    /// Reads the network from the contents of its file.
    ///
    /// # Errors
    /// [`HeadError`] when the file is unreadable or is not this network.
    pub fn from_bytes(file: &[u8]) -> Result<Self, HeadError> {
        let tensors = Tensors::read(file)?;
        let words: Vec<&str> = tensors.text("words")?.split(' ').collect();
        if words.len() + 1 != WORDS {
            return Err(HeadError::Malformed("expected a word for each row but the first, which is padding"));
        }
        let mut model = Self {
            ids: words.into_iter().zip(1..).map(|(word, id)| (word.to_owned(), id)).collect(),
            embedding: tensors.shorts("embedding", &[WORDS, WIDTH])?,
            scale: tensors.floats("scale", &[WORDS])?,
            forward: Direction::read(&tensors, "forward")?,
            backward: Direction::read(&tensors, "backward")?,
            padded: Vec::new(),
            hidden: Layer::read(&tensors, "hidden", 2 * UNITS, UNITS)?,
            output: Layer::read(&tensors, "output", UNITS, LABELS)?,
        };
        let padding = model.forward.enter(&model.row(0));
        let mut reading = Reading::start();
        for _ in 0..=POSITIONS {
            model.padded.push(reading.clone());
            model.forward.step(&mut reading, &padding);
        }
        Ok(model)
    }

    /// The log-odds of each label.
    #[must_use]
    pub fn log_odds(&self, text: &str) -> [f32; LABELS] {
        let ids = self.ids(text);
        let mut forward = self.padded[POSITIONS - ids.len()].clone();
        let mut backward = Reading::start();
        for &id in &ids {
            self.forward.step(&mut forward, &self.forward.enter(&self.row(id)));
        }
        for &id in ids.iter().rev() {
            self.backward.step(&mut backward, &self.backward.enter(&self.row(id)));
        }
        let padding = self.backward.enter(&self.row(0));
        for _ in ids.len()..POSITIONS {
            if self.backward.step(&mut backward, &padding) < STILL {
                break;
            }
        }
        let mut seen = [0.0; 2 * UNITS];
        seen[..UNITS].copy_from_slice(&forward.greatest);
        seen[UNITS..].copy_from_slice(&backward.greatest);
        let mut hidden = [0.0; UNITS];
        self.hidden.apply(&seen, &mut hidden);
        hidden.iter_mut().for_each(|unit| *unit = unit.max(0.0));
        let mut log_odds = [0.0; LABELS];
        self.output.apply(&hidden, &mut log_odds);
        log_odds
    }

    /// The last known words of `text`.
    fn ids(&self, text: &str) -> Vec<usize> {
        let text = text.to_lowercase();
        let known = text.split(|c| SEPARATORS.contains(c)).filter_map(|word| self.ids.get(word).copied());
        let mut ids: Vec<usize> = known.collect();
        ids.drain(..ids.len().saturating_sub(POSITIONS));
        ids
    }

    fn row(&self, id: usize) -> [f32; WIDTH] {
        let mut row = [0.0; WIDTH];
        let numbers = &self.embedding[id * WIDTH..(id + 1) * WIDTH];
        row.iter_mut().zip(numbers).for_each(|(to, &number)| *to = f32::from(number) * self.scale[id]);
        row
    }
}

/// How far one direction has read, and the greatest that each unit said so far.
#[derive(Clone, Debug)]
struct Reading {
    state: Units,
    cell: Units,
    greatest: Units,
}

impl Reading {
    const fn start() -> Self {
        Self { state: [0.0; UNITS], cell: [0.0; UNITS], greatest: [f32::NEG_INFINITY; UNITS] }
    }
}

#[derive(Clone, Debug)]
struct Direction {
    kernel: Layer,
    /// One row of gates for each unit.
    recurrent: Vec<f32>,
}

impl Direction {
    fn read(tensors: &Tensors<'_>, name: &str) -> Result<Self, HeadError> {
        Ok(Self {
            kernel: Layer::read(tensors, name, WIDTH, GATES)?,
            recurrent: tensors.floats(&format!("{name}.recurrent"), &[UNITS, GATES])?,
        })
    }

    /// What a word adds to the gates.
    fn enter(&self, row: &[f32; WIDTH]) -> [f32; GATES] {
        let mut gates = [0.0; GATES];
        self.kernel.apply(row, &mut gates);
        gates
    }

    /// Reads one position. Gives the most that any unit moved.
    fn step(&self, reading: &mut Reading, entered: &[f32; GATES]) -> f32 {
        let mut gates = *entered;
        add_product(&self.recurrent, &reading.state, &mut gates);
        let mut moved = 0.0_f32;
        for unit in 0..UNITS {
            let (enter, forget) = (logistic(gates[unit]), logistic(gates[UNITS + unit]));
            let (candidate, leave) = (gates[2 * UNITS + unit].tanh(), logistic(gates[3 * UNITS + unit]));
            let cell = forget * reading.cell[unit] + enter * candidate;
            let state = leave * cell.tanh();
            moved = moved.max((cell - reading.cell[unit]).abs()).max((state - reading.state[unit]).abs());
            (reading.cell[unit], reading.state[unit]) = (cell, state);
            reading.greatest[unit] = reading.greatest[unit].max(state);
        }
        moved
    }
}

/// A matrix with one row for each input, and a bias.
#[derive(Clone, Debug)]
struct Layer {
    kernel: Vec<f32>,
    bias: Vec<f32>,
}

impl Layer {
    fn read(tensors: &Tensors<'_>, name: &str, inputs: usize, outputs: usize) -> Result<Self, HeadError> {
        Ok(Self {
            kernel: tensors.floats(&format!("{name}.kernel"), &[inputs, outputs])?,
            bias: tensors.floats(&format!("{name}.bias"), &[outputs])?,
        })
    }

    fn apply<const N: usize>(&self, inputs: &[f32], outputs: &mut [f32; N]) {
        outputs.copy_from_slice(&self.bias);
        add_product(&self.kernel, inputs, outputs);
    }
}

/// Adds the product of `inputs` with the matrix that has one row for each of them.
fn add_product<const N: usize>(matrix: &[f32], inputs: &[f32], outputs: &mut [f32; N]) {
    for (row, input) in matrix.chunks_exact(N).zip(inputs) {
        outputs.iter_mut().zip(row).for_each(|(output, weight)| *output += input * weight);
    }
}

fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
