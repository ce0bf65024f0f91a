"""How prompts are put into batches: what begins alike is read once, and passes are filled."""

import hypothesis.strategies as st
from hypothesis import given

from besci.llm.trees import Job, Tree, common, fill

TOKENS = st.lists(st.integers(0, 2), min_size=1, max_size=12)


@given(st.lists(TOKENS, min_size=1, max_size=12), TOKENS, st.integers(1, 20), st.data())
def test_a_batch_fills_the_passes_that_its_first_job_takes_and_no_more(ids, store, room, data):
    jobs = [Job(read, data.draw(st.integers(0, len(read) - 1))) for read in sorted(ids)]
    first = data.draw(st.integers(0, len(jobs) - 1))
    known = common(store, jobs[first].read)

    def passes(count):
        """Passes of `room` tokens that so many of the jobs take, and the tokens they share."""
        batch = jobs[first : first + count]
        shared = min(job.free for job in batch)
        for job in batch:
            shared = min(shared, common(batch[0].read, job.read))
        return -(-len(Tree([job.read for job in batch], min(known, shared)).ids) // room), shared

    n, shared = fill(jobs, first, room, known)
    alone, whole = max(passes(1)[0], 1), len(jobs) - first
    assert (n == 1 or passes(n)[0] <= alone) and shared == passes(n)[1]
    assert n == whole or passes(n + 1)[0] > alone
