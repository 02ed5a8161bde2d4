"""Trains the knowledge encoder: customers' questions come to lie near the entry that answers them.

    python train_knowledge.py --encoder model.safetensors --tokenizer tokenizer.json --out knowledge.pt

A batch is one whole business: a question to each of its entries, all entries, and some questions that none answers. Of
the entries the right one is to be nearest to its question (by the mean of the cosines with the entry's phrasing and with
its answer), and of the questions the right one nearest to its entry; so every neighbour is a hard negative. Batches of
public intents, a query against another of the same intent, keep what the encoder knew of other matters.
"""

import argparse
import random
import time

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch.nn import functional as F

import rows
from minilm import CLS, SEP, load
from train_pair import HERE

TEMPERATURE = 0.05
MOST_TOKENS = 126
NEAR_MISSES = 12
INTENT_BATCHES, INTENTS_IN_BATCH = 8, 44


class Reader:
    """Vectors of length 1 of texts, through which the loss flows."""

    def __init__(self, encoder, tokenizer):
        self.encoder, self.tokenizer, self.known = encoder, tokenizer, {}

    def tokens(self, text):
        if text not in self.known:
            self.known[text] = [CLS] + self.tokenizer.encode(text, add_special_tokens=False).ids[:MOST_TOKENS] + [SEP]
        return self.known[text]

    def vectors(self, texts):
        ids = [self.tokens(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda at: len(ids[at]))
        found = [None] * len(texts)
        third = -(-len(order) // 3)
        for start in range(0, len(order), third):  # texts of like length together, so that little is padding
            places = order[start:start + third]
            lengths = torch.tensor([len(ids[at]) for at in places])
            longest = int(lengths.max())
            padded = torch.tensor([ids[at] + [0] * (longest - len(ids[at])) for at in places])
            mask = (torch.arange(longest)[None] < lengths[:, None]).long()
            hidden = self.encoder(padded, torch.zeros_like(padded), mask).float()
            mean = (hidden * mask[:, :, None]).sum(1) / lengths[:, None]
            for at, vector in zip(places, F.normalize(mean, dim=1)):
                found[at] = vector
        return torch.stack(found)


def batches_of(rng, worlds, intents):
    """The batches of one pass: each world as often as its entries have questions, and some of intents."""
    found = []
    for world in worlds:
        orders = [rng.sample(entry["asked"], len(entry["asked"])) for entry in world.entries]
        for number in range(max(map(len, orders))):
            found.append((world, [order[number % len(order)] for order in orders]))
    for source in ("banking77", "clinc150"):
        names = [name for name in intents if name.startswith(f"{source} ") and not name.endswith(" oos")]
        found += [(None, rng.sample(names, min(INTENTS_IN_BATCH, len(names)))) for _ in range(INTENT_BATCHES)]
    rng.shuffle(found)
    return found


def world_loss(rng, reader, world, questions):
    questions = [rows.spoil(rng, text) for text in questions]
    missed = rng.sample([text for text, _ in world.missed], min(NEAR_MISSES, len(world.missed)))
    titles = [rng.choice([entry["question"], entry["question"], *entry["also"]]) for entry in world.entries]
    answers = [entry["answer"] for entry in world.entries]
    vectors = reader.vectors(questions + missed + titles + answers)
    asked, missed, titles, answers = vectors.split([len(questions), len(missed), len(titles), len(answers)])
    near = lambda queries: (queries @ titles.T + queries @ answers.T) / 2 / TEMPERATURE
    right = torch.arange(len(questions))
    by_entry = torch.cat([near(asked), near(missed)]).T
    return F.cross_entropy(near(asked), right) + 0.5 * F.cross_entropy(by_entry, right)


def intent_loss(rng, reader, intents, names):
    pairs = [rng.sample(intents[name], 2) for name in names]
    vectors = reader.vectors([rows.spoil(rng, one) for one, _ in pairs] + [other for _, other in pairs])
    near = vectors[:len(pairs)] @ vectors[len(pairs):].T / TEMPERATURE
    return 0.7 * F.cross_entropy(near, torch.arange(len(pairs)))


def first_places(reader, worlds):
    """Shares of customers' questions whose entry is first, and among the first three."""
    reader.encoder.eval()
    first = within = count = 0
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for world in worlds:
            answers = reader.vectors([entry["answer"] for entry in world.entries])
            titles = reader.vectors([text for text, _ in world.titles])
            owner = torch.tensor([at for _, at in world.titles])
            asked = reader.vectors([text for text, _ in world.asked])
            best = torch.full((len(asked), len(answers)), -1.0)
            best = best.scatter_reduce(1, owner.expand(len(asked), -1), (asked @ titles.T).float(), "amax")
            ranked = (0.6 * best + 0.4 * (asked @ answers.T)).argsort(descending=True)
            gold = torch.tensor([at for _, at in world.asked])
            first += int((ranked[:, 0] == gold).sum())
            within += int((ranked[:, :3] == gold[:, None]).any(1).sum())
            count += len(gold)
    return f"first {first / count:.3f}, among three {within / count:.3f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("encoder", "tokenizer", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--passes", type=int, default=4, help="over how many passes the rate falls")
    parser.add_argument("--stop-after", type=int, default=3, help="passes that are made; later ones gained nothing")
    parser.add_argument("--start", help="an encoder to go on from, as `restore.py` writes it")
    parser.add_argument("--rate", type=float, default=6e-5)
    parser.add_argument("--seed", type=int, default=5)
    chosen = parser.parse_args()
    rng = random.Random(chosen.seed)
    torch.manual_seed(chosen.seed)
    tokenizer = Tokenizer.from_file(chosen.tokenizer)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    data = HERE.parent / "data"
    worlds = rows.worlds(data)
    train = [world for world in worlds.values() if world.part == "train"]
    validation = [world for world in worlds.values() if world.part == "validation"]
    intents = rows.intents(data)
    reader = Reader(load(load_file(chosen.encoder)), tokenizer)
    if chosen.start:
        reader.encoder.load_state_dict(torch.load(chosen.start, weights_only=True))
    for table in (reader.encoder.words, reader.encoder.positions):
        table.weight.requires_grad_(False)
    weights = [weight for weight in reader.encoder.parameters() if weight.requires_grad]
    passes = [batches_of(rng, train, intents) for _ in range(chosen.passes)]
    steps = sum(map(len, passes))
    optimiser = torch.optim.AdamW(weights, lr=chosen.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / (0.1 * steps), max(0.02, (steps - step) / (0.9 * steps))))
    print(f"{steps} steps; before: {first_places(reader, validation)}", flush=True)
    began = time.time()
    for number, batches in enumerate(passes[:chosen.stop_after]):
        for world, chosen_texts in batches:
            reader.encoder.train()
            with torch.autocast("cpu", torch.bfloat16):
                loss = world_loss(rng, reader, world, chosen_texts) if world else intent_loss(rng, reader, intents, chosen_texts)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            schedule.step()
        print(f"pass {number + 1}: {first_places(reader, validation)} after {time.time() - began:.0f} s", flush=True)
        torch.save(reader.encoder.state_dict(), chosen.out)


if __name__ == "__main__":
    main()
