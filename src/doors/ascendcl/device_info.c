/* device_info.c - what a device is: name, cores, caches, identity, limits. */
#include "acl/acl.h"
#include "base/env.h"
#include "device/device.h"
#include "doors/ascendcl/args.h"
#include "doors/ascendcl/soc.h"
#include "runtime/context.h"
#include "runtime/memory.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The longest beginning wins, so order matters; the last row is for names without one. */
static const acn_soc socs[] = {
    {"Ascend910B1", 24, 48, 192 << 20, 192 << 10},  {"Ascend910B2", 24, 48, 192 << 20, 192 << 10},
    {"Ascend910B3", 20, 40, 192 << 20, 192 << 10},  {"Ascend910B4", 20, 40, 96 << 20, 192 << 10},
    {"Ascend910_93", 24, 48, 192 << 20, 192 << 10}, {"Ascend910", 32, 32, 32 << 20, 256 << 10},
    {"Ascend310P", 8, 7, 16 << 20, 256 << 10},      {"Ascend310", 1, 1, 8 << 20, 248 << 10},
    {"Ascend950", 32, 64, 128 << 20, 248 << 10},    {"", 24, 48, 192 << 20, 192 << 10},
};

const acn_soc *acn_soc_get(void) {
    const char *name = acn_env_text(ACN_ENV_SOC);
    const acn_soc *soc = socs;
    while (strncmp(soc->name, name, strlen(soc->name)) != 0)
        soc++;
    return soc;
}

const char *aclrtGetSocName(void) { return acn_env_text(ACN_ENV_SOC); }

/* A kernel of the same family can run; there is nothing finer to check here. */
aclError aclrtCheckArchCompatibility(const char *socVersion, int32_t *canCompatible) {
    ACN_REQUIRE(socVersion);
    ACN_REQUIRE(canCompatible);
    const char *family = acn_soc_get()->name;
    *canCompatible = strncmp(socVersion, family, strlen(family)) == 0;
    return ACL_SUCCESS;
}

static acn_status capability(uint32_t device, aclDeviceInfo info, int64_t *value) {
    ACN_TRY(acn_device_check(device));
    const acn_soc *soc = acn_soc_get();
    switch (info) {
    case ACL_DEVICE_INFO_AI_CORE_NUM:
        return *value = soc->cube_cores, ACN_OK;
    case ACL_DEVICE_INFO_VECTOR_CORE_NUM:
        return *value = soc->vector_cores, ACN_OK;
    case ACL_DEVICE_INFO_L2_SIZE:
        return *value = soc->l2_bytes, ACN_OK;
    default:
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "deviceInfo is %d; expected a value of aclDeviceInfo (0 to 2)", (int)info);
    }
}

aclError aclGetDeviceCapability(uint32_t deviceId, aclDeviceInfo deviceInfo, int64_t *value) {
    ACN_REQUIRE(value);
    return ACN_ACL(capability(deviceId, deviceInfo, value));
}

static acn_status attribute(uint32_t device, aclrtDevAttr attr, int64_t *value) {
    ACN_TRY(acn_device_check(device));
    const acn_soc *soc = acn_soc_get();
    const struct {
        aclrtDevAttr attr;
        int64_t value;
    } rows[] = {
        {ACL_DEV_ATTR_AICPU_CORE_NUM, 6},
        {ACL_DEV_ATTR_AICORE_CORE_NUM, soc->cube_cores},
        {ACL_DEV_ATTR_CUBE_CORE_NUM, soc->cube_cores},
        {ACL_DEV_ATTR_VECTOR_CORE_NUM, soc->vector_cores},
        {ACL_DEV_ATTR_LOCAL_MEM_PER_VECTOR_CORE, soc->ub_bytes},
        {ACL_DEV_ATTR_TOTAL_GLOBAL_MEM_SIZE, (int64_t)acn_device_bytes()},
        {ACL_DEV_ATTR_L2_CACHE_SIZE, soc->l2_bytes},
        {ACL_DEV_ATTR_SMP_ID, 0},
        {ACL_DEV_ATTR_PHY_CHIP_ID, acn_device_physical((int)device)},
        {ACL_DEV_ATTR_SUPER_POD_DEVICE_ID, acn_device_physical((int)device)},
        {ACL_DEV_ATTR_SUPER_POD_SERVER_ID, 0},
        {ACL_DEV_ATTR_SUPER_POD_ID, 0},
        {ACL_DEV_ATTR_CUST_OP_PRIVILEGE, 1},
        {ACL_DEV_ATTR_MAINBOARD_ID, 0},
        {ACL_DEV_ATTR_HD_CONNECT_TYPE, ACL_HOST_DEVICE_CONNECT_TYPE_PCIE},
        {ACL_DEV_ATTR_DEVICE_FORM_FACTOR, ACL_DEVICE_FORM_FACTOR_PCIE_CARD},
        {ACL_DEV_ATTR_IS_VIRTUAL, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].attr == attr) return *value = rows[i].value, ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "attr is %d, which this SoC has no value for; expected one of aclrtDevAttr",
                    (int)attr);
}

aclError aclrtGetDeviceInfo(uint32_t deviceId, aclrtDevAttr attr, int64_t *value) {
    ACN_REQUIRE(value);
    return ACN_ACL(attribute(deviceId, attr, value));
}

aclError aclrtGetDeviceCapability(int32_t deviceId, aclrtDevFeatureType devFeatureType,
                                  int32_t *value) {
    (void)devFeatureType; /* features of the hardware's schedulers */
    ACN_REQUIRE(value);
    acn_status status = acn_device_check(deviceId);
    if (status == ACN_OK) *value = ACL_DEV_FEATURE_NOT_SUPPORT;
    return ACN_ACL(status);
}

aclError aclrtGetDeviceUtilizationRate(int32_t deviceId, aclrtUtilizationInfo *utilizationInfo) {
    ACN_REQUIRE(utilizationInfo);
    acn_memory_state state = {0};
    acn_status status = acn_device_check(deviceId);
    if (status == ACN_OK) status = acn_memory_get_state(deviceId, &state);
    if (status == ACN_OK) {
        /* The cores belong to the whole machine; how busy they are says nothing about a device. */
        utilizationInfo->cubeUtilization = 0;
        utilizationInfo->vectorUtilization = 0;
        utilizationInfo->aicpuUtilization = 0;
        utilizationInfo->memoryUtilization = (int32_t)(state.used_bytes * 100 / state.total_bytes);
    }
    return ACN_ACL(status);
}

/* Identity: the machine's and the device's number, so that two processes agree. */

static uint64_t hash(uint64_t seed, const char *text) {
    for (; *text != '\0'; text++)
        seed = (seed ^ (unsigned char)*text) * 0x100000001b3u;
    return seed;
}

aclError aclrtDeviceGetUuid(int32_t deviceId, aclrtUuid *uuid) {
    ACN_REQUIRE(uuid);
    acn_status status = acn_device_check(deviceId);
    if (status != ACN_OK) return ACN_ACL(status);
    char machine[64] = "", text[96];
    FILE *file = fopen("/etc/machine-id", "re");
    if (file != NULL) {
        if (fgets(machine, sizeof machine, file) == NULL) machine[0] = '\0';
        fclose(file);
    }
    snprintf(text, sizeof text, "anycann %s %d", machine, acn_device_physical(deviceId));
    uint64_t parts[2] = {hash(0xcbf29ce484222325u, text), 0};
    parts[1] = hash(parts[0], text);
    memcpy(uuid->bytes, parts, sizeof uuid->bytes);
    return ACL_SUCCESS;
}

/* Buses from c1 on, as an 8-card server has them. */
enum { FIRST_BUS = 0xc1 };

aclError aclrtDeviceGetPCIBusId(int32_t deviceId, char *pciBusId, int32_t len) {
    ACN_REQUIRE(pciBusId);
    acn_status status = acn_device_check(deviceId);
    if (status == ACN_OK && len < 13)
        status = acn_fail(ACN_PARAM_INVALID, "len is %d; expected 13 or more", len);
    if (status == ACN_OK)
        snprintf(pciBusId, (size_t)len, "0000:%02X:00.0",
                 (FIRST_BUS + acn_device_physical(deviceId)) & 0xff);
    return ACN_ACL(status);
}

aclError aclrtDeviceGetByPCIBusId(const char *pciBusId, int32_t *deviceId) {
    ACN_REQUIRE(pciBusId);
    ACN_REQUIRE(deviceId);
    char *end = NULL;
    long bus = strncmp(pciBusId, "0000:", 5) == 0 ? strtol(pciBusId + 5, &end, 16) : -1;
    for (int i = 0; end != NULL && strcmp(end, ":00.0") == 0 && i < acn_device_count(); i++)
        if (((FIRST_BUS + acn_device_physical(i)) & 0xff) == bus) return *deviceId = i, ACL_SUCCESS;
    return ACN_ACL(acn_fail(ACN_INVALID_DEVICE, "no device has the PCI bus id \"%s\"", pciBusId));
}

/* Limits on cores: remembered for who asks; kernels here use the process's CPUs. */

static _Atomic uint32_t core_limits[ACN_DEVICE_MAX][2]; /* 0: all */

uint32_t acn_soc_core_limit(int device, int kind) {
    uint32_t limit = atomic_load(&core_limits[device][kind]);
    if (limit != 0) return limit;
    return kind == ACL_RT_DEV_RES_CUBE_CORE ? acn_soc_get()->cube_cores
                                            : acn_soc_get()->vector_cores;
}

static acn_status check_limit(int32_t device, aclrtDevResLimitType type) {
    ACN_TRY(acn_device_check(device));
    if (type == ACL_RT_DEV_RES_CUBE_CORE || type == ACL_RT_DEV_RES_VECTOR_CORE) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT, "type is %d; expected 0 (cube) or 1 (vector)", (int)type);
}

aclError aclrtGetDeviceResLimit(int32_t deviceId, aclrtDevResLimitType type, uint32_t *value) {
    ACN_REQUIRE(value);
    acn_status status = check_limit(deviceId, type);
    if (status == ACN_OK) *value = acn_soc_core_limit(deviceId, (int)type);
    return ACN_ACL(status);
}

aclError aclrtSetDeviceResLimit(int32_t deviceId, aclrtDevResLimitType type, uint32_t value) {
    acn_status status = check_limit(deviceId, type);
    if (status == ACN_OK && value == 0)
        status = acn_fail(ACN_INVALID_ARGUMENT, "value is 0; expected at least one core");
    if (status == ACN_OK) atomic_store(&core_limits[deviceId][type], value);
    return ACN_ACL(status);
}

aclError aclrtResetDeviceResLimit(int32_t deviceId) {
    acn_status status = acn_device_check(deviceId);
    for (int kind = 0; status == ACN_OK && kind < 2; kind++)
        atomic_store(&core_limits[deviceId][kind], 0);
    return ACN_ACL(status);
}

aclError aclrtDeviceGetStreamPriorityRange(int32_t *leastPriority, int32_t *greatestPriority) {
    if (leastPriority != NULL) *leastPriority = ACN_STREAM_LOWEST_PRIORITY;
    if (greatestPriority != NULL) *greatestPriority = 0;
    return ACL_SUCCESS;
}

/* Limits of kernels' stacks and of what they print: kept for who asks. */

static _Atomic uint64_t limits[ACN_DEVICE_MAX][ACL_RT_DEV_LIMIT_SIMT_PRINTF_FIFO_SIZE + 1];

static const uint64_t default_limits[] = {
    [ACL_RT_DEV_LIMIT_SIMT_STACK_SIZE] = 32 << 10,
    [ACL_RT_DEV_LIMIT_SIMT_DVG_WARP_STACK_SIZE] = 32 << 10,
    [ACL_RT_DEV_LIMIT_SIMD_STACK_SIZE] = 32 << 10,
    [ACL_RT_DEV_LIMIT_SIMD_PRINTF_FIFO_SIZE_PER_CORE] = 1 << 20,
    [ACL_RT_DEV_LIMIT_SIMT_PRINTF_FIFO_SIZE] = 2 << 20,
};

static acn_status limit_of(aclrtDeviceLimit limit, _Atomic uint64_t **out) {
    int device;
    if ((int)limit < 0 || limit > ACL_RT_DEV_LIMIT_SIMT_PRINTF_FIFO_SIZE)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "limit is %d; expected a value of aclrtDeviceLimit (0 to 4)", (int)limit);
    ACN_TRY(acn_device_current(&device));
    *out = &limits[device][limit];
    return ACN_OK;
}

aclError aclrtDeviceSetLimit(aclrtDeviceLimit limit, size_t value) {
    _Atomic uint64_t *kept;
    acn_status status = limit_of(limit, &kept);
    if (status == ACN_OK && value == 0)
        status = acn_fail(ACN_INVALID_ARGUMENT, "value is 0; expected bytes");
    if (status == ACN_OK) atomic_store(kept, value);
    return ACN_ACL(status);
}

aclError aclrtDeviceGetLimit(aclrtDeviceLimit limit, size_t *value) {
    ACN_REQUIRE(value);
    _Atomic uint64_t *kept;
    acn_status status = limit_of(limit, &kept);
    if (status == ACN_OK) {
        uint64_t set = atomic_load(kept);
        *value = set != 0 ? set : default_limits[limit];
    }
    return ACN_ACL(status);
}

/* Atomic operations are the CPU's: on words of 32 and 64 bits, with the host and all devices. */
static acn_status atomics(uint32_t *out, const aclrtAtomicOperation *operations, uint32_t count) {
    const uint32_t words = ACL_RT_ATOMIC_CAPABILITY_SCALAR32 | ACL_RT_ATOMIC_CAPABILITY_SCALAR64;
    const uint32_t signs = ACL_RT_ATOMIC_CAPABILITY_SIGNED | ACL_RT_ATOMIC_CAPABILITY_UNSIGNED;
    if (count == 0) return acn_fail(ACN_INVALID_ARGUMENT, "count is 0; expected 1 or more");
    for (uint32_t i = 0; i < count; i++) {
        bool is_integer = (int)operations[i] >= ACL_RT_ATOMIC_OPERATION_INTEGER_ADD &&
                          operations[i] <= ACL_RT_ATOMIC_OPERATION_CAS;
        out[i] = is_integer ? words | signs : 0;
    }
    return ACN_OK;
}

aclError aclrtDeviceGetHostAtomicCapabilities(uint32_t *capabilities,
                                              const aclrtAtomicOperation *operations,
                                              const uint32_t count, int32_t deviceId) {
    ACN_REQUIRE(capabilities);
    ACN_REQUIRE(operations);
    acn_status status = acn_device_check(deviceId);
    if (status == ACN_OK) status = atomics(capabilities, operations, count);
    return ACN_ACL(status);
}

aclError aclrtDeviceGetP2PAtomicCapabilities(uint32_t *capabilities,
                                             const aclrtAtomicOperation *operations,
                                             const uint32_t count, int32_t srcDeviceId,
                                             int32_t dstDeviceId) {
    ACN_REQUIRE(capabilities);
    ACN_REQUIRE(operations);
    acn_status status = acn_device_check(srcDeviceId);
    if (status == ACN_OK) status = acn_device_check(dstDeviceId);
    if (status == ACN_OK) status = atomics(capabilities, operations, count);
    return ACN_ACL(status);
}
