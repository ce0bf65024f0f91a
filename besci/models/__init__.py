"""The models of the course: which there are, and how they come to this computer, whole."""

from besci.models.download import Failed, first_answer, without_credentials
from besci.models.registry import (
    MANIFEST,
    ModelUnavailable,
    cache_dir,
    default_generator,
    entry,
    list_models,
    model_folder,
    model_path,
)

__all__ = [
    "MANIFEST",
    "Failed",
    "ModelUnavailable",
    "cache_dir",
    "default_generator",
    "entry",
    "first_answer",
    "list_models",
    "model_folder",
    "model_path",
    "without_credentials",
]
