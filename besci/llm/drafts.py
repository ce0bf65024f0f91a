"""Answers in the making, side by side in one row of keys and values.

An answer that is finished leaves, and its columns are free for the next token of another; the next
one in the line enters as soon as there is room. How many may be under way follows from how long
those before them became (continuous batching; Yu et al., 2022, "Orca", OSDI).
"""

import random
from dataclasses import dataclass, field

import numpy as np

from besci.llm.trees import common


@dataclass(eq=False)
class Draft:
    """An answer in the making. `read` is the prompt and what has been added to it."""

    read: list
    rng: random.Random | None = None
    tokens: list = field(default_factory=list)
    done: bool = False
    truncated: bool = False

    def add(self, token, stop, most, context):
        if token in stop:
            self.done = True
            return
        self.tokens.append(token)
        self.read = [*self.read, token]
        self.done = self.truncated = len(self.tokens) >= most or len(self.read) >= context


class Lengths:
    """How long answers become, of which some are not finished yet.

    From the share that ends at each length among those that reached it (Kaplan & Meier, 1958,
    doi:10.1080/01621459.1958.10501452). Where none has: as if they had a mean of most / 2.
    """

    def __init__(self, most):
        self.most = most
        self._reached, self._ended = np.ones(most), np.full(most, 2 / (most + 2))

    def note(self, lengths, ended):
        """Answers of so many tokens each were to go on; whether each ended instead."""
        np.add.at(self._reached, np.array(lengths, int), 1)
        np.add.at(self._ended, np.array(lengths, int), np.array(ended, float))

    def at_least(self):
        """(most + 1,) the share of answers that become at least so long, from 0."""
        return np.append(1, (1 - self._ended / self._reached).cumprod())


@dataclass(eq=False)
class _Written:
    """A draft under way. path: columns of its tokens, `at` of which have been read or will be next.

    own: columns that it takes up and did not find in another's path.
    """

    draft: Draft
    path: np.ndarray
    at: int
    own: int


class Row:
    """Drafts that are written side by side, in columns of keys and values.

    Those that begin alike see the same columns; a column that none sees any more is free.

    ids: the tokens that the row begins with. line: sorted drafts, which enter in this order. trunk:
    how many tokens all of them share. room: columns in use beyond the trunk; a draft alone may take
    more. limit: tokens of one pass, and drafts under way. lengths: a `Lengths`.
    """

    def __init__(self, ids, line, trunk, room, limit, lengths):
        self.line, self.trunk = line[::-1], trunk
        self.room, self.limit, self.lengths = room, limit, lengths
        self.writing, self.reading = [], []  # in the order of their entrance
        self.depths = np.arange(len(ids))  # of each column's token
        self._users = np.ones(len(ids), int)  # of each column; the newest path counts once more
        self._ids, self._path = list(ids), np.arange(len(ids))  # of the newest draft
        self._newest, self._full = None, False

    def admit(self):
        """Let drafts enter as long as all are expected to find room until they end.

        Returns how many are under way.
        """
        under_way = self.writing + self.reading
        if not self.line or self._full:
            return len(under_way)
        most, share = self.lengths.most, self.lengths.at_least()
        later = np.linspace(0, most, 17).astype(int)

        def expected(columns, tokens):
            """Columns in use at each later step, of drafts with so many columns and tokens."""
            columns, tokens = np.array([columns, tokens], int)[:, :, None]
            goes_on = share[np.minimum(tokens + later, most)] / share[tokens]
            return ((columns + later) * goes_on * (tokens + later < most)).sum(axis=0)

        use = expected([one.own for one in under_way], [len(one.draft.tokens) for one in under_way])
        while self.line and len(under_way) < self.limit:
            draft = self.line[-1]
            # A draft needs the logits after its last token: only one that is equal and will be read
            # in the same pass can bring them.
            equal = self._newest in self.reading and draft.read == self._ids
            shared = len(draft.read) if equal else common(self._ids, draft.read[:-1])
            own = max(len(draft.read) - max(shared, self.trunk), 0)
            use = use + expected([own], [len(draft.tokens)])
            if under_way and max(use.max(), self._used() + own) > self.room:
                break
            self._enter(self.line.pop(), shared, own)
            under_way.append(self._newest)
        return len(under_way)

    def next_pass(self):
        """What to read next: ids, their depths, columns and what they see, (len(ids), width) bool.

        Then the drafts whose next token follows from it, and the places of their last in ids.
        """
        parts, place, followed, ends, size = [], {}, [], [], 0
        for one in self.writing + self.reading:
            ids = one.draft.read[one.at : one.at + self.limit - size]
            if ids:
                parts.append((one.path, one.at, ids))
                one.at, size = one.at + len(ids), size + len(ids)
            if one.at == len(one.draft.read):
                last = one.path[one.at - 1]
                if ids:
                    place[last] = size - 1
                if last in place:
                    followed.append(one)
                    ends.append(place[last])
        columns = np.concatenate([path[at : at + len(ids)] for path, at, ids in parts])
        width = 1 + max(path[: at + len(ids)].max() for path, at, ids in parts)
        sees, first = np.zeros((size, width), bool), 0
        for path, at, ids in parts:
            last = first + len(ids)
            sees[first:last, path[:at]] = True
            sees[first:last, path[at : at + len(ids)]] = np.tri(len(ids), dtype=bool)
            first = last
        ids = [token for _, _, ids in parts for token in ids]
        return ids, self.depths[columns], columns, sees, followed, ends

    def go_on(self, followed, gone):
        """Give the next token of each draft a column; those that are `gone` leave theirs."""
        for one in followed:
            if one in self.reading:
                self.reading.remove(one)
                self.writing.append(one)
            if one.draft in gone:
                self._leave(one)
                self._full = False
        while len(self.writing) > 1 and self._used() + len(self.writing) > self.room:
            one = self.writing[-1]
            self._leave(one)
            self.line.append(one.draft)
            self._full = True  # until another is finished
        new = self._free(len(self.writing))
        for one, column in zip(self.writing, new, strict=True):
            one.path[one.at] = column
            one.own += 1
            self.depths[column] = one.at
        self._users[new] += 1

    def _enter(self, draft, shared, own):
        path = np.empty(len(draft.read) + self.lengths.most, int)
        path[:shared] = self._path[:shared]
        self._users[self._path] -= 1
        self._users[path[:shared]] += 1
        path[shared : len(draft.read)] = new = self._free(len(draft.read) - shared)
        self._users[new] += 1
        self.depths[new] = np.arange(shared, len(draft.read))
        self._newest = _Written(draft, path, shared, own)
        self._ids, self._path = draft.read, path[: len(draft.read)]
        self._users[self._path] += 1
        self.reading.append(self._newest)

    def _leave(self, one):
        self.writing.remove(one)
        self._users[one.path[: one.at]] -= 1

    def _used(self):
        return max(np.count_nonzero(self._users) - self.trunk, 0)

    def _free(self, n):
        """The first n columns that are free; the row grows where there are too few."""
        free = np.flatnonzero(self._users == 0)[:n]
        more = np.arange(len(self._users), len(self._users) + n - len(free))
        self._users = np.append(self._users, np.zeros_like(more))
        self.depths = np.append(self.depths, more)
        return np.append(free, more)
