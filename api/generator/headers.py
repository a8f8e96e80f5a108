"""CANN's header tree from headers, types, fields, constants and functions.

Every header compiles alone, as C11 and as C++11, without a warning.
"""

from itertools import groupby
from textwrap import fill

from . import tables

CXX = tables.API / "cxx"
ALL_OPS = "all_ops.h"
NOTICE = "Part of AnyCANN. Made from the tables in api/: change those, not this file."


def comment(text, indent=""):
    if not text:
        return ""
    text = text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")
    one = f"{indent}/** {text} */"
    if len(one) <= 100:
        return one + "\n"
    start = f"{indent} * "
    body = fill(text, 98, initial_indent=start, subsequent_indent=start)
    return f"{indent}/**\n{body}\n{indent} */\n"


def declare(ctype, name):
    return f"{ctype}{name}" if ctype.endswith("*") else f"{ctype} {name}"


def wrap(text, indent=""):
    """Breaks a long line of C after commas only."""
    glued = text.replace(" ", "\0").replace(",\0", ", ")
    lines = fill(
        glued,
        100,
        initial_indent=indent,
        subsequent_indent=indent + "    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines.replace("\0", " ")


def wrap_prototype(prototype):
    return wrap(prototype + ";")


class Model:
    """The tables that headers are made of, grouped by header."""

    def __init__(self):
        self.headers = {row["header"]: row for row in tables.read("headers.tsv")}
        self.constants = {}
        for row in tables.read("constants.tsv"):
            self.constants.setdefault((row["header"], row["set"]), []).append(row)
        self.types = {}
        for row in tables.read("types.tsv"):
            self.types.setdefault(row["header"], []).append(row)
        self.fields = {}
        for row in tables.read("fields.tsv"):
            self.fields.setdefault(row["type"], []).append(row)
        self.functions = {}
        for function in tables.functions():
            self.functions.setdefault(function.header, []).append(function)
        known = set(self.headers) | {"-"}
        for name, used in (("types", self.types), ("functions", self.functions)):
            for header in set(used) - known:
                raise tables.TableError(f"api/{name}.tsv: {header} is not in api/headers.tsv")


def emit_macros(rows):
    width = max(len(r["name"]) for r in rows)
    return "".join(f"#define {r['name']:{width}} {r['value']}\n" for r in rows) + "\n"


def emit_enumerators(rows):
    return ",\n".join(f"    {row['name']} = {row['value']}" for row in rows) + "\n"


def emit_fields(rows):
    out = []
    for path, group in groupby(
        rows, key=lambda r: r["field"].rpartition("/")[0::2][0] if "/" in r["field"] else None
    ):
        members = list(group)
        if path is None:
            out += [emit_field(r["field_type"], r["field"], "    ") for r in members]
        else:
            out.append("    union {\n")
            out += [
                emit_field(r["field_type"], r["field"].rpartition("/")[2], "        ")
                for r in members
            ]
            out.append(f"    }} {path};\n" if path else "    };\n")
    return "".join(out)


def emit_field(ctype, name, indent):
    # A trailing array of no elements is what the ABI has; ISO C and C++ want to be told.
    mark = "__extension__ " if name.endswith("[0]") else ""
    return f"{indent}{mark}{declare(ctype, name)};\n"


def emit_type(model, header, row):
    kind, name, definition = row["kind"], row["name"], row["definition"]
    text = comment(row["doc"])
    if kind == "opaque":
        return text + f"typedef struct {definition or name} {name};\n"
    if kind == "alias":
        return text + f"typedef {declare(definition, name)};\n"
    if kind == "callback":
        return text + wrap_prototype(f"typedef {definition}") + "\n"
    tag = definition or name
    if kind == "enum":
        body = emit_enumerators(model.constants[(header, tag)])
    else:
        body = emit_fields(model.fields[name])
    return f"{text}typedef {kind} {tag} {{\n{body}}} {name};\n"


def emit_header(model, header):
    row = model.headers[header]
    guard = "ANYCANN_" + header.upper().replace("/", "_").replace(".", "_")
    out = [f"/* {header} - {row['doc']}.\n * {NOTICE} */\n#ifndef {guard}\n#define {guard}\n\n"]
    for name in row["includes"].split():
        out.append(f'#include "{name}"\n' if "/" in name else f"#include <{name}>\n")
    out.append('\n#ifdef __cplusplus\nextern "C" {\n#endif\n\n')
    if (header, "macro") in model.constants:
        out.append(emit_macros(model.constants[(header, "macro")]))
    if (header, "anonymous") in model.constants:
        body = emit_enumerators(model.constants[(header, "anonymous")])
        out.append(f"enum {{\n{body}}};\n\n")
    for kind, group in groupby(model.types.get(header, []), key=lambda r: r["kind"]):
        gap = "" if kind in ("opaque", "alias", "callback") else "\n"
        out.append(gap.join(emit_type(model, header, r) for r in group) + "\n")
    for (place, kind), rows in model.constants.items():
        if place == header and kind.startswith("const "):
            out += [f"static const {kind[6:]} {r['name']} = {r['value']};\n" for r in rows] + ["\n"]
    for function in model.functions.get(header, []):
        out.append(comment(function.doc) + wrap_prototype(function.prototype) + "\n\n")
    snippet = tables.API / "snippets" / header
    if snippet.exists():
        out.append(snippet.read_text().lstrip("\n") + "\n")
    out.append("#ifdef __cplusplus\n}\n#endif\n\n#endif\n")
    return "".join(out)


def emit_aclnn_header(header, rows):
    guard = "ANYCANN_ACLNNOP_" + header.upper().replace(".", "_")
    words = header[len("aclnn_") : -len(".h")].replace("_", " ")
    out = [
        (
            f"/* aclnnop/{header} - operators: {words}.\n * {NOTICE} */\n"
            f'#ifndef {guard}\n#define {guard}\n\n#include "aclnn/aclnn_base.h"\n\n'
            '#ifdef __cplusplus\nextern "C" {\n#endif\n\n'
        )
    ]
    for row in rows:
        first, second = aclnn_prototypes(row)
        out.append(
            comment(
                f"Operator {row.op}, phase 1: checks the arguments and says how much "
                "workspace phase 2 needs"
            )
            + wrap_prototype(first)
            + "\n\n"
        )
        out.append(
            comment(f"Operator {row.op}, phase 2: enqueues the executor of phase 1")
            + wrap_prototype(second)
            + "\n\n"
        )
    out.append("#ifdef __cplusplus\n}\n#endif\n\n#endif\n")
    return "".join(out)


def aclnn_prototypes(row):
    arguments = "".join(a.declaration + ", " for a in row.arguments)
    return (
        (
            f"aclnnStatus {row.name}GetWorkspaceSize({arguments}uint64_t *workspaceSize, "
            "aclOpExecutor **executor)"
        ),
        (
            f"aclnnStatus {row.name}(void *workspace, uint64_t workspaceSize, "
            "aclOpExecutor *executor, aclrtStream stream)"
        ),
    )


def paths():
    """Relative paths of all headers, for the build's dependencies."""
    names = [row["header"] for row in tables.read("headers.tsv")]
    return names + sorted({f"aclnnop/{row['header']}" for row in tables.read("aclnn.tsv")})


def written_cxx_paths():
    """The headers of C++ interfaces that are written by hand: api/cxx, in the tree's shape."""
    return sorted(str(p.relative_to(CXX)) for p in CXX.rglob("*.h"))


def cxx_paths():
    """All headers of C++ interfaces; that of operators' classes is made by ge_ops.py."""
    return [*written_cxx_paths(), ALL_OPS]


def generate(include):
    model = Model()
    for header in written_cxx_paths():
        tables.write(include / header, (CXX / header).read_text())
    for header in model.headers:
        tables.write(include / header, emit_header(model, header))
    rows = sorted(tables.aclnn_rows(), key=lambda r: r.header)
    for header, group in groupby(rows, key=lambda r: r.header):
        tables.write(include / "aclnnop" / header, emit_aclnn_header(header, list(group)))
