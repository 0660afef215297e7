//! What is told of many measurements of the same thing.

/// Measurements, the smallest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// All of them, the smallest first.
    pub(crate) fn sorted(&self) -> &[f64] {
        &self.0
    }

    /// The middle one, or what lies between the middle two; 0 if there are none.
    pub(crate) fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        match self.0.len() {
            0 => 0.0,
            odd if odd % 2 == 1 => self.0[middle],
            _ => f64::midpoint(self.0[middle - 1], self.0[middle]),
        }
    }

    /// The smallest; 0 if there are none.
    pub(crate) fn lowest(&self) -> f64 {
        self.0.first().copied().unwrap_or_default()
    }

    /// The biggest; 0 if there are none.
    pub(crate) fn highest(&self) -> f64 {
        self.0.last().copied().unwrap_or_default()
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(samples: I) -> Self {
        let mut samples: Vec<f64> = samples.into_iter().collect();
        samples.sort_by(f64::total_cmp);
        Self(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(samples: &[f64]) -> Samples {
        samples.iter().copied().collect()
    }

    #[test]
    fn the_median_is_the_middle_one_or_lies_between_the_middle_two() {
        assert_eq!(samples(&[9.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(samples(&[9.0, 1.0, 4.0, 2.0]).median(), 3.0);
        assert_eq!(samples(&[]).median(), 0.0);
    }

    #[test]
    fn the_ends_are_the_lowest_and_the_highest_whatever_came_first() {
        let samples = samples(&[5.0, 9.0, 1.0]);
        assert_eq!((samples.lowest(), samples.highest()), (1.0, 9.0));
    }
}
