"""The figures of day 2 with MiniLM on these data, from the course's own code, on every stack."""

import numpy as np
import pytest

from besci import embed, load_data, stats


@pytest.fixture(scope="module")
def day():
    items = load_data("personality_items")
    responses = load_data("personality_responses")[items["item_id"]]
    vectors = embed(items["text"])
    return items, responses, stats.pairs(vectors @ vectors.T), stats.pairs(responses.corr())


def test_raw_absolute_and_keyed_agreement_of_wording_and_answers(day):
    items, _, cosine, r = day
    signs = stats.pairs(np.outer(items["keying"], items["keying"]))
    assert stats.correlation(cosine, r) == pytest.approx(0.11, abs=0.005)
    assert stats.correlation(np.abs(cosine), np.abs(r)) == pytest.approx(0.34, abs=0.005)
    assert stats.correlation(cosine, r * signs) == pytest.approx(0.19, abs=0.005)


def test_one_half_of_the_people_predicts_the_other(day):
    _, responses, _, _ = day
    full = stats.split_half(responses).value
    assert full / (2 - full) == pytest.approx(0.98, abs=0.005)  # one half against the other
    assert full == pytest.approx(0.99, abs=0.005)  # stepped up by Spearman-Brown


def test_share_of_items_assigned_to_their_construct_by_its_label(day):
    items, _, _, _ = day
    names = load_data("constructs")["construct"].to_numpy()
    nearest = names[(embed(items["text"]) @ embed(names).T).argmax(axis=1)]
    assert (nearest == items["construct"]).mean() == pytest.approx(0.48, abs=0.01)
