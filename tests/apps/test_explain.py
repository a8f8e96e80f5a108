"""`anycann explain`: codes of all parts, by number and by name."""

import json

import pytest
from running import succeeded


@pytest.mark.parametrize(
    ("word", "name", "space"),
    [
        ("107002", "ACL_ERROR_RT_CONTEXT_NULL", "runtime"),
        ("0x1a1fa", "ACL_ERROR_RT_CONTEXT_NULL", "runtime"),
        ("acl_error_rt_context_null", "ACL_ERROR_RT_CONTEXT_NULL", "runtime"),
        ("100000", "ACL_ERROR_INVALID_PARAM", "acl"),
        ("161002", "ACLNN_ERR_PARAM_INVALID", "aclnn"),
        ("9", "HCCL_E_TIMEOUT", "hccl"),
        ("145012", "ACL_ERROR_GE_DYNAMIC_INPUT_LENGTH_INVALID", "graph engine"),
        ("E16002", "Invalid_Argument_ONNX_Model_Data", "graph engine"),
        ("EZ9999", "Inner_Error", "aclnn"),
        ("EI0006", "collectives", "hccl"),
        ("ERR02200", "PTA_HCCL", "torch_npu"),
    ],
)
def test_explain(toolkit, word, name, space):
    (row,) = json.loads(succeeded(toolkit.anycann("explain", word, "--json")))
    assert row["name"] == name and row["space"] == space
    assert row["meaning"] and row["remedy"]
    text = succeeded(toolkit.anycann("explain", word))
    assert row["meaning"] in text and row["remedy"] in text


def test_a_part_of_a_name_finds_all(toolkit):
    text = succeeded(toolkit.anycann("explain", "sync_timeout"))
    assert "507046" in text and "507047" in text


def test_what_is_no_code(toolkit):
    result = toolkit.anycann("explain", "123456")
    assert result.returncode == 1 and "123456" in result.stderr
    everything = json.loads(succeeded(toolkit.anycann("explain", "--json")))
    assert len(everything) > 400
