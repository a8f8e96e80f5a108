"""The libraries that carry CANN's names.

The core defines the public functions with hidden visibility and exports one table of addresses for
each library. A library of a CANN name is nothing but jumps through that table.
"""

import re
import subprocess
from pathlib import Path

from . import headers, tables

X86 = """
    .globl {name}
    .type {name}, @function
    .balign 16
{name}:
    .cfi_startproc
    movq {table}@GOTPCREL(%rip), %r11
    jmp *{offset}(%r11)
    .cfi_endproc
    .size {name}, . - {name}
"""

AARCH64 = """
    .globl {name}
    .type {name}, %function
    .balign 16
{name}:
    .cfi_startproc
    hint #34
    adrp x16, :got:{table}
    ldr x16, [x16, :got_lo12:{table}]
    ldr x16, [x16, #{offset}]
    br x16
    .cfi_endproc
    .size {name}, . - {name}
"""


def defined_functions(nm, objects):
    """Names of the functions that the given objects define for others, but for generated pairs."""
    run = subprocess.run(
        [nm, "-g", "--defined-only", *objects], check=True, capture_output=True, text=True
    )
    names = set(re.findall(r"^[0-9a-f]+ [TW] (\w+)$", run.stdout, re.MULTILINE))
    pairs = {
        name for row in tables.aclnn_rows() for name in (row.name, row.name + "GetWorkspaceSize")
    }
    return names - pairs


def working_rows(path):
    """Names of the aclnn rows whose operator is there; the others are told, not exported."""
    rows = [line.split("\t") for line in read_lines(path)]
    for name, state in rows:
        if "no slot" in state:
            print(f"api/aclnn.tsv: {name}: {state}; not exported")
    return {name for name, state in rows if state == "done"}


def exports(defined):
    """{library: names} of the C libraries. A probed function is there only when it works."""
    out = {name: [] for name, row in tables.libraries().items() if row["kind"] == "c"}
    for function in tables.functions():
        if function.is_probed and function.name not in defined:
            continue
        for library in function.libraries:
            if library not in out:
                raise tables.TableError(
                    f"api/functions.tsv: {function.name}: {library} is no C library of "
                    "api/libraries.tsv"
                )
            out[library].append(function.name)
    for row in tables.aclnn_rows():
        if row.name in defined:
            out["opapi"] += [row.name + "GetWorkspaceSize", row.name]
    return {library: sorted(names) for library, names in out.items()}


def stub(function, why):
    """The body of a function that is not done: it says so, in the way its type can."""
    reason = f'"{why}"' if why else "NULL"
    call = f'acn_door_unsupported("{function.name}", {reason})'
    returns = function.returns
    if returns == "void":
        body = f"{call};"
    elif returns == "HcclResult":
        body = f"{call};\n    return 5; /* HCCL_E_NOT_SUPPORT */"
        returns = "int"
    elif returns in ("aclError", "aclnnStatus", "int", "int32_t"):
        body = f"return {call};"
        returns = "int"
    elif returns.endswith("*"):
        body = f"{call};\n    return NULL;"
        returns = "void *"
    else:
        body = f"{call};\n    return 0;"
        returns = {"float": "float", "bool": "bool"}.get(returns, "uint64_t")
    return f"{headers.declare(returns, function.name)}(void) {{\n    {body}\n}}\n\n"


def emit_stubs(missing):
    out = [
        (
            f"/* {headers.NOTICE}\n * Functions of the interface that are not done yet. Arguments"
            " are not looked at. */\n"
            '#include "doors/door.h"\n#include <stdbool.h>\n\n'
        )
    ]
    reasons = tables.unsupported_reasons()
    return "".join(out + [stub(f, reasons.get(f.name)) for f in missing])


def emit_tables(exported):
    out = [
        (
            f"/* {headers.NOTICE}\n * What the libraries of CANN's names jump through. */\n"
            "typedef void acn_any(void);\n\n"
        )
    ]
    out += [f"acn_any {name};\n" for name in sorted(set().union(*exported.values()))]
    for library, names in exported.items():
        body = "".join(f"    {name},\n" for name in names) or "    0,\n"
        out.append(
            f'\n__attribute__((visibility("default"))) acn_any *const acn_door_{library}[]'
            f" = {{\n{body}}};\n"
        )
    return "".join(out)


def emit_jumps(names, table, processor):
    template = AARCH64 if re.match("aarch64|arm64", processor) else X86
    out = [f"/* {headers.NOTICE} */\n    .text\n"]
    out += [template.format(name=name, table=table, offset=8 * i) for i, name in enumerate(names)]
    return "".join(out) + '\n    .section .note.GNU-stack,"",%progbits\n'


def generate(out, defined, processor):
    exported = exports(defined)
    missing = [f for f in tables.functions() if not f.is_probed and f.name not in defined]
    tables.write(out / "unsupported.c", emit_stubs(missing))
    tables.write(out / "doors.c", emit_tables(exported))
    for library, names in exported.items():
        tables.write(
            out / "doors" / f"{library}.S", emit_jumps(names, f"acn_door_{library}", processor)
        )
    done = sorted(set().union(*exported.values()) - {f.name for f in missing})
    tables.write(out / "done.txt", "".join(name + "\n" for name in done))


def read_lines(path):
    return [line for line in Path(path).read_text().splitlines() if line]
