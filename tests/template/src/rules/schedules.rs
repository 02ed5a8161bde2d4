//! Rules for what runs by itself.

use crate::template::Resource;
use crate::{Fault, Template};

/// Every schedule has an expression that means something.
#[must_use]
pub fn expressions_are_valid(template: &Template) -> Vec<Fault> {
    let fault = |schedule: Resource<'_>| {
        let expression = schedule.property("ScheduleExpression").as_str().unwrap_or_default();
        Fault::unless(
            is_valid(expression),
            schedule.name,
            "a ScheduleExpression such as rate(5 minutes) or cron(0 3 ? * MON *)",
        )
    };
    template.of_type("AWS::Scheduler::Schedule").filter_map(fault).collect()
}

/// An event that cannot be delivered is tried again, a bounded time, and then kept.
#[must_use]
pub fn undelivered_events_are_kept(template: &Template) -> Vec<Fault> {
    let schedules = template.of_type("AWS::Scheduler::Schedule");
    let faults = schedules.flat_map(|schedule| {
        let number = |name: &str| schedule.property(&format!("Target/RetryPolicy/{name}")).as_u64();
        let is_retried = number("MaximumRetryAttempts").is_some_and(|tries| (1..=185).contains(&tries))
            && number("MaximumEventAgeInSeconds").is_some_and(|age| (60..=86_400).contains(&age));
        [
            Fault::unless(is_retried, schedule.name, "a RetryPolicy with attempts and the event's greatest age"),
            Fault::unless(
                is_queue(template, schedule.property("Target/DeadLetterConfig/Arn")),
                schedule.name,
                "a DeadLetterConfig with a queue of this template",
            ),
            Fault::unless(schedule.property("State") != "DISABLED", schedule.name, "a schedule that is enabled"),
        ]
    });
    faults.flatten().collect()
}

/// An event whose run fails is tried again a few times, and then kept.
#[must_use]
pub fn failed_runs_are_kept(template: &Template) -> Vec<Fault> {
    let schedules = template.of_type("AWS::Scheduler::Schedule");
    let fault = |schedule: Resource<'_>| {
        let Some(function) = template.referred(schedule.property("Target/Arn")) else {
            return Some(Fault::new(schedule.name, "a function of this template as its target"));
        };
        let queue = function.property("EventInvokeConfig/DestinationConfig/OnFailure/Destination");
        let tries = function.property("EventInvokeConfig/MaximumRetryAttempts").as_u64();
        let is_kept = is_queue(template, queue) && tries.is_some_and(|tries| tries <= 2);
        Fault::unless(is_kept, function.name, "an EventInvokeConfig with at most 2 tries more and a queue OnFailure")
    };
    schedules.filter_map(fault).collect()
}

/// Every queue is encrypted, and keeps an event as long as it can: a fortnight.
#[must_use]
pub fn queues_keep_events(template: &Template) -> Vec<Fault> {
    let fault = |queue: Resource<'_>| {
        let is_encrypted =
            *queue.property("SqsManagedSseEnabled") == true || !queue.property("KmsMasterKeyId").is_null();
        let is_kept = *queue.property("MessageRetentionPeriod") == 1_209_600;
        Fault::unless(is_encrypted && is_kept, queue.name, "encryption, and a MessageRetentionPeriod of 1209600 s")
    };
    template.of_type("AWS::SQS::Queue").filter_map(fault).collect()
}

fn is_queue(template: &Template, value: &serde_json::Value) -> bool {
    template.referred(value).is_some_and(|queue| queue.body["Type"] == "AWS::SQS::Queue")
}

fn is_valid(expression: &str) -> bool {
    let within = |name: &str| expression.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    match (within("rate"), within("cron")) {
        (Some(rate), _) => is_rate(rate),
        (_, Some(cron)) => is_cron(cron),
        (None, None) => false,
    }
}

fn is_rate(rate: &str) -> bool {
    let Some((count, unit)) = rate.split_once(' ') else { return false };
    let Ok(count) = count.parse::<u32>() else { return false };
    let units = if count == 1 { ["minute", "hour", "day"] } else { ["minutes", "hours", "days"] };
    count > 0 && units.contains(&unit)
}

/// A cron expression of AWS: six fields, of which day of month and day of week are not both given.
fn is_cron(cron: &str) -> bool {
    const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
    let fields: Vec<&str> = cron.split(' ').collect();
    let [minutes, hours, day_of_month, month, day_of_week, year] = fields.as_slice() else { return false };
    is_field(minutes, 0..=59, &[])
        && is_field(hours, 0..=23, &[])
        && is_field(month, 1..=12, &MONTHS)
        && is_field(year, 1970..=2199, &[])
        && match (*day_of_month, *day_of_week) {
            ("?", day) => is_field(day, 1..=7, &DAYS),
            (day, "?") => day == "L" || is_field(day, 1..=31, &[]),
            _ => false,
        }
}

/// A list of `*`, `*/n`, values, and ranges of values, each within `values` or one of `names`.
fn is_field(field: &str, values: std::ops::RangeInclusive<u32>, names: &[&str]) -> bool {
    let is_value = |text: &str| names.contains(&text) || text.parse().is_ok_and(|value| values.contains(&value));
    let is_part = |part: &str| {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let is_range =
            range == "*" || range.split_once('-').map_or_else(|| is_value(range), |(a, b)| is_value(a) && is_value(b));
        is_range && step.is_none_or(|step| step.parse::<u32>().is_ok_and(|step| step > 0))
    };
    !field.is_empty() && field.split(',').all(is_part)
}
