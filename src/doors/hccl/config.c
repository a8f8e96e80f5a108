/* config.c - the process's switches for collectives. */
#include "base/env.h"
#include "doors/hccl/hccl_door.h"
#include "hccl/hccl_comm.h"

#include <stdatomic.h>
#include <string.h>

/* 0 off, 1 on, 2 strict; -1: as HCCL_DETERMINISTIC says. Our collectives always are. */
static atomic_int deterministic = -1;

static int get_deterministic(void) {
    const char *text = acn_env_text(ACN_ENV_HCCL_DETERMINISTIC);
    int value = atomic_load(&deterministic);
    if (value >= 0) return value;
    return strcmp(text, "strict") == 0 ? 2 : strcmp(text, "true") == 0;
}

static acn_status check_key(HcclConfig config) {
    if (config == HCCL_DETERMINISTIC) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT, "config is %d; expected HCCL_DETERMINISTIC (0)",
                    (int)config);
}

HcclResult HcclSetConfig(HcclConfig config, HcclConfigValue configValue) {
    acn_status status = check_key(config);
    if (status == ACN_OK && (configValue.value < 0 || configValue.value > 2))
        status = acn_fail(ACN_INVALID_ARGUMENT, "configValue is %d; expected 0, 1 or 2",
                          (int)configValue.value);
    if (status == ACN_OK) atomic_store(&deterministic, configValue.value);
    return ACN_HCCL(status);
}

HcclResult HcclGetConfig(HcclConfig config, HcclConfigValue *configValue) {
    ACN_HCCL_REQUIRE(configValue);
    acn_status status = check_key(config);
    if (status == ACN_OK) configValue->value = get_deterministic();
    return ACN_HCCL(status);
}
