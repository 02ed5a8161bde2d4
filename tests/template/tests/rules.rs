//! The template keeps every rule, and each rule notices a template that was broken on purpose.
#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

use farthing_template_tests::rules::{access, alarms, api, functions, references, schedules, secrets, storage};
use farthing_template_tests::{Fault, Template};
use serde_json::{Value, json};

type Rule = fn(&Template) -> Vec<Fault>;

/// The rules that need nothing but the template.
const RULES: [Rule; 26] = [
    access::functions_may_do_their_work_alone,
    access::nothing_is_allowed_on_everything,
    access::rights_are_written_out,
    access::table_rights_name_their_keys,
    alarms::alarms_reach_somebody,
    alarms::silence_is_heard,
    api::access_is_logged,
    api::other_origins_are_refused,
    api::results_never_cross_routes,
    api::routes_are_authorized,
    api::stages_are_throttled,
    functions::concurrency_is_reserved,
    functions::logs_are_kept_for_a_while,
    functions::runtimes_are_plain,
    functions::timeouts_fit_the_api,
    references::names_mean_something,
    references::parts_are_of_use,
    schedules::expressions_are_valid,
    schedules::failed_runs_are_kept,
    schedules::queues_keep_events,
    schedules::undelivered_events_are_kept,
    secrets::no_text_is_a_secret,
    secrets::secrets_are_generated,
    storage::buckets_are_closed,
    storage::tables_are_safe,
    storage::what_is_kept_outlives_the_stack,
];

#[test]
fn the_template_keeps_every_rule() {
    let template = template();
    let faults: Vec<String> = RULES.iter().flat_map(|rule| rule(&template)).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn an_open_route_is_noticed() {
    let rule = api::routes_are_authorized;
    check(rule, set("BatchRoute/Properties/AuthorizationType", "NONE"), "BatchRoute", "CUSTOM");
    check(rule, remove("InitRoute/Properties/AuthorizerId"), "InitRoute", "AuthorizerId");
    check(rule, set("InitRoute/Properties/AuthorizerId", json!({"Ref": "Api"})), "InitRoute", "AuthorizerId");
    let route = json!({"Type": "AWS::ApiGatewayV2::Route", "Properties": {"RouteKey": "GET /api/debug"}});
    check(rule, set("DebugRoute", route), "DebugRoute", "CUSTOM");
    let events = json!({"Debug": {"Type": "HttpApi"}});
    check(rule, set("StatusFunction/Properties/Events", events), "StatusFunction", "no Events");
}

#[test]
fn a_result_that_crosses_routes_is_noticed() {
    let rule = api::results_never_cross_routes;
    let only_header = json!(["$request.header.Authorization"]);
    check(rule, set("KeyAuthorizer/Properties/IdentitySource", only_header), "KeyAuthorizer", "$context.routeKey");
    check(rule, set("KeyAuthorizer/Properties/AuthorizerResultTtlInSeconds", 3_600), "KeyAuthorizer", "60 s");
    check(rule, set("KeyAuthorizer/Properties/EnableSimpleResponses", false), "KeyAuthorizer", "simple responses");
    check(rule, set("KeyAuthorizer/Properties/AuthorizerType", "JWT"), "KeyAuthorizer", "REQUEST");
}

#[test]
fn a_stage_without_limits_is_noticed() {
    let rule = api::stages_are_throttled;
    check(rule, remove("Stage/Properties/DefaultRouteSettings"), "Stage", "ThrottlingRateLimit");
    check(rule, remove("Stage/Properties/DefaultRouteSettings/ThrottlingBurstLimit"), "Stage", "ThrottlingBurstLimit");
    check(rule, set("Stage/Properties/DefaultRouteSettings/ThrottlingRateLimit", 0), "Stage", "ThrottlingRateLimit");
    check(rule, root("/Parameters/RequestBurst/MaxValue", json!(1_000_000)), "Stage", "ThrottlingBurstLimit");
}

#[test]
fn an_access_log_that_tells_too_much_or_nothing_is_noticed() {
    let rule = api::access_is_logged;
    check(rule, remove("Stage/Properties/AccessLogSettings"), "Stage", "a log group");
    check(rule, set("Stage/Properties/AccessLogSettings/Format", "$context.status"), "Stage", "JSON");
    for told in ["$context.path", "$context.requestOverride.querystring", "$request.header.Authorization"] {
        let format = json!({ "told": told }).to_string();
        check(rule, set("Stage/Properties/AccessLogSettings/Format", format), "Stage", "only");
    }
}

#[test]
fn an_open_origin_is_noticed() {
    let cors = json!({"AllowOrigins": ["*"]});
    check(api::other_origins_are_refused, set("Api/Properties/CorsConfiguration", cors), "Api", "no CorsConfiguration");
}

#[test]
fn concurrency_without_bounds_is_noticed() {
    let rule = functions::concurrency_is_reserved;
    check(rule, remove("SweepFunction/Properties/ReservedConcurrentExecutions"), "SweepFunction", "ReservedConcurrent");
    check(rule, set("InferenceFunction/Properties/ReservedConcurrentExecutions", 51), "InferenceFunction", "1 to 50");
    check(rule, root("/Parameters/InferenceConcurrency/MaxValue", json!(500)), "InferenceFunction", "1 to 50");
    check(rule, set("InitFunction/Properties/ReservedConcurrentExecutions", 0), "InitFunction", "1 to 1000");
}

#[test]
fn a_function_that_outlives_the_api_is_noticed() {
    let rule = functions::timeouts_fit_the_api;
    check(rule, set("InferenceFunction/Properties/Timeout", 30), "InferenceFunction", "29 s");
    check(rule, root("/Parameters/InferenceTimeoutSeconds/MaxValue", json!(60)), "InferenceFunction", "29 s");
    check(rule, set("InitFunction/Properties/Timeout", 120), "InitFunction", "29 s");
    check(rule, remove("OptimizeFunction/Properties/Timeout"), "OptimizeFunction", "900 s");
}

#[test]
fn a_log_for_ever_or_for_a_day_is_noticed() {
    let rule = functions::logs_are_kept_for_a_while;
    check(rule, remove("SweepLogs/Properties/RetentionInDays"), "SweepLogs", "14 to 90");
    check(rule, set("InitLogs/Properties/RetentionInDays", 1), "InitLogs", "14 to 90");
    check(rule, root("/Parameters/LogRetentionDays/AllowedValues", json!([14, 365])), "AccessLogs", "14 to 90");
    check(rule, remove("StatusFunction/Properties/LoggingConfig"), "StatusFunction", "LogGroup");
    check(rule, remove("AuthorizeLogs"), "AuthorizeFunction", "LogGroup");
}

#[test]
fn another_runtime_is_noticed() {
    check(functions::runtimes_are_plain, root("/Globals/Function/Runtime", json!("python3.13")), "Globals", "provided");
    let x86 = root("/Parameters/Architecture/Default", json!("x86_64"));
    check(functions::runtimes_are_plain, x86, "Globals", "arm64");
}

#[test]
fn a_star_is_noticed() {
    let rule = access::nothing_is_allowed_on_everything;
    let statement = "InferenceRole/Properties/Policies/0/PolicyDocument/Statement/2";
    check(rule, set(&format!("{statement}/Action"), "dynamodb:*"), "InferenceRole", "actions by name");
    check(rule, set(&format!("{statement}/Action"), json!(["dynamodb:Batch*"])), "InferenceRole", "actions by name");
    check(rule, set(&format!("{statement}/Resource"), "*"), "InferenceRole", "resources by name");
    check(rule, set(&format!("{statement}/Resource"), json!(["*"])), "InferenceRole", "resources by name");
    let all_tables = json!({"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:*"});
    check(rule, set(&format!("{statement}/Resource"), all_tables), "InferenceRole", "resources by name");
    check(rule, set(&format!("{statement}/NotAction"), "iam:PassRole"), "InferenceRole", "not what is not");
    let policy = "ModelBucketPolicy/Properties/PolicyDocument/Statement/0";
    check(rule, set(&format!("{policy}/Effect"), "Allow"), "ModelBucketPolicy", "a principal");
}

#[test]
fn rights_that_cannot_be_read_here_are_noticed() {
    let rule = access::rights_are_written_out;
    let managed = json!(["arn:aws:iam::aws:policy/AdministratorAccess"]);
    check(rule, set("StatusRole/Properties/ManagedPolicyArns", managed), "StatusRole", "no ManagedPolicyArns");
    check(rule, remove("StatusFunction/Properties/Role"), "StatusFunction", "a Role");
    check(
        rule,
        set("StatusFunction/Properties/Policies", json!(["AmazonS3FullAccess"])),
        "StatusFunction",
        "no Policies",
    );
}

#[test]
fn rights_on_the_whole_table_are_noticed() {
    let rule = access::table_rights_name_their_keys;
    let statement = "SweepRole/Properties/Policies/0/PolicyDocument/Statement/1";
    check(rule, remove(&format!("{statement}/Condition")), "SweepRole", "LeadingKeys");
    for keys in [json!([]), json!(["*"]), json!(["BUDGET#*", "USER#*"]), json!(["BUDGET#"])] {
        let condition = json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}});
        check(rule, set(&format!("{statement}/Condition"), condition), "SweepRole", "known prefixes");
    }
}

#[test]
fn a_right_too_many_is_noticed() {
    let rule = access::functions_may_do_their_work_alone;
    let action = |role: &str, at: usize, action: &str| {
        set(&format!("{role}/Properties/Policies/0/PolicyDocument/Statement/{at}/Action"), action)
    };
    check(rule, action("InferenceRole", 1, "dynamodb:DeleteItem"), "InferenceRole", "no dynamodb:DeleteItem");
    check(rule, action("InferenceRole", 1, "dynamodb:Scan"), "InferenceRole", "no dynamodb:Scan");
    check(rule, action("StatusRole", 1, "dynamodb:UpdateItem"), "StatusRole", "no dynamodb:UpdateItem");
    check(rule, action("AuthorizeRole", 1, "dynamodb:PutItem"), "AuthorizeRole", "no dynamodb:PutItem");
    let keys = "InitRole/Properties/Policies/0/PolicyDocument/Statement/1/Condition/ForAllValues:StringLike/dynamodb:LeadingKeys";
    check(rule, set(keys, json!(["MODEL#*", "KEY#*"])), "InitRole", "no dynamodb:GetItem");
    let objects = |role: &str, at: usize, folder: &str| {
        let resource = json!({"Fn::Sub": format!("${{ModelBucket.Arn}}/{folder}*")});
        set(&format!("{role}/Properties/Policies/0/PolicyDocument/Statement/{at}/Resource"), resource)
    };
    check(rule, objects("InitRole", 2, ""), "InitRole", "no s3:GetObject");
    check(rule, objects("OptimizeRole", 4, "models/"), "OptimizeRole", "no s3:PutObject");
    let keys = "OptimizeRole/Properties/Policies/0/PolicyDocument/Statement/2/Condition/ForAllValues:StringLike/dynamodb:LeadingKeys";
    check(rule, set(keys, json!(["POLICY#*", "BUDGET#*"])), "OptimizeRole", "no dynamodb:GetItem");
    for folder in ["models/", "models/knowledge/", "learning/"] {
        check(rule, objects("InitRole", 5, folder), "InitRole", "no s3:PutObject");
    }
    check(rule, action("InitRole", 4, "dynamodb:UpdateItem"), "InitRole", "no dynamodb:UpdateItem");
    check(rule, action("OptimizeRole", 6, "dynamodb:UpdateItem"), "OptimizeRole", "no dynamodb:UpdateItem");
    let keys = "OptimizeRole/Properties/Policies/0/PolicyDocument/Statement/6/Condition/ForAllValues:StringLike/dynamodb:LeadingKeys";
    check(rule, set(keys, json!(["KNOW#*", "OUTCOME#*"])), "OptimizeRole", "no dynamodb:PutItem");
    let secret = json!({
        "Effect": "Allow",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": {"Fn::Sub": "arn:${AWS::Partition}:secretsmanager:::secret:${ProviderKeysSecret}-??????"},
    });
    let statements = "OptimizeRole/Properties/Policies/0/PolicyDocument/Statement/1";
    check(rule, set(statements, secret.clone()), "OptimizeRole", "no secretsmanager:GetSecretValue");
    let statements = "AuthorizeRole/Properties/Policies/0/PolicyDocument/Statement/2";
    check(rule, set(statements, secret), "AuthorizeRole", "no secretsmanager:GetSecretValue");
    check(
        rule,
        set("SweepFunction/Metadata/BuildProperties/Binary", "farthing-new"),
        "SweepFunction",
        "table of rights",
    );
}

#[test]
fn a_schedule_that_means_nothing_is_noticed() {
    let wrong = [
        "rate(5 minute)",
        "rate(1 days)",
        "rate(0 minutes)",
        "every week",
        "cron(0 3 * * MON *)",
        "cron(0 24 ? * MON *)",
        "cron(0 3 ? * MONDAY *)",
        "cron(0 3 ? * MON)",
        "cron(0 3 ? * 0 *)",
        "",
    ];
    for expression in wrong {
        let edit = set("WeeklySchedule/Properties/ScheduleExpression", expression);
        check(schedules::expressions_are_valid, edit, "WeeklySchedule", "ScheduleExpression");
    }
    for right in ["rate(1 day)", "cron(0/15 8-17 1,15 * ? 2026)", "cron(10 3 ? JAN-JUN MON-FRI *)", "cron(0 0 L * ? *)"]
    {
        let edited = set("WeeklySchedule/Properties/ScheduleExpression", right)(template());
        assert_eq!(schedules::expressions_are_valid(&edited), [], "{right}");
    }
}

#[test]
fn events_that_get_lost_are_noticed() {
    let rule = schedules::undelivered_events_are_kept;
    check(rule, remove("SweepSchedule/Properties/Target/RetryPolicy"), "SweepSchedule", "RetryPolicy");
    check(rule, remove("SweepSchedule/Properties/Target/DeadLetterConfig"), "SweepSchedule", "DeadLetterConfig");
    check(rule, set("SweepSchedule/Properties/State", "DISABLED"), "SweepSchedule", "enabled");
    let rule = schedules::failed_runs_are_kept;
    check(rule, remove("OptimizeFunction/Properties/EventInvokeConfig"), "OptimizeFunction", "OnFailure");
    check(rule, set("SweepSchedule/Properties/Target/Arn", "arn:aws:lambda"), "SweepSchedule", "a function");
    let rule = schedules::queues_keep_events;
    check(rule, remove("FailedEvents/Properties/SqsManagedSseEnabled"), "FailedEvents", "encryption");
    check(rule, set("FailedEvents/Properties/MessageRetentionPeriod", 60), "FailedEvents", "1209600");
}

#[test]
fn an_open_bucket_is_noticed() {
    let rule = storage::buckets_are_closed;
    let open = "ModelBucket/Properties/PublicAccessBlockConfiguration/BlockPublicPolicy";
    check(rule, set(open, false), "ModelBucket", "BlockPublicPolicy");
    check(rule, remove("ModelBucketPolicy"), "ModelBucket", "SecureTransport");
    let statement = "ModelBucketPolicy/Properties/PolicyDocument/Statement/0";
    check(
        rule,
        set(&format!("{statement}/Condition/Bool/aws:SecureTransport"), "true"),
        "ModelBucket",
        "SecureTransport",
    );
    check(rule, remove(&format!("{statement}/Resource/1")), "ModelBucket", "SecureTransport");
    check(rule, remove("ModelBucket/Properties/BucketEncryption"), "ModelBucket", "encryption");
    check(rule, remove("ModelBucket/Properties/VersioningConfiguration"), "ModelBucket", "versions");
}

#[test]
fn what_would_be_lost_with_the_stack_is_noticed() {
    let rule = storage::what_is_kept_outlives_the_stack;
    check(rule, remove("Table/DeletionPolicy"), "Table", "Retain");
    check(rule, set("ModelBucket/UpdateReplacePolicy", "Delete"), "ModelBucket", "Retain");
    check(rule, remove("PepperSecret/DeletionPolicy"), "PepperSecret", "Retain");
    let rule = storage::tables_are_safe;
    check(rule, remove("Table/Properties/PointInTimeRecoverySpecification"), "Table", "PointInTimeRecovery");
    check(rule, set("Table/Properties/DeletionProtectionEnabled", false), "Table", "DeletionProtection");
    check(rule, set("Table/Properties/BillingMode", "PROVISIONED"), "Table", "PAY_PER_REQUEST");
    check(rule, remove("Table/Properties/SSESpecification"), "Table", "SSEEnabled");
}

#[test]
fn a_name_of_nothing_is_noticed() {
    let rule = references::names_mean_something;
    let variables = "/Globals/Function/Environment/Variables";
    check(rule, root(&format!("{variables}/FARTHING_TABLE"), json!({"Ref": "Tabel"})), "Globals", "not of Tabel");
    check(rule, root(&format!("{variables}/FARTHING_LOG"), json!({"Fn::Sub": "${Level}"})), "Globals", "not of Level");
    let arn = json!({"Fn::GetAtt": ["Gone", "Arn"]});
    check(rule, set("StatusFunction/Properties/Role", arn), "StatusFunction", "not of Gone");
    let nested = json!({"Fn::Sub": "${Gone.Arn}/index/G1-index"});
    let resource = "SweepRole/Properties/Policies/0/PolicyDocument/Statement/3/Resource";
    check(rule, set(resource, nested), "SweepRole", "not of Gone");
    check(rule, set("TracingPolicy/Condition", "IsTracing"), "TracingPolicy", "not of IsTracing");
    check(rule, set("Stage/DependsOn", json!(["Rout"])), "Stage", "not of Rout");
}

#[test]
fn what_is_of_no_use_is_noticed() {
    let rule = references::parts_are_of_use;
    let idle = json!({"Type": "String", "Description": "Of no use."});
    check(rule, root("/Parameters/Idle", idle), "Idle", "refers to");
    check(rule, root("/Parameters/Agent/Description", Value::Null), "Agent", "a Description");
    check(rule, set("SweepSchedule/Properties/Target/Input", "{"), "SweepSchedule", "JSON");
    let body = json!({"Fn::Sub": "{\"widgets\": [${Api},]}"});
    check(rule, set("Dashboard/Properties/DashboardBody", body), "Dashboard", "JSON");
}

#[test]
fn a_secret_in_the_open_is_noticed() {
    let rule = secrets::no_text_is_a_secret;
    let variables = "InferenceFunction/Properties/Environment/Variables";
    // Put together here, so that no scanner takes this file for one with secrets.
    let looks = [
        ["sk-", "live"].concat(),
        ["AKIA", "QWERTYUIOPASDFGH"].concat(),
        ["fk_", "abcdefghijklmnop_q"].concat(),
        ["{{resolve:", "secretsmanager:keys}}"].concat(),
        ["Bearer eyJ", "hbGciOiJIUzI1NiJ9"].concat(),
        ["9f86d081884c7d659a2f", "eaa0c55ad015"].concat(),
    ];
    for text in looks {
        check(rule, set(&format!("{variables}/FARTHING_AGENT"), text), "InferenceFunction", "looks like a secret");
    }
    check(rule, set(&format!("{variables}/OPENAI_API_KEY"), "x"), "InferenceFunction", "a reference in OPENAI_API_KEY");
    check(rule, root("/Outputs/Url/Value", json!(["sk-", "a"].concat())), "Outputs", "looks like a secret");
    let rule = secrets::secrets_are_generated;
    check(rule, set("PepperSecret/Properties/SecretString", "pepper"), "PepperSecret", "no SecretString");
    check(rule, set("PepperSecret/Properties/GenerateSecretString/PasswordLength", 8), "PepperSecret", "32 characters");
}

#[test]
fn an_alarm_that_nobody_hears_is_noticed() {
    let rule = alarms::alarms_reach_somebody;
    check(rule, remove("OverageAlarm/Properties/AlarmActions"), "OverageAlarm", "a topic");
    check(rule, remove("AlarmTopic/Properties/KmsMasterKeyId"), "AlarmTopic", "cloudwatch.amazonaws.com");
    check(rule, remove("AlarmKey/Properties/KeyPolicy/Statement/1"), "AlarmTopic", "cloudwatch.amazonaws.com");
    let rule = alarms::silence_is_heard;
    check(rule, set("SweepLateAlarm/Properties/TreatMissingData", "ignore"), "SweepLateAlarm", "breaching");
    check(rule, set("NoPaidAnswersAlarm/Properties/EvaluationPeriods", 1), "NoPaidAnswersAlarm", "7 days");
}

type Edit = Box<dyn FnOnce(Template) -> Template>;

/// The template with another value at a path below `Resources`.
fn set(path: &str, value: impl Into<Value>) -> Edit {
    root(&format!("/Resources/{path}"), value.into())
}

/// The template with another value at a path.
fn root(path: &str, value: Value) -> Edit {
    let path = path.to_owned();
    Box::new(move |mut template| {
        let (parent, name) = path.rsplit_once('/').unwrap();
        let parent = template.root_mut().pointer_mut(parent).unwrap_or_else(|| panic!("there is no {parent}"));
        match (parent, name.parse::<usize>()) {
            (Value::Array(members), Ok(at)) => members[at] = value,
            (parent, _) => parent[name] = value,
        }
        template
    })
}

/// The template without what is at a path below `Resources`.
fn remove(path: &str) -> Edit {
    let path = format!("/Resources/{path}");
    Box::new(move |mut template| {
        let (parent, name) = path.rsplit_once('/').unwrap();
        let parent = template.root_mut().pointer_mut(parent).unwrap_or_else(|| panic!("there is no {parent}"));
        let removed = match parent {
            Value::Array(members) => Some(members.remove(name.parse().unwrap())),
            parent => parent.as_object_mut().unwrap().remove(name),
        };
        assert!(removed.is_some(), "there is no {path}");
        template
    })
}

#[track_caller]
fn check(rule: Rule, edit: Edit, place: &str, expected: &str) {
    assert_eq!(rule(&template()), [], "the template breaks the rule before it is edited");
    let faults = rule(&edit(template()));
    let is_told = faults.iter().any(|fault| fault.place == place && fault.expected.contains(expected));
    assert!(is_told, "expected a fault of {place} with {expected:?} among {faults:?}");
}

fn template() -> Template {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml")).unwrap();
    Template::parse(&text).unwrap()
}
