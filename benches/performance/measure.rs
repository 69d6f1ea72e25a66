//! Times in milliseconds, and what is said of many of them.

use std::time::{Duration, Instant};

/// Times of one thing done again and again, sorted. Never empty.
#[derive(Clone, Debug)]
pub struct Times(Vec<f64>);

impl Times {
    pub fn of(mut times: Vec<f64>) -> anyhow::Result<Times> {
        anyhow::ensure!(!times.is_empty(), "nothing was timed");
        times.sort_by(f64::total_cmp);
        Ok(Times(times))
    }

    /// The least time that this share of all does not exceed.
    pub fn share(&self, share: f64) -> f64 {
        let place = (self.0.len() as f64 * share).ceil() as usize;
        self.0[place.clamp(1, self.0.len()) - 1]
    }

    pub fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        match self.0.len() % 2 {
            0 => (self.0[middle - 1] + self.0[middle]) / 2.0,
            _ => self.0[middle],
        }
    }

    pub fn p95(&self) -> f64 {
        self.share(0.95)
    }

    pub fn slowest(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    pub fn runs(&self) -> usize {
        self.0.len()
    }
}

pub fn median(times: Vec<f64>) -> anyhow::Result<f64> {
    Ok(Times::of(times)?.median())
}

pub fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len().max(1) as f64).exp()
}

/// How long something took, beside what came of it.
pub fn timed<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, f64)> {
    let began = Instant::now();
    let done = work()?;
    Ok((done, millis(began.elapsed())))
}

pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// How often something is done, and when it is enough: what takes seconds is not done as often as what takes none.
#[derive(Clone, Copy)]
pub struct Patience {
    /// Times, at most.
    pub runs: usize,
    /// No further time begins after this long, once there were three.
    pub seconds: f64,
}

impl Patience {
    pub const fn of(runs: usize, seconds: f64) -> Patience {
        Patience { runs, seconds }
    }

    /// Does it until it is enough; `work` is told which time it is, from 0, and says how long it took.
    pub fn repeat(self, mut work: impl FnMut(usize) -> anyhow::Result<f64>) -> anyhow::Result<Times> {
        let began = Instant::now();
        let mut times = Vec::new();
        while times.len() < self.runs && (times.len() < 3 || began.elapsed().as_secs_f64() < self.seconds) {
            times.push(work(times.len())?);
        }
        Times::of(times)
    }
}
