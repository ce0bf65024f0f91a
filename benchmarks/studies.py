"""The studies of days 3 to 5 as a test of any language model: what it is asked, and its figures.

Items, prompts and baselines are those of the notebooks; every model answers the same items. A study
keeps answers (one value for each item) apart from the figures made of them, so that two models can
be compared item by item.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import permutations

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GroupKFold, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import besci
from benchmarks import workloads
from besci import documents, stats, survey
from besci.numbers import numbers_in, read_number

SEED = 13  # of the bootstrap, and of the order in which turns and cross-validation folds are drawn
DRAWS = 1000
PASSAGES = 3  # of the article, for each question
SHORT = 24  # tokens that an answer to a problem may have


@dataclass(frozen=True)
class Sizes:
    """How many items each study has.

    The defaults take a model of 1.5 billion parameters in bfloat16 some ten minutes on two cores.
    """

    events: int = 48  # of the 76 test events, four sentences each
    people: int = 160  # of the 917 different personas
    variants: int = 4  # of 20, of each of the 22 families of problems
    questions: int = 44  # of 44
    turns: int = 36  # of the 199 turns of 12 participants
    tokens: int = 60  # that an answer about the article may have


@dataclass(frozen=True)
class Figure:
    """A statistic of one column of answers.

    of(values, rows): the statistic of the items `rows` (n,), drawn from `among` (all items if
    None), where `values` holds the column of all items. share: whether it is a mean of what is
    nothing (0), everything (1) or between, for each item.
    """

    needs: str
    of: Callable
    among: np.ndarray | None = None
    share: bool = False


class Study(ABC):
    """What a model is asked and what is made of its answers.

    name, title, note: of its table. cluster: (n,) what each item belongs to. figures: {name:
    Figure}. headline: the figure that two models are compared by. trained: the baseline that has
    learned from people's answers or searches without a language model, or None. constants: {row:
    {figure: value}} that are known without asking. items: what the answers depend on, as texts.
    """

    trained = None
    constants = {}

    @abstractmethod
    def ask(self, llm):
        """The model's answers: {column: list of one value for each item}."""

    def baselines(self):
        """{row: answers}, as `ask` gives them; columns may be left out."""
        return {}

    def estimate(self, name, answers, less=None):
        """A figure with its interval, or the difference to the answers `less` on the same items.

        Returns an Estimate, or None if the answers lack the column. Whole clusters are drawn anew.
        Where a share is nothing or everything, no draw differs and the interval would have no
        width: there it is Wilson's, with a cluster for a case.
        Raises ValueError if the items are too few for the figure, or values are missing.
        """
        figure = self.figures[name]
        if figure.needs not in answers:
            return None
        compared = [np.array(a[figure.needs], float) for a in (answers, less) if a is not None]
        among = np.arange(len(self.cluster)) if figure.among is None else figure.among
        cluster = self.cluster[among]

        def of(drawn):
            first, *second = (figure.of(values, drawn) for values in compared)
            return first - sum(second)

        try:
            found = stats.bootstrap(of, among, cluster=cluster, draws=DRAWS, seed=SEED)
        except ValueError as error:
            why = f"too few items, or missing values: {error}"
            raise ValueError(f'{self.name}: no "{name}" comes of these answers ({why})') from error
        if figure.share and less is None and found.value in (0, 1):
            return stats.accuracy(np.full(len(among), found.value == 1), cluster=cluster)
        return found


def fingerprint(studies):
    """Changes with whatever the models are asked."""
    texts = [text for study in studies for text in [study.name, *study.items]]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def mean(needs, among=None, share=False, of=lambda values: values):
    return Figure(needs, lambda values, rows: of(values)[rows].mean(), among, share)


def auc(gold, score):
    """(k,) areas under the ROC curves of k columns, from ranks; NaN where gold is constant.

    gold: (n, k) of True/False. score: (n, k). Source: Mann & Whitney (1947),
    https://doi.org/10.1214/aoms/1177730491. Faster than scikit-learn's in a bootstrap.
    """
    positive = gold.sum(axis=0)
    ranks = (rankdata(score, axis=0) * gold).sum(axis=0) - positive * (positive + 1) / 2
    with np.errstate(invalid="ignore"):
        return ranks / (positive * (len(gold) - positive))


def log_odds(chosen):
    """log p(second option) - log p(first): (n,), from the table that `LLM.choose` returns."""
    return np.diff(chosen.attrs["log_prob"])[:, 0]


def in_turn(table, group, n):
    """The first n rows when each group gives one row in turn, in the order of the table."""
    turn = table.groupby(group, sort=False).cumcount()
    return table.loc[turn.sort_values(kind="stable").index[:n]].sort_index()


def at_distances(table, n):
    return table.iloc[np.linspace(0, len(table) - 1, min(n, len(table))).astype(int)]


def compact(values):
    """A list of numbers with five digits each, None where one is missing."""
    values = np.asarray(values, float)
    if values.ndim > 1:
        return [compact(row) for row in values]
    return [None if np.isnan(value) else float(f"{value:.5g}") for value in values]


# ---- day 3 --------------------------------------------------------------------------------


class Bias(Study):
    LABELS = ["neutral", "slanted"]
    headline = "AUC"
    constants = {"chance": {"AUC": 0.5, "accuracy": 0.5}}

    def __init__(self, sizes, codebook):
        test = besci.load_data("media_bias_test")
        events = in_turn(test.drop_duplicates("event_id"), "topic", sizes.events)["event_id"]
        self.test = test = test[test["event_id"].isin(events)].reset_index(drop=True)
        self.cluster = test["event_id"].to_numpy()
        gold = (test["label"] == "slanted").to_numpy()
        self.codebook = codebook
        definition, question = besci.path("media_bias_codebook.txt").read_text("utf-8").splitlines()
        head = f"{definition}\n{question}" if codebook else question
        self.items = [f"{head}\n\nSentence: {text}" for text in test["text"]]
        self.name = "slanted, codebook" if codebook else "slanted, question alone"
        self.title = "Slanted sentences, " + ("with the codebook" if codebook else "question alone")
        self.note = (
            f"{len(test)} test sentences of day 3, the four of each of {len(events)} events. "
        )
        if codebook:
            self.trained = "word counts, trained"
            self.note += (
                "The prompt is the codebook, its question and the sentence; `choose` gives the "
                "probability of each label. AUC: of the log-odds of slanted, 1 at best. accuracy "
                "and called slanted: as the more probable label says. mass: mean probability that "
                "an answer begins with a label at all. Intervals draw events; half of each is "
                "slanted, so one label for all is right in half of the sentences, in every draw. "
                "Trained rows learn from the training sentences; the reader is the first of three "
                "blind readings of the same sentences."
            )
        else:
            self.note += (
                "The same, but with the question and without the definitions: how much does the "
                "wording matter? The baselines are those above, for they read no prompt. The "
                f'question: "{question}"'
            )

        def area(values, rows):
            return auc(gold[rows, None], values[rows, None])[0]

        self.figures = {
            "AUC": Figure("score", area),
            "accuracy": mean("score", share=True, of=lambda score: (score > 0) == gold),
            "called slanted": mean("score", share=True, of=lambda score: score > 0),
            "mass": mean("mass"),
        }

    def ask(self, llm):
        chosen = llm.choose(self.items, self.LABELS, progress=False)
        return {"score": compact(log_odds(chosen)), "mass": compact(chosen.attrs["mass"])}

    def baselines(self):
        if not self.codebook:
            return {}
        train = besci.load_data("media_bias_train")
        count = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        words = make_pipeline(count, LogisticRegression(C=10, max_iter=1000))
        words.fit(train["text"], train["label"])
        meaning = LogisticRegression(max_iter=1000)
        meaning.fit(besci.embed(train["text"], progress=False), train["label"])
        points = besci.embed(self.test["text"], progress=False)
        reader = np.where(self.test["reading_1"] == "slanted", 1, -1)
        return {
            "word counts, trained": {"score": compact(words.decision_function(self.test["text"]))},
            "embeddings, trained": {"score": compact(meaning.decision_function(points))},
            "a reader": {"score": compact(reader)},
        }


# ---- day 4 --------------------------------------------------------------------------------


class Personas(Study):
    name, title, headline = "personas", "Synthetic participants", "r"
    trained = "ridge regression, trained"
    constants = {"chance": {"r": 0, "r with party": 0, "Democrats to Republicans": 0}}
    FACTS = ["age", "education", "income", "party"]

    def __init__(self, sizes):
        self.everyone = everyone = besci.load_data("survey")
        self.question = workloads.placement(everyone)
        distinct = everyone.drop_duplicates("persona_party")
        ordered = distinct.sort_values(["party", "education", "age"], kind="stable")
        self.people = people = at_distances(ordered, sizes.people)
        self.cluster = people["respondent"].to_numpy()
        self.items = list(people["persona_party"].map(self.question.prompt))
        self.note = (
            f"{len(people)} people of the American National Election Study of 1996 with different "
            "personas (age, education, income, party), at equal distances in the order of party, "
            "education and age. Each model's answer is its exact expected self-placement "
            "(`survey.exact`, 1 extremely liberal to 7 extremely conservative). r: with the "
            "person's own answer. r with party: with their party identification. Democrats to "
            "Republicans: difference of the groups' means in scale points. valid: mean "
            "probability that an answer begins with an option at all. Intervals draw people. The "
            "regression knows the same facts and is judged by ten-fold cross-validation."
        )
        truth, party = people["self_placement"].to_numpy(), people["party"].to_numpy()

        def gap(values, rows):
            groups = [values[rows][of[rows]] for of in (party >= 5, party <= 1)]
            return groups[0].mean() - groups[1].mean() if all(map(len, groups)) else np.nan

        def r(with_whom, values, rows):
            return stats.correlation(values[rows], with_whom[rows])

        self.figures = {
            "r": Figure("answer", partial(r, truth)),
            "r with party": Figure("expected", partial(r, party)),
            "Democrats to Republicans": Figure("expected", gap),
            "valid": mean("mass"),
        }

    def ask(self, llm):
        table = survey.exact(llm, self.people["persona_party"], self.question, progress=False)
        expected = compact(table @ table.columns)
        return {"answer": expected, "expected": expected, "mass": compact(table.attrs["valid"])}

    def baselines(self):
        folds = KFold(10, shuffle=True, random_state=SEED)
        ridge = make_pipeline(StandardScaler(), RidgeCV())
        known, truth = self.everyone[self.FACTS], self.everyone["self_placement"]
        guess = pd.Series(cross_val_predict(ridge, known, truth, cv=folds), self.everyone.index)
        guess = compact(guess[self.people.index])
        return {
            "ridge regression, trained": {"answer": guess, "expected": guess},
            # Their own answers correlate with themselves, which is no figure.
            "the people": {"expected": compact(self.people["self_placement"])},
        }


class Numeracy(Study):
    name, title, headline = "numeracy", "Statistical numeracy", "right"

    def __init__(self, sizes):
        problems = besci.load_data("numeracy")
        problems = problems[problems["variant"] <= sizes.variants].reset_index(drop=True)
        self.problems = problems
        self.cluster = problems["family"].to_numpy()
        self.items = [question + workloads.DIRECT for question in problems["question"]]
        self.note = (
            f"{len(problems)} problems: the first {sizes.variants} variants of each of "
            f"{len(set(self.cluster))} families; direct answers of at most {SHORT} tokens, read by "
            "`read_number`. right: share of all answers, the unread included. unread: share in "
            "which no number can be read without guessing. Intervals draw families. Chance: two "
            "numbers of the question (or its only number and 100) and one of six operations, at "
            "random."
        )
        gold = problems["answer"].to_numpy()
        self.figures = {
            "right": mean("number", share=True, of=lambda number: self.is_right(number, gold)),
            "unread": mean("number", share=True, of=np.isnan),
        }
        chance = problems.apply(self.random_arithmetic, axis=1).mean()
        self.constants = {"chance": {"right": float(chance)}}

    @staticmethod
    def is_right(numbers, answers):
        return np.abs(np.asarray(numbers) - answers) < 0.05

    def random_arithmetic(self, problem):
        stated = numbers_in(problem["question"])
        results = [
            result
            for a, b in permutations(stated if len(stated) > 1 else [*stated, 100], 2)
            for result in (a + b, a - b, a * b, a / b, a * b / 100, 100 * a / b)
        ]
        return self.is_right(results, problem["answer"]).mean()

    def ask(self, llm):
        replies = llm.chat(self.items, max_new_tokens=SHORT, progress=False)
        return {"number": compact([read_number(reply, reply.truncated) for reply in replies])}


# ---- day 5 --------------------------------------------------------------------------------


class Article(Study):
    name, title, headline = "article", "Questions about an article", "F1"
    trained = "nearest sentences"

    def __init__(self, sizes):
        self.article = documents.read_pdf(besci.path("article.pdf"))
        self.tokens = sizes.tokens
        questions = besci.load_data("article_questions").set_index("question_id")
        questions["answerable"] = questions["answerable"] == "yes"
        questions["numeric"] = questions["type"].isin(["number", "table"])
        ordered = questions.sort_values(["answerable", "type"], kind="stable")
        self.questions = asked = at_distances(ordered, sizes.questions)
        self.cluster = asked.index.to_numpy()
        self.items = [*asked["question"], self.article.text, f"{PASSAGES} {self.tokens}"]
        known = np.flatnonzero(asked["answerable"])
        unknown = np.flatnonzero(~asked["answerable"])
        self.note = (
            f"{len(known)} questions that the article of day 5 answers and {len(unknown)} that it "
            f"does not, asked by `documents.ask` about the {PASSAGES} nearest passages; answers of "
            f"at most {self.tokens} tokens, with a quote. Over the answerable: F1 (words shared "
            "with the gold answer), right (same number, or same words), needless: says that it is "
            "not stated. Over the others, abstains: says so. quoted: the answer to an answerable "
            "question has a quotation; verified: it has, and all stand word for word in the "
            "article. cut off: the answer was not written to its end. Intervals draw questions. "
            "Without a language model: the sentences nearest to the question, copied with their "
            "page; where a number is asked for, the first in them."
        )
        self.figures = {
            "F1": mean("f1", known, share=True),
            "right": mean("right", known, share=True),
            "needless": mean("abstained", known, share=True),
            "abstains": mean("abstained", unknown, share=True),
            "quoted": mean("quoted", known, share=True),
            "verified": mean("verified", known, share=True),
            "cut off": mean("truncated", share=True),
        }

    def scored(self, answers):
        columns = ["f1", "right", "abstained", "quoted", "verified"]
        scores = documents.score(answers, self.questions)[columns].astype(float)
        return {column: compact(scores[column]) for column in columns}

    def ask(self, llm):
        settings = {"k": PASSAGES, "max_new_tokens": self.tokens, "progress": False}
        answers = documents.ask(llm, self.article, self.questions["question"], **settings)
        return self.scored(answers) | {"truncated": compact(answers["truncated"])}

    def baselines(self):
        sentences = self.article.passages(size=30)
        asked = self.questions["question"]
        near = pd.concat([documents.retrieve(question, sentences, k=1) for question in asked])
        near = near.set_index(asked.index).assign(abstained=False)
        first = near["text"].map(lambda text: str(next(iter(numbers_in(text)), "")))
        near["answer"] = first.where(self.questions["numeric"], near["text"])
        near["pages"], near["verdicts"] = [[page] for page in near["page"]], [["exact"]] * len(near)
        return {"nearest sentences": self.scored(near)}


class Interviews(Study):
    name, title, headline = "interviews", "Codes of interviews", "mean AUC"
    trained = "embeddings, trained"
    constants = {"chance": {"mean AUC": 0.5}}
    ASK = "Does the participant's turn below get this code? Answer with one word: yes or no."

    def __init__(self, sizes):
        interviews = besci.load_data("interviews").fillna({"codes": "", "codes_2": ""})
        codebook = besci.load_data("interview_codes")
        interviews["question"] = interviews["text"].shift()
        turns = interviews[interviews["speaker"] == "participant"].reset_index(drop=True)
        self.both = "Interviewer: " + turns["question"] + "\nParticipant: " + turns["text"]
        self.groups = turns["interview"].to_numpy()
        self.first, self.second = (
            np.array(
                [[c in given.split("; ") for c in codebook["code"]] for given in turns[column]]
            )
            for column in ("codes", "codes_2")
        )
        shuffled = turns.sample(frac=1, random_state=SEED).reset_index(names="row")
        self.some = in_turn(shuffled, "interview", sizes.turns)["row"].to_numpy()
        self.cluster = self.groups[self.some]
        heads = [
            f"{code.name}: {code.definition}\nGiven for: {code.include}\n"
            f"Not given for: {code.exclude}\n{self.ASK}\n\n"
            for code in codebook.itertuples(index=False)
        ]
        self.prompts = [list(head + self.both[self.some]) for head in heads]
        self.items = [prompt for prompts in self.prompts for prompt in prompts]
        gold = self.first[self.some]
        self.note = (
            f"{len(self.some)} turns of {len(set(self.cluster))} participants, drawn at random, "
            f"and {len(codebook)} codes: the codebook entry and the turn, and `choose` gives the "
            "probability of yes. mean AUC: of the log-odds of yes against the first coding, "
            "averaged over the codes that occur. says yes: as the more probable answer says (the "
            f"first coding: {gold.mean():.2f}). mass: mean probability that an answer begins with "
            "yes or no at all. Intervals draw interviews. The trained row learns from all turns "
            "of the other participants; the second coding was made from the same codebook."
        )

        def area(values, rows):
            areas = auc(gold[rows], values[rows])
            return np.nan if np.isnan(areas).all() else np.nanmean(areas)

        self.figures = {
            "mean AUC": Figure("score", area),
            "says yes": mean("score", share=True, of=lambda score: (score > 0).mean(axis=1)),
            "mass": mean("mass", of=lambda mass: mass.mean(axis=1)),
        }

    def ask(self, llm):
        chosen = [llm.choose(prompts, ["no", "yes"], progress=False) for prompts in self.prompts]
        score = np.column_stack([log_odds(table) for table in chosen])
        mass = np.column_stack([table.attrs["mass"] for table in chosen])
        return {"score": compact(score), "mass": compact(mass)}

    def baselines(self):
        points = besci.embed(self.both, progress=False)
        logistic = LogisticRegression(class_weight="balanced", max_iter=1000)
        given = np.zeros(self.first.shape)
        for known, new in GroupKFold(6).split(points, groups=self.groups):
            for k in np.flatnonzero(self.first[known].any(axis=0)):
                logistic.fit(points[known], self.first[known, k])
                given[new, k] = logistic.decision_function(points[new])
        return {
            "embeddings, trained": {"score": compact(given[self.some])},
            "second coding": {"score": compact(np.where(self.second[self.some], 1, -1))},
        }


def all_studies(sizes):
    """The studies at these sizes, in the order of the course."""
    return [
        Bias(sizes, codebook=True),
        Bias(sizes, codebook=False),
        Personas(sizes),
        Numeracy(sizes),
        Article(sizes),
        Interviews(sizes),
    ]
