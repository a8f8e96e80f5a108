#!/usr/bin/env python3
"""Writes COMPATIBILITY.md from what the toolkit says of itself and from the last test results.

usage: tools/compatibility.py TOOLKIT [RESULTS] > COMPATIBILITY.md

TOOLKIT is build/toolkit. RESULTS is a folder with JUnit files of the Python tests (*.xml), the
table of the operator tests (operators.tsv) and the results of ONNX's node tests (onnx.jsonl); what
is not there is left out.
"""

import collections
import csv
import fnmatch
import json
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

# Why something is not done yet: the first prefix that fits.
REASONS = [
    ("_ZN", "C++ interface of the graph engine: not built yet"),
    ("aclgrph", "graph engine: not built yet"),
    ("aclmdlRI", "capture and replay of streams: not built yet"),
    ("aclmdl", "models (.om): come with the graph engine"),
    ("acltdt", "data channels: come with the graph engine"),
    ("aclprof", "profiler: not built yet"),
    ("Msprof", "profiler: not built yet"),
    ("aclskScope", "super kernels: nothing to do on a CPU"),
    ("aclnn", "operator: not written yet; the client falls back or says so"),
    ("Hcom", "collectives: not built yet"),
    ("Hccl", "collectives: not built yet"),
    ("aclop", "single-operator models: come with the graph engine"),
    ("aclrt", "runtime: not built yet"),
    ("rt", "runtime below acl: not built yet"),
    ("acl", "not built yet"),
    ("hal", "driver: there is none"),
]


def reason(symbol):
    return next((why for prefix, why in REASONS if symbol.startswith(prefix)), "optional; unused")


def ask(toolkit, *words):
    command = [str(toolkit / "bin" / "anycann"), *words, "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def table(heading, rows):
    yield "| " + " | ".join(heading) + " |"
    yield "| " + " | ".join("---" for _ in heading) + " |"
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"
    yield ""


def programs(results):
    for path in sorted(results.glob("*.xml")):
        for case in xml.etree.ElementTree.parse(path).iter("testcase"):
            outcome = next(
                (tag for tag in ("failure", "error", "skipped") if case.find(tag) is not None),
                "pass",
            )
            area = case.get("classname", "").removeprefix("tests.").replace(".", "/")
            yield area, case.get("name", "").replace("_", " ").removeprefix("test "), outcome


def program_section(results):
    rows = list(programs(results))
    if not rows:
        return
    yield "## Programs"
    yield ""
    yield "Results of the last run of the Python tests; what did not pass comes by name."
    yield ""
    counts = collections.Counter((area, outcome) for area, _, outcome in rows)
    areas = sorted({area for area, _, _ in rows})
    outcomes = ("pass", "failure", "error", "skipped")
    yield from table(("tests", *outcomes), [(a, *(counts[a, o] for o in outcomes)) for a in areas])
    for area, name, outcome in rows:
        if outcome != "pass":
            yield f"- {outcome}: {area}: {name}"
    yield ""


def symbol_section(toolkit):
    yield "## Symbols"
    yield ""
    yield (
        "What the unmodified clients ask for. *done*: works. *unsupported*: exists, since the "
        "client links or calls it unconditionally, and fails with its own name. *absent*: the "
        "client probes for it and takes another way."
    )
    yield ""
    rows = ask(toolkit, "coverage")
    states = ("done", "unsupported", "absent")
    counts = collections.Counter((r["client"], r["library"], r["state"]) for r in rows)
    keys = sorted({(r["client"], r["library"]) for r in rows})
    yield from table(
        ("client", "library", *states),
        [(*key, *(counts[(*key, s)] for s in states)) for key in keys],
    )
    gaps = collections.defaultdict(set)
    for row in rows:
        if row["state"] != "done":
            gaps[row["state"], reason(row["symbol"])].add(row["symbol"])
    yield "### Gaps, with their reasons"
    yield ""
    for (state, why), symbols in sorted(gaps.items(), reverse=True):
        shown = ", ".join(f"`{s}`" for s in sorted(symbols) if not s.startswith("_ZN"))
        tail = f": {shown}" if shown else ""
        yield f"- **{state}**, {why} ({len(symbols)}){tail}"
    yield ""


# What a program of the runtime calls; other groups belong to models, media, profiling ...
RUNTIME_GROUPS = (
    "init version log error device context stream event callback notify valuesync memory vmm ipc "
    "soma allocator timeout numeric cmo capture model_ri label recovery snapshot group util "
    "tensordesc op opcompile kernel"
).split()


def runtime_section(toolkit):
    yield "## Runtime"
    yield ""
    yield (
        "All functions of each part of the runtime's interface, whoever calls them. What is not "
        "supported fails with 207000, its own name and the reason; what is *not done* will come."
    )
    yield ""
    with (toolkit / "share" / "anycann" / "functions.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    by_group = collections.defaultdict(list)
    for row in rows:
        by_group[row["group"]].append(row)
    lines = []
    for group in RUNTIME_GROUPS:
        done = [r for r in by_group[group] if r["state"] == "done"]
        never = [r for r in by_group[group] if r["state"] != "done" and r["reason"]]
        later = [r for r in by_group[group] if r["state"] != "done" and not r["reason"]]
        lines.append((group, len(done), len(never), len(later)))
    yield from table(("part", "done", "not supported", "not done"), lines)
    reasons = collections.defaultdict(list)
    for row in rows:
        if row["group"] in RUNTIME_GROUPS and row["state"] != "done":
            reasons[row["reason"] or "not done"].append(row["name"])
    for why, names in sorted(reasons.items()):
        yield f"- {why}: " + ", ".join(f"`{n}`" for n in sorted(names))
    yield ""


def operator_section(toolkit, results):
    yield "## Operators"
    yield ""
    rows = [
        (r["operator"], r["types"], r["aclnn"] or "by type name only") for r in ask(toolkit, "ops")
    ]
    yield f"{len(rows)} operators; types are those that a client may give."
    yield ""
    yield from table(("operator", "types", "public names"), rows)
    path = results / "operators.tsv"
    if path.exists():
        yield "### Operator tests"
        yield ""
        yield "Every operator against its plain scalar reference, at every instruction set."
        yield ""
        with path.open(newline="") as file:
            heading, *lines = csv.reader(file, delimiter="\t")
        yield from table(heading, lines)


OPINFO = Path(__file__).parents[1] / "tests" / "apps" / "opinfo"
DTYPES = ("float32", "float16", "bfloat16", "int64", "int32", "bool", "complex64", "grad")


def rows_of(path):
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return [line.split("\t") for line in lines[1:]]


def opinfo_section():
    """From the record that `make check-all` holds against the runs, not from a run of its own."""
    known = {
        (name, dtype): (status, why) for name, dtype, status, why in rows_of(OPINFO / "known.tsv")
    }
    pairs = {n: d.split() for n, kind, d in rows_of(OPINFO / "pairs.tsv") if kind == "op"}
    every = [(name, dtype) for name, dtypes in pairs.items() for dtype in dtypes]
    passed = collections.Counter(d == "grad" for name, d in every if (name, d) not in known)
    total = collections.Counter(d == "grad" for _, d in every)
    yield "## PyTorch's operator database"
    yield ""
    yield (
        "Each entry of PyTorch 2.13.0's own database that reaches the device, in each type, on "
        "npu:0 against the CPU, with no fallback allowed (`tests/apps/opinfo`): "
        f"**{passed[False]} of {total[False]}** pairs of entry and type pass, and the gradients in "
        f"float32 (*grad*) of {passed[True]} of {total[True]} differentiable entries. An empty "
        "cell: the entry has no such type. What does not pass stands below with its reason."
    )
    yield ""
    body = []
    for name, dtypes in pairs.items():
        cells = [known.get((name, d), ("pass",))[0] if d in dtypes else "" for d in DTYPES]
        body.append((name, *cells))
    yield from table(("entry", *DTYPES), body)
    groups = collections.defaultdict(list)
    for (name, dtype), (status, why) in known.items():
        groups[status, why].append(f"`{name}` {dtype}")
    for (status, why), entries in sorted(groups.items()):
        yield f"- **{status}**, {why}: {', '.join(entries)}"
    yield ""


ONNX = OPINFO.parent / "onnx"


def onnx_section(results):
    """ONNX's node tests, from the last run; the reasons from the record that the run is held to."""
    path = results / "onnx.jsonl"
    if not path.exists():
        return
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    known = rows_of(ONNX / "known.tsv")
    yield "## ONNX's node tests"
    yield ""
    yield (
        "The tests that the onnx package makes, converted by atc and run through aclmdl "
        "(`tests/apps/onnx`). *Inexpressible*: inputs or outputs that no flat buffer of an "
        "aclDataType holds. *Made constant*: tests whose parameters, which a device's shapes "
        "depend on, stand in the model instead of being fed, as CANN's atc wants them; they are "
        "among those that pass."
    )
    yield ""
    body = []
    for domain in sorted({row["domain"] for row in rows}):
        own = [row for row in rows if row["domain"] == domain]
        counts = collections.Counter(row["status"] for row in own)
        expressible = len(own) - counts["INEXPRESSIBLE"]
        constant = sum(row["status"] == "PASS" and bool(row["constants"]) for row in own)
        share = f"{100 * counts['PASS'] / expressible:.1f} %" if expressible else ""
        inexpressible = counts["INEXPRESSIBLE"]
        body.append((domain, len(own), inexpressible, counts["PASS"], share, constant))
    heading = ("domain", "tests", "inexpressible", "pass", "of the expressible", "made constant")
    yield from table(heading, body)
    for pattern, status, why in known:
        names = [row["test"] for row in rows if fits(row, pattern, status)]
        if names:
            yield f"- **{status}**, {why}: {', '.join(f'`{name}`' for name in names)}"
    yield ""
    made = collections.Counter(
        name for row in rows if row["status"] == "PASS" for name in row["constants"]
    )
    yield "Inputs that were made constant, and in how many tests: " + ", ".join(
        f"`{name}` {count}" for name, count in made.most_common()
    )
    yield ""


def fits(row, pattern, status):
    return row["status"] == status and fnmatch.fnmatch(row["test"], pattern)


def main():
    toolkit = Path(sys.argv[1])
    results = Path(sys.argv[2] if len(sys.argv) > 2 else "/nonexistent")
    print("# Compatibility\n\nGenerated by `make compatibility`; do not edit.\n")
    for line in program_section(results):
        print(line)
    for line in symbol_section(toolkit):
        print(line)
    for line in runtime_section(toolkit):
        print(line)
    for line in opinfo_section():
        print(line)
    for line in onnx_section(results):
        print(line)
    for line in operator_section(toolkit, results):
        print(line)


if __name__ == "__main__":
    main()
