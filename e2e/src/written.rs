//! Samples that were written and acknowledged. No IO.

/// The result of one tick.
#[derive(Clone, Debug)]
pub struct Tick {
    /// The time of its samples, in milliseconds.
    pub time: i64,
    /// When it was acknowledged or given up, in milliseconds.
    pub decided: i64,
    /// Number of retries.
    pub retries: u32,
    /// Why it was given up; `None` if it was acknowledged.
    pub lost: Option<String>,
}

/// The results of all decided ticks, in order of time.
#[derive(Clone, Debug, Default)]
pub struct Written {
    pub(crate) ticks: Vec<Tick>,
    /// The error of the last attempt, while a tick is not accepted.
    pub(crate) pending: Option<String>,
}

impl Written {
    /// Until this time everything is decided. `None` before the first tick is.
    #[must_use]
    pub fn settled(&self) -> Option<i64> {
        self.ticks.last().map(|tick| tick.time)
    }

    /// The samples of each series that were acknowledged, after a time and until another.
    #[must_use]
    pub fn acknowledged(&self, after: i64, until: i64) -> usize {
        let from = self.ticks.partition_point(|tick| tick.time <= after);
        let all = self.ticks.get(from..).unwrap_or_default();
        let all = all.iter().take_while(|tick| tick.time <= until);
        all.filter(|tick| tick.lost.is_none()).count()
    }

    /// All ticks, by time.
    #[must_use]
    pub fn ticks(&self) -> &[Tick] {
        &self.ticks
    }

    /// The ticks that were given up.
    #[must_use]
    pub fn lost(&self) -> Vec<&Tick> {
        self.ticks.iter().filter(|t| t.lost.is_some()).collect()
    }

    /// The tick that waited longest until it was decided, from the time of its samples on.
    #[must_use]
    pub fn slowest(&self) -> Option<&Tick> {
        self.ticks
            .iter()
            .max_by_key(|tick| tick.decided - tick.time)
    }

    /// One line on the ticks after a time.
    #[must_use]
    pub fn summary(&self, after: i64) -> String {
        let from = self.ticks.partition_point(|tick| tick.time <= after);
        let ticks = self.ticks.get(from..).unwrap_or_default();
        let lost = ticks.iter().filter(|t| t.lost.is_some()).count();
        let retried = ticks.iter().filter(|t| t.retries > 0).count();
        let retries: u32 = ticks.iter().map(|t| t.retries).sum();
        let longest = ticks.iter().map(|t| t.decided - t.time).max();
        format!(
            "{} ticks written, {lost} lost, {retried} sent again ({retries} times), longest {} ms",
            ticks.len(),
            longest.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(time: i64, lost: Option<&str>) -> Tick {
        Tick {
            time,
            decided: time + 10,
            retries: 0,
            lost: lost.map(str::to_owned),
        }
    }

    #[test]
    fn acknowledged_samples_are_counted_within_a_time_range() {
        let written = Written {
            ticks: vec![tick(250, None), tick(500, Some("409")), tick(750, None)],
            pending: None,
        };
        for (after, until, count) in [
            (0, 249, 0),
            (0, 250, 1),
            (0, 749, 1),
            (0, 750, 2),
            (249, 250, 1),
            (250, 750, 1),
            (750, 9999, 0),
            (9999, 9999, 0),
        ] {
            assert_eq!(
                written.acknowledged(after, until),
                count,
                "({after}, {until}]"
            );
        }
        assert_eq!(written.settled(), Some(750));
        assert_eq!(written.lost().len(), 1);
        assert_eq!(Written::default().settled(), None);
    }
}
