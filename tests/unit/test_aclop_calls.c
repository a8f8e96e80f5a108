/* aclop: the same operators by name, with descriptions, buffers and attributes; shapes that are
 * results; and what is refused. */
#include "client.h"

#include "acl/acl_op.h"
#include "acl/acl_op_compiler.h"

static aclrtStream stream;
static float x[6] = {1, 2, 3, 4, 5, 6}, y[3] = {10, 20, 30}, z[6];

static aclTensorDesc *in_desc[3], *out_desc[1];
static aclDataBuffer *in_buffer[3], *out_buffer[1];

static void set_up(int64_t out_rows) {
    in_desc[0] = aclCreateTensorDesc(ACL_FLOAT, 2, (int64_t[]){2, 3}, ACL_FORMAT_ND);
    in_desc[1] = aclCreateTensorDesc(ACL_FLOAT, 1, (int64_t[]){3}, ACL_FORMAT_ND);
    in_desc[2] = in_desc[1];
    out_desc[0] = aclCreateTensorDesc(ACL_FLOAT, 2, (int64_t[]){out_rows, 3}, ACL_FORMAT_ND);
    in_buffer[0] = aclCreateDataBuffer(x, sizeof x);
    in_buffer[1] = aclCreateDataBuffer(y, sizeof y);
    in_buffer[2] = in_buffer[1];
    out_buffer[0] = aclCreateDataBuffer(z, sizeof z);
    memset(z, 0, sizeof z);
}

static void tear_down(void) {
    for (int i = 0; i < 2; i++) {
        aclDestroyTensorDesc(in_desc[i]);
        OK(aclDestroyDataBuffer(in_buffer[i]));
    }
    aclDestroyTensorDesc(out_desc[0]);
    OK(aclDestroyDataBuffer(out_buffer[0]));
}

static int run(const char *type, int inputs, const aclopAttr *attr) {
    return aclopCompileAndExecute(type, inputs, (const aclTensorDesc *const *)in_desc,
                                  (const aclDataBuffer *const *)in_buffer, 1,
                                  (const aclTensorDesc *const *)out_desc, out_buffer, attr,
                                  ACL_ENGINE_SYS, ACL_COMPILE_SYS, NULL, stream);
}

static void expect_sum(void) {
    OK(aclrtSynchronizeStream(stream));
    assert_memory_equal(z, ((float[]){11, 22, 33, 14, 25, 36}), sizeof z);
}

static void add_by_name(void **state) {
    set_up(2);
    OK(run("Add", 2, NULL));
    expect_sum();
    tear_down();
}

static void descriptions_end_while_the_call_is_queued(void **state) {
    client_gate gate;
    set_up(2);
    client_gate_close(&gate, stream);
    OK(run("Add", 2, NULL));
    tear_down();
    client_gate_open(&gate, stream);
    expect_sum();
}

/* A host input is read when the call is made; a host output must still reach its buffer. */
static void tensors_in_host_memory(void **state) {
    client_gate gate;
    set_up(2);
    OK(aclSetTensorPlaceMent(in_desc[1], ACL_MEMTYPE_HOST));
    OK(aclSetTensorPlaceMent(out_desc[0], ACL_MEMTYPE_HOST));
    client_gate_close(&gate, stream);
    OK(run("Add", 2, NULL));
    y[0] = 99;
    client_gate_open(&gate, stream);
    y[0] = 10;
    expect_sum();
    tear_down();
}

static void shapes_are_results_of_v2(void **state) {
    set_up(-1);
    OK(aclopInferShape("Add", 2, in_desc, in_buffer, 1, out_desc, NULL));
    assert_int_equal(aclGetTensorDescDim(out_desc[0], 0), 2);
    tear_down();
    set_up(-1);
    OK(aclopCompileAndExecuteV2("Add", 2, in_desc, in_buffer, 1, out_desc, out_buffer, NULL,
                                ACL_ENGINE_SYS, ACL_COMPILE_SYS, NULL, stream));
    assert_int_equal(aclGetTensorDescNumDims(out_desc[0]), 2);
    assert_int_equal(aclGetTensorDescDim(out_desc[0], 0), 2);
    expect_sum();
    tear_down();
}

static void what_is_refused(void **state) {
    int64_t numbers[2] = {1, 2};
    aclopAttr *unknown = aclopCreateAttr(), *wrong = aclopCreateAttr(), *ended = aclopCreateAttr();
    OK(aclopSetAttrInt(unknown, "no_such_attribute", 1));
    OK(aclopSetAttrListInt(wrong, "alpha", 2, numbers));
    aclopDestroyAttr(ended);
    set_up(2);
    FAILS(100024, "aclopCompileAndExecute", "NoSuchOp is unknown", run("NoSuchOp", 2, NULL));
    FAILS(100000, "aclopCompileAndExecute", "opType is NULL", run(NULL, 2, NULL));
    FAILS(100000, "aclopCompileAndExecute", "numInputs is -1", run("Add", -1, NULL));
    FAILS(100000, "aclopCompileAndExecute", "numInputs is 2147483647", run("Add", INT32_MAX, NULL));
    FAILS(100000, "aclopCompileAndExecute", "numInputs is 3", run("Add", 3, NULL));
    FAILS(100000, "aclopCompileAndExecute", "no attribute no_such_attribute",
          run("Add", 2, unknown));
    FAILS(100000, "aclopCompileAndExecute", "attribute alpha of operator Add has another type",
          run("Add", 2, wrong));
    FAILS(100000, "aclopCompileAndExecute", "no live aclopAttr", run("Add", 2, ended));
    aclDataBuffer *good = in_buffer[0];
    in_buffer[0] = aclCreateDataBuffer(x, 20);
    FAILS(100000, "aclopCompileAndExecute", "has 20 bytes", run("Add", 2, NULL));
    OK(aclDestroyDataBuffer(in_buffer[0]));
    FAILS(100000, "aclopCompileAndExecute", "no live aclDataBuffer", run("Add", 2, NULL));
    in_buffer[0] = NULL;
    FAILS(100000, "aclopCompileAndExecute", "inputs[0] is NULL", run("Add", 2, NULL));
    in_buffer[0] = good;
    aclTensorDesc *desc = in_desc[0];
    in_desc[0] = (aclTensorDesc *)0x1234;
    FAILS(100000, "aclopCompileAndExecute", "no live aclTensorDesc", run("Add", 2, NULL));
    in_desc[0] = desc;
    tear_down();
    aclopDestroyAttr(unknown);
    aclopDestroyAttr(wrong);
}

static void compile_options(void **state) {
    char text[16];
    OK(aclSetCompileopt(ACL_PRECISION_MODE, "allow_fp32"));
    assert_int_equal(aclGetCompileoptSize(ACL_PRECISION_MODE), 11);
    OK(aclGetCompileopt(ACL_PRECISION_MODE, text, sizeof text));
    assert_string_equal(text, "allow_fp32");
    FAILS(100000, "aclGetCompileopt", "length is 3", aclGetCompileopt(ACL_PRECISION_MODE, text, 3));
    FAILS(100000, "aclSetCompileopt", "value is NULL", aclSetCompileopt(ACL_PRECISION_MODE, NULL));
    FAILS(100000, "aclSetCompileopt", "opt is 99", aclSetCompileopt((aclCompileOpt)99, "x"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(add_by_name),
        CLIENT_TEST(descriptions_end_while_the_call_is_queued),
        CLIENT_TEST(tensors_in_host_memory),
        CLIENT_TEST(shapes_are_results_of_v2),
        CLIENT_TEST(what_is_refused),
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
