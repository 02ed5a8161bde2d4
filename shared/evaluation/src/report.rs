//! What an evaluation found.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::measures::Interval;

/// One figure; not a number when the rows do not determine it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: f32,
    /// Its 95 % interval, by the bootstrap.
    pub interval: Option<Interval>,
}

/// The figures of something trivial, under the same names.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// What it is.
    pub name: &'static str,
    /// Its figures.
    pub figures: Vec<(&'static str, f32)>,
}

/// How often each actual class was predicted as each class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    /// The classes.
    pub classes: Vec<&'static str>,
    /// A row for each actual class, a column for each predicted one.
    pub counts: Vec<Vec<usize>>,
}

/// What an evaluation found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// How many rows there were.
    pub n: usize,
    /// The figures.
    pub figures: Vec<Figure>,
    /// Numbers of rows.
    pub counts: Vec<(&'static str, usize)>,
    /// What trivial ways of doing the same reach.
    pub baselines: Vec<Baseline>,
    /// For classes, how they were confused.
    pub confusion: Option<Confusion>,
    /// What is to be known about the figures.
    pub notes: Vec<String>,
}

impl Report {
    /// Adds a figure with its interval.
    pub fn add(&mut self, name: &'static str, value: f32, interval: Option<Interval>) {
        self.figures.push(Figure { name, value, interval });
    }

    /// Adds what something trivial reaches.
    pub fn compare(&mut self, name: &'static str, figures: Vec<(&'static str, f32)>) {
        self.baselines.push(Baseline { name, figures });
    }

    /// One JSON object: every figure and count under its name, and `n`, `intervals`, `baselines` and
    /// `notes`. What is not determined is `null`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object: Map<String, Value> = Map::new();
        let mut intervals: Map<String, Value> = Map::new();
        for figure in &self.figures {
            object.insert(figure.name.to_owned(), number(figure.value));
            if let Some((low, high)) = figure.interval {
                intervals.insert(figure.name.to_owned(), json!([number(low), number(high)]));
            }
        }
        for (name, count) in &self.counts {
            object.insert((*name).to_owned(), json!(count));
        }
        if let Some(Confusion { classes, counts }) = &self.confusion {
            let row = |counts: &Vec<usize>| -> Map<String, Value> {
                classes.iter().zip(counts).map(|(class, count)| ((*class).to_owned(), json!(count))).collect()
            };
            let rows = classes.iter().zip(counts).map(|(class, counts)| ((*class).to_owned(), json!(row(counts))));
            object.insert("confusion".to_owned(), Value::Object(rows.collect()));
        }
        let baselines = self.baselines.iter().map(|baseline| {
            let figures = baseline.figures.iter().map(|(name, value)| ((*name).to_owned(), number(*value)));
            (baseline.name.to_owned(), Value::Object(figures.collect()))
        });
        object.insert("n".to_owned(), json!(self.n));
        object.insert("intervals".to_owned(), Value::Object(intervals));
        object.insert("baselines".to_owned(), Value::Object(baselines.collect()));
        object.insert("notes".to_owned(), json!(self.notes));
        Value::Object(object)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rows", self.n)?;
        write!(f, "\n{:24}{:>10}  {:18}", "", "this", "95 % interval")?;
        for baseline in &self.baselines {
            write!(f, "{:>18}", baseline.name)?;
        }
        writeln!(f)?;
        for figure in &self.figures {
            let interval = figure.interval.map_or_else(String::new, |(low, high)| format!("{low:.3} to {high:.3}"));
            write!(f, "{:24}{:>10}  {interval:18}", figure.name, shown(figure.value))?;
            for baseline in &self.baselines {
                let same = baseline.figures.iter().find(|(name, _)| *name == figure.name);
                write!(f, "{:>18}", same.map_or_else(String::new, |(_, value)| shown(*value)))?;
            }
            writeln!(f)?;
        }
        for (name, count) in &self.counts {
            writeln!(f, "{name:24}{count:>10}")?;
        }
        if let Some(Confusion { classes, counts }) = &self.confusion {
            writeln!(f, "\nactual in rows, predicted in columns\n{:12}{}", "", cells(classes))?;
            for (class, counts) in classes.iter().zip(counts) {
                writeln!(f, "{class:12}{}", cells(counts))?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "\n{note}"))
    }
}

fn cells(values: &[impl fmt::Display]) -> String {
    values.iter().map(|value| format!("{:>10}", value.to_string())).collect()
}

fn shown(value: f32) -> String {
    if value.is_finite() { format!("{value:.3}") } else { "–".to_owned() }
}

/// The number with at most six decimals; `null` when it is none.
#[must_use]
pub fn number(value: f32) -> Value {
    let value = (f64::from(value) * 1e6).round() / 1e6;
    if value.is_finite() { json!(value) } else { Value::Null }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_determined_is_null_and_a_dash() {
        let mut report = Report { n: 2, ..Report::default() };
        report.add("auc", f32::NAN, None);
        report.add("mean", 0.1, Some((0.05, 0.2)));
        report.counts.push(("false_hits", 3));
        report.compare("chance", vec![("auc", 0.5)]);
        let json = report.to_json();
        assert_eq!(json["auc"], Value::Null);
        assert_eq!(json["mean"], 0.1, "rounded to what was meant");
        assert_eq!(json["intervals"]["mean"][1], 0.2);
        assert_eq!((&json["false_hits"], &json["n"]), (&json!(3), &json!(2)));
        assert_eq!(json["baselines"]["chance"]["auc"], 0.5);
        let text = report.to_string();
        assert!(text.contains("auc") && text.contains('–') && text.contains("0.050 to 0.200"), "{text}");
    }

    #[test]
    fn a_confusion_names_its_classes() {
        let confusion = Confusion { classes: vec!["a", "b"], counts: vec![vec![1, 2], vec![0, 3]] };
        let report = Report { confusion: Some(confusion), ..Report::default() };
        assert_eq!(report.to_json()["confusion"]["a"]["b"], 2);
    }
}
