"""From log-probabilities and logits to choices and draws."""

import numpy as np


def softmax(log_weights):
    """Rows of log-weights (n, k) as probabilities that sum to 1."""
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def disjoint(log_prob, options):
    """Log-probabilities (k,) of events that exclude one another.

    log_prob: log p that an answer begins with each option. options: their token ids. An answer
    counts for the longest option it begins with, so from each option the probability of those
    that go on from it is taken off.
    """
    event = np.array(log_prob, float)
    for j, option in enumerate(options):
        longer = [i for i, other in enumerate(options) if i != j and _begins(option, other)]
        nearest = [
            i for i in longer if not any(i != m and _begins(options[m], options[i]) for m in longer)
        ]
        if nearest:
            rest = -np.expm1(np.logaddexp.reduce(log_prob[nearest]) - log_prob[j])
            event[j] = log_prob[j] + np.log(max(rest, 1e-7))  # below that float32 knows no more
    return event


def _begins(option, other):
    return other[: len(option)] == option


def draw(logits, chances, temperature, top_p):
    """One token from each row of logits (n, vocabulary), by inverting its distribution function.

    chances: n numbers in [0, 1), which decide the draws. Keeps the fewest tokens with probability
    top_p or more together.
    """
    import torch

    p = (logits.double() / temperature).softmax(-1)
    tokens = None
    if top_p < 1:
        p, tokens = torch.sort(p, dim=-1, descending=True, stable=True)
        p = p.where(p.cumsum(-1) - p < top_p, 0)
    reached = p.cumsum(-1)
    chance = torch.tensor(chances, dtype=p.dtype, device=p.device)[:, None] * reached[:, -1:]
    place = torch.searchsorted(reached, chance, right=True).clamp(max=p.shape[-1] - 1)
    return (place if tokens is None else tokens.gather(-1, place))[:, 0].tolist()
