"""Records what llama.cpp and onnxruntime write to a few chats, always the most probable token, for the generator's golden test.

    farthing models build --file MODEL.gguf --out FOLDER --onnx
    python3 record_generator.py MODEL.gguf FOLDER > smollm2.json

Needs xllamacpp (llama.cpp with its server), onnxruntime, numpy and tokenizers. onnxruntime runs the graph that is built here
on f32 numbers; llama.cpp rounds what goes into a product to 8 bits.
"""

import json
import sys
import urllib.request

import numpy
import onnxruntime
import xllamacpp
from tokenizers import Tokenizer

TOKENS = 48
END = 2
REPHRASE = "You rewrite answers of a customer service. Keep every fact, number and name. Answer with the rewritten text only."
CHATS = [
    (REPHRASE, "We ship within two days. Delivery costs 4.90 euros; it is free from 50 euros."),
    (REPHRASE, "hi there!!! refunds take 14 days, ask Anna (anna@example.org) if it's late"),
    ("", "What is the capital of France?"),
    ("", "Explain in two sentences why the sky is blue."),
    ("Answer from the passage only.", "Passage: The shop is open from 9 to 17 on weekdays, and closed on Sundays.\n"
     "Question: When do you open on Monday?"),
    ("Be brief.", "Name three fruits, and say \"thank you\" in German: naïve café 12345, ☕️ 我的订单."),
    ("Be brief.", "Write a haiku about an invoice."),
    ("You are a poet.", "The sea at night."),
]


class LlamaCpp:
    def __init__(self, model):
        params = xllamacpp.CommonParams()
        params.model.path = model
        params.n_ctx, params.n_parallel, params.n_gpu_layers = 2048, 1, 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        self.server = xllamacpp.Server(params)

    def post(self, path, **body):
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.server.listening_address + path, json.dumps(body).encode(), headers)
        return json.load(urllib.request.urlopen(request))

    def ids(self, text):
        return self.post("/tokenize", content=text, add_special=False, parse_special=True)["tokens"]

    def write(self, ids):
        reply = self.post(
            "/completion", prompt=ids, n_predict=TOKENS, temperature=0.0, top_k=1, repeat_penalty=1.0, cache_prompt=False
        )
        return reply["content"]


class OnnxRuntime:
    def __init__(self, model):
        self.session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        self.past = [(i.name, [1, i.shape[1], 0, i.shape[3]]) for i in self.session.get_inputs()[1:]]

    def write(self, ids):
        kept = {name: numpy.zeros(shape, numpy.float32) for name, shape in self.past}
        written, new = [], ids
        while len(written) < TOKENS:
            logits, *present = self.session.run(None, {"input_ids": numpy.array([new], numpy.int64), **kept})
            kept = dict(zip(kept, present))
            new = [int(logits[0, -1].argmax())]
            if new[0] == END:
                break
            written += new
        return written


def main() -> None:
    model, folder = sys.argv[1:]
    llama, onnx = LlamaCpp(model), OnnxRuntime(f"{folder}/model.onnx")
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    default = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
    cases = []
    for system, user in CHATS:
        parts = [("system", system or default), ("user", user)]
        prompt = "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in parts) + "<|im_start|>assistant\n"
        ids = llama.ids(prompt)
        texts = {"llama_cpp": llama.write(ids), "onnxruntime": tokenizer.decode(onnx.write(ids), skip_special_tokens=True)}
        cases.append({"system": system, "user": user, "prompt_tokens": len(ids), **texts})
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    print(f"[\n{lines}\n]")


if __name__ == "__main__":
    main()
