"""The rows of api/ge.tsv as C: src/ops/signature.h is their contract."""

from . import headers, tables


def generate(path):
    rows = tables.ge_rows()
    out = [f'/* {headers.NOTICE} */\n#include "ops/signature.h"\n\n']
    out.append("const acn_signature_row acn_signature_rows[] = {\n")
    for row in rows:
        cells = ", ".join(f'"{row[cell]}"' for cell in ("type", "op", "inputs", "attrs"))
        out.append(f"    {{{cells}}},\n")
    out.append(f"}};\nconst int acn_signature_row_count = {len(rows)};\n")
    tables.write(path, "".join(out))
