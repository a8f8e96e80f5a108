"""ONNX's own node tests through atc and aclmdl: converted, loaded, run, compared.

    client.py TOOLKIT [NAME-PREFIX]

Prints one JSON line per test: {"test", "domain", "status", "reason", "constants"}. status: PASS;
WRONG; MISSING: operators that the importer does not have; REFUSED: another refusal; INEXPRESSIBLE:
inputs or outputs that aclDataType or flat buffers do not have (texts, sequences, optionals, 2 and 4
bit numbers ...).

The tests feed everything, shapes and axes as well. What a conversion says must be constant is put
into the model with the value that the test feeds, and the conversion tried again. "constants" names
these inputs; all others are fed.
"""

import ctypes
import json
import re
import sys
import tempfile
from pathlib import Path

import ml_dtypes
import numpy as np
from onnx import ModelProto, TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases

DTYPES = {
    0: np.float32, 1: np.float16, 2: np.int8, 3: np.int32, 4: np.uint8, 6: np.int16, 7: np.uint16,
    8: np.uint32, 9: np.int64, 10: np.uint64, 11: np.float64, 12: np.bool_, 16: np.complex64,
    17: np.complex128, 27: ml_dtypes.bfloat16, 35: ml_dtypes.float8_e5m2,
    36: ml_dtypes.float8_e4m3fn,
}  # fmt: skip
NARROW = [np.dtype(DTYPES[i]) for i in (27, 35, 36)]  # floats that NumPy itself does not have
MOST_CONSTANT = 64  # elements: parameters, not data
WANTS_CONSTANT = re.compile(r"input \d+ \((.*)\) must be (a constant|one constant)")
HOST_TO_DEVICE, DEVICE_TO_HOST = 1, 2


class Dims(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char * 128),
        ("count", ctypes.c_size_t),
        ("dims", ctypes.c_int64 * 128),
    ]


class Option(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("value", ctypes.c_char_p)]


class Conversion(ctypes.Structure):
    _fields_ = [
        ("options", ctypes.POINTER(Option)),
        ("option_count", ctypes.c_int),
        ("command", ctypes.c_char_p),
        ("source", ctypes.c_void_p),
        ("source_bytes", ctypes.c_size_t),
    ]


class Refused(Exception):
    pass


class Device:
    def __init__(self, toolkit):
        self.core = ctypes.CDLL(f"{toolkit}/lib64/libanycann.so")
        self.core.acn_tool_error.restype = ctypes.c_char_p
        self.acl = acl = ctypes.CDLL(f"{toolkit}/lib64/libascendcl.so")
        for name in (
            "aclmdlCreateDesc", "aclmdlCreateDataset", "aclCreateDataBuffer",
            "aclmdlGetDatasetTensorDesc", "aclmdlGetDatasetBuffer", "aclGetDataBufferAddr",
        ):  # fmt: skip
            getattr(acl, name).restype = ctypes.c_void_p
        acl.aclGetTensorDescNumDims.restype = ctypes.c_size_t
        for name in ("aclmdlGetNumInputs", "aclmdlGetNumOutputs"):
            getattr(acl, name).restype = ctypes.c_size_t
        acl.aclGetRecentErrMsg.restype = ctypes.c_char_p
        self.must(acl.aclInit(None))
        self.must(acl.aclrtSetDevice(0))

    def must(self, code):
        if code:
            raise Refused((self.acl.aclGetRecentErrMsg() or b"").decode())

    def convert(self, model, output, inputs):
        shapes = ";".join(f"{n}:{','.join(map(str, a.shape))}" for n, a in inputs.items())
        words = {
            "model": str(model),
            "framework": "5",
            "output": str(output).removesuffix(".om"),
            "soc_version": "Ascend910B1",
            "input_shape": shapes,
            "export_compile_stat": "0",
        }
        options = (Option * len(words))(
            *(Option(name.encode(), value.encode()) for name, value in words.items())
        )
        conversion = Conversion(options, len(words), b"atc")
        if self.core.acn_tool_convert(ctypes.byref(conversion)):
            raise Refused((self.core.acn_tool_error() or b"").decode())

    def dataset(self, arrays):
        dataset, memory = ctypes.c_void_p(self.acl.aclmdlCreateDataset()), []
        for array in arrays:
            nbytes = 0 if array is None else array.nbytes
            address, size = ctypes.c_void_p(), ctypes.c_size_t(nbytes)
            if array is None:  # the run gives the memory
                buffer = ctypes.c_void_p(self.acl.aclCreateDataBuffer(None, size))
                self.must(self.acl.aclmdlAddDatasetBuffer(dataset, buffer))
                memory.append(address)
                continue
            self.must(
                self.acl.aclrtMalloc(
                    ctypes.byref(address), ctypes.c_size_t(max(64, array.nbytes)), 0
                )
            )
            if array.nbytes:
                self.must(
                    self.acl.aclrtMemcpy(
                        address, size, array.ctypes.data_as(ctypes.c_void_p), size, HOST_TO_DEVICE
                    )
                )
            buffer = ctypes.c_void_p(self.acl.aclCreateDataBuffer(address, size))
            self.must(self.acl.aclmdlAddDatasetBuffer(dataset, buffer))
            memory.append(address)
        return dataset, memory

    def load(self, path):
        return Model(self, path)

    def run(self, path, inputs):
        model = self.load(path)
        fed, made = model.datasets(inputs)
        model.execute(fed, made)
        arrays = model.fetch(made)
        model.unload(fed, made)
        return arrays


class Model:
    """A loaded .om. A dataset goes together with its buffers' addresses."""

    def __init__(self, device, path):
        self.device, self.acl, self.number = device, device.acl, ctypes.c_uint32()
        device.must(self.acl.aclmdlLoadFromFile(str(path).encode(), ctypes.byref(self.number)))
        self.desc = ctypes.c_void_p(self.acl.aclmdlCreateDesc())
        device.must(self.acl.aclmdlGetDesc(self.desc, self.number))

    def outputs(self):
        """Arrays as the outputs will be; None where their size is told by the run."""
        arrays = []
        for i in range(self.acl.aclmdlGetNumOutputs(self.desc)):
            dims, index = Dims(), ctypes.c_size_t(i)
            self.device.must(self.acl.aclmdlGetOutputDims(self.desc, index, ctypes.byref(dims)))
            dtype = DTYPES[self.acl.aclmdlGetOutputDataType(self.desc, index)]
            shape = tuple(dims.dims[: dims.count])
            arrays.append(np.zeros(shape, dtype) if min(shape, default=0) >= 0 else None)
        return arrays

    def datasets(self, inputs):
        """What to give to execute: the inputs on the device, and room for the outputs."""
        fed = self.device.dataset([np.ascontiguousarray(a) for a in inputs])
        return fed, self.device.dataset(self.outputs())

    def execute(self, fed, made):
        self.device.must(self.acl.aclmdlExecute(self.number, fed[0], made[0]))

    def fetch(self, made):
        arrays = []
        for index in range(len(made[1])):
            desc = self.acl.aclmdlGetDatasetTensorDesc(made[0], ctypes.c_size_t(index))
            desc, shape = ctypes.c_void_p(desc), []
            for axis in range(self.acl.aclGetTensorDescNumDims(desc)):
                size = ctypes.c_int64()
                self.device.must(
                    self.acl.aclGetTensorDescDimV2(desc, ctypes.c_size_t(axis), ctypes.byref(size))
                )
                shape.append(size.value)
            array = np.zeros(shape, DTYPES[self.acl.aclGetTensorDescType(desc)])
            buffer = self.acl.aclmdlGetDatasetBuffer(made[0], ctypes.c_size_t(index))
            address = ctypes.c_void_p(self.acl.aclGetDataBufferAddr(ctypes.c_void_p(buffer)))
            made[1][index] = address
            arrays.append(array)
            size, to = ctypes.c_size_t(array.nbytes), array.ctypes.data_as(ctypes.c_void_p)
            if array.nbytes:
                self.device.must(self.acl.aclrtMemcpy(to, size, address, size, DEVICE_TO_HOST))
        return arrays

    def unload(self, *datasets):
        for dataset, memory in datasets:
            for address in memory:
                self.acl.aclrtFree(address)
            self.acl.aclmdlDestroyDataset(dataset)
        self.acl.aclmdlDestroyDesc(self.desc)
        self.device.must(self.acl.aclmdlUnload(self.number))


def read_tensors(folder, kind):
    arrays = []
    for index in range(len(list(folder.glob(f"{kind}_*.pb")))):
        tensor = TensorProto()
        tensor.ParseFromString((folder / f"{kind}_{index}.pb").read_bytes())
        arrays.append(numpy_helper.to_array(tensor))
    return arrays


def flat(value):
    """The array that a test gives as an array, a number or a message; None: no buffer holds it."""
    if isinstance(value, TensorProto):
        value = numpy_helper.to_array(value)
    if not isinstance(value, np.ndarray | np.generic):
        return None
    return np.asarray(value) if value.dtype in [np.dtype(d) for d in DTYPES.values()] else None


def graphs_in(node):
    return [a.g for a in node.attribute if a.HasField("g")]


def nodes_of(graph):
    """All nodes, those of subgraphs as well."""
    for node in graph.node:
        yield node
        for inner in graphs_in(node):
            yield from nodes_of(inner)


def names_in(node):
    """What a node reads, also in its graphs."""
    read = [name for inner in graphs_in(node) for each in nodes_of(inner) for name in each.input]
    return [*node.input, *read, *(v.name for inner in graphs_in(node) for v in inner.output)]


def sources(graph, name):
    """The graph's inputs that |name| is computed from."""
    makers = {made: node for node in nodes_of(graph) for made in node.output}
    inputs, seen, todo = {v.name for v in graph.input}, set(), [name]
    while todo:
        at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        if at in makers:
            todo += names_in(makers[at])
    return seen & inputs


def convert(device, model, fed, folder):
    """Converts with as many inputs as can be: takes from |fed| what had to be constant."""
    constants = []
    while True:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        try:
            device.convert(path, Path(folder) / "model.om", fed)
            return constants
        except Refused as error:
            wanted = WANTS_CONSTANT.search(str(error))
            names = sources(model.graph, wanted[1]) & fed.keys() if wanted else ()
            names = [name for name in sorted(names) if fed[name].size <= MOST_CONSTANT]
            if not names:
                raise
            for name in names:
                model.graph.initializer.append(numpy_helper.from_array(fed.pop(name), name))
            constants += names


def difference(case, results, outputs):
    for got, want in zip(results, outputs, strict=True):
        if got.dtype != want.dtype or got.shape != want.shape:
            return f"{got.shape} {got.dtype}; expected {want.shape} {want.dtype}"
        if want.dtype in NARROW:
            got, want = got.astype(np.float32), want.astype(np.float32)
        try:
            np.testing.assert_allclose(got, want, rtol=case.rtol, atol=case.atol)
        except AssertionError as error:
            return " ".join(str(error).split())[:200]
    return None


def check(device, case, folder):
    """Status, reason, and the inputs that were made constant."""
    kept = {t.name for t in case.model.graph.initializer}
    declared = [*case.model.graph.input, *case.model.graph.output]
    names = [v.name for v in case.model.graph.input if v.name not in kept]
    constants = []
    for data in case.data_sets:
        inputs, outputs = ([flat(a) for a in arrays] for arrays in data)
        is_flat = all(v.type.HasField("tensor_type") for v in declared)
        if not is_flat or any(a is None for a in (*inputs, *outputs)):
            return "INEXPRESSIBLE", "inputs or outputs that no buffer holds", []
        model = ModelProto()
        model.CopyFrom(case.model)
        fed = dict(zip(names, inputs, strict=False))
        try:
            constants = convert(device, model, fed, folder)
            results = device.run(Path(folder) / "model.om", fed.values())
        except Refused as error:
            text = str(error)
            kind = "MISSING" if "are not supported" in text else "REFUSED"
            return kind, text.split("atc: ")[-1].split("\n")[0][:200], []
        different = difference(case, results, outputs)
        if different:
            return "WRONG", different, constants
    return "PASS", "", constants


def domain(model):
    """That of the operator under test; expanded tests are in ONNX's own."""
    domains = {node.domain for node in model.graph.node} - {"", "ai.onnx"}
    return min(domains, default="ai.onnx")


def main():
    device = Device(sys.argv[1])
    prefix = sys.argv[2] if len(sys.argv) > 2 else "test_"
    with tempfile.TemporaryDirectory() as folder:
        for case in collect_testcases():
            if case.kind == "node" and case.name.startswith(prefix):
                status, reason, constants = check(device, case, folder)
                row = {
                    "test": case.name,
                    "domain": domain(case.model),
                    "status": status,
                    "reason": reason,
                    "constants": constants,
                }
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
