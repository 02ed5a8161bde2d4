use std::sync::LazyLock;

use farthing_models::gain::GainHeads;
use proptest::prelude::*;

/// The shipped heads, read once.
static HEADS: LazyLock<GainHeads> =
    LazyLock::new(|| GainHeads::from_json(&super::head("gain-head/gain.json")).unwrap());

const SHEEP: &str = "Toulouse has twice as many sheep as Charleston. Charleston has 4 times as many sheep as Seattle. \
                     How many sheep do they have together if Seattle has 20 sheep?";

#[test]
fn wrong_arithmetic_raises_the_gain() {
    let after = |answer: &str| HEADS.after(&super::encoder().embed(SHEEP).unwrap(), SHEEP, answer).unwrap();
    let right = after(
        "Charleston has 20 x 4 = <<20*4=80>>80 sheep.\nToulouse has 80 x 2 = <<80*2=160>>160 sheep.\nTogether they have \
         20 + 80 + 160 = <<20+80+160=260>>260 sheep.\n#### 260",
    );
    let wrong = after(
        "Charleston has 20 x 4 = <<20*4=90>>90 sheep.\nToulouse has 90 / 4 = <<90/4=20.5>>20.5 sheep.\nHowever, that \
         makes 90 + 20.5 = <<90+20.5=112.5>>112.5 sheep.",
    );
    assert!(right < wrong - 0.1, "{right} {wrong}");
}

#[test]
fn what_cannot_be_checked_keeps_the_gain_of_its_question() {
    let embedding = super::encoder().embed("How do I reset my password?").unwrap();
    let before = HEADS.before(&embedding, "How do I reset my password?").unwrap();
    let after = HEADS.after(&embedding, "How do I reset my password?", "Open Settings.").unwrap();
    assert!((before - after).abs() < 1e-6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_is_too_strange(query in "\\PC{0,200}", answer in "[0-9 +*=<>#()./\\-x\n]{0,300}") {
        let embedding = vec![0.05; 384];
        for gain in [HEADS.before(&embedding, &query), HEADS.after(&embedding, &query, &answer)] {
            prop_assert!(gain.is_ok_and(|gain| (-1.0..=1.0).contains(&gain)));
        }
    }
}
