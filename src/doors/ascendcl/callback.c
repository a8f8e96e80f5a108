/* callback.c - the client's functions in stream order. */
#include "runtime/callback.h"

#include "acl/acl.h"
#include "doors/ascendcl/args.h"

static acn_status subscribe(uint64_t thread, aclrtStream handle, bool begin) {
    acn_stream *stream;
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return begin ? acn_callback_subscribe(thread, stream)
                 : acn_callback_unsubscribe(thread, stream);
}

aclError aclrtSubscribeReport(uint64_t threadId, aclrtStream stream) {
    return ACN_ACL(subscribe(threadId, stream, true));
}

aclError aclrtUnSubscribeReport(uint64_t threadId, aclrtStream stream) {
    return ACN_ACL(subscribe(threadId, stream, false));
}

static acn_status launch(aclrtStream handle, aclrtCallback fn, void *user, bool blocks) {
    acn_stream *stream;
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_callback_launch(stream, fn, user, blocks);
}

aclError aclrtLaunchCallback(aclrtCallback fn, void *userData, aclrtCallbackBlockType blockType,
                             aclrtStream stream) {
    ACN_REQUIRE(fn);
    if (blockType != ACL_CALLBACK_NO_BLOCK && blockType != ACL_CALLBACK_BLOCK)
        return ACN_ACL(acn_fail(ACN_INVALID_ARGUMENT,
                                "blockType is %d; expected 0 (no block) or 1 (block)",
                                (int)blockType));
    return ACN_ACL(launch(stream, fn, userData, blockType == ACL_CALLBACK_BLOCK));
}

aclError aclrtProcessReport(int32_t timeout) {
    ACN_REQUIRE_TIMEOUT(timeout);
    return ACN_ACL(acn_callback_process(timeout));
}

static acn_status launch_host(aclrtStream handle, aclrtHostFunc fn, void *args) {
    acn_stream *stream;
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_callback_host_function(stream, fn, args);
}

aclError aclrtLaunchHostFunc(aclrtStream stream, aclrtHostFunc fn, void *args) {
    ACN_REQUIRE(fn);
    return ACN_ACL(launch_host(stream, fn, args));
}

/* A client that wants host functions in a thread of its own gets callbacks that block. */

static acn_status subscribe_host(uint64_t thread, aclrtStream handle) {
    acn_stream *stream;
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_callback_subscribe_host(thread, stream);
}

aclError aclrtSubscribeHostFunc(uint64_t hostFuncThreadId, aclrtStream exeStream) {
    return ACN_ACL(subscribe_host(hostFuncThreadId, exeStream));
}

aclError aclrtUnSubscribeHostFunc(uint64_t hostFuncThreadId, aclrtStream exeStream) {
    return ACN_ACL(subscribe(hostFuncThreadId, exeStream, false));
}

aclError aclrtProcessHostFunc(int32_t timeout) {
    ACN_REQUIRE_TIMEOUT(timeout);
    return ACN_ACL(acn_callback_process(timeout));
}
