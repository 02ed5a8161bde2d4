use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::ids::ModelId;
use farthing_domain::ports::{
    Finish, Generated, GenerationError, GenerationRequest, Generator, GroundedAnswerer, Heard, LocalAnswer, Passage,
    Retrieval,
};
use farthing_models::grounded::GeneratingAnswerer;

const GOOD: &str = "Parking is free from 18:00.";

/// A model that writes what a test wants.
struct Scripted(Result<(String, Finish), ()>);

#[async_trait]
impl Generator for Scripted {
    async fn generate(&self, request: GenerationRequest, _: Option<Heard>) -> Result<Generated, GenerationError> {
        assert!(request.user.contains("costs 3 pounds") && request.user.contains("do I pay at night"), "{request:?}");
        assert!(!request.user.contains("trains"), "one passage is enough for it");
        assert!(!request.system.contains("do I pay at night"), "the rule is the same for all questions");
        assert!(request.stops.iter().any(|stop| stop.contains("Question:")), "it asks nothing itself");
        let (text, finish) = self.0.clone().map_err(|()| GenerationError::Overloaded)?;
        let (reading, writing) = (Duration::ZERO, Duration::ZERO);
        Ok(Generated { text, finish, prompt_tokens: 1, remembered_tokens: 0, tokens: 1, reading, writing })
    }
}

async fn answered(written: Result<(&str, Finish), ()>) -> Option<LocalAnswer> {
    let generator = Scripted(written.map(|(text, finish)| (text.to_owned(), finish)));
    let answerer = GeneratingAnswerer::new(ModelId::parse("a-model").unwrap(), Arc::new(generator));
    let passage = |id: &str, title: &str, text: &str| {
        let (id, title, text) = (id.to_owned(), title.to_owned(), text.to_owned());
        Passage { id, title, text, score: 0.9 }
    };
    let passages = vec![
        passage("parking", "Parking", "Parking is free from 18:00 and costs 3 pounds an hour before."),
        passage("way", "Getting here", "There are trains until 23:30."),
    ];
    let retrieval = Retrieval { passages, answerability: 0.5 };
    answerer.answer(&super::brand(), "do I pay at night", &retrieval).await
}

#[tokio::test]
async fn it_answers_from_the_best_passage() {
    for finish in [Finish::End, Finish::Stop] {
        let answer = answered(Ok((GOOD, finish))).await.unwrap();
        assert_eq!((answer.text.as_str(), answer.model.as_str()), (GOOD, "a-model"));
        let sources: Vec<_> = answer.sources.iter().map(|source| source.id.as_str()).collect();
        assert_eq!(sources, ["parking"]);
    }
}

#[tokio::test]
async fn what_it_says_when_it_does_not_know_is_no_answer() {
    for written in ["Not in the note.", "not in the note", " Not in the note, I am afraid.", "", " \n "] {
        assert_eq!(answered(Ok((written, Finish::End))).await, None, "{written:?}");
    }
}

#[tokio::test]
async fn unfinished_and_forbidden_words_are_no_answer() {
    for finish in [Finish::MostTokens, Finish::ContextFull, Finish::TimeUp] {
        assert_eq!(answered(Ok((GOOD, finish))).await, None, "{finish:?}");
    }
    for written in [
        "Parking is free from 18:00. You can",
        "Parking is free from 18:00, when parking is free from 18:00.",
        "We promise guaranteed results: parking is free from 18:00.",
    ] {
        assert_eq!(answered(Ok((written, Finish::End))).await, None, "{written:?}");
    }
    assert_eq!(answered(Err(())).await, None);
}

#[tokio::test]
async fn without_passages_nothing_is_written() {
    let answerer = GeneratingAnswerer::new(ModelId::parse("a-model").unwrap(), Arc::new(Scripted(Err(()))));
    assert_eq!(answerer.answer(&super::brand(), "do I pay at night", &Retrieval::default()).await, None);
}
