"""Writes a trained model as the tensors in which it differs from the published int8 encoder.

    python export.py --trained pair.pt --encoder model.onnx --published model.safetensors \\
        --tokenizer tokenizer.json --out pair.onnx --golden pair.json

The file is an ONNX graph without nodes: its initializers replace those of the same names in the encoder's own graph.
Word and position tables are the encoder's. A pair model also has `head.weight` and `head.bias`, which turn the mean of
the last hidden states into the two logits. `--golden` records what PyTorch makes of some texts with the rounded weights.
"""

import argparse
import json

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file
from tokenizers import Tokenizer

from minilm import LAYERS, NAMES, MiniLm, PairModel, collate, mean_vectors

PAIRS = [
    ("can I get my money back without the till slip", "Refund without a receipt Without a receipt we give store credit only."),
    ("can I get my money back without the till slip", "Refund with a receipt With a receipt you get your money back within 30 days."),
    ("hi", ""),
    ("Wie lange dauert der Versand?", "How long is delivery? Parcels take two to three working days."),
    ("long " * 90, "An answer of many words. " * 60),
]


def quantised(weight):
    """int8 numbers and a scale for each column of a matrix (rows x columns)."""
    scale = np.maximum(np.abs(weight).max(axis=0, keepdims=True), 1e-8) / 127.0
    return np.clip(np.rint(weight / scale), -127, 127).astype(np.int8), scale.astype(np.float32)


def matrices(graph, published):
    """The graph's name of each layer's matrix, found by comparing its numbers with the published ones."""
    tensors = {t.name: numpy_helper.to_array(t) for t in graph.initializer if t.name.startswith("val_")}
    whole = {name[:-2]: tensors[name].astype(np.float32) * tensors[name[:-2] + "_scale"]
             for name in tensors if name.endswith("_q")}
    found = {}
    for layer in range(LAYERS):
        for theirs in NAMES:
            if "LayerNorm" in theirs:
                continue
            wanted = published[f"encoder.layer.{layer}.{theirs}.weight"].numpy().T
            near = {name: float(np.abs(value - wanted).mean()) for name, value in whole.items() if value.shape == wanted.shape}
            name = min(near, key=near.get)
            assert near[name] < 0.01 * np.abs(wanted).mean() + 1e-3, (layer, theirs, near[name])
            found[layer, theirs] = name
    assert len(set(found.values())) == len(found)
    return found


def tensors_of(trained, graph, places):
    """The tensors to write, each checked against the one that it replaces."""
    shapes = {t.name: (t.data_type, list(t.dims)) for t in graph.initializer}
    tensors = []

    def put(name, value):
        tensor = numpy_helper.from_array(np.ascontiguousarray(value), name)
        assert shapes.get(name, (tensor.data_type, list(tensor.dims))) == (tensor.data_type, list(tensor.dims)), name
        tensors.append(tensor)

    put("inner.embeddings.token_type_embeddings.weight", trained["types.weight"])
    for kind in ("weight", "bias"):
        put(f"inner.embeddings.LayerNorm.{kind}", trained[f"norm.{kind}"])
    for layer in range(LAYERS):
        for theirs, ours in NAMES.items():
            mine, name = f"layers.{layer}.{ours}", f"inner.encoder.layer.{layer}.{theirs}"
            put(f"{name}.bias", trained[f"{mine}.bias"])
            if "LayerNorm" in theirs:
                put(f"{name}.weight", trained[f"{mine}.weight"])
            else:
                numbers, scale = quantised(trained[f"{mine}.weight"].T)
                place = places[layer, theirs]
                put(f"{place}_q", numbers)
                put(f"{place}_scale", scale.reshape(shapes[f"{place}_scale"][1]))
    return tensors


def rounded(trained, graph):
    """The encoder with the rounded weights and the published int8 file's own tables."""
    found = {name: torch.from_numpy(np.array(value)) for name, value in trained.items()}
    for layer in range(LAYERS):
        for theirs, ours in NAMES.items():
            if "LayerNorm" not in theirs:
                name = f"layers.{layer}.{ours}.weight"
                numbers, scale = quantised(trained[name].T)
                found[name] = torch.from_numpy((numbers.astype(np.float32) * scale).T.copy())
    tensors = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for theirs, ours in (("word", "words"), ("position", "positions")):
        table = f"inner.embeddings.{theirs}_embeddings.weight"
        found[f"{ours}.weight"] = torch.from_numpy(tensors[f"{table}_q"].astype(np.float32) * tensors[f"{table}_scale"])
    encoder = MiniLm()
    encoder.load_state_dict(found)
    return encoder.eval()


def golden(encoder, head, tokenizer):
    """What the rounded model makes of some texts."""
    read = Tokenizer.from_file(tokenizer)
    read.no_padding()
    read.no_truncation()
    ids = lambda text: read.encode(text, add_special_tokens=False).ids
    if head is None:
        vectors = mean_vectors(encoder, [ids(query) for query, _ in PAIRS], exact=True)
        return [{"text": query, "vector": vector.tolist()} for (query, _), vector in zip(PAIRS, vectors)]
    model = PairModel(encoder)
    model.head.load_state_dict({name: torch.from_numpy(value) for name, value in head.items()})
    model.eval()
    with torch.inference_mode():
        rows = [model(*collate([(ids(query), ids(other))]))[0].tolist() for query, other in PAIRS]
    return [{"query": q, "other": o, "answers": a, "same": s} for (q, o), (a, s) in zip(PAIRS, rows)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("trained", "encoder", "published", "tokenizer", "out", "golden"):
        parser.add_argument(f"--{name}", required=True)
    chosen = parser.parse_args()
    graph = onnx.load(chosen.encoder).graph
    trained = {name: value.float().numpy() for name, value in torch.load(chosen.trained, weights_only=True).items()}
    head = {name[5:]: value for name, value in trained.items() if name.startswith("head.")} or None
    trained = {name.removeprefix("encoder."): value for name, value in trained.items() if not name.startswith("head.")}
    tensors = tensors_of(trained, graph, matrices(graph, load_file(chosen.published)))
    tensors += [numpy_helper.from_array(value, f"head.{name}") for name, value in (head or {}).items()]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "tensors", [], [], tensors)), chosen.out)
    with open(chosen.golden, "w", encoding="utf-8") as file:
        json.dump(golden(rounded(trained, graph), head, chosen.tokenizer), file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
