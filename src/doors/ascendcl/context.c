/* context.c - contexts, and the switches that a context or the process has. */
#include "runtime/context.h"

#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include <stdatomic.h>

aclError aclrtCreateContext(aclrtContext *context, int32_t deviceId) {
    ACN_REQUIRE(context);
    acn_context *made;
    acn_status status = acn_context_create(deviceId, &made);
    if (status == ACN_OK) *context = made;
    return ACN_ACL(status);
}

aclError aclrtDestroyContext(aclrtContext context) {
    ACN_REQUIRE(context);
    return ACN_ACL(acn_context_destroy(context));
}

aclError aclrtSetCurrentContext(aclrtContext context) {
    ACN_REQUIRE(context);
    return ACN_ACL(acn_context_set_current(context));
}

aclError aclrtGetCurrentContext(aclrtContext *context) {
    ACN_REQUIRE(context);
    acn_context *current;
    acn_status status = acn_context_current(&current);
    if (status == ACN_OK) *context = current;
    return ACN_ACL(status);
}

aclError aclrtCtxGetCurrentDefaultStream(aclrtStream *stream) {
    ACN_REQUIRE(stream);
    acn_context *current;
    acn_status status = acn_context_current(&current);
    if (status == ACN_OK) *stream = acn_context_default_stream(current);
    return ACN_ACL(status);
}

aclError aclrtGetPrimaryCtxState(int32_t deviceId, uint32_t *flags, int32_t *active) {
    acn_status status = acn_device_check(deviceId);
    if (status == ACN_OK && flags != NULL) *flags = 0;
    if (status == ACN_OK && active != NULL) *active = acn_device_is_active(deviceId);
    return ACN_ACL(status);
}

/* Switches: the context's, else the process's. */

static _Atomic int64_t process_params[ACN_CONTEXT_PARAMS];

static acn_status check(aclSysParamOpt opt, int64_t value) {
    if (opt < ACL_OPT_DETERMINISTIC || opt > ACL_OPT_ENABLE_KERNEL_EARLY_START)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "opt is %d; expected a value of aclSysParamOpt (0 to 3)", (int)opt);
    if (value < 0 || value > 3)
        return acn_fail(ACN_INVALID_ARGUMENT, "value is %lld; expected 0 (off) or 1 (on)",
                        (long long)value);
    return ACN_OK;
}

static acn_status change_context(aclSysParamOpt opt, int64_t value) {
    acn_context *current;
    ACN_TRY(check(opt, value));
    ACN_TRY(acn_context_current(&current));
    acn_context_set_param(current, (int)opt, value);
    return ACN_OK;
}

static acn_status read_context(aclSysParamOpt opt, int64_t *value) {
    acn_context *current;
    ACN_TRY(check(opt, 0));
    ACN_TRY(acn_context_current(&current));
    *value = acn_context_param(current, (int)opt);
    return ACN_OK;
}

aclError aclrtCtxSetSysParamOpt(aclSysParamOpt opt, int64_t value) {
    return ACN_ACL(change_context(opt, value));
}

aclError aclrtCtxGetSysParamOpt(aclSysParamOpt opt, int64_t *value) {
    ACN_REQUIRE(value);
    return ACN_ACL(read_context(opt, value));
}

aclError aclrtSetSysParamOpt(aclSysParamOpt opt, int64_t value) {
    acn_status status = check(opt, value);
    if (status == ACN_OK) atomic_store(&process_params[opt], value);
    return ACN_ACL(status);
}

aclError aclrtGetSysParamOpt(aclSysParamOpt opt, int64_t *value) {
    ACN_REQUIRE(value);
    acn_status status = check(opt, 0);
    if (status == ACN_OK) *value = atomic_load(&process_params[opt]);
    return ACN_ACL(status);
}
