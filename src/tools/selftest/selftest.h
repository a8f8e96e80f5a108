/* selftest.h - `anycann selftest`: does this installation work on this machine? Everything goes
 * through the libraries that programs load, in processes of their own: one for each instruction set
 * level that the CPU has, each compared with the level "scalar", the operators' own plain C. */
#ifndef ACN_TOOLS_SELFTEST_SELFTEST_H
#define ACN_TOOLS_SELFTEST_SELFTEST_H

#include "acl/acl.h"
#include "acl/acl_op_compiler.h"
#include <stdbool.h>
#include <stddef.h>

/* The functions that are called, by name. */
#define ACN_SELFTEST_FUNCTIONS(F)                                                                  \
    F(aclInit)                                                                                     \
    F(aclFinalize)                                                                                 \
    F(aclGetRecentErrMsg)                                                                          \
    F(aclrtGetDeviceCount)                                                                         \
    F(aclrtGetSocName)                                                                             \
    F(aclrtSetDevice)                                                                              \
    F(aclrtResetDevice)                                                                            \
    F(aclrtMalloc)                                                                                 \
    F(aclrtFree)                                                                                   \
    F(aclrtMallocHost)                                                                             \
    F(aclrtFreeHost)                                                                               \
    F(aclrtMemcpy)                                                                                 \
    F(aclrtMemcpyAsync)                                                                            \
    F(aclrtMemset)                                                                                 \
    F(aclrtMemsetAsync)                                                                            \
    F(aclrtGetMemInfo)                                                                             \
    F(aclrtCreateStream)                                                                           \
    F(aclrtDestroyStream)                                                                          \
    F(aclrtSynchronizeStream)                                                                      \
    F(aclrtStreamWaitEvent)                                                                        \
    F(aclrtCreateEvent)                                                                            \
    F(aclrtDestroyEvent)                                                                           \
    F(aclrtRecordEvent)                                                                            \
    F(aclrtSynchronizeEvent)                                                                       \
    F(aclrtEventElapsedTime)                                                                       \
    F(aclFloatToFloat16)                                                                           \
    F(aclFloat16ToFloat)                                                                           \
    F(aclCreateTensorDesc)                                                                         \
    F(aclDestroyTensorDesc)                                                                        \
    F(aclCreateDataBuffer)                                                                         \
    F(aclDestroyDataBuffer)                                                                        \
    F(aclopCreateAttr)                                                                             \
    F(aclopDestroyAttr)                                                                            \
    F(aclopSetAttrInt)                                                                             \
    F(aclopSetAttrBool)                                                                            \
    F(aclopSetAttrListInt)                                                                         \
    F(aclopCompileAndExecute)

typedef struct acn_selftest_api {
#define ACN_SELFTEST_MEMBER(name) __typeof__(&name) name;
    ACN_SELFTEST_FUNCTIONS(ACN_SELFTEST_MEMBER)
#undef ACN_SELFTEST_MEMBER
} acn_selftest_api;
extern acn_selftest_api acl; /* once acn_selftest_load has loaded it */

/* What a part failed on; the first cause counts. */
typedef struct acn_cause {
    char text[512];
} acn_cause;

/* Loads the libraries of this toolkit; false with the cause. */
bool acn_selftest_load(acn_cause *cause);
/* False, with |what| and aclGetRecentErrMsg as the cause, unless |code| is 0. */
bool acn_selftest_ok(int code, const char *what, acn_cause *cause);
#define ACN_OK_OR_FAIL(call)                                                                       \
    do {                                                                                           \
        if (!acn_selftest_ok(acl.call, #call, cause)) return false;                                \
    } while (0)

/* runtime.c; each is one line of the result. */
bool acn_selftest_devices(acn_cause *cause);
bool acn_selftest_memory(acn_cause *cause);
bool acn_selftest_streams(acn_cause *cause);
bool acn_selftest_events(acn_cause *cause);

/* operators.c: all results of one level, one after the other, into |results|. */
size_t acn_selftest_operator_bytes(void);
int acn_selftest_operator_count(void);
bool acn_selftest_operators(char *results, acn_cause *cause);
/* Whether |results| are those of the level "scalar", as near as their types allow. */
bool acn_selftest_compare(const char *results, const char *scalar, acn_cause *cause);

#endif
