/* config.c - HcclSetConfig: the process's switches for collectives. */
#include "doors/door.h"
#include "hccl/hccl_comm.h"

#include <stdatomic.h>

static atomic_int deterministic; /* 0 off, 1 on, 2 strict; our collectives always are */

HcclResult HcclSetConfig(HcclConfig config, HcclConfigValue configValue) {
    if (config != HCCL_DETERMINISTIC || configValue.value < 0 || configValue.value > 2) {
        acn_fail(ACN_INVALID_ARGUMENT,
                 "config is %d with value %d; expected HCCL_DETERMINISTIC (0) with 0, 1 or 2",
                 (int)config, (int)configValue.value);
        acn_error_set_api(__func__, HCCL_E_PARA);
        return HCCL_E_PARA;
    }
    atomic_store(&deterministic, configValue.value);
    return HCCL_SUCCESS;
}
