/* subject.c - builds calls from cases; see subject.h. */
#include "subject.h"
#include "ops/plan_cache.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATTERN = 0xa5 };

/* ---- which types ----------------------------------------------------------------------------- */

static int first_tensor(const test_case *c) {
    for (int i = 0; i < c->in_count; i++)
        if (c->in[i].kind == TENSORS) return i;
    return -1;
}

acn_dtypes case_types(const acn_op *op, const test_case *c) {
    int slot = first_tensor(c);
    if (slot < 0) {
        acn_dtypes said = c->out_count ? c->out[0].member[0].types : 0;
        return said ? said : op->out[0].dtypes;
    }
    acn_dtypes said = c->in[slot].member[0].types;
    return said ? said & op->in[slot].dtypes : op->in[slot].dtypes;
}

int64_t case_elements(const test_case *c) {
    int64_t largest = 0;
    for (int i = 0; i < c->in_count + c->out_count; i++) {
        const operand *o = i < c->in_count ? &c->in[i] : &c->out[i - c->in_count];
        for (int m = 0; m < o->count; m++) {
            int64_t count = 1;
            for (int d = 0; d < o->member[m].rank; d++)
                count *= o->member[m].dims[d];
            if (count > largest) largest = count;
        }
    }
    return largest;
}

static acn_dtype lowest(acn_dtypes set) {
    for (int d = 0; d < ACN_DTYPE_COUNT; d++)
        if (ACN_HAS(set, d)) return (acn_dtype)d;
    return ACN_UNDEFINED;
}

/* A type for an operand: its own, or the first operand's when the slot takes that. */
static acn_dtype type_for(acn_dtypes said, acn_dtypes allowed, acn_dtype driver) {
    if (ACN_HAS(said, driver)) return driver;
    if (said) return lowest(said);
    return ACN_HAS(allowed, driver) ? driver : lowest(allowed);
}

/* ---- values ---------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static const double special_floats[] = {
    NAN,       INFINITY, -INFINITY, 0.0,     -0.0, 0x1p-149, -0x1p-140, 0x1p-126,
    FLT_MAX,   -FLT_MAX, 65504.,    0x1p-24, 0.5,  -1.5,     2.5,       1e-8,
    88.5,      -104,     0x1p24,    3e38,    1.0,  -1.0,     16777217., 0x1p-30,
    1.0000001, 89.5,     -87.4,     1e5,     -1e5, 33.};
static const int64_t special_ints[] = {
    0,          1,         -1,      INT64_MAX,       INT64_MIN, INT32_MAX, INT32_MIN,       127,
    -128,       255,       32767,   -32768,          65535,     1ll << 53, (1ll << 53) + 1, -7,
    UINT32_MAX, 1ll << 32, 1000003, -(1ll << 53) - 1};

static acn_value value_at(const shape *spec, values how, acn_dtype dtype, uint64_t seed,
                          int64_t index) {
    uint64_t bits = mix(seed * 1000003u + (uint64_t)index);
    double unit = (double)(bits >> 11) * 0x1p-53;
    acn_value v = {0};
    if (spec->has_range) {
        double span = spec->high - spec->low;
        v.i = (int64_t)spec->low + (int64_t)(unit * (span + 1));
        v.f = spec->low + unit * span;
        if (!acn_dtype_is_float(dtype)) v.f = (double)v.i;
        return v;
    }
    bool is_special = how == SPECIAL && bits % 3 != 0;
    uint64_t pick = bits >> 20;
    if (acn_dtype_is_float(dtype) || acn_dtype_is_complex(dtype)) {
        v.f = is_special ? special_floats[pick % (sizeof special_floats / sizeof(double))]
                         : 4 * unit - 2;
        v.im = 3 * ((double)(mix(bits) >> 11) * 0x1p-53) - 1.5;
        return v;
    }
    v.i = is_special ? special_ints[pick % (sizeof special_ints / sizeof(int64_t))]
                     : (int64_t)(unit * 19) - 9;
    if (dtype == ACN_BOOL) v.i = (int64_t)(bits & 1);
    v.f = (double)v.i;
    return v;
}

/* ---- tensors --------------------------------------------------------------------------------- */

/* Strides of |t| in the given layout; returns the elements that the storage must have. */
static int64_t lay_out(acn_tensor *t, layout how) {
    int64_t span = 1;
    if (how == STRIDED) {
        int64_t step = 2;
        for (int d = 0; d < t->rank; d++) {
            t->strides[d] = step;
            step *= t->dims[d] ? t->dims[d] : 1;
        }
        return step + 1;
    }
    for (int d = t->rank - 1; d >= 0; d--) {
        t->strides[d] = span;
        span *= t->dims[d] ? t->dims[d] : 1;
    }
    for (int d = 0; how == REPEATED && d < t->rank; d++)
        if (t->dims[d] > 1) {
            t->strides[d] = 0;
            break;
        }
    return span;
}

static bool allocate(subject *s, int index, acn_tensor *t, layout how) {
    block *b = &s->block[index];
    size_t element = acn_dtype_bytes(t->dtype);
    b->bytes = (size_t)lay_out(t, how) * element;
    b->memory = aligned_alloc(64, (b->bytes + 2 * GUARD_BYTES + 63) / 64 * 64);
    b->before = malloc(b->bytes);
    if (!b->memory || !b->before) return false;
    memset(b->memory, PATTERN, b->bytes + 2 * GUARD_BYTES);
    t->data = b->memory + GUARD_BYTES + (how == STRIDED ? element : 0);
    return true;
}

static void fill(const acn_tensor *t, const shape *spec, values how, uint64_t seed) {
    int64_t count = acn_tensor_count(t);
    for (int64_t i = 0; i < count; i++)
        acn_store_value(acn_tensor_at(t, i), t->dtype, value_at(spec, how, t->dtype, seed, i));
}

static acn_tensor tensor_of(const shape *spec, acn_dtype dtype) {
    acn_tensor t;
    acn_tensor_init(&t, NULL, dtype, spec->rank, spec->dims);
    return t;
}

/* A bare tensor in a list's slot stands for two of them. */
static int members(const acn_param *param, const operand *o) {
    return (param->flags & ACN_LIST) && !o->is_list ? 2 : o->count;
}

static const shape *member(const operand *o, int i) { return &o->member[o->is_list ? i : 0]; }

static bool add_inputs(subject *s, const test_case *c, const variant *v, int *used) {
    for (int slot = 0; slot < c->in_count; slot++) {
        const operand *o = &c->in[slot];
        const acn_param *param = &s->op->in[slot];
        if (!param->name) return snprintf(s->problem, sizeof s->problem, "too many inputs"), false;
        s->call.in_first[slot] = *used;
        if (o->kind == SCALAR) acn_call_set_weak(&s->call, slot, (*used)++, &o->scalar);
        for (int i = 0; o->kind == TENSORS && i < members(param, o); i++, ++*used) {
            const shape *spec = member(o, i);
            acn_tensor t = tensor_of(spec, type_for(spec->types, param->dtypes, v->dtype));
            if (!allocate(s, *used, &t, v->in)) return false;
            fill(&t, spec, v->values, (uint64_t)(slot * 16 + i + 1));
            s->call.tensors[*used] = t;
            s->call.in_count[slot]++;
        }
    }
    return true;
}

/* ---- attributes ------------------------------------------------------------------------------ */

static acn_scalar scalar_of(const char *text) {
    if (strpbrk(text, ".ena")) return (acn_scalar){.dtype = ACN_F64, .f = strtod(text, NULL)};
    return (acn_scalar){.dtype = ACN_I64, .i = strtoll(text, NULL, 10)};
}

static void set_list(list_values *s, acn_attr_value *v, acn_attr_kind kind, const attribute *a) {
    v->count = a->is_list ? a->count : 1;
    for (int i = 0; i < v->count; i++) {
        const char *text = a->is_list ? a->item[i] : a->text;
        s->ints[i] = strtoll(text, NULL, 10);
        s->floats[i] = strtof(text, NULL);
        s->bools[i] = s->ints[i] != 0 || *text == 't';
        s->scalars[i] = scalar_of(text);
    }
    v->items = kind == ACN_ATTR_INTS     ? (const void *)s->ints
               : kind == ACN_ATTR_FLOATS ? (const void *)s->floats
               : kind == ACN_ATTR_BOOLS  ? (const void *)s->bools
                                         : (const void *)s->scalars;
}

static bool set_attribute(subject *s, const attribute *a) {
    for (int slot = 0; slot < ACN_MAX_ATTRS && s->op->attr[slot].name; slot++) {
        if (strcmp(s->op->attr[slot].name, a->name) != 0) continue;
        acn_attr_value *v = &s->call.attr[slot];
        acn_attr_kind kind = s->op->attr[slot].kind;
        v->is_present = true;
        memcpy(s->names[slot], a->text, sizeof a->text);
        if (kind == ACN_ATTR_INT)
            v->i = strtoll(a->text, NULL, 10);
        else if (kind == ACN_ATTR_BOOL)
            v->i = *a->text == '1' || *a->text == 't';
        else if (kind == ACN_ATTR_FLOAT)
            v->f = strtod(a->text, NULL);
        else if (kind == ACN_ATTR_STRING)
            v->text = s->names[slot];
        else if (kind == ACN_ATTR_SCALAR)
            v->scalar = scalar_of(a->text);
        else if (kind == ACN_ATTR_DTYPE)
            v->i = acn_dtype_from_name(a->text);
        else
            set_list(&s->lists[slot], v, kind, a);
        return true;
    }
    return snprintf(s->problem, sizeof s->problem, "no attribute %s", a->name), false;
}

/* ---- outputs --------------------------------------------------------------------------------- */

static bool say_refusal(subject *s, const char *step) {
    const char *text = acn_error_take();
    snprintf(s->problem, sizeof s->problem, "%s: %s", step, text ? text : "no error text");
    return false;
}

/* The input whose shape an output has by default: a list, if there is one. */
static int first_input(const acn_call *call) {
    for (int slot = 0; slot < ACN_MAX_INPUTS && call->op->in[slot].name; slot++)
        if (call->op->in[slot].flags & ACN_LIST) return slot;
    return 0;
}

/* Gives every output a tensor of |dtype| where the slot lets it, shaped as infer or the case says.
 */
static bool add_outputs(subject *s, const test_case *c, const variant *v, int first,
                        acn_dtype dtype) {
    acn_call *call = &s->call;
    int used = first;
    for (int slot = 0; slot < ACN_MAX_OUTPUTS && s->op->out[slot].name; slot++) {
        const acn_param *param = &s->op->out[slot];
        const operand *o = slot < c->out_count ? &c->out[slot] : NULL;
        acn_dtypes said = o && o->count ? o->member[0].types : 0;
        bool is_list = param->flags & ACN_LIST;
        int like = first_input(call);
        int count = o ? o->count : is_list ? call->in_count[like] : 1;
        call->out_first[slot] = used;
        call->out_count[slot] = count;
        for (int i = 0; i < count; i++, used++) {
            shape none = {0};
            acn_tensor t = tensor_of(o ? &o->member[i] : &none, ACN_F32);
            if (!o && like < c->in_count && c->in[like].kind == TENSORS)
                t = *acn_in_at(call, like, is_list ? i : 0); /* until infer says better */
            t.dtype = type_for(said, param->dtypes, dtype);
            call->tensors[used] = t;
        }
    }
    if (acn_call_infer(call) != ACN_OK) return say_refusal(s, "infer");
    for (int slot = 0; slot < ACN_MAX_OUTPUTS && call->out_count[slot]; slot++) {
        const acn_meta *meta = &call->meta[slot];
        for (int i = 0; i < call->out_count[slot]; i++) {
            int at = call->out_first[slot] + i;
            acn_tensor *t = &call->tensors[at];
            if (meta->dtype != ACN_UNDEFINED) t->dtype = meta->dtype;
            if (meta->rank >= 0 && call->out_count[slot] == 1)
                acn_tensor_init(t, NULL, t->dtype, meta->rank, meta->dims);
            if (v->in_place && slot == 0) {
                int source = call->in_first[0] + i;
                if (!acn_tensor_same_shape(t, &call->tensors[source]) ||
                    t->dtype != call->tensors[source].dtype)
                    return snprintf(s->problem, sizeof s->problem, "not possible in place"), false;
                *t = call->tensors[source];
            } else if (!allocate(s, at, t, v->out)) {
                return false;
            }
        }
    }
    call->tensor_count = used;
    return true;
}

static void drop_outputs(subject *s, int first) {
    for (int i = first; i < MAX_TENSORS; i++) {
        free(s->block[i].memory);
        free(s->block[i].before);
        s->block[i] = (block){0};
    }
    memset(s->call.out_count, 0, sizeof s->call.out_count);
}

/* An output's type is the client's choice where infer leaves it open: the first that phase 1 takes.
 */
static bool find_outputs(subject *s, const test_case *c, const variant *v, int first) {
    const acn_dtype wishes[] = {v->dtype, ACN_F32, ACN_BOOL, ACN_I32, ACN_I64, ACN_F64, ACN_C64};
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        if (!ACN_HAS(s->op->out[0].dtypes, wishes[i])) continue;
        if (add_outputs(s, c, v, first, wishes[i])) {
            acn_plan_cache_clear();
            if (acn_call_prepare(&s->call) == ACN_OK) {
                acn_plan_release(s->call.plan);
                s->call.plan = NULL;
                return true;
            }
            say_refusal(s, "phase 1");
        }
        drop_outputs(s, first);
    }
    return false;
}

bool subject_build(subject *s, const acn_op *op, const test_case *c, const variant *v) {
    memset(s, 0, sizeof *s);
    s->op = op;
    acn_call_init(&s->call, op);
    if (acn_call_reserve(&s->call, MAX_TENSORS) != ACN_OK) return false;
    memset(s->call.tensors, 0, MAX_TENSORS * sizeof *s->call.tensors);
    int used = 0;
    if (!add_inputs(s, c, v, &used)) return false;
    for (int i = 0; i < c->attr_count; i++)
        if (!set_attribute(s, &c->attr[i])) return false;
    if (!find_outputs(s, c, v, used)) return false;
    for (int i = 0; i < s->call.tensor_count; i++)
        if (s->block[i].memory)
            memcpy(s->block[i].before, s->block[i].memory + GUARD_BYTES, s->block[i].bytes);
    return true;
}

/* ---- running --------------------------------------------------------------------------------- */

bool subject_run(subject *s) {
    acn_plan_cache_clear(); /* plans depend on the pool's size, which tests change */
    if (acn_call_prepare(&s->call) != ACN_OK) return say_refusal(s, "phase 1");
    s->workspace_bytes = s->call.plan->workspace_bytes;
    s->workspace = aligned_alloc(64, (s->workspace_bytes + GUARD_BYTES + 63) / 64 * 64);
    if (!s->workspace) return false;
    memset(s->workspace, PATTERN, s->workspace_bytes + GUARD_BYTES);
    if (acn_call_run(&s->call, s->workspace) != ACN_OK) return say_refusal(s, "phase 2");
    return true;
}

bool subject_run0(subject *s) {
    s->call.plan = NULL;
    return s->op->run0(&s->call) == ACN_OK || say_refusal(s, "level 0");
}

static bool is_output(const subject *s, int tensor) {
    for (int slot = 0; slot < ACN_MAX_OUTPUTS; slot++)
        for (int i = 0; i < s->call.out_count[slot]; i++) {
            int at = s->call.out_first[slot] + i;
            if (at == tensor || s->call.tensors[at].data == s->call.tensors[tensor].data)
                return true;
        }
    return false;
}

static bool all_pattern(const char *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)p[i] != PATTERN) return false;
    return true;
}

static bool gaps_kept(const acn_tensor *t, const block *b) {
    char *expected = malloc(b->bytes);
    if (!expected) return false;
    memcpy(expected, b->before, b->bytes);
    size_t element = acn_dtype_bytes(t->dtype);
    const char *content = b->memory + GUARD_BYTES;
    for (int64_t i = 0; i < acn_tensor_count(t); i++) { /* elements may be anything */
        const char *at = acn_tensor_at(t, i);
        memcpy(expected + (at - content), at, element);
    }
    bool is_kept = memcmp(expected, content, b->bytes) == 0;
    free(expected);
    return is_kept;
}

bool subject_is_clean(subject *s) {
    for (int i = 0; i < s->call.tensor_count; i++) {
        const block *b = &s->block[i];
        if (!b->memory) continue;
        const char *what = NULL;
        if (!all_pattern(b->memory, GUARD_BYTES))
            what = "wrote before a tensor";
        else if (!all_pattern(b->memory + GUARD_BYTES + b->bytes, GUARD_BYTES))
            what = "wrote behind a tensor";
        else if (is_output(s, i) && !gaps_kept(&s->call.tensors[i], b))
            what = "wrote between elements";
        else if (!is_output(s, i) && memcmp(b->before, b->memory + GUARD_BYTES, b->bytes) != 0)
            what = "changed an input";
        if (what) return snprintf(s->problem, sizeof s->problem, "%s (number %d)", what, i), false;
    }
    if (s->workspace && !all_pattern(s->workspace + s->workspace_bytes, GUARD_BYTES))
        return snprintf(s->problem, sizeof s->problem, "wrote behind the workspace"), false;
    return true;
}

void subject_release(subject *s) {
    for (int i = 0; i < MAX_TENSORS; i++) {
        free(s->block[i].memory);
        free(s->block[i].before);
    }
    free(s->workspace);
    acn_call_release(&s->call);
}
