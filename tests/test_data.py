"""The tables are what their cards say, and a table that is not as described is refused."""

import hashlib
import json
import runpy
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import frictionless
import numpy as np
import pandas as pd
import pytest
from conftest import DATA
from hypothesis import given, settings
from hypothesis import strategies as st

from besci.data import CONSTRAINTS, TYPES, DataError, load_data, read_table

PACKAGE = json.loads((DATA / "datapackage.json").read_text(encoding="utf-8"))
RESOURCES = {resource["name"]: resource for resource in PACKAGE["resources"]}
TABLES = [name for name, resource in RESOURCES.items() if "schema" in resource]


@pytest.fixture
def folder(tmp_path):
    """A copy of the data folder, to damage."""
    files = [resource["path"] for resource in PACKAGE["resources"]] + ["datapackage.json"]
    for file in files:
        shutil.copy(DATA / file, tmp_path)
    return tmp_path


def damage(folder, name, change):
    """Apply `change` to the lines of a table and return the message of the DataError it causes."""
    file = folder / f"{name}.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(change(lines)) + "\n", encoding="utf-8")
    with pytest.raises(DataError) as error:
        load_data(name, folder)
    return str(error.value)


def replaced(row, old, new):
    """A change that replaces `old` by `new` in the row that a spreadsheet numbers `row`."""

    def change(lines):
        assert old in lines[row - 1]
        return [*lines[: row - 1], lines[row - 1].replace(old, new, 1), *lines[row:]]

    return change


# The package


def test_frictionless_finds_the_package_and_every_file_valid():
    report = frictionless.Package(str(DATA / "datapackage.json")).validate()
    assert report.valid, report.flatten(["path", "rowNumber", "fieldName", "message"])


def test_frictionless_and_load_data_refuse_the_same_cell(folder):
    message = damage(folder, "constructs", replaced(4, ",5,", ",0,"))
    report = frictionless.Package(str(folder / "datapackage.json")).validate()
    assert [4, "n_items"] in report.flatten(["rowNumber", "fieldName"])
    assert message.startswith('constructs.csv, row 4, column "n_items"')


def test_every_file_of_the_folder_is_described():
    described = {resource["path"] for resource in PACKAGE["resources"]}
    others = {"datapackage.json", "README.md", "GPL-2.txt", ".gitattributes"}
    assert {path.name for path in DATA.iterdir() if path.is_file()} - others == described


def test_every_resource_has_title_licence_source_size_and_a_data_card():
    cards = (DATA / "README.md").read_text(encoding="utf-8")
    for resource in PACKAGE["resources"]:
        raw = (DATA / resource["path"]).read_bytes()
        assert resource["title"] and resource["description"]
        assert resource["licenses"] and resource["sources"]
        assert resource["bytes"] == len(raw)
        assert resource["hash"] == f"sha256:{hashlib.sha256(raw).hexdigest()}"
        assert f"\n## {resource['path']}\n" in cards


def test_no_rule_of_the_package_is_one_that_besci_would_pass_over():
    fields = [field for name in TABLES for field in RESOURCES[name]["schema"]["fields"]]
    assert {field["type"] for field in fields} <= TYPES.keys()
    assert {rule for field in fields for rule in field.get("constraints", {})} <= CONSTRAINTS


@pytest.mark.parametrize("name", TABLES)
def test_files_have_lf_line_ends_and_no_byte_order_mark(name):
    raw = (DATA / RESOURCES[name]["path"]).read_bytes()
    assert b"\r" not in raw and not raw.startswith(b"\xef\xbb\xbf") and raw.endswith(b"\n")


def test_rebuilding_gives_the_same_bytes(folder):
    """Checked where R and the version of psychTools that the package names are installed."""
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed (apt-get install r-base-core r-cran-psychtools)")
    ask = "cat(tryCatch(as.character(packageVersion('psychTools')), error = function(e) 'none'))"
    run = subprocess.run(["Rscript", "-e", ask], capture_output=True, text=True)
    if f"psychTools {run.stdout} " not in RESOURCES["personality_items"]["sources"][0]["title"]:
        pytest.skip(f"psychTools here: {run.stdout} (apt-get install r-cran-psychtools)")
    derived = list(folder.glob("personality_*.csv"))
    assert len(derived) == 3
    for file in derived:
        file.unlink()
    before = (folder / "datapackage.json").read_bytes()
    script = "import sys, pathlib, runpy; sys.path.insert(0, sys.argv[1]); \
runpy.run_path(sys.argv[1] + '/__main__.py')['main'](pathlib.Path(sys.argv[2]))"
    command = [sys.executable, "-B", "-c", script, str(DATA / "build"), str(folder)]
    subprocess.run(command, check=True, cwd=folder)
    for file in derived:
        assert file.read_bytes() == (DATA / file.name).read_bytes()
    assert (folder / "datapackage.json").read_bytes() == before
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize(
    ("rscript", "message"),
    [(None, "needs R, which"), ("exit 3", "needs the R package psychTools")],
)
def test_without_r_or_the_package_the_build_says_in_one_line_what_to_install(
    rscript, message, tmp_path
):
    if rscript:
        fake = tmp_path / "Rscript"
        fake.write_text(f"#!/bin/sh\n{rscript}\n")
        fake.chmod(0o755)
    run = subprocess.run(
        [sys.executable, "-B", str(DATA / "build" / "personality.py")],
        env={"PATH": f"{tmp_path}:/bin" if rscript else str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert message in run.stderr and "apt-get install" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_refresh_changes_only_what_changed(folder):
    refresh = runpy.run_path(str(DATA / "build" / "__main__.py"))["refresh"]
    before = (folder / "datapackage.json").read_text(encoding="utf-8")
    refresh(folder)
    assert (folder / "datapackage.json").read_text(encoding="utf-8") == before
    probes = folder / "probes.csv"
    probes.write_text("\n".join(probes.read_text(encoding="utf-8").splitlines()[:-1]) + "\n")
    refresh(folder)
    after = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    changed = [
        a["name"] for a, b in zip(after["resources"], RESOURCES.values(), strict=True) if a != b
    ]
    assert changed == ["probes"]
    assert load_data("probes", folder).shape[0] == RESOURCES["probes"]["rows"] - 1


# Facts about the personality data


@pytest.fixture(scope="module")
def items():
    return load_data("personality_items")


@pytest.fixture(scope="module")
def answers(items):
    return load_data("personality_responses")[items["item_id"]].to_numpy()


def keyed_item_rest(answers, keying, scale):
    """Correlation of each item with the sum of the other items of its scale, after keying."""
    keyed = answers * keying
    rest = [
        keyed[:, (scale == scale[k]) & (np.arange(len(scale)) != k)].sum(axis=1)
        for k in range(len(scale))
    ]
    return np.array([np.corrcoef(keyed[:, k], rest[k])[0, 1] for k in range(len(scale))])


def test_there_are_27_constructs_of_five_items_and_14_items_a_factor(items):
    assert (items["construct"].value_counts() == 5).all()
    assert items["construct"].nunique() == 27
    assert items["factor"].value_counts().to_dict() == dict.fromkeys(
        ["Agreeableness", "Conscientiousness", "Extraversion", "Neuroticism", "Openness"], 14
    )
    assert (items["factor"].notna() == items["factor_keying"].notna()).all()


def test_construct_names_are_words(items):
    assert items["construct"].str.fullmatch("[A-Z][a-z]+([- ][a-z]+)?").all()


def test_all_4000_people_answered_all_items_from_1_to_6(answers):
    assert answers.shape == (4000, 135)
    assert answers.dtype == np.int64
    assert np.unique(answers).tolist() == [1, 2, 3, 4, 5, 6]


def test_columns_of_the_responses_are_in_the_order_of_the_items(items):
    columns = load_data("personality_responses").columns
    assert list(columns[-len(items) :]) == list(items["item_id"])


def test_correlations_are_those_of_the_responses(items, answers):
    table = load_data("personality_correlations")
    i, j = np.triu_indices(len(items), k=1)
    ids = items["item_id"].to_numpy()
    assert list(table["item_i"]) == list(ids[i]) and list(table["item_j"]) == list(ids[j])
    assert np.abs(table["r"] - np.corrcoef(answers.T)[i, j]).max() < 0.51e-6


def test_after_keying_the_items_of_a_construct_all_correlate_positively(items, answers):
    keying = items["keying"].to_numpy()
    same = items["construct"].to_numpy()[:, None] == items["construct"].to_numpy()
    assert (np.corrcoef((answers * keying).T)[same] > 0).all()
    assert (np.corrcoef(answers.T)[same] < 0).any()
    assert keyed_item_rest(answers, keying, items["construct"].to_numpy()).min() > 0.2


def test_after_factor_keying_every_item_correlates_positively_with_its_factor(items, answers):
    big = items["factor"].notna().to_numpy()
    keying = items["factor_keying"].to_numpy()[big]
    assert keyed_item_rest(answers[:, big], keying, items["factor"].to_numpy()[big]).min() > 0.2


def test_halves_of_the_sample_give_nearly_the_same_correlations(answers):
    people = np.random.default_rng(0).permutation(len(answers))
    i, j = np.triu_indices(answers.shape[1], k=1)
    halves = [np.corrcoef(answers[half].T)[i, j] for half in np.array_split(people, 2)]
    half = np.corrcoef(*halves)[0, 1]
    assert half == pytest.approx(0.98, abs=0.005)
    assert 2 * half / (1 + half) == pytest.approx(0.99, abs=0.003)


def test_constructs_agree_with_the_items(items):
    constructs = load_data("constructs").set_index("construct")
    assert set(constructs.index) == set(items["construct"])
    for name, group in items.groupby("construct"):
        row = constructs.loc[name]
        assert row["n_items"] == len(group)
        counts = group["factor"].value_counts()
        main = counts[counts >= 3].index.tolist()
        assert main == ([row["factor"]] if pd.notna(row["factor"]) else [])
        if main:
            marks = group[group["factor"] == main[0]]
            assert (marks["keying"] * marks["factor_keying"] == row["factor_keying"]).all()


def test_definitions_share_no_four_words_with_an_item_and_do_not_hold_the_name(items):
    def runs(text):
        words = text.lower().strip(".").split()
        return {tuple(words[k : k + 4]) for k in range(len(words) - 3)}

    asked = set().union(*map(runs, items["text"]))
    for row in load_data("constructs").itertuples():
        assert not runs(row.definition) & asked
        assert row.construct.lower() not in row.definition.lower()
        assert row.definition.endswith(".") and row.definition.count(".") == 1


def test_the_numbers_of_the_data_card_are_those_of_the_files(items, answers):
    people = load_data("personality_responses")
    missing = people.isna().sum()
    others = missing.drop("sex")[lambda n: n > 0]
    women = (people["sex"].dropna() == "female").mean()
    loose = keyed_item_rest(answers, items["keying"].to_numpy(), items["construct"].to_numpy())
    no_mark = items["text"].str.contains(r"\b(?:Dont|dont|cant|others feelings|peoples)\b")
    ten = people.columns[1:11]
    cards = (DATA / "README.md").read_text(encoding="utf-8")
    for words in [
        f"`sex` lacks {missing['sex']} values, the others {others.min()} to {others.max():,}",
        f"{people[ten].notna().all(axis=1).sum():,} people have all ten",
        f"median age {people['age'].median():.0f}; {(people['age'] < 18).sum()} people are under",
        f"the youngest {people['age'].min()})",
        f"{women:.0%}".replace("%", " %") + " women",
        f"means *less* ({(items['keying'] < 0).sum()} items)",
        f"source of {(items['source'] == 'IPIP').sum()} items; {(items['source'] != 'IPIP').sum()}",
        f'"{items["text"][loose.argmin()]}" ({items["construct"][loose.argmin()]})',
        f"the rest of its scale, {loose.min():.2f}".replace("0.", "."),
        f"{no_mark.sum()} items are affected",
        *(f"| {RESOURCES[name]['rows']:,} |" for name in TABLES),
    ]:
        assert words in cards, words


# Loading


@pytest.mark.parametrize("name", TABLES)
def test_load_data_agrees_with_pandas(name):
    expected = pd.read_csv(DATA / f"{name}.csv")
    pd.testing.assert_frame_equal(load_data(name), expected)


@pytest.mark.parametrize("name", ["personality_item", "personality_items.csv", "Personality_items"])
def test_an_unknown_name_lists_the_names_and_guesses(name):
    with pytest.raises(DataError) as error:
        load_data(name)
    assert 'Did you mean "personality_items"?' in str(error.value)
    assert all(table in str(error.value) for table in TABLES)


def test_a_name_that_resembles_none_gets_no_guess():
    with pytest.raises(
        DataError, match=r"^There is no table \"42\"\. There are: personality_items"
    ):
        load_data(42)


def test_a_missing_file_is_named_with_its_folder(folder):
    (folder / "constructs.csv").unlink()
    with pytest.raises(DataError, match="constructs.csv in .* cannot be read") as error:
        load_data("personality_items", folder)
    assert str(folder) in str(error.value)


def test_a_folder_in_place_of_a_file_is_refused(folder):
    (folder / "probes.csv").unlink()
    (folder / "probes.csv").mkdir()
    with pytest.raises(DataError, match="probes.csv in .* cannot be read"):
        load_data("probes", folder)


def test_a_folder_without_description_says_where_the_tables_are(tmp_path):
    with pytest.raises(DataError, match="no datapackage.json in .*read_table"):
        load_data("probes", tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"resources": [{"schema": {}}]}', "\xff"])
def test_a_damaged_description_is_refused(text, folder):
    (folder / "datapackage.json").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match="datapackage.json cannot be understood"):
        load_data("probes", folder)


@pytest.mark.parametrize(
    ("name", "change", "place", "words"),
    [
        # columns
        ("constructs", replaced(1, "n_items", "N_items "), 'row 1, column "n_items"',
         'Rename "N_items " to "n_items".'),
        ("constructs", replaced(1, "definition", "meaning"), 'row 1, column "definition"',
         "Add the column."),
        ("constructs", lambda lines: [line.replace(",", ";") for line in lines],
         'row 1, column "construct"', "semicolons"),
        ("constructs", lambda lines: [f"{line},x" for line in lines], 'row 1, column "x"',
         "found a column not described"),
        ("constructs", lambda lines: [lines[0] + ",factor", *(f"{x}," for x in lines[1:])],
         'row 1, column "factor"', "found the column twice"),
        ("personality_correlations", lambda lines: [line.rsplit(",", 1)[0] for line in lines],
         'row 1, column "r"', "Add the column."),
        # rows
        ("personality_items", replaced(7, ",EPQ:N", ""), 'row 7, column "source"',
         "found 6 cells, expected 7, one for each column. Put the missing commas in."),
        ("personality_items", replaced(7, "Am a worrier", "Am, well, a worrier"),
         'row 7, column "source"', "found 9 cells, expected 7"),
        ("personality_items", lambda lines: lines[:-5], "row 132",
         "found the end of the file, expected 135 rows below the header. The file was cut short."),
        ("personality_items", lambda lines: [*lines[:-1], lines[-1][:30]], 'row 136, column "',
         "The file was cut short."),
        ("personality_items", lambda lines: lines[:1], "row 2", "found the end of the file"),
        ("personality_items", lambda lines: [*lines[:9], "", *lines[9:]], "row 10",
         "found an empty row"),
        ("personality_items", lambda lines: [*lines[:9], ",,,,,,", *lines[9:]], "row 10",
         "Delete the row."),
        ("personality_items", lambda lines: [], "row 1", "found an empty file"),
        ("personality_items", lambda lines: ["", *lines], "row 1", "found an empty row"),
        ("personality_items", replaced(5, "Dislike", '"Dislike'), "row 5",
         "found quotation marks that do not match"),
        # cells
        ("personality_responses", replaced(4, "3,36,male", "3,36,male "), 'row 4, column "sex"',
         'found "male ", expected one of male, female. Remove the trailing space.'),
        ("personality_responses", replaced(4, "3,36,male", "3,36, male"), 'row 4, column "sex"',
         "Remove the space before it."),
        ("personality_responses", replaced(4, ",36,male", ",36,ma\u200ble"), 'row 4, column "sex"',
         "it holds characters that cannot be seen"),
        ("personality_responses", replaced(4, "3,36,male", "3,36,Male"), 'row 4, column "sex"',
         'Did you mean "male"?'),
        ("personality_responses", replaced(4, "3,36,male", "3,x,male"), 'row 4, column "age"',
         'found "x", expected a whole number at least 11 and at most 90. Correct the cell.'),
        ("personality_responses", replaced(4, "3,36,male", "3,36.0,male"), 'row 4, column "age"',
         "Write it without decimals."),
        ("personality_responses", replaced(4, "3,36,male", "3,,male"), 'row 4, column "age"',
         "Fill the cell, or delete the row."),
        ("personality_responses", replaced(4, "3,36,male", "3,91,male"), 'row 4, column "age"',
         'found "91"'),
        ("personality_responses", lambda lines: [lines[0], *(x[:-1] + "7" for x in lines[1:])],
         'row 2, column "q_1328"', "(3999 more cells of this column are wrong.)"),
        ("personality_responses", replaced(4, "3,36", "2,36"), 'row 4, column "respondent"',
         'found "2", which row 3 has already'),
        ("personality_correlations", replaced(3, "0.180755", "1.180755"), 'row 3, column "r"',
         'found "1.180755", expected a number at least -1 and at most 1.'),
        ("personality_correlations", replaced(3, "0.180755", '"0,180755"'), 'row 3, column "r"',
         "Write decimals with a point."),
        ("personality_correlations", replaced(3, "0.180755", "nan"), 'row 3, column "r"',
         'found "nan"'),
        ("personality_correlations", replaced(3, "q_1904", "q1904"), 'row 3, column "item_j"',
         "of the form q_[0-9]+"),
        ("personality_correlations", replaced(3, "q_253,q_1904", "q_253,q_952"),
         'row 3, column "item_i, item_j"', 'found "q_253, q_952", which row 2 has already'),
        ("personality_items", replaced(8, "Tell a lot of lies.", "Get angry easily."),
         'row 8, column "text"', 'found "Get angry easily.", which row 3 has already'),
        # references to other tables
        ("personality_items", replaced(2, "Compassion", "Compasion"), 'row 2, column "construct"',
         'expected a value of "construct" in the table constructs. Did you mean "Compassion"?'),
        ("personality_correlations", replaced(3, "q_1904", "q_99999"), 'row 3, column "item_j"',
         'found "q_99999", expected a value of "item_id" in the table personality_items.'),
    ],
)  # fmt: skip
def test_what_is_not_as_described_is_named_by_file_row_and_column(
    name, change, place, words, folder
):
    message = damage(folder, name, change)
    assert message.startswith(f"{name}.csv, {place}"), message
    assert words in message


@pytest.mark.parametrize(
    ("encoding", "row", "byte"), [("cp1252", 3, "0xe9"), ("utf-16", 1, "0xff")]
)
def test_another_encoding_is_named_by_row_and_byte(encoding, row, byte, folder):
    file = folder / "personality_items.csv"
    text = file.read_text(encoding="utf-8").replace("Get angry", "Got café-angry", 1)
    file.write_bytes(text.encode(encoding))
    with pytest.raises(DataError, match=rf"personality_items.csv, row {row}: found byte {byte}"):
        load_data("personality_items", folder)


def test_rows_are_counted_as_a_spreadsheet_does_where_a_cell_has_several_lines(tmp_path):
    file = tmp_path / "mine.csv"
    schema = {"fields": [{"name": "text", "type": "string"}, {"name": "age", "type": "integer"}]}
    file.write_text('text,age\n"two\nlines",3\nb,x\n', encoding="utf-8")
    with pytest.raises(DataError, match='mine.csv, row 3, column "age"'):
        read_table(file, schema)
    file.write_bytes('text,age\n"two\nlines",3\né,4\n'.encode("cp1252"))
    with pytest.raises(DataError, match="mine.csv, row 3: found byte 0xe9"):
        read_table(file, schema)


def test_the_byte_is_right_after_a_byte_order_mark(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_bytes(b"\xef\xbb\xbftext\nab\xe9\n")
    with pytest.raises(DataError, match=r"row 2: found byte 0xe9 \(byte 11 of the file\)"):
        read_table(file, {"fields": [{"name": "text", "type": "string"}]})


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_whatever_happens_to_a_file_it_loads_whole_or_a_data_error_names_it(data):
    raw = bytearray((DATA / "constructs.csv").read_bytes())
    start = data.draw(st.integers(0, len(raw) - 1))
    stop = data.draw(st.integers(start, min(len(raw), start + 200)))
    raw[start:stop] = data.draw(
        st.binary(max_size=8) | st.sampled_from([b'"', b"\n", b",,", b"\0"])
    )
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(DATA / "datapackage.json", folder)
        Path(folder, "constructs.csv").write_bytes(raw)
        try:
            with warnings.catch_warnings(record=True):
                table = load_data("constructs", folder)
        except DataError as error:
            assert str(error).startswith("constructs.csv, row ")
        else:
            assert len(table) >= 27 and table["n_items"].dtype == np.int64


def test_a_valid_file_that_was_edited_loads_with_a_warning(folder):
    file = folder / "constructs.csv"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("flawless performance", "faultless work"), encoding="utf-8")
    with pytest.warns(UserWarning, match="constructs is valid, but not as the course ships it"):
        table = load_data("constructs", folder)
    assert table["definition"].str.contains("faultless work").sum() == 1


def test_order_of_columns_line_ends_and_byte_order_mark_of_a_spreadsheet_do_no_harm(folder):
    file = folder / "probes.csv"
    shuffled = pd.read_csv(file).iloc[:, ::-1]
    file.write_bytes(b"\xef\xbb\xbf" + shuffled.to_csv(index=False, lineterminator="\r\n").encode())
    with pytest.warns(UserWarning):
        table = load_data("probes", folder)
    pd.testing.assert_frame_equal(table, load_data("probes"))


def test_the_course_files_load_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in TABLES:
            load_data(name)


# A learner's own table

SURVEY = {
    "fields": [
        {"name": "person", "type": "string"},
        {"name": "trust", "type": "integer", "constraints": {"minimum": 1, "maximum": 7}},
    ],
    "primaryKey": "person",
    "missingValues": ["", "-99"],
}


def test_a_table_of_ones_own_is_read_with_its_own_missing_values(tmp_path):
    file = tmp_path / "survey.csv"
    file.write_text("person,trust\na,7\nb,-99\nc,\n", encoding="utf-8")
    table = read_table(file, SURVEY)
    assert table["trust"].tolist()[0] == 7 and table["trust"].isna().tolist() == [False, True, True]


def test_further_columns_are_kept_only_if_allowed(tmp_path):
    file = tmp_path / "survey.csv"
    file.write_text("person,note,trust\na,hello,7\n", encoding="utf-8")
    assert read_table(file, SURVEY, more_columns=True)["note"].tolist() == ["hello"]
    with pytest.raises(DataError, match='row 1, column "note"'):
        read_table(file, SURVEY)


def test_a_key_may_not_be_missing(tmp_path):
    file = tmp_path / "survey.csv"
    file.write_text("person,trust\na,7\n,3\n", encoding="utf-8")
    with pytest.raises(DataError, match='survey.csv, row 3, column "person": found ""'):
        read_table(file, SURVEY)


@pytest.mark.parametrize(
    "field", [{"type": "date"}, {"type": "integer", "constraints": {"min": 1}}]
)
def test_a_schema_with_an_unknown_type_or_constraint_is_refused(field, tmp_path):
    file = tmp_path / "survey.csv"
    file.write_text("trust\n3\n", encoding="utf-8")
    with pytest.raises(ValueError, match='Schema, column "trust"'):
        read_table(file, {"fields": [{"name": "trust"} | field]})


def test_a_header_parted_by_semicolons_is_seen_even_where_it_resembles_the_column(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("question;answer\nWho?;Me\n", "utf-8")
    schema = {"fields": [{"name": "question", "type": "string"}]}
    with pytest.raises(DataError, match="semicolons or tabs: save the file with commas"):
        read_table(file, schema, more_columns=True)
