"""Architectures whose texts cannot share a forward pass.

Convolutions and recurrent layers know no attention mask: all that stands before a token in its row
changes it. So each text has a row of its own, without padding; texts of equal length are read
together.
"""

import torch

from besci.llm.engine import Reader


class Alone(Reader):
    """Reads each sequence in a row of its own and keeps nothing for the next; see `Engine`."""

    slower = (
        "its architecture does not let texts share a forward pass: each is read by itself, or with "
        "others of the same length, which takes several times as long"
    )

    def shared(self, store, ids):
        return 0

    def log_probs(self, store, sequences, progress=lambda n: None):
        """log p of the tokens ids[first:], given those before, for each (ids, first): (n,) array.

        first: at least 1.
        """
        total = torch.zeros(len(sequences), dtype=torch.float64)
        owners = {}
        for i, (ids, _) in enumerate(sequences):
            owners.setdefault(tuple(ids[:-1]), []).append(i)

        def run(rows):
            first = min(sequences[i][1] for row in rows for i in owners[row])
            log_p = self._pass(rows, keep=len(rows[0]) - first + 1)[0].log_softmax(-1)
            for row, of_row in zip(rows, log_p, strict=True):
                for i in owners[row]:
                    ids, start = sequences[i]
                    targets = torch.tensor(ids[start:], device=self.device)[:, None]
                    total[i] = of_row[start - first :].gather(1, targets).double().sum().cpu()
            progress(sum(len(owners[row]) for row in rows))

        self._together(store, owners, len, "limit", run)
        return total.numpy()

    def next_logits(self, store, ids):
        """Logits (vocabulary,) of the token after `ids`."""
        return self._pass([ids])[0][0, -1]

    def continue_all(self, store, drafts, most, stop, pick, progress=lambda n: None):
        """Add tokens to each Draft, up to one of `stop`, `most` tokens, or the context's end.

        pick(logits, drafts): the next token of each.
        """

        def run(batch):
            rows, cache = [draft.read for draft in batch], {}
            while places := [i for i, draft in enumerate(batch) if not draft.done]:
                logits, cache = self._pass(rows, cache)
                tokens = pick(logits[places, -1], [batch[i] for i in places])
                for i, token in zip(places, tokens, strict=True):
                    batch[i].add(token, stop, most, self.context)
                progress(sum(batch[i].done for i in places))
                rows = [draft.read[-1:] for draft in batch]  # what a finished one reads is not used

        self._together(store, drafts, lambda draft: len(draft.read), "room", run, more=most)

    def _together(self, store, items, length, bound, run, more=0):
        """Call run(batch) on items of equal length, as many as fit into `limit` or `room` tokens.

        more: tokens that each will have beyond its length.
        """
        whole, todo = self._sizes(), list(items)
        while todo:
            todo.sort(key=length)  # again: what was interrupted may have grown
            size = length(todo[0])
            n = max(1, getattr(self, bound) // (size + more))
            batch = [item for item in todo[:n] if length(item) == size]
            if self._fits(whole, store, run, batch):
                del todo[: len(batch)]

    @torch.inference_mode()
    def _pass(self, rows, cache=None, keep=1):
        """(logits (n, keep, vocabulary) at the end of rows of token ids, what to read on with).

        cache: None if nothing will be read on; {} at the beginning.
        """
        found = self.model(
            input_ids=torch.tensor(rows, device=self.device),
            use_cache=cache is not None,
            logits_to_keep=keep,
            **(cache or {}),
        )
        return self._finite(found.logits), {self.cache_name: getattr(found, self.cache_name, None)}
