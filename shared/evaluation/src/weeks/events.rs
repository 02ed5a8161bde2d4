//! What happens to the bank: prices, topics and providers that change from one week to another.

use farthing_domain::complexity::Tier;
use farthing_domain::ids::ModelId;
use farthing_domain::registry::Registry;

use super::plan::cheap_model;

/// How often each paid model is right, by tier in the order of [`Tier::ALL`]: assumed, and told in the documentation.
const RIGHT: [(&str, [f64; 4]); 4] = [
    ("deepseek-chat", [0.93, 0.90, 0.72, 0.85]),
    ("claude-haiku", [0.95, 0.93, 0.80, 0.90]),
    ("claude-sonnet", [0.97, 0.96, 0.90, 0.95]),
    ("gpt-4o", [0.96, 0.95, 0.88, 0.94]),
];
/// The same of a model that is not among them.
const OTHERWISE: f64 = 0.9;

/// What happens, and in which weeks from 1 on.
#[derive(Clone, Debug, PartialEq)]
pub struct Events {
    /// From this week on this model costs so many times as much.
    pub dearer: Option<(usize, ModelId, u32)>,
    /// From this week on so large a share of the questions, 0 to 1, is on topics that were never asked about before.
    pub new_topics: Option<(usize, f64)>,
    /// In this one week a model does badly.
    pub bad_week: Option<(usize, Hurt)>,
}

/// A model that does badly.
#[derive(Clone, Debug, PartialEq)]
pub struct Hurt {
    /// Which.
    pub model: ModelId,
    /// The share of its answers that are right, 0 to 1, at most.
    pub right: f64,
    /// The share of its calls that break, 0 to 1.
    pub failing: f64,
}

/// How things are in one week.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions {
    /// A model that costs so many times as much as the registry says.
    pub dearer: Option<(ModelId, u32)>,
    /// The share of the questions that are on new topics, 0 to 1.
    pub new_topics: f64,
    /// A model that does badly.
    pub hurt: Option<Hurt>,
    /// What begins or ends this week, in words.
    pub news: Vec<String>,
}

impl Default for Events {
    fn default() -> Self {
        let cheap = cheap_model();
        Self {
            dearer: cheap.clone().map(|model| (6, model, 2)),
            new_topics: Some((8, 0.15)),
            bad_week: cheap.map(|model| (10, Hurt { model, right: 0.45, failing: 0.2 })),
        }
    }
}

impl Events {
    /// How things are in the week with this number, from 1 on.
    #[must_use]
    pub fn at(&self, number: usize) -> Conditions {
        let mut conditions = Conditions::default();
        if let Some((from, model, times)) = self.dearer.as_ref().filter(|(from, ..)| *from <= number) {
            conditions.dearer = Some((model.clone(), *times));
            if *from == number {
                conditions.news.push(format!("{model} costs {times} times as much from now on"));
            }
        }
        if let Some((from, share)) = self.new_topics.filter(|(from, _)| *from <= number) {
            conditions.new_topics = share;
            if from == number {
                conditions.news.push(format!("{:.0} % of the questions are on new topics from now on", 100.0 * share));
            }
        }
        if let Some((_, hurt)) = self.bad_week.as_ref().filter(|(week, _)| *week == number) {
            let Hurt { model, right, failing } = hurt;
            let (right, failing) = (100.0 * right, 100.0 * failing);
            conditions.news.push(format!(
                "this week {model} is right {right:.0} % of the time, {failing:.0} % of its calls break"
            ));
            conditions.hurt = Some(hurt.clone());
        }
        conditions
    }
}

impl Conditions {
    /// How probably `model` is right about a question of this tier, 0 to 1.
    #[must_use]
    pub fn right(&self, model: &ModelId, tier: Tier) -> f64 {
        let row = RIGHT.iter().find(|(name, _)| *name == model.as_str());
        let place = Tier::ALL.iter().position(|other| *other == tier);
        let usual = row.zip(place).map_or(OTHERWISE, |((_, shares), place)| shares[place]);
        usual.min(self.hurt_of(model).map_or(1.0, |hurt| hurt.right))
    }

    /// How badly `model` does, if it does.
    pub(super) fn hurt_of(&self, model: &ModelId) -> Option<&Hurt> {
        self.hurt.as_ref().filter(|hurt| hurt.model == *model)
    }

    /// The registry with this week's prices; the same one should it not be valid with them.
    #[must_use]
    pub fn registry(&self, usual: &Registry) -> Registry {
        let Some((dear, times)) = &self.dearer else { return usual.clone() };
        let mut models = usual.models().to_vec();
        for model in models.iter_mut().filter(|model| model.id == *dear) {
            if let Some(api) = &mut model.api {
                api.price.input_usd_per_million = api.price.input_usd_per_million.times(*times);
                api.price.output_usd_per_million = api.price.output_usd_per_million.times(*times);
            }
        }
        Registry::parse(models).unwrap_or_else(|_| usual.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_when_they_are_due() {
        let events = Events::default();
        let (cheap, dear) = (ModelId::parse("deepseek-chat").unwrap(), ModelId::parse("claude-sonnet").unwrap());
        assert_eq!(events.at(5), Conditions::default());
        assert_eq!((events.at(6).dearer, events.at(7).news.len()), (Some((cheap.clone(), 2)), 0));
        let bad = events.at(10);
        assert!((bad.new_topics - 0.15).abs() < 1e-9 && bad.hurt.is_some() && bad.news.len() == 1);
        assert!((bad.right(&cheap, Tier::Simple) - 0.45).abs() < 1e-9);
        assert!((bad.right(&dear, Tier::High) - 0.9).abs() < 1e-9, "only one model is hurt");
        assert!((events.at(11).right(&cheap, Tier::High) - 0.72).abs() < 1e-9, "the bad week is over");
    }
}
