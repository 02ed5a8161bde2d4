//! Rules for alarms: each reaches somebody, and none waits for a figure that nothing writes.

use serde_json::Value;

use crate::template::{Resource, members};
use crate::{Fault, Template};

/// What the owner decided about money, in whole dollars and percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What may be spent in a month.
    pub monthly_usd: u64,
    /// The part of it at which spending stops.
    pub stop_percent: u64,
}

/// What has to be watched: the namespace and the name of a metric.
const WATCHED: [(&str, &str); 10] = [
    ("Farthing", "budget.avail_nusd"),
    ("Farthing", "sweep.pending_age_max_s"),
    ("Farthing", "ledger.overage"),
    ("Farthing", "releases.unloadable"),
    ("Farthing", "answers.local"),
    ("Farthing", "answers.paid"),
    ("AWS/Lambda", "Errors"),
    ("AWS/Lambda", "Throttles"),
    ("AWS/Lambda", "Duration"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
];

/// Every alarm goes to a topic that is encrypted with a key which CloudWatch may use.
#[must_use]
pub fn alarms_reach_somebody(template: &Template) -> Vec<Fault> {
    let deaf = template.of_type("AWS::CloudWatch::Alarm").filter_map(|alarm| {
        let reaches = members(alarm.property("AlarmActions")).into_iter().any(|action| is_topic(template, action));
        Fault::unless(reaches, alarm.name, "an alarm action that is a topic of this template")
    });
    let locked = template.of_type("AWS::SNS::Topic").filter_map(|topic| {
        let key = template.referred(topic.property("KmsMasterKeyId"));
        let may_use = |statement: &&Value| {
            statement["Principal"]["Service"] == "cloudwatch.amazonaws.com" && statement["Effect"] == "Allow"
        };
        let is_open = key.is_some_and(|key| members(key.property("KeyPolicy/Statement")).iter().any(may_use));
        Fault::unless(is_open, topic.name, "a key of this template that cloudwatch.amazonaws.com may use")
    });
    deaf.chain(locked).collect()
}

/// All that has to be watched is, and every figure of ours that is watched is one of `written` or
/// counted from log lines here. Errors and throttles are watched for every function.
#[must_use]
pub fn figures_are_watched(template: &Template, written: &[&str]) -> Vec<Fault> {
    let alarms: Vec<_> = template.of_type("AWS::CloudWatch::Alarm").collect();
    let watches = |alarm: &Resource<'_>, space: &str, name: &str| {
        alarm.property("Namespace") == space && alarm.property("MetricName") == name
    };
    let missing = WATCHED.iter().filter_map(|(space, name)| {
        let is_watched = alarms.iter().any(|alarm| watches(alarm, space, name));
        Fault::unless(is_watched, "Resources", format!("an alarm on {name} of {space}"))
    });
    let counted: Vec<&Value> = template
        .of_type("AWS::Logs::MetricFilter")
        .map(|filter| filter.property("MetricTransformations/0/MetricName"))
        .collect();
    let unwritten = alarms.iter().filter(|alarm| alarm.property("Namespace") == "Farthing").filter_map(|alarm| {
        let name = alarm.property("MetricName");
        let is_written = counted.contains(&name) || written.iter().any(|written| name == written);
        Fault::unless(is_written, alarm.name, format!("one of {} as its MetricName", written.join(", ")))
    });
    let unwatched = template.functions().flat_map(|function| {
        ["Errors", "Throttles"].map(|figure| {
            let is_of = |alarm: &Resource<'_>| alarm.property("Dimensions/0/Value")["Ref"] == function.name;
            let is_watched = alarms.iter().any(|alarm| watches(alarm, "AWS/Lambda", figure) && is_of(alarm));
            Fault::unless(is_watched, function.name, format!("an alarm on its {figure}"))
        })
    });
    missing.chain(unwritten).chain(unwatched.flatten()).collect()
}

/// The sweeper's alarm takes silence as a fault, and those on a leg without traffic look back 7 days.
#[must_use]
pub fn silence_is_heard(template: &Template) -> Vec<Fault> {
    let faults = template.of_type("AWS::CloudWatch::Alarm").filter_map(|alarm| {
        let name = alarm.property("MetricName").as_str().unwrap_or_default();
        let is_leg = name.starts_with("answers.");
        let week = alarm.property("Period").as_u64().zip(alarm.property("EvaluationPeriods").as_u64());
        let looks_back = week.is_some_and(|(period, count)| period * count == 7 * 86_400);
        let hears = *alarm.property("TreatMissingData") == "breaching";
        match (is_leg, name == "sweep.pending_age_max_s") {
            (true, _) => Fault::unless(hears && looks_back, alarm.name, "7 days, and TreatMissingData breaching"),
            (_, true) => Fault::unless(hears, alarm.name, "TreatMissingData breaching"),
            (false, false) => None,
        }
    });
    faults.collect()
}

/// The alarms on money go off at 80 % of `budget`, and in the last hundredth below its stop line.
#[must_use]
pub fn money_is_watched_as_decided(template: &Template, budget: Budget) -> Vec<Fault> {
    let Budget { monthly_usd, stop_percent } = budget;
    let wanted = [
        ("BudgetWarningLeftUsd", monthly_usd * stop_percent.saturating_sub(80) / 100),
        ("BudgetStoppedLeftUsd", monthly_usd / 100),
    ];
    let faults = wanted.into_iter().flat_map(|(parameter, dollars)| {
        let default = &template.root()["Parameters"][parameter]["Default"];
        let threshold = format!("${{{parameter}}}000000000");
        let is_used = template.of_type("AWS::CloudWatch::Alarm").any(|alarm| {
            *alarm.property("MetricName") == "budget.avail_nusd"
                && alarm.property("Threshold")["Fn::Sub"] == threshold.as_str()
        });
        [
            Fault::unless(
                *default == dollars,
                parameter,
                format!("Default {dollars}, of ${monthly_usd} and {stop_percent} %"),
            ),
            Fault::unless(is_used, parameter, format!("an alarm on budget.avail_nusd with the threshold {threshold}")),
        ]
    });
    faults.flatten().collect()
}

fn is_topic(template: &Template, action: &Value) -> bool {
    template.referred(action).is_some_and(|topic| topic.body["Type"] == "AWS::SNS::Topic")
}
