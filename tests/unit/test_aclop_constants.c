/* aclop with GE's own signatures: tensors that are constants there and attributes here (axes, perm,
 * k, shapes), wherever they lie, and GE's other names of one operator. */
#include "client.h"

#include "acl/acl_op.h"
#include "acl/acl_op_compiler.h"
#include "ops/signature.h"

static aclrtStream stream;

enum { MOST = 6 };
typedef enum place { IN_BUFFER, IN_DESCRIPTION, IN_HOST_MEMORY, IN_DEVICE_MEMORY, NOWHERE } place;

typedef struct tensors {
    int count;
    aclTensorDesc *desc[MOST];
    aclDataBuffer *buffer[MOST];
    void *device[MOST];
} tensors;

static void add(tensors *t, place where, aclDataType dtype, void *data, int rank,
                const int64_t *dims) {
    int i = t->count++;
    t->desc[i] = aclCreateTensorDesc(dtype, rank, dims, ACL_FORMAT_ND);
    size_t bytes = aclGetTensorDescSize(t->desc[i]);
    if (where == IN_DESCRIPTION) OK(aclSetTensorConst(t->desc[i], data, bytes));
    if (where == IN_HOST_MEMORY) OK(aclSetTensorPlaceMent(t->desc[i], ACL_MEMTYPE_HOST));
    if (where == IN_DEVICE_MEMORY) { /* what the stream has yet to write counts */
        OK(aclrtMalloc(&t->device[i], bytes, ACL_MEM_MALLOC_HUGE_FIRST));
        OK(aclrtMemsetAsync(t->device[i], bytes, 0xff, bytes, stream));
        OK(aclrtMemcpyAsync(t->device[i], bytes, data, bytes, ACL_MEMCPY_HOST_TO_DEVICE, stream));
        data = t->device[i];
    }
    bool has_data = where != IN_DESCRIPTION && where != NOWHERE;
    t->buffer[i] = aclCreateDataBuffer(has_data ? data : NULL, has_data ? bytes : 0);
}

#define ADD(t, where, dtype, data, ...)                                                            \
    add(t, where, dtype, data, (int)COUNT_OF(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__})

static void end(tensors *t) {
    for (int i = 0; i < t->count; i++) {
        aclDestroyTensorDesc(t->desc[i]);
        OK(aclDestroyDataBuffer(t->buffer[i]));
        if (t->device[i]) OK(aclrtFree(t->device[i]));
    }
    *t = (tensors){0};
}

static int run(const char *type, const tensors *in, const tensors *out, const aclopAttr *attr) {
    return aclopCompileAndExecute(type, in->count, (const aclTensorDesc *const *)in->desc,
                                  (const aclDataBuffer *const *)in->buffer, out->count,
                                  (const aclTensorDesc *const *)out->desc,
                                  (aclDataBuffer *const *)out->buffer, attr, ACL_ENGINE_SYS,
                                  ACL_COMPILE_SYS, NULL, stream);
}

/* Runs, ends what was made, and leaves the result to be looked at. */
static void run_and_end(const char *type, tensors *in, tensors *out, const aclopAttr *attr) {
    OK(run(type, in, out, attr));
    OK(aclrtSynchronizeStream(stream));
    end(in);
    end(out);
    aclopDestroyAttr(attr);
}

static float x[6] = {1, 2, 3, 4, 5, 6};

static void every_row_fits_its_operator(void **state) {
    if (acn_signature_check_rows() != ACN_OK) fail_msg("%s", acn_error_take());
}

static void constants_lie_anywhere(void **state) {
    static const place places[] = {IN_DESCRIPTION, IN_HOST_MEMORY, IN_DEVICE_MEMORY};
    for (size_t p = 0; p < COUNT_OF(places); p++) {
        tensors in = {0}, out = {0};
        int64_t axes = 1;
        int32_t perm[2] = {1, 0}, k = 2, found[4] = {0};
        float sums[2] = {0}, turned[6] = {0}, most[4] = {0};
        ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2, 3);
        ADD(&in, places[p], ACL_INT64, &axes, 1);
        ADD(&out, IN_BUFFER, ACL_FLOAT, sums, 2);
        run_and_end("ReduceSum", &in, &out, NULL);
        assert_memory_equal(sums, ((float[]){6, 15}), sizeof sums);
        ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2, 3);
        ADD(&in, places[p], ACL_INT32, perm, 2);
        ADD(&out, IN_BUFFER, ACL_FLOAT, turned, 3, 2);
        run_and_end("Transpose", &in, &out, NULL);
        assert_memory_equal(turned, ((float[]){1, 4, 2, 5, 3, 6}), sizeof turned);
        ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2, 3);
        add(&in, places[p], ACL_INT32, &k, 0, NULL);
        ADD(&out, IN_BUFFER, ACL_FLOAT, most, 2, 2);
        ADD(&out, IN_BUFFER, ACL_INT32, found, 2, 2);
        run_and_end("TopKV2", &in, &out, NULL);
        assert_memory_equal(most, ((float[]){3, 2, 6, 5}), sizeof most);
        assert_memory_equal(found, ((int32_t[]){2, 1, 2, 1}), sizeof found);
    }
}

static void other_constants(void **state) {
    tensors in = {0}, out = {0};
    int64_t paddings[4] = {0, 1, 1, 0}, dims[2] = {2, 2}, rows[2] = {1, 0}, last[3] = {2, 0, 1};
    int32_t axis = 1;
    float padded[12], filled[4], value = 7, taken[6], two = 2, scaled[6];
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2, 3);
    ADD(&in, IN_DESCRIPTION, ACL_INT64, paddings, 2, 2);
    ADD(&out, IN_BUFFER, ACL_FLOAT, padded, 3, 4);
    run_and_end("PadV3", &in, &out, NULL);
    assert_memory_equal(padded, ((float[]){0, 1, 2, 3, 0, 4, 5, 6, 0, 0, 0, 0}), sizeof padded);
    ADD(&in, IN_DESCRIPTION, ACL_INT64, dims, 2);
    add(&in, IN_BUFFER, ACL_FLOAT, &value, 0, NULL);
    ADD(&out, IN_BUFFER, ACL_FLOAT, filled, 2, 2);
    run_and_end("Fill", &in, &out, NULL);
    assert_memory_equal(filled, ((float[]){7, 7, 7, 7}), sizeof filled);
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2, 3);
    ADD(&in, IN_BUFFER, ACL_INT64, last, 3);
    ADD(&in, IN_HOST_MEMORY, ACL_INT32, &axis, 1);
    ADD(&out, IN_BUFFER, ACL_FLOAT, taken, 2, 3);
    run_and_end("GatherV2", &in, &out, NULL);
    assert_memory_equal(taken, ((float[]){3, 1, 2, 6, 4, 5}), sizeof taken);
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2, 3);
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2, 3);
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2, 3);
    add(&in, IN_DESCRIPTION, ACL_FLOAT, &two, 0, NULL);
    ADD(&out, IN_BUFFER, ACL_FLOAT, scaled, 2, 3);
    run_and_end("Addcmul", &in, &out, NULL);
    assert_memory_equal(scaled, ((float[]){3, 10, 21, 36, 55, 78}), sizeof scaled);
    /* x[:, [1, 0]]: the mask says which dimensions the list of indices is for */
    int64_t mask[2] = {0, 1}, strides[2] = {0};
    float picked[4];
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2, 3);
    ADD(&in, IN_DESCRIPTION, ACL_INT64, mask, 2);
    ADD(&in, IN_DESCRIPTION, ACL_INT64, strides, 2);
    ADD(&in, IN_BUFFER, ACL_INT64, rows, 2);
    ADD(&out, IN_BUFFER, ACL_FLOAT, picked, 2, 2);
    run_and_end("Index", &in, &out, NULL);
    assert_memory_equal(picked, ((float[]){2, 1, 5, 4}), sizeof picked);
}

static void other_names_of_one_operator(void **state) {
    tensors in = {0}, out = {0};
    int64_t dimension = 0, axes[] = {0};
    float joined[12], left[2], right[2], sums[3], halves[6];
    ADD(&in, IN_DESCRIPTION, ACL_INT64, &dimension, 1);
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2, 3);
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2, 3);
    ADD(&out, IN_BUFFER, ACL_FLOAT, joined, 4, 3);
    aclopAttr *attr = aclopCreateAttr();
    OK(aclopSetAttrInt(attr, "N", 2));
    run_and_end("Concat", &in, &out, attr);
    assert_memory_equal(joined, x, sizeof x);
    assert_memory_equal(joined + 6, x, sizeof x);
    ADD(&in, IN_DESCRIPTION, ACL_INT64, &dimension, 1);
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 4);
    ADD(&out, IN_BUFFER, ACL_FLOAT, left, 2);
    ADD(&out, IN_BUFFER, ACL_FLOAT, right, 2);
    attr = aclopCreateAttr();
    OK(aclopSetAttrInt(attr, "num_split", 2));
    run_and_end("Split", &in, &out, attr);
    assert_memory_equal(left, x, sizeof left);
    assert_memory_equal(right, x + 2, sizeof right);
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2, 3);
    ADD(&out, IN_BUFFER, ACL_FLOAT, sums, 3);
    attr = aclopCreateAttr();
    OK(aclopSetAttrListInt(attr, "axes", 1, axes));
    run_and_end("ReduceSumD", &in, &out, attr);
    assert_memory_equal(sums, ((float[]){5, 7, 9}), sizeof sums);
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 6);
    ADD(&out, IN_BUFFER, ACL_FLOAT, halves, 6);
    attr = aclopCreateAttr();
    OK(aclopSetAttrFloat(attr, "value", 0.5f));
    run_and_end("Muls", &in, &out, attr);
    assert_memory_equal(halves, ((float[]){0.5f, 1, 1.5f, 2, 2.5f, 3}), sizeof halves);
}

static void shapes_follow_from_constants(void **state) {
    tensors in = {0}, out = {0};
    int64_t shape[2] = {3, 5}, number = 1, open = -1;
    float low = 0, high = 1;
    ADD(&in, IN_DESCRIPTION, ACL_INT64, shape, 2);
    ADD(&in, IN_DESCRIPTION, ACL_INT64, &number, 1);
    ADD(&in, IN_DESCRIPTION, ACL_INT64, &number, 1);
    add(&in, IN_DESCRIPTION, ACL_FLOAT, &low, 0, NULL);
    add(&in, IN_DESCRIPTION, ACL_FLOAT, &high, 0, NULL);
    ADD(&out, NOWHERE, ACL_FLOAT, NULL, open);
    OK(aclopInferShape("StatelessUniform", in.count, in.desc, in.buffer, 1, out.desc, NULL));
    assert_int_equal(aclGetTensorDescNumDims(out.desc[0]), 2);
    assert_int_equal(aclGetTensorDescElementCount(out.desc[0]), 15);
    end(&in);
    end(&out);
}

static void what_is_refused(void **state) {
    tensors in = {0}, out = {0};
    int64_t axes = 1, far = 5, two[2] = {1, 1};
    float sums[2];
    int8_t offset[3] = {0};
    const char *api = "aclopCompileAndExecute";
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2, 3);
    ADD(&in, NOWHERE, ACL_INT64, &axes, 1);
    ADD(&out, IN_BUFFER, ACL_FLOAT, sums, 2);
    /* to compile, values may be open; to run or to tell a shape, they may not */
    OK(aclopCompile("ReduceSum", 2, (const aclTensorDesc *const *)in.desc, 1,
                    (const aclTensorDesc *const *)out.desc, NULL, ACL_ENGINE_SYS, ACL_COMPILE_SYS,
                    NULL));
    FAILS(100000, "aclopInferShape", "constant inputs",
          aclopInferShape("ReduceSum", 2, in.desc, NULL, 1, out.desc, NULL));
    FAILS(100000, api, "the buffer of inputs[1]", run("ReduceSum", &in, &out, NULL));
    OK(aclSetTensorConst(in.desc[1], &far, sizeof far));
    FAILS(100000, api, "axes", run("ReduceSum", &in, &out, NULL));
    end(&in);
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2, 3);
    ADD(&in, IN_DESCRIPTION, ACL_INT64, two, 2);
    FAILS(100000, api, "k is a tensor of [2] i64", run("TopKV2", &in, &out, NULL));
    end(&in);
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2, 3);
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 3, 2);
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2);
    ADD(&in, IN_BUFFER, ACL_INT8, offset, 3);
    FAILS(100000, api, "offset_w", run("MatMulV2", &in, &out, NULL));
    end(&in);
    ADD(&in, IN_BUFFER, ACL_FLOAT, x, 2, 3);
    ADD(&in, IN_DESCRIPTION, ACL_INT64, ((int64_t[4]){0}), 2, 2);
    aclopAttr *attr = aclopCreateAttr();
    OK(aclopSetAttrString(attr, "mode", "reflect"));
    FAILS(100000, api, "mode of PadV3 is only supported as constant",
          run("PadV3", &in, &out, attr));
    aclopDestroyAttr(attr);
    end(&in);
    end(&out);
}

/* ---- images -----------------------------------------------------------------------------------
 */

static const float image[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static aclopAttr *window(const int64_t ksize[4], const int64_t strides[4], const int64_t pads[4]) {
    aclopAttr *attr = aclopCreateAttr();
    if (ksize) OK(aclopSetAttrListInt(attr, "ksize", 4, ksize));
    OK(aclopSetAttrListInt(attr, "strides", 4, strides));
    OK(aclopSetAttrListInt(attr, "pads", 4, pads));
    return attr;
}

static void windows_say_nothing_of_batch_and_channels(void **state) {
    const int64_t two[4] = {1, 1, 2, 2}, one[4] = {1, 1, 1, 1}, wide[4] = {1, 1, 1, 2};
    const int64_t none[4] = {0}, top[4] = {1, 0, 0, 0}, right[4] = {0, 0, 0, 1};
    tensors in = {0}, out = {0};
    float pooled[4], sums[8], ones[4] = {1, 1, 1, 1};
    aclopAttr *attr = window(two, wide, none);
    OK(aclopSetAttrString(attr, "padding_mode", "VALID"));
    OK(aclopSetAttrString(attr, "data_format", "NCHW"));
    ADD(&in, IN_BUFFER, ACL_FLOAT, (void *)image, 1, 1, 3, 4);
    ADD(&out, IN_BUFFER, ACL_FLOAT, pooled, 1, 1, 2, 2);
    run_and_end("MaxPoolV3", &in, &out, attr);
    assert_memory_equal(pooled, ((float[]){6, 8, 10, 12}), sizeof pooled);
    for (int exclusive = 0; exclusive < 2; exclusive++) {
        attr = window(two, two, top);
        OK(aclopSetAttrBool(attr, "exclusive", (uint8_t)exclusive));
        ADD(&in, IN_BUFFER, ACL_FLOAT, (void *)image, 1, 1, 3, 4);
        ADD(&out, IN_BUFFER, ACL_FLOAT, pooled, 1, 1, 2, 2);
        run_and_end("AvgPoolV2", &in, &out, attr);
        float above = exclusive ? 2 : 4; /* elements of a window that reaches over the border */
        assert_memory_equal(pooled, ((float[]){3 / above, 7 / above, 7.5f, 9.5f}), sizeof pooled);
    }
    ADD(&in, IN_BUFFER, ACL_FLOAT, (void *)image, 1, 1, 3, 4);
    ADD(&in, IN_BUFFER, ACL_FLOAT, ones, 1, 1, 2, 2);
    ADD(&out, IN_BUFFER, ACL_FLOAT, sums, 1, 1, 2, 4);
    run_and_end("Conv2D", &in, &out, window(NULL, one, right));
    assert_memory_equal(sums, ((float[]){14, 18, 22, 12, 30, 34, 38, 20}), sizeof sums);
    const int64_t left[4] = {0, 1, 0, 0}; /* ONNX's: top, left, bottom, right */
    attr = window(NULL, one, left);
    OK(aclopSetAttrInt(attr, "dim_size", 4));
    ADD(&in, IN_BUFFER, ACL_FLOAT, (void *)image, 1, 1, 3, 4);
    ADD(&in, IN_BUFFER, ACL_FLOAT, ones, 1, 1, 2, 2);
    ADD(&out, IN_BUFFER, ACL_FLOAT, sums, 1, 1, 2, 4);
    run_and_end("Conv2D", &in, &out, attr);
    assert_memory_equal(sums, ((float[]){6, 14, 18, 22, 14, 30, 34, 38}), sizeof sums);
}

static void lines_are_pooled(void **state) {
    const int64_t three[3] = {1, 1, 3}, none[2] = {0};
    tensors in = {0}, out = {0};
    float pooled[4];
    aclopAttr *attr = aclopCreateAttr();
    OK(aclopSetAttrListInt(attr, "ksize", 3, three));
    OK(aclopSetAttrListInt(attr, "strides", 3, three));
    OK(aclopSetAttrListInt(attr, "pads", 2, none));
    ADD(&in, IN_BUFFER, ACL_FLOAT, (void *)image, 1, 2, 6);
    ADD(&out, IN_BUFFER, ACL_FLOAT, pooled, 1, 2, 2);
    run_and_end("MaxPoolV3", &in, &out, attr);
    assert_memory_equal(pooled, ((float[]){3, 6, 9, 12}), sizeof pooled);
}

static void an_evaluation_normalises(void **state) {
    tensors in = {0}, out = {0};
    float parameters[4][3] = {{2, 2, 2}, {0, 1, 0}, {1, 2, 3}, {3, 3, 3}}, y[12], unused[4][3];
    aclopAttr *attr = aclopCreateAttr();
    OK(aclopSetAttrFloat(attr, "epsilon", 1));
    OK(aclopSetAttrBool(attr, "is_training", 0));
    ADD(&in, IN_BUFFER, ACL_FLOAT, (void *)image, 1, 3, 2, 2);
    ADD(&out, IN_BUFFER, ACL_FLOAT, y, 1, 3, 2, 2);
    for (int i = 0; i < 4; i++) {
        ADD(&in, IN_BUFFER, ACL_FLOAT, parameters[i], 3);
        ADD(&out, IN_BUFFER, ACL_FLOAT, unused[i], 3);
    }
    run_and_end("BatchNorm", &in, &out, attr);
    assert_memory_equal(y, ((float[]){0, 1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9}), sizeof y);
}

static void images_that_are_refused(void **state) {
    const int64_t two[4] = {1, 1, 2, 2}, batch[4] = {2, 1, 2, 2}, none[4] = {0};
    const int64_t dims[4] = {1, 3, 4, 1};
    const char *api = "aclopCompileAndExecute";
    tensors in = {0}, out = {0};
    float pooled[2];
    ADD(&in, IN_BUFFER, ACL_FLOAT, (void *)image, 1, 1, 3, 4);
    ADD(&out, IN_BUFFER, ACL_FLOAT, pooled, 1, 1, 1, 2);
    aclopAttr *attr = window(batch, two, none);
    FAILS(100000, api, "attribute ksize has 4 numbers", run("MaxPoolV3", &in, &out, attr));
    aclopDestroyAttr(attr);
    attr = window(two, two, none);
    OK(aclopSetAttrString(attr, "padding_mode", "SAME"));
    FAILS(100000, api, "only supported as CALCULATED/VALID", run("MaxPoolV3", &in, &out, attr));
    OK(aclopSetAttrString(attr, "padding_mode", "VALID"));
    OK(aclopSetAttrString(attr, "data_format", "NHWC"));
    FAILS(100000, api, "data_format", run("MaxPoolV3", &in, &out, attr));
    OK(aclopSetAttrString(attr, "data_format", "NCHW"));
    aclDestroyTensorDesc(in.desc[0]);
    in.desc[0] = aclCreateTensorDesc(ACL_FLOAT, 4, dims, ACL_FORMAT_NHWC);
    FAILS(100000, api, "channels before space", run("MaxPoolV3", &in, &out, attr));
    aclopDestroyAttr(attr);
    end(&in);
    end(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(every_row_fits_its_operator),
        CLIENT_TEST(constants_lie_anywhere),
        CLIENT_TEST(other_constants),
        CLIENT_TEST(other_names_of_one_operator),
        CLIENT_TEST(shapes_follow_from_constants),
        CLIENT_TEST(what_is_refused),
        CLIENT_TEST(windows_say_nothing_of_batch_and_channels),
        CLIENT_TEST(lines_are_pooled),
        CLIENT_TEST(an_evaluation_normalises),
        CLIENT_TEST(images_that_are_refused),
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
