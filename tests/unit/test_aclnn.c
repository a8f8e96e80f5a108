/* aclnn as clients use it: both phases in every order that is legal, objects that end early,
 * executors that are used again, and outputs whose shape the data decides. */
#include "client.h"

#include "aclnnop/aclnn_add.h"
#include "aclnnop/aclnn_cat.h"
#include "aclnnop/aclnn_masked_select.h"
#include "aclnnop/aclnn_nonzero.h"
#include "aclnnop/aclnn_permute.h"
#include "aclnnop/aclnn_reduce_sum.h"
#include "doors/nnopbase/executor.h"
#include "doors/opapi/binding.h"
#include <pthread.h>

static aclrtStream stream;

static void every_row_fits_its_operator(void **state) {
    acn_status status = acn_aclnn_check_rows();
    const char *text = acn_error_take();
    if (status != ACN_OK) fail_msg("%s", text ? text : "");
}

/* ---- both phases ----------------------------------------------------------------------------- */

static aclOpExecutor *add_phase_1(const aclTensor *x, const aclTensor *y, float alpha,
                                  aclTensor *z) {
    uint64_t workspace = 99;
    aclOpExecutor *executor = NULL;
    aclScalar *scalar = client_float(alpha);
    OK(aclnnAddGetWorkspaceSize(x, y, scalar, z, &workspace, &executor));
    OK(aclDestroyScalar(scalar));
    assert_int_equal(workspace, 0);
    assert_non_null(executor);
    return executor;
}

static void add_in_device_memory(void **state) {
    float x[6] = {1, 2, 3, 4, 5, 6}, y[3] = {10, 20, 30}, z[6];
    void *device[3];
    for (int i = 0; i < 3; i++)
        OK(aclrtMalloc(&device[i], sizeof x, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclrtMemcpy(device[0], sizeof x, x, sizeof x, ACL_MEMCPY_HOST_TO_DEVICE));
    OK(aclrtMemcpy(device[1], sizeof x, y, sizeof y, ACL_MEMCPY_HOST_TO_DEVICE));
    aclTensor *tx = TENSOR(device[0], ACL_FLOAT, 2, 3), *ty = TENSOR(device[1], ACL_FLOAT, 3),
              *tz = TENSOR(device[2], ACL_FLOAT, 2, 3);
    OK(aclnnAdd(NULL, 0, add_phase_1(tx, ty, 0.5f, tz), stream));
    OK(aclrtSynchronizeStream(stream));
    OK(aclrtMemcpy(z, sizeof z, device[2], sizeof z, ACL_MEMCPY_DEVICE_TO_HOST));
    for (int i = 0; i < 6; i++)
        assert_float_equal(z[i], x[i] + y[i % 3] / 2, 0);
    OK(aclDestroyTensor(tx));
    OK(aclDestroyTensor(ty));
    OK(aclDestroyTensor(tz));
    for (int i = 0; i < 3; i++)
        OK(aclrtFree(device[i]));
}

/* Outputs that stay in no cache go past it: by the last micro-op, whole (Add), after a step in
 * tiles (alpha), and as rows of a broadcast; nothing around them is touched. */
static void large_outputs(void **state) {
    enum { ROWS = 1000, COLUMNS = 1531, COUNT = ROWS * COLUMNS, FIRST = 3 };
    float *x = malloc(sizeof *x * COUNT), *y = malloc(sizeof *y * COUNT);
    float *z = malloc(sizeof *z * (COUNT + 2 * FIRST));
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)(i % 1009), y[i] = (float)(i % 31);
    aclTensor *tx = TENSOR(x, ACL_FLOAT, ROWS, COLUMNS), *ty = TENSOR(y, ACL_FLOAT, ROWS, COLUMNS),
              *tr = TENSOR(y, ACL_FLOAT, COLUMNS),
              *tz = TENSOR(z + FIRST, ACL_FLOAT, ROWS, COLUMNS);
    for (int way = 0; way < 4; way++) {
        for (int i = 0; i < COUNT + 2 * FIRST; i++)
            z[i] = -1;
        float alpha = way & 1 ? 0.5f : 1;
        OK(aclnnAdd(NULL, 0, add_phase_1(tx, way & 2 ? tr : ty, alpha, tz), stream));
        OK(aclrtSynchronizeStream(stream));
        for (int i = 0; i < COUNT; i++)
            if (z[FIRST + i] != x[i] + alpha * y[way & 2 ? i % COLUMNS : i])
                fail_msg("way %d: element %d is %g", way, i, (double)z[FIRST + i]);
        for (int i = 0; i < FIRST; i++)
            assert_true(z[i] == -1 && z[FIRST + COUNT + i] == -1);
    }
    OK(aclDestroyTensor(tx));
    OK(aclDestroyTensor(ty));
    OK(aclDestroyTensor(tr));
    OK(aclDestroyTensor(tz));
    free(x);
    free(y);
    free(z);
}

static void in_place(void **state) {
    int32_t x[4] = {1, 2, INT32_MAX, -5}, y[4] = {10, 20, 1, 40}, one = 1;
    aclTensor *tx = TENSOR(x, ACL_INT32, 4), *ty = TENSOR(y, ACL_INT32, 4);
    aclScalar *alpha = aclCreateScalar(&one, ACL_INT32);
    uint64_t workspace;
    aclOpExecutor *executor;
    OK(aclnnInplaceAddGetWorkspaceSize(tx, ty, alpha, &workspace, &executor));
    OK(aclnnInplaceAdd(NULL, 0, executor, stream));
    OK(aclnnAddGetWorkspaceSize(tx, tx, alpha, ty, &workspace, &executor)); /* y = x + x */
    OK(aclnnAdd(NULL, 0, executor, stream));
    OK(aclrtSynchronizeStream(stream));
    assert_memory_equal(x, ((int32_t[]){11, 22, INT32_MIN, 35}), sizeof x);
    assert_memory_equal(y, ((int32_t[]){22, 44, 0, 70}), sizeof y);
    OK(aclDestroyTensor(tx));
    OK(aclDestroyTensor(ty));
    OK(aclDestroyScalar(alpha));
}

static void empty_tensors(void **state) {
    aclTensor *x = client_view(NULL, ACL_FLOAT, 2, (int64_t[]){0, 3}, NULL);
    aclTensor *row = client_view(NULL, ACL_FLOAT, 2, (int64_t[]){0, 1}, NULL);
    aclTensor *repeated = client_view(NULL, ACL_FLOAT, 2, (int64_t[]){0, 3}, (int64_t[]){0, 0});
    OK(aclnnAdd(NULL, 0, add_phase_1(x, row, 1, x), stream));
    OK(aclnnAdd(NULL, 0, add_phase_1(x, x, 1, repeated), stream));
    OK(aclrtSynchronizeStream(stream));
    OK(aclDestroyTensor(x));
    OK(aclDestroyTensor(row));
    OK(aclDestroyTensor(repeated));
}

/* ---- many executors, and objects that end before their call does ----------------------------- */

enum { ALIVE = 1000 };
static aclOpExecutor *alive[ALIVE];

static void *second_phases(void *unused) {
    if (aclrtSetDevice(0) != 0) return (void *)1;
    for (int i = 0; i < ALIVE; i++)
        if (aclnnAdd(NULL, 0, alive[i], stream) != 0) return (void *)2;
    return NULL;
}

static void a_thousand_executors_on_another_thread(void **state) {
    static float x[ALIVE][16], z[ALIVE][16];
    float y[16];
    for (int i = 0; i < 16; i++)
        y[i] = (float)i;
    for (int i = 0; i < ALIVE; i++) {
        for (int j = 0; j < 16; j++)
            x[i][j] = (float)i;
        aclTensor *tx = TENSOR(x[i], ACL_FLOAT, 16), *ty = TENSOR(y, ACL_FLOAT, 16),
                  *tz = TENSOR(z[i], ACL_FLOAT, 16);
        alive[i] = add_phase_1(tx, ty, (float)(i + 1), tz);
        OK(aclDestroyTensor(tx));
        OK(aclDestroyTensor(ty));
        OK(aclDestroyTensor(tz));
    }
    pthread_t thread;
    void *result = (void *)9;
    assert_int_equal(pthread_create(&thread, NULL, second_phases, NULL), 0);
    pthread_join(thread, &result);
    assert_null(result);
    OK(aclrtSynchronizeStream(stream));
    for (int i = 0; i < ALIVE; i++)
        for (int j = 0; j < 16; j++)
            assert_float_equal(z[i][j], (float)(i + (i + 1) * j), 0);
}

static void objects_end_while_the_call_is_queued(void **state) {
    float x[6] = {1, 2, 3, 4, 5, 6}, z[6] = {0}, sums[2] = {0};
    int64_t axis = 1, swap[2] = {1, 0}, many[2] = {7, 7};
    client_gate gate;
    uint64_t workspace;
    aclOpExecutor *executor;
    client_gate_close(&gate, stream);
    aclTensor *tx = TENSOR(x, ACL_FLOAT, 2, 3), *tz = TENSOR(z, ACL_FLOAT, 3, 2),
              *ts = TENSOR(sums, ACL_FLOAT, 2);
    aclIntArray *perm = aclCreateIntArray(swap, 2), *axes = aclCreateIntArray(&axis, 1);
    OK(aclnnPermuteGetWorkspaceSize(tx, perm, tz, &workspace, &executor));
    OK(aclDestroyIntArray(perm));
    OK(aclnnPermute(NULL, 0, executor, stream));
    OK(aclnnReduceSumGetWorkspaceSize(tx, axes, false, ACL_FLOAT, ts, &workspace, &executor));
    OK(aclDestroyIntArray(axes));
    OK(aclnnReduceSum(NULL, 0, executor, stream));
    OK(aclDestroyTensor(tx));
    OK(aclDestroyTensor(tz));
    OK(aclDestroyTensor(ts));
    aclIntArray *reused = aclCreateIntArray(many, 2); /* likely where |perm| was */
    client_gate_open(&gate, stream);
    assert_memory_equal(z, ((float[]){1, 4, 2, 5, 3, 6}), sizeof z);
    assert_memory_equal(sums, ((float[]){6, 15}), sizeof sums);
    OK(aclDestroyIntArray(reused));
}

static void a_list_ends_with_its_members(void **state) {
    float x[2] = {1, 2}, y[3] = {3, 4, 5}, z[5] = {0};
    client_gate gate;
    uint64_t workspace, size = 0;
    aclOpExecutor *executor;
    const aclTensor *members[] = {TENSOR(x, ACL_FLOAT, 2), TENSOR(y, ACL_FLOAT, 3)};
    aclTensorList *list = aclCreateTensorList(members, 2);
    aclTensor *out = TENSOR(z, ACL_FLOAT, 5);
    OK(aclGetTensorListSize(list, &size));
    assert_int_equal(size, 2);
    client_gate_close(&gate, stream);
    OK(aclnnCatGetWorkspaceSize(list, 0, out, &workspace, &executor));
    OK(aclnnCat(NULL, 0, executor, stream));
    OK(aclDestroyTensorList(list));
    OK(aclDestroyTensor(out));
    client_gate_open(&gate, stream);
    assert_memory_equal(z, ((float[]){1, 2, 3, 4, 5}), sizeof z);
    FAILS(161002, "aclDestroyTensor", "no live aclTensor", aclDestroyTensor(members[0]));
}

/* Executors without a second phase end with the last aclFinalize; queued and repeatable ones do
 * not. */
static void abandoned_executors_end_with_the_process_s_last_client(void **state) {
    float x[4] = {1, 2, 3, 4}, z[4] = {0};
    aclTensor *tx = TENSOR(x, ACL_FLOAT, 4), *tz = TENSOR(z, ACL_FLOAT, 4);
    size_t before = acn_slab_live_count_of("aclOpExecutor");
    aclOpExecutor *queued = add_phase_1(tx, tx, 1, tz), *repeatable = add_phase_1(tx, tx, 1, tz);
    OK(aclSetAclOpExecutorRepeatable(repeatable));
    client_gate gate;
    client_gate_close(&gate, stream);
    OK(aclnnAdd(NULL, 0, queued, stream));
    for (int i = 0; i < ALIVE; i++)
        alive[i] = add_phase_1(tx, tx, 1, tz);
    assert_int_equal(aclInit(NULL), ACL_ERROR_REPEAT_INITIALIZE);
    OK(aclFinalize()); /* of the second client */
    assert_int_equal(acn_slab_live_count_of("aclOpExecutor"), before + ALIVE + 2);
    OK(aclFinalize());
    assert_int_equal(acn_slab_live_count_of("aclOpExecutor"), before + 2);
    FAILS(561103, "aclnnAdd", "not alive", aclnnAdd(NULL, 0, alive[0], stream));
    OK(aclInit(NULL));
    client_gate_open(&gate, stream);
    assert_memory_equal(z, ((float[]){2, 4, 6, 8}), sizeof z);
    OK(aclnnAdd(NULL, 0, repeatable, stream));
    OK(aclrtSynchronizeStream(stream));
    OK(aclDestroyAclOpExecutor(repeatable));
    OK(aclDestroyTensor(tx));
    OK(aclDestroyTensor(tz));
}

/* ---- repeatable executors -------------------------------------------------------------------- */

static void new_addresses(void **state) {
    float x[2][3] = {{1, 2, 3}, {4, 5, 6}}, y[3] = {10, 20, 30}, z[3][3] = {{0}};
    aclTensor *tx = TENSOR(x[0], ACL_FLOAT, 3), *ty = TENSOR(y, ACL_FLOAT, 3),
              *tz = TENSOR(z[0], ACL_FLOAT, 3);
    aclOpExecutor *executor = add_phase_1(tx, ty, 2, tz);
    client_gate gate;
    OK(aclSetAclOpExecutorRepeatable(executor));
    client_gate_close(&gate, stream);
    OK(aclnnAdd(NULL, 0, executor, stream));
    OK(aclSetInputTensorAddr(executor, 0, tx, x[1]));
    OK(aclSetOutputTensorAddr(executor, 0, tz, z[1]));
    OK(aclnnAdd(NULL, 0, executor, stream));
    OK(aclSetTensorAddr(executor, 1, ty, x[0]));
    OK(aclSetTensorAddr(executor, 2, tz, z[2]));
    OK(aclnnAdd(NULL, 0, executor, stream));
    OK(aclDestroyAclOpExecutor(executor)); /* what is queued lives on */
    client_gate_open(&gate, stream);
    assert_memory_equal(z, ((float[]){21, 42, 63, 24, 45, 66, 6, 9, 12}), sizeof z);
    FAILS(561103, "aclnnAdd", "not alive", aclnnAdd(NULL, 0, executor, stream));
    FAILS(561103, "aclDestroyAclOpExecutor", "not alive", aclDestroyAclOpExecutor(executor));
    OK(aclDestroyTensor(tx));
    OK(aclDestroyTensor(ty));
    OK(aclDestroyTensor(tz));
}

static void new_addresses_in_place(void **state) {
    float storage[2][4] = {{0, 1, 2, 3}, {0, 4, 5, 6}}, y[3] = {1, 1, 1};
    int64_t dims = 3, stride = 1, stored = 4;
    aclTensor *x = aclCreateTensor(&dims, 1, ACL_FLOAT, &stride, 1, ACL_FORMAT_ND, &stored, 1,
                                   storage[0]); /* begins at element 1 */
    aclTensor *ty = TENSOR(y, ACL_FLOAT, 3);
    aclScalar *two = client_float(2);
    uint64_t workspace;
    aclOpExecutor *executor;
    OK(aclnnInplaceAddGetWorkspaceSize(x, ty, two, &workspace, &executor));
    OK(aclSetAclOpExecutorRepeatable(executor));
    OK(aclDestroyScalar(two));
    OK(aclnnInplaceAdd(NULL, 0, executor, stream));
    OK(aclSetTensorAddr(executor, 0, x, storage[1]));
    OK(aclnnInplaceAdd(NULL, 0, executor, stream));
    OK(aclrtSynchronizeStream(stream));
    assert_memory_equal(storage, ((float[]){0, 3, 4, 5, 0, 6, 7, 8}), sizeof storage);
    /* Addresses that overlap in part are found when they run. */
    OK(aclSetTensorAddr(executor, 1, ty, storage[1]));
    FAILS(161002, "aclnnInplaceAdd", "partly overlaps other",
          aclnnInplaceAdd(NULL, 0, executor, stream));
    OK(aclDestroyAclOpExecutor(executor));
    OK(aclDestroyTensor(x));
    OK(aclDestroyTensor(ty));
}

static void new_addresses_of_lists(void **state) {
    float x[4] = {1, 2, 3, 4}, other[3] = {0, 8, 9}, z[4] = {0};
    int64_t dims = 2, stride = 1, stored = 3;
    const aclTensor *members[] = {
        TENSOR(x, ACL_FLOAT, 2),
        aclCreateTensor(&dims, 1, ACL_FLOAT, &stride, 1, ACL_FORMAT_ND, &stored, 1, x)};
    aclTensorList *list = aclCreateTensorList(members, 2);
    aclTensor *out = TENSOR(z, ACL_FLOAT, 4);
    uint64_t workspace;
    aclOpExecutor *executor;
    OK(aclnnCatGetWorkspaceSize(list, 0, out, &workspace, &executor));
    OK(aclSetAclOpExecutorRepeatable(executor));
    OK(aclSetDynamicInputTensorAddr(executor, 0, 1, list, other));
    OK(aclnnCat(NULL, 0, executor, stream));
    OK(aclrtSynchronizeStream(stream));
    assert_memory_equal(z, ((float[]){1, 2, 8, 9}), sizeof z);
    FAILS(561103, "aclSetDynamicTensorAddr", "holds no live aclTensor at 2",
          aclSetDynamicTensorAddr(executor, 0, 2, list, other));
    OK(aclDestroyAclOpExecutor(executor));
    OK(aclDestroyTensorList(list));
    OK(aclDestroyTensor(out));
}

/* ---- shapes that the data decides ------------------------------------------------------------ */

static void expect_shape(const aclTensor *tensor, uint64_t rank, int64_t first, int64_t second) {
    int64_t *dims = NULL;
    uint64_t count = 0;
    OK(aclGetViewShape(tensor, &dims, &count));
    assert_int_equal(count, rank);
    assert_int_equal(dims[0], first);
    if (rank > 1) assert_int_equal(dims[1], second);
    free(dims);
}

static void run_select(aclTensor *x, aclTensor *mask, aclTensor *out) {
    uint64_t workspace = 0;
    void *memory = NULL;
    aclOpExecutor *executor;
    OK(aclnnMaskedSelectGetWorkspaceSize(x, mask, out, &workspace, &executor));
    if (workspace) OK(aclrtMalloc(&memory, workspace, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclnnMaskedSelect(memory, workspace, executor, stream));
    OK(aclrtSynchronizeStream(stream));
    if (memory) OK(aclrtFree(memory));
}

static void shapes_are_told_after_the_run(void **state) {
    float x[6] = {0, 7, 0, 0, 8, 9}, selected[6];
    uint8_t mask[6] = {0, 1, 0, 0, 1, 1};
    aclTensor *tx = TENSOR(x, ACL_FLOAT, 6), *tm = TENSOR(mask, ACL_BOOL, 6),
              *out = TENSOR(selected, ACL_FLOAT, 6);
    run_select(tx, tm, out);
    expect_shape(out, 1, 3, 0);
    assert_memory_equal(selected, ((float[]){7, 8, 9}), 3 * sizeof *x);
    OK(aclDestroyTensor(tx));
    OK(aclDestroyTensor(tm));
    OK(aclDestroyTensor(out));
}

/* Where an output was, another tensor may stand when the task runs; it keeps its shape. */
static void an_output_ends_between_the_phases(void **state) {
    float x[6] = {0, 7, 0, 0, 8, 9};
    int64_t found[6] = {-1, -1, -1, -1, -1, -1};
    uint64_t workspace = 0;
    void *memory;
    client_gate gate;
    aclOpExecutor *executor;
    aclTensor *tx = TENSOR(x, ACL_FLOAT, 6), *out = TENSOR(found, ACL_INT64, 6, 1);
    OK(aclnnNonzeroGetWorkspaceSize(tx, out, &workspace, &executor));
    OK(aclrtMalloc(&memory, workspace, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclDestroyTensor(out));
    FAILS(161002, "aclDestroyTensor", "no live aclTensor", aclDestroyTensor(out));
    FAILS(161002, "aclGetViewShape", "no live aclTensor",
          aclGetViewShape(out, &(int64_t *){NULL}, &workspace));
    aclTensor *others[64];
    for (size_t i = 0; i < COUNT_OF(others); i++)
        others[i] = TENSOR(x, ACL_FLOAT, 6);
    client_gate_close(&gate, stream);
    OK(aclnnNonzero(memory, workspace, executor, stream));
    OK(aclDestroyTensor(tx));
    client_gate_open(&gate, stream);
    assert_memory_equal(found, ((int64_t[]){1, 4, 5}), 3 * sizeof *found);
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        expect_shape(others[i], 1, 6, 0);
        OK(aclDestroyTensor(others[i]));
    }
    OK(aclrtFree(memory));
}

static void shapes_of_repeated_calls(void **state) {
    float x[2][4] = {{0, 7, 0, 0}, {1, 2, 3, 0}};
    int64_t found[4];
    uint64_t workspace = 0;
    void *memory;
    aclOpExecutor *executor;
    aclTensor *tx = TENSOR(x[0], ACL_FLOAT, 4), *out = TENSOR(found, ACL_INT64, 4, 1);
    OK(aclnnNonzeroGetWorkspaceSize(tx, out, &workspace, &executor));
    OK(aclrtMalloc(&memory, workspace, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclSetAclOpExecutorRepeatable(executor));
    OK(aclnnNonzero(memory, workspace, executor, stream));
    OK(aclrtSynchronizeStream(stream));
    expect_shape(out, 2, 1, 1);
    OK(aclSetInputTensorAddr(executor, 0, tx, x[1]));
    OK(aclnnNonzero(memory, workspace, executor, stream));
    OK(aclrtSynchronizeStream(stream));
    expect_shape(out, 2, 3, 1);
    OK(aclDestroyTensor(tx));
    OK(aclDestroyTensor(out));
    OK(aclDestroyAclOpExecutor(executor));
    OK(aclrtFree(memory));
}

/* ---- plans ----------------------------------------------------------------------------------- */

static const acn_plan *plan_of(const aclTensor *x, const aclTensor *y, aclDataType kind,
                               aclTensor *z) {
    static double value = 2; /* another each time */
    float f = (float)value;
    int64_t i = (int64_t)value++;
    aclScalar *alpha = aclCreateScalar(kind == ACL_FLOAT ? (void *)&f : (void *)&i, kind);
    uint64_t workspace;
    aclOpExecutor *executor;
    OK(aclnnAddGetWorkspaceSize(x, y, alpha, z, &workspace, &executor));
    const acn_plan *plan = ((acn_executor *)executor)->call.plan;
    OK(aclnnAdd(NULL, 0, executor, stream));
    OK(aclrtSynchronizeStream(stream));
    OK(aclDestroyScalar(alpha));
    return plan;
}

static void plans_are_made_once(void **state) {
    float x[13 * 17], z[13 * 17];
    memset(x, 0, sizeof x);
    aclTensor *a = TENSOR(x, ACL_FLOAT, 13, 17), *b = TENSOR(z, ACL_FLOAT, 13, 17),
              *shorter = TENSOR(x, ACL_FLOAT, 12, 17), *shorter_out = TENSOR(z, ACL_FLOAT, 12, 17);
    aclTensor *columns =
        client_view(x, ACL_FLOAT, 2, (int64_t[]){13, 17}, (int64_t[]){1, 13}); /* transposed */
    const acn_plan *plan = plan_of(a, a, ACL_FLOAT, b);
    assert_ptr_equal(plan_of(a, a, ACL_FLOAT, b), plan); /* the value is no part of it ... */
    assert_ptr_equal(plan_of(b, b, ACL_FLOAT, a), plan); /* nor are addresses */
    assert_ptr_not_equal(plan_of(a, a, ACL_INT64, b), plan);
    assert_ptr_not_equal(plan_of(columns, a, ACL_FLOAT, b), plan);
    assert_ptr_not_equal(plan_of(shorter, shorter, ACL_FLOAT, shorter_out), plan);
    assert_ptr_equal(plan_of(a, b, ACL_FLOAT, b), plan);
    OK(aclDestroyTensor(a));
    OK(aclDestroyTensor(b));
    OK(aclDestroyTensor(shorter));
    OK(aclDestroyTensor(shorter_out));
    OK(aclDestroyTensor(columns));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(every_row_fits_its_operator),
        CLIENT_TEST(add_in_device_memory),
        CLIENT_TEST(large_outputs),
        CLIENT_TEST(in_place),
        CLIENT_TEST(empty_tensors),
        CLIENT_TEST(a_thousand_executors_on_another_thread),
        CLIENT_TEST(objects_end_while_the_call_is_queued),
        CLIENT_TEST(abandoned_executors_end_with_the_process_s_last_client),
        CLIENT_TEST(a_list_ends_with_its_members),
        CLIENT_TEST(new_addresses),
        CLIENT_TEST(new_addresses_in_place),
        CLIENT_TEST(new_addresses_of_lists),
        CLIENT_TEST(shapes_are_told_after_the_run),
        CLIENT_TEST(an_output_ends_between_the_phases),
        CLIENT_TEST(shapes_of_repeated_calls),
        CLIENT_TEST(plans_are_made_once),
    };
    OK(aclInit(NULL));
    OK(aclrtSetDevice(0));
    OK(aclrtCreateStream(&stream));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    OK(aclrtDestroyStream(stream));
    OK(aclrtResetDevice(0));
    OK(aclFinalize());
    return failed;
}
