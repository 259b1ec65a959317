//! The Universal Scalability Law, fitted to throughputs: how much waiting and how much talking each further core adds.
//!
//! Neil Gunther's model is X(N) = λN / (1 + σ(N−1) + κN(N−1)): λ is what one core does, σ the share of work that only one
//! can do at a time, κ what every pair spends on agreeing. Written as N/X = a + b(N−1) + cN(N−1), with a = 1/λ, b = σ/λ and
//! c = κ/λ, it is linear, and least squares solve it. Residuals are weighed by X/N, which makes them relative.

use serde::Serialize;

/// A measured throughput with so many cores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    pub cores: u32,
    pub rate: f64,
}

/// The parameters that explain points best, where none of them may be negative.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fit {
    pub lambda: f64,
    pub sigma: f64,
    pub kappa: f64,
    /// How many of the three the points could determine; the others are 0.
    pub parameters: usize,
    /// Different numbers of cores that were measured.
    pub sizes: usize,
    /// Root mean square of what is left unexplained, relative to the throughput.
    pub residual: f64,
}

const PARAMETERS: usize = 3;

type Coefficients = [f64; PARAMETERS];

/// `None` without points, or when a throughput or a number of cores is none.
pub fn fit(points: &[Point]) -> Option<Fit> {
    let sound = |point: &Point| point.cores > 0 && point.rate.is_finite() && point.rate > 0.0;
    if points.is_empty() || !points.iter().all(sound) {
        return None;
    }
    let mut sizes: Vec<u32> = points.iter().map(|point| point.cores).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let parameters = sizes.len().min(PARAMETERS);
    // Where the best solution has a negative part, the best allowed one has it at 0: so all choices are tried.
    let choices: &[&[usize]] = match parameters {
        1 => &[&[0]],
        2 => &[&[0], &[0, 1]],
        _ => &[&[0], &[0, 1], &[0, 2], &[0, 1, 2]],
    };
    let solutions = choices.iter().filter_map(|used| solve(points, used));
    let allowed = solutions.filter(|[a, b, c]| *a > 0.0 && *b >= 0.0 && *c >= 0.0);
    let residual = |coefficients: &Coefficients| residual(points, coefficients);
    let best = allowed.min_by(|first, second| residual(first).total_cmp(&residual(second)))?;
    let [a, b, c] = best;
    Some(Fit {
        lambda: 1.0 / a,
        sigma: b / a,
        kappa: c / a,
        parameters,
        sizes: sizes.len(),
        residual: residual(&best),
    })
}

impl Fit {
    pub fn rate(&self, cores: f64) -> f64 {
        self.lambda * cores / (1.0 + self.sigma * (cores - 1.0) + self.kappa * cores * (cores - 1.0))
    }

    /// The number of cores from which on more of them do less; `None` when that never happens.
    pub fn peak(&self) -> Option<f64> {
        if self.sigma >= 1.0 {
            return Some(1.0);
        }
        (self.kappa > 0.0).then(|| ((1.0 - self.sigma) / self.kappa).sqrt().max(1.0))
    }
}

/// What multiplies a, b and c at a point, weighed; the other side is 1.
fn factors(point: &Point) -> Coefficients {
    let cores = f64::from(point.cores);
    let weight = point.rate / cores;
    [weight, weight * (cores - 1.0), weight * cores * (cores - 1.0)]
}

fn residual(points: &[Point], coefficients: &Coefficients) -> f64 {
    let square = |point: &Point| {
        let explained: f64 =
            factors(point).iter().zip(coefficients).map(|(factor, value)| factor * value).sum();
        (explained - 1.0).powi(2)
    };
    (points.iter().map(square).sum::<f64>() / points.len() as f64).sqrt()
}

/// Least squares with only some of the coefficients, by the normal equations; `None` when they have no single solution.
fn solve(points: &[Point], used: &[usize]) -> Option<Coefficients> {
    // Rates of millions beside 1: without their scale the equations would look singular.
    let scale = points.iter().map(|point| point.rate).fold(0.0, f64::max);
    let scaled = points.iter().map(|point| Point { rate: point.rate / scale, ..*point });
    let size = used.len();
    let mut rows = vec![vec![0.0; size + 1]; size];
    for factors in scaled.map(|point| factors(&point)) {
        for (row, &first) in rows.iter_mut().zip(used) {
            for (cell, &second) in row.iter_mut().zip(used) {
                *cell += factors[first] * factors[second];
            }
            row[size] += factors[first];
        }
    }
    let solution = eliminate(rows)?;
    let mut coefficients = [0.0; PARAMETERS];
    for (&place, value) in used.iter().zip(solution) {
        coefficients[place] = value / scale;
    }
    Some(coefficients)
}

/// Gauss' elimination with the largest pivot of each column.
fn eliminate(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let size = rows.len();
    for column in 0..size {
        let largest = (column..size)
            .max_by(|&first, &second| rows[first][column].abs().total_cmp(&rows[second][column].abs()))?;
        rows.swap(column, largest);
        if rows[column][column].abs() < 1e-12 {
            return None;
        }
        let pivot = rows[column].clone();
        for (index, row) in rows.iter_mut().enumerate() {
            if index != column {
                let factor = row[column] / pivot[column];
                row.iter_mut().zip(&pivot).for_each(|(cell, above)| *cell -= factor * above);
            }
        }
    }
    Some((0..size).map(|index| rows[index][size] / rows[index][index]).collect())
}

#[cfg(test)]
mod tests {
    use super::{Fit, Point, fit};
    use crate::random::Random;

    fn law(lambda: f64, sigma: f64, kappa: f64) -> Fit {
        Fit { lambda, sigma, kappa, parameters: 3, sizes: 3, residual: 0.0 }
    }

    fn points(law: &Fit, cores: impl IntoIterator<Item = u32>) -> Vec<Point> {
        cores.into_iter().map(|cores| Point { cores, rate: law.rate(f64::from(cores)) }).collect()
    }

    fn near(value: f64, expected: f64, part: f64) -> bool {
        (value - expected).abs() <= part * expected.abs() + 1e-9
    }

    #[test]
    fn exact_points_give_their_parameters_back() {
        for (lambda, sigma, kappa) in
            [(2.5e6, 0.03, 0.0005), (1.0, 0.2, 0.02), (9e8, 0.0, 0.001), (1e5, 0.5, 0.0), (7.0, 0.0, 0.0)]
        {
            for most in [3, 8, 64] {
                let found = fit(&points(&law(lambda, sigma, kappa), 1..=most)).unwrap();
                assert!(near(found.lambda, lambda, 1e-6), "{found:?}");
                assert!(
                    (found.sigma - sigma).abs() < 1e-6 && (found.kappa - kappa).abs() < 1e-6,
                    "{found:?}"
                );
                assert!(found.residual < 1e-6 && found.parameters == 3, "{found:?}");
            }
        }
    }

    #[test]
    fn noise_moves_parameters_little() {
        let truth = law(2.5e6, 0.05, 0.002);
        for seed in 1..=50 {
            let mut random = Random::new(seed);
            let mut noisy = Vec::new();
            for point in (0..5).flat_map(|_| points(&truth, 1..=16)) {
                let error = (random.below(2001) as f64 - 1000.0) / 1000.0;
                noisy.push(Point { rate: point.rate * (1.0 + 0.02 * error), ..point });
            }
            let found = fit(&noisy).unwrap();
            assert!(near(found.lambda, truth.lambda, 0.03), "seed {seed}: {found:?}");
            assert!(near(found.sigma, truth.sigma, 0.25), "seed {seed}: {found:?}");
            assert!(near(found.kappa, truth.kappa, 0.25), "seed {seed}: {found:?}");
            assert!(near(found.peak().unwrap(), truth.peak().unwrap(), 0.1), "seed {seed}: {found:?}");
            assert!((0.005..0.02).contains(&found.residual), "seed {seed}: {found:?}");
        }
    }

    #[test]
    fn few_sizes_determine_few_parameters() {
        let truth = law(1000.0, 0.1, 0.01);
        let one = fit(&points(&truth, [1, 1])).unwrap();
        assert_eq!((one.parameters, one.sizes, one.sigma, one.kappa), (1, 1, 0.0, 0.0));
        // σ takes the blame for κ: 1 + σ = 1 + 0.1 + 0.02.
        let two = fit(&points(&truth, [1, 2, 1, 2])).unwrap();
        assert_eq!((two.parameters, two.sizes, two.kappa, two.peak()), (2, 2, 0.0, None));
        assert!(near(two.sigma, 0.12, 1e-6) && near(two.lambda, 1000.0, 1e-6), "{two:?}");
    }

    #[test]
    fn more_than_linear_growth_is_no_negative_waiting() {
        let point = |cores, rate| Point { cores, rate };
        let found = fit(&[point(1, 100.0), point(2, 250.0), point(4, 600.0)]).unwrap();
        assert_eq!((found.sigma, found.kappa), (0.0, 0.0));
        assert!(found.residual > 0.1, "{found:?}");
    }

    #[test]
    fn the_peak_is_where_more_does_less() {
        let law = law(1e6, 0.05, 0.001);
        let peak = law.peak().unwrap();
        assert!(near(peak, (0.95f64 / 0.001).sqrt(), 1e-9));
        assert!(law.rate(peak) > law.rate(peak - 1.0) && law.rate(peak) > law.rate(peak + 1.0));
        assert_eq!(Fit { kappa: 0.0, ..law }.peak(), None);
        assert_eq!(Fit { kappa: 0.0, sigma: 2.0, ..law }.peak(), Some(1.0));
    }

    #[test]
    fn points_without_a_rate_fit_nothing() {
        assert_eq!(fit(&[]), None);
        for (cores, rate) in [(0, 1.0), (1, 0.0), (1, -1.0), (1, f64::NAN), (1, f64::INFINITY)] {
            assert_eq!(fit(&[Point { cores, rate }]), None);
        }
    }
}
