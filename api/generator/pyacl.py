"""Python's `acl` module as a table: what python/acl calls, and how each argument crosses over.

Names and directions follow from the C prototype by rules; api/pyacl.tsv has the exceptions. A C
argument becomes one of

    value     a number or an address, as it is           text    str, bytes or None
    list      a Python list; its C count is left out      count   that count
    out       an answer, given back before the code       buffer  text to be filled
    struct    a dictionary, handed in                     structs a list of them, its count left out
    record    a dictionary, given back                    records as many as another argument says
    change    a number, handed in and given back          filled  a list, as long as `change` says
    lists     a list of lists, `lengths` long             call    a Python function
    data      what that function is called with

A row's last number is the index of the argument that it belongs to: a list's count, a room's size,
a function's data.
"""

import pprint
import re

from . import headers, tables, trace

# Longest first: what a C name begins with, and the Python module it stands in.
MODULES = (
    ("acldvpp", "media.dvpp_"), ("aclvdec", "media.vdec_"), ("aclvenc", "media.venc_"),
    ("aclrtc", None), ("aclblas", "blas."), ("aclprof", "prof."), ("aclmdl", "mdl."),
    ("acltdt", "tdt."), ("aclop", "op."), ("aclrt", "rt."), ("aclnn", None), ("acl", ""),
)  # fmt: skip
NUMBERS = {
    "char": "c_char", "signed char": "c_int8", "int8_t": "c_int8", "int16_t": "c_int16",
    "int32_t": "c_int32", "int64_t": "c_int64", "int": "c_int32", "long": "c_long",
    "long long": "c_int64", "ssize_t": "c_ssize_t", "uint8_t": "c_uint8", "uint16_t": "c_uint16",
    "uint32_t": "c_uint32", "uint64_t": "c_uint64", "size_t": "c_size_t", "unsigned": "c_uint32",
    "unsigned int": "c_uint32", "unsigned char": "c_uint8", "bool": "c_bool", "float": "c_float",
    "double": "c_double",
}  # fmt: skip
COUNT = re.compile(r"^num[A-Z_]|^num$|[cC]ount$|Num$|^arraySize$")
LISTS = ("list", "structs", "lengths", "lists")
ROOM = re.compile(r"len|size", re.IGNORECASE)
QUESTION = re.compile(r"Get|Query")
OBJECTS = set(tables.OBJECT_KINDS)


def snake(name):
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def python_name(name):
    """Of a C function; None: it has no Python form."""
    for prefix, module in MODULES:
        if name.startswith(prefix):
            return None if module is None else module + snake(name[len(prefix) :])
    return None


class Crossing:
    """What the tables say of C types, for ctypes."""

    def __init__(self):
        self.types = trace.Types()
        self.records, self.calls = {}, {}  # those that functions use, by name
        self.fields = {}
        for row in tables.read("fields.tsv"):
            self.fields.setdefault(row["type"], []).append((row["field_type"], row["field"]))
        self.constants = {row["name"]: row["value"] for row in tables.read("constants.tsv")}

    def by_value(self, ctype):
        base = self.types.resolve(ctype)
        kind = self.types.kinds.get(base)
        if "*" in base:
            return "c_void_p"
        if kind == "enum":
            return "c_int32"
        if kind == "callback":
            return self.call(base)
        if kind in ("struct", "union"):
            return self.record(base)
        if base not in NUMBERS:
            raise tables.TableError(f"no Python form of the type '{ctype}'")
        return NUMBERS[base]

    def is_record(self, ctype):
        return self.types.kinds.get(self.types.resolve(ctype)) in ("struct", "union")

    def record(self, name):
        if name not in self.records:
            self.records[name] = None  # stands while its fields are read
            kind, parts, members = self.types.kinds[name], {}, []
            for ctype, field in self.fields.get(name, ()):
                field, sizes = self.sizes(field)
                part, slash, field = field.rpartition("/")
                if not slash:
                    members.append((field, self.by_value(ctype), sizes))
                    continue
                if part not in parts:
                    parts[part] = f"{name}.{part or 'union'}"
                    self.records[parts[part]] = ("union", [])
                    members.append((part, parts[part], ()))
                self.records[parts[part]][1].append((field, self.by_value(ctype), sizes))
            self.records[name] = (kind, members)
        return name

    def sizes(self, field):
        sizes = re.findall(r"\[(\w+)\]", field)
        return field.split("[")[0], tuple(int(self.constants.get(s, s)) for s in sizes)

    def call(self, name):
        text = self.types.definitions[name]
        answer, arguments = re.fullmatch(r"(.*?)\(\*\w+\)\((.*)\)", text).groups()
        arguments = [
            "c_void_p" if "*" in a else self.by_value(a) for a in tables.split_arguments(arguments)
        ]
        answer = answer.strip()
        answer = (
            None if answer == "void" else "c_void_p" if "*" in answer else self.by_value(answer)
        )
        self.calls[name] = (answer, arguments)
        return name

    def argument(self, declaration):
        """(name, how it crosses, ctypes name) of one argument, neighbours not yet seen."""
        match = re.fullmatch(r"(.*?)(\w+)\s*((?:\[\w*\])*)", declaration)
        if not match or "(*" in declaration:
            raise tables.TableError(f"'{declaration}' has no Python form")
        ctype, name, brackets = match[1].strip(), match[2], match[3]
        if brackets:
            return name, "array", "c_void_p" if "*" in ctype else self.by_value(ctype)
        if "*" not in ctype:
            kind = self.by_value(ctype)
            return name, "call" if kind in self.calls else "value", kind
        pointed, _, _ = ctype.rpartition("*")
        pointed = re.sub(r"\bconst\s*$", "", pointed.strip()).strip()
        is_const, base = pointed.startswith("const "), self.types.resolve(pointed)
        if "*" in pointed or "*" in base:
            element = "c_char_p" if base.startswith("char") or "char" in pointed else "c_void_p"
            return name, "array" if is_const else "out", element
        if base == "char":
            return (name, "text", "c_char_p") if is_const else (name, "buffer", "c_char")
        if base == "void" or self.types.kinds.get(base) == "opaque":
            return name, "value", "c_void_p"
        if self.is_record(base):
            return name, "struct" if is_const else "record", self.record(base)
        return name, "array" if is_const else "out", self.by_value(base)


def settle(arguments, is_question):
    """Arguments that depend on each other: arrays and their count, a function and its data."""
    arguments = [list(a) + [-1] for a in arguments]
    for i, argument in enumerate(arguments):
        if argument[1] == "record" and not is_question:
            argument[1] = "struct"
        if argument[1] in ("array", "struct", "lengths", "lists"):
            settle_array(arguments, i)
        elif argument[1] in ("buffer", "record", "records"):
            settle_room(arguments, i)
        elif argument[1] == "filled":
            argument[3] = next(j for j, a in enumerate(arguments) if a[1] == "change")
        elif argument[1] == "call":
            later = [a for a in arguments[i + 1 :] if a[1] == "value" and a[2] == "c_void_p"]
            if later and re.search(r"data|args|param|context", later[0][0], re.IGNORECASE):
                later[0][1], later[0][3] = "data", i
    return [tuple(a) for a in arguments]


def settle_array(arguments, i):
    """A list's count stands before it, or after it; several lists in a row may share one."""
    argument, single = arguments[i], arguments[i][1] == "struct"
    others = [j for j, a in enumerate(arguments) if a[1] not in ("array", "struct", *LISTS)]
    for j in [j for j in reversed(others) if j < i][:1] + [j for j in others if j > i][:1]:
        counted = arguments[j][3]
        if is_count(arguments[j]) and (counted < 0 or (counted < j) == (i < j)):
            if counted < 0:
                arguments[j][1], arguments[j][3] = "count", i
            argument[1] = "structs" if single else "list" if argument[1] == "array" else argument[1]
            argument[3] = j
            return
    if not single:
        argument[1], argument[2] = "value", "c_void_p"


def settle_room(arguments, i):
    """How much is to be filled, the next argument says or the one before it."""
    argument, around = arguments[i], arguments[i + 1 : i + 2] + arguments[max(i - 1, 0) : i]
    word = ROOM if argument[1] == "buffer" else COUNT
    sizes = [a for a in around if a[1] == "value" and word.search(a[0])]
    if sizes:
        argument[3] = arguments.index(sizes[0])
        argument[1] = "buffer" if argument[1] == "buffer" else "records"
    elif argument[1] == "buffer":
        raise tables.TableError(f"{argument[0]}: text to be filled, of no size")


def is_count(argument):
    return argument is not None and argument[1] in ("value", "count") and COUNT.search(argument[0])


def answer_of(function, crossing):
    returns = function.returns
    if returns == "void":
        return None
    if crossing.types.resolve(returns) in trace.CODES or returns in trace.CODES:
        return "code"
    if "*" in returns:
        return (
            "text" if re.sub(r"\bconst\b", "", returns).replace(" ", "") == "char*" else "c_void_p"
        )
    return crossing.by_value(returns)


def rows(crossing):
    exceptions = {}
    for row in tables.read("pyacl.tsv"):
        exceptions.setdefault(row["function"], {})[row["what"]] = row["value"]
    for function in tables.functions():
        other = exceptions.pop(function.name, {})
        names = other.get("name", python_name(function.name) or "").split()
        text = function.prototype[function.prototype.index("(") + 1 : -1]
        parts = [] if text.strip() in ("", "void") else tables.split_arguments(text)
        words = set(re.findall(r"\w+", text))
        if not names or "..." in parts or words & OBJECTS or not function.header.startswith("acl/"):
            continue
        try:
            arguments = [list(crossing.argument(part)) for part in parts]
            for argument in arguments:
                argument[1] = other.get(argument[0], argument[1])
            arguments = settle(arguments, QUESTION.search(function.name))
        except tables.TableError:
            if other:
                raise
            continue  # the coverage of the C functions says what exists
        echo = [i for i, a in enumerate(arguments) if a[0] == other.get("echo")]
        row = (function.name, function.libraries[0], answer_of(function, crossing), arguments,
               echo[0] if echo else -1)  # fmt: skip
        yield from ((name, row) for name in names)
    if exceptions:
        raise tables.TableError(f"api/pyacl.tsv: no such function: {', '.join(exceptions)}")


def generate(path):
    crossing = Crossing()
    functions = dict(sorted(rows(crossing)))
    out = [f'"""{headers.NOTICE} api/generator/pyacl.py says what a row means."""\n']
    for name, table in (("FUNCTIONS", functions), ("RECORDS", crossing.records),
                        ("CALLS", crossing.calls)):  # fmt: skip
        out.append(f"{name} = {pprint.pformat(table, width=100, compact=True)}\n")
    tables.write(path, "\n".join(out))
