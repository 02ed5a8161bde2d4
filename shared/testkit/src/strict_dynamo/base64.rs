//! Bytes as text, in the standard base64 alphabet with padding.

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Each letter's place in the alphabet, or 255.
const PLACES: [u8; 256] = places();

/// Bytes that are text on the wire.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Base64(pub(super) Vec<u8>);

const fn places() -> [u8; 256] {
    let mut places = [255; 256];
    let mut at = 0;
    while at < 64 {
        places[ALPHABET[at] as usize] = at as u8;
        at += 1;
    }
    places
}

/// Writes `bytes` as text.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// Reads what [`encode`] writes; `None` when it is no such text.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(4) {
        return None;
    }
    let padding = bytes.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let letters = &bytes[..bytes.len() - padding];
    let mut decoded = Vec::with_capacity(bytes.len() / 4 * 3);
    for four in letters.chunks(4) {
        let mut bits = 0_u32;
        for letter in four {
            let place = PLACES[usize::from(*letter)];
            if place == 255 {
                return None;
            }
            bits = bits << 6 | u32::from(place);
        }
        bits <<= 6 * (4 - four.len());
        decoded.extend(bits.to_be_bytes().into_iter().skip(1).take(four.len() * 3 / 4));
    }
    Some(decoded)
}

struct Text;

impl Visitor<'_> for Text {
    type Value = Base64;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("base64 text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Base64, E> {
        decode(text).map(Base64).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encode(&self.0))
    }
}

/// For fields that are plain bytes.
pub(super) mod bytes {
    use super::{Base64, Deserialize, Deserializer, Serializer, encode};

    pub(in super::super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encode(bytes))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        Base64::deserialize(deserializer).map(|Base64(bytes)| bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], text: &str) {
        assert_eq!(encode(bytes), text);
        assert_eq!(decode(text).as_deref(), Some(bytes));
    }

    #[test]
    fn bytes_are_written_and_read() {
        check(b"", "");
        check(b"f", "Zg==");
        check(b"fo", "Zm8=");
        check(b"foo", "Zm9v");
        check(b"foob", "Zm9vYg==");
        check(&[0xfb, 0xff, 0xfe], "+//+");
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["Zg", "Zg=", "Z===", "====", "Zm9*", "Zm=v", "Zm9v "] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
