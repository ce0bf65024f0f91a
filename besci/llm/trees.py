"""Token sequences that begin alike, laid out so that each distinct token is read once.

The sequences of a batch form one prefix tree in a single row: a token shared by several sequences
appears once, and an attention mask lets each token see its own ancestors only (tree attention;
Miao et al., 2024, doi:10.1145/3620666.3651335). So there is no padding, no copy of a shared prompt
per row, and no sequence can touch another. What a batch shares as a whole stays in a `Store` of
keys and values, and is read once for all batches and calls.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from transformers.cache_utils import Cache, DynamicLayer


class _Columns:
    """Where in its row a forward pass puts what it reads, and how far the row reaches then."""

    def __init__(self):
        self.where, self.width = slice(0, 0), 0


class _Layer(DynamicLayer):
    """Keys and values of one layer in a buffer: adding to them and going back copy nothing."""

    def __init__(self, columns):
        super().__init__()
        self.columns = columns

    def update(self, key_states, value_states, *args, **kwargs):
        where, width = self.columns.where, self.columns.width
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states[..., :0, :], value_states[..., :0, :]
        if width > self.keys.shape[-2]:
            self.resize(width + width // 4 + 64)
        self.keys[..., where, :] = key_states
        self.values[..., where, :] = value_states
        return self.keys[..., :width, :], self.values[..., :width, :]

    def resize(self, size):
        def moved(old):
            # Zeros: a column that is not seen yet has to hold numbers all the same.
            new = old.new_zeros(*old.shape[:-2], size, old.shape[-1])
            kept = min(size, old.shape[-2])
            new[..., :kept, :] = old[..., :kept, :]
            return new

        self.keys, self.values = moved(self.keys), moved(self.values)

    def get_seq_length(self):
        return self.columns.width


class Store(Cache):
    """Keys and values of the tokens `ids`, one a column, with room for what is read after them."""

    def __init__(self):
        self.columns = _Columns()
        super().__init__(layer_class_to_replicate=partial(_Layer, self.columns))
        self.ids, self.long = [], False

    def put(self, where, width):
        """The next forward pass writes to the columns `where` and sees the first `width`."""
        self.columns.where, self.columns.width = where, width

    def rewind(self, length):
        """Forget all but the first `length` tokens."""
        del self.ids[length:]

    def trim(self):
        """Give back the memory beyond the tokens it keeps."""
        for layer in self.layers:
            if layer.is_initialized:
                layer.resize(len(self.ids))


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


def common(a, b, start=0):
    """How many tokens two sequences share at their beginning, the first `start` taken as shared."""
    end = min(len(a), len(b))
    for i in range(start, end, 64):
        if a[i : i + 64] != b[i : i + 64]:
            return next((j for j in range(i, min(i + 64, end)) if a[j] != b[j]), end)
    return end


def fill(jobs, first, room, known):
    """How many of the sorted jobs, from `first` on, go into a batch, and the tokens they share.

    A batch fills the passes of `room` tokens that its first job takes. known: how many of that
    job's tokens have been read before; those that all jobs share are not read again.
    """
    ids, shared = jobs[first].read, jobs[first].free
    total = len(ids)
    room *= max(-(-(total - min(known, shared)) // room), 1)
    for n in range(first + 1, len(jobs)):
        job = jobs[n]
        same = common(ids, job.read)
        total += len(job.read) - same
        left = min(shared, same, job.free)
        if total - min(known, left) > room:
            return n - first, shared
        shared, ids = left, job.read
    return len(jobs) - first, shared
