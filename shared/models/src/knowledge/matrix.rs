//! Many vectors in one piece of memory.

use rayon::prelude::*;

/// From how many numbers on rows are shared among the cores. At 100,000 passages a search takes
/// 27 ms on two cores and 40 ms on one; with few rows sharing costs more than it gains.
const PARALLEL_FROM: usize = 4_000_000;

/// Vectors of one length, one after another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    columns: usize,
    values: Vec<f32>,
}

/// The values do not make whole rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected rows of {columns} finite numbers")]
pub struct RaggedMatrix {
    /// How long each row should be.
    pub columns: usize,
}

impl Matrix {
    /// The matrix with rows of `columns` numbers, which `values` has one after another.
    ///
    /// # Errors
    /// [`RaggedMatrix`] when they make no whole rows, or one of them is not finite.
    pub fn new(columns: usize, values: Vec<f32>) -> Result<Self, RaggedMatrix> {
        let is_whole = if columns == 0 { values.is_empty() } else { values.len().is_multiple_of(columns) };
        if is_whole && values.iter().all(|value| value.is_finite()) {
            Ok(Self { columns, values })
        } else {
            Err(RaggedMatrix { columns })
        }
    }

    /// How many numbers a row has.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or(0)
    }

    /// The row at `at`; empty when there is none.
    #[must_use]
    pub fn row(&self, at: usize) -> &[f32] {
        self.values.get(at * self.columns..(at + 1) * self.columns).unwrap_or_default()
    }

    /// All numbers, row by row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The dot product of every row with `vector`.
    #[must_use]
    pub fn dot(&self, vector: &[f32]) -> Vec<f32> {
        if self.columns == 0 {
            return Vec::new();
        }
        if self.values.len() < PARALLEL_FROM {
            return self.values.chunks_exact(self.columns).map(|row| dot(row, vector)).collect();
        }
        let rows_at_once = 1024;
        let mut products = vec![0.0; self.rows()];
        let blocks = self.values.par_chunks(rows_at_once * self.columns);
        products.par_chunks_mut(rows_at_once).zip(blocks).for_each(|(products, block)| {
            for (product, row) in products.iter_mut().zip(block.chunks_exact(self.columns)) {
                *product = dot(row, vector);
            }
        });
        products
    }
}

/// The dot product with sixteen sums at once, which the compiler turns into vector instructions;
/// one sum would force it to add in order.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    let (a_chunks, b_chunks) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_the_same_in_one_piece_and_in_parts() {
        let columns = 37;
        let rows = PARALLEL_FROM / columns + 5;
        let values: Vec<f32> = (0..rows * columns).map(|at| ((at * 7919) % 101) as f32 / 101.0 - 0.5).collect();
        let vector: Vec<f32> = (0..columns).map(|at| at as f32 / 37.0).collect();
        let matrix = Matrix::new(columns, values).unwrap();
        let products = matrix.dot(&vector);
        assert_eq!(products.len(), rows);
        for at in [0, 1, 1023, 1024, rows - 1] {
            let plain: f32 = matrix.row(at).iter().zip(&vector).map(|(a, b)| a * b).sum();
            assert!((products[at] - plain).abs() < 1e-4, "row {at}");
        }
    }

    #[test]
    fn rows_are_whole_and_finite() {
        assert!(Matrix::new(2, vec![1.0; 3]).is_err());
        assert!(Matrix::new(0, vec![1.0]).is_err());
        assert!(Matrix::new(1, vec![f32::NAN]).is_err());
        assert_eq!(Matrix::new(0, Vec::new()).unwrap().rows(), 0);
        assert!(Matrix::new(2, vec![0.0; 4]).unwrap().row(2).is_empty());
    }
}
