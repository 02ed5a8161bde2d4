"""What the journey sees of knowledge that paid answers became: accepted, indexed by init, answered from, withdrawn."""

import json

from local import call, check, client, items, outputs
from outage import start_anew

ENTRY = "do-you-print-photo-books-0011223344"
ASKED = "Could you print photo books?"
PROPOSED = {
    "id": ENTRY, "agent": "rprd", "question": "Do you print photo books?", "also": ["Can I get a printed photo book?"],
    "answer": "Yes, we print photo books with soft or hard covers and deliver them within two weeks.",
    "sources": [], "questions": 12, "savesUsdAMonth": 0.1, "week": "2026-W48", "topic": "0000803f7f", "state": "proposed",
}


def what_was_learned_is_indexed_and_withdrawn(farthing, keys: dict[str, str]):
    """A proposal is put into the table: a week without kept words proposes none."""
    before = knowledge()
    item = {"PK": {"S": "KNOW#rprd"}, "SK": {"S": ENTRY}, "st": {"S": "proposed"}, "entry": {"S": json.dumps(PROPOSED)}}
    client("dynamodb").put_item(TableName=outputs()["TableName"], Item=item)
    told = farthing("knowledge", "proposals")
    check("the owner sees what is proposed", [entry["id"] for entry in told] == [ENTRY], told)
    init(keys)
    check("what is proposed is not indexed", knowledge() == before, knowledge())

    farthing("knowledge", "approve", ENTRY)
    init(keys)
    learned = knowledge()
    check("what is accepted is", learned["file"]["key"].startswith("models/learned/"), learned)
    start_anew("InferenceFunction")
    _, seen = call("POST", "/api/agents", keys["web"], {"query": ASKED, "cache": "bypass"})
    check("and answered from, at no cost", (seen["route"]["provider"], seen["cost"]["usd"]) == ("local", "0.000000"), seen)
    check("with its passage named", seen["sources"][0]["id"] == f"learned#{ENTRY}", seen)

    farthing("knowledge", "withdraw", ENTRY)
    init(keys)
    after = knowledge()
    check("what is withdrawn leaves an index of its own", after["version"] not in (before["version"], learned["version"]), after)
    start_anew("InferenceFunction")
    _, seen = call("POST", "/api/agents", keys["web"], {"query": "What is your pricing?", "cache": "bypass"})
    check("that answers what the owner wrote", seen["route"]["provider"] == "local", seen)


def init(keys: dict[str, str]):
    status, seen = call("POST", "/api/models/init", keys["owner"], {})
    check("init is ready", status == 200 and seen["ready"], seen)


def knowledge() -> dict:
    """The agent's index in the active release."""
    return json.loads(items("MODEL#")[0]["release"]["S"])["knowledge"][0]
