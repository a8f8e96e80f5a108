"""Reads the tables of api/ into plain records and checks them.

Nothing here knows what is generated from a record.
"""

import re
from dataclasses import dataclass
from pathlib import Path

API = Path(__file__).resolve().parent.parent


class TableError(Exception):
    """A row that cannot be used; the text says file, row and remedy."""


def read(name):
    """Rows of api/<name> as dictionaries; empty lines and lines that begin with # are skipped."""
    head = None
    for number, line in enumerate((API / name).read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        cells = line.split("\t")
        if head is None:
            head = cells
            continue
        if len(cells) > len(head):
            raise TableError(f"api/{name}:{number}: {len(cells)} cells, expected {len(head)}")
        yield dict(zip(head, cells + [""] * (len(head) - len(cells)), strict=True))


def split_arguments(text):
    """Splits at commas that stand outside of brackets."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        if char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    last = text[start:].strip()
    return parts + [last] if last else parts


@dataclass(frozen=True)
class Function:
    name: str
    header: str  # "-": no header declares it
    libraries: tuple
    group: str
    is_probed: bool  # exported only when it works, since its presence changes a client's path
    prototype: str
    doc: str

    @property
    def returns(self):
        return self.prototype[: self.prototype.index(self.name + "(")].strip()


def unsupported_reasons():
    """{name: why it cannot be done}; a row that ends in * stands for all names that begin so."""
    rows = [(row["name"], row["reason"]) for row in read("unsupported.tsv")]
    names = [row["name"] for row in read("functions.tsv")]
    out = {}
    for pattern, why in rows:
        stem = pattern.removesuffix("*")
        found = [n for n in names if (n.startswith(stem) if pattern.endswith("*") else n == stem)]
        if not found:
            raise TableError(f"api/unsupported.tsv: {pattern}: no function has such a name")
        out.update(dict.fromkeys(found, why))
    return out


def functions():
    out = []
    for row in read("functions.tsv"):
        if row["name"] + "(" not in row["prototype"]:
            raise TableError(f"api/functions.tsv: {row['name']}: prototype names another function")
        if row["presence"] not in ("always", "probed"):
            raise TableError(f"api/functions.tsv: {row['name']}: presence is always or probed")
        out.append(
            Function(
                row["name"],
                row["header"],
                tuple(row["libraries"].split()),
                row["group"],
                row["presence"] == "probed",
                row["prototype"],
                row["doc"],
            )
        )
    return out


@dataclass(frozen=True)
class Argument:
    name: str
    declaration: str
    kind: str  # the acn_arg_kind without its prefix
    member: str  # of acn_arg


OBJECT_KINDS = {
    "aclTensor": "TENSOR",
    "aclTensorList": "TENSOR_LIST",
    "aclScalar": "SCALAR",
    "aclScalarList": "SCALAR_LIST",
    "aclIntArray": "INTS",
    "aclFloatArray": "FLOATS",
    "aclBoolArray": "BOOLS",
}


def parse_argument(declaration, where):
    match = re.fullmatch(r"(.*?)(\w+)", declaration)
    if not match or not match[1].strip():
        raise TableError(f"{where}: '{declaration}' is no argument declaration")
    ctype, name = match[1].strip(), match[2]
    words = ctype.replace("*", " ").replace("const", " ").split()
    base = words[0] if words else ""
    if "*" in ctype:
        if base in OBJECT_KINDS:
            return Argument(name, declaration, OBJECT_KINDS[base], "object")
        if base == "char":
            return Argument(name, declaration, "STRING", "text")
        raise TableError(f"{where}: no kind for the type '{ctype}' of {name}")
    if base in ("float", "double"):
        return Argument(name, declaration, "FLOAT", "f")
    return Argument(name, declaration, "INT", "i")


@dataclass(frozen=True)
class Bind:
    slot: str
    argument: int  # -1: constant
    constant: int


@dataclass(frozen=True)
class AclnnRow:
    name: str
    header: str
    arguments: tuple
    op: str
    binds: tuple


def aclnn_rows():
    rows, seen = [], set()
    for row in read("aclnn.tsv"):
        where = f"api/aclnn.tsv: {row['name']}"
        if row["name"] in seen:
            raise TableError(f"{where}: appears twice")
        seen.add(row["name"])
        if not re.fullmatch(r"acl(nn)?_\w+\.h", row["header"]):
            raise TableError(f"{where}: header '{row['header']}' is not acl[nn]_<words>.h")
        arguments = tuple(parse_argument(a, where) for a in split_arguments(row["arguments"]))
        rows.append(
            AclnnRow(
                row["name"],
                row["header"],
                arguments,
                row["op"],
                tuple(parse_binding(row["binding"], arguments, where)),
            )
        )
    return sorted(rows, key=lambda r: r.name)


def parse_binding(text, arguments, where):
    index = {a.name: i for i, a in enumerate(arguments)}
    used = set()
    for word in text.split():
        slot, _, value = word.partition("=")
        if re.fullmatch(r"#-?\d+", value):
            yield Bind(slot, -1, int(value[1:]))
        elif value in index:
            used.add(value)
            yield Bind(slot, index[value], 0)
        else:
            raise TableError(f"{where}: '{word}' binds no argument (known: {', '.join(index)})")
    left = [a.name for a in arguments if a.name not in used]
    if left:
        raise TableError(f"{where}: not bound: {', '.join(left)} (write -=NAME to ignore one)")


def ge_rows():
    """GE types whose signature differs from their operator's, sorted as strcmp does."""
    rows = list(read("ge.tsv"))
    for row in rows:
        for word in row["inputs"].split() + row["attrs"].split():
            if not re.fullmatch(r"\w+(=(\w+(@\w+)?|-|!|=\S+))?", word):
                raise TableError(f"api/ge.tsv: {row['type']}: cannot read '{word}'")
    names = [row["type"] for row in rows]
    if len(names) != len(set(names)):
        raise TableError("api/ge.tsv: a type appears twice")
    return sorted(rows, key=lambda r: r["type"].encode())


def ge_types():
    """GE types that can be executed, sorted as strcmp does."""
    rows = list(read("ge_types.tsv"))
    for row in rows:
        for word in row["inputs"].split():
            if not re.fullmatch(r"[?*]?\w+", word):
                raise TableError(f"api/ge_types.tsv: {row['type']}: cannot read '{word}'")
        for word in row["outputs"].split():
            if not re.fullmatch(r"\*?\w+(:DT_\w+)?", word):
                raise TableError(f"api/ge_types.tsv: {row['type']}: cannot read '{word}'")
        for word in filter(None, row["attrs"].split("; ")):
            if not re.fullmatch(r"\w+:(List)?[A-Z]\w+(!|=.*)", word):
                raise TableError(f"api/ge_types.tsv: {row['type']}: cannot read '{word}'")
    names = [row["type"] for row in rows]
    if len(names) != len(set(names)):
        raise TableError("api/ge_types.tsv: a type appears twice")
    return sorted(rows, key=lambda r: r["type"].encode())


def ge_data_types():
    """Names and numbers of ge::DataType, from its header."""
    text = (API / "cxx" / "graph" / "types.h").read_text()
    return re.findall(r"\b(DT_\w+) = (\d+)", text)


def libraries():
    return {row["library"]: row for row in read("libraries.tsv")}


def write(path, text):
    """Writes only what changed, so that nothing downstream is rebuilt for nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
