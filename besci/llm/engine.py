"""A causal language model that scores and continues token sequences, many at a time."""

import numpy as np
import torch

from besci.llm.trees import Job, Store, Tree, common, fill


class Engine:
    """A causal language model that scores and continues token sequences.

    limit: tokens read in one forward pass. room: tokens of keys and values in one batch of
    answers. Both are halved when the GPU runs out of memory.
    """

    def __init__(self, model):
        self.model, self.device = model, model.device
        config = model.config.get_text_config(decoder=True)
        self.context = getattr(config, "max_position_embeddings", None) or 2**31
        layer_types = set(getattr(config, "layer_types", None) or ())
        window = getattr(config, "sliding_window", None)
        sliding = "sliding_attention" in layer_types or not layer_types
        self._window = window if window and sliding else None
        self._mixed = self._window is not None and "full_attention" in layer_types
        # longrope turns all positions of a forward pass another way once one lies beyond this.
        rope = getattr(config, "rope_parameters", None) or {}
        self.turn = (
            rope["original_max_position_embeddings"]
            if rope.get("rope_type") == "longrope"
            else None
        )
        self.limit, self.room = 256, 4096
        self._follow_memory()

    def _follow_memory(self):
        """On a GPU, as many tokens at a time as fit into what is free now."""
        if self.device.type != "cuda":
            return
        config = self.model.config.get_text_config(decoder=True)
        free = torch.cuda.mem_get_info(self.device)[0]
        size = self.model.dtype.itemsize
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None)
        width = width or config.hidden_size // config.num_attention_heads
        kept = 2 * config.num_hidden_layers * heads * width * size
        passing = 8 * config.vocab_size + size * 24 * config.hidden_size
        self.limit = int(np.clip(0.3 * free / passing, 128, 2048))
        self.room = int(np.clip(0.4 * free / kept, 512, 16384))

    # ---- one forward pass ---------------------------------------------------------------

    @torch.inference_mode()
    def _forward(self, store, ids, depths, sees, columns, keep):
        """Logits (len(keep), vocabulary) in float32 at the places `keep` of `ids`.

        sees: (len(ids), len(columns)) bool. columns: depth of each token in the store and of
        `ids`.
        """
        depths, columns = np.asarray(depths), np.asarray(columns)
        ghost = store.long and depths.max() < self.turn
        if ghost:  # one unseen token far out keeps longrope on its long side
            ids, depths = [*ids, ids[-1]], np.append(depths, self.turn)
            columns = np.append(columns, self.turn)
            sees = np.pad(sees, ((0, 1), (0, 1)))
            sees[-1, -1] = True
        near = sees
        if self._window is not None:
            near = sees & (depths[:, None] - columns[None, :] < self._window)
        mask = self.mask(near)
        if self._mixed:
            mask = {"sliding_attention": mask, "full_attention": self.mask(sees)}
        logits = self.model(
            input_ids=torch.tensor([ids], device=self.device),
            position_ids=torch.as_tensor(depths[None], device=self.device),
            attention_mask=mask,
            past_key_values=store,
            use_cache=True,
            logits_to_keep=torch.as_tensor(keep, device=self.device),
        ).logits[0]
        if ghost:
            for layer in store.layers:
                layer.length -= 1
        logits = logits.float()
        if torch.isnan(logits).any():
            raise FloatingPointError(
                "The model returned numbers that are not numbers (NaN). "
                + (
                    "Its weights do not fit into 16 bits on this GPU: load it with "
                    "LLM(..., dtype=torch.float32), or take another model."
                    if self.model.dtype != torch.float32
                    else "Its weights are damaged: delete its folder and load it again."
                )
            )
        return logits

    def mask(self, sees):
        """The attention mask (1, 1, n, m) that lets row i see column j where sees[i, j]."""
        seen = torch.from_numpy(sees).to(self.device)
        lowest = torch.finfo(self.model.dtype).min
        mask = torch.zeros(seen.shape, dtype=self.model.dtype, device=self.device)
        return mask.masked_fill_(~seen, lowest)[None, None]

    def _feed(self, store, tree, keep):
        """Read a tree's row, `limit` tokens at a time; yield (places, their logits)."""
        held = tree.start
        columns = np.concatenate([np.arange(held), tree.depths])
        for first in range(0, len(tree.ids), self.limit):
            last = min(first + self.limit, len(tree.ids))
            sees = np.ones((last - first, held + last), bool)
            sees[:, held:] = tree.sees(first, last)
            here = keep[(keep >= first) & (keep < last)]
            wanted = here if len(here) else np.array([last - 1])
            logits = self._forward(
                store,
                tree.ids[first:last],
                tree.depths[first:last],
                sees,
                columns[: held + last],
                wanted - first,
            )
            if len(here):
                yield here, logits

    def _in_batches(self, store, jobs, run, room, cost=lambda job: 0, progress=lambda n: None):
        """Call run(batch, tree) on jobs in sorted order, as many at a time as fit into `room`.

        A job has `read`, the ids to read, and `free`, how many of them need no logits. What a
        batch shares stays in the store for the next one. cost: tokens that a job adds later.
        """
        self._follow_memory()
        before = self.limit, self.room
        for long in (False, True):
            # An answer that grows beyond the turn comes back for the second round.
            todo = [job for job in jobs if not job.done and self._is_long(job.read) == long]
            while todo:
                todo.sort(key=lambda job: job.read)
                n, shared = fill(todo, cost, getattr(self, room))
                batch, ids = todo[:n], todo[0].read
                held = common(store.ids, ids[:shared]) if store.long == long else 0
                store.rewind(held)
                store.long = long
                try:
                    run(batch, Tree([job.read for job in batch], held))
                    fits = True
                except torch.OutOfMemoryError:
                    fits = False  # what the exception refers to is freed only after this block
                if not fits:
                    self._halve(store, before)
                    todo = [job for job in todo if not job.done]
                    continue
                store.ids = ids[:shared]
                store.rewind(shared)
                del todo[:n]
                progress(sum(job.done for job in batch))
        store.trim()

    def _halve(self, store, before):
        store.trim()
        torch.cuda.empty_cache()
        if self.limit <= 16:
            self.limit, self.room = before
            raise MemoryError(
                "The GPU has too little free memory even for a few tokens at a time. Shorten the "
                "text, restart the session, or take a smaller model (besci.list_models())."
            )
        self.limit, self.room = self.limit // 2, self.room // 2

    def _is_long(self, ids):
        return self.turn is not None and len(ids) > self.turn

    # ---- what it is for -----------------------------------------------------------------

    def shared(self, store, ids):
        """How many of the first `ids` the store has, read the way `ids` would be."""
        return common(store.ids, ids) if store.long == self._is_long(ids) else 0

    def log_probs(self, store, sequences, progress=lambda n: None):
        """log p of the tokens ids[first:], given those before, for each (ids, first): (n,) array.

        first: at least 1.
        """
        total = np.zeros(len(sequences))
        jobs = [Job(ids[:-1], first - 1, i) for i, (ids, first) in enumerate(sequences)]

        def run(batch, tree):
            places, targets, owners = [], [], []
            for job, path in zip(batch, tree.paths, strict=True):
                places.append(path[job.free - tree.start :])
                targets += sequences[job.index][0][job.free + 1 :]
                owners += [job.index] * len(places[-1])
            places, targets, owners = map(np.asarray, (np.concatenate(places), targets, owners))
            found = np.zeros(len(places))
            for here, logits in self._feed(store, tree, np.unique(places)):
                now = np.isin(places, here)
                rows = torch.as_tensor(np.searchsorted(here, places[now]), device=self.device)
                tokens = torch.as_tensor(targets[now], device=self.device)
                found[now] = (logits[rows, tokens] - logits.logsumexp(-1)[rows]).cpu().numpy()
            np.add.at(total, owners, found)
            for job in batch:
                job.done = True

        self._in_batches(store, jobs, run, "limit", progress=progress)
        return total

    def next_logits(self, store, ids):
        """Logits (vocabulary,) of the token after `ids`."""
        found = []
        job = Job(ids, len(ids) - 1)
        self._in_batches(
            store, [job], lambda _, tree: found.append(self._last(store, tree)), "limit"
        )
        return found[0][0]

    def _last(self, store, tree):
        """Logits (n, vocabulary) after each sequence of a tree."""
        ends = np.array([path[-1] for path in tree.paths])
        rows = [logits for _, logits in self._feed(store, tree, np.unique(ends))]
        return torch.cat(rows)[np.searchsorted(np.unique(ends), ends)]

    def continue_all(self, store, drafts, most, stop, pick, progress=lambda n: None):
        """Add tokens to each Draft, up to one of `stop`, `most` tokens, or the context's end.

        pick(logits, drafts): the next token of each.
        """

        def run(batch, tree):
            logits, active = self._last(store, tree), list(range(len(batch)))
            width = len(tree.ids)
            seen = np.zeros((len(batch), width + len(batch) * most), bool)
            depths = np.concatenate([np.arange(tree.start), tree.depths])
            for row, path in enumerate(tree.paths):
                seen[row, path] = True
            while True:
                tokens = pick(logits, [batch[row] for row in active])
                for row, token in zip(active, tokens, strict=True):
                    batch[row].add(token, stop, most, self.context)
                active = [
                    row
                    for row in active
                    if not batch[row].done and self._is_long(batch[row].read) == store.long
                ]
                if not active:
                    return
                seen[active, range(width, width + len(active))] = True
                width += len(active)
                ids = [batch[row].tokens[-1] for row in active]
                places = [len(batch[row].read) - 1 for row in active]
                depths = np.append(depths, places)
                sees = np.ones((len(active), len(depths)), bool)
                sees[:, tree.start :] = seen[active, :width]
                keep = np.arange(len(active))
                logits = self._forward(store, ids, places, sees, depths, keep)

        def left(draft):
            return most - len(draft.tokens)

        self._in_batches(store, drafts, run, "room", left, progress)

    def check(self):
        """Raise ValueError if this architecture cannot read several sequences in one row."""
        refusal = ValueError(
            f"besci cannot use the architecture {type(self.model).__name__}: it does not let "
            "independent texts share a forward pass."
        )
        size = min(self.model.config.get_text_config(decoder=True).vocab_size, 1000)
        a, b, c, d, e = (size * i // 7 for i in range(1, 6))
        sequences = [[a, b, c, d], [a, b, e, d, a], [c, a]]
        try:
            ours = self.log_probs(Store(), [(ids, 1) for ids in sequences])
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
            raise refusal from error
        for ids, found in zip(sequences, ours, strict=True):
            row = torch.tensor([ids], device=self.device)
            with torch.inference_mode():
                logits = self.model(row, attention_mask=torch.ones_like(row)).logits
            plain = logits[0, :-1].float().log_softmax(-1)
            wanted = plain.gather(1, row[0, 1:, None]).sum().item()
            # 16-bit weights round differently in another order of operations.
            if abs(found - wanted) > (1e-3 if self.model.dtype == torch.float32 else 2.0):
                raise refusal
