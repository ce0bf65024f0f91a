"""besci: the helper package of the course Open LLMs for Behavioral Science.

Each name is imported when it is first used, so `import besci` is quick and brings no model code.
"""

from importlib import import_module

__version__ = "2026.11"

_HOME = {
    "start": "session",
    "gpu": "registry",
    "models": "registry",
    "model_path": "registry",
    "cache_dir": "registry",
    "ModelUnavailable": "registry",
    "load_data": "data",
    "DataError": "data",
    "embed": "embeddings",
    "LLM": "llm",
    "provenance": "llm",
    "quiz": "quizzes",
}
_MODULES = ("stats", "plots", "documents", "survey", "project", "checks")
__all__ = [*_HOME, *_MODULES]


def __getattr__(name):
    if name in _HOME:
        return getattr(import_module(f"besci.{_HOME[name]}"), name)
    if name in _MODULES:
        return import_module(f"besci.{name}")
    raise AttributeError(f"module 'besci' has no attribute {name!r}; it has: {', '.join(__all__)}")


def __dir__():
    return __all__
