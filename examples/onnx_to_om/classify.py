"""What a network sees in a picture: classify.c once more, in Python through pyACL.

    python classify.py MODEL.om PICTURE.ppm

Needs numpy. Plain pyACL: the same file runs on an Ascend machine. classify.c says how the model is
made.
"""

import sys

import acl
import numpy as np

HOST_TO_DEVICE, DEVICE_TO_HOST = 1, 2
SHOWN = 5


def check(call, ret):
    if ret != 0:
        sys.exit(f"{call}: error {ret}\n{acl.get_recent_err_msg() or ''}")


def read_picture(path):
    """Binary PPM: "P6", width, height, 255, then the bytes, as an array (height, width, 3)."""
    with open(path, "rb") as file:
        head = file.read().split(maxsplit=3)
    if len(head) != 4 or head[0] != b"P6" or not head[3].startswith(b"255"):
        sys.exit("the picture is no binary PPM")
    width, height, rgb = int(head[1]), int(head[2]), head[3][len("255\n") :]
    return np.frombuffer(rgb, np.uint8).reshape(height, width, 3)


def resize(picture, height, width):
    """The nearest pixel for each of the model's."""
    rows = np.arange(height) * picture.shape[0] // height
    columns = np.arange(width) * picture.shape[1] // width
    return np.ascontiguousarray(picture[rows][:, columns])


def dataset_of(size):
    """A dataset of one buffer on the device."""
    device, ret = acl.rt.malloc(size, 0)
    check("acl.rt.malloc", ret)
    dataset = acl.mdl.create_dataset()
    _, ret = acl.mdl.add_dataset_buffer(dataset, acl.create_data_buffer(device, size))
    check("acl.mdl.add_dataset_buffer", ret)
    return dataset, device


def free_dataset(dataset, device):
    acl.destroy_data_buffer(acl.mdl.get_dataset_buffer(dataset, 0))
    acl.mdl.destroy_dataset(dataset)
    acl.rt.free(device)


def classify(model, desc, picture):
    dims, ret = acl.mdl.get_input_dims(desc, 0)
    check("acl.mdl.get_input_dims", ret)
    if acl.mdl.get_num_inputs(desc) != 1 or dims["dimCount"] != 4 or dims["dims"][3] != 3:
        sys.exit("the model takes no pictures of red, green and blue; convert it with pictures.cfg")
    fitting = resize(picture, dims["dims"][1], dims["dims"][2])
    image_size = acl.mdl.get_input_size_by_index(desc, 0)
    result_size = acl.mdl.get_output_size_by_index(desc, 0)
    (inputs, image), (outputs, result) = dataset_of(image_size), dataset_of(result_size)
    source = acl.util.numpy_to_ptr(fitting)
    check("acl.rt.memcpy", acl.rt.memcpy(image, image_size, source, image_size, HOST_TO_DEVICE))
    check("acl.mdl.execute", acl.mdl.execute(model, inputs, outputs))
    likely = np.empty(result_size // 4, np.float32)
    target = acl.util.numpy_to_ptr(likely)
    check("acl.rt.memcpy", acl.rt.memcpy(target, result_size, result, result_size, DEVICE_TO_HOST))
    free_dataset(inputs, image)
    free_dataset(outputs, result)
    return likely


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: classify.py MODEL.om PICTURE.ppm")
    picture = read_picture(sys.argv[2])
    check("acl.init", acl.init())
    check("acl.rt.set_device", acl.rt.set_device(0))
    model, ret = acl.mdl.load_from_file(sys.argv[1])
    check("acl.mdl.load_from_file", ret)
    desc = acl.mdl.create_desc()
    check("acl.mdl.get_desc", acl.mdl.get_desc(desc, model))
    likely = classify(model, desc, picture)
    for best in np.argsort(-likely, kind="stable")[:SHOWN]:
        print(f"class {best}: {likely[best]:.4f}")
    acl.mdl.destroy_desc(desc)
    acl.mdl.unload(model)
    acl.rt.reset_device(0)
    acl.finalize()


if __name__ == "__main__":
    main()
