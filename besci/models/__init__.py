"""The models of the course: which there are, and how they come to this computer, whole."""

from besci.models.faults import Failed, without_credentials
from besci.models.hub import first_answer
from besci.models.memory import Loaded, free_bytes, last_change, release, shared
from besci.models.registry import (
    EMBEDDED,
    FALLBACK,
    ModelUnavailable,
    all_entries,
    cache_dir,
    carried_by,
    default_generator,
    entry,
    generators,
    hub_id,
    is_hub_id,
    list_models,
    model_folder,
    model_path,
    without_hub,
)
from besci.models.stand_ins import asking_the_hub
from besci.models.weights import check_weights, count_parameters

__all__ = [
    "EMBEDDED",
    "FALLBACK",
    "Failed",
    "Loaded",
    "ModelUnavailable",
    "all_entries",
    "asking_the_hub",
    "cache_dir",
    "carried_by",
    "check_weights",
    "count_parameters",
    "default_generator",
    "entry",
    "first_answer",
    "free_bytes",
    "generators",
    "hub_id",
    "is_hub_id",
    "last_change",
    "list_models",
    "model_folder",
    "model_path",
    "release",
    "shared",
    "without_credentials",
    "without_hub",
]
