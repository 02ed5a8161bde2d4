//! Classes predicted and actual.

/// The share of rows whose predicted class is right.
#[must_use]
pub fn accuracy(predicted: &[usize], actual: &[usize]) -> f32 {
    let right = predicted.iter().zip(actual).filter(|(a, b)| a == b).count();
    right as f32 / actual.len().max(1) as f32
}

/// How often each actual class (row) was predicted as each class (column).
#[must_use]
pub fn confusion(predicted: &[usize], actual: &[usize], classes: usize) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; classes]; classes];
    predicted.iter().zip(actual).for_each(|(&predicted, &actual)| counts[actual][predicted] += 1);
    counts
}

/// The mean over the classes of the harmonic mean of precision and recall. A class that no row has
/// and that was never predicted is left out.
#[must_use]
pub fn macro_f1(predicted: &[usize], actual: &[usize], classes: usize) -> f32 {
    let counts = confusion(predicted, actual, classes);
    let f1 = |class: usize| {
        let (of_class, as_class): (usize, usize) =
            (counts[class].iter().sum(), counts.iter().map(|row| row[class]).sum());
        (of_class + as_class > 0).then(|| 2.0 * counts[class][class] as f32 / (of_class + as_class) as f32)
    };
    super::mean((0..classes).filter_map(f1))
}
