"""The rows of api/ge.tsv and api/ge_types.tsv as C: src/ops/signature.h and src/ops/ge_type.h are
their contracts."""

import re

from . import headers, tables


def table(name, kind, rows, cells):
    out = [f"const {kind} {name}s[] = {{\n"]
    for row in rows:
        texts = ", ".join('"{}"'.format(row[cell].replace('"', '\\"')) for cell in cells)
        out.append(f"    {{{texts}}},\n")
    return "".join([*out, f"}};\nconst int {name}_count = {len(rows)};\n"])


def numbered(rows):
    """Data types in defaults as numbers."""
    types = dict(tables.ge_data_types())
    for row in rows:
        attrs = re.sub(r"\bDT_\w+", lambda m: types[m.group()], row["attrs"])
        outputs = re.sub(r"\bDT_\w+", lambda m: types[m.group()], row["outputs"])
        yield row | {"attrs": attrs, "outputs": outputs}


def generate(path):
    types = list(numbered(tables.ge_types()))
    tables.write(
        path,
        f'/* {headers.NOTICE} */\n#include "ops/ge_type.h"\n#include "ops/signature.h"\n\n'
        + table(
            "acn_signature_row",
            "acn_signature_row",
            tables.ge_rows(),
            ("type", "op", "inputs", "attrs"),
        )
        + "\n"
        + table("acn_ge_type", "acn_ge_type", types, ("type", "inputs", "outputs", "attrs")),
    )
