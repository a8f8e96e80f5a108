"""Wrappers of public functions that write each call down; src/doors/trace/trace.h is their
contract.

Not wrapped, since their arguments cannot be handed on or are not worth it: functions with a
variable number of arguments, and those that stand in for the C library's.
"""

import re

from . import doors, headers, tables

WITHOUT = {"securec"}
INTEGERS = {
    "char": "INT", "signed char": "INT", "int8_t": "INT", "int16_t": "INT", "int32_t": "INT",
    "int64_t": "INT", "int": "INT", "long": "INT", "long long": "INT", "ssize_t": "INT",
    "uint8_t": "UINT", "uint16_t": "UINT", "uint32_t": "UINT", "uint64_t": "UINT",
    "size_t": "UINT", "unsigned int": "UINT", "unsigned char": "UINT", "bool": "BOOL",
    "float": "FLOAT", "double": "FLOAT",
}  # fmt: skip
MEMBERS = {"INT": "i", "UINT": "u", "BOOL": "i", "FLOAT": "f", "ENUM": "i", "CODE": "i"}
ANSWERS = {
    "int32_t": "OUT_INT32", "int": "OUT_INT32", "uint32_t": "OUT_UINT32", "int64_t": "OUT_INT64",
    "uint64_t": "OUT_UINT64", "size_t": "OUT_UINT64", "float": "OUT_FLOAT", "bool": "OUT_BOOL",
}  # fmt: skip
CODES = {"aclError", "aclnnStatus", "HcclResult"}
COUNT = re.compile(r"size|num|count|len|dims?", re.IGNORECASE)


class Types:
    """What a C type's values are, from the tables."""

    def __init__(self):
        self.kinds, self.definitions = {}, {}
        for row in tables.read("types.tsv"):
            self.kinds[row["name"]] = row["kind"]
            self.definitions[row["name"]] = row["definition"] or row["name"]
        self.sets = {}
        for row in tables.read("constants.tsv"):
            self.sets.setdefault(row["set"], []).append(row)
        self.used = {}  # enum tag: C name of its acn_trace_set

    def resolve(self, ctype):
        """A type without const and through its aliases."""
        ctype = re.sub(r"\bconst\b", "", ctype).replace("struct ", "").strip()
        while self.kinds.get(ctype) == "alias":
            ctype = self.definitions[ctype].replace("const ", "").strip()
        return re.sub(r"\s+", " ", ctype)

    def set_of(self, ctype):
        tag = self.definitions[self.resolve(ctype)]
        if tag not in self.sets:
            return "NULL"
        self.used[tag] = f"{tag}_set"
        return f"&{tag}_set"

    def by_value(self, ctype):
        """(kind, set) of something that is no pointer, or becomes one through an alias."""
        base = self.resolve(ctype)
        if base.endswith("*"):
            return "POINTER", "NULL"
        kind = self.kinds.get(base)
        if kind == "enum":
            return "ENUM", self.set_of(base)
        if kind in ("struct", "union"):
            return "STRUCT", "NULL"
        if kind == "callback":
            return "POINTER", "NULL"
        if base in INTEGERS:
            return INTEGERS[base], "NULL"
        return "STRUCT", "NULL"

    def by_pointer(self, pointed, is_const):
        """(kind, set) of a pointer to |pointed|."""
        base = self.resolve(pointed)
        if base in tables.OBJECT_KINDS:
            return "OBJECT", "NULL"
        if base == "char" and is_const:
            return "STRING", "NULL"
        if is_const:
            return ("INTS" if base == "int64_t" else "POINTER"), "NULL"
        if base.endswith("*"):
            return "OUT_POINTER", "NULL"
        if self.kinds.get(base) == "enum":
            return "OUT_ENUM", self.set_of(base)
        return ANSWERS.get(base, "POINTER"), "NULL"


class Parameter:
    def __init__(self, declaration, types):
        self.declaration, self.count = declaration.strip(), -1
        function = re.search(r"\(\*\s*(?:const\s+)?(\w+)\)\(", declaration)
        match = re.fullmatch(r"(.*?)(\w+)\s*((?:\[\w*\])*)", self.declaration)
        if not function and (not match or not match[1].strip()):
            raise tables.TableError(f"'{declaration}' is no argument declaration")
        ctype, self.name = (function or match)[1].strip(), function[1] if function else match[2]
        if function or match[3]:
            self.kind, self.set = "POINTER", "NULL"
        elif "*" in ctype:
            pointed, _, qualifier = ctype.rpartition("*")
            self.kind, self.set = types.by_pointer(pointed, "const" in pointed.split("*")[-1])
        else:
            self.kind, self.set = types.by_value(ctype)

    @property
    def value(self):
        if self.kind == "STRUCT":
            return f"{{.p = &{self.name}}}"
        member = MEMBERS.get(self.kind, "p")
        cast = "(const void *)" if member == "p" else ""
        return f"{{.{member} = {cast}{self.name}}}"


def find_counts(parameters):
    """An array's length is the next argument, if that is a number which is called so."""
    for i, parameter in enumerate(parameters):
        after = parameters[i + 1] if i + 1 < len(parameters) else None
        if parameter.kind != "INTS":
            continue
        if after and after.kind in ("INT", "UINT") and COUNT.search(after.name):
            parameter.count = i + 1
        else:
            parameter.kind = "POINTER"


WRAPPER = """\
static acn_trace_function {name}_function;
static {start}({declarations}) {{
    uint64_t acn_start_ns = acn_trace_enter(&{name}_function);
    {keep}(({returns} (*)({declarations})){name}_function.real)({names});
    const acn_trace_value acn_values[] = {{{values}}};
    acn_trace_call(&{name}_function, acn_start_ns, acn_values);{give}
}}
static const acn_trace_param {name}_params[] = {{
{params}}};
static acn_trace_function {name}_function = {{
    .name = "{name}", .group = "{group}", .params = {name}_params, .param_count = {count},
    .wrapper = (acn_trace_any *)trace_{name}}};

"""


def emit(prototype, name, group, types):
    returns = prototype[: prototype.index(name + "(")].strip()
    inside = prototype[prototype.index("(") + 1 : prototype.rindex(")")]
    texts = [] if inside.strip() in ("", "void") else tables.split_arguments(inside)
    parameters = [Parameter(text, types) for text in texts]
    find_counts(parameters)
    if returns == "void":
        result = ("NOTHING", "NULL", "{.p = NULL}")
    elif returns in CODES or (returns == "int" and name.startswith("aclnn")):
        result = ("CODE", "NULL", "{.i = acn_result}")
    else:
        pointed = returns.rstrip("*").strip()
        is_text = returns.endswith("*") and types.resolve(pointed) == "char"
        kind, names = ("POINTER", "NULL") if returns.endswith("*") else types.by_value(returns)
        kind = "STRING" if is_text else kind
        member = MEMBERS.get(kind, "p")
        cast = "&acn_result" if kind == "STRUCT" else "acn_result"
        result = (kind, names, f"{{.{member} = {cast}}}")
    rows = [(p.name, p.kind, p.count, p.set) for p in parameters]
    rows.append(("result", result[0], -1, result[1]))
    return WRAPPER.format(
        name=name,
        group=group,
        start=headers.declare(returns, f"trace_{name}"),
        returns=returns,
        declarations=", ".join(p.declaration for p in parameters) or "void",
        names=", ".join(p.name for p in parameters),
        keep="" if returns == "void" else headers.declare(returns, "acn_result = "),
        give="" if returns == "void" else "\n    return acn_result;",
        values=", ".join([p.value for p in parameters] + [result[2]]),
        params="".join(
            f'    {{"{row[0]}", ACN_TRACE_{row[1]}, {row[2]}, {row[3]}}},\n' for row in rows
        ),
        count=len(parameters),
    )


def emit_sets(types):
    """The enumerators of the enums that arguments have."""
    out = []
    for tag, name in sorted(types.used.items()):
        rows = types.sets[tag]
        out.append(f"static const acn_trace_name {tag}_names[] = {{\n")
        out += [f'    {{{row["name"]}, "{row["name"]}"}},\n' for row in rows]
        out.append(f"}};\nstatic const acn_trace_set {name} = {{{tag}_names, {len(rows)}}};\n\n")
    return "".join(out)


def prototypes():
    """{name: (prototype, group)} of everything that can be wrapped."""
    out = {}
    for function in tables.functions():
        if "..." in function.prototype or "va_list" in function.prototype:
            continue
        if function.group not in WITHOUT:
            out[function.name] = function.prototype, function.group
    for row in tables.aclnn_rows():
        first, second = headers.aclnn_prototypes(row)
        out[row.name + "GetWorkspaceSize"] = first, "aclnn"
        out[row.name] = second, "aclnn"
    return out


def emit_doors(exported, wrapped):
    out = ["typedef void acn_any(void);\n"]
    rows = []
    for library, names in exported.items():
        if not names:
            continue
        body = "".join(
            f"    &{name}_function,\n" if name in wrapped else "    NULL,\n" for name in names
        )
        out.append(
            f"extern acn_any *const acn_door_{library}[];\n"
            f"static acn_trace_function *const {library}_functions[] = {{\n{body}}};\n"
        )
        rows.append(f"    {{acn_door_{library}, {library}_functions, {len(names)}}},\n")
    out.append(f"const acn_trace_door acn_trace_doors[] = {{\n{''.join(rows)}}};\n")
    out.append(f"const int acn_trace_door_count = {len(rows)};\n")
    return "".join(out)


def generate(path, defined):
    """|defined|: names of functions that work, as for the doors."""
    exported, types, known = doors.exports(defined), Types(), prototypes()
    names = sorted(set().union(*exported.values()) & set(known))
    wrappers = [emit(*known[name][:1], name, known[name][1], types) for name in names]
    include = [row["header"] for row in tables.read("headers.tsv")]
    include += sorted({f"aclnnop/{row.header}" for row in tables.aclnn_rows()})
    out = [
        f'/* {headers.NOTICE} */\n#include "doors/trace/trace.h"\n#include <stdbool.h>\n',
        *(f'#include "{name}"\n' for name in include),
        "\n",
        emit_sets(types),
        *wrappers,
        emit_doors(exported, set(names)),
    ]
    tables.write(path, "".join(out))
