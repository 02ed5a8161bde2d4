"""Reads a model that `export.py` wrote back into PyTorch's names, so that its training can go on.

    python restore.py --file ../../../infra/models/knowledge/pair.onnx --encoder model.onnx \\
        --published model.safetensors --out pair.pt
"""

import argparse

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file

from export import matrices
from minilm import LAYERS, NAMES, load


def restored(path, graph, published):
    """The state of the encoder or, where the file has a head, of the pair model."""
    tensors = {t.name: torch.from_numpy(np.array(numpy_helper.to_array(t))) for t in onnx.load(path).graph.initializer}
    state = load(published).state_dict()
    state["types.weight"] = tensors["inner.embeddings.token_type_embeddings.weight"]
    for kind in ("weight", "bias"):
        state[f"norm.{kind}"] = tensors[f"inner.embeddings.LayerNorm.{kind}"]
    places = matrices(graph, published)
    for layer in range(LAYERS):
        for theirs, ours in NAMES.items():
            mine, name = f"layers.{layer}.{ours}", f"inner.encoder.layer.{layer}.{theirs}"
            state[f"{mine}.bias"] = tensors[f"{name}.bias"]
            if "LayerNorm" in theirs:
                state[f"{mine}.weight"] = tensors[f"{name}.weight"]
            else:
                place = places[layer, theirs]
                scale = tensors[f"{place}_scale"].reshape(1, -1)
                state[f"{mine}.weight"] = (tensors[f"{place}_q"].float() * scale).T.contiguous()
    if "head.weight" not in tensors:
        return state
    head = {f"head.{kind}": tensors[f"head.{kind}"] for kind in ("weight", "bias")}
    return {**{f"encoder.{name}": value for name, value in state.items()}, **head}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("file", "encoder", "published", "out"):
        parser.add_argument(f"--{name}", required=True)
    chosen = parser.parse_args()
    torch.save(restored(chosen.file, onnx.load(chosen.encoder).graph, load_file(chosen.published)), chosen.out)


if __name__ == "__main__":
    main()
