"""Open language models: answers, exact choices, probabilities, each with its provenance."""

from besci.llm.model import LLM
from besci.llm.provenance import Answer, provenance, provenance_of

__all__ = ["LLM", "Answer", "provenance", "provenance_of"]
