//! Chooses the next token.

use farthing_domain::ports::Sampling;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Chooses tokens of one text.
#[derive(Debug)]
pub(super) struct Sampler {
    sampling: Sampling,
    random: StdRng,
}

impl Sampler {
    pub(super) fn new(sampling: Sampling) -> Self {
        let seed = match sampling {
            Sampling::Greedy => 0,
            Sampling::Random { seed, .. } => seed,
        };
        Self { sampling, random: StdRng::seed_from_u64(seed) }
    }

    /// The token that follows by `logits`, one for each token; `None` when none is a number.
    pub(super) fn choose(&mut self, logits: &[f32]) -> Option<u32> {
        match self.sampling {
            Sampling::Greedy => most_probable(logits),
            Sampling::Random { temperature, top_p, .. } => self.draw(logits, temperature, top_p),
        }
    }

    /// Nucleus sampling: <https://arxiv.org/abs/1904.09751>.
    fn draw(&mut self, logits: &[f32], temperature: f32, top_p: f32) -> Option<u32> {
        let highest = logits[most_probable(logits)? as usize];
        let weigh = |(token, logit): (usize, &f32)| {
            let weight = ((logit - highest) / temperature).exp();
            (weight > 0.0).then_some((token as u32, weight))
        };
        let mut weights: Vec<(u32, f32)> = logits.iter().enumerate().filter_map(weigh).collect();
        // Equal ones in the order of the vocabulary, so that the same seed draws the same.
        weights.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let enough = weights.iter().map(|(_, weight)| weight).sum::<f32>() * top_p;
        let mut sum = 0.0;
        let nucleus = weights.iter().position(|(_, weight)| {
            sum += weight;
            sum >= enough
        });
        weights.truncate(nucleus.map_or(weights.len(), |last| last + 1));
        let mut left = self.random.random::<f32>() * weights.iter().map(|(_, weight)| weight).sum::<f32>();
        let drawn = weights.iter().find(|(_, weight)| {
            left -= weight;
            left < 0.0
        });
        drawn.or(weights.last()).map(|(token, _)| *token)
    }
}

/// The token with the highest logit, the first of equal ones.
fn most_probable(logits: &[f32]) -> Option<u32> {
    let numbers = logits.iter().enumerate().filter(|(_, logit)| logit.is_finite());
    let best = numbers.reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    u32::try_from(best.0).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn random(temperature: f32, top_p: f32, seed: u64) -> Sampler {
        Sampler::new(Sampling::Random { temperature, top_p, seed })
    }

    #[test]
    fn greedy_takes_the_first_of_the_most_probable() {
        let mut sampler = Sampler::new(Sampling::Greedy);
        assert_eq!(sampler.choose(&[0.5, 2.0, f32::NAN, 2.0]), Some(1));
        assert_eq!(sampler.choose(&[f32::NAN]), None);
        assert_eq!(sampler.choose(&[]), None);
    }

    #[test]
    fn draws_by_the_probabilities() {
        let mut sampler = random(1.0, 1.0, 7);
        let logits = [3.0_f32.ln(), 1.0_f32.ln()];
        let firsts = (0..4_000).filter(|_| sampler.choose(&logits) == Some(0)).count();
        assert!((2_850..3_150).contains(&firsts), "three of four: {firsts}");
    }

    proptest! {
        #[test]
        fn the_same_seed_draws_the_same(seed: u64, logits in prop::collection::vec(-9.0_f32..9.0, 1..50)) {
            let [mut one, mut other] = [random(0.8, 0.9, seed), random(0.8, 0.9, seed)];
            for _ in 0..20 {
                prop_assert_eq!(one.choose(&logits), other.choose(&logits));
            }
        }

        #[test]
        fn a_small_nucleus_has_only_the_most_probable(seed: u64, logits in prop::collection::vec(-9.0_f32..9.0, 1..50)) {
            prop_assert_eq!(random(1.0, 1e-6, seed).choose(&logits), most_probable(&logits));
        }

        #[test]
        fn what_is_drawn_is_in_the_nucleus(seed: u64, logits in prop::collection::vec(-4.0_f32..4.0, 2..20)) {
            let drawn = random(1.0, 0.5, seed).choose(&logits).unwrap() as usize;
            let higher: f32 = logits.iter().filter(|logit| **logit > logits[drawn]).map(|logit| logit.exp()).sum();
            prop_assert!(higher < 0.5 * logits.iter().map(|logit| logit.exp()).sum::<f32>() + 1e-3);
        }
    }
}
