"""besci: the helper package of the course Open LLMs for Behavioral Science.

Each name is imported when it is first used, so `import besci` is quick and brings no model code.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

__version__ = "2026.11"

_HOME = {
    "start": "session",
    "path": "files",
    "gpu": "device",
    "cache_dir": "models",
    "list_models": "models",
    "model_path": "models",
    "ModelUnavailable": "models",
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


def _is_whole():
    """Whether this is a checkout, or an installation that pip has finished.

    pip notes who installed a package only after all its files are there.
    """
    if (Path(__file__).resolve().parents[1] / "data" / "datapackage.json").is_file():
        return True
    try:
        return distribution("besci").read_text("INSTALLER") is not None
    except PackageNotFoundError:
        return False


if not _is_whole():
    raise ImportError("The installation of besci was interrupted. Run the setup cell again.")
