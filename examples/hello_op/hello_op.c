/* hello_op.c - one operator through two of CANN's doors: y = a + 2 * b with aclnnAdd's two phases,
 * and y = a + b by its type name with aclopCompileAndExecute. Plain CANN: the same file builds and
 * runs on an Ascend machine.
 *
 *   gcc hello_op.c -I$ASCEND_HOME_PATH/include -L$ASCEND_HOME_PATH/lib64 \
 *       -lascendcl -lacl_op_compiler -lnnopbase -lopapi -o hello_op
 */
#include "acl/acl.h"
#include "acl/acl_op_compiler.h"
#include "aclnnop/aclnn_add.h"
#include <stdio.h>
#include <stdlib.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        int check_code = (call);                                                                   \
        if (check_code != ACL_SUCCESS) {                                                           \
            const char *check_text = aclGetRecentErrMsg();                                         \
            fprintf(stderr, "%s: error %d\n%s\n", #call, check_code,                               \
                    check_text ? check_text : "");                                                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { ROWS = 2, COLUMNS = 3, COUNT = ROWS * COLUMNS };
static const int64_t shape[] = {ROWS, COLUMNS};
static const size_t bytes = COUNT * sizeof(float);

static void *to_device(const float *values) {
    void *device;
    CHECK(aclrtMalloc(&device, bytes, ACL_MEM_MALLOC_HUGE_FIRST));
    if (values) CHECK(aclrtMemcpy(device, bytes, values, bytes, ACL_MEMCPY_HOST_TO_DEVICE));
    return device;
}

static void print(const char *title, const void *device, aclrtStream stream) {
    float values[COUNT];
    CHECK(aclrtSynchronizeStream(stream));
    CHECK(aclrtMemcpy(values, bytes, device, bytes, ACL_MEMCPY_DEVICE_TO_HOST));
    printf("%-24s", title);
    for (int i = 0; i < COUNT; i++)
        printf(" %g", values[i]);
    printf("\n");
}

static aclTensor *tensor_of(void *device) {
    return aclCreateTensor(shape, 2, ACL_FLOAT, NULL, 0, ACL_FORMAT_ND, shape, 2, device);
}

/* Phase 1 checks the arguments and says how much memory the operator wants; phase 2 enqueues it. */
static void add_by_aclnn(void *a, void *b, void *y, aclrtStream stream) {
    float two = 2.0f;
    uint64_t workspace_bytes = 0;
    void *workspace = NULL;
    aclOpExecutor *executor = NULL;
    aclTensor *tensor_a = tensor_of(a), *tensor_b = tensor_of(b), *tensor_y = tensor_of(y);
    aclScalar *alpha = aclCreateScalar(&two, ACL_FLOAT);

    CHECK(
        aclnnAddGetWorkspaceSize(tensor_a, tensor_b, alpha, tensor_y, &workspace_bytes, &executor));
    if (workspace_bytes > 0) {
        CHECK(aclrtMalloc(&workspace, workspace_bytes, ACL_MEM_MALLOC_HUGE_FIRST));
    }
    CHECK(aclnnAdd(workspace, workspace_bytes, executor, stream));
    print("aclnnAdd, a + 2 * b:", y, stream);

    if (workspace) CHECK(aclrtFree(workspace));
    CHECK(aclDestroyScalar(alpha));
    CHECK(aclDestroyTensor(tensor_y));
    CHECK(aclDestroyTensor(tensor_b));
    CHECK(aclDestroyTensor(tensor_a));
}

/* The same operator by its name: descriptions and buffers instead of tensors. */
static void add_by_aclop(void *a, void *b, void *y, aclrtStream stream) {
    aclTensorDesc *description = aclCreateTensorDesc(ACL_FLOAT, 2, shape, ACL_FORMAT_ND);
    aclDataBuffer *buffer_a = aclCreateDataBuffer(a, bytes);
    aclDataBuffer *buffer_b = aclCreateDataBuffer(b, bytes);
    aclDataBuffer *buffer_y = aclCreateDataBuffer(y, bytes);
    aclopAttr *attributes = aclopCreateAttr();
    const aclTensorDesc *inputs[] = {description, description};
    const aclTensorDesc *outputs[] = {description};
    const aclDataBuffer *input_buffers[] = {buffer_a, buffer_b};
    aclDataBuffer *output_buffers[] = {buffer_y};

    CHECK(aclopCompileAndExecute("Add", 2, inputs, input_buffers, 1, outputs, output_buffers,
                                 attributes, ACL_ENGINE_SYS, ACL_COMPILE_SYS, NULL, stream));
    print("aclop Add, a + b:", y, stream);

    aclopDestroyAttr(attributes);
    CHECK(aclDestroyDataBuffer(buffer_y));
    CHECK(aclDestroyDataBuffer(buffer_b));
    CHECK(aclDestroyDataBuffer(buffer_a));
    aclDestroyTensorDesc(description);
}

int main(void) {
    const float a_values[COUNT] = {1, 2, 3, 4, 5, 6};
    const float b_values[COUNT] = {10, 20, 30, 40, 50, 60};
    aclrtStream stream;

    CHECK(aclInit(NULL));
    CHECK(aclrtSetDevice(0));
    CHECK(aclrtCreateStream(&stream));
    void *a = to_device(a_values), *b = to_device(b_values), *y = to_device(NULL);

    add_by_aclnn(a, b, y, stream);
    add_by_aclop(a, b, y, stream);

    CHECK(aclrtFree(y));
    CHECK(aclrtFree(b));
    CHECK(aclrtFree(a));
    CHECK(aclrtDestroyStream(stream));
    CHECK(aclrtResetDevice(0));
    CHECK(aclFinalize());
    return 0;
}
