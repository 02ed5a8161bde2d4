//! Rules for what is kept.

use serde_json::{Value, json};

use crate::template::{Resource, members};
use crate::{Fault, Template};

/// No bucket is public, none is written or read without TLS, and each keeps what was overwritten.
#[must_use]
pub fn buckets_are_closed(template: &Template) -> Vec<Fault> {
    const BLOCKED: [&str; 4] = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];
    let faults = template.of_type("AWS::S3::Bucket").flat_map(|bucket| {
        let is_blocked = |part| *bucket.property(&format!("PublicAccessBlockConfiguration/{part}")) == true;
        let encryption =
            bucket.property("BucketEncryption/ServerSideEncryptionConfiguration/0/ServerSideEncryptionByDefault");
        [
            Fault::unless(BLOCKED.into_iter().all(is_blocked), bucket.name, format!("true for {}", BLOCKED.join(", "))),
            Fault::unless(
                denies_plain_http(template, bucket),
                bucket.name,
                "a policy that denies s3:* without aws:SecureTransport",
            ),
            Fault::unless(
                *bucket.property("VersioningConfiguration/Status") == "Enabled",
                bucket.name,
                "versions that are kept",
            ),
            Fault::unless(!encryption.is_null(), bucket.name, "encryption by default"),
        ]
    });
    faults.flatten().collect()
}

fn denies_plain_http(template: &Template, bucket: Resource<'_>) -> bool {
    let is_of =
        |policy: &Resource<'_>| template.referred(policy.property("Bucket")).is_some_and(|of| of.name == bucket.name);
    let arn = json!({"Fn::GetAtt": [bucket.name, "Arn"]});
    let objects = json!({"Fn::Sub": format!("${{{}.Arn}}/*", bucket.name)});
    let denies = |statement: &Value| {
        let resources = members(&statement["Resource"]);
        statement["Effect"] == "Deny"
            && statement["Principal"] == "*"
            && statement["Action"] == "s3:*"
            && statement["Condition"] == json!({"Bool": {"aws:SecureTransport": "false"}})
            && [&arn, &objects].iter().all(|wanted| resources.contains(wanted))
    };
    let policies = template.of_type("AWS::S3::BucketPolicy").filter(is_of);
    policies.flat_map(|policy| members(policy.property("PolicyDocument/Statement"))).any(denies)
}

/// What cannot be made again outlives the stack: tables, buckets, and secrets that the stack made.
#[must_use]
pub fn what_is_kept_outlives_the_stack(template: &Template) -> Vec<Fault> {
    const KEPT: [&str; 3] = ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret"];
    let kept = template.resources().filter(|resource| KEPT.iter().any(|kind| resource.body["Type"] == *kind));
    kept.filter_map(|resource| {
        let is_retained =
            ["DeletionPolicy", "UpdateReplacePolicy"].iter().all(|policy| resource.body[*policy] == "Retain");
        Fault::unless(is_retained, resource.name, "DeletionPolicy and UpdateReplacePolicy Retain")
    })
    .collect()
}

/// Every table can be restored, is encrypted, is paid by use, and is not deleted by mistake.
#[must_use]
pub fn tables_are_safe(template: &Template) -> Vec<Fault> {
    let wanted = [
        ("BillingMode", json!("PAY_PER_REQUEST")),
        ("DeletionProtectionEnabled", json!(true)),
        ("PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled", json!(true)),
        ("SSESpecification/SSEEnabled", json!(true)),
    ];
    let tables: Vec<_> = template.of_type("AWS::DynamoDB::Table").collect();
    let faults = tables.iter().flat_map(|table| {
        wanted
            .iter()
            .map(|(name, value)| Fault::unless(table.property(name) == value, table.name, format!("{name} {value}")))
    });
    faults.flatten().collect()
}

/// The table has the keys, the indexes and the time to live of `expected`: what the stores make
/// where it is missing, as `AttributeDefinitions`, `KeySchema`, `GlobalSecondaryIndexes` and
/// `TimeToLiveSpecification`.
#[must_use]
pub fn the_table_is_the_stores(template: &Template, expected: &Value) -> Vec<Fault> {
    let parts = ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "TimeToLiveSpecification"];
    let tables: Vec<_> = template.of_type("AWS::DynamoDB::Table").collect();
    let faults = tables.iter().flat_map(|table| {
        parts.map(|part| {
            let (found, wanted) = (table.property(part), &expected[part]);
            let is_same = members(found).len() == members(wanted).len()
                && members(wanted).iter().all(|member| members(found).contains(member));
            Fault::unless(is_same, table.name, format!("{part} {wanted}"))
        })
    });
    faults.flatten().collect()
}
