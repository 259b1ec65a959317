//! From figures to places along an axis, and where the axis has its marks.

/// How an axis spreads its figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// From zero.
    Linear {
        most: f64,
        step: f64,
    },
    Log {
        least: f64,
        most: f64,
    },
    /// Shares of a whole by how near they are to it: 0, 0.9, 0.99 and so on are equally far apart.
    Nines {
        most: f64,
    },
}

impl Scale {
    /// From zero to a round figure above all of these.
    pub fn linear(figures: impl Iterator<Item = f64>) -> Scale {
        let most = figures.fold(0.0, f64::max);
        let step = round_step(most);
        Scale::Linear { most: ((most / step - 1e-9).ceil() * step).max(step), step }
    }

    /// From zero to just there.
    pub fn up_to(most: f64) -> Scale {
        Scale::Linear { most, step: round_step(most) }
    }

    /// From one power of ten, or a half or a fifth of it, to another.
    pub fn log(figures: impl Iterator<Item = f64>) -> Scale {
        let bounds = |(least, most): (f64, f64), figure: f64| (least.min(figure), most.max(figure));
        let (least, most) = figures.filter(|figure| *figure > 0.0).fold((f64::INFINITY, 0.0), bounds);
        if most == 0.0 {
            return Scale::Log { least: 1.0, most: 10.0 };
        }
        let below = MARKS.iter().rev().map(|mark| mark * power_below(least)).find(|mark| *mark <= least);
        let above = MARKS.iter().map(|mark| mark * power_below(most)).find(|mark| *mark >= most);
        let least = below.unwrap_or(least);
        let most = above.unwrap_or(10.0 * power_below(most));
        Scale::Log { least, most: most.max(least * 2.0) }
    }

    /// Up to the farthest share below one.
    pub fn nines(shares: impl Iterator<Item = f64>) -> Scale {
        let farthest = shares.filter(|share| *share < 1.0).map(nines).fold(0.0, f64::max);
        Scale::Nines { most: (farthest * 4.0).ceil() / 4.0 + 0.25 }
    }

    /// Between 0 and 1.
    pub fn place(self, figure: f64) -> f64 {
        let place = match self {
            Scale::Linear { most, .. } => figure / most,
            Scale::Log { least, most } => (figure.max(least) / least).ln() / (most / least).ln(),
            Scale::Nines { .. } if figure >= 1.0 => 1.0,
            Scale::Nines { most } => nines(figure) / most,
        };
        place.clamp(0.0, 1.0)
    }

    /// Figures that get a mark.
    pub fn marks(self) -> Vec<f64> {
        match self {
            Scale::Linear { most, step } => {
                (0..).map(|index| f64::from(index) * step).take_while(|mark| *mark <= most * 1.0001).collect()
            }
            Scale::Log { least, most } => {
                let decades = (most / least).log10();
                let marks = if decades > 3.0 { &MARKS[..1] } else { &MARKS[..] };
                let powers = (0..24).map(|index| power_below(least) * 10f64.powi(index));
                let all = powers.flat_map(|power| marks.iter().map(move |mark| mark * power));
                all.filter(|mark| (least * 0.9999..=most * 1.0001).contains(mark)).collect()
            }
            Scale::Nines { most } => {
                let shares = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999, 0.9999999];
                shares.into_iter().filter(|share| nines(*share) <= most + 1e-9).collect()
            }
        }
    }
}

const MARKS: [f64; 3] = [1.0, 2.0, 5.0];

fn nines(share: f64) -> f64 {
    -(1.0 - share).log10()
}

fn power_below(figure: f64) -> f64 {
    10f64.powf((figure.log10() + 1e-9).floor())
}

/// At least a sixth of the axis, and 1, 2 or 5 times a power of ten.
fn round_step(most: f64) -> f64 {
    let rough = if most > 0.0 { most / 5.5 } else { 0.2 };
    let power = power_below(rough);
    MARKS.iter().map(|mark| mark * power).find(|step| *step >= rough).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::Scale;

    #[test]
    fn linear_axes_end_at_a_round_figure() {
        for (most, end, marks) in [(87.0, 100.0, 6), (0.0, 0.2, 2), (4_300.0, 5_000.0, 6), (51.0, 60.0, 7)] {
            let scale = Scale::linear([most / 2.0, most].into_iter());
            assert!(
                matches!(scale, Scale::Linear { most, .. } if (most - end).abs() < 1e-9),
                "{most}: {scale:?}"
            );
            assert_eq!(scale.marks().len(), marks, "{most}: {:?}", scale.marks());
        }
    }

    #[test]
    fn log_axes_enclose_their_figures() {
        let scale = Scale::log([3.0, 70.0].into_iter());
        assert_eq!(scale, Scale::Log { least: 2.0, most: 100.0 });
        assert_eq!(scale.marks(), [2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert!((scale.place(2.0), scale.place(100.0)) == (0.0, 1.0) && scale.place(14.14) > 0.49);
        assert_eq!(Scale::log(std::iter::empty()), Scale::Log { least: 1.0, most: 10.0 });
    }

    #[test]
    fn each_nine_is_equally_far() {
        let scale = Scale::nines([0.0, 0.999, 1.0].into_iter());
        assert_eq!(scale.marks(), [0.0, 0.5, 0.9, 0.99, 0.999]);
        let distance = |from, to| scale.place(to) - scale.place(from);
        assert!((distance(0.0, 0.9) - distance(0.9, 0.99)).abs() < 1e-9);
        assert_eq!(scale.place(1.0), 1.0);
    }
}
