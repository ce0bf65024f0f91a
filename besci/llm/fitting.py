"""Which way of reading computes exactly what a model computes for one text at a time."""

import torch

from besci.llm.alone import Alone
from besci.llm.drafts import Draft
from besci.llm.engine import Engine
from besci.llm.trees import Store


def reader_for(model):
    """An Engine, or an Alone, which is slower, where texts cannot share a pass.

    Raises ValueError for an architecture that neither reads as transformers reads it.
    """
    for way in (Engine, Alone):
        try:
            reader = way(model)
            if difference(reader) < (1e-3 if model.dtype == torch.float32 else 2.0):
                return reader
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
            pass  # it asks for what the architecture does not have
    raise ValueError(
        f"besci cannot use the architecture {type(model).__name__}: read as besci reads, several "
        "texts in one pass or going on from what was read before, it computes something else than "
        "for one whole text."
    )


def difference(reader):
    """The largest difference in log p from plain passes over one text at a time.

    Of texts that begin alike, of a text that goes on from what an earlier call has read, and of
    answers under way together.
    """
    size = min(reader.model.config.get_text_config(decoder=True).vocab_size, 1000)
    a, b, c, d, e = (size * i // 7 for i in range(1, 6))
    store, differences = Store(), []
    for texts in ([[a, b, c, d], [a, b, e, d, a], [c, a]], [[c, e, b]]):
        scores = reader.log_probs(store, [(ids, 1) for ids in texts])
        for ids, score in zip(texts, scores, strict=True):
            each = _log_p(reader.model, ids)[:-1].gather(1, torch.tensor(ids)[1:, None])
            differences.append(abs(score - each.sum().item()))
    drafts, seen = [Draft([a, b, c]), Draft([a, b, d, c])], []

    def pick(logits, asked):
        log_p = logits.log_softmax(-1).cpu()
        seen.extend((draft, len(draft.read), row) for draft, row in zip(asked, log_p, strict=True))
        return [b, e][: len(asked)]

    reader.continue_all(store, drafts, 3, set(), pick)
    plain = {draft: _log_p(reader.model, draft.read) for draft in drafts}
    for draft, length, row in seen:
        wanted = plain[draft][length - 1]
        differences.append(abs(row - wanted)[wanted.argmax()].item())
    return max(differences)


@torch.inference_mode()
def _log_p(model, ids):
    """(n, vocabulary) log p of the token after each of ids, from one plain forward pass."""
    row = torch.tensor([ids], device=model.device)
    return model(row, attention_mask=torch.ones_like(row)).logits[0].float().log_softmax(-1).cpu()
