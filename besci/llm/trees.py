"""Token sequences that begin alike, laid out so that each distinct token is read once.

The sequences of a batch form one prefix tree in a single row: a token shared by several sequences
appears once, and an attention mask lets each token see its own ancestors only (tree attention;
Miao et al., 2024, doi:10.1145/3620666.3651335). So there is no padding, no copy of a shared prompt
per row, and no sequence can touch another. What a batch shares as a whole stays in a `Store` of
keys and values, and is read once for all batches and calls.
"""

import random
from dataclasses import dataclass, field

import numpy as np
from transformers.cache_utils import Cache, DynamicLayer


class _Layer(DynamicLayer):
    """Keys and values of one layer in a buffer: appending and going back copy nothing."""

    length = 0

    def update(self, key_states, value_states, *args, **kwargs):
        start, self.length = self.length, self.length + key_states.shape[-2]
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states[..., :0, :], value_states[..., :0, :]
        if self.length > self.keys.shape[-2]:
            self.resize(start, self.length + self.length // 4 + 64)
        self.keys[..., start : self.length, :] = key_states
        self.values[..., start : self.length, :] = value_states
        return self.keys[..., : self.length, :], self.values[..., : self.length, :]

    def resize(self, used, size):
        def moved(old):
            new = old.new_empty(*old.shape[:-2], size, old.shape[-1])
            new[..., :used, :] = old[..., :used, :]
            return new

        self.keys, self.values = moved(self.keys), moved(self.values)

    def get_seq_length(self):
        return self.length


class Store(Cache):
    """Keys and values of the tokens `ids`, with room for what is read after them."""

    def __init__(self):
        super().__init__(layer_class_to_replicate=_Layer)
        self.ids, self.long = [], False

    def rewind(self, length):
        """Forget all but the first `length` tokens."""
        del self.ids[length:]
        for layer in self.layers:
            layer.length = min(layer.length, length)

    def trim(self):
        """Give back the memory beyond the tokens it keeps."""
        self.rewind(len(self.ids))
        for layer in self.layers:
            if layer.is_initialized:
                layer.resize(layer.length, layer.length)


class Tree:
    """Sorted token sequences as one row, each shared beginning once.

    ids, depths: of each token in the row. paths: for each sequence, where its tokens are in the
    row. start: how many tokens all sequences share and the store already holds.
    """

    def __init__(self, sequences, start):
        self.start, self.paths, self.depths = start, [], []
        self.ids, self._runs = [], []
        previous, path = [], np.empty(0, np.int64)
        for sequence in sequences:
            shared = max(common(previous, sequence, start), start) - start
            path, new = path[:shared], sequence[start + shared :]
            first = len(self.ids)
            if new:
                self._runs.append((first, first + len(new), path))
                self.ids += new
                self.depths += range(start + shared, len(sequence))
                path = np.concatenate([path, np.arange(first, len(self.ids))])
            self.paths.append(path)
            previous = sequence
        self.depths = np.array(self.depths, np.int64)

    def sees(self, first, last):
        """(last - first, last) bool: which tokens of the row the tokens first..last may see."""
        seen = np.zeros((last - first, last), bool)
        for start, end, ancestors in self._runs:
            a, b = max(start, first), min(end, last)
            if a < b:
                seen[a - first : b - first, ancestors] = True
                seen[a - first : b - first, start:b] = np.tri(b - a, b - start, a - start, bool)
        return seen


@dataclass(eq=False)
class Job:
    """Ids to read, and how many of them, from the start, need no logits."""

    read: list
    free: int
    index: int = 0
    done: bool = False


@dataclass(eq=False)
class Draft:
    """An answer in the making. `read` is the prompt and what has been added to it."""

    read: list
    rng: random.Random | None = None
    tokens: list = field(default_factory=list)
    done: bool = False
    truncated: bool = False

    @property
    def free(self):
        return len(self.read) - 1

    def add(self, token, stop, most, context):
        if token in stop:
            self.done = True
            return
        self.tokens.append(token)
        self.read = [*self.read, token]
        self.done = self.truncated = len(self.tokens) >= most or len(self.read) >= context


def common(a, b, start=0):
    """How many tokens two sequences share at their beginning, the first `start` taken as shared."""
    end = min(len(a), len(b))
    for i in range(start, end, 64):
        if a[i : i + 64] != b[i : i + 64]:
            return next((j for j in range(i, min(i + 64, end)) if a[j] != b[j]), end)
    return end


def fill(jobs, cost, room):
    """How many of the sorted jobs fit into a batch, and how many tokens those share."""
    ids, shared = jobs[0].read, jobs[0].free
    total = len(ids) + cost(jobs[0])
    for n, job in enumerate(jobs[1:], 1):
        same = common(ids, job.read)
        total += len(job.read) - same + cost(job)
        if total - min(shared, same, job.free) > room:
            return n, shared
        shared = min(shared, same, job.free)
        ids = job.read
    return len(jobs), shared
