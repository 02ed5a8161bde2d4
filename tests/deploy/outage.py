"""What the journey sees when weights cannot be had: an outage of the bucket, and a release that names what is not there."""

import json
import shutil

from local import call, check, client, items, outputs, physical

QUESTION = "What is your pricing?"


def without_the_bucket_paid_answers_go_on(keys: dict[str, str]):
    """A new process finds no weights: it answers with paid models, says so, and has them again when they are back."""
    s3, bucket = client("s3"), outputs()["BucketName"]
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    closed = json.loads(policy)
    closed["Statement"].append({"Sid": "Outage", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
                                "Resource": f"arn:aws:s3:::{bucket}/*"})
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(closed))
    start_anew("InferenceFunction")
    status, seen = call("POST", "/api/agents", keys["web"], {"query": QUESTION})
    check("a question is answered nevertheless", status == 200 and seen["route"]["provider"] != "local", seen)
    told = (seen["route"]["unjudged"], seen["quality"], seen["route"]["complexity"])
    check("it says that nothing judged it", told == (True, None, None), seen)
    _, models = call("GET", "/api/models/status", keys["page"])
    check("the status is degraded", models["status"] == "degraded" and "local models" in models["missing"], models)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    start_anew("InferenceFunction")
    _, seen = call("POST", "/api/agents", keys["web"], {"query": QUESTION})
    check("with the bucket the answer is local again", seen["route"]["provider"] == "local", seen)


def a_release_that_cannot_be_loaded_is_passed_over(farthing, keys: dict[str, str]):
    """The active release names a file that is not there; the one before it is loaded, and the owner goes back to it."""
    pointer = items("MODEL#")[0]
    broken = json.loads(pointer["release"]["S"])
    broken["models"][0]["files"][0] = {"key": "models/gone/model.onnx", "sha256": "0" * 64, "bytes": 1}
    after = {**pointer, "release": {"S": json.dumps(broken)}, "prev": pointer["release"],
             "ver": {"N": str(int(pointer["ver"]["N"]) + 1)}}
    client("dynamodb").put_item(TableName=outputs()["TableName"], Item=after)
    start_anew("InferenceFunction")
    _, seen = call("POST", "/api/agents", keys["web"], {"query": QUESTION})
    check("the release before it answers", seen["route"]["provider"] == "local", seen)
    farthing("models", "rollback")
    check("the owner goes back to it", items("MODEL#")[0]["release"] == pointer["release"], items("MODEL#"))
    _, models = call("GET", "/api/models/status", keys["page"])
    seen = models["models"]["release"]
    check("as a revision of its own", (seen["revision"], bool(seen["previous"])) == (int(after["ver"]["N"]) + 1, True), seen)


def start_anew(function: str):
    """Has the function's next call start a process on a disk without weights: a changed configuration ends those that run."""
    # Every process of the stack has the same disk; a function's environment has one of its own.
    shutil.rmtree("/tmp/farthing", ignore_errors=True)
    functions, name = client("lambda"), physical(function)
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    variables["FARTHING_LOG"] = "info" if variables["FARTHING_LOG"] != "info" else "info,farthing_domain=info"
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
