"""The exported aclnn pairs from api/aclnn.tsv: src/doors/opapi/binding.h is their contract."""

from . import headers, tables

ROW = """{names}
{kinds}
{binds}
{row}
static acn_aclnn_entry {name}_entry = {{.row = &{name}_row}};

{first} {{
{values}
    return acn_aclnn_prepare(&{name}_entry, arguments, workspaceSize, executor);
}}

{second} {{
    return acn_aclnn_execute(&{name}_entry, workspace, workspaceSize, executor, stream);
}}

"""


def array(kind, name, items):
    """A const array; C has no empty ones, so a function without arguments gets one zero."""
    return headers.wrap(f"static const {kind} {name}[] = {{{', '.join(items) or '0'}}};")


def emit_row(row):
    name = row.name
    first, second = headers.aclnn_prototypes(row)
    values = ", ".join(f"{{.{a.member} = {a.name}}}" for a in row.arguments) or "{.i = 0}"
    binds = [f'{{"{b.slot}", {b.argument}, {b.constant}}}' for b in row.binds]
    counts = f"{len(row.arguments)}, {len(row.binds)}"
    return ROW.format(
        name=name,
        names=array("char *const", f"{name}_names", [f'"{a.name}"' for a in row.arguments]),
        kinds=array("uint8_t", f"{name}_kinds", [f"ACN_ARG_{a.kind}" for a in row.arguments]),
        binds=array("acn_bind", f"{name}_binds", binds),
        row=headers.wrap(
            f'static const acn_aclnn_row {name}_row = {{"{name}", "{row.op}", {name}_names, '
            f"{name}_kinds, {name}_binds, {counts}}};"
        ),
        first=headers.wrap(first),
        second=headers.wrap(second),
        values=headers.wrap(f"const acn_arg arguments[] = {{{values}}};", "    "),
    )


def generate(path):
    rows = tables.aclnn_rows()
    out = [f'/* {headers.NOTICE} */\n#include "doors/opapi/binding.h"\n\n']
    out += [f'#include "aclnnop/{h}"\n' for h in sorted({r.header for r in rows})]
    out.append("\n")
    out += [emit_row(row) for row in rows]
    out.append("acn_aclnn_entry *const acn_aclnn_entries[] = {\n")
    out += [f"    &{row.name}_entry,\n" for row in rows]
    out.append("    NULL,\n};\n")
    out.append(f"const int acn_aclnn_entry_count = {len(rows)};\n")
    tables.write(path, "".join(out))
