"""Articles, interviews and other documents: search, answers with checked quotes, and their scores.

Whatever is found in a document or quoted from it keeps its page and its place in the text.
"""

from besci.documents.ask import ask, retrieve
from besci.documents.document import Document, read_pdf, read_text
from besci.documents.quotes import verify_quotes
from besci.documents.scores import exact_match, number_match, page_hit, score, token_f1

__all__ = [
    "Document",
    "ask",
    "exact_match",
    "number_match",
    "page_hit",
    "read_pdf",
    "read_text",
    "retrieve",
    "score",
    "token_f1",
    "verify_quotes",
]
