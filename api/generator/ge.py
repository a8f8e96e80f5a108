"""Libraries of the graph engine's C++ names, which lead to libanycann_ge.so.

A C++ name is exported through the same jumps as a C one; what stands behind it here only says that
it is not done: see src/doors/ge/unsupported.h for the three ways of saying so.
"""

from . import doors, headers, tables

BODIES = {
    "status": "uint32_t {name}() {{ return acn_ge_status({text}); }}",
    "throw": "void {name}() {{ acn_ge_throw({text}); }}",
    "nothing": "void {name}() {{}}",
}


def symbols():
    """{library: rows}, in the order of the table."""
    out = {name: [] for name, row in tables.libraries().items() if row["kind"] == "ge"}
    for row in tables.read("cxx_symbols.tsv"):
        if row["result"] not in BODIES:
            raise tables.TableError(
                f"api/cxx_symbols.tsv: {row['symbol']}: result "
                f"'{row['result']}' is none of {', '.join(BODIES)}"
            )
        out[row["library"]].append(row)
    return out


def generate(out, processor):
    text = [
        (
            f'/* {headers.NOTICE} */\n#include "doors/ge/unsupported.h"\n\n'
            '#define EXPORT __attribute__((visibility("default"))) extern\n\n'
            "namespace {\n\n"
        )
    ]
    ends = ['}  // namespace\n\nextern "C" {\n\nusing acn_any = void();\n']
    for library, rows in symbols().items():
        ends.append(
            f"EXPORT acn_any *const acn_ge_{library}[];\nacn_any *const acn_ge_{library}[] = {{\n"
        )
        for i, row in enumerate(rows):
            name = f"{library}_{i}"
            body = BODIES[row["result"]].format(name=name, text=f'"{row["declaration"]}"')
            text.append(f"{body}\n")
            ends.append(f"    reinterpret_cast<acn_any *>({name}),\n")
        ends.append("};\n\n")
        tables.write(
            out / "doors" / f"{library}.S",
            doors.emit_jumps([r["symbol"] for r in rows], f"acn_ge_{library}", processor),
        )
    tables.write(out / "ge.cpp", "".join([*text, "\n", *ends, "}\n"]))
