"""A causal language model that scores and continues token sequences, many at a time."""

import inspect
from operator import attrgetter

import numpy as np
import torch

from besci.llm.drafts import Lengths, Row
from besci.llm.trees import Job, Tree, common, fill


class Reader:
    """Reads and continues token sequences with a causal language model, in what memory there is.

    limit: tokens read in one forward pass. room: tokens of keys and values of the answers that are
    under way. Both are halved when the GPU runs out of memory.
    """

    def __init__(self, model):
        self.model, self.device = model, model.device
        config = model.config.get_text_config(decoder=True)
        self.context = getattr(config, "max_position_embeddings", None) or 2**31
        names = inspect.signature(model.forward).parameters
        # transformers 5.24 calls it otherwise, and 5.40 will not know the old name any more.
        known = (name for name in ("cache", "past_key_values", "cache_params") if name in names)
        self.cache_name = next(known, None)
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

    def _sizes(self):
        self._follow_memory()
        return self.limit, self.room

    def _fits(self, whole, store, run, *arguments):
        """Whether run(*arguments) found enough memory; else limit and room are halved.

        whole: both as they were at first, to which they return where nothing helps.
        """
        try:
            run(*arguments)
            return True
        except torch.OutOfMemoryError:
            pass  # what the exception refers to is freed only after this block
        store.trim()
        torch.cuda.empty_cache()
        if self.limit <= 16:
            self.limit, self.room = whole
            raise MemoryError(
                "The GPU has too little free memory even for a few tokens at a time. Shorten the "
                "text, restart the session, or take a smaller model (besci.list_models())."
            )
        self.limit, self.room = self.limit // 2, self.room // 2
        return False

    def _finite(self, logits):
        """The logits in float32, or FloatingPointError if some are no numbers."""
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


class Engine(Reader):
    """Reads many sequences in one row, those that begin alike once; see `trees` and `drafts`."""

    slower = None

    def __init__(self, model):
        super().__init__(model)
        config = model.config.get_text_config(decoder=True)
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

    # ---- one forward pass ---------------------------------------------------------------

    @torch.inference_mode()
    def _forward(self, store, ids, depths, where, sees, columns, keep):
        """Logits (len(keep), vocabulary) in float32 at the places `keep` of `ids`.

        where: the columns of the store that `ids` are put in, a slice or an array. sees:
        (len(ids), width) bool. columns: depth of each of the first `width` columns' tokens.
        """
        width = len(columns)
        if store.long and depths.max() < self.turn:
            # One unseen token far out keeps longrope on its long side.
            where = np.append(np.arange(width + 1)[where], width)
            ids, depths = [*ids, ids[-1]], np.append(depths, self.turn)
            columns, sees = np.append(columns, self.turn), np.pad(sees, ((0, 1), (0, 1)))
            sees[-1, -1] = True
        near = sees
        if self._window is not None:
            near = sees & (depths[:, None] - columns[None, :] < self._window)
        mask = self.mask(near)
        if self._mixed:
            mask = {"sliding_attention": mask, "full_attention": self.mask(sees)}
        if isinstance(where, np.ndarray):
            where = torch.as_tensor(where, device=self.device)
        store.put(where, len(columns))
        logits = self.model(
            input_ids=torch.tensor([ids], device=self.device),
            position_ids=torch.as_tensor(depths[None], device=self.device),
            attention_mask=mask,
            use_cache=True,
            logits_to_keep=torch.as_tensor(keep, device=self.device),
            **{self.cache_name: store},
        ).logits[0]
        return self._finite(logits)

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
                slice(held + first, held + last),
                sees,
                columns[: held + last],
                wanted - first,
            )
            if len(here):
                yield here, logits

    def _in_batches(self, store, jobs, run, progress=lambda n: None):
        """Call run(batch, tree) on jobs in sorted order, as many as fit into `limit` at a time.

        What a batch shares stays in the store for the next one.
        """
        jobs, whole = sorted(jobs, key=attrgetter("read")), self._sizes()
        for long in (False, True):
            todo, first = [job for job in jobs if self._is_long(job.read) == long], 0
            while first < len(todo):
                ids = todo[first].read
                known = common(store.ids, ids) if store.long == long else 0
                n, shared = fill(todo, first, self.limit, known)
                batch, held = todo[first : first + n], min(known, shared)
                store.rewind(held)
                store.long = long
                tree = Tree([job.read for job in batch], held)
                if self._fits(whole, store, run, batch, tree):
                    store.ids = ids[:shared]
                    first += n
                    progress(n)
        store.trim()

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

        self._in_batches(store, jobs, run, progress)
        return total

    def next_logits(self, store, ids):
        """Logits (vocabulary,) of the token after `ids`."""
        found = []

        def run(batch, tree):
            found.extend(self._feed(store, tree, tree.paths[0][-1:]))

        self._in_batches(store, [Job(ids, len(ids) - 1)], run)
        return found[-1][1][0]

    def continue_all(self, store, drafts, most, stop, pick, progress=lambda n: None):
        """Add tokens to each Draft, up to one of `stop`, `most` tokens, or the context's end.

        pick(logits, drafts): the next token of each.
        """
        whole, lengths = self._sizes(), Lengths(most)

        def write(line, long):
            first = line[0].read
            trunk = min(common(first, line[-1].read), min(len(draft.read) for draft in line) - 1)
            held = common(store.ids, first[:-1]) if store.long == long else 0
            row = Row(store.ids[:held], line, trunk, self.room, self.limit, lengths)
            store.rewind(min(held, trunk))  # the others' columns may be written over
            store.long = long
            while row.admit():
                ids, depths, where, sees, followed, ends = row.next_pass()
                keep, place = np.unique(ends, return_inverse=True)
                columns = row.depths[: sees.shape[1]]
                logits = self._forward(store, ids, depths, where, sees, columns, keep.astype(int))
                asked = [one.draft for one in followed]
                written = [len(draft.tokens) for draft in asked]
                tokens = pick(logits[place], asked) if asked else []
                for draft, token in zip(asked, tokens, strict=True):
                    draft.add(token, stop, most, self.context)
                lengths.note(written, [d.done and not d.truncated for d in asked])
                row.go_on(followed, {d for d in asked if d.done or self._is_long(d.read) != long})
                progress(sum(draft.done for draft in asked))
            store.ids = first[:trunk]

        for long in (False, True):
            # An answer that grows beyond the turn comes back for the second round.
            while line := [d for d in drafts if not d.done and self._is_long(d.read) == long]:
                self._fits(whole, store, write, sorted(line, key=attrgetter("read")), long)
        store.trim()
