"""944 people of the American National Election Study of 1996, from statsmodels' data set anes96.

Writes survey.csv: codes, what they stand for, and three texts that describe each person, with less
or more of what is known about them.
"""

import sys
from pathlib import Path

import pandas as pd
from _table import write_table
from statsmodels.datasets import anes96

# The labels of education are those of R's faraway, which ships the same people (see README.md).
EDUCATION = {
    1: "eighth grade or less",
    2: "some high school",
    3: "high school diploma",
    4: "some college",
    5: "associate degree",
    6: "bachelor's degree",
    7: "postgraduate degree",
}
SCHOOLING = {
    1: "left school after the eighth grade or earlier",
    2: "went to high school but did not finish it",
    3: "have a high school diploma",
    4: "went to college but have no degree",
    5: "have an associate degree",
    6: "have a bachelor's degree",
    7: "have a postgraduate degree",
}
# The lower ends of the brackets 2 to 24, in dollars a year.
INCOME_FROM = [3, 5, 7, 9, 10, 11, 12, 13, 14, 15, 17, 20, 22, 25, 30, 35, 40, 45, 50, 60, 75]
INCOME_FROM = [1000 * thousands for thousands in [*INCOME_FROM, 90, 105]]
PARTY = {
    0: "strong Democrat",
    1: "weak Democrat",
    2: "independent, leaning Democratic",
    3: "independent, leaning neither way",
    4: "independent, leaning Republican",
    5: "weak Republican",
    6: "strong Republican",
}
IDENTITY = {
    0: "a strong Democrat",
    1: "a Democrat, but not a strong one",
    2: "an independent who leans towards the Democratic Party",
    3: "an independent who leans towards neither party",
    4: "an independent who leans towards the Republican Party",
    5: "a Republican, but not a strong one",
    6: "a strong Republican",
}
SELF_PLACEMENT = {
    1: "extremely liberal",
    2: "liberal",
    3: "slightly liberal",
    4: "moderate",
    5: "slightly conservative",
    6: "conservative",
    7: "extremely conservative",
}
VOTE = {0: "Clinton", 1: "Dole"}
WHO = "You are {a age}-year-old person living in the United States in 1996."
AGE_EDUCATION = f"{WHO} You {{education}}."
WITH_INCOME = AGE_EDUCATION + " The yearly income of your household is {income}."
WITH_PARTY = WITH_INCOME + " In politics, you are {party}."


def brackets():
    """{code: the bracket in words} of household income."""
    inner = zip(INCOME_FROM, INCOME_FROM[1:], strict=False)
    words = [f"less than ${INCOME_FROM[0]:,}"]
    words += [f"between ${low:,} and ${high - 1:,}" for low, high in inner]
    return dict(enumerate([*words, f"${INCOME_FROM[-1]:,} or more"], start=1))


def build(folder):
    """Write survey.csv into `folder`."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # besci need not be installed
    from besci.survey import personas

    source = anes96.load_pandas().data
    codes = {
        "age": ("age", None),
        "education": ("educ", EDUCATION),
        "income": ("income", brackets()),
        "party": ("PID", PARTY),
        "self_placement": ("selfLR", SELF_PLACEMENT),
        "vote": ("vote", VOTE),
    }
    people = pd.DataFrame({"respondent": range(1, len(source) + 1)})
    for name, (column, labels) in codes.items():
        people[name] = source[column].astype(int)
        if labels:
            people[f"{name}_label"] = people[name].map(labels)
    words = {"education": SCHOOLING}
    people["persona_age_education"] = personas(people, AGE_EDUCATION, words)
    words |= {"income": brackets()}
    people["persona_income"] = personas(people, WITH_INCOME, words)
    words |= {"party": IDENTITY}
    people["persona_party"] = personas(people, WITH_PARTY, words)
    write_table(people, folder / "survey.csv")


if __name__ == "__main__":
    build(Path(__file__).resolve().parents[1])
