/* test_refusals.c - what operators must refuse in phase 1, with a text that names the argument, its
 * value and what was expected. */
#include "../unit/unit.h"
#include "base/status.h"
#include "ops/plan_cache.h"
#include "subject.h"
#include <math.h>

typedef struct refusal {
    const char *op, *text;
    acn_dtype dtype;
    const char *words[3]; /* all of them stand in the error text */
} refusal;

static const refusal refusals[] = {
    {"MatMul", "f32[5,7],f32[6,3]", ACN_F32, {"x2 is [6, 3] f32", "inner size is 6", "is 7"}},
    {"MatMul", "f32[2,5,7],f32[3,7,4]", ACN_F32, {"x2", "batch dimensions"}},
    {"MatMul", "f32[5,7],f32[7,3],f32[4]", ACN_F32, {"bias is [4] f32", "broadcast"}},
    {"MatMul", "f32[],f32[7,3]", ACN_F32, {"x1 is [] f32", "dimensions"}},
    {"MatMulV2", "f32[2,5,7],f32[7,3]", ACN_F32, {"x1 is [2, 5, 7] f32", "expected 2 dimensions"}},
    {"MatMul", "bool[5,7],bool[7,3]", ACN_BOOL, {"x1 is [5, 7] bool", "expected one of", "f32"}},
    {"MatMul", "-,f32[7,3]", ACN_F32, {"x1 is NULL"}},
    {"MatMul", "f32[5,7],f32[7,3]|cube_math_type=5", ACN_F32, {"cube_math_type is 5", "HF32"}},
    {"MatMul", "bf16[5,7],bf16[7,3]|cube_math_type=2", ACN_BF16, {"cube_math_type is 2", "bf16"}},
    {"Convolution",
     "f32[1,3,5,6],f32[4,3,3,3]|cube_math_type=-2",
     ACN_F32,
     {"cube_math_type is -2", "expected 0"}},
    {"Addbmm", "f32[2,5,7],f32[2,6,4],f32[5,4]", ACN_F32, {"b is [2, 6, 4] f32", "[2, 7, p]"}},
    {"Addbmm", "f32[2,5,7],f32[2,7,4],f32[3,4]", ACN_F32, {"c is [3, 4] f32", "broadcast"}},
    {"TransposeBatchMatMul",
     "f32[3,5,7],f32[3,7,4]|perm_x1=[0,1,1]",
     ACN_F32,
     {"perm_x1", "order of 0, 1 and 2"}},
    {"TransposeBatchMatMul",
     "f32[3,5,7],f32[3,7,4]|batch_split_factor=2",
     ACN_F32,
     {"batch_split_factor is 2", "3 batches"}},
    {"FusedMatMul", "f32[5,7],f32[7,3]|fused_op_type=sin", ACN_F32, {"\"sin\"", "\"relu\""}},
    {"ScatterList",
     "{f32[2,5],f32[2,5]},i64[3],f32[2,2,5]->{f32[2,5],f32[2,5]}",
     ACN_F32,
     {"indice is [3] i64", "one for each tensor"}},
    {"ClippedSwiglu", "f32[4,5]", ACN_F32, {"dim", "even size"}},
    {"ScaledMaskedSoftmax", "f32[2,3,4],bool[2,4]", ACN_F32, {"mask is [2, 4]", "broadcasts"}},
    {"ApplyTopKTopP", "f32[2,3],f32[3]", ACN_F32, {"p is [3] f32", "2 rows"}},
    {"DeformableOffsets",
     "f32[2,4,5,6],f32[2,18,5,6]|ksize=[3,3],pads=[1,1,1,1]",
     ACN_F32,
     {"offsets is [2, 18, 5, 6]", "27 channels"}},
    {"ConvTbc", "f32[2,2,3],f32[3,3,5],f32[5]", ACN_F32, {"self is [2, 2, 3]", "kernel of 3"}},
    {"QuantConvolution",
     "i8[1,3,5,6],i8[4,3,3,3],-,f32[3]->f16[1,4,3,4]",
     ACN_I8,
     {"scale is [3] f32", "4 channels"}},
    {"Convolution", "i64[1,3,5,6],f32[4,3,3,3]", ACN_I64, {"filter is", "expected integers"}},
    {"FusedLinearOnlineMaxSum",
     "f32[2,5],f32[3,4],i64[2]",
     ACN_F32,
     {"weight is [3, 4] f32", "[classes, 5]"}},
    {"FusedLinearCrossEntropyLossGrad",
     "f32[2],f32[2,5],f32[3,5],u8[1],i64[2]",
     ACN_F32,
     {"logits_max", "no softmax"}},
    {"GatherV3",
     "f32[3,6,7],i64[2,4]|axis=1,batch_dims=1",
     ACN_F32,
     {"indices is [2, 4]", "3 batches"}},
    {"Stft", "f32[40]|n_fft=50,hop_length=3", ACN_F32, {"n_fft is 50", "40"}},
    {"Stft", "c64[40]|n_fft=8,hop_length=3,onesided=1", ACN_C64, {"onesided is true", "two sides"}},
    {"TransformBiasRescaleQkv",
     "f32[2,5,24],f32[24]|num_heads=3",
     ACN_F32,
     {"num_heads is 3", "8"}},
    {"ConvolutionBackpropInput",
     "f32[4,3,3,3],f32[2,4,7,9]|pads=[1,1,1,1],input_size=[2,3,7,8]",
     ACN_F32,
     {"out_backprop is [2, 4, 7, 9]", "[2, 4, 7, 8]"}},
    {"AddLayerNorm", "f32[4,5],f32[4,4],f32[5],f32[5]", ACN_F32, {"x2 is [4, 4]", "first input"}},
    {"AddLayerNorm", "f32[4,5],f32[4,5],f32[4],f32[4]", ACN_F32, {"gamma is [4]", "last sizes"}},
    {"CrossEntropyLoss", "f32[6,5],i64[4]", ACN_F32, {"target is [4] i64", "6 samples"}},
    {"CrossEntropyLoss", "f32[6,5],i64[6],f32[4]", ACN_F32, {"weight is [4] f32", "5 classes"}},
    {"CrossEntropyLoss",
     "f32[6,5],i64[6]|label_smoothing=1.5",
     ACN_F32,
     {"label_smoothing is 1.5", "from 0 to 1"}},
    {"SoftmaxV2", "f32[5,7]|dim=2", ACN_F32, {"dim is 2", "[-2, 1]"}},
    {"SoftmaxV2", "i32[5,7]|dim=1", ACN_I32, {"x is [5, 7] i32"}},
    {"SoftmaxV2", "f32[5,7]|axes=[0,1]", ACN_F32, {"axes", "exactly one"}},
    {"LogSoftmaxGrad", "f32[5,7],f32[5,6]|dim=1", ACN_F32, {"grad is [5, 7] f32", "shape"}},
    {"NLLLoss", "f32[6,5],i64[4]", ACN_F32, {"target is [4] i64"}},
    {"NLLLoss", "f32[6,5],i64[6],f32[4]", ACN_F32, {"weight is [4] f32", "5 classes"}},
    {"NLLLoss", "f32[6,5],i64[6]|reduction_mode=3", ACN_F32, {"reduction_mode is 3", "0 (none)"}},
    {"NLLLoss", "f32[6,5],i64[6]|reduction=avg", ACN_F32, {"\"avg\"", "\"mean\""}},
    {"MseLoss", "f32[6,5],f32[4]", ACN_F32, {"label is [4] f32", "broadcast"}},
    {"LayerNormV3", "f32[4,5]|normalized_shape=[4]", ACN_F32, {"normalized_shape", "last sizes"}},
    {"LayerNormV3", "f32[4,5],f32[4]|begin_norm_axis=1", ACN_F32, {"gamma is [4] f32"}},
    {"ForeachMulList", "{f32[2],f32[3]},{f32[2]}", ACN_F32, {"x2 has 1", "x1 has 2"}},
    {"ForeachMulList", "{f32[2],f32[3]},{f32[2],f32[4]}", ACN_F32, {"x2[1] is [4] f32", "[3] f32"}},
    {"ForeachMulScalarList",
     "{f32[2],f32[3]}|scalars=[1]",
     ACN_F32,
     {"scalars has 1", "2 tensors"}},
    {"StatelessUniform", "->f32[4]|from=2,to=1", ACN_F32, {"to is 1", "from <= to"}},
    {"StatelessRandom", "->i32[4]|from=2,to=2", ACN_I32, {"to is 2", "from < to"}},
    {"StatelessNormal", "->f32[4]|std_value=-1", ACN_F32, {"std_value is -1", "at least 0"}},
    {"StatelessRandperm", "|n=-1", ACN_I64, {"n is -1"}},
    {"Add", "f32[4],f32[5]", ACN_F32, {"x2 is [5] f32", "broadcast"}},
    {"EdgePad",
     "f32[1,1,1,1,1,1]|spatial=5,paddings=[1,1,1,1,1,1,1,1,1,1]",
     ACN_F32,
     {"spatial is 5", "1 to 3"}},
    {"MaxPooling", "f32[1,1,1,1,1,1]|spatial=5,ksize=[1]", ACN_F32, {"spatial is 5", "1 to 3"}},
    {"ChunkCat", "{f32[1,1,1,1,1,1,1,2]}|dim=7,num_chunks=2", ACN_F32, {"dim", "more than 8"}},
    {"ChunkCat", "{f32[4]}|num_chunks=4294967297", ACN_F32, {"num_chunks is 4294967297"}},
    {"StridedSlice",
     "f32[2,3]|begin=[0,0],end=[1,1],ellipsis_mask=3",
     ACN_F32,
     {"ellipsis_mask", "one ellipsis"}},
    {"StridedSlice",
     "f32[1,1,1,1,1,1,1,2]|begin=[0,0],end=[1,1],new_axis_mask=1,ellipsis_mask=2",
     ACN_F32,
     {"more than 8 dimensions"}},
    {"RepeatInterleaveInt",
     "f32[4]|repeats=4611686018427387904",
     ACN_F32,
     {"repeats is 4611686018427387904"}},
    {"BroadcastTo", "f32[]|shape=[4611686018427387904]", ACN_F32, {"4611686018427387904"}},
    {"Tile",
     "f32[2]|multiples=[4611686018427387904]",
     ACN_F32,
     {"y of Tile", "more elements than can be counted"}},
    {"CdistGrad",
     "f32[2,5,3],f32[4,5,7],f32[4,3,7],f32[4,5,3]",
     ACN_F32,
     {"grad is [2, 5, 3] f32", "shape of the distances"}},
};

static void test_refusals(void **state) {
    static subject s;
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        const refusal *r = &refusals[i];
        const char *text = r->text;
        test_case c = {0};
        variant v = {.dtype = r->dtype};
        if (next_case(&text, &c) != 1) fail_msg("cannot read %s", r->text);
        if (subject_build(&s, acn_op_find(r->op), &c, &v))
            fail_msg("%s %s: accepted", r->op, r->text);
        for (int w = 0; w < 3 && r->words[w]; w++)
            if (!strstr(s.problem, r->words[w]))
                fail_msg("%s %s: no \"%s\" in: %s", r->op, r->text, r->words[w], s.problem);
        subject_release(&s);
    }
}

/* An output of the wrong shape or type, that repeats elements, is an operand of a product, or lies
 * across its input. */
static void test_outputs(void **state) {
    static subject s;
    const char *text = "f32[4,4],f32[4,4]";
    test_case c = {0};
    variant v = {.dtype = ACN_F32};
    assert_int_equal(next_case(&text, &c), 1);
    assert_true(subject_build(&s, acn_op_find("MatMul"), &c, &v));
    acn_tensor *y = acn_out(&s.call, 0), own = *y;
    *y = *acn_in(&s.call, 1);
    assert_int_not_equal(acn_call_prepare(&s.call), ACN_OK);
    assert_non_null(strstr(acn_error_take(), "it is x2 too"));
    *y = own;
    y->strides[0] = 0;
    assert_int_not_equal(acn_call_prepare(&s.call), ACN_OK);
    assert_non_null(strstr(acn_error_take(), "repeats elements"));
    *y = own;
    y->data = (char *)acn_in(&s.call, 0)->data + 4;
    assert_int_not_equal(acn_call_prepare(&s.call), ACN_OK);
    assert_non_null(strstr(acn_error_take(), "partly overlaps x1"));
    *y = own;
    y->dims[1] = 3;
    assert_int_not_equal(acn_call_prepare(&s.call), ACN_OK);
    assert_non_null(strstr(acn_error_take(), "y is [4, 3] f32; expected [4, 4] f32"));
    *y = own;
    y->dtype = ACN_BOOL;
    assert_int_not_equal(acn_call_prepare(&s.call), ACN_OK);
    assert_non_null(strstr(acn_error_take(), "y is [4, 4] bool; expected one of"));
    *y = own;
    assert_int_equal(acn_call_prepare(&s.call), ACN_OK);
    subject_release(&s);
}

/* Values that are no part of a plan's key are checked in each call, also when the plan is known. */
static void test_values_with_a_known_plan(void **state) {
    static const struct {
        const char *op, *text;
        bool is_input;
        int slot;
        double value;
        const char *words;
    } rows[] = {{"Range", "0.0,10.0,1.0->f32[10]", true, 2, 0, "another step than 0"},
                {"Range", "0.0,10.0,1.0->f32[10]", true, 2, -1, "leads from 0 to 10"},
                {"Range", "0.0,10.0,1.0->f32[10]", true, 1, INFINITY, "finite bounds"},
                {"StatelessUniform", "->f32[4]|from=0,to=1", false, 4, -1, "to is -1"},
                {"StatelessNormal", "->f32[4]|std_value=1", false, 4, -2, "std_value is -2"},
                {"StatelessBernoulli", "0.5->f32[4]|seed=1", true, 0, 1.5, "it is 1.5"}};
    static subject s;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *text = rows[i].text;
        test_case c = {0};
        variant v = {.dtype = ACN_F32};
        assert_int_equal(next_case(&text, &c), 1);
        if (!subject_build(&s, acn_op_find(rows[i].op), &c, &v)) fail_msg("%s", s.problem);
        assert_int_equal(acn_call_prepare(&s.call), ACN_OK);
        acn_plan_release(s.call.plan);
        s.call.plan = NULL;
        if (rows[i].is_input)
            s.call.weak[rows[i].slot][0] = rows[i].value;
        else
            s.call.attr[rows[i].slot].f = rows[i].value;
        if (acn_call_prepare(&s.call) == ACN_OK) fail_msg("%s: accepted", rows[i].op);
        const char *message = acn_error_take();
        if (!strstr(message, rows[i].words)) fail_msg("%s: %s", rows[i].op, message);
        subject_release(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_values_with_a_known_plan),
                                       cmocka_unit_test(test_outputs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
