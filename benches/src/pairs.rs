//! Alternating runs, and what they say.

use anyhow::Result;

use crate::tools::Side;

/// What was measured in pairs of runs, one of the Keep and one of its peer, next to each other in time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pairs {
    pub(crate) keep: Vec<f64>,
    pub(crate) peer: Vec<f64>,
}

/// Median and spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// Runs Keep, peer, Keep, peer, … and returns the pairs for each of the `N` values that `measure` gives.
/// The first pair warms caches and is not counted.
///
/// # Errors
/// Of `measure`.
pub(crate) fn alternate<const N: usize>(
    rounds: usize,
    peer: Side,
    mut measure: impl FnMut(Side) -> Result<[f64; N]>,
) -> Result<[Pairs; N]> {
    let mut all = std::array::from_fn(|_| Pairs { keep: Vec::new(), peer: Vec::new() });
    for round in 0..=rounds {
        let (keep, peer) = (measure(Side::Keep)?, measure(peer)?);
        if round > 0 {
            for (pairs, (keep, peer)) in all.iter_mut().zip(keep.into_iter().zip(peer)) {
                pairs.keep.push(keep);
                pairs.peer.push(peer);
            }
        }
    }
    Ok(all)
}

impl Pairs {
    /// The Keep's value divided by its peer's, pair by pair.
    pub(crate) fn ratios(&self) -> Vec<f64> {
        self.keep.iter().zip(&self.peer).map(|(keep, peer)| keep / peer).collect()
    }
}

/// The geometric mean of the ratios of several programs, round by round.
pub(crate) fn geometric_means(programs: &[Pairs]) -> Vec<f64> {
    let ratios: Vec<_> = programs.iter().map(Pairs::ratios).collect();
    let rounds = ratios.iter().map(Vec::len).min().unwrap_or(0);
    let mean = |round: usize| {
        let logarithms: f64 = ratios.iter().map(|program| program[round].ln()).sum();
        (logarithms / ratios.len() as f64).exp()
    };
    (0..rounds).map(mean).collect()
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        } else {
            sorted[middle]
        };
        Self { median, least: sorted[0], most: sorted[sorted.len() - 1] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_few_and_many() {
        assert_eq!(Spread::of(&[3.0]), Spread { median: 3.0, least: 3.0, most: 3.0 });
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 4.0 });
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 3.0]).median, 2.5);
    }

    #[test]
    fn runs_alternate_and_the_first_pair_is_not_counted() {
        let mut order = Vec::new();
        let [pairs] = alternate(2, Side::Native, |side| {
            order.push(side);
            Ok([order.len() as f64])
        })
        .unwrap();
        let pair = [Side::Keep, Side::Native];
        assert_eq!(order, [pair, pair, pair].concat());
        assert_eq!(pairs, Pairs { keep: vec![3.0, 5.0], peer: vec![4.0, 6.0] });
        assert_eq!(pairs.ratios(), [0.75, 5.0 / 6.0]);
    }

    #[test]
    fn a_geometric_mean_weighs_half_and_double_alike() {
        let twice = Pairs { keep: vec![2.0, 1.0], peer: vec![1.0, 1.0] };
        let half = Pairs { keep: vec![1.0, 4.0], peer: vec![2.0, 1.0] };
        let means = geometric_means(&[twice, half]);
        assert!((means[0] - 1.0).abs() < 1e-12 && (means[1] - 2.0).abs() < 1e-12, "{means:?}");
    }
}
