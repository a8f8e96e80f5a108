/* codes.c - HCCL's codes and types, to and from ours. */
#include "doors/hccl/hccl_door.h"
#include "hccl/hccl_comm.h"

static HcclResult code_of(acn_status status) {
    switch (status) {
    case ACN_OK:
        return HCCL_SUCCESS;
    case ACN_NULL_POINTER:
        return HCCL_E_PTR;
    case ACN_BAD_ALLOC:
        return HCCL_E_MEMORY;
    case ACN_DEVICE_MEMORY:
        return HCCL_E_OOM;
    case ACN_FEATURE_NOT_SUPPORTED:
    case ACN_UNSUPPORTED_DATA_TYPE:
        return HCCL_E_NOT_SUPPORT;
    case ACN_NAME_NOT_FOUND:
        return HCCL_E_NOT_FOUND;
    case ACN_COLLECTIVE_TIMEOUT:
        return HCCL_E_TIMEOUT;
    case ACN_COMM_SUSPENDED:
        return HCCL_E_SUSPENDING;
    case ACN_COMM_BUSY:
        return HCCL_E_AGAIN;
    case ACN_INVALID_FILE:
        return HCCL_E_OPEN_FILE_FAILURE;
    case ACN_REMOTE:
        return HCCL_E_REMOTE;
    case ACN_CONTEXT_NULL:
    case ACN_STREAM_CONTEXT:
        return HCCL_E_RUNTIME;
    case ACN_INTERNAL:
        return HCCL_E_INTERNAL;
    default: /* the caller's arguments */
        return HCCL_E_PARA;
    }
}

HcclResult acn_hccl_code(const char *api, acn_status status) {
    HcclResult code = code_of(status);
    if (code != HCCL_SUCCESS) acn_error_set_api(api, (int)code);
    return code;
}

acn_status acn_hccl_dtype(HcclDataType type, acn_dtype *out) {
    static const acn_dtype dtypes[] = {
        [HCCL_DATA_TYPE_INT8] = ACN_I8,    [HCCL_DATA_TYPE_INT16] = ACN_I16,
        [HCCL_DATA_TYPE_INT32] = ACN_I32,  [HCCL_DATA_TYPE_FP16] = ACN_F16,
        [HCCL_DATA_TYPE_FP32] = ACN_F32,   [HCCL_DATA_TYPE_INT64] = ACN_I64,
        [HCCL_DATA_TYPE_UINT64] = ACN_U64, [HCCL_DATA_TYPE_UINT8] = ACN_U8,
        [HCCL_DATA_TYPE_UINT16] = ACN_U16, [HCCL_DATA_TYPE_UINT32] = ACN_U32,
        [HCCL_DATA_TYPE_FP64] = ACN_F64,   [HCCL_DATA_TYPE_BFP16] = ACN_BF16,
    };
    if ((unsigned)type < sizeof dtypes / sizeof dtypes[0]) return *out = dtypes[type], ACN_OK;
    bool is_known = type == HCCL_DATA_TYPE_INT128 ||
                    (type >= HCCL_DATA_TYPE_HIF8 && type <= HCCL_DATA_TYPE_FP8E8M0);
    return acn_fail(is_known ? ACN_UNSUPPORTED_DATA_TYPE : ACN_PARAM_INVALID,
                    "dataType is %d; expected HCCL_DATA_TYPE_INT8 (0) to HCCL_DATA_TYPE_BFP16 (11)",
                    (int)type);
}

acn_status acn_hccl_op(HcclReduceOp op, acn_combine_op *out) {
    if ((unsigned)op < ACN_COMBINE_OPS) return *out = (acn_combine_op)op, ACN_OK;
    return acn_fail(ACN_PARAM_INVALID,
                    "op is %d; expected HCCL_REDUCE_SUM (0), PROD (1), MAX (2) or MIN (3)",
                    (int)op);
}

const char *HcclGetErrorString(HcclResult code) {
    static const char *const texts[] = {
        "no error",
        "parameter error",
        "empty pointer",
        "memory error",
        "internal error",
        "not support feature",
        "not found specific resource",
        "resource unavailable",
        "call system interface error",
        "timeout",
        "open file fail",
        "tcp connect fail",
        "roce connect fail",
        "tcp transfer fail",
        "roce transfer fail",
        "call runtime api fail",
        "call driver api fail",
        "call profiling api fail",
        "call cce api fail",
        "call network api fail",
        "try again",
        "error cqe",
        "error communicator suspending",
        "retry constraint",
        "out of memory",
    };
    return (unsigned)code < sizeof texts / sizeof texts[0] ? texts[code] : "unknown err";
}
