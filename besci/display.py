"""How results look: tables as people read them, figures with a caption below, figures to move.

What matters for the look stands in each element, since style sheets are stripped in some places
where notebooks are read. Letters keep the colour of the page, so that it may be light or dark.
"""

import base64
import io
from html import escape
from importlib.util import find_spec
from numbers import Real
from typing import NamedTuple

import numpy as np
import pandas as pd

from besci.stats import Estimate

ROWS = 60  # of a longer table, the first ones are shown
LONG = 28  # letters from which on a text may take several lines
MISSING = "–"
DIGIT = "\N{FIGURE SPACE}"  # as wide as a digit, and no page leaves it out
LINE = "1px solid rgba(128, 128, 128, 0.5)"
CAPTION = "line-height: 1.4; max-width: min(42em, 85vw); margin: 0.4em 0; text-align: left"


def in_notebook():
    """Whether pages can be shown: in a kernel, Colab's included, but not in a plain terminal."""
    if not find_spec("IPython"):
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def show(result, caption=None, mark=None, digits=2):
    """A result as people read it. A notebook shows it where it is the last line of a cell.

    result: a DataFrame, a Series or a list of dicts, for a table: texts to the left, numbers to the
    right and with the same decimals within a column, a `stats.Estimate` as 0.34 [0.28, 0.40], True
    as yes, a missing value as a dash. Numbers of rows (an index of whole numbers without a name)
    are left out where a column is text. Or a figure (of matplotlib, or Axes of it), which is shown
    with its caption below.
    caption: a text, shown below. A figure needs one, unless a function of `besci.plots` drew it.
    mark: the row that matters, or several: a label of the index, a list of labels, or a Series or
    array of True/False. digits: decimals of numbers that are not whole, or {column: decimals}, with
    2 for the others.
    Returns an object that prints as plain text where there are no pages.
    Raises TypeError for anything else, and ValueError for a row to mark that is not there, or a
    figure without a caption.

        besci.show(pd.Series({"zero-shot": zero, "features": features}), mark="features")
    """
    from matplotlib.artist import Artist

    if isinstance(result, Artist):
        return Drawing(result, caption)
    if isinstance(result, pd.Series):
        result = result.to_frame("value" if result.name is None else result.name)
    elif isinstance(result, list) and result and all(isinstance(row, dict) for row in result):
        result = pd.DataFrame(result)
    if not isinstance(result, pd.DataFrame):
        raise TypeError(
            "show takes a DataFrame, a Series, a list of dicts or a figure, not "
            f"{type(result).__name__}. Of named values make a Series: pd.Series(values)."
        )
    return Table(result, caption, mark, digits)


# --- Tables --------------------------------------------------------------------------------------


class Column(NamedTuple):
    """A column as it is shown. right: set to the right; prose: a text, which may be wrapped."""

    name: str
    texts: list
    right: bool
    prose: bool


class Table:
    """A table as a page and as plain text; made by `show`."""

    def __init__(self, frame, caption, mark, digits):
        self.marked = _marked(frame.index, mark)[:ROWS]
        self.caption = caption or ""
        if len(frame) > ROWS:
            rest = f"The first {ROWS} of {len(frame):,} rows are shown."
            self.caption = f"{self.caption} {rest}".strip()
        frame, index = frame.iloc[:ROWS], frame.index[:ROWS]
        columns = []
        for k, name in enumerate(frame.columns):
            decimals = digits.get(name, 2) if isinstance(digits, dict) else digits
            columns.append(_column(name, frame.iloc[:, k], decimals))
        levels = [index.get_level_values(k) for k in range(index.nlevels)]
        if _only_counts(index, columns):
            levels = []
        self.labels = len(levels) or int(bool(columns) and columns[0].prose)  # columns, not cells
        self.columns = [*(_column(level.name, level, None) for level in levels), *columns]

    def _repr_html_(self):
        last = len(self.marked) - 1
        head = self._row([column.name for column in self.columns], head=True)
        rows = [
            self._row([column.texts[i] for column in self.columns], marked=marked, last=i == last)
            for i, marked in enumerate(self.marked)
        ]
        caption = ""
        if self.caption:
            # A narrow table would else have a caption of one word a line.
            room = f"min({min(len(self.caption) / 2, 22)}em, 85vw)"
            look = f"position: sticky; left: 0; min-width: {room}; {CAPTION}"
            words = _tag("div", escape(self.caption), style=look)
            look = "caption-side: bottom; text-align: left; padding: 0; color: inherit"
            caption = _tag("caption", words, style=look)
        inside = caption + _tag("thead", head) + _tag("tbody", "".join(rows))
        look = "border: 0; border-collapse: collapse; font-size: 1em; margin: 0.4em 0; "
        look += "table-layout: auto; width: auto"
        return _tag("div", _tag("table", inside, style=look), style="overflow-x: auto")

    def _row(self, texts, head=False, marked=False, last=False):
        cells = []
        for k, (column, text) in enumerate(zip(self.columns, texts, strict=True)):
            look = _look(column, head, marked)
            if marked and k == 0:
                look.append("border-left: 0.3em solid #0072B2")
            if head or last:
                look.append(f"border-bottom: {LINE}")
            scope = {"scope": "col"} if head else {"scope": "row"} if k < self.labels else {}
            name = "th" if scope else "td"
            cells.append(_tag(name, escape(text), style="; ".join(look), **scope))
        return _tag("tr", "".join(cells), **({"aria-current": "true"} if marked else {}))

    def __repr__(self):
        columns = [
            [text.replace("\n", " ↵ ") for text in (column.name, *column.texts)]
            for column in self.columns
        ]
        widths = [max(map(len, texts)) for texts in columns]
        lines = []
        for i, marked in enumerate([False, *self.marked]):
            cells = [
                f"{texts[i]:{'>' if column.right else '<'}{width}}"
                for column, texts, width in zip(self.columns, columns, widths, strict=True)
            ]
            lines.append("  ".join([">" if marked else " ", *cells]).rstrip())
        return "\n".join([*lines, *([self.caption] if self.caption else [])])


def _tag(name, inside, **attributes):
    listed = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{listed}>{inside}</{name}>"


def _look(column, head, marked):
    """The style of a cell, as a list of declarations."""
    look = [
        "padding: 0.25em 0.9em 0.25em 0.4em",
        f"text-align: {'right' if column.right else 'left'}",
        f"vertical-align: {'bottom' if head else 'top'}",
        f"font-weight: {'bold' if head or marked else 'normal'}",
        "border: 0",
    ]
    if marked:
        look.append("background: rgba(0, 114, 178, 0.18)")
    if head:
        look += ["white-space: nowrap"] if len(column.name) <= LONG // 2 else []
    elif column.prose:
        room = min(max(map(len, column.texts)), LONG) / 2  # a letter is about half as wide as an em
        look += ["white-space: pre-wrap", "overflow-wrap: break-word"]
        look += [f"min-width: {room}em", "max-width: 36em"]
    else:
        look += ["white-space: nowrap", "font-variant-numeric: tabular-nums"]
    return look


def _marked(index, mark):
    """(rows,) of True/False. Raises ValueError for rows that are not there."""
    if mark is None:
        return np.zeros(len(index), dtype=bool)
    if isinstance(mark, np.ndarray):
        mark = pd.Series(mark, index=index)
    if isinstance(mark, pd.Series):
        if not pd.api.types.is_bool_dtype(mark) or not mark.index.equals(index):
            raise ValueError("a Series that marks rows holds True or False for each row, in order")
        return mark.to_numpy(dtype=bool)
    labels = mark if isinstance(mark, list) else [mark]
    for label in labels:
        if label not in index:
            known = ", ".join(map(repr, index[:8])) + (", …" if len(index) > 8 else "")
            raise ValueError(f"there is no row {label!r} to mark; rows are {known}")
    return index.isin(labels)


def _only_counts(index, columns):
    """Whether the index only numbers rows of which a text says what they are."""
    whole = pd.api.types.is_integer_dtype(index) and index.name is None
    return whole and any(column.prose for column in columns)


def _column(name, values, digits):
    """What is shown of a column. digits: decimals, or None for as many as each number has."""
    values = list(values)
    given = [value for value in values if not _missing(value)]
    levels = name if isinstance(name, tuple) else [] if name is None else [name]
    right = prose = False
    if any(isinstance(value, Estimate) for value in given) and all(map(_is_number, given)):
        texts = _estimates(values, digits)
    elif given and all(isinstance(value, (bool, np.bool_)) for value in given):
        texts = [MISSING if _missing(value) else "yes" if value else "no" for value in values]
    elif given and all(map(_is_number, given)):
        right = True
        whole = all(float(value).is_integer() for value in given)
        texts = [_number(value, 0 if whole else digits) for value in values]
    else:
        prose = True
        texts = [_text(value) for value in values]
    return Column(" · ".join(map(str, levels)).replace("_", " "), texts, right, prose)


def _is_number(value):
    return isinstance(value, (Real, Estimate)) and not isinstance(value, bool)


def _missing(value):
    if isinstance(value, Real):
        return bool(value != value)
    return value is None or value is pd.NA or value is pd.NaT


def _number(value, digits):
    """A number with its decimals, a true minus, and commas from 10,000 on."""
    if _missing(value):
        return MISSING
    text = f"{value:g}" if digits is None else f"{value:.{digits}f}"
    if np.isfinite(value) and abs(value) >= 10_000:
        text = f"{value:,.{digits or 0}f}"
    if not text.strip("-0."):  # what is rounded to 0 has no sign
        text = text.removeprefix("-")
    return text.replace("-", "−").replace("inf", "∞")


def _estimates(values, digits):
    """Estimates, and numbers without an interval among them, with points below points."""
    rows = [
        [_number(part, digits) for part in (value if isinstance(value, Estimate) else [value])]
        for value in values
    ]
    widths = [max(map(len, parts)) for parts in zip(*(r for r in rows if len(r) == 3), strict=True)]
    padded = [
        [part.rjust(width, DIGIT) for part, width in zip(row, widths, strict=False)] for row in rows
    ]
    return [f"{row[0]} [{row[1]}, {row[2]}]" if len(row) == 3 else row[0] for row in padded]


def _text(value):
    if _missing(value):
        return MISSING
    if isinstance(value, (list, tuple, set, np.ndarray)):
        return ", ".join(map(str, value))
    return str(value)


# --- Figures -------------------------------------------------------------------------------------


class Drawing:
    """A figure as it looks now, with its caption below; made by `show`.

    It holds the picture, in twice the resolution of the page, and closes the figure, which would
    otherwise be shown a second time. `caption`: the text below, with what `besci.plots` found.
    """

    def __init__(self, artist, caption=None):
        import matplotlib.pyplot as plt
        from matplotlib.figure import Figure

        figure = artist if isinstance(artist, Figure) else artist.figure
        found = [ax.caption for ax in figure.axes if getattr(ax, "caption", "")]
        self.caption = " ".join([*([caption] if caption else []), *found])
        if not self.caption:
            raise ValueError('a figure needs words: besci.show(figure, caption="What it shows.")')
        picture = io.BytesIO()
        figure.savefig(
            picture, format="png", dpi=2 * figure.dpi, bbox_inches="tight", facecolor="white"
        )
        self.png = picture.getvalue()
        plt.close(figure)

    def _repr_mimebundle_(self, include=None, exclude=None):
        png = base64.b64encode(self.png).decode()
        return {"text/html": self._page(png), "image/png": png, "text/plain": repr(self)}

    def _page(self, png):
        width = int.from_bytes(self.png[16:20], "big") // 2  # where a PNG states its own
        image = f'<img src="data:image/png;base64,{png}" width="{width}" '
        image += 'alt="Figure, described by its caption" '
        image += 'style="display: block; max-width: 100%; height: auto; background: white">'
        caption = _tag("figcaption", escape(self.caption), style=CAPTION)
        return _tag("figure", image + caption, style="margin: 0.4em 0")

    def __repr__(self):
        return f"Figure: {self.caption}"


class Movable:
    """A figure that is drawn anew whenever the learner moves a control; made by `besci.plots`.

    draw: function of the controls' values, by name, that returns a Drawing. controls: for each
    name (label, value, low, high, step), which becomes a slider, or (label, text), which becomes a
    box to type in. Without ipywidgets, and in a page, the figure of the first values stands.
    `controls` holds the widgets by name, `drawing` what is shown.
    """

    def __init__(self, draw, **controls):
        self.draw, self.controls, self.box = draw, {}, None
        self.drawing = draw(**{name: spec[1] for name, spec in controls.items()})
        if find_spec("ipywidgets"):
            self._build(controls)

    def _build(self, controls):
        import ipywidgets

        how = {
            "continuous_update": False,  # drawn when the slider is let go
            "style": {"description_width": "initial"},
            "layout": {"width": "min(36em, 95%)"},
        }
        for name, (label, value, *limits) in controls.items():
            if limits:
                low, high, step = limits
                range_of = {"min": low, "max": high, "step": step}
                widget = ipywidgets.FloatSlider(value, description=label, **range_of, **how)
            else:
                widget = ipywidgets.Text(value, description=label, **how)
            widget.observe(self._move, names="value")
            self.controls[name] = widget
        self.page = ipywidgets.HTML()
        self.box = ipywidgets.VBox([*self.controls.values(), self.page])
        self._turn()

    def _move(self, _):
        """What goes wrong is shown, for the front end would not say it."""
        try:
            self.drawing = self.draw(**{name: w.value for name, w in self.controls.items()})
            self._turn()
        except Exception as error:
            self.page.value = _tag("p", escape(f"{type(error).__name__}: {error}"), style=CAPTION)

    def _turn(self):
        self.page.value = self.drawing._repr_mimebundle_()["text/html"]

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = self.drawing._repr_mimebundle_()
        if self.box:
            view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
            bundle["application/vnd.jupyter.widget-view+json"] = view
        return bundle

    def __repr__(self):
        return repr(self.drawing)
