//! Rules for the API: who gets in, and how often.

use serde_json::Value;

use crate::template::{Resource, members};
use crate::{Fault, Template};

/// What an authorizer's results have to be cached by.
const IDENTITY: [&str; 2] = ["$request.header.Authorization", "$context.routeKey"];
/// What an access log may tell of a request. Not its path, its query string, its headers or its body.
const LOGGED: [&str; 14] = [
    "requestTime",
    "requestId",
    "routeKey",
    "identity.sourceIp",
    "authorizer.tenant",
    "authorizer.key",
    "authorizer.error",
    "status",
    "responseLength",
    "error.responseType",
    "integrationStatus",
    "responseLatency",
    "integrationLatency",
    "stage",
];

/// Every route asks an authorizer of this template, and no function has events that make routes of
/// their own.
#[must_use]
pub fn routes_are_authorized(template: &Template) -> Vec<Fault> {
    let asks = |route: Resource<'_>| {
        let authorizer = template.referred(route.property("AuthorizerId"));
        route.property("AuthorizationType") == "CUSTOM"
            && authorizer.is_some_and(|authorizer| authorizer.body["Type"] == "AWS::ApiGatewayV2::Authorizer")
    };
    let expected = "AuthorizationType CUSTOM, and an AuthorizerId of this template";
    let routes = template.of_type("AWS::ApiGatewayV2::Route");
    let open = routes.filter_map(|route| Fault::unless(asks(route), route.name, expected));
    let hidden = template.functions().filter_map(|function| {
        Fault::unless(
            function.property("Events").is_null(),
            function.name,
            "routes and schedules as resources, no Events",
        )
    });
    open.chain(hidden).collect()
}

/// A cached result of the authorizer holds for one key on one route.
#[must_use]
pub fn results_never_cross_routes(template: &Template) -> Vec<Fault> {
    let authorizers = template.of_type("AWS::ApiGatewayV2::Authorizer");
    let faults = authorizers.flat_map(|authorizer| {
        let sources = members(authorizer.property("IdentitySource"));
        let is = |name: &str, value: Value| *authorizer.property(name) == value;
        let has_all = IDENTITY.iter().all(|wanted| sources.iter().any(|source| *source == wanted));
        let cached = authorizer.property("AuthorizerResultTtlInSeconds").as_i64();
        [
            Fault::unless(has_all, authorizer.name, format!("IdentitySource {}", IDENTITY.join(" and "))),
            Fault::unless(is("AuthorizerType", "REQUEST".into()), authorizer.name, "AuthorizerType REQUEST"),
            Fault::unless(
                is("AuthorizerPayloadFormatVersion", "2.0".into()) && is("EnableSimpleResponses", true.into()),
                authorizer.name,
                "payload format 2.0 with simple responses",
            ),
            Fault::unless(
                cached.is_some_and(|seconds| (0..=60).contains(&seconds)),
                authorizer.name,
                "results kept for 60 s at most: a revoked key gets in as long",
            ),
        ]
    });
    faults.flatten().collect()
}

/// Every stage has limits that are a number.
#[must_use]
pub fn stages_are_throttled(template: &Template) -> Vec<Fault> {
    let limits = ["DefaultRouteSettings/ThrottlingBurstLimit", "DefaultRouteSettings/ThrottlingRateLimit"];
    let stages = template.of_type("AWS::ApiGatewayV2::Stage");
    let faults = stages.flat_map(|stage| {
        limits.map(|limit| {
            let most = template.at_most(stage.property(limit));
            Fault::unless(
                most.is_some_and(|most| (1.0..=2_000.0).contains(&most)),
                stage.name,
                format!("{limit} to 2000"),
            )
        })
    });
    faults.flatten().collect()
}

/// Browsers of other origins get nothing.
#[must_use]
pub fn other_origins_are_refused(template: &Template) -> Vec<Fault> {
    let apis = template.of_type("AWS::ApiGatewayV2::Api");
    apis.filter_map(|api| Fault::unless(api.property("CorsConfiguration").is_null(), api.name, "no CorsConfiguration"))
        .collect()
}

/// Every stage has an access log of JSON lines, which tells nothing that a caller writes freely.
#[must_use]
pub fn access_is_logged(template: &Template) -> Vec<Fault> {
    let stages = template.of_type("AWS::ApiGatewayV2::Stage");
    stages.flat_map(|stage| access_log_faults(template, stage)).collect()
}

fn access_log_faults(template: &Template, stage: Resource<'_>) -> Vec<Fault> {
    let group = template.referred(stage.property("AccessLogSettings/DestinationArn"));
    let is_group = group.is_some_and(|group| group.body["Type"] == "AWS::Logs::LogGroup");
    let format = stage.property("AccessLogSettings/Format").as_str().unwrap_or_default();
    let is_json = serde_json::from_str::<Value>(format).is_ok_and(|line| line.is_object());
    let is_told = |rest: &str| {
        let name: String = rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '.').collect();
        LOGGED.contains(&name.as_str())
    };
    let tells_little = !format.replace("$context.", "").contains('$') && format.split("$context.").skip(1).all(is_told);
    let faults = [
        Fault::unless(is_group, stage.name, "an access log that goes to a log group of this template"),
        Fault::unless(is_json, stage.name, "an access log of JSON objects"),
        Fault::unless(tells_little, stage.name, format!("an access log of {} only", LOGGED.join(", "))),
    ];
    faults.into_iter().flatten().collect()
}
