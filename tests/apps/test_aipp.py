"""Pictures before the network (AIPP), static and dynamic, beside NumPy."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from running import succeeded
from test_onnx import CLIENT, convert, run

N, H, W = 2, 6, 8
FORMATS = {"YUV420SP_U8": 1, "XRGB8888_U8": 2, "RGB888_U8": 3, "YUV400_U8": 4}


def network(path, dims, kind=TensorProto.FLOAT):
    """y = x + 0: what the network sees."""
    zero = np.zeros(1, helper.tensor_dtype_to_np_dtype(kind))
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "zero"], ["y"], name="add")],
        "seen",
        [helper.make_tensor_value_info("x", kind, dims)],
        [helper.make_tensor_value_info("y", kind, dims)],
        [numpy_helper.from_array(zero, "zero")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def pictures(name):
    draw = np.random.default_rng(5)
    if name == "YUV420SP_U8":
        return draw.integers(0, 256, (N, H * 3 // 2, W, 1), np.uint8)
    channels = {"XRGB8888_U8": 4, "RGB888_U8": 3, "YUV400_U8": 1}[name]
    return draw.integers(0, 256, (N, H, W, channels), np.uint8)


def expected(name, images, o):
    """(n, h, w, c) in double up to float16's own arithmetic."""
    if name == "YUV420SP_U8":
        planes = images.reshape(N, H * 3 // 2, W)
        uv = planes[:, H:].reshape(N, H // 2, W // 2, 2).repeat(2, 1).repeat(2, 2)
        x = np.concatenate([planes[:, :H, :, None], uv], -1).astype(np.int64)
        swapped = [0, 2, 1]
    else:
        x = images.astype(np.int64)
        swapped = [2, 1, 0, 3]
    if o.get("ax_swap_switch"):
        x = x[..., [1, 2, 3, 0]]
    if o.get("rbuv_swap_switch"):
        x = x[..., swapped[: x.shape[-1]]]
    if o.get("csc_switch"):
        m = np.array([o[f"matrix_r{r}c{c}"] for r in range(3) for c in range(3)]).reshape(3, 3)
        is_yuv = name.startswith("YUV")
        source = x[..., :3] - (np.array([o[f"input_bias_{i}"] for i in range(3)]) if is_yuv else 0)
        y = np.floor((source @ m.T.astype(np.float64)) / 256)
        if not is_yuv:
            y = y + np.array([o[f"output_bias_{i}"] for i in range(3)])
        x = np.clip(y, 0, 255)
    if o.get("crop"):
        top, left = o["load_start_pos_h"], o["load_start_pos_w"]
        x = x[:, top : top + o["crop_size_h"], left : left + o["crop_size_w"]]
    x = x.astype(np.float16)
    for c in range(x.shape[-1]):
        one = x[..., c] - np.float16(o.get(f"mean_chn_{c}", 0))
        one = one - np.float16(o.get(f"min_chn_{c}", 0))
        x[..., c] = one * np.float16(o.get(f"var_reci_chn_{c}", 1))
    if o.get("padding"):
        sides = [o[f"{side}_padding_size"] for side in ("top", "bottom", "left", "right")]
        x = np.pad(
            x,
            [(0, 0), tuple(sides[:2]), tuple(sides[2:]), (0, 0)],
            constant_values=o.get("padding_value", 0),
        )
    return x


TO_RGB = dict(
    zip(
        [f"matrix_r{r}c{c}" for r in range(3) for c in range(3)],
        [298, 0, 409, 298, -100, -208, 298, 516, 0],
        strict=True,
    )
)
TO_RGB |= {"csc_switch": True, "input_bias_0": 16, "input_bias_1": 128, "input_bias_2": 128}
TO_YUV = dict(zip(TO_RGB, [66, 129, 25, -38, -74, 112, 112, -94, -18], strict=False))
TO_YUV |= {"csc_switch": True, "output_bias_0": 16, "output_bias_1": 128, "output_bias_2": 128}
SCALE = {"mean_chn_0": 104, "mean_chn_1": 117, "mean_chn_2": 123}
SCALE |= {"var_reci_chn_0": 0.017, "var_reci_chn_1": 0.0175, "min_chn_2": 1.5}
CROP = {"crop": True, "load_start_pos_w": 2, "load_start_pos_h": 2}
CROP |= {"crop_size_w": 4, "crop_size_h": 3}
PADDING = {"padding": True, "left_padding_size": 1, "right_padding_size": 2}
PADDING |= {"top_padding_size": 3, "bottom_padding_size": 1}

CASES = [
    ("RGB888_U8", 3, {}),
    ("RGB888_U8", 3, {"rbuv_swap_switch": True} | SCALE),
    ("RGB888_U8", 3, TO_YUV | CROP),
    ("YUV420SP_U8", 3, TO_RGB | SCALE),
    ("YUV420SP_U8", 3, {"rbuv_swap_switch": True} | TO_RGB | CROP | PADDING),
    ("XRGB8888_U8", 3, {"ax_swap_switch": True} | SCALE),
    ("XRGB8888_U8", 4, PADDING),
    ("YUV400_U8", 1, {"mean_chn_0": 7} | CROP),
]


def configuration(path, name, options, mode="static"):
    words = {"aipp_mode": mode, "input_format": name, "src_image_size_w": W, "src_image_size_h": H}
    words |= options
    text = "".join(
        f"  {key}: {str(value).lower() if isinstance(value, bool) else value}\n"
        for key, value in words.items()
    )
    path.write_text("# pictures\naipp_op {\n" + text + "}\n")
    return path


def seen_dims(channels, o):
    h, w = (o["crop_size_h"], o["crop_size_w"]) if o.get("crop") else (H, W)
    if o.get("padding"):
        h += o["top_padding_size"] + o["bottom_padding_size"]
        w += o["left_padding_size"] + o["right_padding_size"]
    return [N, channels, h, w]


@pytest.mark.parametrize(("name", "channels", "options"), CASES)
def test_static(toolkit, tmp_path, name, channels, options):
    source = network(tmp_path / "m.onnx", seen_dims(channels, options))
    words = f"--insert_op_conf={configuration(tmp_path / 'aipp.cfg', name, options)}"
    done, model = convert(toolkit, source, tmp_path, words)
    assert done.returncode == 0, done.stdout
    images = pictures(name)
    (got,) = run(toolkit, model, tmp_path, {"x": images})
    want = expected(name, images, options).transpose(0, 3, 1, 2)[:, :channels]
    assert got.dtype == np.float32 and got.shape == want.shape
    np.testing.assert_array_equal(got, want.astype(np.float32))


def calls(name, o):
    matrix = [o.get(f"matrix_r{r}c{c}", 0) for r in range(3) for c in range(3)]
    biases = [o.get(f"{way}_bias_{i}", 0) for way in ("output", "input") for i in range(3)]
    made = [
        ["aclmdlSetAIPPInputFormat", FORMATS[name]],
        ["aclmdlSetAIPPSrcImageSize", W, H],
        ["aclmdlSetAIPPCscParams", int(o.get("csc_switch", 0)), *matrix, *biases],
        ["aclmdlSetAIPPRbuvSwapSwitch", int(o.get("rbuv_swap_switch", 0))],
        ["aclmdlSetAIPPAxSwapSwitch", int(o.get("ax_swap_switch", 0))],
    ]
    for n in range(N):
        means = [o.get(f"mean_chn_{c}", 0) for c in range(4)]
        made.append(["aclmdlSetAIPPDtcPixelMean", *means, f"@{n}"])
        mins = [float(o.get(f"min_chn_{c}", 0)) for c in range(4)]
        made.append(["aclmdlSetAIPPDtcPixelMin", *mins, f"@{n}"])
        scales = [float(o.get(f"var_reci_chn_{c}", 1)) for c in range(4)]
        made.append(["aclmdlSetAIPPPixelVarReci", *scales, f"@{n}"])
        if o.get("crop"):
            crop = ["load_start_pos_w", "load_start_pos_h", "crop_size_w", "crop_size_h"]
            made.append(["aclmdlSetAIPPCropParams", 1, *(o[key] for key in crop), f"@{n}"])
        if o.get("padding"):
            sides = [o[f"{side}_padding_size"] for side in ("top", "bottom", "left", "right")]
            made.append(["aclmdlSetAIPPPaddingParams", 1, *sides, f"@{n}"])
    return made


@pytest.mark.parametrize(("name", "channels", "options"), CASES)
def test_dynamic(toolkit, tmp_path, name, channels, options):
    source = network(tmp_path / "m.onnx", seen_dims(channels, options))
    path = tmp_path / "aipp.cfg"
    path.write_text("aipp_op { aipp_mode: dynamic max_src_image_size: 1000 }")
    done, model = convert(toolkit, source, tmp_path, f"--insert_op_conf={path}")
    assert done.returncode == 0, done.stdout
    images = np.zeros(1000, np.uint8)
    images[: pictures(name).size] = pictures(name).ravel()
    np.save(tmp_path / "images.npy", images)
    settings = json.dumps({"batch": N, "calls": calls(name, options)})
    words = [toolkit.home, model, tmp_path / "images.npy", tmp_path / "result.npy", settings]
    client = CLIENT.with_name("aipp_client.py")
    succeeded(toolkit.anycann("run", "python3", client, *words))
    want = expected(name, pictures(name), options).transpose(0, 3, 1, 2)[:, :channels]
    np.testing.assert_array_equal(np.load(tmp_path / "result.npy"), want.astype(np.float32))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("aipp_op { aipp_mode: static }", "input_format is missing"),
        ("aipp_op { aipp_mode: dynamic }", "needs max_src_image_size"),
        ("aipp_op { input_format: RGB16 }", "does not know the format"),
        ("aipp_op { input_format: RGB888_U8 nonsense: 1 }", 'unknown key "nonsense"'),
        ("aipp_op { input_format: RGB888_U8", "a brace is missing"),
        ("something { }", "expected aipp_op"),
        ("aipp_op { input_format: RGB888_U8 resize: true }", "resize does not work"),
        ("aipp_op { input_format: RGB888_U8 mean_chn_0: many }", "this is no number"),
        (
            "aipp_op { input_format: RGB888_U8 src_image_size_w: 4 src_image_size_h: 4 }",
            "the network takes 8x6",
        ),
    ],
)
def test_mistakes_in_the_file_are_told(toolkit, tmp_path, text, says):
    source = network(tmp_path / "m.onnx", [N, 3, H, W])
    path = tmp_path / "aipp.cfg"
    path.write_text(text)
    done, model = convert(toolkit, source, tmp_path, f"--insert_op_conf={path}")
    assert done.returncode == 255 and says in done.stdout
    assert not model.exists()
