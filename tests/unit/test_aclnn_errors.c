/* What aclnn refuses: CANN's code, and a sentence that names the argument, its value and what was
 * expected. Nothing that a client passes makes the library crash, and nothing is left behind. */
#include "client.h"

#include "aclnnop/aclnn_add.h"
#include "aclnnop/aclnn_cat.h"
#include "aclnnop/aclnn_index_select.h"
#include "aclnnop/aclnn_mul.h"
#include "aclnnop/aclnn_nonzero.h"
#include "aclnnop/aclnn_permute.h"
#include <pthread.h>

static aclrtStream stream;
static float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, y[8];
static uint64_t workspace;
static aclOpExecutor *executor;

/* ---- handles --------------------------------------------------------------------------------- */

static int phase_1(const void *self, const void *other, const void *alpha, const void *out) {
    executor = (aclOpExecutor *)0x77;
    int code =
        aclnnAddGetWorkspaceSize(self, other, alpha, (aclTensor *)out, &workspace, &executor);
    if (code != 0) assert_ptr_equal(executor, (void *)0x77); /* written on success only */
    return code;
}

static void wrong_handles(void **state) {
    int64_t local[64] = {0};
    aclTensor *good = TENSOR(x, ACL_FLOAT, 8), *freed = TENSOR(x, ACL_FLOAT, 8);
    aclScalar *alpha = client_float(1), *freed_scalar = client_float(1);
    OK(aclDestroyTensor(freed));
    OK(aclDestroyScalar(freed_scalar));
    const void *wrong[] = {(void *)0x1234, (void *)-1, local, (char *)good + 8, alpha, freed};
    FAILS(161001, "aclnnAdd", "self is NULL", phase_1(NULL, good, alpha, good));
    FAILS(161001, "aclnnAdd", "other is NULL", phase_1(good, NULL, alpha, good));
    FAILS(161001, "aclnnAdd", "out is NULL", phase_1(good, good, alpha, NULL));
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        FAILS(161002, "aclnnAdd", "no live aclTensor", phase_1(wrong[i], good, alpha, good));
        FAILS(161002, "aclnnAdd", "no live aclTensor", phase_1(good, wrong[i], alpha, good));
        FAILS(161002, "aclnnAdd", "no live aclTensor", phase_1(good, good, alpha, wrong[i]));
        FAILS(161002, "aclDestroyTensor", "no live aclTensor", aclDestroyTensor(wrong[i]));
        if (wrong[i] == alpha) continue;
        FAILS(161002, "aclnnAdd", "alpha is", phase_1(good, good, wrong[i], good));
        FAILS(161002, "aclDestroyScalar", "no live aclScalar", aclDestroyScalar(wrong[i]));
    }
    FAILS(161002, "aclnnAdd", "alpha is", phase_1(good, good, freed_scalar, good));
    FAILS(161002, "aclnnAdd", "alpha is", phase_1(good, good, good, good));
    FAILS(161002, "aclDestroyScalar", "no live", aclDestroyScalar(freed_scalar));
    FAILS(161001, "aclnnAdd", "workspaceSize is NULL",
          aclnnAddGetWorkspaceSize(good, good, alpha, good, NULL, &executor));
    FAILS(161001, "aclnnAdd", "executor is NULL",
          aclnnAddGetWorkspaceSize(good, good, alpha, good, &workspace, NULL));
    OK(aclDestroyTensor(good));
    OK(aclDestroyScalar(alpha));
    OK(aclDestroyTensor(NULL));
    OK(aclDestroyScalar(NULL));
}

static void wrong_arrays_and_lists(void **state) {
    int64_t numbers[2] = {1, 0}, axis_twice[2] = {1, 1}, far_axis[2] = {0, 2};
    float floats[2] = {0};
    uint64_t size;
    aclIntArray *ints = aclCreateIntArray(numbers, 2), *freed = aclCreateIntArray(numbers, 2);
    aclFloatArray *other_kind = aclCreateFloatArray(floats, 2);
    aclIntArray *one = aclCreateIntArray(numbers, 1), *twice = aclCreateIntArray(axis_twice, 2),
                *far = aclCreateIntArray(far_axis, 2);
    aclTensor *t = TENSOR(x, ACL_FLOAT, 2, 4), *out = TENSOR(y, ACL_FLOAT, 4, 2);
    OK(aclDestroyIntArray(freed));
#define PERMUTE(dims) aclnnPermuteGetWorkspaceSize(t, dims, out, &workspace, &executor)
    FAILS(161002, "aclnnPermute", "dims is", PERMUTE(freed));
    FAILS(161002, "aclnnPermute", "dims is", PERMUTE((aclIntArray *)other_kind));
    FAILS(161002, "aclnnPermute", "dims is", PERMUTE((aclIntArray *)0x1234));
    FAILS(161001, "aclnnPermute", "dims is missing", PERMUTE(NULL));
    FAILS(161002, "aclnnPermute", "dims", PERMUTE(one));
    FAILS(161002, "aclnnPermute", "dims", PERMUTE(twice));
    FAILS(161002, "aclnnPermute", "dims", PERMUTE(far));
    FAILS(161002, "aclGetIntArraySize", "no live aclIntArray",
          aclGetIntArraySize((aclIntArray *)other_kind, &size));
    FAILS(161002, "aclDestroyIntArray", "no live aclIntArray", aclDestroyIntArray(freed));
    FAILS(161002, "aclDestroyIntArray", "no live aclIntArray",
          aclDestroyIntArray((aclIntArray *)other_kind));
    MAKES_NULL("aclCreateIntArray", "value is NULL", aclCreateIntArray(NULL, 3));
    MAKES_NULL("aclCreateIntArray", "no host memory", aclCreateIntArray(numbers, UINT64_MAX / 4));
    const aclTensor *members[] = {(aclTensor *)0x1234};
    aclTensorList *list = aclCreateTensorList(members, 1);
    FAILS(161002, "aclnnCat", "tensors is",
          aclnnCatGetWorkspaceSize(list, 0, out, &workspace, &executor));
    FAILS(161002, "aclnnCat", "no live aclTensorList",
          aclnnCatGetWorkspaceSize((aclTensorList *)t, 0, out, &workspace, &executor));
    FAILS(161002, "aclDestroyTensorList", "no live", aclDestroyTensorList((aclTensorList *)ints));
    FAILS(161002, "aclDestroyTensor", "no live", aclDestroyTensorList(list)); /* for its member */
    FAILS(161002, "aclDestroyTensorList", "no live", aclDestroyTensorList(list));
    aclTensorList *empty = aclCreateTensorList(NULL, 0);
    FAILS(161002, "aclnnCat", "tensors",
          aclnnCatGetWorkspaceSize(empty, 0, out, &workspace, &executor));
    OK(aclDestroyTensorList(empty));
    OK(aclDestroyFloatArray(other_kind));
    OK(aclDestroyIntArray(ints));
    OK(aclDestroyIntArray(one));
    OK(aclDestroyIntArray(twice));
    OK(aclDestroyIntArray(far));
    OK(aclDestroyTensor(t));
    OK(aclDestroyTensor(out));
}

/* ---- tensors and scalars --------------------------------------------------------------------- */

static aclTensor *create(int64_t d0, int64_t d1, int64_t s0, int64_t s1, int64_t offset,
                         int64_t stored, int dtype) {
    return aclCreateTensor((int64_t[]){d0, d1}, 2, (aclDataType)dtype, (int64_t[]){s0, s1}, offset,
                           ACL_FORMAT_ND, &stored, 1, x);
}

static void tensors_that_cannot_be(void **state) {
    const int64_t huge = INT64_MAX / 2;
    int64_t dims[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, number = 3;
    MAKES_NULL("aclCreateTensor", "viewDims[1] is -2", create(2, -2, 1, 1, 0, 8, ACL_FLOAT));
    MAKES_NULL("aclCreateTensor", "viewDims overflows", create(huge, huge, 1, 1, 0, 8, ACL_FLOAT));
    MAKES_NULL("aclCreateTensor", "viewDims overflows", create(huge, 0, 1, 1, 0, 8, ACL_FLOAT));
    MAKES_NULL("aclCreateTensor", "stride[0] is -1", create(2, 2, -1, 1, 0, 8, ACL_FLOAT));
    MAKES_NULL("aclCreateTensor", "overflows", create(3, 2, huge, 1, 0, 8, ACL_FLOAT));
    MAKES_NULL("aclCreateTensor", "offset is -1", create(2, 2, 2, 1, -1, 8, ACL_FLOAT));
    MAKES_NULL("aclCreateTensor", "offset is", create(0, 2, 2, 1, INT64_MAX, 8, ACL_FLOAT));
    MAKES_NULL("aclCreateTensor", "reaches element 9", create(2, 4, 5, 1, 1, 8, ACL_FLOAT));
    MAKES_NULL("aclCreateTensor", "dataType is 99", create(2, 2, 2, 1, 0, 8, 99));
    MAKES_NULL("aclCreateTensor", "dataType is -1", create(2, 2, 2, 1, 0, 8, ACL_DT_UNDEFINED));
    MAKES_NULL("aclCreateTensor", "9 dimensions",
               aclCreateTensor(dims, 9, ACL_FLOAT, NULL, 0, ACL_FORMAT_ND, NULL, 0, x));
    MAKES_NULL("aclCreateTensor", "viewDims is NULL",
               aclCreateTensor(NULL, 2, ACL_FLOAT, NULL, 0, ACL_FORMAT_ND, NULL, 0, x));
    MAKES_NULL("aclCreateTensor", "offset is",
               aclCreateTensor(NULL, 0, ACL_FLOAT, NULL, INT64_MAX, ACL_FORMAT_ND, NULL, 0, x));
    MAKES_NULL("aclCreateScalar", "value is NULL", aclCreateScalar(NULL, ACL_FLOAT));
    MAKES_NULL("aclCreateScalar", "dataType is 77", aclCreateScalar(&number, (aclDataType)77));
    aclTensor *t = TENSOR(x, ACL_FLOAT, 8);
    uint64_t count;
    FAILS(161001, "aclGetViewShape", "NULL", aclGetViewShape(t, NULL, &count));
    FAILS(161001, "aclGetDataType", "dataType is NULL", aclGetDataType(t, NULL));
    FAILS(161001, "aclGetFormat", "tensor is NULL", aclGetFormat(NULL, &(aclFormat){0}));
    FAILS(161002, "aclInitTensor", "viewDims[0] is -1",
          aclInitTensor(t, (int64_t[]){-1}, 1, ACL_FLOAT, NULL, 0, ACL_FORMAT_ND, NULL, 0, x));
    OK(aclDestroyTensor(t));
}

/* ---- types, shapes, overlap ------------------------------------------------------------------ */

typedef struct operand {
    void *data;
    aclDataType dtype;
    int rank;
    int64_t dims[2], strides[2]; /* strides of 0 only: contiguous */
} operand;

static aclTensor *make(const operand *o) {
    bool is_strided = o->strides[0] || o->strides[1];
    return client_view(o->data, o->dtype, o->rank, o->dims, is_strided ? o->strides : NULL);
}

static void operands_that_do_not_fit(void **state) {
    static int32_t whole[8];
    operand row = {x, ACL_FLOAT, 1, {4}, {0}}, out = {y, ACL_FLOAT, 1, {4}, {0}};
    static const char *const overlap = "partly overlaps";
    const struct {
        const char *words;
        operand self, other, out;
    } cases[] = {
        {"does not broadcast with [4] f32", row, {x, ACL_FLOAT, 1, {3}, {0}}, out},
        {"out is [3] f32; expected [4] f32", row, row, {y, ACL_FLOAT, 1, {3}, {0}}},
        {"out is [1, 4] f32; expected [4] f32", row, row, {y, ACL_FLOAT, 2, {1, 4}, {0}}},
        {"the result is f32, which is not cast to it", row, row, {whole, ACL_INT32, 1, {4}, {0}}},
        {"self is [4] c128; expected one of: f32", {whole, ACL_COMPLEX128, 1, {4}, {0}}, row, out},
        {"out is [2] c128; expected one of", row, row, {y, ACL_COMPLEX128, 1, {2}, {0}}},
        {"self has no data address", {NULL, ACL_FLOAT, 1, {4}, {0}}, row, out},
        {overlap, row, row, {x + 1, ACL_FLOAT, 1, {4}, {0}}},
        {overlap,
         {x, ACL_FLOAT, 2, {2, 2}, {1, 2}},
         {x, ACL_FLOAT, 2, {2, 2}, {2, 1}},
         {x, ACL_FLOAT, 2, {2, 2}, {2, 1}}},
        {overlap, row, {x, ACL_FLOAT, 2, {2, 4}, {0}}, {x, ACL_FLOAT, 2, {2, 4}, {0}}},
        {"it repeats elements (a stride is 0)", row, row, {y, ACL_FLOAT, 1, {4}, {0, 1}}},
    };
    aclScalar *alpha = client_float(1);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        aclTensor *a = make(&cases[i].self), *b = make(&cases[i].other), *z = make(&cases[i].out);
        int code = cases[i].self.data ? 161002 : 161001;
        FAILS(code, "aclnnAdd", cases[i].words, phase_1(a, b, alpha, z));
        OK(aclDestroyTensor(a));
        OK(aclDestroyTensor(b));
        OK(aclDestroyTensor(z));
    }
    OK(aclDestroyScalar(alpha));
}

static void private_formats(void **state) {
    int64_t dims[4] = {1, 1, 2, 2};
    aclTensor *nz = aclCreateTensor(dims, 4, ACL_FLOAT, NULL, 0, ACL_FORMAT_FRACTAL_NZ, NULL, 0, x),
              *z = TENSOR(y, ACL_FLOAT, 1, 1, 2, 2);
    aclScalar *alpha = client_float(1);
    FAILS(161002, "aclnnAdd", "self has private format 29; convert it", phase_1(nz, z, alpha, z));
    OK(aclDestroyTensor(nz));
    OK(aclDestroyTensor(z));
    OK(aclDestroyScalar(alpha));
}

/* ---- phase 2 --------------------------------------------------------------------------------- */

static aclTensor *self, *out;
static aclScalar *alpha_one;

static aclOpExecutor *good_executor(void) {
    OK(phase_1(self, self, alpha_one, out));
    return executor;
}

static void executors(void **state) {
    int64_t local[512] = {0};
    client_gate gate;
    self = TENSOR(x, ACL_FLOAT, 8);
    out = TENSOR(y, ACL_FLOAT, 8);
    alpha_one = client_float(1);
    aclOpExecutor *e = good_executor();
    FAILS(161001, "aclnnAdd", "executor is NULL", aclnnAdd(NULL, 0, NULL, stream));
    FAILS(561103, "aclnnAdd", "not alive", aclnnAdd(NULL, 0, (aclOpExecutor *)0x1234, stream));
    FAILS(561103, "aclnnAdd", "not alive", aclnnAdd(NULL, 0, (aclOpExecutor *)local, stream));
    FAILS(561103, "aclnnAdd", "not alive", aclnnAdd(NULL, 0, (aclOpExecutor *)self, stream));
    FAILS(561103, "aclnnMul", "belongs to aclnnAdd", aclnnMul(NULL, 0, e, stream));
    OK(aclnnAdd(NULL, 0, e, stream)); /* a wrong phase 2 did not end it */
    OK(aclrtSynchronizeStream(stream));
    FAILS(561103, "aclnnAdd", "run phase 1 again", aclnnAdd(NULL, 0, e, stream));

    client_gate_close(&gate, stream);
    e = good_executor();
    OK(aclnnAdd(NULL, 0, e, stream));
    FAILS(561103, "aclnnAdd", "not alive", aclnnAdd(NULL, 0, e, stream)); /* it is queued */
    FAILS(561103, "aclDestroyAclOpExecutor", "not alive", aclDestroyAclOpExecutor(e));
    FAILS(561103, "aclSetAclOpExecutorRepeatable", "not alive", aclSetAclOpExecutorRepeatable(e));
    FAILS(561103, "aclSetTensorAddr", "not alive", aclSetTensorAddr(e, 0, self, y));
    client_gate_open(&gate, stream);

    e = good_executor();
    OK(aclSetAclOpExecutorRepeatable(e));
    FAILS(561103, "aclSetTensorAddr", "executor is NULL", aclSetTensorAddr(NULL, 0, self, y));
    FAILS(561103, "aclSetTensorAddr", "tensor is NULL", aclSetTensorAddr(e, 0, NULL, y));
    FAILS(561103, "aclSetTensorAddr", "no live aclTensor",
          aclSetTensorAddr(e, 0, (aclTensor *)local, y));
    FAILS(161001, "aclSetTensorAddr", "addr is NULL", aclSetTensorAddr(e, 0, self, NULL));
    FAILS(161002, "aclSetTensorAddr", "index is 3; expected less than 3",
          aclSetTensorAddr(e, 3, self, y));
    FAILS(161002, "AclSetOutputTensorAddr", "index is 1; expected less than 1",
          AclSetOutputTensorAddr(e, 1, out, y));
    FAILS(561103, "aclSetDynamicInputTensorAddr", "tensors is",
          aclSetDynamicInputTensorAddr(e, 0, 0, (aclTensorList *)self, y));
    OK(aclDestroyAclOpExecutor(e));
    OK(aclDestroyAclOpExecutor(NULL));
    OK(aclDestroyTensor(self));
    OK(aclDestroyTensor(out));
    OK(aclDestroyScalar(alpha_one));
}

static void *launch(void *e) { return (void *)(intptr_t)aclnnAdd(NULL, 0, e, stream); }

static void two_threads_launch_one_executor(void **state) {
    client_gate gate;
    self = TENSOR(x, ACL_FLOAT, 8);
    out = TENSOR(y, ACL_FLOAT, 8);
    alpha_one = client_float(1);
    client_gate_close(&gate, stream);
    for (int round = 0; round < 50; round++) {
        pthread_t threads[2];
        void *codes[2];
        aclOpExecutor *e = good_executor();
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, launch, e), 0);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], &codes[i]);
        int failures = (codes[0] != NULL) + (codes[1] != NULL);
        /* A thread without a context fails as well, but ends the executor. */
        assert_true(failures >= 1);
    }
    client_gate_open(&gate, stream);
    OK(aclDestroyTensor(self));
    OK(aclDestroyTensor(out));
    OK(aclDestroyScalar(alpha_one));
}

static void workspaces(void **state) {
    int64_t found[8];
    aclTensor *t = TENSOR(x, ACL_FLOAT, 8), *where = TENSOR(found, ACL_INT64, 8, 1);
    char memory[8];
    OK(aclnnNonzeroGetWorkspaceSize(t, where, &workspace, &executor));
    assert_int_equal(workspace, sizeof memory);
    FAILS(161001, "aclnnNonzero", "workspace is NULL; expected 8 bytes",
          aclnnNonzero(NULL, workspace, executor, stream));
    OK(aclnnNonzeroGetWorkspaceSize(t, where, &workspace, &executor));
    FAILS(161002, "aclnnNonzero", "workspaceSize is 7; expected the 8 bytes",
          aclnnNonzero(memory, 7, executor, stream));
    OK(aclDestroyTensor(t));
    OK(aclDestroyTensor(where));
}

/* What only the data shows is told at the next synchronise; nothing outside is touched, and the
 * stream works on. */
static void indices_that_name_nothing(void **state) {
    int64_t indices[3] = {0, 7, 9}, good[3] = {1, 0, 2};
    float rows[7] = {1, 2, 3, 4, 5, 6, 7}, taken[5] = {9, 9, 9, 9, 9};
    aclTensor *from = TENSOR(rows, ACL_FLOAT, 7), *to = TENSOR(taken + 1, ACL_FLOAT, 3),
              *wrong = TENSOR(indices, ACL_INT64, 3), *right = TENSOR(good, ACL_INT64, 3);
    void *room = NULL;
    OK(aclnnIndexSelectGetWorkspaceSize(from, 0, wrong, to, &workspace, &executor));
    OK(aclrtMalloc(&room, workspace, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclnnIndexSelect(room, workspace, executor, stream));
    FAILS(ACL_ERROR_RT_AICORE_EXCEPTION, "aclrtSynchronizeStream",
          "index holds index 7, its element 1; expected -7 to 6", aclrtSynchronizeStream(stream));
    assert_memory_equal(taken, ((float[]){9, 9, 9, 9, 9}), sizeof taken);
    OK(aclnnIndexSelectGetWorkspaceSize(from, 0, right, to, &workspace, &executor));
    OK(aclnnIndexSelect(room, workspace, executor, stream));
    OK(aclrtSynchronizeStream(stream));
    assert_memory_equal(taken, ((float[]){9, 2, 1, 3, 9}), sizeof taken);
    OK(aclrtFree(room));
    OK(aclDestroyTensor(from));
    OK(aclDestroyTensor(to));
    OK(aclDestroyTensor(wrong));
    OK(aclDestroyTensor(right));
}

static void streams(void **state) {
    int64_t local[64] = {0};
    aclrtContext own = NULL, second = NULL;
    aclrtStream foreign = NULL, ended = NULL;
    self = TENSOR(x, ACL_FLOAT, 8);
    out = TENSOR(y, ACL_FLOAT, 8);
    alpha_one = client_float(1);
    OK(aclrtGetCurrentContext(&own));
    OK(aclrtCreateContext(&second, 0));
    OK(aclrtCreateStream(&foreign));
    OK(aclrtSetCurrentContext(own));
    OK(aclrtCreateStream(&ended));
    OK(aclrtDestroyStream(ended));
    FAILS(361001, "aclnnAdd", "stream", aclnnAdd(NULL, 0, good_executor(), foreign));
    FAILS(561103, "aclnnAdd", "stream", aclnnAdd(NULL, 0, good_executor(), (aclrtStream)0x1234));
    FAILS(561103, "aclnnAdd", "stream", aclnnAdd(NULL, 0, good_executor(), (aclrtStream)local));
    FAILS(561103, "aclnnAdd", "stream", aclnnAdd(NULL, 0, good_executor(), ended));
    OK(aclnnAdd(NULL, 0, good_executor(), NULL)); /* the default stream */
    OK(aclrtSynchronizeStream(NULL));
    OK(aclrtSetCurrentContext(second));
    OK(aclrtDestroyStream(foreign));
    OK(aclrtDestroyContext(second));
    OK(aclrtSetCurrentContext(own));
    OK(aclDestroyTensor(self));
    OK(aclDestroyTensor(out));
    OK(aclDestroyScalar(alpha_one));
}

/* Objects and phase 1 need no device; phase 2 says what is missing. */
static void without_a_device(void **state) {
    self = TENSOR(x, ACL_FLOAT, 8);
    out = TENSOR(y, ACL_FLOAT, 8);
    alpha_one = client_float(1);
    FAILS(361001, "aclnnAdd", "aclrtSetDevice", aclnnAdd(NULL, 0, good_executor(), NULL));
    assert_int_not_equal(aclnnAdd(NULL, 0, good_executor(), (aclrtStream)0x1234), 0);
    aclOpExecutor *e = good_executor();
    OK(aclSetAclOpExecutorRepeatable(e));
    FAILS(361001, "aclnnAdd", "aclrtSetDevice", aclnnAdd(NULL, 0, e, NULL));
    OK(aclDestroyAclOpExecutor(e)); /* a failed launch leaves a repeatable one alive */
    OK(aclDestroyTensor(self));
    OK(aclDestroyTensor(out));
    OK(aclDestroyScalar(alpha_one));
}

static int start(void **state) {
    OK(aclInit(NULL));
    OK(aclrtSetDevice(0));
    OK(aclrtCreateStream(&stream));
    return client_count(state);
}

static int finish(void **state) {
    int leaks = client_compare(state);
    OK(aclrtDestroyStream(stream));
    OK(aclrtResetDevice(0));
    OK(aclFinalize());
    return leaks;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(without_a_device),
        cmocka_unit_test_setup_teardown(wrong_handles, start, client_compare),
        CLIENT_TEST(wrong_arrays_and_lists),
        CLIENT_TEST(tensors_that_cannot_be),
        CLIENT_TEST(operands_that_do_not_fit),
        CLIENT_TEST(private_formats),
        CLIENT_TEST(executors),
        CLIENT_TEST(two_threads_launch_one_executor),
        CLIENT_TEST(workspaces),
        CLIENT_TEST(indices_that_name_nothing),
        cmocka_unit_test_setup_teardown(streams, client_count, finish),
        CLIENT_TEST(without_a_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
