"""Fetch the models that this computer uses into the cache, before anybody waits for them.

    make models

MODEL, where it is set, is the generator, instead of the best for this computer.
"""

import os

from besci import ModelUnavailable, model_path
from besci.llm.loading import locate
from besci.models import EMBEDDED, default_generator


def main():
    if named := os.environ.get("MODEL"):
        os.environ["BESCI_MODEL"] = named
    try:
        for key in EMBEDDED:
            model_path(key)
        if not default_generator().startswith("recorded:"):
            locate(None)
    except (ModelUnavailable, ValueError) as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
