"""The deployed stack as the journey sees it: its outputs, its API, its table, its logs."""

import functools
import json
import os
import ssl
import time
import urllib.error
import urllib.request

import boto3

STACK = os.environ["STACK"]
PORT = int(os.environ["GATEWAY_PORT"])
TLS = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])


class Failed(Exception):
    """A check that did not hold."""


def check(what: str, holds, seen=None):
    """Prints what holds; ends the journey at the first thing that does not."""
    print(f"  {'ok  ' if holds else 'FAIL'} {what}", flush=True)
    if not holds:
        raise Failed(f"{what}: {str(seen)[:2000]}")


client = functools.cache(boto3.client)


@functools.cache
def outputs() -> dict:
    stack = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@functools.cache
def physical(logical: str) -> str:
    """The real name of a resource of the template."""
    detail = client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=logical)
    return detail["StackResourceDetail"]["PhysicalResourceId"]


def call(method: str, path: str, key: str | None = None, body=None, headers: dict | None = None):
    """Calls the API through the gateway; gives the status and the body, read as JSON where it is JSON."""
    api = outputs()["Url"].split("//")[1].split(".")[0]
    sent = {"Host": f"{api}.execute-api.localhost:{PORT}", **(headers or {})}
    if key:
        sent["Authorization"] = f"Bearer {key}"
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"https://127.0.0.1:{PORT}{path}", method=method, data=data, headers=sent)
    try:
        with urllib.request.urlopen(request, timeout=60, context=TLS) as response:
            status, text = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text.decode(errors="replace")


def items(prefix: str) -> list[dict]:
    """The table's items whose partition key begins with a prefix."""
    pages = client("dynamodb").get_paginator("scan").paginate(
        TableName=outputs()["TableName"], ConsistentRead=True,
        FilterExpression="begins_with(PK, :prefix)", ExpressionAttributeValues={":prefix": {"S": prefix}},
    )
    return [item for page in pages for item in page["Items"]]


def log_lines(group: str) -> list[str]:
    """The lines of a log group, without those of the platform."""
    pages = client("logs").get_paginator("filter_log_events").paginate(logGroupName=f"/farthing/{STACK}/{group}")
    lines = [event["message"].rstrip("\n") for page in pages for event in page["events"]]
    platform = ("INIT_START", "START ", "END ", "REPORT ", "XRAY ")
    return [line for line in lines if line.strip() and not line.startswith(platform)]


def eventually(what: str, seen, limit_s: float = 60):
    """Waits until `seen` gives something true, and gives it."""
    ends = time.monotonic() + limit_s
    while not (found := seen()):
        if time.monotonic() > ends:
            raise Failed(f"{what}: not within {limit_s:.0f} s")
        time.sleep(0.5)
    check(what, True)
    return found
