"""besci: the helper package of the course Open LLMs for Behavioral Science.

Each name is imported when it is first used, so `import besci` is quick and brings no model code.
"""

import shutil
from importlib import import_module
from pathlib import Path

__version__ = "2026.11"

_HOME = {
    "start": "session",
    "path": "files",
    "gpu": "device",
    "list_models": "models",
    "model_path": "models",
    "hub_id": "models",
    "release": "models",
    "ModelUnavailable": "models",
    "load_data": "data",
    "DataError": "data",
    "embed": "embeddings",
    "LLM": "llm",
    "few_shot": "llm",
    "provenance": "llm",
    "quiz": "quizzes",
    "show": "display",
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


def _require_whole():
    """Raise ImportError where pip was interrupted while it installed this package.

    Then the setup cell installs it anew. pip notes who installed a package only after all its files
    are there; what it had noted before is taken away, for pip would believe it.
    """
    package = Path(__file__).resolve().parent
    notes = list(package.parent.glob("besci-*.dist-info"))
    half = [about for about in notes if not (about / "INSTALLER").is_file()]
    if (package / "course").is_dir():  # installed, not a checkout
        whole = notes and not half
    else:
        whole = (package.parent / "data" / "datapackage.json").is_file()
    if not whole:
        for about in half:
            shutil.rmtree(about)
        raise ImportError("besci is not whole: its installation broke off. Run setup again.")


_require_whole()
