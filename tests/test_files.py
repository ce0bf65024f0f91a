"""The course's own files are found from a checkout; tests/tools/test_setup.py does so installed."""

import pytest

import besci
from besci.files import course_folder


def test_the_data_of_a_checkout_stand_beside_the_package(course):
    assert course_folder() == course
    assert besci.path("article.pdf") == course / "data" / "article.pdf"


def test_a_file_that_is_not_there_is_answered_with_the_nearest():
    with pytest.raises(FileNotFoundError, match='Did you mean "article.pdf"'):
        besci.path("artikel.pdf")
