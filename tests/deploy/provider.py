"""The paid providers, played: their wire formats, and one answer for every question, on loopback only."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = (
    "Offset pagination skips a number of rows and is simple, but in a table with many writers rows move between pages: "
    "some are shown twice and others never. Cursor pagination asks for the rows after the last one that was seen. It "
    "stays right while writers add rows, and it reads an index instead of counting, so that deep pages cost no more."
)


def anthropic(model: str) -> dict:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn",
        "stop_sequence": None, "content": [{"type": "text", "text": ANSWER}],
        "usage": {"input_tokens": 120, "output_tokens": 80},
    }


def openai(model: str) -> dict:
    message = {"role": "assistant", "content": ANSWER}
    return {
        "id": "call-1", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 120, "completion_tokens": 80, "total_tokens": 200},
    }


class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    calls = 0

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        question = json.loads(self.rfile.read(length))
        is_anthropic = self.path.endswith("/messages")
        key = self.headers.get("x-api-key") if is_anthropic else self.headers.get("Authorization")
        if not key:
            return self.reply(401, {"error": {"message": "no key", "type": "authentication_error"}})
        Provider.calls += 1
        self.reply(200, (anthropic if is_anthropic else openai)(question["model"]))

    def do_GET(self):
        self.reply(200, {"calls": Provider.calls})

    def reply(self, status: int, body: dict):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Provider).serve_forever()
