//! The directions along which questions differ most, and the questions along them.

use anyhow::ensure;
use farthing_evaluation::measures::Random;
use farthing_models::features::EMBEDDING;
use farthing_models::gain::{Answered, DIRECTIONS, Neighbours, NeighboursEntry, Projection, step_for, to_letter};
use serde_json::{Value, json};

use crate::head_file;

/// More directions than are kept: the last ones of an iteration settle late.
const ITERATED: usize = DIRECTIONS + 16;
const ITERATIONS: usize = 24;

/// The mean of the embeddings and the directions of their greatest variance.
pub(super) fn directions(embeddings: &[&[f32]], seed: u64) -> anyhow::Result<Projection> {
    ensure!(
        embeddings.iter().all(|embedding| embedding.len() == EMBEDDING),
        "the encoder's vectors have another length"
    );
    let count = embeddings.len() as f32;
    let mut mean = vec![0.0_f32; EMBEDDING];
    for embedding in embeddings {
        mean.iter_mut().zip(*embedding).for_each(|(mean, value)| *mean += value / count);
    }
    // As the file will have them.
    mean.iter_mut().for_each(|mean| *mean = head_file::number(*mean).as_f64().unwrap_or_default() as f32);
    let covariance = covariance(embeddings, &mean);
    let mut random = Random::new(seed);
    let mut basis: Vec<Vec<f32>> =
        (0..ITERATED).map(|_| (0..EMBEDDING).map(|_| random.unit() - 0.5).collect()).collect();
    for _ in 0..ITERATIONS {
        let turned = |direction: &Vec<f32>| covariance.iter().map(|row| dot(row, direction)).collect();
        basis = basis.iter().map(turned).collect();
        make_orthonormal(&mut basis);
    }
    basis.truncate(DIRECTIONS);
    Ok(Projection { mean, directions: basis })
}

fn covariance(embeddings: &[&[f32]], mean: &[f32]) -> Vec<Vec<f32>> {
    let mut covariance = vec![vec![0.0_f32; EMBEDDING]; EMBEDDING];
    for embedding in embeddings {
        let centred: Vec<f32> = embedding.iter().zip(mean).map(|(value, mean)| value - mean).collect();
        for (row, value) in covariance.iter_mut().zip(&centred) {
            row.iter_mut().zip(&centred).for_each(|(sum, other)| *sum += value * other);
        }
    }
    covariance
}

/// Gram and Schmidt's method, in place.
fn make_orthonormal(basis: &mut [Vec<f32>]) {
    for at in 0..basis.len() {
        let (before, rest) = basis.split_at_mut(at);
        let direction = &mut rest[0];
        for earlier in before.iter() {
            let along = dot(earlier, direction);
            direction.iter_mut().zip(earlier).for_each(|(value, earlier)| *value -= along * earlier);
        }
        let length = dot(direction, direction).sqrt().max(f32::MIN_POSITIVE);
        direction.iter_mut().for_each(|value| *value /= length);
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let sum: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum();
    sum as f32
}

/// The neighbours as a head's file has them.
pub(super) fn entry(projection: &Projection, questions: &[(&[f32], Answered)]) -> anyhow::Result<Value> {
    let along = questions.iter().map(|(embedding, _)| projection.of(embedding)).collect::<Result<Vec<_>, _>>()?;
    let greatest = |direction: usize| along.iter().map(|question| question[direction].abs()).fold(0.0, f32::max);
    let steps: Vec<f32> = (0..DIRECTIONS).map(|direction| rounded(step_for(greatest(direction)))).collect();
    let spell = |question: &Vec<f32>| {
        question.iter().zip(&steps).map(|(value, step)| to_letter(*value, *step)).collect::<String>()
    };
    let directions = projection.directions.iter().map(|direction| {
        let step = rounded(step_for(direction.iter().map(|value| value.abs()).fold(0.0, f32::max)));
        let letters: String = direction.iter().map(|value| to_letter(*value, step)).collect();
        json!({"step": head_file::number(step), "letters": letters})
    });
    let right = questions.iter().map(|(_, answered)| match (answered.weak, answered.strong) {
        (false, false) => '0',
        (true, false) => '1',
        (false, true) => '2',
        (true, true) => '3',
    });
    Ok(json!({
        "mean": head_file::numbers(&projection.mean),
        "directions": directions.collect::<Vec<_>>(),
        "steps": head_file::numbers(&steps),
        "right": right.collect::<String>(),
        "questions": along.iter().map(spell).collect::<String>(),
    }))
}

fn rounded(number: f32) -> f32 {
    head_file::number(number).as_f64().unwrap_or_default() as f32
}

/// The neighbours that a file with `entry` gives.
pub(super) fn neighbours(entry: &Value) -> anyhow::Result<Neighbours> {
    Ok(serde_json::from_value::<NeighboursEntry>(entry.clone())?.checked()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_direction_is_that_of_the_greatest_variance() {
        let mut random = Random::new(3);
        let embeddings: Vec<Vec<f32>> = (0..300)
            .map(|_| {
                let mut embedding: Vec<f32> = (0..EMBEDDING).map(|_| 0.01 * (random.unit() - 0.5)).collect();
                embedding[7] += random.unit() - 0.5;
                embedding
            })
            .collect();
        let rows: Vec<&[f32]> = embeddings.iter().map(Vec::as_slice).collect();
        let found = directions(&rows, 1).unwrap();
        assert!(found.directions[0][7].abs() > 0.99, "{}", found.directions[0][7]);
        let across = dot(&found.directions[0], &found.directions[1]);
        assert!(across.abs() < 1e-3, "{across}");
    }
}
