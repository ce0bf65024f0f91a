"""Reading a long text once and asking many questions about it."""

import pandas as pd

from besci.scoring import listed, require
from besci.trees import Store, common


class Reader:
    """A text that a model has read, for questions about it; made by `LLM.read`.

    What the model sees is the text, a blank line, and the question, as one message of the user.
    The text's keys and values are kept, so each question costs only its own tokens, and the
    answers are those of `LLM.chat` on the whole. Raises ValueError for a text that is too long.
    """

    def __init__(self, llm, context, system=None):
        require(isinstance(context, str) and context.strip(), "context must be a text.")
        self._llm, self._context, self._system, self._store = llm, context, system, Store()
        two = llm.prompts.encode(llm.prompts.render_all(self._prompts(["a", "1"]), system))
        ids = two[0][: common(*two)]
        llm._require_room(ids, 1, "The context")
        llm.engine.keep(self._store, ids)

    def ask(
        self,
        questions,
        max_new_tokens=200,
        temperature=0.0,
        top_p=1.0,
        seed=None,
        progress=True,
    ):
        """Answer a question (an Answer) or a list of them; the rest is as in `LLM.chat`."""
        single, questions, _ = listed(questions, "question")
        answers = self._llm._chat(
            self._store,
            self._prompts(questions),
            self._system,
            max_new_tokens,
            temperature,
            top_p,
            seed,
            progress,
        )
        return answers[0] if single else answers

    def choose(self, questions, options, normalize="sum", calibrate=None, progress=True):
        """Probability of each option as the answer: DataFrame, as from `LLM.choose`."""
        _, questions, index = listed(questions, "question")
        return self._llm._choose(
            self._store,
            pd.Series(self._prompts(questions), index=index, dtype=object),
            options,
            self._system,
            normalize,
            calibrate,
            progress,
        )

    def _prompts(self, questions):
        for i, question in enumerate(questions):
            require(
                isinstance(question, str), f"Question {i} is {question!r:.60}; it should be a text."
            )
        return [f"{self._context}\n\n{question}" for question in questions]
