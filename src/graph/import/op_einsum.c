/* op_einsum.c - Einsum: operands are views with a dimension for each letter, joined two at a time
 * by matrix products. */
#include "graph/import/compose.h"

#include <ctype.h>
#include <string.h>

enum { LETTERS = 52, MOST_TERMS = 16, ELLIPSIS = LETTERS, LABELS = LETTERS + ACN_MAX_DIMS };

/* Labels are letters' numbers; those from ELLIPSIS on are the dimensions that "..." stands for. */
typedef struct term {
    int label[2 * ACN_MAX_DIMS], count;
    acn_net_value *value;
} term;

typedef struct equation {
    term in[MOST_TERMS], out;
    int in_count;
    int64_t size[LABELS]; /* 0: the label does not occur */
} equation;

static int label_of(char letter) {
    return islower((unsigned char)letter) ? letter - 'a' : letter - 'A' + 26;
}

/* One term; |more|: how many dimensions "..." stands for. */
static acn_status read_term(const acn_onnx_call *c, const char *text, const char *end, int more,
                            term *t) {
    t->count = 0;
    for (; text < end; text++) {
        int room = 2 * ACN_MAX_DIMS - t->count;
        if (*text == ' ') continue;
        if (isalpha((unsigned char)*text) && room > 0) {
            t->label[t->count++] = label_of(*text);
        } else if (end - text >= 3 && strncmp(text, "...", 3) == 0 && more >= 0 && more <= room) {
            for (int i = 0; i < more; i++)
                t->label[t->count++] = ELLIPSIS + ACN_MAX_DIMS - more + i;
            text += 2;
        } else {
            return acn_onnx_bad(c, "its equation cannot be read at \"%s\"", text);
        }
    }
    return ACN_OK;
}

static int letters_of(const char *text, const char *end, bool *has_ellipsis) {
    int letters = 0;
    *has_ellipsis = false;
    for (; text < end; text++) {
        letters += isalpha((unsigned char)*text) != 0;
        *has_ellipsis |= *text == '.';
    }
    return letters;
}

/* Each label has one size; 1 goes with any. */
static acn_status note_sizes(const acn_onnx_call *c, equation *e, const term *t) {
    const acn_tensor *x = &t->value->tensor;
    if (t->count != x->rank)
        return acn_onnx_bad(c, "a term has %d letters for %d dimensions", t->count, x->rank);
    for (int d = 0; d < t->count; d++) {
        int64_t *size = &e->size[t->label[d]];
        if (*size == 0 || *size == 1)
            *size = x->dims[d];
        else if (x->dims[d] != *size && x->dims[d] != 1)
            return acn_onnx_bad(c, "a letter means %lld and %lld elements", (long long)*size,
                                (long long)x->dims[d]);
    }
    return ACN_OK;
}

/* Without an arrow: the letters that occur once, by the alphabet (capitals first), after "...". */
static void implied_result(equation *e, int most_more) {
    int times[LABELS] = {0};
    for (int i = 0; i < e->in_count; i++)
        for (int d = 0; d < e->in[i].count; d++)
            times[e->in[i].label[d]]++;
    for (int i = 0; i < most_more; i++)
        e->out.label[e->out.count++] = ELLIPSIS + ACN_MAX_DIMS - most_more + i;
    for (int i = 0; i < LETTERS; i++) {
        int label = (i + 26) % LETTERS;
        if (times[label] == 1) e->out.label[e->out.count++] = label;
    }
}

static acn_status read_equation(const acn_onnx_call *c, equation *e) {
    const char *text = acn_onnx_text(c, "equation", ""), *arrow = strstr(text, "->");
    const char *stop = arrow ? arrow : text + strlen(text);
    int most_more = 0;
    for (;; text++) {
        const char *end = memchr(text, ',', (size_t)(stop - text));
        bool has_ellipsis;
        end = end ? end : stop;
        if (e->in_count == MOST_TERMS || e->in_count == c->in_count || !c->in[e->in_count])
            return acn_onnx_bad(c, "its equation has more terms than the %d inputs", c->in_count);
        term *t = &e->in[e->in_count];
        t->value = c->in[e->in_count++];
        int more = t->value->tensor.rank - letters_of(text, end, &has_ellipsis);
        if (has_ellipsis && more > most_more) most_more = more;
        ACN_TRY(read_term(c, text, end, more, t));
        ACN_TRY(note_sizes(c, e, t));
        text = end;
        if (end == stop) break;
    }
    if (e->in_count != c->in_count)
        return acn_onnx_bad(c, "its equation has %d terms for %d inputs", e->in_count, c->in_count);
    if (arrow == NULL)
        implied_result(e, most_more);
    else
        ACN_TRY(read_term(c, arrow + 2, arrow + strlen(arrow), most_more, &e->out));
    for (int d = 0; d < e->out.count; d++)
        if (e->size[e->out.label[d]] == 0 || e->out.count > ACN_MAX_DIMS)
            return acn_onnx_bad(c, "its result has a letter that no input has, or too many");
    return ACN_OK;
}

static int place_of(const term *t, int label) {
    for (int d = 0; d < t->count; d++)
        if (t->label[d] == label) return d;
    return -1;
}

/* A letter that occurs twice means the diagonal: one dimension with both strides. */
static void take_diagonals(acn_formula *f, term *t) {
    if (f->status != ACN_OK) return;
    acn_tensor shape = t->value->tensor;
    term once = {.value = t->value};
    shape.data = NULL;
    for (int d = 0; d < t->count; d++) {
        int seen = place_of(&once, t->label[d]);
        int at = seen < 0 ? once.count++ : seen;
        once.label[at] = t->label[d];
        shape.dims[at] = t->value->tensor.dims[d];
        shape.strides[at] = t->value->tensor.strides[d] + (seen < 0 ? 0 : shape.strides[at]);
    }
    shape.rank = once.count;
    if (once.count != t->count) once.value = acn_f_view(f, t->value, &shape);
    *t = once;
}

/* Sums over the labels that nothing else needs. */
static void drop_unneeded(acn_formula *f, term *t, const bool *is_needed) {
    int64_t axes[ACN_MAX_DIMS];
    int count = 0, kept = 0;
    for (int d = 0; d < t->count; d++) {
        if (is_needed[t->label[d]])
            t->label[kept++] = t->label[d];
        else
            axes[count++] = d;
    }
    t->count = kept;
    if (f->status == ACN_OK) t->value = acn_f_reduce(f, "ReduceSum", t->value, axes, count, false);
}

typedef struct label_list {
    int label[LABELS], count;
} label_list;

/* |t| as [lists[0], lists[1], lists[2]], each list being one dimension; labels that it does not
 * have, or has once, are repeated. */
static acn_net_value *as_matrices(acn_formula *f, const equation *e, const term *t,
                                  const label_list *const lists[3]) {
    if (f->status != ACN_OK) return NULL;
    acn_tensor shape = t->value->tensor;
    int64_t dims[3] = {1, 1, 1};
    shape.rank = 0;
    shape.data = NULL;
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < lists[k]->count; i++) {
            int from = place_of(t, lists[k]->label[i]);
            int64_t size = e->size[lists[k]->label[i]];
            bool repeats = from < 0 || t->value->tensor.dims[from] != size;
            if (shape.rank == ACN_MAX_DIMS) {
                f->status = acn_onnx_bad(f->c, "a product has too many dimensions");
                return NULL;
            }
            shape.dims[shape.rank] = size;
            shape.strides[shape.rank++] = repeats ? 0 : t->value->tensor.strides[from];
        }
    acn_net_value *wide = acn_f_view(f, t->value, &shape); /* sees that they can be counted */
    for (int k = 0, d = 0; k < 3 && wide; k++)
        for (int i = 0; i < lists[k]->count; i++)
            dims[k] *= shape.dims[d++];
    return acn_f_reshape(f, wide, 3, dims);
}

/* a and b become one term: labels of both that the rest needs are batches, others of both are
 * summed over, those of one are its rows or columns. */
static void join(acn_formula *f, const equation *e, term *a, const term *b, const bool *is_needed) {
    label_list batch = {.count = 0}, inner = {.count = 0}, rows = {.count = 0},
               columns = {.count = 0};
    for (int d = 0; d < a->count; d++) {
        int label = a->label[d];
        label_list *list = place_of(b, label) < 0 ? &rows : is_needed[label] ? &batch : &inner;
        list->label[list->count++] = label;
    }
    for (int d = 0; d < b->count; d++)
        if (place_of(a, b->label[d]) < 0) columns.label[columns.count++] = b->label[d];
    acn_net_value *left = as_matrices(f, e, a, (const label_list *[]){&batch, &rows, &inner});
    acn_net_value *right = as_matrices(f, e, b, (const label_list *[]){&batch, &inner, &columns});
    acn_net_value *y = acn_f2(f, "BatchMatMul", left, right);
    int64_t dims[3 * LABELS];
    const label_list *lists[] = {&batch, &rows, &columns};
    a->count = 0;
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < lists[k]->count && a->count < ACN_MAX_DIMS; i++) {
            dims[a->count] = e->size[lists[k]->label[i]];
            a->label[a->count++] = lists[k]->label[i];
        }
    a->value = acn_f_reshape(f, y, a->count, dims);
}

/* The result's dimensions in their order; a size of 1 that others stretch is repeated. */
static acn_net_value *in_order(acn_formula *f, const equation *e, const term *t) {
    if (f->status != ACN_OK) return NULL;
    acn_tensor shape = t->value->tensor;
    shape.data = NULL;
    shape.rank = e->out.count;
    for (int d = 0; d < e->out.count; d++) {
        int from = place_of(t, e->out.label[d]);
        shape.dims[d] = e->size[e->out.label[d]];
        bool repeats = from < 0 || t->value->tensor.dims[from] != shape.dims[d];
        shape.strides[d] = repeats ? 0 : t->value->tensor.strides[from];
    }
    return acn_f_view(f, t->value, &shape);
}

static acn_status einsum(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    equation *e = acn_arena_alloc(&c->net->arena, sizeof *e);
    if (e == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for an equation");
    ACN_TRY(read_equation(c, e));
    for (int i = 0; i < e->in_count; i++)
        take_diagonals(&f, &e->in[i]);
    for (int i = 0; i < e->in_count; i++) { /* the first i + 1 terms are in[0] */
        bool is_needed[LABELS] = {false}, in_next[LABELS];
        for (int d = 0; d < e->out.count; d++)
            is_needed[e->out.label[d]] = true;
        for (int k = i + 1; k < e->in_count; k++)
            for (int d = 0; d < e->in[k].count; d++)
                is_needed[e->in[k].label[d]] = true;
        memcpy(in_next, is_needed, sizeof in_next);
        for (int d = 0; d < e->in[0].count; d++)
            in_next[e->in[0].label[d]] = true;
        if (i > 0) drop_unneeded(&f, &e->in[i], in_next);
        if (i > 0) join(&f, e, &e->in[0], &e->in[i], is_needed);
        drop_unneeded(&f, &e->in[0], is_needed);
    }
    return acn_f_end(&f, in_order(&f, e, &e->in[0]), c->out);
}
ACN_ONNX(einsum) = {.type = "Einsum", .import = einsum};
