use std::process::Command;

use proptest::prelude::*;

use super::*;

const MILLISECOND: Duration = Duration::from_millis(1);
/// 2200-01-01T00:00:00Z.
const YEAR_2200: i64 = 7_258_118_400_000;

/// Any instant from 1970 to 2200, with those near midnight on the first days of months as likely
/// as all the others.
fn any_instant() -> impl Strategy<Value = Timestamp> {
    let near_a_month_s_end = (0..YEAR_2200, -2_i64..=2).prop_map(|(millis, near)| {
        let month = Timestamp(millis).month();
        Timestamp((month.resets_at().millis() + near).min(YEAR_2200 - 1))
    });
    prop_oneof![(0..YEAR_2200).prop_map(Timestamp), near_a_month_s_end]
}

fn instant(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

#[test]
fn a_month_ends_where_the_next_begins() {
    check_month("2026-11-23T12:00:00Z", "2026-11", "2026-12-01T00:00:00.000Z");
    check_month("2026-12-31T23:59:59.999Z", "2026-12", "2027-01-01T00:00:00.000Z");
    check_month("2027-01-01T00:00:00Z", "2027-01", "2027-02-01T00:00:00.000Z");
    check_month("2028-02-29T00:00:00Z", "2028-02", "2028-03-01T00:00:00.000Z");
    check_month("2028-02-28T23:59:59.999Z", "2028-02", "2028-03-01T00:00:00.000Z");
    check_month("2100-02-28T23:59:59.999Z", "2100-02", "2100-03-01T00:00:00.000Z");
    check_month("1970-01-01T00:00:00Z", "1970-01", "1970-02-01T00:00:00.000Z");
}

#[track_caller]
fn check_month(at: &str, month: &str, resets_at: &str) {
    let at = instant(at);
    assert_eq!(at.month().to_string(), month);
    assert_eq!(at.month().resets_at().to_string(), resets_at);
    assert_eq!(Month::parse(month), Some(at.month()));
}

#[test]
fn a_month_is_as_long_as_it_is() {
    let days = |month| {
        let month = Month::parse(month).unwrap();
        month.resets_at().since(month.start()).as_secs() / 86_400
    };
    assert_eq!(days("2028-02"), 29);
    assert_eq!(days("2026-02"), 28);
    assert_eq!(days("2100-02"), 28, "a century's year that 400 does not divide is no leap year");
    assert_eq!(days("2000-02"), 29);
    assert_eq!(days("2026-12"), 31);
    // A change of the clock for summer time would show here.
    assert_eq!([days("2026-03"), days("2026-10")], [31, 31]);
}

#[test]
fn a_week_belongs_to_the_year_that_has_most_of_it() {
    check_week("2026-11-23T00:00:00Z", "2026-W48", "2026-11-23");
    check_week("2026-11-22T23:59:59.999Z", "2026-W47", "2026-11-16");
    // The last days of December that are of the next year's first week.
    check_week("2025-12-28T23:59:59.999Z", "2025-W52", "2025-12-22");
    check_week("2025-12-29T00:00:00Z", "2026-W01", "2025-12-29");
    check_week("2030-12-31T23:59:59.999Z", "2031-W01", "2030-12-30");
    // The first days of January that are of the last year's last week, the 52nd or 53rd.
    check_week("2027-01-01T00:00:00Z", "2026-W53", "2026-12-28");
    check_week("2027-01-03T23:59:59.999Z", "2026-W53", "2026-12-28");
    check_week("2027-01-04T00:00:00Z", "2027-W01", "2027-01-04");
    check_week("2028-01-02T12:00:00Z", "2027-W52", "2027-12-27");
    // Round a leap day.
    check_week("2028-02-29T12:00:00Z", "2028-W09", "2028-02-28");
    check_week("1970-01-01T00:00:00Z", "1970-W01", "1969-12-29");
}

#[track_caller]
fn check_week(at: &str, week: &str, monday: &str) {
    let at = instant(at);
    assert_eq!(at.week().to_string(), week);
    assert_eq!(at.week().start().to_string(), format!("{monday}T00:00:00.000Z"));
    assert_eq!(Week::parse(week), Some(at.week()));
}

#[test]
fn periods_have_one_spelling() {
    for bad in ["", "2026-1", "2026-13", "2026-00", "26-01", "2026-11-01", "2026-11 ", "+002026-11", "2026-W11"] {
        assert_eq!(Month::parse(bad), None, "{bad:?}");
    }
    // 2027 has 52 weeks.
    for bad in ["", "2026-W0", "2026-W00", "2026-W54", "2027-W53", "2026W48", "2026-w48", "2026-48", "+002026-W48"] {
        assert_eq!(Week::parse(bad), None, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn a_month_holds_its_instants(at in any_instant()) {
        let month = at.month();
        prop_assert!(month.start() <= at && at < month.resets_at());
        prop_assert_eq!(month.start().month(), month);
    }

    #[test]
    fn months_tile_time(at in any_instant()) {
        let month = at.month();
        prop_assert_eq!(month.next().start(), month.resets_at());
        prop_assert_eq!(month.resets_at().month(), month.next());
        prop_assert_eq!(month.resets_at().minus(MILLISECOND).month(), month);
        prop_assert!(month < month.next());
    }

    #[test]
    fn a_week_holds_its_instants(at in any_instant()) {
        let week = at.week();
        prop_assert!(week.start() <= at && at < week.next().start());
        prop_assert_eq!(week.start().week(), week);
        prop_assert_eq!(week.next().start().since(week.start()), Duration::from_secs(604_800));
    }

    #[test]
    fn weeks_tile_time(at in any_instant()) {
        let week = at.week();
        prop_assert_eq!(week.next().start().minus(MILLISECOND).week(), week);
        prop_assert_eq!(week.next().previous(), week);
        prop_assert_eq!(week.previous().next(), week);
        prop_assert!(week.previous() < week && week < week.next());
    }

    #[test]
    fn periods_are_in_the_order_of_time(one in any_instant(), other in any_instant()) {
        let (earlier, later) = (one.min(other), one.max(other));
        prop_assert!(earlier.month() <= later.month());
        prop_assert!(earlier.week() <= later.week());
        prop_assert_eq!(earlier.month().cmp(&later.month()), earlier.month().start().cmp(&later.month().start()));
        prop_assert_eq!(earlier.week().cmp(&later.week()), earlier.week().start().cmp(&later.week().start()));
    }

    #[test]
    fn what_is_written_is_read_back(at in any_instant()) {
        prop_assert_eq!(Month::parse(&at.month().to_string()), Some(at.month()));
        prop_assert_eq!(Week::parse(&at.week().to_string()), Some(at.week()));
    }

    #[test]
    fn only_what_would_be_written_is_read(text in "[+-]?[0-9]{0,5}[-_ ]?W?[0-9]{0,3}(-[0-9])?") {
        prop_assert!(Month::parse(&text).is_none_or(|month| month.to_string() == text));
        prop_assert!(Week::parse(&text).is_none_or(|week| week.to_string() == text));
    }

    #[test]
    fn time_between_is_never_negative(one in any::<i64>(), other in any::<i64>()) {
        let (earlier, later) = (Timestamp(one.min(other)), Timestamp(one.max(other)));
        prop_assert_eq!(earlier.since(later), Duration::ZERO);
        let between = i128::from(later.0) - i128::from(earlier.0);
        prop_assert_eq!(later.since(earlier).as_millis(), u128::try_from(between.min(i64::MAX.into())).unwrap());
    }

    #[test]
    fn a_deadline_does_not_move(ends in any_instant(), read in any_instant(), back in 0_u64..=3_600_000) {
        let (deadline, back) = (Deadline::at(ends), Duration::from_millis(back));
        // A clock that was set back has as much longer to go until the same instant, no more.
        let (left, left_then) = (deadline.left(read), deadline.left(read.minus(back)));
        prop_assert!(left <= left_then && left_then <= left + back);
        prop_assert_eq!(deadline.instant(), ends);
    }

    #[test]
    fn a_pause_is_over_in_time(from in any_instant(), length in 0_u64..100_000, after in 0_u64..200_000) {
        let (length, after) = (Duration::from_millis(length), Duration::from_millis(after));
        let pause = Pause::new(from, length);
        prop_assert_eq!(pause.lasts(from.plus(after)), after < length);
        prop_assert!(!pause.lasts(from.minus(length + after)), "the clock was set back by {:?}", length + after);
    }
}

/// Runs a test of this file as a process of its own, on a machine of another time zone.
#[track_caller]
fn check_in_zone(zone: &str, test: &str) {
    let mut tests = Command::new(std::env::current_exe().unwrap());
    let output = tests.args(["--exact", &format!("time::tests::{test}")]).env("TZ", zone).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "in {zone}: {said}");
}

#[test]
fn the_zone_of_the_machine_plays_no_role() {
    for zone in ["Pacific/Kiritimati", "America/Los_Angeles", "<-12>12"] {
        check_in_zone(zone, "a_month_ends_where_the_next_begins");
        check_in_zone(zone, "a_week_belongs_to_the_year_that_has_most_of_it");
    }
}
