"""What the pair model learns from: groups of a query with one entry that answers it and some that do not."""

import json
import random
from collections import defaultdict
from pathlib import Path

TEST_WORLDS = {"bank", "vet", "tickets", "bikes", "invoices",
               "party_supplies", "library_network", "refurbished_phones", "watch_shop"}
VALIDATION_WORLDS = {"museum", "council", "fashion", "payroll", "curtains", "dating_app", "e_signature", "vegetable_box"}


def read_lines(path):
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines() if line.strip()]


class World:
    """One business: its entries, and what it is asked; `gold` is None where no entry answers."""

    def __init__(self, name, rows):
        self.name = name
        self.entries = [row for row in rows if "question" in row]
        place = {row["question"]: at for at, row in enumerate(self.entries)}
        self.asked = [(text, at) for at, row in enumerate(self.entries) for text in row["asked"]]
        self.titles = [(text, at) for at, row in enumerate(self.entries) for text in [row["question"], *row["also"]]]
        self.missed = [(row["unanswerable"], place.get(row.get("near"))) for row in rows if "unanswerable" in row]

    @property
    def part(self):
        return "test" if self.name in TEST_WORLDS else "validation" if self.name in VALIDATION_WORLDS else "train"


def worlds(data):
    """All worlds, by name."""
    found = defaultdict(list)
    for row in read_lines(data / "faqs.jsonl"):
        found[row["faq"]].append(row)
    for path in sorted((data / "faqs").glob("*.jsonl")):
        found[path.stem] += read_lines(path)
    return {name: World(name, rows) for name, rows in sorted(found.items())}


def part_of(name):
    """80 % train, 10 % validation, 10 % test, by a name's own letters."""
    value = 2166136261
    for byte in name.encode():
        value = (value ^ byte) * 16777619 % 2**32
    return "train" if value % 100 < 80 else "validation" if value % 100 < 90 else "test"


def intents(data):
    """Queries by intent of the intents that are trained on."""
    found = defaultdict(list)
    for row in read_lines(data / "intents.jsonl"):
        found[row["source"] + " " + row["intent"]].append(row["text"])
    return {name: texts for name, texts in found.items() if part_of(name) == "train"}


def entry_text(rng, entry, form=None):
    """An entry as the model reads it: a phrasing with the answer, or one of both alone."""
    phrasing = rng.choice([entry["question"], entry["question"], *entry["also"]])
    form = form or rng.choices(["both", "question", "answer"], [0.7, 0.15, 0.15])[0]
    return {"both": f"{phrasing} {entry['answer']}", "question": phrasing, "answer": entry["answer"]}[form]


def spoil(rng, text):
    """Now and then a query in lower case, without its mark, or with a slip of the finger."""
    if rng.random() < 0.2:
        text = text.lower()
    if rng.random() < 0.2:
        text = text.rstrip("?.! ")
    if rng.random() < 0.15 and len(text) > 8:
        at = rng.randrange(1, len(text) - 1)
        text = rng.choice([text[:at] + text[at + 1:], text[:at] + text[at + 1] + text[at] + text[at + 2:]])
    return text


OPENINGS = ("how do i", "how can i", "how do you", "how would i", "what do i do to", "how does one", "what is the way to")
BEFORE = ("hi, ", "hello! ", "hey ", "please ", "quick question: ", "sorry, ", "so ", "can you tell me, ", "just wondering, ")
AFTER = (" please", " thanks", "? thank you", " please?", " thx", "?")


def reword(rng, text):
    """A query with another opening or with courtesies, which asks the same."""
    lower = text.lower()
    opening = next((opening for opening in OPENINGS if lower.startswith(opening + " ")), None)
    if opening and rng.random() < 0.7:
        text = rng.choice(OPENINGS) + text[len(opening):]
    if rng.random() < 0.5:
        text = rng.choice(BEFORE) + text
    if rng.random() < 0.5:
        text = text.rstrip("?.! ") + rng.choice(AFTER)
    return text


def world_groups(rng, world, nearest, share):
    """(query, [texts], place of the right one or None, which head) of a world; `nearest(query)` ranks entries.

    `share` of the customers' questions are used, half as many of the owner's phrasings, and all near misses.
    """
    queries = [(text, at, None) for text, at in world.asked if rng.random() < share]
    queries += [(text, at, None) for text, at in world.titles if rng.random() < share / 2]
    queries += [(text, None, near) for text, near in world.missed]
    for text, gold, near in queries:
        ranked = [at for at in nearest(text) if at != gold]
        hard = rng.sample(ranked[:6], min(2, len(ranked)))
        if near is not None and near not in hard:
            hard[0] = near
        far = rng.sample(ranked[6:], min(1, len(ranked[6:]))) if rng.random() < 0.4 else []
        chosen = [*([] if gold is None else [gold]), *hard, *far]
        form = rng.choices(["both", "question", "answer"], [0.8, 0.1, 0.1])[0]
        texts = [entry_text(rng, world.entries[at], form) for at in chosen]
        if gold is not None and texts[0] == text:
            texts[0] = entry_text(rng, world.entries[gold], "both")
        yield spoil(rng, text), texts, 0 if gold is not None else None, "answers"


def intent_groups(rng, by_intent, nearest, share):
    """Groups in which the entry is another query of the same intent; `nearest(text)` ranks all (intent, text)."""
    for intent, texts in by_intent.items():
        for text in texts:
            if rng.random() >= share:
                continue
            others = [(i, t) for i, t in nearest(text) if i != intent]
            if len(others) < 3:
                continue
            wrong = [t for _, t in rng.sample(others, 3)]
            if intent.endswith(" oos"):
                yield spoil(rng, text), wrong, None, "answers"
            else:
                right = rng.choice([t for t in texts if t != text] or [text])
                yield spoil(rng, text), [right, *wrong], 0, "answers"


def foreign_groups(rng, queries, world, nearest):
    """Queries that have nothing to do with the business."""
    for text in queries:
        chosen = rng.sample(nearest(text)[:5], 3)
        yield spoil(rng, text), [entry_text(rng, world.entries[at]) for at in chosen], None, "answers"


def same_groups(rng, world, nearest, share=1.0):
    """Whether two customers ask the same: two pairs of an entry, and pairs across entries; of `share` of the entries."""
    for at, entry in enumerate(world.entries):
        if rng.random() >= share:
            continue
        texts = [entry["question"], *entry["also"], *entry["asked"]]
        for _ in range(2):
            one, other = rng.sample(texts, 2)
            wrong = [world.entries[near] for near in nearest(one)[:5] if near != at]
            others = [rng.choice([row["question"], *row["asked"]]) for row in rng.sample(wrong, 2)]
            yield spoil(rng, one), [other, *others], 0, "same"


def reworded_groups(rng, world, share):
    """A question of each entry beside a rewording of itself, which is the same; of `share` of the entries.

    Only to learn from: there are as many as one likes, so that they tell nothing of how often questions are the same.
    """
    for entry in world.entries:
        if rng.random() < share:
            text = rng.choice([entry["question"], *entry["also"], *entry["asked"]])
            yield spoil(rng, text), [reword(rng, text)], [1], "same"


def labelled_pairs(data, part):
    """The own labelled pairs for the cache, of one part."""
    rows = read_lines(data / "pairs_own.jsonl")
    return [(row["origin"], row["similar"], row["label"]) for row in rows if part_of(row["origin"]) == part]
