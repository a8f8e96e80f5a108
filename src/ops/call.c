/* call.c - the life of a call: check, infer, compare outputs, plan (or find the plan), run.
 *
 * Everything here is common to all operators and all doors. The shape-only half runs in phase 1 on
 * the client's thread and never touches tensor data; run happens on the stream's thread.
 */
#include "device/device.h"
#include "ops/kernels/kernels.h"
#include "ops/object.h"
#include "ops/op.h"
#include "ops/plan_cache.h"
#include "ops/precision.h"
#include "ops/reach.h"
#include "runtime/guard.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- filling --------------------------------------------------------------------------------- */

void acn_call_init(acn_call *c, const acn_op *op) {
    memset(c, 0, offsetof(acn_call, meta));
    c->op = op;
    c->plan = NULL;
    c->workspace = NULL;
    c->arena = (acn_arena){0};
    c->tensors = c->inline_tensors;
}

acn_status acn_call_reserve(acn_call *c, int count) {
    c->tensor_count = count;
    if (count <= ACN_CALL_INLINE_TENSORS) return ACN_OK;
    c->tensors = acn_arena_alloc(&c->arena, (size_t)count * sizeof(acn_tensor));
    if (!c->tensors) return acn_fail(ACN_BAD_ALLOC, "no host memory for %d tensors", count);
    return ACN_OK;
}

void acn_call_set_weak(acn_call *c, int slot, int tensor_index, const acn_scalar *s) {
    acn_dtype dtype = s->dtype;
    switch (acn_dtype_category(dtype)) {
    case 2:
        dtype = ACN_F64;
        memcpy(c->weak[slot], &s->f, sizeof s->f);
        break;
    case 3: {
        float parts[2] = {(float)s->c[0], (float)s->c[1]};
        dtype = ACN_C64;
        memcpy(c->weak[slot], parts, sizeof parts);
        break;
    }
    case 0: {
        uint8_t truth = s->i != 0;
        memcpy(c->weak[slot], &truth, 1);
        break;
    }
    default: /* what I64 cannot hold stays U64: as a float it is large, not negative */
        dtype = dtype == ACN_U64 && s->i < 0 ? ACN_U64 : ACN_I64;
        memcpy(c->weak[slot], &s->i, sizeof s->i);
    }
    acn_tensor *t = &c->tensors[tensor_index];
    *t = (acn_tensor){.data = c->weak[slot], .dtype = dtype, .format = 2};
    c->in_first[slot] = tensor_index;
    c->in_count[slot] = 1;
    c->weak_inputs |= 1u << slot;
}

/* ---- attributes ------------------------------------------------------------------------------ */

int64_t acn_attr_int(const acn_call *c, int slot) {
    const acn_attr_value *v = &c->attr[slot];
    if (!v->is_present) return (int64_t)c->op->attr[slot].fallback;
    return v->i;
}

double acn_attr_float(const acn_call *c, int slot) {
    const acn_attr_value *v = &c->attr[slot];
    return v->is_present ? v->f : c->op->attr[slot].fallback;
}

acn_scalar acn_attr_scalar(const acn_call *c, int slot) {
    const acn_attr_value *v = &c->attr[slot];
    if (v->is_present) return v->scalar;
    double fallback = c->op->attr[slot].fallback;
    if (fallback == (double)(int64_t)fallback)
        return (acn_scalar){.dtype = ACN_I64, .i = (int64_t)fallback};
    return (acn_scalar){.dtype = ACN_F64, .f = fallback};
}

const int64_t *acn_attr_ints(const acn_call *c, int slot, int64_t *out_count) {
    const acn_attr_value *v = &c->attr[slot];
    *out_count = v->is_present ? v->count : 0;
    return v->is_present ? v->items : NULL;
}

void acn_attr_set_scalar(acn_attr_kind kind, acn_attr_value *v, const acn_scalar *s) {
    if (kind == ACN_ATTR_SCALAR)
        v->scalar = *s;
    else if (kind == ACN_ATTR_FLOAT)
        v->f = acn_scalar_f64(s);
    else if (kind == ACN_ATTR_BOOL) /* 0.5 is true */
        v->i = acn_scalar_f64(s) != 0 || acn_scalar_imag(s) != 0;
    else
        v->i = acn_scalar_i64(s);
}

/* ---- infer's vocabulary ---------------------------------------------------------------------- */

void acn_out_is(acn_call *c, int slot, acn_dtype dtype, int rank, const int64_t *dims) {
    c->meta[slot].dtype = dtype;
    c->meta[slot].rank = rank;
    if (rank > 0) memcpy(c->meta[slot].dims, dims, (size_t)rank * sizeof *dims);
}

void acn_out_like(acn_call *c, int slot, acn_dtype dtype, const acn_tensor *like) {
    acn_out_is(c, slot, dtype, like->rank, like->dims);
}

acn_status acn_out_is_attr(acn_call *c, int slot, acn_dtype dtype, int attr) {
    int64_t rank, elements = 1;
    const int64_t *dims = acn_attr_ints(c, attr, &rank);
    const acn_tensor *out = acn_out(c, slot);
    if (!c->attr[attr].is_present) {
        acn_out_is(c, slot, dtype, out ? out->rank : -1, out ? out->dims : NULL);
        return ACN_OK;
    }
    if (rank > ACN_MAX_DIMS)
        return acn_bad_attr(c, attr, "has %lld numbers; expected at most %d", (long long)rank,
                            ACN_MAX_DIMS);
    for (int64_t d = 0; d < rank; d++)
        if (dims[d] < 0 || __builtin_mul_overflow(elements, dims[d] ? dims[d] : 1, &elements) ||
            elements > INT64_MAX / 16)
            return acn_bad_attr(c, attr, "has %lld at %lld; expected sizes of a tensor",
                                (long long)dims[d], (long long)d);
    acn_out_is(c, slot, dtype, (int)rank, dims);
    return ACN_OK;
}

static const char *name_of(const char *public_name, const char *own) {
    return public_name ? public_name : own;
}

const char *acn_input_name(const acn_call *c, int slot) {
    return name_of(c->names ? c->names->in[slot] : NULL, c->op->in[slot].name);
}

static const char *output_name(const acn_call *c, int slot) {
    return name_of(c->names ? c->names->out[slot] : NULL, c->op->out[slot].name);
}

static acn_status fail_about(const char *name, const acn_tensor *t, const char *format,
                             va_list arguments) {
    char what[256], where[160] = "absent";
    vsnprintf(what, sizeof what, format, arguments);
    if (t) acn_tensor_describe(t, where, sizeof where);
    return acn_fail(ACN_INVALID_ARGUMENT, "%s is %s; %s", name, where, what);
}

acn_status acn_bad_input(const acn_call *c, int slot, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    acn_status status = fail_about(acn_input_name(c, slot), acn_in(c, slot), format, arguments);
    va_end(arguments);
    return status;
}

acn_status acn_bad_output(const acn_call *c, int slot, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    acn_status status = fail_about(output_name(c, slot), acn_out(c, slot), format, arguments);
    va_end(arguments);
    return status;
}

acn_status acn_bad_attr(const acn_call *c, int slot, const char *format, ...) {
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return acn_fail(ACN_INVALID_ARGUMENT, "%s %s",
                    name_of(c->names ? c->names->attr[slot] : NULL, c->op->attr[slot].name), what);
}

acn_status acn_wrap_dim(const acn_call *c, int slot, int64_t dim, int rank, int *out_dim) {
    int64_t size = rank ? rank : 1;
    if (dim < -size || dim >= size)
        return acn_bad_attr(c, slot, "is %lld; expected a dimension in [%lld, %lld]",
                            (long long)dim, (long long)-size, (long long)(size - 1));
    *out_dim = (int)(dim < 0 ? dim + size : dim);
    return ACN_OK;
}

acn_status acn_spatial_of(const acn_call *c, int slot, int input, int *out) {
    int64_t spatial = acn_attr_int(c, slot);
    int rank = acn_in(c, input)->rank;
    if (spatial < 1 || spatial > 3)
        return acn_bad_attr(c, slot, "is %lld; expected 1 to 3 dimensions", (long long)spatial);
    if (rank != spatial + 1 && rank != spatial + 2)
        return acn_bad_input(c, input, "expected %d or %d dimensions", (int)spatial + 1,
                             (int)spatial + 2);
    *out = (int)spatial;
    return ACN_OK;
}

void *acn_plan_alloc(acn_call *c, size_t bytes) { return acn_arena_alloc(&c->plan->arena, bytes); }

void acn_out_set_shape(acn_call *c, int slot, int rank, const int64_t *dims) {
    acn_tensor *out = acn_out(c, slot);
    acn_object_tensor *object = out->object;
    acn_tensor shaped;
    acn_tensor_init(&shaped, out->data, out->dtype, rank, dims);
    if (!acn_tensor_is_contiguous(out)) memcpy(shaped.strides, out->strides, sizeof out->strides);
    out->rank = rank;
    memcpy(out->dims, shaped.dims, sizeof out->dims);
    memcpy(out->strides, shaped.strides, sizeof out->strides);
    if (!object) return;
    object->view.rank = rank;
    memcpy(object->view.dims, out->dims, sizeof out->dims);
    memcpy(object->view.strides, out->strides, sizeof out->strides);
}

/* ---- checks ---------------------------------------------------------------------------------- */

static acn_status unsupported_dtype(const char *name, const acn_tensor *t, acn_dtypes allowed) {
    char where[160], list[128] = "";
    size_t used = 0;
    for (int d = 0; d < ACN_DTYPE_COUNT && used < sizeof list; d++)
        if (ACN_HAS(allowed, d))
            used += (size_t)snprintf(list + used, sizeof list - used, " %s",
                                     acn_dtype_name((acn_dtype)d));
    return acn_fail(ACN_INVALID_ARGUMENT, "%s is %s; expected one of:%s", name,
                    acn_tensor_describe(t, where, sizeof where), list);
}

static acn_status check_params(const acn_call *c) {
    for (int s = 0; s < ACN_MAX_INPUTS && c->op->in[s].name; s++) {
        const acn_param *param = &c->op->in[s];
        if (!c->in_count[s] && !(param->flags & (ACN_OPTIONAL | ACN_LIST)))
            return acn_fail(ACN_NULL_POINTER, "%s is NULL; expected a tensor",
                            acn_input_name(c, s));
        if (acn_is_weak(c, s)) continue;
        for (int i = 0; i < c->in_count[s]; i++)
            if (!ACN_HAS(param->dtypes, acn_in_at(c, s, i)->dtype))
                return unsupported_dtype(acn_input_name(c, s), acn_in_at(c, s, i), param->dtypes);
    }
    for (int s = 0; s < ACN_MAX_OUTPUTS && c->op->out[s].name; s++) {
        const acn_param *param = &c->op->out[s];
        if (!c->out_count[s] && !(param->flags & (ACN_OPTIONAL | ACN_LIST)))
            return acn_fail(ACN_NULL_POINTER, "%s is NULL; expected a tensor", output_name(c, s));
        for (int i = 0; i < c->out_count[s]; i++)
            if (!ACN_HAS(param->dtypes, acn_out_at(c, s, i)->dtype))
                return unsupported_dtype(output_name(c, s), acn_out_at(c, s, i), param->dtypes);
    }
    for (int a = 0; a < ACN_MAX_ATTRS && c->op->attr[a].name; a++)
        if (c->op->attr[a].is_required && !c->attr[a].is_present)
            return acn_fail(ACN_NULL_POINTER, "%s is missing; expected a value",
                            name_of(c->names ? c->names->attr[a] : NULL, c->op->attr[a].name));
    return ACN_OK;
}

static acn_status check_outputs(const acn_call *c) {
    for (int s = 0; s < ACN_MAX_OUTPUTS && c->op->out[s].name; s++) {
        const acn_meta *meta = &c->meta[s];
        if (c->out_count[s] != 1 || meta->rank < 0) continue;
        const acn_tensor *out = acn_out(c, s);
        acn_tensor expected;
        char text[160];
        acn_tensor_init(&expected, NULL, meta->dtype, meta->rank, meta->dims);
        bool dtype_fits = meta->dtype == ACN_UNDEFINED || meta->dtype == out->dtype;
        if (dtype_fits && acn_tensor_same_shape(out, &expected)) continue;
        if (meta->dtype == ACN_UNDEFINED) expected.dtype = out->dtype;
        return acn_bad_output(c, s, "expected %s",
                              acn_tensor_describe(&expected, text, sizeof text));
    }
    return ACN_OK;
}

/* True for a view in which each address of its extent belongs to exactly one element. */
static bool is_dense(const acn_tensor *t) {
    const char *low, *high;
    acn_tensor_extent(t, &low, &high);
    return (size_t)(high - low) == (size_t)acn_tensor_count(t) * acn_dtype_bytes(t->dtype);
}

static bool repeats_elements(const acn_tensor *t) {
    bool repeats = false;
    for (int d = 0; d < t->rank; d++) {
        if (t->dims[d] == 0) return false;
        repeats |= t->dims[d] > 1 && t->strides[d] == 0;
    }
    return repeats;
}

/* Element by element the same memory; |part|'s are |scale| to one of |whole|'s. */
static bool lies_as(const acn_tensor *whole, const acn_tensor *part, int64_t scale) {
    if (whole->data != part->data || !acn_tensor_same_shape(whole, part)) return false;
    if (acn_dtype_bytes(whole->dtype) != (size_t)scale * acn_dtype_bytes(part->dtype)) return false;
    for (int d = 0; d < whole->rank; d++)
        if (whole->dims[d] > 1 && scale * whole->strides[d] != part->strides[d]) return false;
    return true;
}

/* The real part of complex numbers counts: element i only touches element i. */
static bool same_view(const acn_tensor *out, const acn_tensor *in) {
    return lies_as(out, in,
                   acn_dtype_is_complex(out->dtype) && !acn_dtype_is_complex(in->dtype) ? 2 : 1);
}

/* Only certain overlap is refused: two dense views that share a part. Interleaved views, such as
 * two column slices of one matrix, share their extents but no element. */
static bool overlaps_partly(const acn_tensor *a, const acn_tensor *b) {
    const char *a_low, *a_high, *b_low, *b_high;
    acn_tensor_extent(a, &a_low, &a_high);
    acn_tensor_extent(b, &b_low, &b_high);
    if (a_low >= b_high || b_low >= a_high) return false;
    return !same_view(a, b) && is_dense(a) && is_dense(b);
}

static acn_status check_pair(const acn_call *c, int out_slot, const acn_tensor *out, int in_slot,
                             const acn_tensor *in) {
    bool is_same = out->data == in->data && acn_tensor_count(out) && acn_tensor_count(in);
    if (is_same && (c->op->in[in_slot].flags & ACN_UNALIASED))
        return acn_bad_output(c, out_slot, "it is %s too; give it memory of its own",
                              acn_input_name(c, in_slot));
    if (overlaps_partly(out, in))
        return acn_bad_output(
            c, out_slot, "its memory partly overlaps %s; give equal views or clone one of them",
            acn_input_name(c, in_slot));
    return ACN_OK;
}

/* Depends on addresses, so it runs for each call, plan or no plan. Members of lists are compared
 * with their own partners only: all pairs would be quadratic in the number of parameters. */
acn_status acn_call_check_overlap(const acn_call *c) {
    if (c->op->flags & ACN_OP_MAY_OVERLAP) return ACN_OK;
    for (int s = 0; s < ACN_MAX_OUTPUTS && c->op->out[s].name; s++)
        for (int i = 0; i < c->out_count[s]; i++) {
            const acn_tensor *out = acn_out_at(c, s, i);
            if (repeats_elements(out))
                return acn_bad_output(c, s, "it repeats elements (a stride is 0); clone it first");
            for (int in = 0; in < ACN_MAX_INPUTS && c->op->in[in].name; in++) {
                bool are_lists = c->out_count[s] > 1 && c->in_count[in] == c->out_count[s];
                int first = are_lists ? i : 0, end = are_lists ? i + 1 : c->in_count[in];
                for (int j = first; j < end; j++)
                    ACN_TRY(check_pair(c, s, out, in, acn_in_at(c, in, j)));
            }
        }
    return ACN_OK;
}

/* ---- the plan's key -------------------------------------------------------------------------- */

enum { KEY_INLINE_WORDS = 192, KEY_INLINE_TENSORS = 16 };

typedef struct key_writer {
    uint64_t *next, *end;
    bool is_full;
} key_writer;

static inline void put(key_writer *w, uint64_t word) {
    if (w->next < w->end)
        *w->next++ = word;
    else
        w->is_full = true;
}

static void put_bytes(key_writer *w, const void *bytes, size_t count) {
    const char *p = bytes;
    for (; count >= 8; count -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        put(w, word);
    }
    uint64_t tail = 0;
    if (count) memcpy(&tail, p, count);
    put(w, tail);
}

static void put_tensor(key_writer *w, const acn_tensor *t) {
    put(w, (uint64_t)(uint32_t)t->dtype | (uint64_t)(uint32_t)t->rank << 32 |
               (uint64_t)(uint16_t)t->format << 48);
    for (int d = 0; d < t->rank; d++) {
        put(w, (uint64_t)t->dims[d]);
        put(w, (uint64_t)t->strides[d]);
    }
}

static size_t attr_item_bytes(acn_attr_kind kind) {
    switch (kind) {
    case ACN_ATTR_INTS:
        return sizeof(int64_t);
    case ACN_ATTR_FLOATS:
        return sizeof(float);
    case ACN_ATTR_BOOLS:
        return 1;
    default:
        return 0;
    }
}

static void put_attr(key_writer *w, const acn_attr_param *param, const acn_attr_value *v) {
    put(w, v->is_present);
    if (!v->is_present || param->is_value) return;
    switch (param->kind) {
    case ACN_ATTR_SCALAR:
        put(w, (uint64_t)v->scalar.dtype);
        break;
    case ACN_ATTR_SCALARS:
        put(w, (uint64_t)v->count);
        for (int64_t i = 0; i < v->count; i++)
            put(w, (uint64_t)((const acn_scalar *)v->items)[i].dtype);
        break;
    case ACN_ATTR_STRING:
        put_bytes(w, v->text, strlen(v->text));
        break;
    case ACN_ATTR_INTS:
    case ACN_ATTR_FLOATS:
    case ACN_ATTR_BOOLS:
        put(w, (uint64_t)v->count);
        put_bytes(w, v->items, (size_t)v->count * attr_item_bytes(param->kind));
        break;
    default:
        put(w, (uint64_t)v->i);
    }
}

/* Words that the key of |c| may take: few tensors fit on the stack, lists as long as a model has
 * parameters do not. */
static size_t key_room(const acn_call *c) {
    if (c->tensor_count <= KEY_INLINE_TENSORS) return KEY_INLINE_WORDS;
    size_t words = KEY_INLINE_WORDS + (size_t)c->tensor_count * (1 + 2 * ACN_MAX_DIMS);
    for (int a = 0; a < ACN_MAX_ATTRS && c->op->attr[a].name; a++)
        if (c->attr[a].is_present && c->op->attr[a].kind == ACN_ATTR_SCALARS)
            words += (size_t)c->attr[a].count;
    return words;
}

/* False when the key does not fit; the call is then planned afresh. */
static bool write_key(const acn_call *c, key_writer *w) {
    put(w, (uint64_t)(uintptr_t)c->op);
    put(w, (uint64_t)(uintptr_t)acn_kernels_get() ^ (uint64_t)acn_precision_get());
    put(w, c->weak_inputs);
    for (int s = 0; s < ACN_MAX_INPUTS && c->op->in[s].name; s++)
        put(w, (uint64_t)c->in_count[s]);
    for (int s = 0; s < ACN_MAX_OUTPUTS && c->op->out[s].name; s++)
        put(w, (uint64_t)c->out_count[s]);
    for (int i = 0; i < c->tensor_count; i++)
        put_tensor(w, &c->tensors[i]);
    for (int a = 0; a < ACN_MAX_ATTRS && c->op->attr[a].name; a++)
        put_attr(w, &c->op->attr[a], &c->attr[a]);
    return !w->is_full;
}

static uint64_t hash_words(const uint64_t *words, size_t count) {
    uint64_t h = 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < count; i++) {
        h = (h ^ words[i]) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return h;
}

/* ---- prepare, run, release ------------------------------------------------------------------- */

static acn_status check_values(const acn_call *c) {
    return c->op->check ? c->op->check(c) : ACN_OK;
}

/* An attribute may ask for more than can be counted; bytes must fit, whatever the type. */
static acn_status check_size(const acn_call *c, int slot) {
    const acn_meta *m = &c->meta[slot];
    int64_t elements = 1;
    for (int d = 0; d < m->rank; d++)
        if (m->dims[d] < 0 ||
            __builtin_mul_overflow(elements, m->dims[d] ? m->dims[d] : 1, &elements) ||
            elements > INT64_MAX / 16)
            return acn_fail(ACN_INVALID_ARGUMENT,
                            "%s of %s would have dimension %d of size %lld: more elements than can "
                            "be counted",
                            c->op->out[slot].name, c->op->name, d, (long long)m->dims[d]);
    return ACN_OK;
}

acn_status acn_call_infer(acn_call *c) {
    ACN_TRY(check_params(c));
    for (int s = 0; s < ACN_MAX_OUTPUTS; s++)
        c->meta[s] = (acn_meta){.dtype = ACN_UNDEFINED, .rank = -1};
    ACN_TRY(c->op->infer(c));
    for (int s = 0; s < ACN_MAX_OUTPUTS && c->op->out[s].name; s++)
        ACN_TRY(check_size(c, s));
    return check_values(c);
}

static acn_status make_plan(acn_call *c) {
    acn_plan *plan = calloc(1, sizeof *plan);
    if (!plan) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    plan->references = 1;
    plan->run = c->op->run;
    c->plan = plan;
    acn_status status = ACN_OK;
    /* Level 0 needs no plan: it reads everything from the call. */
    if (acn_precision_get() == ACN_PRECISION_EXACT && c->op->run0)
        plan->run = c->op->run0;
    else if (c->op->plan)
        status = c->op->plan(c);
    const acn_device_backend *backend;
    if (status == ACN_OK) status = acn_device_backend_get(&backend);
    if (status == ACN_OK && backend->launch) plan->run = backend->launch;
    if (status == ACN_OK) return ACN_OK;
    acn_plan_release(plan);
    c->plan = NULL;
    return status;
}

acn_status acn_call_prepare(acn_call *c) {
    uint64_t inline_words[KEY_INLINE_WORDS], *words = inline_words;
    size_t room = key_room(c);
    if (room > KEY_INLINE_WORDS && !(words = acn_arena_alloc(&c->arena, room * sizeof *words)))
        return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan's key");
    key_writer writer = {words, words + room, false};
    bool has_key = write_key(c, &writer);
    size_t count = (size_t)(writer.next - words);
    uint64_t hash = has_key ? hash_words(words, count) : 0;
    if (has_key) c->plan = acn_plan_cache_find(hash, words, count * 8);
    acn_status status;
    if (c->plan) {
        status = check_values(c);
    } else {
        status = acn_call_infer(c);
        if (status == ACN_OK) status = check_outputs(c);
    }
    if (status == ACN_OK) status = acn_call_check_overlap(c);
    if (status != ACN_OK) { /* the call's memory stays the caller's to release */
        if (c->plan) acn_plan_release(c->plan);
        c->plan = NULL;
        return status;
    }
    if (c->plan) return ACN_OK;
    ACN_TRY(make_plan(c));
    if (!has_key || !(c->plan->key = malloc(count * 8))) return ACN_OK;
    memcpy(c->plan->key, words, count * 8);
    c->plan->key_bytes = (uint32_t)(count * 8);
    c->plan->hash = hash;
    acn_plan_cache_add(c->plan);
    return ACN_OK;
}

acn_status acn_call_run(acn_call *c, void *workspace) {
    c->workspace = workspace;
    if (acn_guard_is_needed()) ACN_TRY(acn_call_reach(c));
    return c->plan->run(c);
}

void acn_call_release(acn_call *c) {
    if (c->plan) acn_plan_release(c->plan);
    c->plan = NULL;
    acn_arena_release(&c->arena);
}

/* Lists of the call live in its arena or in client objects, so the copy takes its own. */
static acn_status clone_lists(acn_call *copy, const acn_call *c) {
    for (int a = 0; a < ACN_MAX_ATTRS && c->op->attr[a].name; a++) {
        acn_attr_kind kind = c->op->attr[a].kind;
        size_t item = kind == ACN_ATTR_SCALARS ? sizeof(acn_scalar) : attr_item_bytes(kind);
        acn_attr_value *v = &copy->attr[a];
        if (!v->is_present) continue;
        if (kind == ACN_ATTR_STRING)
            v->text = acn_arena_copy(&copy->arena, v->text, strlen(v->text) + 1);
        else if (item && v->count)
            v->items = acn_arena_copy(&copy->arena, v->items, item * (size_t)v->count);
        else
            continue;
        if (!v->text)
            return acn_fail(ACN_BAD_ALLOC, "no host memory for attribute %s", c->op->attr[a].name);
    }
    return ACN_OK;
}

acn_status acn_call_clone(acn_call *copy, const acn_call *c) {
    *copy = *c;
    copy->arena = (acn_arena){0};
    copy->tensors = copy->inline_tensors;
    acn_plan_retain(copy->plan);
    acn_status status = acn_call_reserve(copy, c->tensor_count);
    if (status == ACN_OK) status = clone_lists(copy, c);
    if (status != ACN_OK) {
        acn_call_release(copy);
        return status;
    }
    memcpy(copy->tensors, c->tensors, (size_t)c->tensor_count * sizeof *c->tensors);
    for (int s = 0; s < ACN_MAX_INPUTS; s++)
        if (acn_is_weak(c, s)) copy->tensors[c->in_first[s]].data = copy->weak[s];
    return ACN_OK;
}
