/* value.c - words of device memory that streams write and wait for. */
#include "runtime/value.h"

#include "acl/acl.h"
#include "doors/ascendcl/args.h"

static acn_status write_value(void *address, uint64_t value, uint32_t flag, aclrtStream handle) {
    acn_stream *stream;
    if (flag != 0) return acn_fail(ACN_PARAM_INVALID, "flag is %u; expected 0", flag);
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_value_write(address, value, stream);
}

aclError aclrtValueWrite(void *devAddr, uint64_t value, uint32_t flag, aclrtStream stream) {
    ACN_REQUIRE(devAddr);
    return ACN_ACL(write_value(devAddr, value, flag, stream));
}

static acn_status wait_value(void *address, uint64_t value, uint32_t flag, aclrtStream handle) {
    acn_stream *stream;
    if (flag >= ACN_VALUE_CONDITIONS)
        return acn_fail(ACN_PARAM_INVALID, "flag is %u; expected 0 to 3", flag);
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_value_wait(address, value, (acn_value_condition)flag, stream);
}

aclError aclrtValueWait(void *devAddr, uint64_t value, uint32_t flag, aclrtStream stream) {
    ACN_REQUIRE(devAddr);
    return ACN_ACL(wait_value(devAddr, value, flag, stream));
}
