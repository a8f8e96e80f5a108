"""Sizes, offsets and values that binary clients were compiled with.

layouts.tsv holds what was measured on clients' side; api/fields.tsv holds only types and order, so
the compiler's answer on our headers is an independent one.
"""

import csv
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent


def rows(name):
    with (HERE / name).open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def build_and_run(source, include, tmp_path):
    (tmp_path / "probe.c").write_text(source)
    command = ["gcc", "-std=c11", f"-I{include}", "probe.c", "-o", "probe"]
    subprocess.run(command, check=True, cwd=tmp_path)
    done = subprocess.run([tmp_path / "probe"], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def test_layouts(include, tmp_path):
    expected = rows("layouts.tsv")
    headers = "".join(f'#include "{h}"\n' for h in sorted({r["header"] for r in expected}))
    prints = "".join(
        f'printf("%zu %zu %zu\\n", sizeof({r["type"]}), offsetof({r["type"]}, {r["field"]}), '
        f"sizeof((({r['type']} *)0)->{r['field']}));\n"
        for r in expected
    )
    source = f"#include <stddef.h>\n#include <stdio.h>\n{headers}int main(void) {{\n{prints}}}\n"
    found = build_and_run(source, include, tmp_path)
    wrong = [
        f"{r['type']}.{r['field']}: size, offset, field size are {line}"
        for r, line in zip(expected, found, strict=True)
        if line != f"{r['size']} {r['offset']} {r['field_size']}"
    ]
    assert not wrong, "\n".join(wrong)


def test_values(include, tmp_path):
    expected = rows("values.tsv")
    headers = "".join(f'#include "{h}"\n' for h in sorted({r["header"] for r in expected}))
    prints = "".join(f'printf("%lld\\n", (long long){r["name"]});\n' for r in expected)
    source = f"#include <stdio.h>\n{headers}int main(void) {{\n{prints}}}\n"
    found = build_and_run(source, include, tmp_path)
    wrong = [
        f"{r['name']} is {line}, clients use {r['value']} ({r['seen']})"
        for r, line in zip(expected, found, strict=True)
        if line != r["value"]
    ]
    assert not wrong, "\n".join(wrong)
