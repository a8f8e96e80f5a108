"""The operators' classes of the graph engine, from api/ge_types.tsv: all_ops.h. It lies with the
other headers, and where CANN's toolkit has it."""

from . import headers, tables

WORDS = {"": "INPUT", "?": "OPTIONAL_INPUT", "*": "DYNAMIC_INPUT"}


def port(word, kinds):
    mark = word[0] if word[0] in "?*" else ""
    name, _, dtype = word.removeprefix(mark).partition(":")
    return f".{kinds[mark]}({name}, TensorType{f'({dtype})' if dtype else '::ALL()'})"


def attr(word):
    name, _, rest = word.partition(":")
    if rest.endswith("!"):
        return f".REQUIRED_ATTR({name}, {rest[:-1]})"
    kind, _, value = rest.partition("=")
    if kind == "Tensor":
        value = "Tensor()"
    return f".ATTR({name}, {kind}, {value})"


def emit(row):
    lines = [f"REG_OP({row['type']})"]
    lines += [port(w, WORDS) for w in row["inputs"].split()]
    lines += [port(w, {"": "OUTPUT", "*": "DYNAMIC_OUTPUT"}) for w in row["outputs"].split()]
    lines += [attr(w) for w in filter(None, row["attrs"].split("; "))]
    return "\n    ".join([*lines, ".OP_END()"]) + "\n\n"


def generate(include):
    guard = "ANYCANN_ALL_OPS_H"
    text = [
        f"/* {headers.ALL_OPS} - classes of the operators that can be executed.\n"
        f" * {headers.NOTICE} */\n"
        f'#ifndef {guard}\n#define {guard}\n\n#include "graph/operator_reg.h"\n\n'
        "/* The toolkit knows these types: they need not be registered. */\nnamespace ge {\n\n"
    ]
    text += [emit(row) for row in tables.ge_types()]
    text.append("} /* namespace ge */\n\n#endif\n")
    for folder in (include, include.parent / "opp" / "built-in" / "op_proto" / "inc"):
        tables.write(folder / headers.ALL_OPS, "".join(text))
