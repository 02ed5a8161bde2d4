"""Makes the logit of "both ask the same" into log-odds, on rows that did not train the model.

    python calibrate.py --trained pair.pt --encoder model.safetensors --tokenizer tokenizer.json

Fits a slope and an offset (Platt) on pairs whose cosine is at least 0.75, as those are that a cache compares, folds them
into the head and writes the model back. The other logit is a feature of the answerability head, which is calibrated.
"""

import argparse
import random

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

import measure
import rows
from minilm import MiniLm, PairModel, load
from train_pair import HERE, Texts, ranking

LEAST_COSINE = 0.75


def pairs_of(worlds, texts, part, rng):
    """Labelled pairs of one part: the own ones, and customers' questions to the same and to neighbouring entries."""
    data = HERE.parent / "data"
    found = rows.labelled_pairs(data, part)
    for world in worlds.values():
        if world.part != part:
            continue
        groups = rows.same_groups(rng, world, ranking(texts, world))
        found += [(query, other, int(at == 0)) for query, others, _, _ in groups for at, other in enumerate(others)]
    cosine = lambda a, b: float(texts.embed([a])[0] @ texts.embed([b])[0])
    return [(a, b, label) for a, b, label in found if cosine(a, b) >= LEAST_COSINE]


def scores(model, texts, pairs):
    one = measure.logits(model, texts, [(a, b) for a, b, _ in pairs])[:, 1]
    other = measure.logits(model, texts, [(b, a) for a, b, _ in pairs])[:, 1]
    return ((one + other) / 2).numpy()


def platt(logits, labels, steps=2000, rate=0.05):
    """Slope and offset of least surprise, by gradient descent on a convex loss."""
    slope, offset = 1.0, 0.0
    for _ in range(steps):
        error = 1 / (1 + np.exp(-(slope * logits + offset))) - labels
        slope -= rate * float((error * logits).mean() + 1e-3 * slope)
        offset -= rate * float(error.mean())
    return slope, offset


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("trained", "encoder", "tokenizer"):
        parser.add_argument(f"--{name}", required=True)
    chosen = parser.parse_args()
    tokenizer = Tokenizer.from_file(chosen.tokenizer)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    texts = Texts(tokenizer, load(load_file(chosen.encoder)))
    model = PairModel(MiniLm())
    model.load_state_dict(torch.load(chosen.trained, weights_only=True))
    worlds = rows.worlds(HERE.parent / "data")
    rng = random.Random(7)
    pairs = pairs_of(worlds, texts, "validation", rng)
    labels = np.array([label for _, _, label in pairs])
    slope, offset = platt(scores(model, texts, pairs), labels)
    print(f"{len(pairs)} pairs, {labels.mean():.2f} the same; slope {slope:.3f}, offset {offset:.3f}")
    with torch.no_grad():
        model.head.weight[1] *= slope
        model.head.bias[1] = model.head.bias[1] * slope + offset
    torch.save(model.state_dict(), chosen.trained)
    held_out = pairs_of(worlds, texts, "test", rng)
    logits, labels = scores(model, texts, held_out), np.array([label for _, _, label in held_out])
    for least in (0.5, 0.7, 0.8, 0.9):
        given = 1 / (1 + np.exp(-logits)) >= least
        right = (given & (labels == 1)).sum()
        print(f"test, {len(labels)} pairs, from {least}: precision {right / max(1, given.sum()):.3f}, "
              f"recall {right / max(1, labels.sum()):.3f}")


if __name__ == "__main__":
    main()
