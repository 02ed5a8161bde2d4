"""Cold starts of the deployed functions under AWS's runtime interface emulator, on one core.

Usage: cold_start.py BUILD_FOLDER EMULATOR NOTHING [RUNS], with AWS_* set to the stack. NOTHING is the program of a
function that does nothing. Prints tables in Markdown; ends with 1 when an answer is not what it should be.
"""

import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from local import Failed, client, physical

BUILD, EMULATOR, NOTHING = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
RUNS = int(sys.argv[4]) if len(sys.argv) > 4 else 10
EVENTS = Path(__file__).parent.parent / "events"
# Where functions keep weights; a new one on Lambda finds it empty.
WEIGHTS = Path("/tmp/farthing")
CORE = "0"


@dataclass
class Start:
    """One cold start: milliseconds, and mebibytes."""

    ready: float
    first: float
    warm: float
    resident: float
    parts: dict[str, float] = field(default_factory=dict)


def is_local_answer(reply: dict) -> bool:
    return reply["statusCode"] == 200 and json.loads(reply["body"])["route"]["provider"] == "local"


def event(name: str) -> dict:
    found = json.loads((EVENTS / f"{name}.json").read_text())
    if "idempotency-key" in found["headers"]:
        # A used key would get the reply that is stored.
        found["headers"]["idempotency-key"] = str(uuid.uuid4())
    return found


# What is started, what it is sent, and what has to come back.
FUNCTIONS = {
    "inference": ("agents", is_local_answer),
    "status": ("models-status", lambda reply: reply["statusCode"] == 200),
    "authorize": ("authorize", lambda reply: reply == {"isAuthorized": False}),
    "nothing": (None, lambda reply: reply == {}),
}


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


def environment(function: str) -> dict[str, str]:
    """What Lambda gives the deployed function, beside this machine's own environment."""
    if function == "nothing":
        return {**os.environ, "AWS_LAMBDA_FUNCTION_NAME": function}
    deployed = client("lambda").get_function_configuration(FunctionName=physical(f"{function.title()}Function"))
    memory = str(deployed["MemorySize"])
    return {**os.environ, **deployed["Environment"]["Variables"], "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory,
            "AWS_LAMBDA_FUNCTION_NAME": deployed["FunctionName"]}


def start(function: str, variables: dict[str, str], folder: Path) -> Start:
    port, api = free_port(), free_port()
    program = NOTHING if function == "nothing" else BUILD / f"{function.title()}Function" / "bootstrap"
    command = ["taskset", "-c", CORE, EMULATOR, "--runtime-interface-emulator-address", f"127.0.0.1:{port}",
               "--runtime-api-address", f"127.0.0.1:{api}", str(program)]
    log = folder / "log"
    shutil.rmtree(WEIGHTS, ignore_errors=True)
    with log.open("w") as lines:
        emulator = subprocess.Popen(command, env=variables, stdout=lines, stderr=subprocess.STDOUT, cwd=folder)
    try:
        # The emulator listens at once, and starts the function when the first event comes.
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.02)
        first = invoke(function, port, log)
        warm = invoke(function, port, log)
        resident = resident_mib(emulator.pid)
    finally:
        emulator.send_signal(signal.SIGTERM)
        emulator.wait()
    text = log.read_text(errors="replace")
    ready = re.search(r"INIT REPORT\(durationMs: ([\d.]+)\)", text)
    if not ready:
        raise Failed(f"{function} did not become ready: {text[-2000:]}")
    return Start(float(ready[1]), first, warm, resident, parts(text))


def invoke(function: str, port: int, log: Path) -> float:
    """Sends one event, looks at the reply, and gives the milliseconds that it took."""
    name, is_right = FUNCTIONS[function]
    body = json.dumps(event(name) if name else {}).encode()
    began = time.monotonic()
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=60) as response:
        text = response.read()
    took = (time.monotonic() - began) * 1000
    if not is_right(json.loads(text)):
        raise Failed(f"{function} replied {text[:2000]}\n{log.read_text(errors='replace')[-4000:]}")
    return took


def resident_mib(emulator: int) -> float:
    children = Path(f"/proc/{emulator}/task/{emulator}/children").read_text().split()
    threads = Path(f"/proc/{emulator}/task").iterdir()
    children += [child for thread in threads for child in (thread / "children").read_text().split()]
    status = Path(f"/proc/{children[0]}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def parts(log: str) -> dict[str, float]:
    """What the function itself says about its start, in the fields `startup.*` of its lines."""
    found: dict[str, float] = {}
    for line in log.splitlines():
        if '"startup.' in line:
            said = json.loads(line)
            fields = {**said, **said.get("fields", {})}
            found |= {key.removeprefix("startup."): float(fields[key]) for key in fields if key.startswith("startup.")}
    return found


def row(cells: list) -> str:
    return "| " + " | ".join(f"{cell:.0f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |"


def table(head: list[str], rows: list[list]):
    print(row(head), row(["---"] * len(head)), *map(row, rows), sep="\n", end="\n\n", flush=True)


def main():
    measured: dict[str, list[Start]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for function in FUNCTIONS:
            variables = environment(function)
            # The first fills this machine's page cache, and is not counted.
            starts = [start(function, variables, Path(folder)) for _ in range(RUNS + 1)][1:]
            measured[function] = starts
    table(
        ["Function", "ready p50, ms", "max", "first answer p50", "max", "second answer p50", "peak RSS, MiB",
         "first answer, ratio to nothing"],
        [summary(function, starts, measured["nothing"]) for function, starts in measured.items()],
    )
    for function, starts in measured.items():
        if any(found.parts for found in starts):
            names = list(starts[0].parts)
            table([f"{function}, p50", *names],
                  [["ms", *(statistics.median(found.parts.get(name, 0.0) for found in starts) for name in names)]])


def summary(function: str, starts: list[Start], nothing: list[Start]) -> list:
    p50 = statistics.median
    first = p50(found.first for found in starts)
    return [function, p50(found.ready for found in starts), max(found.ready for found in starts), first,
            max(found.first for found in starts), p50(found.warm for found in starts),
            p50(found.resident for found in starts), f"{first / p50(found.first for found in nothing):.0f}"]


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"the measurement ended: {failed}")
