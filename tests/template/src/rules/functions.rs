//! Rules for the functions: what they are built from, and what they are given.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::template::Resource;
use crate::{Fault, Template};

/// The longest that a function behind an HTTP API can take: the API gives up after 30 seconds.
const LONGEST_S: f64 = 29.0;
/// The most requests that are answered at once.
const MOST_ANSWERED_AT_ONCE: f64 = 50.0;
/// For how many days a log may be kept.
const KEPT_DAYS: std::ops::RangeInclusive<f64> = 14.0..=90.0;

/// Every function has concurrency of its own, so that none starves another; inference has at most 50.
#[must_use]
pub fn concurrency_is_reserved(template: &Template) -> Vec<Fault> {
    let fault = |function: Resource<'_>| {
        let most = template.at_most(function.property("ReservedConcurrentExecutions"));
        let limit = if is_inference(function) { MOST_ANSWERED_AT_ONCE } else { 1_000.0 };
        let expected = format!("ReservedConcurrentExecutions from 1 to {limit}");
        Fault::unless(most.is_some_and(|most| (1.0..=limit).contains(&most)), function.name, expected)
    };
    template.functions().filter_map(fault).collect()
}

/// A function that the API waits for ends before the API gives up; so does inference in any case.
#[must_use]
pub fn timeouts_fit_the_api(template: &Template) -> Vec<Fault> {
    let integrations: Vec<_> = template.of_type("AWS::ApiGatewayV2::Integration").collect();
    let is_called = |function: Resource<'_>| {
        let calls = |integration: &Resource<'_>| {
            template.referred(integration.property("IntegrationUri")).is_some_and(|called| called.name == function.name)
        };
        is_inference(function) || integrations.iter().any(calls)
    };
    let fault = |function: Resource<'_>| {
        let most = template.at_most(function.property("Timeout"));
        let limit = if is_called(function) { LONGEST_S } else { 900.0 };
        Fault::unless(most.is_some_and(|most| most <= limit), function.name, format!("Timeout of {limit} s at most"))
    };
    template.functions().filter_map(fault).collect()
}

/// Every function writes to a log group of this template, and every group forgets in time.
#[must_use]
pub fn logs_are_kept_for_a_while(template: &Template) -> Vec<Fault> {
    let unbounded = template.of_type("AWS::Logs::LogGroup").filter_map(|group| {
        let days = group.property("RetentionInDays");
        let bounds = [template.at_least(days), template.at_most(days)];
        let is_kept = bounds.iter().all(|days| days.is_some_and(|days| KEPT_DAYS.contains(&days)));
        Fault::unless(is_kept, group.name, "RetentionInDays from 14 to 90")
    });
    let homeless = template.functions().filter_map(|function| {
        let group = template.referred(function.property("LoggingConfig/LogGroup"));
        let is_ours = group.is_some_and(|group| group.body["Type"] == "AWS::Logs::LogGroup");
        Fault::unless(is_ours, function.name, "a LogGroup of this template")
    });
    unbounded.chain(homeless).collect()
}

/// Every function's package is one of `packages`, and each of those has a function.
#[must_use]
pub fn packages_are_deployed(template: &Template, packages: &[String]) -> Vec<Fault> {
    let is_known = |function: Resource<'_>| {
        let package = function.package().filter(|package| packages.iter().any(|known| known == package));
        let folder =
            package.and_then(|package| package.strip_prefix("farthing-")).map(|name| format!("functions/{name}"));
        function.body.pointer("/Metadata/BuildMethod").is_some_and(|method| method == "rust-cargolambda")
            && folder.is_some_and(|folder| *function.property("CodeUri") == folder.as_str())
    };
    let expected = format!("a Binary of {}, built in its folder with rust-cargolambda", packages.join(", "));
    let unknown =
        template.functions().filter_map(|function| Fault::unless(is_known(function), function.name, &expected));
    let missing = packages.iter().filter_map(|package| {
        let has_function = template.functions().any(|function| function.package() == Some(package));
        Fault::unless(has_function, "Resources", format!("a function of package {package}"))
    });
    unknown.chain(missing).collect()
}

/// The functions read every variable that they are given, and are given every variable of `read`.
#[must_use]
pub fn variables_are_read(template: &Template, read: &[&str]) -> Vec<Fault> {
    let globals = &template.root()["Globals"]["Function"]["Environment"]["Variables"];
    let mut given = BTreeSet::new();
    let mut faults = Vec::new();
    let own = template.functions().map(|function| (function.name, function.property("Environment/Variables")));
    for (place, variables) in own.chain([("Globals", globals)]) {
        for name in names(variables) {
            given.insert(name);
            faults.extend(Fault::unless(read.contains(&name), place, format!("no {name}: nothing reads it")));
        }
    }
    let missing = read.iter().filter(|name| !given.contains(*name));
    faults.extend(missing.map(|name| Fault::new("Resources", format!("{name} in the environment of some function"))));
    faults
}

/// Functions are small machines: arm64 unless the owner says otherwise, and the runtime without a language.
#[must_use]
pub fn runtimes_are_plain(template: &Template) -> Vec<Fault> {
    let globals = &template.root()["Globals"]["Function"];
    let architecture = match globals["Architectures"][0]["Ref"].as_str() {
        Some(parameter) => &template.root()["Parameters"][parameter]["Default"],
        None => &globals["Architectures"][0],
    };
    let faults = [
        Fault::unless(globals["Runtime"] == "provided.al2023", "Globals", "Runtime provided.al2023"),
        Fault::unless(architecture == "arm64", "Globals", "Architectures arm64 by default"),
    ];
    faults.into_iter().flatten().collect()
}

fn names(variables: &Value) -> impl Iterator<Item = &str> {
    variables.as_object().into_iter().flatten().map(|(name, _)| name.as_str())
}

fn is_inference(function: Resource<'_>) -> bool {
    function.package() == Some("farthing-inference")
}
