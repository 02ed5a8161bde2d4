"""Starts ministack with one thing that it leaves out: the condition key `dynamodb:LeadingKeys`.

With AUTH=true ministack holds every call of a function against the policies of its role, but knows no
leading keys, and an absent key meets every `ForAllValues` condition. Here each call, and each write of a
transaction by itself, carries the partition keys that it names, as it does on AWS.
"""

import json
import re

from ministack import app
from ministack.core import iam_actions, iam_evaluator

LEADING = "dynamodb:LeadingKeys"
HASH_KEYS = ("PK", "G1PK")


class KeyedAction(str):
    """An action of one write of a transaction, with the partition keys of that write."""

    keys: list[str] = []


def leading_keys(call: dict) -> list[str]:
    """The partition keys that a call names, or one write of a transaction."""
    named = [call.get("Key"), call.get("Item")]
    for table in (call.get("RequestItems") or {}).values():
        named += table.get("Keys") or [] if isinstance(table, dict) else []
    keys = [key["S"] for item in named if item for name, key in item.items() if name == "PK"]
    return keys + queried(call)


def queried(call: dict) -> list[str]:
    """The partition key of a query: what the table's or the index's hash key is compared with."""
    names, values = call.get("ExpressionAttributeNames") or {}, call.get("ExpressionAttributeValues") or {}
    compared = re.findall(r"(#?\w+)\s*=\s*(:\w+)", call.get("KeyConditionExpression") or "")
    return [values[value]["S"] for name, value in compared if names.get(name, name) in HASH_KEYS]


def with_leading_keys(context_of):
    def context(body: bytes) -> dict:
        call = json.loads(body or b"{}")
        keys = leading_keys(call) if isinstance(call, dict) else []
        return {**context_of(body), **({LEADING: keys} if keys else {})}

    return context


def with_keyed_actions(checks_of):
    def checks(iam_action: str, body: bytes, region: str, account_id: str) -> list[tuple[str, str]]:
        found = checks_of(iam_action, body, region, account_id)
        if not found:
            return found
        writes = [write for item in json.loads(body)["TransactItems"] for write in item.values()]
        assert len(writes) == len(found), "each item of a transaction is one write"
        keyed = []
        for (action, arn), write in zip(found, writes):
            action = KeyedAction(action)
            action.keys = leading_keys(write)
            keyed.append((action, arn))
        return keyed

    return checks


def with_keys_of_action(enforce):
    def enforced(access_key, iam_action, service, region, resource_arn="*", service_context=None):
        if isinstance(iam_action, KeyedAction):
            service_context = {**(service_context or {}), LEADING: iam_action.keys}
        return enforce(access_key, iam_action, service, region, resource_arn, service_context)

    return enforced


iam_actions.dynamodb_service_context = with_leading_keys(iam_actions.dynamodb_service_context)
iam_actions.dynamodb_transaction_checks = with_keyed_actions(iam_actions.dynamodb_transaction_checks)
iam_evaluator.enforce = with_keys_of_action(iam_evaluator.enforce)

if __name__ == "__main__":
    app.main()
