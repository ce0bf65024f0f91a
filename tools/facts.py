"""Read course.toml, the one list of facts of the course: its days, notebooks and shorter routes.

`load()` gives them as a Course, checked; `misplaced()` compares it with the notebooks there are.
tools/generate.py writes what follows from them.
"""

import re
import tomllib
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path

COURSE = Path(__file__).resolve().parent.parent

# What is shown for a slot of this kind that does not say more.
KINDS = {
    "talk": "Talk",
    "exercise": "Exercise",
    "walkthrough": "Walkthrough of the solutions",
    "discussion": "Discussion",
    "work": "Work of your own",
    "bonus": "Bonus",
    "break": "Break",
}


IN_WORDS = {
    str: "a text in quotation marks",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list in square brackets",
}


@dataclass(frozen=True)
class Slot:
    """Some minutes of a day or of a shorter route."""

    kind: str
    minutes: int
    what: str = ""
    notebook: str = ""
    one_of: list = ()
    page: str = ""
    late: str = ""


@dataclass(frozen=True)
class Notebook:
    """A notebook; `minutes` are those in class, `day` is the number of its day."""

    file: str
    title: str
    t4_minutes: float
    large_model: bool = False
    bonus: bool = False
    minutes: int = 0
    day: int = 0

    @property
    def path(self):
        return f"day_{self.day}/{self.file}.ipynb"

    @property
    def number(self):
        return self.file.split("_")[0]


@dataclass(frozen=True)
class Day:
    number: int
    title: str
    goals: list
    notebooks: list
    schedule: list

    @property
    def folder(self):
        return f"day_{self.number}"


@dataclass(frozen=True)
class Route:
    """A shorter course: for each day a list of slots."""

    title: str
    whom: str
    days: list


@dataclass(frozen=True)
class LargeModel:
    """What a notebook with `large_model` fetches in each session, and how long that takes."""

    gigabytes: float
    t4_minutes: float


@dataclass(frozen=True)
class Publication:
    repository: str
    ref: str


@dataclass(frozen=True)
class Course:
    title: str
    start: str
    publication: Publication
    large_model: LargeModel
    days: list
    routes: list

    @property
    def notebooks(self):
        """All notebooks in the order of the course."""
        return [notebook for day in self.days for notebook in day.notebooks]

    def t4_minutes(self, notebooks):
        """Estimated minutes on a T4, those for fetching the large model among them."""
        fetched = sum(notebook.large_model for notebook in notebooks)
        return sum(n.t4_minutes for n in notebooks) + fetched * self.large_model.t4_minutes

    def day_of(self, notebook):
        return next(day for day in self.days if day.number == notebook.day)

    def before(self, day):
        """The day that is taught before this one, or None."""
        return self.days[self.days.index(day) - 1] if day != self.days[0] else None


def checked(kind, values, where):
    """A `kind` made of the values of a table; ValueError if one is missing, unknown, or no `kind`
    of value that belongs there."""
    if not isinstance(values, dict):
        raise ValueError(f"{where}: a table {{ name = value }} belongs here, not {values!r}.")
    known = {field.name: field for field in fields(kind)}
    for name, value in values.items():
        if name not in known:
            raise ValueError(f'{where}: "{name}" is not known; known are {", ".join(known)}.')
        wanted = known[name].type
        if isinstance(value, bool) != (wanted is bool) or not isinstance(
            value, (int, float) if wanted is float else wanted
        ):
            should = IN_WORDS.get(wanted, "a table")
            raise ValueError(f"{where}: {name} = {value!r} should be {should}.")
    for name, field in known.items():
        if field.default is MISSING and name not in values:
            raise ValueError(f'{where}: "{name}" is missing.')
    return kind(**values)


def checked_slots(tables, known, where):
    """The slots of a day; `known` are the notebooks that they may name, by file."""
    slots = []
    for number, table in enumerate(tables, start=1):
        place = f"{where}, slot {number}"
        slot = checked(Slot, table, place)
        if slot.kind not in KINDS:
            raise ValueError(f'{place}: kind "{slot.kind}" should be one of {", ".join(KINDS)}.')
        if slot.minutes <= 0:
            raise ValueError(f"{place}: minutes = {slot.minutes} should be more than 0.")
        if slot.kind in ("talk", "discussion", "work") and not slot.what:
            raise ValueError(f"{place}: a {slot.kind} needs what = its subject.")
        if slot.kind == "exercise" and not slot.notebook and not slot.one_of:
            raise ValueError(f"{place}: an exercise needs notebook = its file.")
        for name in filter(None, [slot.notebook, *slot.one_of]):
            if name not in known:
                raise ValueError(f'{place}: there is no notebook "{name}"; {where} lists {known}.')
        slots.append(slot)
    return slots


def checked_day(table):
    """A day, its notebooks with their minutes in class."""
    day = checked(Day, table, f"day {table.get('number', '(without a number)')}")
    where = f"day {day.number}"
    notebooks = [replace(checked(Notebook, n, where), day=day.number) for n in day.notebooks]
    names = [notebook.file for notebook in notebooks]
    for name in names:
        if not re.fullmatch(r"\d+_\w+", name) or names.count(name) > 1:
            raise ValueError(
                f"{where}, {name}: a file is called 4_new_name, without .ipynb, and listed once."
            )
    schedule = checked_slots(day.schedule, names, where)
    for k, notebook in enumerate(notebooks):
        slots = [s for s in schedule if s.kind == "exercise" and s.notebook == notebook.file]
        place = f"{where}, {notebook.file}"
        if notebook.bonus and (slots or not notebook.minutes):
            raise ValueError(f"{place}: a bonus notebook states its minutes and has no exercise.")
        if not notebook.bonus and (notebook.minutes or not slots):
            raise ValueError(
                f'{place}: its minutes are those of its slots of the kind "exercise" in the '
                "schedule: give it one, and state no other minutes. (Or say bonus = true.)"
            )
        minutes = notebook.minutes or sum(slot.minutes for slot in slots)
        notebooks[k] = replace(notebook, minutes=minutes)
    if not notebooks or not day.goals or not all(isinstance(goal, str) for goal in day.goals):
        raise ValueError(f"{where}: goals and notebooks: at least one each, goals as texts.")
    return replace(day, notebooks=notebooks, schedule=schedule)


def load(folder=COURSE):
    """The Course that course.toml in `folder` describes. Raises ValueError that says what to mend.

    Routes through notebooks of days that are not listed are left out.
    """
    try:
        facts = {"routes": [], **tomllib.loads((folder / "course.toml").read_text("utf-8"))}
        for name, kind in (("publication", Publication), ("large_model", LargeModel)):
            if name in facts:
                facts[name] = checked(kind, facts[name], name)
        course = checked(Course, facts, "course")
        if not re.fullmatch(r"\d\d:\d\d", course.start):
            raise ValueError(f'start = "{course.start}" should look like "09:15".')
        days = [checked_day(table) for table in course.days]
        numbers = [day.number for day in days]
        if not days or len(set(numbers)) < len(numbers):
            raise ValueError(f"days: there should be some, each number once, not {numbers}.")
        course = replace(course, days=days)
        routes = [checked_route(table, course) for table in course.routes]
    except ValueError as error:
        raise ValueError(f"course.toml: {error}") from None
    return replace(course, routes=[route for route in routes if route])


def checked_route(table, course):
    """A route, or None if it needs a notebook of a day that is not listed."""
    route = checked(Route, table, f"route {table.get('title', '(without a title)')}")
    listed = [notebook.path.removesuffix(".ipynb") for notebook in course.notebooks]
    folders = {day.folder for day in course.days}
    days = []
    for tables in route.days:
        kept = []
        for slot in tables:
            if "one_of" in slot:
                there = [n for n in slot["one_of"] if n.split("/")[0] in folders]
                slot = {**slot, "one_of": there}
            named = slot.get("notebook", "").split("/")[0]
            if (named and named not in folders) or slot.get("one_of") == []:
                return None
            kept.append(slot)
        days.append(checked_slots(kept, listed, f'route "{route.title}"'))
    return replace(route, days=days)


def misplaced(course, folder):
    """Where course.toml and the notebooks in `folder` do not agree, a list of sentences."""
    found = []
    for day in course.days:
        listed = {notebook.path for notebook in day.notebooks}
        there = {f"{day.folder}/{file.name}" for file in (folder / day.folder).glob("*.ipynb")}
        found += [
            f"{path} is listed in course.toml and does not exist: create it, or delete its line "
            f"under the day with number = {day.number}."
            for path in sorted(listed - there)
        ]
        found += [
            f"{path} is not listed in course.toml: add it under the day with number = {day.number},"
            " or move it out of the folder."
            for path in sorted(there - listed)
        ]
    return found
