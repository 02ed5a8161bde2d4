//! The few names and values that come with a request, borrowed from its body where they can be.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Text of a request, copied only where the body escapes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// A small map, in order of its keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pairs<'a, T>(Vec<(Text<'a>, T)>);

impl<'a, T> Pairs<'a, T> {
    pub(super) const EMPTY: Self = Self(Vec::new());

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(known, _)| known.0 == name).map(|(_, value)| value)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Pairs<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

struct PairsVisitor<'a, T>(PhantomData<(Text<'a>, T)>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for PairsVisitor<'a, T> {
    type Value = Pairs<'a, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs: Vec<(Text<'a>, T)> = Vec::with_capacity(8);
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        pairs.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        if pairs.windows(2).any(|two| two[0].0 == two[1].0) {
            return Err(A::Error::custom("a name is given twice"));
        }
        Ok(Pairs(pairs))
    }
}
