/* Each pass of the graph before and after: how often it takes effect, what is left of the network,
 * and that the network computes the same, whichever passes are on. */
#include "unit.h"

#include "base/status.h"
#include "graph/compile.h"
#include "graph/pass/pass.h"
#include "ops/op.h"
#include <math.h>

enum { MOST = 4 };

#define OK(expression) assert_int_equal((expression), ACN_OK)

static uint32_t seed;
static float draw(void) {
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) / (1 << 23) - 1;
}

/* ---- networks -------------------------------------------------------------------------------- */

static acn_net *net;

static acn_net_value *input(const char *name, int rank, const int64_t *dims) {
    acn_net_value *v;
    OK(acn_net_new_value(net, name, ACN_F32, rank, dims, &v));
    net->inputs[net->input_count++] = v;
    return v;
}

static acn_net_value *constant(int rank, const int64_t *dims) {
    acn_net_value *v;
    int64_t count = 1;
    for (int d = 0; d < rank; d++)
        count *= dims[d];
    float *data = acn_arena_alloc(&net->arena, (size_t)count * sizeof *data + 64);
    for (int64_t i = 0; i < count; i++)
        data[i] = draw();
    OK(acn_net_constant(net, "constant", ACN_F32, rank, dims, data, &v));
    return v;
}

static acn_net_value *number(float value) {
    acn_net_value *v;
    const void *data = acn_arena_copy(&net->arena, &value, sizeof value);
    OK(acn_net_constant(net, "number", ACN_F32, 0, NULL, data, &v));
    return v;
}

static acn_net_value *unary(const char *op, acn_net_value *x) {
    acn_node_builder b;
    acn_net_value *out;
    acn_node_begin(&b, net, op, op);
    acn_node_input(&b, acn_op_find(op)->in[0].name, x);
    acn_node_output(&b, acn_op_find(op)->out[0].name, ACN_F32, NULL);
    OK(acn_node_end(&b, &out));
    return out;
}

static acn_net_value *binary(const char *op, acn_net_value *x, acn_net_value *y) {
    acn_node_builder b;
    acn_net_value *out;
    acn_node_begin(&b, net, op, op);
    acn_node_input(&b, "x1", x);
    acn_node_input(&b, "x2", y);
    acn_node_output(&b, "y", ACN_F32, NULL);
    OK(acn_node_end(&b, &out));
    return out;
}

static acn_net_value *convolution(acn_net_value *x, int64_t channels, int64_t groups) {
    const int64_t filter[] = {channels, x->tensor.dims[1] / groups, 3, 3}, ones[] = {1, 1};
    acn_node_builder b;
    acn_net_value *out;
    acn_node_begin(&b, net, "Convolution", "conv");
    acn_node_input(&b, "x", x);
    acn_node_input(&b, "filter", constant(4, filter));
    acn_node_ints(&b, "pads", ones, 2);
    acn_node_int(&b, "groups", groups);
    acn_node_output(&b, "y", ACN_F32, NULL);
    OK(acn_node_end(&b, &out));
    return out;
}

static void output(acn_net_value *v) {
    net->outputs[net->output_count] = v;
    net->output_names[net->output_count++] = "y";
}

static acn_net_value *image(void) { return input("x", 4, (int64_t[]){1, 6, 5, 7}); }
static acn_net_value *rows(void) { return input("x", 3, (int64_t[]){2, 5, 24}); }
static acn_net_value *by_channel(int64_t channels) {
    return constant(4, (int64_t[]){1, channels, 1, 1});
}

static void norm_after_convolution(void) {
    acn_net_value *y = convolution(image(), 20, 1);
    output(binary("Add", binary("Mul", y, by_channel(20)), by_channel(20)));
}

/* What is read twice must stay. */
static void norm_beside_convolution(void) {
    acn_net_value *y = convolution(image(), 20, 1);
    output(binary("Mul", y, by_channel(20)));
    output(unary("Relu", y));
}

static void residual_block(void) {
    acn_net_value *x = image(), *y = convolution(x, 6, 1);
    y = binary("Add", y, by_channel(6));
    y = unary("Relu", y);
    y = convolution(y, 6, 6);
    y = binary("Maximum", y, number(0));
    y = binary("Minimum", y, number(0.5f));
    y = convolution(y, 6, 2);
    output(unary("Tanh", unary("Relu", binary("Add", x, y))));
}

static void two_branches(void) {
    acn_net_value *x = image();
    output(binary("Add", convolution(x, 9, 1), convolution(x, 9, 1)));
}

static void feed_forward(void) {
    acn_net_value *x = rows(), *y, *half;
    y = binary("MatMul", x, constant(2, (int64_t[]){24, 40}));
    y = binary("Add", y, constant(1, (int64_t[]){40}));
    half = unary("Erf", binary("RealDiv", y, number(1.41421356f)));
    y = binary("Mul", binary("Mul", y, binary("Add", half, number(1))), number(0.5f));
    y = binary("MatMul", y, constant(2, (int64_t[]){40, 24}));
    output(binary("Add", binary("Add", y, constant(1, (int64_t[]){24})), x));
}

/* A bound above the other one: max(min(x, -1), 1) is not min(max(x, 1), -1). */
static void crossed_bounds(void) {
    acn_net_value *y = binary("MatMul", rows(), constant(2, (int64_t[]){24, 3}));
    output(binary("Maximum", binary("Minimum", y, number(-1)), number(1)));
}

static acn_net_value *reduced(const char *op, acn_net_value *x) {
    const int64_t last = -1;
    acn_node_builder b;
    acn_net_value *out;
    acn_node_begin(&b, net, op, op);
    acn_node_input(&b, "x", x);
    acn_node_ints(&b, "axes", &last, 1);
    acn_node_int(&b, "keep_dims", 1);
    acn_node_output(&b, "y", ACN_F32, NULL);
    OK(acn_node_end(&b, &out));
    return out;
}

static acn_net_value *cast(acn_net_value *x, acn_dtype to) {
    acn_node_builder b;
    acn_net_value *out;
    acn_node_begin(&b, net, "Cast", "cast");
    acn_node_input(&b, "x", x);
    acn_node_int(&b, "dst_type", to);
    acn_node_output(&b, "y", to, NULL);
    OK(acn_node_end(&b, &out));
    return out;
}

static acn_net_value *by_column(void) { return constant(1, (int64_t[]){24}); }

static acn_net_value *root_mean(acn_net_value *squares) {
    return unary("Sqrt", binary("Add", reduced("ReduceMean", squares), number(1e-5f)));
}

/* As PyTorch's exporter wrote LayerNorm, with the mean subtracted twice as TensorFlow's does. */
static void layer_norm(void) {
    acn_net_value *x = rows(), *mean = reduced("ReduceMean", x);
    acn_net_value *d = binary("Sub", x, mean), *again = binary("Sub", x, reduced("ReduceMean", x));
    acn_net_value *y = binary("RealDiv", d, root_mean(binary("Mul", again, again)));
    output(binary("Add", binary("Mul", y, by_column()), by_column()));
}

/* No factor that is there for each element. */
static void bare_layer_norm(void) {
    acn_net_value *x = rows(), *d = binary("Sub", x, reduced("ReduceMean", x));
    acn_net_value *root = unary("Reciprocal", root_mean(binary("Mul", d, d)));
    output(binary("Mul", binary("Mul", d, root), number(3)));
}

static void rms_norm(void) {
    acn_net_value *x = rows(), *y = binary("RealDiv", x, root_mean(binary("Mul", x, x)));
    output(binary("Mul", by_column(), y));
}

/* The mean of others' squares is no norm. */
static void no_norm(void) {
    acn_net_value *x = rows(), *other = unary("Sin", x);
    acn_net_value *y = binary("RealDiv", x, root_mean(binary("Mul", other, other)));
    output(binary("Mul", y, by_column()));
}

static void activations(void) {
    acn_net_value *x = rows(), *y;
    y = binary("Mul", unary("Sigmoid", x), x);
    y = binary("Mul", y, unary("Sigmoid", binary("Mul", y, number(1.702f))));
    acn_net_value *ramp = binary("Maximum", binary("Add", y, number(3)), number(0));
    y = binary("RealDiv", binary("Mul", y, binary("Minimum", ramp, number(6))), number(6));
    ramp = binary("Minimum", unary("Relu", binary("Add", y, number(3))), number(6));
    y = binary("Mul", binary("Mul", ramp, number(1 / 6.0f)), y);
    acn_net_value *cube = binary("Mul", binary("Mul", y, y), y);
    acn_net_value *inside = binary("Add", y, binary("Mul", cube, number(0.044715f)));
    inside = unary("Tanh", binary("Mul", inside, number(0.7978845608f)));
    output(binary("Mul", y, binary("Mul", binary("Add", inside, number(1)), number(0.5f))));
}

/* 5 where HardSwish has 6. */
static void no_hard_swish(void) {
    acn_net_value *x = rows(), *ramp = binary("Maximum", binary("Add", x, number(3)), number(0));
    output(binary("RealDiv", binary("Mul", x, binary("Minimum", ramp, number(5))), number(6)));
}

static void softmax(void) {
    acn_net_value *x = rows(), *e = unary("Exp", binary("Sub", x, reduced("ReduceMax", x)));
    e = binary("RealDiv", e, reduced("ReduceSum", e));
    e = unary("Exp", e);
    output(binary("RealDiv", e, reduced("ReduceSum", e)));
}

/* Equal products with equal constants, of which parts are read; random numbers would not be. */
static void computed_twice(void) {
    acn_net_value *x = rows(), *parts[2];
    for (int i = 0; i < 2; i++) {
        acn_tensor part;
        acn_net_value *y = unary("Exp", binary("Mul", x, number(0.5f)));
        part = y->tensor;
        part.dims[2] = 12;
        part.data = (void *)(uintptr_t)(i * 12 * sizeof(float));
        OK(acn_net_view(net, "part", y, &part, &parts[i]));
    }
    output(binary("Sub", unary("Sin", parts[0]), unary("Cos", parts[1])));
}

static void casts(void) {
    acn_net_value *x = rows();
    acn_net_value *wide = cast(cast(x, ACN_F64), ACN_F32); /* nothing is lost */
    acn_net_value *half = cast(cast(wide, ACN_F16), ACN_F32);
    acn_net_value *whole = cast(cast(cast(half, ACN_I32), ACN_I64), ACN_F32);
    output(binary("Add", half, whole));
}

static void nothing_happens(void) {
    acn_net_value *x = rows(), *y = binary("Mul", binary("Add", x, number(0)), number(1));
    output(binary("RealDiv", binary("Sub", unary("Sin", y), number(0)), number(1)));
    output(binary("Add", binary("Mul", reduced("ReduceSum", x), number(2)), number(0)));
}

/* Two chains that meet, with a row and numbers; Sqrt is read twice, and stays outside. */
static void elementwise(void) {
    acn_net_value *x = rows(), *y = unary("Sin", binary("Mul", x, by_column()));
    acn_net_value *root = unary("Sqrt", unary("Abs", x)), *z = unary("Exp", binary("Sub", root, y));
    output(binary("RealDiv", z, binary("Add", root, number(2))));
    output(reduced("ReduceSum", root));
}

/* More than one program holds. */
static void many_elementwise(void) {
    acn_net_value *x = rows();
    for (int i = 0; i < 40; i++)
        x = i % 2 ? unary("Sin", x) : binary("Mul", x, constant(3, (int64_t[]){2, 5, 24}));
    output(x);
}

static acn_net_value *turned(acn_net_value *x, const int *perm) {
    acn_tensor t = x->tensor;
    acn_net_value *y;
    for (int d = 0; d < t.rank; d++) {
        t.dims[d] = x->tensor.dims[perm[d]];
        t.strides[d] = x->tensor.strides[perm[d]];
    }
    t.data = NULL;
    OK(acn_net_view(net, "turned", x, &t, &y));
    return y;
}

static acn_net_value *copied(acn_net_value *x) {
    acn_node_builder b;
    acn_tensor t;
    acn_net_value *y;
    acn_tensor_init(&t, NULL, ACN_F32, x->tensor.rank, x->tensor.dims);
    acn_node_begin(&b, net, "TensorMove", "copy");
    acn_node_input(&b, "x", x);
    acn_node_output(&b, "y", ACN_F32, &t);
    OK(acn_node_end(&b, &y));
    return y;
}

/* What lies between two transposes; a reshape had to copy what came back. */
static void transposed_and_back(void) {
    acn_net_value *x = rows(), *y = turned(x, (const int[]){1, 2, 0});
    y = unary("Sin", y);
    y = binary("Mul", y, constant(2, (int64_t[]){24, 1}));
    y = copied(turned(y, (const int[]){2, 0, 1}));
    acn_tensor flat;
    acn_net_value *view;
    acn_tensor_init(&flat, NULL, ACN_F32, 1, (int64_t[]){240});
    OK(acn_net_view(net, "flat", y, &flat, &view));
    output(unary("Cos", view));
}

/* Half of what is transposed is read, which is no transpose. */
static void transposed_and_cut(void) {
    acn_net_value *y = unary("Sin", turned(rows(), (const int[]){2, 1, 0})), *part;
    acn_tensor t = y->tensor;
    t.dims[0] = 12;
    t.data = NULL;
    OK(acn_net_view(net, "part", y, &t, &part));
    output(unary("Cos", part));
}

static acn_net_value *quantised(acn_net_value *x, acn_net_value *zero, float low, float high,
                                acn_dtype to) {
    x = unary("Round", binary("RealDiv", x, number(0.02f)));
    if (zero) x = binary("Add", x, zero);
    x = binary("Minimum", binary("Maximum", x, number(low)), number(high));
    return cast(cast(x, to), ACN_F32);
}

/* As QuantizeLinear and DequantizeLinear are imported. */
static void quantised_and_back(void) {
    acn_net_value *y = quantised(rows(), number(128), 0, 255, ACN_U8);
    y = binary("Mul", binary("Sub", y, number(128)), number(0.02f));
    output(binary("Mul", quantised(y, NULL, -128, 127, ACN_I8), number(0.02f)));
}

/* A zero point that is no whole number, and a range that the type does not have. */
static void not_whole_or_too_wide(void) {
    acn_net_value *x = rows();
    output(quantised(x, number(0.25f), 0, 255, ACN_U8));
    output(quantised(x, NULL, -129, 127, ACN_I16));
    output(quantised(unary("Abs", x), NULL, 0, 256, ACN_U8));
}

static acn_net_value *pool(const char *op, acn_net_value *x) {
    const int64_t kernel[] = {3, 3}, steps[] = {2, 2}, pads[] = {1, 1};
    acn_node_builder b;
    acn_net_value *out;
    acn_node_begin(&b, net, op, op);
    acn_node_input(&b, "x", x);
    acn_node_int(&b, "spatial", 2);
    acn_node_ints(&b, "ksize", kernel, 2);
    acn_node_ints(&b, "strides", steps, 2);
    acn_node_ints(&b, "pads", pads, 2);
    acn_node_output(&b, "y", ACN_F32, NULL);
    OK(acn_node_end(&b, &out));
    return out;
}

static acn_net_value *join(acn_net_value *x, acn_net_value *y) {
    acn_net_value *both[] = {x, y}, *out;
    acn_node_builder b;
    acn_node_begin(&b, net, "ConcatD", "join");
    acn_node_inputs(&b, "x", both, 2);
    acn_node_int(&b, "concat_dim", 1);
    acn_node_output(&b, "y", ACN_F32, NULL);
    OK(acn_node_end(&b, &out));
    return out;
}

/* Squares of both sizes, at whose edges something is missing, and windows of whole pixels. */
static void convolutions_and_pools(void) {
    acn_net_value *x = input("x", 4, (int64_t[]){2, 16, 29, 23});
    x = pool("MaxPooling", unary("Relu", convolution(x, 32, 1)));
    x = unary("Swish", convolution(x, 32, 1));
    x = pool("AveragePooling", convolution(x, 48, 1));
    output(convolution(binary("Add", x, convolution(x, 48, 1)), 7, 1));
}

/* The second concatenation moves what the first one has moved. */
static void joined_twice(void) {
    acn_net_value *x = image(), *y;
    y = join(unary("Sin", convolution(x, 18, 1)), convolution(x, 5, 1));
    y = join(convolution(unary("Cos", y), 9, 1), y);
    output(convolution(y, 4, 1));
}

/* ---- running --------------------------------------------------------------------------------- */

static void build(void (*network)(void)) {
    seed = 7;
    OK(acn_net_create("test", &net));
    net->inputs = acn_arena_alloc(&net->arena, MOST * sizeof(void *));
    net->outputs = acn_arena_alloc(&net->arena, MOST * sizeof(void *));
    net->output_names = acn_arena_alloc(&net->arena, MOST * sizeof(void *));
    network();
}

/* The outputs, one after the other. */
static float *run_net(int64_t *out_count) {
    acn_compiled compiled;
    acn_model *model;
    OK(acn_compile(net, NULL, &compiled));
    OK(acn_compiled_model(&compiled, &model));
    OK(acn_model_prepare(model));
    void *inputs[MOST], *outputs[MOST];
    int64_t count = 0;
    for (int i = 0; i < model->input_count; i++) {
        float *x = inputs[i] = calloc(1, model->inputs[i].bytes + 64);
        for (size_t j = 0; j < model->inputs[i].bytes / sizeof *x; j++)
            x[j] = draw();
    }
    for (int i = 0; i < model->output_count; i++)
        count += (int64_t)(model->outputs[i].bytes / sizeof(float));
    float *results = calloc((size_t)count + 16, sizeof *results), *at = results;
    for (int i = 0; i < model->output_count; i++) {
        outputs[i] = at;
        at += model->outputs[i].bytes / sizeof(float);
    }
    char *work = aligned_alloc(64, (model->work_bytes + model->scratch_bytes + 127) / 64 * 64);
    OK(acn_model_run(model, work, inputs, outputs));
    free(work);
    for (int i = 0; i < model->input_count; i++)
        free(inputs[i]);
    acn_model_destroy(model);
    *out_count = count;
    return results;
}

static int find_pass(const char *name) {
    for (int i = 0; i < acn_pass_count_all(); i++)
        if (strcmp(acn_pass_at(i)->name, name) == 0) return i;
    fail_msg("there is no pass %s", name);
    return -1;
}

typedef struct row {
    void (*network)(void);
    const char *pass;
    int effective;
    const char *left; /* the operators afterwards, when all passes are on */
} row;

static const row table[] = {
    {norm_after_convolution, "ConvBatchnormFusionPass", 2, "ConvolutionPanels"},
    {norm_beside_convolution, "ConvBatchnormFusionPass", 0, "ConvolutionPanels Mul Relu"},
    {residual_block, "ConvWeightPackFusionPass", 3,
     "ConvolutionPanels ConvolutionStencil ConvolutionPanels"},
    {residual_block, "ConvBatchnormFusionPass", 1, NULL},
    {residual_block, "ResidualAddFusionPass", 1, NULL},
    {residual_block, "ActivationFusionPass", 5, NULL},
    {residual_block, "ChannelsLastPass", 2, NULL},
    {two_branches, "ResidualAddFusionPass", 1, "ConvolutionPanels ConvolutionPanels"},
    {feed_forward, "MatMulWeightPackFusionPass", 2, "MatMulPanels MatMulPanels"},
    {feed_forward, "BiasAddFusionPass", 2, NULL},
    {feed_forward, "GeluFusionPass", 1, NULL},
    {feed_forward, "ResidualAddFusionPass", 1, NULL},
    {convolutions_and_pools, "ConvWeightPackFusionPass", 5,
     "ConvolutionWinograd MaxPooling ConvolutionWinograd ConvolutionWinograd AveragePooling "
     "ConvolutionPanels ConvolutionPanels"},
    {convolutions_and_pools, "ChannelsLastPass", 6, NULL},
    {joined_twice, "ConcatNotaskPass", 2, NULL},
    {layer_norm, "CommonSubexpressionEliminationPass", 2, "LayerNormV3"},
    {layer_norm, "LayerNormFusionPass", 1, NULL},
    {bare_layer_norm, "LayerNormFusionPass", 1, "LayerNormV3 Mul"},
    {rms_norm, "RmsNormFusionPass", 1, "RmsNorm"},
    {no_norm, "RmsNormFusionPass", 0, NULL},
    {activations, "SwishFusionPass", 2, "ElementwiseRegion GeluV2"},
    {activations, "HardSwishFusionPass", 2, NULL},
    {activations, "GeluFusionPass", 1, NULL},
    {no_hard_swish, "HardSwishFusionPass", 0, NULL},
    {softmax, "SoftmaxFusionPass", 2, "SoftmaxV2 SoftmaxV2"},
    {computed_twice, "CommonSubexpressionEliminationPass", 2,
     "ElementwiseRegion ElementwiseRegion"},
    {casts, "CastRemovePass", 3, "Cast Cast Cast Cast Add"},
    {nothing_happens, "AlgebraicSimplificationPass", 5, "Sin ReduceSum Mul"},
    {elementwise, "AutoFusePass", 2, "ElementwiseRegion ElementwiseRegion ReduceSum"},
    {many_elementwise, "AutoFusePass", 3, "ElementwiseRegion ElementwiseRegion ElementwiseRegion"},
    {transposed_and_back, "TransOpSymmetryEliminationPass", 3, "ElementwiseRegion Cos"},
    {transposed_and_cut, "TransOpSymmetryEliminationPass", 0, "Sin Cos"},
    {quantised_and_back, "QuantDequantFusionPass", 2, "ElementwiseRegion"},
    {not_whole_or_too_wide, "QuantDequantFusionPass", 1, NULL},
    {crossed_bounds, "ActivationFusionPass", 1, "MatMulPanels Maximum"},
};

static float *run_with(const row *r, const acn_pass_switches *switches, acn_pass_count *counts,
                       int64_t *count) {
    build(r->network);
    OK(acn_passes_run(net, switches, NULL, counts));
    float *results = run_net(count);
    acn_net_destroy(net);
    return results;
}

static void same(const float *got, const float *want, int64_t count) {
    float largest = 1;
    for (int64_t i = 0; i < count; i++)
        largest = fmaxf(largest, fabsf(want[i]));
    for (int64_t i = 0; i < count; i++)
        assert_true(fabsf(got[i] - want[i]) <= 5e-6f * largest);
}

static void passes_take_effect_and_change_no_result(void **state) {
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const row *r = &table[i];
        acn_pass_count counts[ACN_MAX_PASSES];
        acn_pass_switches none, one = {0};
        int64_t count;
        OK(acn_pass_read_switches("test", "ALL:off", 7, &none));
        one.is_off[find_pass(r->pass)] = true;
        float *want = run_with(r, &none, NULL, &count);
        float *without = run_with(r, &one, counts, &count);
        assert_int_equal(counts[find_pass(r->pass)].effective, 0);
        float *got = run_with(r, NULL, counts, &count);
        if (counts[find_pass(r->pass)].effective != r->effective)
            fail_msg("row %zu: %s took effect %d times, not %d", i, r->pass,
                     counts[find_pass(r->pass)].effective, r->effective);
        same(without, want, count);
        same(got, want, count);
        free(want);
        free(without);
        free(got);
    }
}

static void what_is_left_is_what_was_meant(void **state) {
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        char left[256] = "";
        if (!table[i].left) continue;
        build(table[i].network);
        OK(acn_passes_run(net, NULL, NULL, NULL));
        for (const acn_net_node *n = net->nodes; n; n = n->next) {
            if (left[0]) strcat(left, " ");
            strcat(left, n->call.op->name);
        }
        assert_string_equal(left, table[i].left);
        acn_net_destroy(net);
    }
}

/* A chain writes over its own memory; what is read in another order meanwhile does not. */
static void chain(void) {
    acn_net_value *x = input("x", 2, (int64_t[]){16, 16}), *y = unary("Sin", x);
    for (int i = 0; i < 4; i++)
        y = unary("Cos", y);
    output(unary("Sin", y));
}

static void crossed(void) {
    acn_net_value *x = input("x", 2, (int64_t[]){16, 16}), *y = unary("Sin", x), *turned;
    acn_tensor t = y->tensor;
    t.strides[0] = 1;
    t.strides[1] = 16;
    t.data = NULL;
    OK(acn_net_view(net, "turned", y, &t, &turned));
    y = binary("Sub", y, turned);
    output(unary("Sin", y));
}

static void memory_is_written_over(void **state) {
    static const struct {
        void (*network)(void);
        uint64_t values;
    } cases[] = {{chain, 1}, {crossed, 2}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        acn_compiled compiled;
        int64_t count;
        build(cases[i].network);
        OK(acn_compile(net, NULL, &compiled));
        assert_int_equal(compiled.work_bytes, cases[i].values * 16 * 16 * sizeof(float));
        float *got = run_net(&count);
        seed = 7;
        for (int e = 0; e < 256; e++) {
            float x[256];
            seed = 7;
            for (int j = 0; j < 256; j++)
                x[j] = draw();
            double want = sin(x[e]), other = sin(x[e % 16 * 16 + e / 16]);
            for (int j = 0; j < 4 && i == 0; j++)
                want = cos(want);
            assert_true(fabs(got[e] - sin(i == 0 ? want : want - other)) < 1e-6);
        }
        free(got);
        acn_net_destroy(net);
    }
}

static void switches_are_read_in_both_forms(void **state) {
    acn_pass_switches s;
    int gelu = find_pass("GeluFusionPass"), bias = find_pass("BiasAddFusionPass");
    const char *lines = "\n GeluFusionPass : off\r\nOtherPass:on\n";
    OK(acn_pass_read_switches("f", lines, strlen(lines), &s));
    assert_true(s.is_off[gelu] && !s.is_off[bias]);
    const char *json = " {\"Switch\": {\"GraphFusion\": {\"GeluFusionPass\": \"on\", \"ALL\": "
                       "\"off\"}, \"UBFusion\": {\"ALL\": \"off\"}}}";
    OK(acn_pass_read_switches("f", json, strlen(json), &s));
    assert_true(!s.is_off[gelu] && s.is_off[bias]);
    const char *wrong = "GeluFusionPass:maybe";
    assert_int_equal(acn_pass_read_switches("f", wrong, strlen(wrong), &s), ACN_PARSE_FILE);
    assert_int_equal(acn_pass_read_switches("f", "{", 1, &s), ACN_PARSE_FILE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_take_effect_and_change_no_result),
        cmocka_unit_test(what_is_left_is_what_was_meant),
        cmocka_unit_test(memory_is_written_over),
        cmocka_unit_test(switches_are_read_in_both_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
