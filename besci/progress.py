"""The progress bar of whatever takes long."""

import warnings


def progress_bar(total, label, progress):
    """A progress bar that shows itself only after a second."""
    with warnings.catch_warnings():  # tqdm complains where notebook widgets are missing
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm

        return tqdm(total=total, desc=label, disable=not progress, delay=1, leave=False)
