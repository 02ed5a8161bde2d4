//! How much each tenant's outcomes count, so that nobody teaches the others' policy by asking much.

use std::collections::BTreeMap;

use crate::ids::Tenant;

/// The weight of each outcome of these tenants: those of one together weigh at most as much as `share` of all outcomes do. Where
/// there is one tenant alone, all weigh the same.
pub(super) fn weights<'a>(tenants: impl Iterator<Item = &'a Tenant> + Clone, share: f64) -> Vec<f64> {
    let mut counts: BTreeMap<&Tenant, f64> = BTreeMap::new();
    tenants.clone().for_each(|tenant| *counts.entry(tenant).or_default() += 1.0);
    let most = share * counts.values().sum::<f64>();
    tenants.map(|tenant| counts.get(tenant).map_or(0.0, |count| (most / count).min(1.0))).collect()
}

/// A mean of numbers that have weights, and its standard error; `None` of fewer than two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Weighted {
    pub(super) mean: f64,
    pub(super) error: f64,
}

impl Weighted {
    pub(super) fn of(values: &[(f64, f64)]) -> Option<Self> {
        let total: f64 = values.iter().map(|(weight, _)| weight).sum();
        if values.len() < 2 || total <= 0.0 {
            return None;
        }
        let mean = values.iter().map(|(weight, value)| weight * value).sum::<f64>() / total;
        let squares: f64 = values.iter().map(|(weight, value)| (weight * (value - mean)).powi(2)).sum();
        let correction = values.len() as f64 / (values.len() - 1) as f64;
        Some(Self { mean, error: (correction * squares).sqrt() / total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tenant_among_many_weighs_at_most_its_share() {
        let names: Vec<Tenant> = (0..60)
            .map(|n| if n < 40 { "loud".to_owned() } else { format!("t{n}") })
            .map(|name| Tenant::parse(&name).unwrap())
            .collect();
        let found = weights(names.iter(), 0.2);
        let (loud, others) = (found[..40].iter().sum::<f64>(), found[40..].iter().sum::<f64>());
        assert!((loud - 12.0).abs() < 1e-9 && (others - 20.0).abs() < 1e-9, "{loud} {others}");
        let alone = weights(names[..40].iter(), 0.2);
        assert!(alone.iter().all(|weight| (weight - alone[0]).abs() < 1e-12 && *weight > 0.0));
    }

    #[test]
    fn equal_weights_give_the_usual_error() {
        let values: Vec<(f64, f64)> = [1.0, 2.0, 4.0, 5.0].into_iter().map(|value| (0.3, value)).collect();
        let found = Weighted::of(&values).unwrap();
        // Standard deviation 1.826, of four.
        assert!((found.mean - 3.0).abs() < 1e-12 && (found.error - 0.912_871).abs() < 1e-5, "{found:?}");
        assert_eq!(Weighted::of(&values[..1]), None);
    }
}
