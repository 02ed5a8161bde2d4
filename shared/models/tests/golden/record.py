"""Records what onnxruntime makes of a few texts, for the encoder's golden test.

    python3 record.py MODEL.onnx TOKENIZER.json > minilm.json

Needs onnxruntime, numpy and tokenizers. Texts are cut at 256 tokens; the vector is the mean of the
last hidden states, scaled to length 1.
"""

import json
import sys

import numpy
import onnxruntime
from tokenizers import Tokenizer

TEXTS = [
    "What does the Pro plan cost?",
    "hi",
    "",
    "   \n\t ",
    "?!",
    "Invoice 2024-03-17: 1,299.00 EUR, 19 % VAT, order #00045-B, +49 30 1234567",
    "Où est ma commande ? Ça fait déjà trois semaines que j'attends…",
    "我的订单在哪里?我想退款。",
    "Я хочу отменить подписку 🚀🚀 ☕️ ZWJ: 👩‍👩‍👧‍👦, combining: e\u0301 n\u0303",
    "Please summarise the refund conditions for annual plans, compare them with monthly plans, and tell me "
    "what happens to seats that were added in the middle of a billing period.",
    "fn main() { println!(\"{}\", 0x7f_u8 as f32 / 3.0); } // <script>alert('x')</script>",
    "supercalifragilisticexpialidocious" * 8,
    "The warehouse ships every order within two working days and sends a tracking link by mail. " * 40,
]


def main() -> None:
    model, tokenizer = sys.argv[1:]
    tokenizer = Tokenizer.from_file(tokenizer)
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    cases = []
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        row = numpy.array([ids], dtype=numpy.int64)
        inputs = {"input_ids": row, "attention_mask": numpy.ones_like(row), "token_type_ids": numpy.zeros_like(row)}
        mean = session.run(None, inputs)[0][0].mean(axis=0)
        vector = mean / numpy.linalg.norm(mean)
        cases.append({"text": text, "ids": ids, "vector": [round(float(x), 6) for x in vector]})
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    print(f"[\n{lines}\n]")


if __name__ == "__main__":
    main()
