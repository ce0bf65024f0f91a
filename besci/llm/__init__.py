"""Open language models: answers, exact choices, probabilities, each with its provenance."""

from besci.llm.model import LLM
from besci.llm.provenance import Answer, PerRow, provenance, provenance_of
from besci.llm.recorded import NotRecorded
from besci.llm.shots import few_shot

__all__ = ["LLM", "Answer", "NotRecorded", "PerRow", "few_shot", "provenance", "provenance_of"]
