"""The deployment journey: what an owner does after `sam deploy`, and what has to be seen then.

Usage: journey.py FARTHING OWNER_FILES PROVIDER_PORT, with AWS_* set to the stack. Ends with 1 at the first check that
does not hold.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
import zipfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

from learned import what_was_learned_is_indexed_and_withdrawn
from local import TLS, Failed, call, check, client, eventually, items, log_lines, outputs, physical
from outage import a_release_that_cannot_be_loaded_is_passed_over, without_the_bucket_paid_answers_go_on

FARTHING, OWNER_FILES, PROVIDER_PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
ROUTES = [("POST", "/api/agents"), ("POST", "/api/agents/batch"), ("POST", "/api/agents/feedback"),
          ("GET", "/api/models/status"), ("GET", "/api/budget/status"), ("POST", "/api/models/init")]
FUNCTIONS = ["inference", "status", "init", "optimize", "sweep", "authorize"]
EVENTS = Path(__file__).parent.parent / "events"
# Texts that no log line may hold.
CANARY = "canary-4711-question"
PROVIDER_KEY = "sk-canary-4711-provider"
QUESTION = "What is your pricing?"
PAID_QUESTION = f"Compare cursor pagination with offset pagination for a table with many writers ({CANARY})."


def farthing(*arguments: str) -> dict | list:
    """Runs the command-line tool against the deployed stack."""
    where = {"FARTHING_STORAGE": "aws", "FARTHING_TABLE": outputs()["TableName"],
             "FARTHING_PEPPER": outputs()["PepperSecretArn"], "FARTHING_INFRA": OWNER_FILES}
    done = subprocess.run([FARTHING, *arguments, "--json"], env={**os.environ, **where}, capture_output=True, text=True)
    check(f"farthing {' '.join(arguments[:2])}", done.returncode == 0, done.stderr + done.stdout)
    return json.loads(done.stdout)


def the_stack_is_what_the_template_says():
    names = {g["logGroupName"]: g.get("retentionInDays") for g in client("logs").describe_log_groups()["logGroups"]}
    ours = {name: days for name, days in names.items() if name.startswith("/farthing/")}
    check("seven log groups, each kept for 30 days", len(ours) == 7 and set(ours.values()) == {30}, names)
    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]
    check("every alarm goes to the topic", alarms and all(a["AlarmActions"] for a in alarms), alarms)
    for schedule in ("WeeklySchedule", "SweepSchedule"):
        target = client("scheduler").get_schedule(Name=physical(schedule))["Target"]
        check(f"{schedule} has a queue for what fails", target.get("DeadLetterConfig", {}).get("Arn"), target)
    table = client("dynamodb").describe_table(TableName=outputs()["TableName"])["Table"]
    check("the table has its index", [i["IndexName"] for i in table["GlobalSecondaryIndexes"]] == ["G1-index"], table)
    check("the table cannot be deleted", table.get("DeletionProtectionEnabled"), table)


def the_layer_holds_the_owners_files():
    """Unpacks the layer as Lambda would; ministack runs functions as they are, without a mounted layer."""
    layer = client("lambda").get_layer_version_by_arn(Arn=outputs()["OwnerFilesArn"])
    # The stack names itself without TLS.
    location = os.environ["AWS_ENDPOINT_URL"] + urllib.parse.urlsplit(layer["Content"]["Location"]).path
    content = urllib.request.urlopen(location, context=TLS).read()
    zipfile.ZipFile(io.BytesIO(content)).extractall(OWNER_FILES)
    found = sorted(os.listdir(OWNER_FILES))
    check("the layer holds the owner's files", {"agents", "models.toml", "policy.toml"} <= set(found), found)


def secrets_are_made():
    keys = json.dumps({f"{name}_API_KEY": PROVIDER_KEY for name in ("ANTHROPIC", "DEEPSEEK", "OPENAI")})
    client("secretsmanager").create_secret(Name="farthing/provider-keys", SecretString=keys)
    pepper = client("secretsmanager").get_secret_value(SecretId=outputs()["PepperSecretArn"])["SecretString"]
    check("the template made a pepper", len(pepper) >= 32, len(pepper))


def keys_are_made() -> dict[str, str]:
    def make(tenant: str, scopes: str, name: str) -> dict:
        return farthing("keys", "create", "--tenant", tenant, "--scopes", scopes, "--name", name)

    made = {
        "web": make("acme", "infer", "web"),
        "page": make("acme", "status", "page"),
        "owner": make("acme", "infer,status,admin", "owner"),
        "other": make("globex", "infer", "other"),
        "gone": make("acme", "infer,status,admin", "gone"),
    }
    farthing("keys", "revoke", made["gone"]["id"])
    rows = items("KEY#")
    check("five keys are in the table", len(rows) == 5, rows)
    texts = [made[name]["key"] for name in made]
    check("no key's text is in the table", not any(text in str(rows) for text in texts))
    return {name: created["key"] for name, created in made.items()}


def models_are_published():
    farthing("models", "publish", "--bucket", outputs()["BucketName"])
    s3, bucket = client("s3"), outputs()["BucketName"]
    objects = s3.list_objects_v2(Bucket=bucket, Prefix="models/").get("Contents", [])
    check("objects are below models/", objects, objects)
    for found in objects:
        body = s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
        digests = [part for part in found["Key"].split("/") if len(part) == 64]
        named = not digests or hashlib.sha256(body).hexdigest() in digests
        check(f"{found['Key'][-40:]} is what its name says", named, found)


def nobody_gets_in_without_a_key(keys: dict[str, str]):
    forged = keys["owner"][:-1] + ("a" if keys["owner"][-1] != "a" else "b")
    for method, path in ROUTES:
        body = {"query": QUESTION} if method == "POST" else None
        check(f"{method} {path} without a key: 401", call(method, path, None, body)[0] == 401)
        for name, key in [("forged", forged), ("revoked", keys["gone"]), ("malformed", "fk_x"), ("empty", " ")]:
            status, seen = call(method, path, key, body)
            check(f"{method} {path} with a {name} key: {status}", status in (401, 403), seen)
    check("infer does not open status", call("GET", "/api/budget/status", keys["web"])[0] == 403)
    check("status does not open agents", call("POST", "/api/agents", keys["page"], {"query": QUESTION})[0] == 403)
    check("infer does not open init", call("POST", "/api/models/init", keys["web"], {})[0] == 403)
    check("there is no other route", call("GET", "/api/secrets", keys["owner"])[0] == 404)


def models_are_activated(keys: dict[str, str]):
    status, seen = call("POST", "/api/models/init", keys["owner"], {})
    check("init answers", status == 200, seen)
    check("init left nothing out", not [m for m in seen["models"] if m.get("error")], seen)
    rows = items("MODEL#")
    check("one release is in the table", len(rows) == 1, rows)
    release = json.loads(rows[0]["release"]["S"])
    named = [model["id"] for model in release["models"]]
    check("it names the models", sorted(named) == sorted(model["id"] for model in seen["models"]), (named, seen))
    check("and the knowledge of the agent", [index["agent"] for index in release["knowledge"]] == ["rprd"], release)
    status, seen = call("POST", "/api/models/init", keys["owner"], {})
    check("a second init changes nothing", (status, items("MODEL#")) == (200, rows), seen)


def questions_are_answered(keys: dict[str, str]):
    status, local = call("POST", "/api/agents", keys["web"], {"query": QUESTION})
    check("a simple question is answered", status == 200, local)
    check("it is answered locally, at no cost", local["route"]["provider"] == "local" and local["cost"]["usd"] == "0.000000", local)

    once = {"Idempotency-Key": "journey-1"}
    status, paid = call("POST", "/api/agents", keys["web"], {"query": PAID_QUESTION}, once)
    check("a hard question is paid for", status == 200 and float(paid["cost"]["usd"]) > 0, paid)
    before = provider_calls()
    status, again = call("POST", "/api/agents", keys["web"], {"query": PAID_QUESTION}, once)
    check("the same key again gives the same reply", (status, again) == (200, paid), again)
    check("and no second call", provider_calls() == before)
    status, cached = call("POST", "/api/agents", keys["web"], {"query": PAID_QUESTION})
    check("the same question again comes from the cache", (status, cached["route"]["cache"]) == (200, "exact"), cached)
    check("and no call either", provider_calls() == before)
    status, other = call("POST", "/api/agents", keys["other"], {"query": QUESTION}, once)
    check("another tenant's equal key is another", status == 200 and other["id"] != paid["id"], other)

    said = {"id": local["id"], "helpful": True}
    check("a caller says that it helped", call("POST", "/api/agents/feedback", keys["web"], said)[0] == 200)
    check("and may say it again", call("POST", "/api/agents/feedback", keys["web"], said)[0] == 200)
    check("but not the opposite", call("POST", "/api/agents/feedback", keys["web"], {**said, "helpful": False})[0] == 409)
    check("and not of another's", call("POST", "/api/agents/feedback", keys["other"], said)[0] == 404)

    status, batch = call("POST", "/api/agents/batch", keys["web"], {"requests": [{"query": QUESTION}, {"query": ""}]})
    check("a batch has an answer and an error", (status, batch["succeeded"], batch["failed"]) == (200, 1, 1), batch)
    for what, body, expected in [("no JSON", b"{", 400), ("an unknown field", {"query": "x", "y": 1}, 400),
                                 ("too much", {"query": "x" * 300_000}, 413)]:
        status, seen = call("POST", "/api/agents", keys["web"], body)
        check(f"{what} is refused with {expected}", status == expected, seen)


def provider_calls() -> int:
    return json.load(urllib.request.urlopen(f"http://127.0.0.1:{PROVIDER_PORT}/"))["calls"]


def invoke(function: str, event: str) -> dict:
    """What a function makes of an event, past the API; a failure of the function ends the journey."""
    done = client("lambda").invoke(FunctionName=physical(function), Payload=event)
    seen = done["Payload"].read()
    if "FunctionError" in done:
        raise Failed(f"{function} failed: {seen}")
    return json.loads(seen)


def sample_events_are_understood():
    functions = {"agents": "Inference", "batch": "Inference", "models-status": "Status", "budget-status": "Status",
                 "init": "Init"}
    for name, function in functions.items():
        seen = invoke(f"{function}Function", (EVENTS / f"{name}.json").read_text())
        check(f"{name}.json gets 200", seen["statusCode"] == 200, seen)


def malformed_events_are_refused():
    """Each gets a status of the caller's fault, or is not let in: never a failure, which would be tried again."""
    for file in sorted((EVENTS / "malformed").glob("*.json")):
        if file.name.startswith("authorize-"):
            seen = invoke("AuthorizeFunction", file.read_text())
            check(f"{file.name} is not let in", seen == {"isAuthorized": False}, seen)
        else:
            seen = invoke("InferenceFunction", file.read_text())
            check(f"{file.name} gets {seen['statusCode']}", 400 <= seen["statusCode"] < 500, seen)


def a_broken_release_is_passed_over(keys: dict[str, str]):
    a_release_that_cannot_be_loaded_is_passed_over(farthing, keys)


def what_was_learned_is_indexed(keys: dict[str, str]):
    what_was_learned_is_indexed_and_withdrawn(farthing, keys)


def everything_is_written_down():
    for prefix in ("BUDGET#", "REQ#acme#", "REQ#globex#", "CACHE#", "OUTCOME#", "METRIC#"):
        check(f"there are {prefix} items", items(prefix))
    attempts = [item for item in items("REQ#") if item["SK"]["S"].startswith("ATT#")]
    states = sorted({item["st"]["S"] for item in attempts})
    check(f"each paid call is posted with its charge: {states}", attempts and states == ["posted"], attempts)
    month = next(item for item in items("BUDGET#") if item["SK"]["S"] == "LEDGER" and "settled" in item)
    charged = sum(int(item["rec"]["N"]) for item in attempts)
    books = (int(month["settled"]["N"]), int(month["reserved"]["N"]))
    check("the month's books are the sum of them", books == (charged, 0), month)


def fire(schedule: str):
    """Has the schedule's own target fired once, now, by the scheduler."""
    scheduler = client("scheduler")
    target = scheduler.get_schedule(Name=physical(schedule))["Target"]
    at = (datetime.now(timezone.utc) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
    name = f"now-{schedule}-{at}".replace(":", "-")
    scheduler.create_schedule(Name=name, ScheduleExpression=f"at({at})", Target=target,
                              FlexibleTimeWindow={"Mode": "OFF"}, ActionAfterCompletion="DELETE")


def the_week_is_learned_from_once():
    fire("WeeklySchedule")
    done = eventually("the weekly run is recorded", lambda: [j for j in items("JOB#") if j["st"]["S"] == "done"])
    fire("WeeklySchedule")
    eventually("a second event comes", lambda: len(runs("OptimizeFunction")) >= 2)
    check("and changes nothing", items("JOB#") == done, items("JOB#"))
    kept = client("s3").list_objects_v2(Bucket=outputs()["BucketName"], Prefix="learning/")["Contents"]
    names = {entry["Key"].split("/")[-1] for entry in kept}
    check("its report is in the bucket", {"report.json", "report.md", "report.html"} <= names, names)


def runs(function: str) -> list[str]:
    group = f"/farthing/{os.environ['STACK']}/{function.removesuffix('Function').lower()}"
    events = client("logs").filter_log_events(logGroupName=group)["events"]
    return [event["message"] for event in events if event["message"].startswith("REPORT")]


def the_sweeper_sweeps():
    fire("SweepSchedule")
    eventually("the sweep is written down", lambda: [i for i in items("BUDGET#") if i["SK"]["S"] == "SWEEP"])


def a_run_that_fails_is_kept():
    """With a table that is not there, the run fails, is tried once more, and its event lands in the queue."""
    functions, name = client("lambda"), physical("SweepFunction")
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    wrong = {"Variables": {**before, "FARTHING_TABLE": "not-there"}}
    functions.update_function_configuration(FunctionName=name, Environment=wrong)
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    receive = {"QueueUrl": outputs()["FailedEventsUrl"], "WaitTimeSeconds": 1}
    eventually("the failed event is in the queue", lambda: client("sqs").receive_message(**receive).get("Messages"))
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": before})


def the_statuses_tell(keys: dict[str, str]):
    status, models = call("GET", "/api/models/status", keys["page"])
    check("models are operational", (status, models["status"]) == (200, "operational"), models)
    status, budget = call("GET", "/api/budget/status", keys["page"])
    check("money was spent", status == 200 and budget["monthly"]["used"] > 0, budget)
    check("none is reserved", budget["monthly"]["reserved"] == 0, budget)


def no_function_met_an_error():
    """Whatever a role does not allow ends in an error that is logged."""
    for function in FUNCTIONS:
        errors = [line for line in log_lines(function) if is_object(line) and json.loads(line).get("level") == "ERROR"]
        check(f"{function}: no line is an error", not errors, errors)


def no_line_tells_what_it_should_not(keys: dict[str, str]):
    pepper = client("secretsmanager").get_secret_value(SecretId=outputs()["PepperSecretArn"])["SecretString"]
    never = [CANARY, PROVIDER_KEY, pepper, *keys.values()]
    for function in FUNCTIONS:
        lines = log_lines(function)
        told = [line for line in lines if any(text in line for text in never)]
        check(f"{function}: {len(lines)} lines, none with a question, an answer or a key", not told, told)
        free = [line for line in lines if not is_object(line)]
        check(f"{function}: each is a JSON object", not free, free)
    check("functions wrote metrics", any('"_aws"' in line for line in log_lines("sweep")), log_lines("sweep"))


def is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def main():
    steps = [the_stack_is_what_the_template_says, the_layer_holds_the_owners_files, secrets_are_made, keys_are_made,
             models_are_published, nobody_gets_in_without_a_key, models_are_activated, questions_are_answered,
             sample_events_are_understood, everything_is_written_down, the_week_is_learned_from_once,
             what_was_learned_is_indexed,
             the_sweeper_sweeps, the_statuses_tell, no_function_met_an_error, malformed_events_are_refused,
             without_the_bucket_paid_answers_go_on, a_broken_release_is_passed_over,
             no_line_tells_what_it_should_not, a_run_that_fails_is_kept]
    keys: dict[str, str] = {}
    for step in steps:
        print(step.__name__.replace("_", " "), flush=True)
        found = step(keys) if step.__code__.co_argcount else step()
        keys = found or keys


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"the journey ended: {failed}")
