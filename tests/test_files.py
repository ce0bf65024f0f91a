"""The course's own files, found from a checkout; installed: tests/tools/test_installed.py."""

import pytest

import besci
from besci.files import course_folder


def test_the_data_of_a_checkout_stand_beside_the_package(course):
    assert course_folder() == course
    assert besci.path("article.pdf") == course / "data" / "article.pdf"
    page = next(course.glob("day_*/README.md"))
    assert besci.path(page.relative_to(course).as_posix()) == page


def test_a_file_that_is_not_there_is_answered_with_the_nearest():
    with pytest.raises(FileNotFoundError, match='Did you mean "article.pdf"'):
        besci.path("artikel.pdf")
    with pytest.raises(FileNotFoundError, match='no data file "day_1/nothing.md"'):
        besci.path("day_1/nothing.md")
