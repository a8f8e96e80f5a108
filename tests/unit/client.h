/* client.h - what tests of operators share, which stand where a CANN program stands: tensors,
 * codes and texts, a stream that waits for the test, and a count of what is left behind. */
#ifndef ACN_TESTS_CLIENT_H
#define ACN_TESTS_CLIENT_H

#include "unit.h"

#include "acl/acl.h"
#include "aclnn/acl_meta.h"
#include "aclnn/aclnn_base.h"
#include "base/slab.h"
#include <semaphore.h>

#define OK(call)                                                                                   \
    do {                                                                                           \
        int code_ = (call);                                                                        \
        const char *text_ = code_ ? aclGetRecentErrMsg() : NULL;                                   \
        if (code_) fail_msg("%s answers %d: %s", #call, code_, text_ ? text_ : "");                \
    } while (0)

/* The call fails with |code|, and the recorded text names |api| and says |words|. */
#define FAILS(code, api, words, call)                                                              \
    do {                                                                                           \
        int code_ = (call);                                                                        \
        const char *text_ = aclGetRecentErrMsg();                                                  \
        if (code_ != (code))                                                                       \
            fail_msg("%s answers %d, not %d: %s", #call, code_, (int)(code), text_ ? text_ : "");  \
        if (!text_ || !strstr(text_, api) || !strstr(text_, words))                                \
            fail_msg("%s: \"%s\" lacks \"%s\" or \"%s\"", #call, text_ ? text_ : "", api, words);  \
    } while (0)

/* For constructors: NULL, and the text as above. */
#define MAKES_NULL(api, words, call) FAILS(1, api, words, (call) == NULL)

static inline aclTensor *client_view(void *data, aclDataType dtype, int rank, const int64_t *dims,
                                     const int64_t *strides) {
    aclTensor *t =
        aclCreateTensor(dims, (uint64_t)rank, dtype, strides, 0, ACL_FORMAT_ND, NULL, 0, data);
    assert_non_null(t);
    return t;
}

#define TENSOR(data, dtype, ...)                                                                   \
    client_view(data, dtype, (int)COUNT_OF(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__},  \
                NULL)

static inline aclScalar *client_float(float value) {
    aclScalar *s = aclCreateScalar(&value, ACL_FLOAT);
    assert_non_null(s);
    return s;
}

/* A stream on which nothing runs until the test opens the gate. */
typedef struct client_gate {
    sem_t open;
} client_gate;

static void client_gate_wait(void *data) { sem_wait(&((client_gate *)data)->open); }

static inline void client_gate_close(client_gate *gate, aclrtStream stream) {
    sem_init(&gate->open, 0, 0);
    OK(aclrtLaunchHostFunc(stream, client_gate_wait, gate));
}

static inline void client_gate_open(client_gate *gate, aclrtStream stream) {
    sem_post(&gate->open);
    OK(aclrtSynchronizeStream(stream));
    sem_destroy(&gate->open);
}

/* ---- nothing is left behind ------------------------------------------------------------------ */

static const char *const client_kinds[] = {
    "aclTensor",     "aclScalar",       "aclArray",   "aclOpExecutor", "aclTensorDesc",
    "aclDataBuffer", "aclopAttr",       "graph",      "graph lane",    "graph node",
    "task group",    "graph condition", "graph label"};
static size_t client_live[COUNT_OF(client_kinds)];

static inline int client_count(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(client_kinds); i++)
        client_live[i] = acn_slab_live_count_of(client_kinds[i]);
    return 0;
}

static inline int client_compare(void **state) {
    (void)state;
    int leaks = 0;
    for (size_t i = 0; i < COUNT_OF(client_kinds); i++) {
        size_t now = acn_slab_live_count_of(client_kinds[i]);
        if (now == client_live[i]) continue;
        print_error("%s: %zu are alive, %zu were\n", client_kinds[i], now, client_live[i]);
        leaks = 1;
    }
    return leaks;
}

#define CLIENT_TEST(test) cmocka_unit_test_setup_teardown(test, client_count, client_compare)

#endif
