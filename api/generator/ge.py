"""Libraries of the graph engine's C++ names, which lead to libanycann_ge.so.

A C++ name is exported through the same jumps as a C one. What src/doors/ge/LIBRARY/ defines is what
the library exports; besides it there are the names of cxx_symbols.tsv that are not done: see
src/doors/ge/unsupported.h for the three ways of saying so.
"""

import re
import subprocess
from pathlib import Path

from . import doors, headers, tables

BODIES = {
    "status": "uint32_t {name}() {{ return acn_ge_status({text}); }}",
    "throw": "void {name}() {{ acn_ge_throw({text}); }}",
    "nothing": "void {name}() {{}}",
}
PUBLIC = re.compile(r"^[0-9a-f]+ T (_ZNK?2ge\w+|[A-Z]\w+)$", re.MULTILINE)


def libraries():
    return [name for name, row in tables.libraries().items() if row["kind"] == "ge"]


def defined_names(nm, objects):
    """{library: names} that the objects define in the folders of libraries."""
    out = {name: set() for name in libraries()}
    for path in map(Path, objects):
        if path.parent.name in out:
            command = [nm, "-g", "--defined-only", path]
            run = subprocess.run(command, check=True, capture_output=True, text=True)
            out[path.parent.name] |= set(PUBLIC.findall(run.stdout))
    return out


def missing_rows(defined):
    """{library: rows} of names that clients need and nobody defines."""
    done = set().union(*defined.values())
    out = {name: [] for name in defined}
    for row in tables.read("cxx_symbols.tsv"):
        if row["result"] not in BODIES:
            raise tables.TableError(
                f"api/cxx_symbols.tsv: {row['symbol']}: result "
                f"'{row['result']}' is none of {', '.join(BODIES)}"
            )
        if row["symbol"] not in done:
            out[row["library"]].append(row)
        elif row["symbol"] not in defined[row["library"]]:
            raise tables.TableError(
                f"api/cxx_symbols.tsv: {row['symbol']} is not defined in "
                f"src/doors/ge/{row['library']}, but elsewhere"
            )
    return out


def generate(out, defined, processor):
    text = [
        (
            f'/* {headers.NOTICE} */\n#include "doors/ge/unsupported.h"\n\n'
            '#define EXPORT __attribute__((visibility("default"))) extern\n\n'
            "namespace {\n\n"
        )
    ]
    ends = ['}  // namespace\n\nextern "C" {\n\nusing acn_any = void();\n']
    for library, rows in missing_rows(defined).items():
        names = sorted(defined[library])
        ends += [f"void {name}();\n" for name in names]
        ends.append(
            f"EXPORT acn_any *const acn_ge_{library}[];\nacn_any *const acn_ge_{library}[] = {{\n"
        )
        ends += [f"    {name},\n" for name in names]
        for i, row in enumerate(rows):
            name = f"{library}_{i}"
            body = BODIES[row["result"]].format(name=name, text=f'"{row["declaration"]}"')
            text.append(f"{body}\n")
            ends.append(f"    reinterpret_cast<acn_any *>({name}),\n")
        if not names and not rows:
            ends.append("    nullptr,\n")
        ends.append("};\n\n")
        tables.write(
            out / "doors" / f"{library}.S",
            doors.emit_jumps(names + [r["symbol"] for r in rows], f"acn_ge_{library}", processor),
        )
    tables.write(out / "ge.cpp", "".join([*text, "\n", *ends, "}\n"]))
    done = sorted(set().union(*defined.values()))
    tables.write(out / "ge_done.txt", "".join(name + "\n" for name in done))
