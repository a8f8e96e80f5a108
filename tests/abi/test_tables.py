"""The tables themselves: complete, without doubles, in a form that the generator can trust."""

import fnmatch
import re
import shutil
import subprocess
from pathlib import Path

import compatibility
import pytest
from generator import codes, doors, headers, tables

REPOSITORY = Path(__file__).resolve().parents[2]


def test_functions_are_unique_and_described():
    functions = tables.functions()
    names = [f.name for f in functions]
    assert len(names) == len(set(names))
    known = {n for n, r in tables.libraries().items() if r["state"] == "shipped"}
    for function in functions:
        assert set(function.libraries) <= known, function.name
        assert len(function.doc) > 5, f"{function.name} has no description"
        assert "\t" not in function.doc and not function.doc.endswith("."), function.name


def test_constants_are_unique():
    rows = list(tables.read("constants.tsv"))
    names = [r["name"] for r in rows]
    assert len(names) == len(set(names))


def test_every_code_is_explained():
    rows = list(codes.rows())
    explained = {code for code, *_ in rows}
    assert set(codes.constants().values()) <= explained
    status = (REPOSITORY / "src/base/status.def").read_text()
    for acl, aclnn, report in re.findall(
        r"^ACN_STATUS\(\w+, (\d+), (\d+), \"(\w+)\"", status, re.M
    ):
        assert {acl, aclnn} <= explained
        assert any(fnmatch.fnmatch(report, code) for code in explained), report
    for code, _, name, meaning, remedy in rows:
        assert len(meaning) > 5 and len(remedy) > 5, (code, name)


def test_types_have_content():
    fields = {r["type"] for r in tables.read("fields.tsv")}
    sets = {r["set"] for r in tables.read("constants.tsv")}
    for row in tables.read("types.tsv"):
        if row["kind"] in ("struct", "union"):
            assert row["name"] in fields, row["name"]
        elif row["kind"] == "enum":
            assert (row["definition"] or row["name"]) in sets, row["name"]


def test_clients_name_known_libraries():
    known = set(tables.libraries())
    for client in ("torch_npu", "onnxruntime-cann"):
        for row in tables.read(f"clients/{client}.tsv"):
            assert re.fullmatch(r"lib(\w+)\.so", row["library"])[1] in known, row
            assert row["kind"] in ("link", "lookup", "probe"), row


def test_linked_names_are_never_probed():
    """A name that a client links or calls without asking must always be there."""
    needed = {
        r["symbol"]
        for client in ("torch_npu", "onnxruntime-cann")
        for r in tables.read(f"clients/{client}.tsv")
        if r["kind"] == "link"
    }
    wrong = [f.name for f in tables.functions() if f.is_probed and f.name in needed]
    assert not wrong


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("int a", ["int a"]),
        ("int a, int b", ["int a", "int b"]),
        (
            "void (*f)(int, int), int (*const g)(void)",
            ["void (*f)(int, int)", "int (*const g)(void)"],
        ),
    ],
)
def test_split_arguments(text, parts):
    assert tables.split_arguments(text) == parts


def test_bad_binding_is_refused():
    arguments = (tables.parse_argument("const aclTensor *self", "test"),)
    with pytest.raises(tables.TableError, match="binds no argument"):
        list(tables.parse_binding("x=other", arguments, "test"))
    with pytest.raises(tables.TableError, match="not bound: self"):
        list(tables.parse_binding("x=#1", arguments, "test"))
    assert list(tables.parse_binding("x=self n=#-2", arguments, "test")) == [
        tables.Bind("x", 0, 0),
        tables.Bind("n", -1, -2),
    ]


def test_long_prototypes_break_after_commas():
    text = headers.wrap("int f(" + ", ".join(f"const char *argument{i}" for i in range(9)) + ");")
    assert all(len(line) <= 100 for line in text.splitlines())
    assert all(line.endswith((",", ";")) for line in text.splitlines())


def test_jumps_assemble_for_other_processors(tmp_path):
    """The build makes jumps for its own processor only: the other one is assembled here."""
    assembler = shutil.which("llvm-mc")
    if not assembler:
        pytest.skip("no llvm-mc")
    for triple in ("aarch64-linux-gnu", "x86_64-linux-gnu"):
        source = tmp_path / f"{triple}.S"
        source.write_text(doors.emit_jumps(["one", "two"], "table", triple.split("-")[0]))
        command = [
            assembler,
            f"-triple={triple}",
            "-filetype=obj",
            source,
            "-o",
            tmp_path / "out.o",
        ]
        subprocess.run(command, check=True)


def test_what_is_not_supported_has_a_reason(toolkit):
    """A row for a function that works by now would tell users the opposite."""
    reasons = tables.unsupported_reasons()
    assert all(len(reason) > 10 and not reason.endswith(".") for reason in reasons.values())
    lines = (toolkit / "share/anycann/functions.tsv").read_text().splitlines()
    states = {cells[0]: cells[2:] for cells in (line.split("\t") for line in lines[1:])}
    for name, reason in reasons.items():
        assert states[name][0] != "done" and states[name][1] == reason, name


def test_every_function_of_the_runtime_works_or_says_why_not(toolkit):
    text = "\n".join(compatibility.runtime_section(toolkit))
    assert "| capture |" in text and "- not done" not in text, text
