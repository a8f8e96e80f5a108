/* operators.c - operators of each family on small tensors with awkward sizes, run by type name. */
#include "tools/selftest/selftest.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TENSORS = 4, MOST_DIMS = 4, MOST_ATTRS = 4 };

typedef struct tensor {
    const char *type; /* f32 f16 bf16 i32 i64 bool; "pos" is f32 above zero; NULL ends a list */
    int64_t dims[MOST_DIMS];
} tensor;

typedef struct attr {
    const char *name; /* NULL ends a list */
    char kind;        /* i: int, b: bool, l: list of ints */
    int64_t values[MOST_DIMS];
    int count;
} attr;

typedef struct row {
    const char *name;
    tensor in[MOST_TENSORS], out[MOST_TENSORS];
    attr attrs[MOST_ATTRS];
} row;

static const row rows[] = {
    {"Add", {{"f32", {33, 70}}, {"f32", {70}}}, {{"f32", {33, 70}}}, {{0}}},
    {"Add", {{"i32", {1030}}, {"i32", {1030}}}, {{"i32", {1030}}}, {{0}}},
    {"Sub", {{"f16", {5, 77}}, {"f16", {5, 77}}}, {{"f16", {5, 77}}}, {{0}}},
    {"Mul", {{"bf16", {3, 1, 19}}, {"bf16", {4, 19}}}, {{"bf16", {3, 4, 19}}}, {{0}}},
    {"RealDiv", {{"f32", {257}}, {"pos", {257}}}, {{"f32", {257}}}, {{0}}},
    {"Maximum", {{"f32", {9, 31}}, {"f32", {9, 31}}}, {{"f32", {9, 31}}}, {{0}}},
    {"Greater", {{"f32", {300}}, {"f32", {300}}}, {{"bool", {300}}}, {{0}}},
    {"Exp", {{"f32", {1000}}}, {{"f32", {1000}}}, {{0}}},
    {"Log", {{"pos", {1000}}}, {{"f32", {1000}}}, {{0}}},
    {"Sqrt", {{"pos", {131}}}, {{"f32", {131}}}, {{0}}},
    {"Tanh", {{"f16", {700}}}, {{"f16", {700}}}, {{0}}},
    {"Sigmoid", {{"f32", {65, 3}}}, {{"f32", {65, 3}}}, {{0}}},
    {"Relu", {{"f32", {517}}}, {{"f32", {517}}}, {{0}}},
    {"Gelu", {{"f32", {517}}}, {{"f32", {517}}}, {{0}}},
    {"Cast", {{"f32", {999}}}, {{"f16", {999}}}, {{"dst_type", 'i', {1}, 1}}},
    {"Cast", {{"f32", {999}}}, {{"i32", {999}}}, {{"dst_type", 'i', {3}, 1}}},
    {"Transpose", {{"f32", {17, 5, 9}}}, {{"f32", {9, 17, 5}}}, {{"perm", 'l', {2, 0, 1}, 3}}},
    {"ReduceSum", {{"f32", {37, 130}}}, {{"f32", {37}}}, {{"axes", 'l', {1}, 1}}},
    {"ReduceMax", {{"i32", {6, 50}}}, {{"i32", {50}}}, {{"axes", 'l', {0}, 1}}},
    {"SoftmaxV2", {{"f32", {12, 101}}}, {{"f32", {12, 101}}}, {{"axes", 'l', {-1}, 1}}},
    {"MatMulV2", {{"f32", {67, 45}}, {"f32", {45, 53}}}, {{"f32", {67, 53}}}, {{0}}},
    {"MatMulV2", {{"f16", {24, 64}}, {"f16", {64, 40}}}, {{"f16", {24, 40}}}, {{0}}},
    {"BatchMatMul", {{"f32", {3, 20, 31}}, {"f32", {3, 31, 18}}}, {{"f32", {3, 20, 18}}}, {{0}}},
    {"Sort",
     {{"f32", {8, 120}}},
     {{"f32", {8, 120}}, {"i64", {8, 120}}},
     {{"axis", 'i', {-1}, 1}, {"descending", 'b', {1}, 1}}},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static const struct {
    const char *name;
    aclDataType type;
    size_t bytes;
    double tolerance; /* of the larger of 1 and the value; 0: the same bytes */
} types[] = {
    {"f32", ACL_FLOAT, 4, 2e-5}, {"pos", ACL_FLOAT, 4, 2e-5}, {"f16", ACL_FLOAT16, 2, 2e-3},
    {"bf16", ACL_BF16, 2, 1e-2}, {"i32", ACL_INT32, 4, 0},    {"i64", ACL_INT64, 8, 0},
    {"bool", ACL_BOOL, 1, 0},
};

static size_t type_of(const tensor *t) {
    size_t i = 0;
    while (strcmp(types[i].name, t->type) != 0)
        i++;
    return i;
}

static int rank_of(const tensor *t) {
    int rank = 0;
    while (rank < MOST_DIMS && t->dims[rank] != 0)
        rank++;
    return rank;
}

static size_t count_of(const tensor *t) {
    size_t count = 1;
    for (int i = 0; i < rank_of(t); i++)
        count *= (size_t)t->dims[i];
    return count;
}

static size_t bytes_of(const tensor *t) { return count_of(t) * types[type_of(t)].bytes; }

static bool is_used(const tensor *list, int i) { return i < MOST_TENSORS && list[i].type; }

int acn_selftest_operator_count(void) { return ROWS; }

static size_t row_bytes(const row *r) {
    size_t bytes = 0;
    for (int i = 0; is_used(r->out, i); i++)
        bytes += bytes_of(&r->out[i]);
    return bytes;
}

size_t acn_selftest_operator_bytes(void) {
    size_t bytes = 0;
    for (int r = 0; r < ROWS; r++)
        bytes += row_bytes(&rows[r]);
    return bytes;
}

/* Repeatable numbers from -2 to 2. */
static double next_number(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 33) / (double)(1u << 30) * 2 - 2;
}

static void fill(const tensor *t, void *data, uint64_t *state) {
    for (size_t i = 0; i < count_of(t); i++) {
        double number = next_number(state);
        float single = (float)(strcmp(t->type, "pos") == 0 ? fabs(number) + 0.1 : number);
        uint32_t bits;
        memcpy(&bits, &single, sizeof bits);
        switch (types[type_of(t)].type) {
        case ACL_FLOAT:
            ((float *)data)[i] = single;
            break;
        case ACL_FLOAT16:
            ((aclFloat16 *)data)[i] = acl.aclFloatToFloat16(single);
            break;
        case ACL_BF16:
            ((uint16_t *)data)[i] = (uint16_t)(bits >> 16);
            break;
        default:
            ((int32_t *)data)[i] = (int32_t)(number * 1000);
        }
    }
}

static double value_at(const tensor *t, const void *data, size_t i) {
    uint32_t bits;
    float single;
    switch (types[type_of(t)].type) {
    case ACL_FLOAT16:
        return (double)acl.aclFloat16ToFloat(((const aclFloat16 *)data)[i]);
    case ACL_BF16:
        bits = (uint32_t)((const uint16_t *)data)[i] << 16;
        memcpy(&single, &bits, sizeof single);
        return (double)single;
    default:
        return (double)((const float *)data)[i];
    }
}

/* Descriptions and device buffers of one side of a call. */
typedef struct side {
    const aclTensorDesc *descs[MOST_TENSORS];
    aclDataBuffer *buffers[MOST_TENSORS];
    void *memory[MOST_TENSORS];
    int count;
} side;

static bool make_side(const tensor *list, uint64_t *state, side *s, acn_cause *cause) {
    for (; is_used(list, s->count); s->count++) {
        const tensor *t = &list[s->count];
        size_t bytes = bytes_of(t);
        void **memory = &s->memory[s->count];
        ACN_OK_OR_FAIL(aclrtMalloc(memory, bytes, ACL_MEM_MALLOC_HUGE_FIRST));
        if (state) {
            void *host = malloc(bytes);
            if (!host) return false;
            fill(t, host, state);
            int code = acl.aclrtMemcpy(*memory, bytes, host, bytes, ACL_MEMCPY_HOST_TO_DEVICE);
            free(host);
            if (!acn_selftest_ok(code, "aclrtMemcpy", cause)) return false;
        }
        s->descs[s->count] =
            acl.aclCreateTensorDesc(types[type_of(t)].type, rank_of(t), t->dims, ACL_FORMAT_ND);
        s->buffers[s->count] = acl.aclCreateDataBuffer(*memory, bytes);
    }
    return true;
}

static void end_side(side *s) {
    for (int i = 0; i < s->count; i++) {
        acl.aclDestroyTensorDesc(s->descs[i]);
        acl.aclDestroyDataBuffer(s->buffers[i]);
        acl.aclrtFree(s->memory[i]);
    }
}

static aclopAttr *make_attrs(const row *r) {
    aclopAttr *out = acl.aclopCreateAttr();
    for (int i = 0; i < MOST_ATTRS && r->attrs[i].name; i++) {
        const attr *a = &r->attrs[i];
        if (a->kind == 'i') acl.aclopSetAttrInt(out, a->name, a->values[0]);
        if (a->kind == 'b') acl.aclopSetAttrBool(out, a->name, (uint8_t)a->values[0]);
        if (a->kind == 'l') acl.aclopSetAttrListInt(out, a->name, a->count, a->values);
    }
    return out;
}

static bool run_row(const row *r, aclrtStream stream, char *results, acn_cause *cause) {
    uint64_t state = 1;
    side in = {.count = 0}, out = {.count = 0};
    if (!make_side(r->in, &state, &in, cause) || !make_side(r->out, NULL, &out, cause))
        return false;
    aclopAttr *attrs = make_attrs(r);
    int code = acl.aclopCompileAndExecute(
        r->name, in.count, in.descs, (const aclDataBuffer *const *)in.buffers, out.count, out.descs,
        out.buffers, attrs, ACL_ENGINE_SYS, ACL_COMPILE_SYS, NULL, stream);
    if (code == 0) code = acl.aclrtSynchronizeStream(stream);
    bool is_fine = acn_selftest_ok(code, r->name, cause);
    for (int i = 0; is_fine && i < out.count; i++) {
        size_t bytes = bytes_of(&r->out[i]);
        code = acl.aclrtMemcpy(results, bytes, out.memory[i], bytes, ACL_MEMCPY_DEVICE_TO_HOST);
        is_fine = acn_selftest_ok(code, r->name, cause);
        results += bytes;
    }
    acl.aclopDestroyAttr(attrs);
    end_side(&in);
    end_side(&out);
    return is_fine;
}

bool acn_selftest_operators(char *results, acn_cause *cause) {
    aclrtStream stream;
    ACN_OK_OR_FAIL(aclrtCreateStream(&stream));
    for (int r = 0; r < ROWS; r++) {
        if (!run_row(&rows[r], stream, results, cause)) return false;
        results += row_bytes(&rows[r]);
    }
    ACN_OK_OR_FAIL(aclrtDestroyStream(stream));
    return true;
}

static bool compare_tensor(const char *name, const tensor *t, const char *results,
                           const char *scalar, acn_cause *cause) {
    double tolerance = types[type_of(t)].tolerance;
    if (memcmp(results, scalar, bytes_of(t)) == 0) return true;
    if (tolerance == 0) {
        snprintf(cause->text, sizeof cause->text, "%s %s differs from plain C", name, t->type);
        return false;
    }
    for (size_t i = 0; i < count_of(t); i++) {
        double value = value_at(t, results, i), expected = value_at(t, scalar, i);
        if (fabs(value - expected) <= tolerance * fmax(1, fabs(expected))) continue;
        snprintf(cause->text, sizeof cause->text, "%s %s: element %zu is %g, plain C says %g", name,
                 t->type, i, value, expected);
        return false;
    }
    return true;
}

bool acn_selftest_compare(const char *results, const char *scalar, acn_cause *cause) {
    for (int r = 0; r < ROWS; r++) {
        for (int i = 0; is_used(rows[r].out, i); i++) {
            const tensor *t = &rows[r].out[i];
            if (!compare_tensor(rows[r].name, t, results, scalar, cause)) return false;
            results += bytes_of(t);
            scalar += bytes_of(t);
        }
    }
    return true;
}
