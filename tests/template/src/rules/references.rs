//! Rules for names: each means something, everywhere in the template.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::template::{members, place_of, walk};
use crate::{Fault, Template};

/// Every `Ref`, `Fn::GetAtt`, `Fn::Sub`, `Condition` and `DependsOn` names what there is, in `Globals` too.
#[must_use]
pub fn names_mean_something(template: &Template) -> Vec<Fault> {
    let section = |name: &str| template.root()[name].as_object().into_iter().flatten().map(|(name, _)| name.clone());
    let resources: BTreeSet<String> = section("Resources").collect();
    let values: BTreeSet<String> = resources.iter().cloned().chain(section("Parameters")).collect();
    let conditions: BTreeSet<String> = section("Conditions").collect();
    let mut faults = Vec::new();
    let mut expect = |path: &str, name: &str, kind: &str, known: &BTreeSet<String>| {
        let is_known = known.contains(name) || (kind == "Ref" && name.starts_with("AWS::"));
        faults.extend(Fault::unless(is_known, place_of(path), format!("{kind} of something there is, not of {name}")));
    };
    walk(template.root(), "", &mut |path, value| {
        if let Some(name) = value["Ref"].as_str() {
            expect(path, name, "Ref", &values);
        }
        if let Some(name) = value["Fn::GetAtt"][0].as_str() {
            expect(path, name, "Fn::GetAtt", &resources);
        }
        for name in substituted(&value["Fn::Sub"]) {
            let (resource, attribute) = name.split_once('.').map_or((name, false), |(resource, _)| (resource, true));
            match attribute {
                true => expect(path, resource, "Fn::GetAtt", &resources),
                false => expect(path, resource, "Ref", &values),
            }
        }
        let tested = value["Fn::If"][0].as_str().or_else(|| value["Condition"].as_str());
        if let Some(name) = tested {
            expect(path, name, "Condition", &conditions);
        }
        for name in members(&value["DependsOn"]).into_iter().filter_map(Value::as_str) {
            expect(path, name, "DependsOn", &resources);
        }
    });
    faults
}

/// Every parameter says what it is for and is used; every text that has to be JSON is.
#[must_use]
pub fn parts_are_of_use(template: &Template) -> Vec<Fault> {
    let text = template.root().to_string();
    let parameters = template.root()["Parameters"].as_object().into_iter().flatten();
    let idle = parameters.flat_map(|(name, parameter)| {
        let is_used = text.contains(&format!("\"Ref\":\"{name}\"")) || text.contains(&format!("${{{name}}}"));
        [
            Fault::unless(is_used, name, "a parameter that something refers to"),
            Fault::unless(parameter["Description"].is_string(), name, "a Description"),
        ]
    });
    let dashboards =
        template.of_type("AWS::CloudWatch::Dashboard").map(|board| (board.name, board.property("DashboardBody")));
    let inputs =
        template.of_type("AWS::Scheduler::Schedule").map(|schedule| (schedule.name, schedule.property("Target/Input")));
    let texts = dashboards.chain(inputs).filter_map(|(place, value)| {
        let is_json = serde_json::from_str::<Value>(&filled(value)).is_ok_and(|text| text.is_object());
        Fault::unless(is_json, place, "a text that is a JSON object")
    });
    idle.flatten().chain(texts).collect()
}

/// The names in the text of a `Fn::Sub`, other than those of AWS and those that it defines itself.
fn substituted(sub: &Value) -> Vec<&str> {
    let (text, own) = match sub {
        Value::Array(parts) => (parts.first().and_then(Value::as_str), parts.get(1).and_then(Value::as_object)),
        other => (other.as_str(), None),
    };
    let names =
        text.unwrap_or_default().split("${").skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name));
    let is_own = |name: &str| own.is_some_and(|own| own.contains_key(name));
    names.filter(|name| !name.starts_with("AWS::") && !name.starts_with('!') && !is_own(name)).collect()
}

/// A text with a digit for each name that is filled in.
fn filled(value: &Value) -> String {
    let text = value["Fn::Sub"].as_str().or_else(|| value.as_str()).unwrap_or_default();
    let mut parts = text.split("${");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, rest| text + "1" + rest.split_once('}').map_or(rest, |(_, rest)| rest))
}
