/* config.c - how a model is loaded and run, said option by option. Options that are about an NPU's
 * memory or scheduling are taken and have no effect. */
#include "acl/acl.h"
#include "base/slab.h"
#include "doors/ascendcl/args.h"
#include "doors/mdl/mdl.h"
#include <stdio.h>
#include <string.h>

enum { MAX_HANDLES = 1 << 12, MAX_PATH = 4096 };

typedef struct load_config {
    size_t type; /* ACL_MDL_LOAD_FROM_...; 0: not set */
    char path[MAX_PATH];
    const void *model;
    size_t model_bytes;
    acn_load_memory memory;
} load_config;

static acn_slab load_slab = ACN_SLAB("aclmdlConfigHandle", sizeof(load_config), MAX_HANDLES);
static acn_slab run_slab = ACN_SLAB("aclmdlExecConfigHandle", sizeof(acn_run_config), MAX_HANDLES);

static acn_status resolve(acn_slab *slab, const char *type, const void *handle, void **out) {
    if (handle == NULL) return acn_fail(ACN_NULL_POINTER, "handle is NULL; expected an %s", type);
    if (!acn_slab_is_live(slab, handle))
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "handle is %p, which is no live %s; it was destroyed or is foreign", handle,
                        type);
    *out = (void *)(uintptr_t)handle;
    return ACN_OK;
}

static acn_status resolve_load(const void *handle, load_config **out) {
    return resolve(&load_slab, "aclmdlConfigHandle", handle, (void **)out);
}

acn_status acn_run_config_resolve(const void *handle, const acn_run_config **out) {
    static const acn_run_config usual = {.timeout_ms = -1};
    *out = &usual;
    if (handle == NULL) return ACN_OK;
    return resolve(&run_slab, "aclmdlExecConfigHandle", handle, (void **)(uintptr_t)out);
}

static void *create(acn_slab *slab, const char *type) {
    void *handle = acn_slab_alloc(slab);
    if (handle == NULL) acn_fail(ACN_BAD_ALLOC, "too many %s are alive; destroy some", type);
    return handle;
}

static acn_status check_value_size(size_t given, size_t expected) {
    if (given == expected) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT, "valueSize is %zu; this attribute has %zu bytes", given,
                    expected);
}

/* ---- loading ----------------------------------------------------------------------------------
 */

aclmdlConfigHandle *aclmdlCreateConfigHandle(void) {
    load_config *config = create(&load_slab, "aclmdlConfigHandle");
    if (config == NULL) {
        ACN_ACL(ACN_BAD_ALLOC);
        return NULL;
    }
    *config = (load_config){0};
    return (aclmdlConfigHandle *)config;
}

aclError aclmdlDestroyConfigHandle(aclmdlConfigHandle *handle) {
    load_config *config = NULL;
    acn_status status = resolve_load(handle, &config);
    if (status == ACN_OK) acn_slab_free(&load_slab, config);
    return ACN_ACL(status);
}

/* The field that an attribute of 8 bytes is kept in; NULL: one of those without effect. */
static void *field_of(load_config *config, aclmdlConfigAttr attr) {
    switch (attr) {
    case ACL_MDL_LOAD_TYPE_SIZET:
        return &config->type;
    case ACL_MDL_MEM_ADDR_PTR:
        return (void *)(uintptr_t)&config->model;
    case ACL_MDL_MEM_SIZET:
        return &config->model_bytes;
    case ACL_MDL_WEIGHT_ADDR_PTR:
        return &config->memory.weights;
    case ACL_MDL_WEIGHT_SIZET:
        return &config->memory.weight_bytes;
    case ACL_MDL_WORKSPACE_ADDR_PTR:
        return &config->memory.work;
    case ACL_MDL_WORKSPACE_SIZET:
        return &config->memory.work_bytes;
    default:
        return NULL;
    }
}

static acn_status set_option(const void *handle, aclmdlConfigAttr attr, const void *value,
                             size_t bytes) {
    load_config *config = NULL;
    ACN_TRY(resolve_load(handle, &config));
    void *field = field_of(config, attr);
    if (attr == ACL_MDL_PATH_PTR) {
        const char *path;
        ACN_TRY(check_value_size(bytes, sizeof path));
        memcpy(&path, value, sizeof path);
        if (path == NULL || strlen(path) >= MAX_PATH)
            return acn_fail(ACN_INVALID_ARGUMENT, "attrValue is no path of a file");
        snprintf(config->path, sizeof config->path, "%s", path);
        return ACN_OK;
    }
    if (field == NULL && (attr < 0 || attr > ACL_NPU_PERF_MODE))
        return acn_fail(ACN_INVALID_ARGUMENT, "attr is %d, which is no aclmdlConfigAttr",
                        (int)attr);
    if (field == NULL) return ACN_OK;
    ACN_TRY(check_value_size(bytes, sizeof(size_t)));
    memcpy(field, value, bytes);
    return ACN_OK;
}

aclError aclmdlSetConfigOpt(aclmdlConfigHandle *handle, aclmdlConfigAttr attr,
                            const void *attrValue, size_t valueSize) {
    ACN_REQUIRE(attrValue);
    return ACN_ACL(set_option(handle, attr, attrValue, valueSize));
}

static acn_status load(const void *handle, uint32_t *out_id) {
    load_config *config = NULL;
    const acn_load_memory none = {0};
    ACN_TRY(resolve_load(handle, &config));
    bool is_file =
        config->type == ACL_MDL_LOAD_FROM_FILE || config->type == ACL_MDL_LOAD_FROM_FILE_WITH_MEM;
    bool is_memory =
        config->type == ACL_MDL_LOAD_FROM_MEM || config->type == ACL_MDL_LOAD_FROM_MEM_WITH_MEM;
    bool has_memory = config->type == ACL_MDL_LOAD_FROM_FILE_WITH_MEM ||
                      config->type == ACL_MDL_LOAD_FROM_MEM_WITH_MEM;
    if (!is_file && !is_memory)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "ACL_MDL_LOAD_TYPE_SIZET is %zu; expected ACL_MDL_LOAD_FROM_FILE, "
                        "_FILE_WITH_MEM, _MEM or _MEM_WITH_MEM",
                        config->type);
    if (is_file && !config->path[0])
        return acn_fail(ACN_INVALID_ARGUMENT, "ACL_MDL_PATH_PTR is not set");
    if (is_memory && (config->model == NULL || config->model_bytes == 0))
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "ACL_MDL_MEM_ADDR_PTR or ACL_MDL_MEM_SIZET is not set");
    const acn_load_memory *memory = has_memory ? &config->memory : &none;
    return is_file ? acn_load_file(config->path, memory, out_id)
                   : acn_load_memory_model(config->model, config->model_bytes, memory, out_id);
}

aclError aclmdlLoadWithConfig(const aclmdlConfigHandle *handle, uint32_t *modelId) {
    ACN_REQUIRE(modelId);
    return ACN_ACL(load(handle, modelId));
}

/* ---- running ----------------------------------------------------------------------------------
 */

aclmdlExecConfigHandle *aclmdlCreateExecConfigHandle(void) {
    acn_run_config *config = create(&run_slab, "aclmdlExecConfigHandle");
    if (config == NULL) {
        ACN_ACL(ACN_BAD_ALLOC);
        return NULL;
    }
    *config = (acn_run_config){.timeout_ms = -1};
    return (aclmdlExecConfigHandle *)config;
}

aclError aclmdlDestroyExecConfigHandle(const aclmdlExecConfigHandle *handle) {
    void *config = NULL;
    acn_status status = resolve(&run_slab, "aclmdlExecConfigHandle", handle, &config);
    if (status == ACN_OK) acn_slab_free(&run_slab, config);
    return ACN_ACL(status);
}

static acn_status set_run_option(const void *handle, aclmdlExecConfigAttr attr, const void *value,
                                 size_t bytes) {
    acn_run_config *config = NULL;
    ACN_TRY(resolve(&run_slab, "aclmdlExecConfigHandle", handle, (void **)&config));
    if (attr < 0 || attr > ACL_MDL_NPU_PERF_MODE)
        return acn_fail(ACN_INVALID_ARGUMENT, "attr is %d, which is no aclmdlExecConfigAttr",
                        (int)attr);
    if (attr != ACL_MDL_STREAM_SYNC_TIMEOUT) return ACN_OK;
    int32_t timeout;
    ACN_TRY(check_value_size(bytes, sizeof timeout));
    memcpy(&timeout, value, sizeof timeout);
    if (timeout < -1)
        return acn_fail(ACN_INVALID_ARGUMENT, "attrValue is %d; expected -1 or milliseconds",
                        timeout);
    config->timeout_ms = timeout;
    return ACN_OK;
}

aclError aclmdlSetExecConfigOpt(aclmdlExecConfigHandle *handle, aclmdlExecConfigAttr attr,
                                const void *attrValue, size_t valueSize) {
    ACN_REQUIRE(attrValue);
    return ACN_ACL(set_run_option(handle, attr, attrValue, valueSize));
}
