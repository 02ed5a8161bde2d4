"""A MiniLM encoder in PyTorch, with the tensors of its published file, that reads a pair of texts."""

import math

import torch
from torch import nn
from torch.nn import functional as F

LAYERS, HEADS, HIDDEN = 6, 12, 384
# Tokens of the query and of the entry that are read; the program that serves reads as many.
MOST_QUERY, MOST_ENTRY = 62, 126
CLS, SEP = 101, 102


class Layer(nn.Module):
    """One transformer layer, with the norms after the sums."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(HIDDEN, HIDDEN) for _ in range(4))
        self.up, self.down = nn.Linear(HIDDEN, 4 * HIDDEN), nn.Linear(4 * HIDDEN, HIDDEN)
        self.norm1, self.norm2 = nn.LayerNorm(HIDDEN, eps=1e-12), nn.LayerNorm(HIDDEN, eps=1e-12)

    def forward(self, x, mask, dropout):
        # Dropping attention as well would cost a fifth of the time.
        batch, length, _ = x.shape
        split = lambda y: y.view(batch, length, HEADS, HIDDEN // HEADS).transpose(1, 2)
        attended = F.scaled_dot_product_attention(
            split(self.query(x)), split(self.key(x)), split(self.value(x)), attn_mask=mask)
        attended = self.out(attended.transpose(1, 2).reshape(batch, length, HIDDEN))
        x = self.norm1(x + attended)
        changed = self.down(F.gelu(self.up(x)))
        return self.norm2(x + F.dropout(changed, dropout, self.training))


class MiniLm(nn.Module):
    """The encoder; `forward` gives the last hidden states."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(30522, HIDDEN)
        self.positions = nn.Embedding(512, HIDDEN)
        self.types = nn.Embedding(2, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, eps=1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, ids, types, mask):
        dropout = 0.1 if self.training else 0.0
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.words(ids) + self.positions(places) + self.types(types))
        x = F.dropout(x, dropout, self.training)
        attend = mask[:, None, None, :].bool()
        for layer in self.layers:
            x = layer(x, attend, dropout)
        return x


class PairModel(nn.Module):
    """Two logits for a pair: whether the entry answers the query, and whether both ask the same."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(HIDDEN, 2)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, ids, types, mask):
        hidden = self.encoder(ids, types, mask)
        mask = mask[:, :, None].to(hidden.dtype)
        mean = (hidden * mask).sum(1) / mask.sum(1)
        return self.head(F.dropout(mean, 0.1 if self.training else 0.0, self.training)).float()


# Name in the published file -> name here; layers have a number in between.
NAMES = {"attention.self.query": "query", "attention.self.key": "key", "attention.self.value": "value",
         "attention.output.dense": "out", "attention.output.LayerNorm": "norm1",
         "intermediate.dense": "up", "output.dense": "down", "output.LayerNorm": "norm2"}


def names():
    """Pairs of a tensor's name in the published file and here."""
    yield "embeddings.word_embeddings.weight", "words.weight"
    yield "embeddings.position_embeddings.weight", "positions.weight"
    yield "embeddings.token_type_embeddings.weight", "types.weight"
    for kind in ("weight", "bias"):
        yield f"embeddings.LayerNorm.{kind}", f"norm.{kind}"
        for layer in range(LAYERS):
            for theirs, ours in NAMES.items():
                yield f"encoder.layer.{layer}.{theirs}.{kind}", f"layers.{layer}.{ours}.{kind}"


def load(published):
    """The encoder with the tensors of the published safetensors file's contents."""
    encoder = MiniLm()
    encoder.load_state_dict({ours: published[theirs] for theirs, ours in names()})
    return encoder


def collate(pairs):
    """Padded tensors of (query ids, entry ids) pairs."""
    rows = [([CLS] + q[:MOST_QUERY] + [SEP], e[:MOST_ENTRY] + [SEP]) for q, e in pairs]
    length = max(len(q) + len(e) for q, e in rows)
    ids, types, mask = (torch.zeros(len(rows), length, dtype=torch.long) for _ in range(3))
    for at, (q, e) in enumerate(rows):
        n = len(q) + len(e)
        ids[at, :n] = torch.tensor(q + e)
        types[at, len(q):n] = 1
        mask[at, :n] = 1
    return ids, types, mask


def mean_vectors(encoder, texts, size=256, exact=False):
    """Vectors of length 1 of token-id lists, as the sentence encoder makes them; `exact` in full precision."""
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    vectors = torch.zeros(len(texts), HIDDEN)
    encoder.eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=not exact):
        for start in range(0, len(order), size):
            chosen = order[start:start + size]
            rows = [[CLS] + texts[at][:254] + [SEP] for at in chosen]
            length = max(map(len, rows))
            ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
            mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
            hidden = encoder(ids, torch.zeros_like(ids), mask).float()
            mean = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
            vectors[torch.tensor(chosen)] = F.normalize(mean, dim=1)
    return vectors
