//! Rules for rights: nobody may do everything, and nobody may do it to everything.

use serde_json::Value;

use crate::template::{Resource, members, place_of, walk};
use crate::{Fault, Template};

/// Where a star may stand for all resources, and why.
const STARS: [(&str, &str); 2] = [
    ("TracingPolicy", "the actions of X-Ray know no resources"),
    ("AlarmKey", "in a key's policy a star is the key itself"),
];

/// What the partition keys of the table and of its index begin with.
pub const PREFIXES: [&str; 12] = [
    "BUDGET#", "REQ#", "PENDING#", "CACHE#", "OUTCOME#", "METRIC#", "MODEL#", "HEALTH#", "JOB#", "KEY#", "POLICY#",
    "KNOW#",
];

/// What a function may do at most.
struct Rights {
    package: &'static str,
    /// Actions on the table, with the partition keys that they are for.
    table: &'static [(&'static str, &'static [&'static str])],
    /// The secret that it may read, if any.
    secret: Option<&'static str>,
    /// Actions on the bucket's objects, with the folder that they are for.
    objects: &'static [(&'static str, &'static str)],
}

/// Inference deletes and scans nothing; status only reads; only inference may spend; only authorize knows keys; only the
/// owner decides on learned knowledge, as no function may update it.
const RIGHTS: [Rights; 6] = [
    Rights {
        package: "farthing-inference",
        table: &[
            ("GetItem", &["BUDGET#", "REQ#", "CACHE#", "MODEL#", "POLICY#"]),
            ("ConditionCheckItem", &["BUDGET#"]),
            ("PutItem", &["BUDGET#", "REQ#", "CACHE#", "OUTCOME#", "HEALTH#"]),
            ("UpdateItem", &["BUDGET#", "REQ#", "METRIC#", "OUTCOME#"]),
            ("Query", &["PENDING#", "CACHE#", "KNOW#"]),
        ],
        secret: Some("ProviderKeysSecret"),
        objects: &[("GetObject", "models")],
    },
    Rights {
        package: "farthing-status",
        table: &[("GetItem", &["BUDGET#", "MODEL#", "HEALTH#", "POLICY#"]), ("BatchGetItem", &["METRIC#"])],
        secret: None,
        objects: &[],
    },
    Rights {
        package: "farthing-init",
        table: &[("GetItem", &["MODEL#"]), ("PutItem", &["MODEL#"]), ("Query", &["KNOW#"])],
        secret: None,
        objects: &[("GetObject", "models"), ("PutObject", "models/learned")],
    },
    Rights {
        package: "farthing-optimize",
        table: &[
            ("UpdateItem", &["JOB#"]),
            ("GetItem", &["POLICY#"]),
            ("PutItem", &["POLICY#", "KNOW#"]),
            ("Query", &["OUTCOME#", "KNOW#"]),
        ],
        secret: None,
        objects: &[("GetObject", "learning"), ("PutObject", "learning")],
    },
    Rights {
        package: "farthing-sweep",
        table: &[
            ("GetItem", &["BUDGET#"]),
            ("PutItem", &["BUDGET#"]),
            ("UpdateItem", &["BUDGET#", "REQ#"]),
            ("Query", &["PENDING#"]),
        ],
        secret: None,
        objects: &[],
    },
    Rights {
        package: "farthing-authorize",
        table: &[("GetItem", &["KEY#"])],
        secret: Some("PepperSecret"),
        objects: &[],
    },
];

/// No statement allows every action of a service, or an action on everything. One that denies may.
#[must_use]
pub fn nothing_is_allowed_on_everything(template: &Template) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (place, statement) in statements(template) {
        if statement["Effect"] == "Deny" {
            continue;
        }
        let has_star =
            |value: &Value| members(value).into_iter().any(|text| text.as_str().is_some_and(|text| text.contains('*')));
        faults.extend(Fault::unless(!has_star(&statement["Action"]), place, "actions by name, without a star"));
        let is_excepted = STARS.iter().any(|(excepted, _)| *excepted == place);
        let is_everything = members(&statement["Resource"]).into_iter().any(is_everything);
        faults.extend(Fault::unless(is_excepted || !is_everything, place, "resources by name, not a star for all"));
        let is_for_anyone = members(&statement["Principal"]).into_iter().any(|who| who == "*" || who["AWS"] == "*");
        faults.extend(Fault::unless(!is_for_anyone, place, "a principal, not a star for anyone"));
        let is_inverted = ["NotAction", "NotResource", "NotPrincipal"].iter().any(|not| !statement[*not].is_null());
        faults.extend(Fault::unless(!is_inverted, place, "what is allowed, not what is not"));
    }
    faults
}

/// Every role is one that can be read here: no managed policies, and none that SAM makes.
#[must_use]
pub fn rights_are_written_out(template: &Template) -> Vec<Fault> {
    let managed = template.of_type("AWS::IAM::Role").filter_map(|role| {
        Fault::unless(
            role.property("ManagedPolicyArns").is_null(),
            role.name,
            "policies written out, no ManagedPolicyArns",
        )
    });
    let made = template.functions().filter_map(|function| {
        let is_ours = role_of(template, function).is_some() && function.property("Policies").is_null();
        Fault::unless(is_ours, function.name, "a Role of this template, and no Policies beside it")
    });
    managed.chain(made).collect()
}

/// What is allowed on the table is allowed on items with certain partition keys.
#[must_use]
pub fn table_rights_name_their_keys(template: &Template) -> Vec<Fault> {
    let on_table =
        |statement: &Value| members(&statement["Action"]).into_iter().any(|action| service(action) == "dynamodb");
    let found = statements(template).into_iter().filter(|(_, statement)| on_table(statement));
    found
        .filter_map(|(place, statement)| {
            let keys = leading_keys(statement);
            let are_known =
                !keys.is_empty() && keys.iter().all(|key| prefix(key).is_some_and(|key| PREFIXES.contains(&key)));
            Fault::unless(
                are_known,
                place,
                "a condition ForAllValues:StringLike on dynamodb:LeadingKeys, with known prefixes",
            )
        })
        .collect()
}

/// No function may do more than its work takes.
#[must_use]
pub fn functions_may_do_their_work_alone(template: &Template) -> Vec<Fault> {
    let mut faults = Vec::new();
    for function in template.functions() {
        let Some(rights) = RIGHTS.iter().find(|rights| function.package() == Some(rights.package)) else {
            faults.push(Fault::new(function.name, "a row in the table of rights"));
            continue;
        };
        let Some(role) = role_of(template, function) else { continue };
        let logs = function.property("LoggingConfig/LogGroup")["Ref"].as_str().unwrap_or_default();
        for statement in policy_statements(role) {
            let excess = members(&statement["Action"]).into_iter().filter_map(Value::as_str);
            let excess = excess.filter(|action| !is_right(rights, action, statement, logs));
            faults.extend(excess.map(|action| Fault::new(role.name, format!("no {action} on what it is allowed on"))));
        }
    }
    faults
}

fn is_right(rights: &Rights, action: &str, statement: &Value, logs: &str) -> bool {
    match action.split_once(':') {
        Some(("dynamodb", action)) => {
            let keys = leading_keys(statement);
            let allowed = rights.table.iter().find(|(known, _)| *known == action).map(|(_, keys)| *keys);
            let is_allowed =
                |key: &&str| prefix(key).is_some_and(|key| allowed.is_some_and(|keys| keys.contains(&key)));
            !keys.is_empty() && keys.iter().all(is_allowed) && names_only(&statement["Resource"], "Table")
        }
        Some(("secretsmanager", "GetSecretValue")) => {
            rights.secret.is_some_and(|secret| names_only(&statement["Resource"], secret))
        }
        // Without it a missing object looks like a forbidden one.
        Some(("s3", "ListBucket")) => !rights.objects.is_empty() && names_only(&statement["Resource"], "ModelBucket"),
        Some(("s3", action)) => {
            let is_in = |folder: &str| statement["Resource"].to_string().contains(&format!("/{folder}/*"));
            let is_allowed = rights.objects.iter().any(|(known, folder)| *known == action && is_in(folder));
            is_allowed && names_only(&statement["Resource"], "ModelBucket")
        }
        Some(("logs", "CreateLogStream" | "PutLogEvents")) => names_only(&statement["Resource"], logs),
        Some(("sqs", "SendMessage")) => names_only(&statement["Resource"], "FailedEvents"),
        _ => false,
    }
}

/// Whether a resource is one, and names `name` and no other resource or parameter.
fn names_only(resource: &Value, name: &str) -> bool {
    let text = resource.to_string();
    let named = |kind: &str| text.contains(&format!("{kind}{name}"));
    !resource.is_array() && (named("\"Ref\":\"") || named("\"Fn::GetAtt\":[\"") || named("${"))
}

/// Every statement of a policy, with the resource that it is in.
fn statements(template: &Template) -> Vec<(&str, &Value)> {
    let mut found: Vec<(String, &Value)> = Vec::new();
    walk(template.root(), "", &mut |path, value| {
        if value.get("Effect").is_some() {
            found.push((path.to_owned(), value));
        }
    });
    let resources: Vec<&str> = template.resources().map(|resource| resource.name).collect();
    let name = |path: &str| resources.iter().find(|name| **name == place_of(path)).copied().unwrap_or("template");
    found.iter().map(|(path, statement)| (name(path), *statement)).collect()
}

fn policy_statements(role: Resource<'_>) -> Vec<&Value> {
    let policies = members(role.property("Policies"));
    policies.into_iter().flat_map(|policy| members(&policy["PolicyDocument"]["Statement"])).collect()
}

fn role_of<'a>(template: &'a Template, function: Resource<'_>) -> Option<Resource<'a>> {
    template.referred(function.property("Role")).filter(|role| role.body["Type"] == "AWS::IAM::Role")
}

fn leading_keys(statement: &Value) -> Vec<&str> {
    let keys = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
    members(keys).into_iter().filter_map(Value::as_str).collect()
}

fn prefix(key: &str) -> Option<&str> {
    key.strip_suffix('*')
}

fn service(action: &Value) -> &str {
    action.as_str().and_then(|action| action.split_once(':')).map_or("", |(service, _)| service)
}

/// Whether a resource is a star, or an ARN of which a whole part is one.
fn is_everything(resource: &Value) -> bool {
    let text = resource.as_str().or_else(|| resource["Fn::Sub"].as_str());
    text.is_some_and(|text| text.split(':').any(|part| part == "*" || part.ends_with("/**")) || text.ends_with(":*/*"))
}
