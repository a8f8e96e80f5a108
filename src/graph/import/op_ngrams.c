/* op_ngrams.c - TfIdfVectorizer: how often each of a list of number sequences occurs in a text. All
 * windows of the text are compared with all sequences of their length. */
#include "graph/import/compose.h"

#include <string.h>

typedef struct ngrams {
    acn_formula f;
    acn_net_value *text; /* i64 [rows, length] */
    int64_t rows, length, skips;
    const int64_t *pool, *starts, *columns; /* sequences; where those of each length begin */
    int pool_count, start_count, column_count;
    const float *weights; /* of each sequence, or NULL */
    int64_t width;        /* columns of the result */
} ngrams;

static acn_status read_ngrams(acn_onnx_call *c, ngrams *g) {
    const acn_onnx_attr *weights = acn_onnx_attr_find(c->node, "weights");
    const acn_tensor *x = &c->in[0]->tensor;
    *g = (ngrams){.f = {.c = c}, .skips = acn_onnx_int(c, "max_skip_count", 0)};
    g->pool = acn_onnx_ints(c, "pool_int64s", &g->pool_count);
    g->starts = acn_onnx_ints(c, "ngram_counts", &g->start_count);
    g->columns = acn_onnx_ints(c, "ngram_indexes", &g->column_count);
    if (!g->pool || !g->starts || !g->columns)
        return acn_onnx_bad(c, "it has no pool of numbers; texts are nothing that a device has");
    if (x->rank < 1 || x->rank > 2)
        return acn_onnx_bad(c, "its input has %d dimensions; 1 or 2 work", x->rank);
    if (weights && weights->count != g->column_count)
        return acn_onnx_bad(c, "it has %d weights for %d sequences", weights->count,
                            g->column_count);
    g->weights = weights ? weights->floats : NULL;
    for (int i = 0; i < g->column_count; i++) {
        if (g->columns[i] < 0 || g->columns[i] > 1 << 24)
            return acn_onnx_bad(c, "ngram_indexes has %lld", (long long)g->columns[i]);
        if (g->columns[i] >= g->width) g->width = g->columns[i] + 1;
    }
    g->rows = x->rank == 2 ? x->dims[0] : 1;
    g->length = x->dims[x->rank - 1];
    const int64_t dims[] = {g->rows, g->length};
    g->text = acn_f_cast(&g->f, acn_f_reshape(&g->f, c->in[0], 2, dims), ACN_I64);
    return g->f.status;
}

/* How often each of |count| sequences of |n| numbers occurs with |step| between them, as f32
 * [rows, count]; NULL: the text is too short. */
static acn_net_value *occurrences(ngrams *g, acn_net_value *sequences, int64_t n, int64_t step) {
    acn_formula *f = &g->f;
    int64_t windows = g->length - (n - 1) * step;
    if (windows < 1 || f->status != ACN_OK) return NULL;
    const int64_t last = 3, second = 1;
    acn_tensor shape = g->text->tensor;
    shape.data = NULL;
    shape.rank = 4;
    shape.dims[1] = windows, shape.dims[2] = 1, shape.dims[3] = n;
    shape.strides[2] = 0, shape.strides[3] = shape.strides[1] * step;
    acn_net_value *is_same = acn_f_truth(f, "Equal", acn_f_view(f, g->text, &shape), sequences);
    is_same = acn_f_reduce(f, "ReduceAll", is_same, &last, 1, false);
    return acn_f_reduce(f, "ReduceSum", acn_f_cast(f, is_same, ACN_F32), &second, 1, false);
}

/* Those of one length, over all distances; a single number has none. */
static acn_net_value *count_length(ngrams *g, int64_t n, int64_t first, int64_t count) {
    acn_formula *f = &g->f;
    acn_net_value *sequences = NULL, *total = NULL;
    const int64_t dims[] = {count, n}, empty[] = {g->rows, count};
    f->status = acn_net_constant(f->c->net, f->c->node->name, ACN_I64, 2, dims, g->pool + first,
                                 &sequences);
    for (int64_t skip = 0; skip <= (n == 1 ? 0 : g->skips); skip++) {
        acn_net_value *found = occurrences(g, sequences, n, skip + 1);
        if (found) total = total ? acn_f2(f, "Add", total, found) : found;
    }
    return total ? total : acn_f_broadcast(f, acn_f_number(f, 0, ACN_F32), 2, empty);
}

static acn_net_value *count_all(ngrams *g, int64_t least, int64_t most) {
    acn_formula *f = &g->f;
    acn_net_value *parts[ACN_ONNX_MAX_TENSORS];
    const int64_t empty[] = {g->rows, 0};
    int64_t known = 0;
    int part = 0;
    for (int i = 0; i < g->start_count && f->status == ACN_OK; i++) {
        int64_t n = i + 1, first = g->starts[i];
        int64_t end = i + 1 < g->start_count ? g->starts[i + 1] : g->pool_count;
        if (first < 0 || end < first || end > g->pool_count || (end - first) % n != 0 ||
            part == ACN_ONNX_MAX_TENSORS) {
            f->status = acn_onnx_bad(f->c, "ngram_counts does not fit its pool of %d numbers",
                                     g->pool_count);
            return NULL;
        }
        int64_t count = (end - first) / n;
        const int64_t none[] = {g->rows, count};
        known += count;
        if (count == 0) continue;
        parts[part++] = n >= least && n <= most
                            ? count_length(g, n, first, count)
                            : acn_f_broadcast(f, acn_f_number(f, 0, ACN_F32), 2, none);
    }
    if (f->status == ACN_OK && known != g->column_count)
        f->status = acn_onnx_bad(f->c, "its pool has %lld sequences, ngram_indexes %d numbers",
                                 (long long)known, g->column_count);
    if (part == 0) return acn_f_broadcast(f, acn_f_number(f, 0, ACN_F32), 2, empty);
    return acn_f_concat(f, parts, part, 1);
}

/* Sequence i stands in column columns[i]; columns without one are 0. */
static acn_net_value *in_columns(ngrams *g, acn_net_value *counts) {
    acn_formula *f = &g->f;
    const int64_t one[] = {g->rows, 1};
    int64_t *from = acn_arena_alloc(&f->c->net->arena, (size_t)(g->width + 1) * sizeof *from);
    if (from == NULL) f->status = acn_fail(ACN_BAD_ALLOC, "no host memory for a constant");
    if (f->status != ACN_OK) return NULL;
    for (int64_t i = 0; i < g->width; i++)
        from[i] = g->column_count;
    for (int i = 0; i < g->column_count; i++)
        from[g->columns[i]] = i;
    acn_net_value *zero = acn_f_broadcast(f, acn_f_number(f, 0, ACN_F32), 2, one);
    counts = acn_f_concat(f, (acn_net_value *[]){counts, zero}, 2, 1);
    return acn_f_gather(f, counts, 1, acn_f_ints(f, from, g->width));
}

static acn_status tf_idf(acn_onnx_call *c) {
    ngrams g;
    const char *mode = acn_onnx_text(c, "mode", "TF");
    bool only_whether = strcmp(mode, "IDF") == 0;
    ACN_TRY(read_ngrams(c, &g));
    acn_formula *f = &g.f;
    acn_net_value *y =
        count_all(&g, acn_onnx_int(c, "min_gram_length", 1), acn_onnx_int(c, "max_gram_length", 1));
    if (only_whether) {
        acn_net_value *zero = acn_f_number(f, 0, ACN_F32);
        y = acn_f_cast(f, acn_f_truth(f, "Greater", y, zero), ACN_F32);
    }
    if (g.weights && strcmp(mode, "TF") != 0) {
        acn_net_value *weights = NULL;
        int64_t count = g.column_count;
        ACN_TRY(f->status);
        ACN_TRY(acn_net_constant(c->net, "weights", ACN_F32, 1, &count, g.weights, &weights));
        y = acn_f2(f, "Mul", y, weights);
    }
    y = in_columns(&g, y);
    if (c->in[0]->tensor.rank == 1) y = acn_f_reshape(f, y, 1, &g.width);
    return acn_f_end(f, y, &c->out[0]);
}
ACN_ONNX(tf_idf_vectorizer) = {.type = "TfIdfVectorizer", .import = tf_idf};
