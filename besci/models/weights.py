"""A model of which weights are missing is refused: else they would be random, without a word."""


def check_weights(name, found, unused=()):
    """Raise ValueError where a folder lacked weights of its model, or had them in another shape.

    found: what `from_pretrained(..., output_loading_info=True)` returns beside the model. unused:
    parts of names of weights that nothing is computed from.
    """
    missing = [key for key in found["missing_keys"] if not any(part in key for part in unused)]
    reshaped = [key for key, *_ in found["mismatched_keys"]]
    if not missing and not reshaped:
        return
    wrong = "lack" if missing else "have in another shape"
    listed, more = sorted(missing or reshaped), sorted(found["unexpected_keys"])
    extra = f" There are others instead, such as {more[0]}." if more else ""
    raise ValueError(
        f"{name} cannot be used: its files {wrong} {len(listed)} of the model's weights, such as "
        f"{listed[0]}.{extra} Save the whole model with save_pretrained; of an adapter (PEFT), "
        "merge it first (merge_and_unload)."
    )
