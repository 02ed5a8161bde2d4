//! How far a download, or other work that takes a while, is.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Is told how far downloads and other long work are.
pub trait Progress: Send + Sync {
    /// Work on `name` begins, or goes on, with `done` units there of `total`, if that is known.
    fn begin(&self, name: &str, unit: Unit, done: u64, total: Option<u64>) -> Box<dyn Transfer>;
}

/// What progress is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of a download.
    Bytes,
    /// Texts of a knowledge base that are embedded.
    Texts,
    /// Layers of a model that are converted.
    Layers,
}

/// One piece of work; it ends when this is dropped.
pub trait Transfer: Send {
    /// `done` units are there.
    fn reach(&mut self, done: u64);
}

/// What tells `progress` how many layers of `name` are done, of how many.
pub fn layers(progress: &dyn Progress, name: &str) -> impl FnMut(usize, usize) {
    let mut transfer = None;
    move |done, all| {
        let transfer = transfer.get_or_insert_with(|| progress.begin(name, Unit::Layers, 0, Some(all as u64)));
        transfer.reach(done as u64);
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _: &str, _: Unit, _: u64, _: Option<u64>) -> Box<dyn Transfer> {
        Box::new(Self)
    }
}

impl Transfer for NoProgress {
    fn reach(&mut self, _: u64) {}
}

/// A bar on the terminal for each download; nothing where standard error is no terminal.
#[derive(Clone, Debug, Default)]
pub struct IndicatifProgress {
    bars: MultiProgress,
}

impl IndicatifProgress {
    /// Bars on standard error.
    #[must_use]
    pub fn new() -> Self {
        Self::on(ProgressDrawTarget::stderr())
    }

    /// Bars on `target`.
    #[must_use]
    pub fn on(target: ProgressDrawTarget) -> Self {
        Self { bars: MultiProgress::with_draw_target(target) }
    }
}

impl Progress for IndicatifProgress {
    fn begin(&self, name: &str, unit: Unit, done: u64, total: Option<u64>) -> Box<dyn Transfer> {
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        };
        let bar = self.bars.add(bar);
        let style = ProgressStyle::with_template(match unit {
            Unit::Bytes => "{msg:32} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            Unit::Texts => "{msg:32} {wide_bar} {pos}/{len} texts {eta}",
            Unit::Layers => "{msg:32} {wide_bar} {pos}/{len} layers {eta}",
        });
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(name.to_owned());
        bar.set_position(done);
        Box::new(Bar(bar))
    }
}

struct Bar(ProgressBar);

impl Transfer for Bar {
    fn reach(&mut self, done: u64) {
        self.0.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
