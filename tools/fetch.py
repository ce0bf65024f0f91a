"""Fetch the models that this computer uses into the cache, before anybody waits for them.

    make models

MODEL, where it is set, is the generator, instead of the best for this computer.
"""

import os

from besci import ModelUnavailable, model_path
from besci.models import FALLBACK, generators

NAMED = os.environ.get("MODEL", "")


def main():
    if NAMED:
        os.environ["BESCI_MODEL"] = NAMED
    wanted = [key for key, _ in generators() if not key.startswith("recorded:")]
    for key in ("minilm", FALLBACK):
        model_path(key)
    for key in wanted:
        try:
            model_path(key)
        except ModelUnavailable as error:
            if key == wanted[-1]:
                raise SystemExit(str(error)) from None
            print(error)
        else:
            break


if __name__ == "__main__":
    main()
