"""How a pair model fares on a world that it was not trained on."""

import torch

from minilm import collate


def logits(model, texts, pairs, size=64):
    """The logits of (query, entry) texts."""
    model.eval()
    found = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(pairs), size):
            batch = [(texts.tokens(q), texts.tokens(e)) for q, e in pairs[start:start + size]]
            found.append(model(*collate(batch)))
    return torch.cat(found)


def ranked(model, texts, world, nearest, query, most):
    """The first `most` entries by cosine with their logits, best first."""
    places = nearest(query)[:most]
    entries = [world.entries[at] for at in places]
    scores = logits(model, texts, [(query, f"{e['question']} {e['answer']}") for e in entries])[:, 0]
    order = scores.argsort(descending=True).tolist()
    return [(places[at], scores[at].item()) for at in order]


def of_world(model, texts, world, nearest, most=6):
    """Shares of first places, and what could be answered at few wrong answers."""
    outcomes, first_by_cosine, within = [], 0, 0
    for query, gold in [*world.asked, *((text, None) for text, _ in world.missed)]:
        best = ranked(model, texts, world, nearest, query, most)
        if gold is not None:
            places = nearest(query)
            first_by_cosine += places[0] == gold
            within += gold in places[:most]
        outcomes.append((best[0][1], gold, best[0][0]))
    answerable = sum(gold is not None for _, gold, _ in outcomes)
    outcomes.sort(key=lambda outcome: -outcome[0])
    right = wrong = 0
    at_share = {}
    for _, gold, found in outcomes:
        right, wrong = right + (gold == found), wrong + (gold != found)
        for limit in (0.02, 0.05, 0.10):
            if wrong <= limit * len(outcomes):
                at_share[limit] = round(right / answerable, 3)
    first = sum(gold is not None and gold == found for _, gold, found in outcomes)
    return {"world": world.name, "queries": len(outcomes), "cosine_first": round(first_by_cosine / answerable, 3),
            f"within_{most}": round(within / answerable, 3), "pair_first": round(first / answerable, 3),
            "right_at_wrong": at_share}
