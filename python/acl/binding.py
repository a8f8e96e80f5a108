"""How a call goes from Python to C and back; api/generator/pyacl.py says what the words mean."""

import ctypes
from pathlib import Path

from .functions import CALLS, RECORDS

LIBRARIES = Path(__file__).resolve().parents[3] / "lib64"
_libraries, _types = {}, {}


def library(name):
    if name not in _libraries:
        path = LIBRARIES / f"lib{name}.so"
        _libraries[name] = ctypes.CDLL(str(path if path.exists() else path.name))
    return _libraries[name]


def ctype(name):
    """The ctypes class of a name in functions.py; None: void."""
    if name is None:
        return None
    if hasattr(ctypes, name):
        return getattr(ctypes, name)
    if name not in _types:
        if name in CALLS:
            answer, arguments = CALLS[name]
            _types[name] = ctypes.CFUNCTYPE(ctype(answer), *map(ctype, arguments))
        else:
            kind, fields = RECORDS[name]
            base = ctypes.Union if kind == "union" else ctypes.Structure
            _types[name] = type(
                name, (base,), {"_fields_": [(f, array(t, n)) for f, t, n in fields]}
            )
    return _types[name]


def array(name, sizes):
    made = ctype(name)
    for size in reversed(sizes):
        made = made * size
    return made


# ---- structures and dictionaries -----------------------------------------------------------------


def to_python(value):
    if isinstance(value, ctypes.Array):
        if value._type_ is ctypes.c_char:
            return value.value.decode(errors="replace")
        return [to_python(item) for item in value]
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if not isinstance(value, (ctypes.Structure, ctypes.Union)):
        return 0 if value is None else value  # None: a null pointer
    out, before = {}, ""
    for name, _ in value._fields_:
        item = to_python(getattr(value, name))
        if isinstance(item, list) and counts(before, name):
            item = item[: out[before]]
        out[name], before = item, name
    return out


def counts(field, array_field):
    """Of dims[128] behind dimCount as many are given as count."""
    return field.endswith("Count") and array_field.startswith(field[: -len("Count")])


def from_python(made, value, where):
    if isinstance(value, made):
        return value
    if issubclass(made, (ctypes.Structure, ctypes.Union)):
        if not isinstance(value, dict):
            raise TypeError(f"{where} is {type(value).__name__}, expected a dictionary")
        kinds, out = dict(made._fields_), made()
        for name, item in value.items():
            if name not in kinds:
                raise TypeError(f"{where} has '{name}', expected of {', '.join(kinds)}")
            setattr(out, name, from_python(kinds[name], item, f"{where}['{name}']"))
        return out
    if issubclass(made, ctypes.Array):
        if made._type_ is ctypes.c_char:
            return text(value, where) or b""
        if len(value) > made._length_:
            raise TypeError(f"{where} has {len(value)} items, expected at most {made._length_}")
        return made(*(from_python(made._type_, item, where) for item in value))
    if made is ctypes.c_char_p:
        return text(value, where)
    if value is None and made is ctypes.c_void_p:
        return None
    try:
        out = made(value).value
    except TypeError:
        raise TypeError(f"{where} is {type(value).__name__}, expected a number") from None
    if isinstance(value, int) and not -(1 << (8 * ctypes.sizeof(made) - 1)) <= value < (
        1 << 8 * ctypes.sizeof(made)
    ):
        raise ValueError(f"{where} is {value}, expected {8 * ctypes.sizeof(made)} bits")
    return out


def text(value, where):
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    raise TypeError(f"{where} is {type(value).__name__}, expected str, bytes or None")


def listed(values, where):
    if isinstance(values, (str, bytes, dict)) or not hasattr(values, "__iter__"):
        raise TypeError(f"{where} is {type(values).__name__}, expected a list")
    return list(values)


def flat(values, where):
    """Pairs, such as ranges, lie one behind the other in C."""
    out = []
    for value in listed(values, where):
        inner = hasattr(value, "__iter__") and not isinstance(value, (str, bytes, dict))
        out.extend(flat(value, where) if inner else [value])
    return out


def items(kind, values, where):
    made = ctype(kind)
    values = flat(values, where)
    return (made * max(len(values), 1))(*(from_python(made, v, where) for v in values))


# ---- Python functions that C calls ---------------------------------------------------------------

_calls, _data = {}, []  # kept for good: C may call, in replays of a graph also again and again


def call_of(kind, function, has_data, where):
    """C's form of a Python function, which gets its own data in place of C's pointer."""
    if function is None:
        return ctype(kind)(0)
    if not callable(function):
        raise TypeError(f"{where} is {type(function).__name__}, expected a function")

    def from_c(*arguments):
        if has_data:
            arguments = (*arguments[:-1], _data[arguments[-1] - 1])
        answer = function(*arguments)
        return 0 if answer is None and CALLS[kind][0] is not None else answer

    if (kind, function) not in _calls:
        _calls[kind, function] = ctype(kind)(from_c)
    return _calls[kind, function]


# ---- a call --------------------------------------------------------------------------------------

LISTS = ("list", "structs", "lists")
GIVEN = ("value", "text", "list", "struct", "structs", "change", "lists", "call", "data")


class Call:
    """One call's arguments in C's form, and where its answers will lie."""

    def __init__(self, name, rows, given):
        self.name, self.rows, self.values = name, rows, [None] * len(rows)
        self.given = dict(zip((i for i, r in enumerate(rows) if r[1] in GIVEN), given, strict=True))
        self.answers = []
        for i, (argument, how, kind, other) in enumerate(rows):
            getattr(self, how)(i, f"{name}: {argument}", kind, other)

    def value(self, i, where, kind, other):
        self.values[i] = from_python(ctype(kind), self.given[i], where)

    text = value

    def list(self, i, where, kind, other):
        self.values[i] = items(kind, self.given[i], where)

    def count(self, i, where, kind, other):
        sharing = [j for j, (_, how, _, of) in enumerate(self.rows) if of == i and how in LISTS]
        sizes = {}
        for j in sharing:
            where = f"{self.name}: {self.rows[j][0]}"
            sizes[self.rows[j][0]] = len(listed(self.given[j], where))
        if len(set(sizes.values())) > 1:
            told = ", ".join(f"{name} {size}" for name, size in sizes.items())
            raise ValueError(f"{self.name}: lists of different lengths: {told}")
        self.values[i] = next(iter(sizes.values()))

    def lengths(self, i, where, kind, other):
        lists = self.given[i + 1]
        self.values[i] = items(kind, [len(part) for part in lists], where)

    def lists(self, i, where, kind, other):
        parts = [items("c_int64", part, where) for part in self.given[i]]
        self.values[i] = (ctypes.c_void_p * max(len(parts), 1))(*map(ctypes.addressof, parts))
        self.values[i].parts = parts

    def struct(self, i, where, kind, other):
        value = self.given[i]
        if value is not None and not isinstance(value, int):
            value = ctypes.byref(from_python(ctype(kind), value, where))
        self.values[i] = value

    def structs(self, i, where, kind, other):
        self.values[i] = items(kind, self.given[i], where)

    def answer(self, i, place, how_many=None):
        self.values[i] = place if isinstance(place, ctypes.Array) else ctypes.byref(place)
        self.answers.append((place, how_many))

    def out(self, i, where, kind, other):
        self.answer(i, ctype(kind)())

    record = out

    def records(self, i, where, kind, other):
        size = from_python(ctypes.c_size_t, self.given[other], where)
        self.answer(i, (ctype(kind) * size)(), size)

    def buffer(self, i, where, kind, other):
        size = from_python(ctypes.c_size_t, self.given[other], where)
        self.answer(i, ctypes.create_string_buffer(max(size, 1)))

    def change(self, i, where, kind, other):
        self.answer(i, ctype(kind)(self.given[i]))

    def filled(self, i, where, kind, other):
        size = from_python(ctypes.c_size_t, self.given[other], where)
        self.answer(i, (ctype(kind) * size)(), size)

    def call(self, i, where, kind, other):
        has_data = any(how == "data" and of == i for _, how, _, of in self.rows)
        self.values[i] = call_of(kind, self.given[i], has_data, where)

    def data(self, i, where, kind, other):
        _data.append(self.given[i])
        self.values[i] = len(_data)

    def results(self):
        for place, how_many in self.answers:
            if how_many is None and isinstance(place, ctypes._SimpleCData):
                yield to_python(place.value)
            else:
                yield to_python(place)


def function(name, row):
    """The Python function of a row of functions.py; C's is looked up at the first call."""
    c_name, in_library, returns, arguments, echo = row
    given_names = [r[0] for r in arguments if r[1] in GIVEN]
    optional = 1 if c_name == "aclInit" else 0
    is_code, entry = returns == "code", []

    def call(*given):
        if not entry:
            try:
                found = getattr(library(in_library), c_name)
            except AttributeError:
                raise NotImplementedError(f"{name}: {c_name} is not done yet") from None
            found.restype = ctypes.c_int if is_code else ctypes.c_char_p if returns == "text" \
                else ctype(returns)  # fmt: skip
            found.argtypes = [
                ctypes.c_char_p if how == "text" else ctype(kind)
                if how in ("value", "count", "call") else ctypes.c_void_p
                for _, how, kind, _ in arguments
            ]  # fmt: skip
            entry.append(found)
        if not len(given_names) - optional <= len(given) <= len(given_names):
            raise TypeError(f"{name}() takes {len(given_names)} arguments "
                            f"({', '.join(given_names)}), {len(given)} given")  # fmt: skip
        given = list(given) + [None] * (len(given_names) - len(given))
        made = Call(name, arguments, given)
        answer = entry[0](*made.values)
        results = [made.given[echo]] if echo >= 0 else []
        results.extend(made.results())
        if returns is not None:
            results.append(to_python(answer))
        return tuple(results) if len(results) > 1 else results[0] if results else None

    call.__name__ = call.__qualname__ = name.rpartition(".")[2]
    call.__module__, call.__doc__ = name.rpartition(".")[0], f"{c_name}({', '.join(given_names)})"
    return call
