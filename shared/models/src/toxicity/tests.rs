use super::cues::{CUES, cues};
use super::tensors::Tensors;

/// A file with one array of two numbers.
fn file(header: &str) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.bytes());
    file.extend(1.5_f32.to_le_bytes());
    file.extend((-2.0_f32).to_le_bytes());
    file
}

const HEADER: &str = r#"{"__metadata__":{"words":"a b"},"bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;

#[test]
fn arrays_are_read_by_name_type_and_shape() {
    let file = file(HEADER);
    let tensors = Tensors::read(&file).unwrap();
    assert_eq!(tensors.floats("bias", &[2]).unwrap(), [1.5, -2.0]);
    assert_eq!(tensors.text("words").unwrap(), "a b");
    assert!(tensors.floats("bias", &[1, 2]).is_err());
    assert!(tensors.floats("kernel", &[2]).is_err());
    assert!(tensors.shorts("bias", &[2]).is_err());
}

#[test]
fn a_malformed_file_is_an_error_and_no_panic() {
    for bad in [HEADER.replace("[0,8]", "[0,80]"), HEADER.replace("[0,8]", "[8,0]"), HEADER.replace("[0,8]", "[0,4]")] {
        let file = file(&bad);
        assert!(Tensors::read(&file).unwrap().floats("bias", &[2]).is_err(), "{bad}");
    }
    let whole = file(HEADER);
    for length in [0, 7, 8, 20] {
        assert!(Tensors::read(&whole[..length]).is_err(), "{length}");
    }
    assert!(Tensors::read(&u64::MAX.to_le_bytes()).is_err());
    let numbers = whole.len() - 8;
    let infinite = [&whole[..numbers], &f32::INFINITY.to_le_bytes(), &whole[numbers + 4..]].concat();
    assert!(Tensors::read(&infinite).unwrap().floats("bias", &[2]).is_err());
}

#[test]
fn cues_are_shares() {
    let long = "you hate all women and they are not stupid \"?\" ".repeat(200);
    for text in ["", "?", "'", "women are great", &long] {
        assert!(cues(text).iter().all(|cue| (0.0..=1.0).contains(cue)), "{text:.40}");
    }
    assert_eq!(cues(""), [0.0; CUES]);
}

#[test]
fn cues_tell_who_says_what_about_whom() {
    check_differ("I hate women", "I don't hate women");
    check_differ("I hate women", "I hate Mondays");
    check_differ("Foreigners are thieves", "He said \"foreigners are thieves\"");
    check_differ("You are stupid", "The printer is stupid");
    check_differ("I am gay", "You are gay");
    assert_eq!(cues("I don't hate women"), cues("I don’t hate women!"), "an apostrophe is no quotation mark");
}

#[track_caller]
fn check_differ(one: &str, other: &str) {
    assert_ne!(cues(one), cues(other), "{one:?} and {other:?}");
}
