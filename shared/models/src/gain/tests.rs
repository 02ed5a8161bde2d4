use proptest::prelude::*;

use super::*;

#[test]
fn features_have_the_length_that_their_heads_expect() {
    assert_eq!(names_after().len(), AFTER.dimension);
    let mut features = Named::default();
    Question::read("").add_to(&mut features);
    assert_eq!(features.names().len() + neighbours::FEATURES, BEFORE.dimension);
}

#[test]
fn only_numbers_can_be_checked() {
    check_can_be_checked("How do I reset my password?", "Press 1 and then 2.", false);
    check_can_be_checked("How much are 3 pens at $2 each?", "That depends.", false);
    check_can_be_checked("How much are three pens at $2 each?", "They are $6.", true);
    check_can_be_checked("Is plan 3 still sold?", "Yes, for $5.", false);
}

#[track_caller]
fn check_can_be_checked(query: &str, answer: &str, expected: bool) {
    assert_eq!(can_be_checked(query, answer), expected, "{query:?} {answer:?}");
}

/// Texts that look like arithmetic, and like nothing.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[0-9.,+*/x×÷()=%$<>#\\-^ \n]{0,12}",
        "\\PC{0,8}",
        Just("<<".to_owned()),
        Just(">>".to_owned()),
        Just("\n#### ".to_owned()),
        Just("\nA. ".to_owned()),
        Just("\nAnswer:".to_owned()),
        Just("half of the ".to_owned()),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_texts_have_finite_features(query in any_text(), answer in any_text()) {
        let features = after_features(&query, &answer);
        prop_assert_eq!(features.len(), AFTER.dimension);
        prop_assert!(features.iter().all(|feature| feature.is_finite()));
        let _checkable = can_be_checked(&query, &answer);
    }
}

#[test]
fn a_long_answer_is_read_in_no_time() {
    for piece in ["<<", "1+", "((", "1=1 ", "1 = 2\n", "#### 1", "é", "9"] {
        let long = piece.repeat(200_000);
        assert_eq!(after_features(&long[..4_000], &long).len(), AFTER.dimension, "{piece:?}");
    }
}

#[test]
fn a_file_that_is_no_head_is_refused() {
    for json in ["", "{}", "[]", r#"{"neighbours": {}, "before": {}, "after": {}}"#] {
        assert!(matches!(GainHeads::from_json(json.as_bytes()), Err(HeadError::Unreadable(_))), "{json}");
    }
}
