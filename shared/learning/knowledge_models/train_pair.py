"""Trains the pair model on the worlds and intents of ../data, from the published encoder or from an earlier model.

    python train_pair.py --encoder model.safetensors --tokenizer tokenizer.json --out pair.pt [--start earlier.pt]
"""

import argparse
import functools
import json
import random
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch.nn import functional as F

import measure
import rows
from minilm import PairModel, collate, load, mean_vectors

HERE = Path(__file__).resolve().parent
TOKENS_IN_BATCH = 4_000


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--epochs", type=int, default=2, help="over how many passes the rate falls")
    parser.add_argument("--stop-after", type=int, default=1, help="passes that are made")
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--start", help="a model to go on from, as `restore.py` writes it")
    parser.add_argument("--frozen", type=int, default=0, help="so many of the first layers stay as they are")
    parser.add_argument("--asked", type=float, default=1.0, help="share of customers' questions used in a pass")
    parser.add_argument("--same", type=float, default=1.0, help="share of entries with pairs of like questions in a pass")
    parser.add_argument("--intents", type=float, default=0.7, help="share of intent queries used in a pass")
    parser.add_argument("--seed", type=int, default=20)
    return parser.parse_args()


class Texts:
    """Token ids and, for mining hard negatives, vectors of texts by the published encoder."""

    def __init__(self, tokenizer, encoder):
        self.tokenizer, self.encoder, self.ids, self.vectors = tokenizer, encoder, {}, {}

    def tokens(self, text):
        if text not in self.ids:
            self.ids[text] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return self.ids[text]

    def embed(self, texts):
        new = sorted({text for text in texts if text not in self.vectors})
        if new:
            made = mean_vectors(self.encoder, [self.tokens(text) for text in new])
            self.vectors.update(zip(new, made))
        return torch.stack([self.vectors[text] for text in texts])


def ranking(texts, world):
    """Ranks a world's entries for a query by the nearest phrasing and the answer, memorised."""
    answers = texts.embed([entry["answer"] for entry in world.entries])
    titles = texts.embed([text for text, _ in world.titles])
    owner = torch.tensor([at for _, at in world.titles])
    asked = [t for t, _ in world.asked] + [t for t, _ in world.missed] + [t for t, _ in world.titles]
    texts.embed(asked)

    def scores(text):
        vector = texts.embed([text])[0]
        best = torch.full((len(world.entries),), -1.0).scatter_reduce(0, owner, titles @ vector, "amax")
        return 0.6 * best + 0.4 * (answers @ vector)

    return functools.cache(lambda text: scores(text).argsort(descending=True).tolist())


def intent_ranking(texts, by_intent, least=4, most=30):
    """For each query the nearest queries of the same source, those of its own intent included."""
    found = {}
    for source in sorted({name.split()[0] for name in by_intent}):
        pool = [(name, text) for name, of in by_intent.items() if name.startswith(source + " ") for text in of]
        vectors = texts.embed([text for _, text in pool])
        for start in range(0, len(pool), 1000):
            near = (vectors[start:start + 1000] @ vectors.T).topk(most + 30, dim=1).indices.tolist()
            for (name, text), places in zip(pool[start:start + 1000], near):
                others = [pool[at] for at in places if pool[at][0] != name][:most]
                found[text] = others if len(others) >= least else []
    return found.__getitem__


def batches(rng, texts, groups):
    """Groups of like length together, so that little is padding."""
    groups = [([(texts.tokens(query), texts.tokens(text)) for text in of], right, head) for query, of, right, head in groups]
    size = lambda group: max(min(len(q), 62) + min(len(e), 126) + 3 for q, e in group[0])
    groups.sort(key=lambda group: size(group) + rng.random() * 6)
    found, batch, pairs, longest = [], [], 0, 0
    for group in groups:
        longest = max(longest, size(group))
        if batch and longest * (pairs + len(group[0])) > TOKENS_IN_BATCH:
            found.append(batch)
            batch, pairs, longest = [], 0, size(group)
        batch.append(group)
        pairs += len(group[0])
    found.append(batch)
    rng.shuffle(found)
    return found


def loss_of(model, batch):
    """Cross entropy of every pair, and of the choice within groups that have a right entry."""
    logits = model(*collate([pair for pairs, _, _ in batch for pair in pairs]))
    single, chosen, at = [], [], 0
    for pairs, right, head in batch:
        column = 0 if head == "answers" else 1
        scores = logits[at:at + len(pairs), column]
        at += len(pairs)
        if isinstance(right, list):
            target = torch.tensor(right, dtype=torch.float)
        else:
            target = torch.zeros(len(pairs))
            if right is not None:
                target[right] = 1.0
                chosen.append(F.cross_entropy(scores[None], torch.tensor([right])))
        single.append(F.binary_cross_entropy_with_logits(scores, target, reduction="sum") / len(pairs))
    loss = torch.stack(single).mean()
    return loss + 0.3 * torch.stack(chosen).mean() if chosen else loss


def epoch_groups(rng, parts, rankings, by_intent, near_intent, pairs, chosen):
    groups, strangers = [], [t for name, of in by_intent.items() if name.startswith("clinc150") for t in of]
    for world in parts:
        nearest = rankings[world.name]
        groups += rows.world_groups(rng, world, nearest, chosen.asked)
        groups += rows.same_groups(rng, world, nearest, chosen.same)
        groups += rows.reworded_groups(rng, world, chosen.same)
        groups += rows.foreign_groups(rng, rng.sample(strangers, 12), world, nearest)
    groups += rows.intent_groups(rng, by_intent, near_intent, chosen.intents)
    groups += [(rows.spoil(rng, a), [b], [label], "same") for a, b, label in pairs for _ in range(2)]
    groups += [(b, [a], [label], "same") for a, b, label in pairs]
    return groups


def main():
    chosen = arguments()
    rng = random.Random(chosen.seed)
    torch.manual_seed(chosen.seed)
    tokenizer = Tokenizer.from_file(chosen.tokenizer)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    published = load_file(chosen.encoder)
    texts = Texts(tokenizer, load(published))
    data = HERE.parent / "data"
    worlds = rows.worlds(data)
    parts = [world for world in worlds.values() if world.part == "train"]
    by_intent = rows.intents(data)
    pairs = rows.labelled_pairs(data, "train") if (data / "pairs_own.jsonl").exists() else []
    rankings = {name: ranking(texts, world) for name, world in worlds.items()}
    near_intent = intent_ranking(texts, by_intent)
    print(len(parts), "worlds", sum(len(w.entries) for w in parts), "entries", sum(map(len, by_intent.values())), "intent queries", flush=True)

    model = PairModel(load(published))
    if chosen.start:
        model.load_state_dict(torch.load(chosen.start, weights_only=True))
    model.encoder.words.weight.requires_grad_(False)
    model.encoder.positions.weight.requires_grad_(False)
    if chosen.frozen:
        first = [model.encoder.types, model.encoder.norm, *model.encoder.layers[:chosen.frozen]]
        [weight.requires_grad_(False) for part in first for weight in part.parameters()]
    weights = [p for p in model.parameters() if p.requires_grad]
    epochs = [batches(rng, texts, epoch_groups(rng, parts, rankings, by_intent, near_intent, pairs, chosen))
              for _ in range(chosen.epochs)]
    steps = sum(map(len, epochs))
    optimiser = torch.optim.AdamW(weights, lr=chosen.rate, weight_decay=0.01)
    warm = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, max(0.02, (steps - step) / (steps - warm))))
    began, done = time.time(), 0
    for number, epoch in enumerate(epochs[:chosen.stop_after]):
        model.train()
        running = 0.0
        for batch in epoch:
            with torch.autocast("cpu", torch.bfloat16):
                loss = loss_of(model, batch)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            schedule.step()
            running = 0.98 * running + 0.02 * loss.item() if running else loss.item()
            done += 1
            if done % 25 == 0:
                print(f"step {done}/{steps} loss {running:.4f} {time.time() - began:.0f} s", flush=True)
        for world in worlds.values():
            if world.part == "validation":
                print(number, json.dumps(measure.of_world(model, texts, world, rankings[world.name])), flush=True)
        torch.save(model.state_dict(), chosen.out)


if __name__ == "__main__":
    main()
