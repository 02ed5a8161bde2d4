//! The `Retry-After` header: seconds, or a date.

use std::time::Duration;

/// How long to wait. A date is taken relative to the reply's own `Date`, so that neither a clock
/// is read nor a wrong one matters; without that header a date says nothing.
pub(crate) fn parse(retry_after: &str, date: Option<&str>) -> Option<Duration> {
    let retry_after = retry_after.trim();
    if let Ok(seconds) = retry_after.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let until = httpdate::parse_http_date(retry_after).ok()?;
    let sent = httpdate::parse_http_date(date?.trim()).ok()?;
    Some(until.duration_since(sent).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates() {
        let check = |retry_after, date, seconds: Option<u64>| {
            assert_eq!(parse(retry_after, date), seconds.map(Duration::from_secs), "{retry_after} at {date:?}");
        };
        let date = Some("Sun, 23 Nov 2025 12:00:00 GMT");
        check("20", None, Some(20));
        check(" 0 ", date, Some(0));
        check("Sun, 23 Nov 2025 12:01:30 GMT", date, Some(90));
        check("Sun, 23 Nov 2025 11:59:00 GMT", date, Some(0));
        check("Sun, 23 Nov 2025 12:01:30 GMT", None, None);
        check("Sun, 23 Nov 2025 12:01:30 GMT", Some("soon"), None);
        check("1.5", date, None);
        check("-1", date, None);
        check("99999999999", date, None);
        check("", date, None);
    }
}
