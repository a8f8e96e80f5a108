/* numeric.c - what happens to numbers that are too large, and time limits.
 *
 * Results here are infinity and NaN as IEEE 754 has them, which is the INFNAN mode; no flag is
 * raised in it, so the overflow status is always clear. Saturation is remembered, not done, and
 * counted as a deviation. */
#include "acl/acl.h"
#include "base/report.h"
#include "doors/ascendcl/args.h"
#include "runtime/context.h"
#include "runtime/copy.h"
#include "runtime/event.h"
#include <stdatomic.h>

enum { STATUS_BYTES = 64 };

static atomic_int saturation_mode = ACL_RT_OVERFLOW_MODE_INFNAN;

aclError aclrtSetDeviceSatMode(aclrtFloatOverflowMode mode) {
    if (mode != ACL_RT_OVERFLOW_MODE_SATURATION && mode != ACL_RT_OVERFLOW_MODE_INFNAN)
        return ACN_ACL(acn_fail(ACN_INVALID_ARGUMENT,
                                "mode is %d; expected 0 (saturation) or 1 (INF and NAN)",
                                (int)mode));
    if (mode == ACL_RT_OVERFLOW_MODE_SATURATION)
        acn_report_count(acn_report_open("deviation", "saturation mode gives INF and NAN"), 0);
    atomic_store(&saturation_mode, (int)mode);
    return ACL_SUCCESS;
}

aclError aclrtGetDeviceSatMode(aclrtFloatOverflowMode *mode) {
    ACN_REQUIRE(mode);
    *mode = (aclrtFloatOverflowMode)atomic_load(&saturation_mode);
    return ACL_SUCCESS;
}

static acn_status clear_status(void *output, uint64_t bytes, aclrtStream handle) {
    acn_stream *stream;
    if (bytes < STATUS_BYTES)
        return acn_fail(ACN_INVALID_ARGUMENT, "outputSize is %llu; expected %d or more",
                        (unsigned long long)bytes, STATUS_BYTES);
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_fill_async(output, 0, STATUS_BYTES, stream);
}

aclError aclrtGetOverflowStatus(void *outputAddr, size_t outputSize, aclrtStream stream) {
    ACN_REQUIRE(outputAddr);
    return ACN_ACL(clear_status(outputAddr, outputSize, stream));
}

aclError aclrtGetFloatOverflowStatus(void *outputAddr, uint64_t outputSize, aclrtStream stream) {
    ACN_REQUIRE(outputAddr);
    return ACN_ACL(clear_status(outputAddr, outputSize, stream));
}

aclError aclrtNpuGetFloatOverFlowStatus(void *outputAddr, uint64_t outputSize, uint32_t checkMode,
                                        aclrtStream stream) {
    (void)checkMode;
    ACN_REQUIRE(outputAddr);
    return ACN_ACL(clear_status(outputAddr, outputSize, stream));
}

static acn_status check_stream(aclrtStream handle) {
    acn_stream *stream;
    return acn_stream_resolve(handle, &stream);
}

aclError aclrtResetOverflowStatus(aclrtStream stream) { return ACN_ACL(check_stream(stream)); }
aclError aclrtResetFloatOverflowStatus(aclrtStream stream) { return ACN_ACL(check_stream(stream)); }

aclError aclrtNpuClearFloatOverFlowStatus(uint32_t checkMode, aclrtStream stream) {
    (void)checkMode;
    return ACN_ACL(check_stream(stream));
}

/* Time limits. A kernel on a CPU cannot be stopped from outside, so the limit of a kernel is kept
 * for who asks; the limit of an event wait holds. */

static _Atomic uint64_t execute_timeout_us;

aclError aclrtSetOpExecuteTimeOut(uint32_t timeout) {
    atomic_store(&execute_timeout_us, (uint64_t)timeout * 1000000);
    return ACL_SUCCESS;
}

aclError aclrtSetOpExecuteTimeOutWithMs(uint32_t timeout) {
    atomic_store(&execute_timeout_us, (uint64_t)timeout * 1000);
    return ACL_SUCCESS;
}

aclError aclrtSetOpExecuteTimeOutV2(uint64_t timeout, uint64_t *actualTimeout) {
    ACN_REQUIRE(actualTimeout);
    atomic_store(&execute_timeout_us, timeout);
    *actualTimeout = timeout;
    return ACL_SUCCESS;
}

aclError aclrtGetOpExecuteTimeout(uint32_t *const timeoutMs) {
    ACN_REQUIRE(timeoutMs);
    uint64_t ms = atomic_load(&execute_timeout_us) / 1000;
    *timeoutMs = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
    return ACL_SUCCESS;
}

aclError aclrtGetOpTimeOutInterval(uint64_t *interval) {
    ACN_REQUIRE(interval);
    *interval = 1; /* us */
    return ACL_SUCCESS;
}

aclError aclrtSetOpWaitTimeout(uint32_t timeout) {
    acn_event_set_wait_limit((int64_t)timeout * 1000);
    return ACL_SUCCESS;
}
