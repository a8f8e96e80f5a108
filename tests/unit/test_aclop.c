/* aclop as clients use it: the operator that aclnn reaches by name, here by GE's type string; and
 * what wrong arguments are told, through either door. */
#include "client.h"

#include "acl/acl_op.h"
#include "acl/acl_op_compiler.h"
#include "aclnnop/aclnn_add.h"
#include "aclnnop/aclnn_mul.h"

static aclrtStream stream;

typedef struct operands {
    aclTensorDesc *desc[3];
    aclDataBuffer *buffer[3];
    aclopAttr *attr;
} operands;

/* x (2, 3), y (3) -> z (2, 3) */
static operands make_operands(float *x, float *y, float *z) {
    int64_t matrix[] = {2, 3}, row[] = {3};
    operands o = {
        {aclCreateTensorDesc(ACL_FLOAT, 2, matrix, ACL_FORMAT_ND),
         aclCreateTensorDesc(ACL_FLOAT, 1, row, ACL_FORMAT_ND),
         aclCreateTensorDesc(ACL_FLOAT, 2, matrix, ACL_FORMAT_ND)},
        {aclCreateDataBuffer(x, 24), aclCreateDataBuffer(y, 12), aclCreateDataBuffer(z, 24)},
        aclopCreateAttr()};
    return o;
}

static void end_operands(const operands *o) {
    for (int i = 0; i < 3; i++) {
        aclDestroyTensorDesc(o->desc[i]);
        OK(aclDestroyDataBuffer(o->buffer[i]));
    }
    aclopDestroyAttr(o->attr);
}

static aclError execute(const char *type, int inputs, const operands *o) {
    return aclopCompileAndExecute(type, inputs, (const aclTensorDesc *const *)o->desc,
                                  (const aclDataBuffer *const *)o->buffer, 1,
                                  (const aclTensorDesc *const *)&o->desc[2], &o->buffer[2], o->attr,
                                  ACL_ENGINE_SYS, ACL_COMPILE_SYS, NULL, stream);
}

static aclError execute_v2(const char *type, operands *o) {
    return aclopCompileAndExecuteV2(type, 2, o->desc, o->buffer, 1, &o->desc[2], &o->buffer[2],
                                    o->attr, ACL_ENGINE_SYS, ACL_COMPILE_SYS, NULL, stream);
}

static void one_definition_serves_both_doors(void **state) {
    float x[6] = {1, 2, 3, 4, 5, 1e30f}, y[3] = {0.1f, -2, 3e-30f}, z[6], by_name[6];
    operands o = make_operands(x, y, z);
    OK(aclopSetAttrFloat(o.attr, "alpha", 0.3f));
    OK(execute("Add", 2, &o));
    OK(aclrtSynchronizeStream(stream));
    aclTensor *tx = TENSOR(x, ACL_FLOAT, 2, 3), *ty = TENSOR(y, ACL_FLOAT, 3),
              *tz = TENSOR(by_name, ACL_FLOAT, 2, 3);
    aclScalar *alpha = client_float(0.3f);
    uint64_t workspace;
    aclOpExecutor *executor;
    OK(aclnnAddGetWorkspaceSize(tx, ty, alpha, tz, &workspace, &executor));
    OK(aclnnAdd(NULL, 0, executor, stream));
    OK(aclrtSynchronizeStream(stream));
    assert_memory_equal(z, by_name, sizeof z);
    assert_float_equal(z[0], 1.03f, 1e-6f);
    OK(aclDestroyTensor(tx));
    OK(aclDestroyTensor(ty));
    OK(aclDestroyTensor(tz));
    OK(aclDestroyScalar(alpha));
    end_operands(&o);
}

static void results_are_described(void **state) {
    float x[6] = {1, 2, 3, 4, 5, 6}, y[3] = {1, 1, 1}, z[6] = {0};
    operands o = make_operands(x, y, z);
    int64_t open[] = {-1, -1}, size = 0;
    aclDestroyTensorDesc(o.desc[2]);
    o.desc[2] = aclCreateTensorDesc(ACL_FLOAT, 2, open, ACL_FORMAT_ND);
    OK(aclopInferShape("Mul", 2, o.desc, o.buffer, 1, &o.desc[2], o.attr));
    assert_int_equal(aclGetTensorDescNumDims(o.desc[2]), 2);
    OK(aclGetTensorDescDimV2(o.desc[2], 1, &size));
    assert_int_equal(size, 3);
    aclDestroyTensorDesc(o.desc[2]);
    o.desc[2] = aclCreateTensorDesc(ACL_FLOAT, 2, open, ACL_FORMAT_ND);
    OK(execute_v2("Mul", &o));
    assert_int_equal(aclGetTensorDescElementCount(o.desc[2]), 6);
    assert_memory_equal(z, x, sizeof z);
    end_operands(&o);
}

static void shapes_that_the_data_decides(void **state) {
    float x[6] = {0, 2, 0, 4, 0, 0};
    int64_t z[12] = {0}, matrix[] = {2, 3}, most[] = {6, 2};
    aclTensorDesc *in = aclCreateTensorDesc(ACL_FLOAT, 2, matrix, ACL_FORMAT_ND),
                  *out = aclCreateTensorDesc(ACL_INT64, 2, most, ACL_FORMAT_ND);
    aclDataBuffer *from = aclCreateDataBuffer(x, sizeof x), *to = aclCreateDataBuffer(z, sizeof z);
    OK(aclopCompileAndExecuteV2("NonZero", 1, &in, &from, 1, &out, &to, NULL, ACL_ENGINE_SYS,
                                ACL_COMPILE_SYS, NULL, stream));
    assert_int_equal(aclGetTensorDescElementCount(out), 4);
    assert_memory_equal(z, ((int64_t[]){0, 1, 1, 0}), 4 * sizeof *z);
    aclDestroyTensorDesc(in);
    aclDestroyTensorDesc(out);
    OK(aclDestroyDataBuffer(from));
    OK(aclDestroyDataBuffer(to));
}

static void bad_operators_and_attributes(void **state) {
    const char *api = "aclopCompileAndExecute";
    float x[6] = {0}, y[3] = {0}, z[6];
    int64_t list[] = {1, 2};
    operands o = make_operands(x, y, z);
    FAILS(ACL_ERROR_OP_NOT_FOUND, api, "NoSuchOperator", execute("NoSuchOperator", 2, &o));
    FAILS(ACL_ERROR_INVALID_PARAM, api, "opType is NULL", execute(NULL, 2, &o));
    FAILS(ACL_ERROR_INVALID_PARAM, api, "x2 is NULL", execute("Add", 1, &o));
    FAILS(ACL_ERROR_INVALID_PARAM, api, "numInputs is 3", execute("Add", 3, &o));
    OK(aclopSetAttrInt(o.attr, "beta", 1));
    FAILS(ACL_ERROR_INVALID_PARAM, api, "no attribute beta", execute("Add", 2, &o));
    aclopDestroyAttr(o.attr);
    o.attr = aclopCreateAttr();
    OK(aclopSetAttrListInt(o.attr, "alpha", 2, list));
    FAILS(ACL_ERROR_INVALID_PARAM, api, "another type", execute("Add", 2, &o));
    FAILS(ACL_ERROR_INVALID_PARAM, "aclopSetAttrListInt", "numValues is -1",
          aclopSetAttrListInt(o.attr, "alpha", -1, list));
    FAILS(ACL_ERROR_INVALID_PARAM, "aclopSetAttrInt", "attrName is NULL",
          aclopSetAttrInt(o.attr, NULL, 1));
    end_operands(&o);
}

static void bad_tensors_and_buffers(void **state) {
    const char *api = "aclopCompileAndExecute";
    float x[6] = {0}, y[3] = {0}, z[6];
    int64_t four[] = {4}, huge[] = {INT64_MAX, 4};
    operands o = make_operands(x, y, z);
    OK(aclUpdateDataBuffer(o.buffer[1], y, 8));
    FAILS(ACL_ERROR_INVALID_PARAM, api, "has 8 bytes", execute("Add", 2, &o));
    OK(aclUpdateDataBuffer(o.buffer[1], x, 24));
    aclTensorDesc *row = o.desc[1];
    o.desc[1] = aclCreateTensorDesc(ACL_FLOAT, 1, four, ACL_FORMAT_ND);
    FAILS(ACL_ERROR_INVALID_PARAM, api, "does not broadcast", execute("Add", 2, &o));
    aclDestroyTensorDesc(o.desc[1]); /* used after its end */
    FAILS(ACL_ERROR_INVALID_PARAM, api, "no live aclTensorDesc", execute("Add", 2, &o));
    o.desc[1] = (aclTensorDesc *)&o;
    FAILS(ACL_ERROR_INVALID_PARAM, api, "no live aclTensorDesc", execute("Add", 2, &o));
    o.desc[1] = row;
    aclDataBuffer *kept = o.buffer[0];
    o.buffer[0] = (aclDataBuffer *)0x1234;
    FAILS(ACL_ERROR_INVALID_PARAM, api, "no live aclDataBuffer", execute("Add", 2, &o));
    o.buffer[0] = kept;
    MAKES_NULL("aclCreateTensorDesc", "overflow",
               aclCreateTensorDesc(ACL_FLOAT, 2, huge, ACL_FORMAT_ND));
    MAKES_NULL("aclCreateTensorDesc", "numDims is -1",
               aclCreateTensorDesc(ACL_FLOAT, -1, four, ACL_FORMAT_ND));
    end_operands(&o);
}

static aclnnStatus add(const aclTensor *x, const aclTensor *y, const aclTensor *z) {
    uint64_t workspace;
    aclOpExecutor *executor = NULL;
    aclScalar *alpha = client_float(1);
    aclnnStatus code = aclnnAddGetWorkspaceSize(x, y, alpha, (aclTensor *)z, &workspace, &executor);
    if (code == 0) code = aclnnAdd(NULL, 0, executor, stream);
    aclDestroyScalar(alpha);
    return code;
}

static void bad_tensors_of_aclnn(void **state) {
    float x[16] = {0}, z[16] = {0};
    aclTensor *a = TENSOR(x, ACL_FLOAT, 2, 3), *b = TENSOR(x, ACL_FLOAT, 4),
              *c = TENSOR(z, ACL_FLOAT, 6), *part = TENSOR(x + 1, ACL_FLOAT, 2, 3),
              *ints = TENSOR(z, ACL_INT32, 2, 3), *wide = TENSOR(x, ACL_COMPLEX128, 3),
              *none = TENSOR(NULL, ACL_FLOAT, 2, 3);
    aclTensor *repeated = client_view(z, ACL_FLOAT, 2, (int64_t[]){2, 3}, (int64_t[]){0, 1});
    aclTensor *ended = TENSOR(x, ACL_FLOAT, 2, 3);
    OK(aclDestroyTensor(ended));
    FAILS(161001, "aclnnAdd", "other is NULL", add(a, NULL, a));
    FAILS(161002, "aclnnAdd", "no live aclTensor", add((aclTensor *)0x1234, a, a));
    FAILS(161002, "aclnnAdd", "no live aclTensor", add(a, (aclTensor *)&x, a));
    FAILS(161002, "aclnnAdd", "no live aclTensor", add(a, ended, a));
    FAILS(161002, "aclDestroyTensor", "no live aclTensor", aclDestroyTensor(ended));
    FAILS(161002, "aclnnAdd", "does not broadcast", add(a, b, a));
    FAILS(161002, "aclnnAdd", "out is [6] f32", add(a, a, c));
    FAILS(161002, "aclnnAdd", "partly overlaps", add(a, a, part));
    FAILS(161002, "aclnnAdd", "repeats elements", add(a, a, repeated));
    FAILS(161002, "aclnnAdd", "not cast", add(a, a, ints));
    FAILS(161002, "aclnnAdd", "expected one of", add(wide, wide, wide));
    FAILS(161001, "aclnnAdd", "no data address", add(a, none, a));
    OK(add(a, a, a));
    const aclTensor *all[] = {a, b, c, part, ints, wide, none, repeated};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        OK(aclDestroyTensor(all[i]));
    MAKES_NULL("aclCreateTensor", "viewDims[0] is -1",
               aclCreateTensor((int64_t[]){-1}, 1, ACL_FLOAT, NULL, 0, ACL_FORMAT_ND, NULL, 0, x));
    MAKES_NULL("aclCreateTensor", "overflows",
               aclCreateTensor((int64_t[]){1 << 30, 1 << 30, 1 << 30}, 3, ACL_FLOAT, NULL, 0,
                               ACL_FORMAT_ND, NULL, 0, x));
    MAKES_NULL("aclCreateTensor", "at most 8",
               aclCreateTensor((int64_t[9]){1}, 9, ACL_FLOAT, NULL, 0, ACL_FORMAT_ND, NULL, 0, x));
    MAKES_NULL("aclCreateTensor", "storageDims hold only",
               aclCreateTensor((int64_t[]){5}, 1, ACL_FLOAT, NULL, 0, ACL_FORMAT_ND, (int64_t[]){4},
                               1, x));
}

static void bad_executors(void **state) {
    float x[4] = {0};
    uint64_t workspace;
    aclOpExecutor *executor;
    aclTensor *a = TENSOR(x, ACL_FLOAT, 4);
    aclScalar *alpha = client_float(1);
    FAILS(161001, "aclnnAdd", "executor is NULL",
          aclnnAddGetWorkspaceSize(a, a, alpha, a, &workspace, NULL));
    FAILS(161001, "aclnnAdd", "executor is NULL", aclnnAdd(NULL, 0, NULL, stream));
    FAILS(561103, "aclnnAdd", "not alive", aclnnAdd(NULL, 0, (aclOpExecutor *)&x, stream));
    OK(aclnnAddGetWorkspaceSize(a, a, alpha, a, &workspace, &executor));
    FAILS(561103, "aclnnMul", "belongs to aclnnAdd", aclnnMul(NULL, 0, executor, stream));
    OK(aclnnAdd(NULL, 0, executor, stream));
    OK(aclrtSynchronizeStream(stream));
    FAILS(561103, "aclnnAdd", "not alive", aclnnAdd(NULL, 0, executor, stream));
    OK(aclnnAddGetWorkspaceSize(a, a, alpha, a, &workspace, &executor));
    FAILS(561103, "aclnnAdd", "does not exist", aclnnAdd(NULL, 0, executor, (aclrtStream)&x));
    OK(aclDestroyTensor(a));
    OK(aclDestroyScalar(alpha));
    FAILS(161002, "aclDestroyScalar", "no live aclScalar", aclDestroyScalar(alpha));
}

static void compile_options(void **state) {
    char value[16];
    OK(aclSetCompileopt(ACL_OP_JIT_COMPILE, "enable"));
    assert_int_equal(aclGetCompileoptSize(ACL_OP_JIT_COMPILE), sizeof "enable");
    OK(aclGetCompileopt(ACL_OP_JIT_COMPILE, value, sizeof value));
    assert_string_equal(value, "enable");
    FAILS(ACL_ERROR_INVALID_PARAM, "aclGetCompileopt", "length is 3",
          aclGetCompileopt(ACL_OP_JIT_COMPILE, value, 3));
    OK(aclSetCompileopt(ACL_OP_JIT_COMPILE, "disable"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(one_definition_serves_both_doors),
        CLIENT_TEST(results_are_described),
        CLIENT_TEST(shapes_that_the_data_decides),
        CLIENT_TEST(bad_operators_and_attributes),
        CLIENT_TEST(bad_tensors_and_buffers),
        CLIENT_TEST(bad_tensors_of_aclnn),
        CLIENT_TEST(bad_executors),
        CLIENT_TEST(compile_options),
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
