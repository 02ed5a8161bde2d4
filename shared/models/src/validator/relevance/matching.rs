//! How much of a question a candidate takes up, and whether what is asked for stands near it.

use super::expectation::{Expectation, Find};
use super::kin::likeness;
use crate::validator::lexis::Token;

/// How many numbers [`Matching::to_array`] gives.
pub(super) const MATCHES: usize = 12;

/// Within this many words what is asked for stands near a word of the question.
const NEAR: f32 = 6.0;

/// A candidate beside a question; all from 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Matching {
    /// The share of the question's words that the candidate has, each counted by its rarity.
    pub(super) coverage: f32,
    /// The same of the candidate's best sentence.
    pub(super) densest: f32,
    /// The share of the question's names that it has; half when there are none.
    pub(super) names: f32,
    /// The share of the question's numbers that it has; half when there are none.
    pub(super) numbers: f32,
    /// How common the rarest word is that it has not.
    pub(super) missing: f32,
    /// The longest run of the question's words that it has.
    pub(super) run: f32,
    /// The share of the question's neighbouring words that stand close together in it.
    pub(super) neighbours: f32,
    /// Whether it can be told what is asked for.
    pub(super) is_expected: f32,
    /// How surely it has what is asked for.
    pub(super) found: f32,
    /// How much of the question stands near what is asked for.
    pub(super) near: f32,
    /// How much of it is taken up and has what is asked for.
    pub(super) both: f32,
    /// Less than 1 when it can be told what is asked for and the candidate has nothing of the kind.
    pub(super) suits: f32,
}

impl Matching {
    /// A candidate of these sentences beside a question.
    pub(super) fn of(question: &[Token], sentences: &[Vec<Token>]) -> Self {
        let candidate: Vec<Token> = sentences.concat();
        let asked = distinct(question);
        let hits = hits(&asked, &candidate);
        let coverage = coverage(&asked, &hits);
        let densest = sentences.iter().map(|sentence| self::coverage(&asked, &self::hits(&asked, sentence)));
        let expectation = Expectation::of(question);
        let finds = expectation.finds(question, &candidate);
        let found = finds.iter().map(|find| find.strength).fold(0.0, f32::max);
        let is_expected = f32::from(u8::from(expectation != Expectation::Unknown));
        let share_of = |is: &dyn Fn(&Token) -> bool| {
            let of_kind: Vec<usize> = (0..asked.len()).filter(|&at| is(asked[at])).collect();
            if of_kind.is_empty() {
                return 0.5;
            }
            of_kind.iter().map(|&at| hits[at].0).sum::<f32>() / of_kind.len() as f32
        };
        let rarest = (asked.iter().zip(&hits)).map(|(token, hit)| token.rarity * (1.0 - hit.0)).fold(0.0, f32::max);
        Self {
            coverage,
            densest: densest.fold(0.0, f32::max),
            names: share_of(&|token| token.is_name),
            numbers: share_of(&Token::is_number),
            missing: 1.0 - rarest / 8.5,
            run: longest_run(question, &candidate),
            neighbours: neighbours(&asked, &hits),
            is_expected,
            found,
            near: nearness(&asked, &hits, &finds),
            both: found * coverage,
            suits: 1.0 - is_expected * (1.0 - found),
        }
    }

    pub(super) const fn to_array(self) -> [f32; MATCHES] {
        [
            self.coverage,
            self.densest,
            self.names,
            self.numbers,
            self.missing,
            self.run,
            self.neighbours,
            self.is_expected,
            self.found,
            self.near,
            self.both,
            self.suits,
        ]
    }
}

/// The question's words that carry meaning, each once.
fn distinct(question: &[Token]) -> Vec<&Token> {
    let mut asked: Vec<&Token> = Vec::new();
    for token in question.iter().filter(|token| token.has_meaning()) {
        if asked.iter().all(|known| known.stem != token.stem) {
            asked.push(token);
        }
    }
    asked
}

/// How well each asked word is met, and where.
fn hits(asked: &[&Token], candidate: &[Token]) -> Vec<(f32, Vec<usize>)> {
    let hit = |token: &&Token| {
        let (mut best, mut places) = (0.0_f32, Vec::new());
        for (at, other) in candidate.iter().enumerate().filter(|(_, other)| other.has_meaning()) {
            let likeness = likeness(token, other);
            if likeness > 0.0 {
                best = best.max(likeness);
                places.push(at);
            }
        }
        (best, places)
    };
    asked.iter().map(hit).collect()
}

fn coverage(asked: &[&Token], hits: &[(f32, Vec<usize>)]) -> f32 {
    let all: f32 = asked.iter().map(|token| token.rarity).sum();
    if all == 0.0 {
        return 0.5;
    }
    asked.iter().zip(hits).map(|(token, hit)| token.rarity * hit.0).sum::<f32>() / all
}

/// The longest run of words, small ones included, that both have, by how many of them carry meaning.
fn longest_run(question: &[Token], candidate: &[Token]) -> f32 {
    let mut longest = 0;
    for start in 0..question.len() {
        for other in 0..candidate.len() {
            let pairs = question[start..].iter().zip(&candidate[other..]);
            let run = pairs.take_while(|(a, b)| a.stem == b.stem).filter(|(a, _)| a.has_meaning()).count();
            longest = longest.max(run);
        }
    }
    (longest as f32 / 4.0).min(1.0)
}

fn neighbours(asked: &[&Token], hits: &[(f32, Vec<usize>)]) -> f32 {
    if asked.len() < 2 {
        return 0.5;
    }
    let are_close =
        |pair: &&[(f32, Vec<usize>)]| pair[0].1.iter().any(|a| pair[1].1.iter().any(|b| a != b && a.abs_diff(*b) <= 3));
    hits.windows(2).filter(are_close).count() as f32 / (asked.len() - 1) as f32
}

/// Of the best place where something of the kind that is asked for stands: how much of the question is
/// near it.
fn nearness(asked: &[&Token], hits: &[(f32, Vec<usize>)], finds: &[Find]) -> f32 {
    let all: f32 = asked.iter().map(|token| token.rarity).sum();
    let near = |find: &Find| {
        let weigh = |(token, hit): (&&Token, &(f32, Vec<usize>))| {
            let closest = hit.1.iter().map(|at| at.abs_diff(find.at)).min();
            closest.map_or(0.0, |distance| token.rarity * hit.0 * (-(distance as f32) / NEAR).exp())
        };
        find.strength * asked.iter().zip(hits).map(weigh).sum::<f32>() / all.max(1.0)
    };
    finds.iter().map(near).fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validator::lexis::read;

    fn matching(question: &str, candidate: &str) -> Matching {
        Matching::of(&read(question), &[read(candidate)])
    }

    #[test]
    fn rare_words_count_for_more() {
        let question = "Who sold the bassoon to the people?";
        let rare = matching(question, "Nobody saw a bassoon.");
        let common = matching(question, "Nobody saw the people.");
        assert!(rare.coverage > common.coverage && rare.missing > common.missing, "{rare:?} {common:?}");
    }

    #[test]
    fn forms_and_relatives_of_a_word_count() {
        assert!(matching("Who wrote it?", "Its author is known.").coverage > 0.4);
        assert!(matching("When did she retire?", "Her retirement came late.").coverage > 0.7);
        assert!(matching("When did she retire?", "Her tyres are new.").coverage < 0.1);
    }

    #[test]
    fn what_is_asked_for_counts_more_near_the_questions_words() {
        let question = "When was the bridge of Orm built?";
        let near = matching(question, "The bridge of Orm was built in 1962.");
        let far = matching(question, "The bridge of Orm was seen by many, many people who came by coach in 1962.");
        assert!(near.near > far.near + 0.2, "{near:?} {far:?}");
    }
}
