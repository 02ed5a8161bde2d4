"""Writes the weights of the MIT-licensed `toxic-comment-classifier` 0.3.0 as one safetensors file.

The model: Keras embedding (20,000 words, 50 numbers), bidirectional LSTM of 50, the greatest output
over 100 positions, a layer of 50, six labels. The embedding is kept in 16 bits with one scale a word.

    pip download --no-deps toxic-comment-classifier==0.3.0 -d wheel && unzip -o wheel/*.whl -d wheel
    python export.py wheel/toxic_classifier/model ../../../infra/models/toxicity-head/comments.safetensors \\
        ../../models/tests/golden/comments.jsonl
"""

import collections
import hashlib
import json
import pickle
import struct
import sys

import h5py
import numpy as np

PINS = {
    "model.weights.h5": "03ed4c3f52be909821a8c3263de2dcd65b95908bfae6f569c9a9cec90538a4b3",
    "tokenizer.pickle": "d8e998211d68c5264b84c6eb6753f08897194038e0345e91a592f97cd38c125c",
}
LABELS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
POSITIONS = 100
UNITS = 50
GOLDEN_TEXTS = [
    "",
    "You are so dumb and stupid!",
    "kill the process",
    "How do I reset my password?",
    "I hate you so much!",
    "Have a nice day :)",
    "Stop vandalising this page, you pathetic troll, or I will have you blocked.",
    "I have restored the sourced paragraph; please discuss on the talk page before you remove it again.",
    "zzxqy unknownword qqqq",
    "DON'T you dare, It's MINE!!!",
    "The article is fine as it is, thank you. " * 12 + "You filthy idiot.",
    "You filthy idiot. " + "The article is fine as it is, thank you. " * 12,
    "Déjà vu — naïve café\u00a0owners",
]


class Tokenizer:
    """What the pickle's Keras tokenizer becomes: its attributes, and nothing that runs."""

    def __setstate__(self, state):
        self.__dict__.update(state)


class AllowList(pickle.Unpickler):
    """Unpickles the tokenizer's dictionaries and refuses everything else."""

    known = {
        ("builtins", "int"): int,
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("collections", "defaultdict"): collections.defaultdict,
    }

    def find_class(self, module, name):
        if name == "Tokenizer":
            return Tokenizer
        if (module, name) not in self.known:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return self.known[module, name]


class Model:
    def __init__(self, folder):
        for name, pin in PINS.items():
            with open(f"{folder}/{name}", "rb") as file:
                found = hashlib.sha256(file.read()).hexdigest()
            if found != pin:
                sys.exit(f"{name}: expected {pin}, found {found}")
        layers = h5py.File(f"{folder}/model.weights.h5", "r")["layers"]

        def numbers(name):
            variables = layers[f"{name}/vars"]
            return [np.array(variables[str(at)], np.float32) for at in range(len(variables))]

        self.embedding = numbers("embedding")[0]
        self.forward = numbers("bidirectional/forward_layer/cell")
        self.backward = numbers("bidirectional/backward_layer/cell")
        self.hidden, self.output = numbers("dense"), numbers("dense_1")
        with open(f"{folder}/tokenizer.pickle", "rb") as file:
            tokenizer = AllowList(file).load()
        # Index 0 is padding; words beyond the embedding are skipped, as Keras does.
        self.ids = {word: at for word, at in tokenizer.word_index.items() if at < len(self.embedding)}
        self.separators = str.maketrans({character: " " for character in tokenizer.filters})

    def scores(self, text):
        """The probability of each label, as the original computes it."""
        words = text.lower().translate(self.separators).split(" ")
        ids = [self.ids[word] for word in words if word in self.ids][-POSITIONS:]
        inputs = self.embedding[[0] * (POSITIONS - len(ids)) + ids]
        outputs = [lstm(inputs, self.forward), lstm(inputs[::-1], self.backward)[::-1]]
        greatest = np.concatenate(outputs, 1).max(0)
        hidden = np.maximum(greatest @ self.hidden[0] + self.hidden[1], 0)
        return sigmoid(hidden @ self.output[0] + self.output[1])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(inputs, weights):
    kernel, recurrent, bias = weights
    state, cell, outputs = np.zeros(UNITS, np.float32), np.zeros(UNITS, np.float32), []
    for row in inputs:
        enter, forget, candidate, leave = np.split(row @ kernel + state @ recurrent + bias, 4)
        cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(candidate)
        state = sigmoid(leave) * np.tanh(cell)
        outputs.append(state)
    return np.array(outputs)


def quantise(model):
    """The embedding in 16-bit integers, and the model with what those stand for."""
    scale = np.abs(model.embedding).max(1) / 32767
    scale[scale == 0] = 1
    rounded = np.rint(model.embedding / scale[:, None]).astype(np.int16)
    model.embedding = rounded.astype(np.float32) * scale[:, None]
    return rounded, scale.astype(np.float32)


def write(path, tensors, metadata):
    """The safetensors format: the header's length, the header, the numbers."""
    header, end = {"__metadata__": metadata}, 0
    for name, values in tensors.items():
        dtype = {"int16": "I16", "float32": "F32"}[values.dtype.name]
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [end, end + values.nbytes]}
        end += values.nbytes
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for values in tensors.values():
            file.write(np.ascontiguousarray(values).tobytes())


def main(folder, weights_path, golden_path):
    model = Model(folder)
    expected = [model.scores(text) for text in GOLDEN_TEXTS]
    with open(golden_path, "w", encoding="utf-8") as file:
        for text, scores in zip(GOLDEN_TEXTS, expected):
            line = {"text": text, "scores": [round(float(score), 6) for score in scores]}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    embedding, scale = quantise(model)
    worst = max(np.abs(model.scores(text) - scores).max() for text, scores in zip(GOLDEN_TEXTS, expected))
    print(f"the rounded embedding moves no score of the golden texts by more than {worst:.6f}")
    tensors = {"scale": scale}
    for name, (kernel, recurrent, bias) in [("forward", model.forward), ("backward", model.backward)]:
        tensors |= {f"{name}.kernel": kernel, f"{name}.recurrent": recurrent, f"{name}.bias": bias}
    for name, (kernel, bias) in [("hidden", model.hidden), ("output", model.output)]:
        tensors |= {f"{name}.kernel": kernel, f"{name}.bias": bias}
    tensors["embedding"] = embedding
    words = sorted(model.ids, key=model.ids.get)
    assert [model.ids[word] for word in words] == list(range(1, len(embedding)))
    metadata = {
        "source": "toxic-comment-classifier 0.3.0, Md Irfan Ali, MIT licence; weights changed: embedding in 16-bit integers",
        "labels": " ".join(LABELS),
        "words": " ".join(words),
    }
    write(weights_path, tensors, metadata)


if __name__ == "__main__":
    main(*sys.argv[1:])
