"""ONNX's own node tests through atc and aclmdl: converted, loaded, run, compared.

    client.py TOOLKIT [NAME-PREFIX]

Prints one JSON line per test: {"test", "status", "reason"}. status: PASS; WRONG; MISSING: operators
that the importer does not have; REFUSED: another refusal; INEXPRESSIBLE: inputs or outputs that
aclDataType or flat buffers do not have (texts, sequences, optionals, 4 and 8 bit floats).
"""

import ctypes
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases

DTYPES = {
    0: np.float32, 1: np.float16, 2: np.int8, 3: np.int32, 4: np.uint8, 6: np.int16, 7: np.uint16,
    8: np.uint32, 9: np.int64, 10: np.uint64, 11: np.float64, 12: np.bool_, 16: np.complex64,
    17: np.complex128,
}  # fmt: skip
HOST_TO_DEVICE, DEVICE_TO_HOST = 1, 2


class Dims(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char * 128),
        ("count", ctypes.c_size_t),
        ("dims", ctypes.c_int64 * 128),
    ]


class Shape(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("rank", ctypes.c_int),
        ("dims", ctypes.c_longlong * 8),
    ]


class Conversion(ctypes.Structure):
    _fields_ = [
        ("model", ctypes.c_char_p),
        ("output", ctypes.c_char_p),
        ("command", ctypes.c_char_p),
        ("soc", ctypes.c_char_p),
        ("shapes", ctypes.POINTER(Shape)),
        ("shape_count", ctypes.c_int),
    ]


class Refused(Exception):
    pass


class Device:
    def __init__(self, toolkit):
        self.core = ctypes.CDLL(f"{toolkit}/lib64/libanycann.so")
        self.core.acn_tool_error.restype = ctypes.c_char_p
        self.acl = acl = ctypes.CDLL(f"{toolkit}/lib64/libascendcl.so")
        for name in ("aclmdlCreateDesc", "aclmdlCreateDataset", "aclCreateDataBuffer"):
            getattr(acl, name).restype = ctypes.c_void_p
        for name in ("aclmdlGetNumInputs", "aclmdlGetNumOutputs"):
            getattr(acl, name).restype = ctypes.c_size_t
        acl.aclGetRecentErrMsg.restype = ctypes.c_char_p
        self.must(acl.aclInit(None))
        self.must(acl.aclrtSetDevice(0))

    def must(self, code):
        if code:
            raise Refused((self.acl.aclGetRecentErrMsg() or b"").decode())

    def convert(self, model, output, inputs):
        shapes = (Shape * max(len(inputs), 1))()
        for shape, (name, array) in zip(shapes, inputs.items(), strict=False):
            shape.name, shape.rank = name.encode(), array.ndim
            shape.dims[: array.ndim] = array.shape
        conversion = Conversion(
            str(model).encode(), str(output).encode(), b"atc", b"Ascend910B1", shapes, len(inputs)
        )
        if self.core.acn_tool_convert(ctypes.byref(conversion)):
            raise Refused((self.core.acn_tool_error() or b"").decode())

    def dataset(self, arrays):
        dataset, memory = ctypes.c_void_p(self.acl.aclmdlCreateDataset()), []
        for array in arrays:
            address, size = ctypes.c_void_p(), ctypes.c_size_t(array.nbytes)
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

    def run(self, path, inputs):
        acl, model, arrays = self.acl, ctypes.c_uint32(), []
        self.must(acl.aclmdlLoadFromFile(str(path).encode(), ctypes.byref(model)))
        desc = ctypes.c_void_p(acl.aclmdlCreateDesc())
        self.must(acl.aclmdlGetDesc(desc, model))
        for i in range(acl.aclmdlGetNumOutputs(desc)):
            dims = Dims()
            self.must(acl.aclmdlGetOutputDims(desc, ctypes.c_size_t(i), ctypes.byref(dims)))
            dtype = DTYPES[acl.aclmdlGetOutputDataType(desc, ctypes.c_size_t(i))]
            arrays.append(np.zeros(tuple(dims.dims[: dims.count]), dtype))
        fed, fed_memory = self.dataset([np.ascontiguousarray(a) for a in inputs])
        made, made_memory = self.dataset(arrays)
        self.must(acl.aclmdlExecute(model, fed, made))
        for array, address in zip(arrays, made_memory, strict=True):
            size = ctypes.c_size_t(array.nbytes)
            if array.nbytes:
                self.must(
                    acl.aclrtMemcpy(
                        array.ctypes.data_as(ctypes.c_void_p), size, address, size, DEVICE_TO_HOST
                    )
                )
        for address in fed_memory + made_memory:
            acl.aclrtFree(address)
        acl.aclmdlDestroyDataset(fed)
        acl.aclmdlDestroyDataset(made)
        acl.aclmdlDestroyDesc(desc)
        self.must(acl.aclmdlUnload(model))
        return arrays


def read_tensors(folder, kind):
    arrays = []
    for index in range(len(list(folder.glob(f"{kind}_*.pb")))):
        tensor = TensorProto()
        tensor.ParseFromString((folder / f"{kind}_{index}.pb").read_bytes())
        arrays.append(numpy_helper.to_array(tensor))
    return arrays


def flat(array):
    return array is not None and array.dtype in [np.dtype(d) for d in DTYPES.values()]


def check(device, case, folder):
    model = case.model
    tensors = [v.type.HasField("tensor_type") for v in (*model.graph.input, *model.graph.output)]
    kept = {t.name for t in model.graph.initializer}
    names = [v.name for v in model.graph.input if v.name not in kept]
    for inputs, outputs in case.data_sets:
        if not all(tensors) or not all(
            isinstance(a, np.ndarray) and flat(a) for a in (*inputs, *outputs)
        ):
            return "INEXPRESSIBLE", "inputs or outputs that no buffer holds"
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        try:
            fed = dict(zip(names, inputs, strict=False))
            device.convert(path, Path(folder) / "model.om", fed)
            results = device.run(Path(folder) / "model.om", fed.values())
        except Refused as error:
            text = str(error)
            kind = "MISSING" if "are not supported" in text else "REFUSED"
            return kind, text.split("atc: ")[-1].split("\n")[0][:200]
        for got, want in zip(results, outputs, strict=True):
            try:
                np.testing.assert_allclose(got, want, rtol=case.rtol, atol=case.atol)
                assert got.dtype == want.dtype and got.shape == want.shape, (got.shape, got.dtype)
            except AssertionError as error:
                return "WRONG", " ".join(str(error).split())[:200]
    return "PASS", ""


def main():
    device = Device(sys.argv[1])
    prefix = sys.argv[2] if len(sys.argv) > 2 else "test_"
    with tempfile.TemporaryDirectory() as folder:
        for case in collect_testcases():
            if case.kind == "node" and case.name.startswith(prefix):
                status, reason = check(device, case, folder)
                print(
                    json.dumps({"test": case.name, "status": status, "reason": reason}), flush=True
                )


if __name__ == "__main__":
    main()
