"""Runs a model with dynamic AIPP: aipp_client.py TOOLKIT MODEL IMAGES RESULT SETTINGS.

SETTINGS is JSON: {"calls": [[function, argument...]...], "batch": n}; "@i" as an argument is image
i's number."""

import ctypes
import json
import sys

import numpy as np
from client import Device, Model


def main():
    toolkit, path, images, result, settings = sys.argv[1:]
    settings = json.loads(settings)
    device = Device(toolkit)
    model, acl = Model(device, path), device.acl
    acl.aclmdlCreateAIPP.restype = ctypes.c_void_p
    aipp = ctypes.c_void_p(acl.aclmdlCreateAIPP(ctypes.c_uint64(settings["batch"])))
    size, kind, attached = ctypes.c_size_t(), ctypes.c_int(), ctypes.c_size_t()
    device.must(acl.aclmdlGetAippDataSize(ctypes.c_uint64(settings["batch"]), ctypes.byref(size)))
    for function, *arguments in settings["calls"]:
        words = [
            ctypes.c_float(a)
            if isinstance(a, float)
            else ctypes.c_uint64(int(a[1:]))
            if isinstance(a, str)
            else ctypes.c_int(a)
            for a in arguments
        ]
        device.must(getattr(acl, function)(aipp, *words))
    device.must(
        acl.aclmdlGetAippType(
            model.number, ctypes.c_size_t(0), ctypes.byref(kind), ctypes.byref(attached)
        )
    )
    assert (kind.value, attached.value) == (2, 1)
    feed = np.load(images)
    fed, made = model.datasets([feed, np.zeros(size.value, np.uint8)])
    device.must(acl.aclmdlSetInputAIPP(model.number, fed[0], attached, aipp))
    model.execute(fed, made)
    np.save(result, model.fetch(made)[0])


if __name__ == "__main__":
    main()
