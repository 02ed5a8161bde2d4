//! Features with their names.

/// Features in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(super) struct Named {
    names: Vec<&'static str>,
    values: Vec<f32>,
}

impl Named {
    /// Adds a feature; what is not finite becomes 0.
    pub(super) fn add(&mut self, name: &'static str, value: f64) {
        self.names.push(name);
        self.values.push(if value.is_finite() { value as f32 } else { 0.0 });
    }

    /// Adds how often something occurs, on a scale on which much more counts little more.
    pub(super) fn count(&mut self, name: &'static str, count: usize) {
        self.add(name, (count as f64).ln_1p());
    }

    /// Adds 1 for yes and 0 for no.
    pub(super) fn flag(&mut self, name: &'static str, is_so: bool) {
        self.add(name, f64::from(u8::from(is_so)));
    }

    pub(super) fn names(&self) -> &[&'static str] {
        &self.names
    }

    pub(super) fn into_values(self) -> Vec<f32> {
        self.values
    }

    #[cfg(test)]
    pub(super) fn get(&self, name: &str) -> f32 {
        let at = self.names.iter().position(|known| *known == name);
        self.values[at.unwrap_or_else(|| panic!("no feature `{name}`"))]
    }
}
