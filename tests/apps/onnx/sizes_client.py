"""Runs one .om at several sizes and prints what its interface says of them.

    sizes_client.py TOOLKIT MODEL FEEDS RESULTS

FEEDS is an .npz with an array "RUN/INPUT" for each run and input, in order, and "RUN/gear" where a
gear is to be chosen. RESULTS gets "RUN/OUTPUT-NUMBER". Printed: one JSON object.
"""

import ctypes
import json
import sys

import numpy as np
from client import DTYPES, Device, Dims, Model

GEARS = b"ascend_mbatch_shape_data"
MINUS_ONE = ctypes.c_size_t(-1)


class Batches(ctypes.Structure):
    _fields_ = [("count", ctypes.c_size_t), ("batch", ctypes.c_uint64 * 128)]


class Images(ctypes.Structure):
    _fields_ = [("count", ctypes.c_size_t), ("hw", ctypes.c_uint64 * 2 * 128)]


class Sized(Model):
    def dims(self, function, index):
        dims = Dims()
        self.device.must(function(self.desc, ctypes.c_size_t(index), ctypes.byref(dims)))
        return list(dims.dims[: dims.count])

    def gear_index(self):
        index = ctypes.c_size_t()
        found = self.acl.aclmdlGetInputIndexByName(self.desc, GEARS, ctypes.byref(index))
        return None if found else index

    def describe(self):
        acl = self.acl
        inputs, outputs = acl.aclmdlGetNumInputs(self.desc), acl.aclmdlGetNumOutputs(self.desc)
        acl.aclmdlGetInputSizeByIndex.restype = ctypes.c_size_t
        acl.aclmdlGetOutputSizeByIndex.restype = ctypes.c_size_t
        batches, images, count = Batches(), Images(), ctypes.c_size_t()
        self.device.must(acl.aclmdlGetDynamicBatch(self.desc, ctypes.byref(batches)))
        self.device.must(acl.aclmdlGetDynamicHW(self.desc, MINUS_ONE, ctypes.byref(images)))
        self.device.must(
            acl.aclmdlGetInputDynamicGearCount(self.desc, MINUS_ONE, ctypes.byref(count))
        )
        gears = (Dims * max(count.value, 1))()
        if count.value:
            self.device.must(acl.aclmdlGetInputDynamicDims(self.desc, MINUS_ONE, gears, count))
        return {
            "inputs": [self.dims(acl.aclmdlGetInputDims, i) for i in range(inputs)],
            "outputs": [self.dims(acl.aclmdlGetOutputDims, i) for i in range(outputs)],
            "input_bytes": [
                acl.aclmdlGetInputSizeByIndex(self.desc, ctypes.c_size_t(i)) for i in range(inputs)
            ],
            "output_bytes": [
                acl.aclmdlGetOutputSizeByIndex(self.desc, ctypes.c_size_t(i))
                for i in range(outputs)
            ],
            "batches": list(batches.batch[: batches.count]),
            "images": [list(images.hw[i]) for i in range(images.count)],
            "gears": [list(gears[i].dims[: gears[i].count]) for i in range(count.value)],
            "current": [],
        }

    def choose(self, dataset, gear):
        index, acl = self.gear_index(), self.acl
        kinds = self.describe()
        if kinds["batches"]:
            return acl.aclmdlSetDynamicBatchSize(
                self.number, dataset, index, ctypes.c_uint64(int(gear[0]))
            )
        if kinds["images"]:
            return acl.aclmdlSetDynamicHWSize(
                self.number, dataset, index, *(ctypes.c_uint64(int(n)) for n in gear)
            )
        dims = Dims(count=len(gear))
        dims.dims[: len(gear)] = [int(n) for n in gear]
        return acl.aclmdlSetInputDynamicDims(self.number, dataset, index, ctypes.byref(dims))

    def shapes(self, dataset, arrays):
        """Tells an open model what is coming."""
        acl = self.acl
        acl.aclCreateTensorDesc.restype = ctypes.c_void_p
        numbers = {np.dtype(v): k for k, v in DTYPES.items()}
        for i, array in enumerate(arrays):
            dims = (ctypes.c_int64 * max(array.ndim, 1))(*array.shape)
            desc = ctypes.c_void_p(
                acl.aclCreateTensorDesc(numbers[array.dtype], array.ndim, dims, 2)
            )
            self.device.must(acl.aclmdlSetDatasetTensorDesc(dataset, desc, ctypes.c_size_t(i)))
            acl.aclDestroyTensorDesc(desc)

    def result(self, dataset, index):
        acl = self.acl
        for name in (
            "aclmdlGetDatasetBuffer",
            "aclGetDataBufferAddr",
            "aclmdlGetDatasetTensorDesc",
        ):
            getattr(acl, name).restype = ctypes.c_void_p
        for name in ("aclGetTensorDescNumDims", "aclGetDataBufferSizeV2"):
            getattr(acl, name).restype = ctypes.c_size_t
        buffer = ctypes.c_void_p(acl.aclmdlGetDatasetBuffer(dataset, ctypes.c_size_t(index)))
        desc = ctypes.c_void_p(acl.aclmdlGetDatasetTensorDesc(dataset, ctypes.c_size_t(index)))
        shape = []
        for d in range(acl.aclGetTensorDescNumDims(desc)):
            n = ctypes.c_int64()
            self.device.must(acl.aclGetTensorDescDimV2(desc, ctypes.c_size_t(d), ctypes.byref(n)))
            shape.append(n.value)
        dtype = DTYPES[acl.aclmdlGetOutputDataType(self.desc, ctypes.c_size_t(index))]
        array = np.zeros(shape, dtype)
        assert acl.aclGetDataBufferSizeV2(buffer) >= array.nbytes
        address = ctypes.c_void_p(acl.aclGetDataBufferAddr(buffer))
        size = ctypes.c_size_t(array.nbytes)
        to = array.ctypes.data_as(ctypes.c_void_p)
        self.device.must(acl.aclrtMemcpy(to, size, address, size, 2))
        return array


def room_for_outputs(device, model, facts):
    """Device memory of the size that the interface says; none where it says 0."""
    acl = device.acl
    dataset = ctypes.c_void_p(acl.aclmdlCreateDataset())
    for size in facts["output_bytes"]:
        address = ctypes.c_void_p()
        if size:
            device.must(acl.aclrtMalloc(ctypes.byref(address), ctypes.c_size_t(size), 0))
        buffer = ctypes.c_void_p(acl.aclCreateDataBuffer(address, ctypes.c_size_t(size)))
        device.must(acl.aclmdlAddDatasetBuffer(dataset, buffer))
    return dataset


def main():
    toolkit, path, feeds, results = sys.argv[1:]
    device, feeds, made = Device(toolkit), np.load(feeds), {}
    model = Sized(device, path)
    facts = model.describe()
    runs = sorted({name.split("/")[0] for name in feeds})
    for run in runs:
        arrays = [feeds[n] for n in feeds if n.startswith(f"{run}/") and not n.endswith("/gear")]
        gear = feeds[f"{run}/gear"] if f"{run}/gear" in feeds else None
        has_gears = model.gear_index() is not None
        gears = [np.zeros(facts["inputs"][-1], np.int32)] if has_gears else []
        fed, _ = device.dataset(arrays + gears)
        if gear is not None:
            device.must(model.choose(fed, gear))
        if not has_gears:
            model.shapes(fed, arrays)
        outputs = room_for_outputs(device, model, facts)
        device.must(device.acl.aclmdlExecute(model.number, fed, outputs))
        facts["current"].append(model.dims(device.acl.aclmdlGetCurOutputDims, 0))
        for i in range(len(facts["outputs"])):
            made[f"{run}/{i}"] = model.result(outputs, i)
    facts["wrong_gear"] = 0
    if model.gear_index() is not None:
        wrong = [999] * max(len(model.describe()["gears"][0]) if facts["gears"] else 2, 1)
        facts["wrong_gear"] = model.choose(fed, wrong)
        facts["says"] = (device.acl.aclGetRecentErrMsg() or b"").decode()
    np.savez(results, **made)
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
