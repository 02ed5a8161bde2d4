use super::*;
use crate::ids::RequestId;

/// Numbers that look random (splitmix64).
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to 1.
    fn share(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 24) as f32
    }

    /// About normal, from −3 to 3, with the variance ½.
    fn bell(&mut self) -> f32 {
        (0..6).map(|_| self.share()).sum::<f32>() - 3.0
    }

    fn direction(&mut self) -> Vec<f32> {
        let vector: Vec<f32> = (0..96).map(|_| self.bell()).collect();
        let length = dot(&vector, &vector).sqrt();
        vector.into_iter().map(|value| value / length).collect()
    }
}

/// Traffic: on what, how sure, how good.
#[derive(Clone, Copy)]
struct Traffic {
    /// The share of questions on topics that others have not.
    new: f32,
    confidence: f32,
    score: f32,
}

const USUAL: Traffic = Traffic { new: 0.0, confidence: 0.9, score: 0.85 };

fn rules() -> DriftRules {
    DriftRules {
        min_outcomes: 200,
        false_alarms: 0.001,
        stability_index: 0.1,
        centroid: 0.05,
        new_topics: 0.05,
        score_drop: 0.03,
    }
}

fn week(random: &mut Random, questions: usize, traffic: Traffic) -> Digest {
    let mut topics = Random(7);
    let (usual, new): (Vec<_>, Vec<_>) =
        ((0..24).map(|_| topics.direction()).collect(), (0..3).map(|_| topics.direction()).collect());
    let mut digest = Digest::default();
    for _ in 0..questions {
        let pick = |random: &mut Random, from: &[Vec<f32>]| from[random.bits() as usize % from.len()].clone();
        let topic = if random.share() < traffic.new { pick(random, &new) } else { pick(random, &usual) };
        let noise = random.direction();
        let vector: Vec<f32> = topic.iter().zip(&noise).map(|(topic, noise)| 0.8 * topic + 0.6 * noise).collect();
        let embedding = QuantizedVector::of(&vector);
        digest.centroid.add(&embedding);
        digest.sample.add(&RequestId::parse(&format!("{:026}", random.bits())).unwrap(), || embedding.clone());
        digest.confidences.add(traffic.confidence + 0.12 * random.bell());
        let score = (traffic.score + 0.1 * random.bell()).clamp(0.0, 1.0);
        digest.scores.add(score);
        digest.score.add(score.into());
    }
    digest
}

fn alarms(before: &Digest, now: &Digest) -> Vec<Measure> {
    let changes = changes(before, now, &rules());
    changes.into_iter().filter(|change| change.is_alarm).map(|change| change.measure).collect()
}

#[test]
fn the_same_traffic_raises_no_alarm() {
    let mut random = Random(1);
    for questions in [200, 1_000] {
        let baseline = week(&mut random, questions, USUAL);
        let raised: usize = (0..100).map(|_| alarms(&baseline, &week(&mut random, questions, USUAL)).len()).sum();
        assert!(raised <= 1, "{raised} alarms in 100 weeks of {questions}");
    }
}

#[test]
fn each_change_is_noticed_by_what_measures_it_within_a_week() {
    let mut random = Random(2);
    let baseline = week(&mut random, 1_000, USUAL);
    let mut check = |traffic: Traffic, expected: &[Measure]| {
        for _ in 0..10 {
            assert_eq!(alarms(&baseline, &week(&mut random, 1_000, traffic)), expected);
        }
    };
    check(Traffic { confidence: 0.75, ..USUAL }, &[Measure::Confidences]);
    check(Traffic { score: 0.75, ..USUAL }, &[Measure::Scores, Measure::ScoreDrop]);
    check(Traffic { new: 0.25, ..USUAL }, &[Measure::Centroid, Measure::NewTopics]);
    // Better answers are another spread, and no fall.
    check(Traffic { score: 0.95, ..USUAL }, &[Measure::Scores]);
}

#[test]
fn small_changes_of_many_questions_do_not_matter() {
    let mut random = Random(3);
    let baseline = week(&mut random, 20_000, USUAL);
    let found = changes(&baseline, &week(&mut random, 20_000, Traffic { score: 0.84, ..USUAL }), &rules());
    let fall = found.iter().find(|change| change.measure == Measure::ScoreDrop).unwrap();
    assert!(fall.p < 1e-6 && !fall.is_alarm, "{fall:?}");
}

#[test]
fn few_questions_say_nothing() {
    let mut random = Random(4);
    let (many, few) = (week(&mut random, 1_000, USUAL), week(&mut random, 199, Traffic { score: 0.2, ..USUAL }));
    assert_eq!((changes(&many, &few, &rules()), changes(&few, &many, &rules())), (Vec::new(), Vec::new()));
    assert_eq!(changes(&Digest::default(), &Digest::default(), &rules()), []);
}

#[test]
fn probabilities_are_as_often_small_as_they_say() {
    let mut random = Random(5);
    let mut small = [0; 2];
    for _ in 0..400 {
        let (one, other) = (week(&mut random, 300, USUAL), week(&mut random, 300, USUAL));
        small[0] += usize::from(stability_index(&one.scores, &other.scores).1 < 0.05);
        small[1] += usize::from(drop(&one.score, &other.score).unwrap().1 < 0.05);
    }
    assert!(small.iter().all(|count| (6..=40).contains(count)), "{small:?} of 400, where 20 are expected");
}

/// Worked by hand: shares 3/4 and 1/4 against 1/4 and 3/4, half a count added to each bin.
#[test]
fn the_index_is_that_of_its_definition() {
    let histogram = |low: u32, high: u32| {
        let mut histogram = Histogram::default();
        (0..low).for_each(|_| histogram.add(0.1));
        (0..high).for_each(|_| histogram.add(0.9));
        histogram
    };
    let (index, p) = stability_index(&histogram(75, 25), &histogram(25, 75));
    let (one, other) = (75.5_f64 / 101.0, 25.5_f64 / 101.0);
    assert!((index - 2.0 * (one - other) * (one / other).ln()).abs() < 1e-12, "{index}");
    assert!(p < 1e-9);
    assert_eq!(stability_index(&histogram(9, 0), &histogram(7, 0)), (0.0, 1.0), "one bin cannot change");
}
