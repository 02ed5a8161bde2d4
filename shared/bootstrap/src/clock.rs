//! The system's clock, and its source of new names and keys.

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use farthing_domain::auth::KeyBytes;
use farthing_domain::ids::RequestId;
use farthing_domain::ports::{Clock, Ids};
use farthing_domain::time::Timestamp;
use rand::TryRngCore as _;
use rand::rngs::OsRng;

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one clock that others take through the port")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// New ULIDs, rising within this process.
#[derive(Default)]
pub struct Ulids {
    generator: Mutex<ulid::Generator>,
}

impl Ids for Ulids {
    fn request_id(&self) -> RequestId {
        loop {
            let mut generator = self.generator.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let next = generator.generate().map(|ulid| RequestId::parse(&ulid.to_string()));
            // A generator that has no more names in this millisecond has some in the next.
            if let Ok(Ok(id)) = next {
                return id;
            }
        }
    }
}

/// The bytes of a new key, from the operating system.
///
/// # Errors
/// When it has none.
pub fn key_bytes() -> anyhow::Result<KeyBytes> {
    let mut bytes = KeyBytes { id: [0; 10], secret: [0; 32] };
    OsRng.try_fill_bytes(&mut bytes.id)?;
    OsRng.try_fill_bytes(&mut bytes.secret)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_rise_and_do_not_repeat() {
        let ids = Ulids::default();
        let names: Vec<RequestId> = (0..1_000).map(|_| ids.request_id()).collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
