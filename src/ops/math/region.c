/* region.c - see region.h. */
#include "ops/math/region.h"

#include "ops/layout/copy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMULA };

/* ---- formulas -------------------------------------------------------------------------------- */

bool acn_region_takes(const acn_op *op) {
    const acn_elementwise *e = op->family;
    if (op->run != acn_elementwise_run || e->conditions || e->gives_bool) return false;
    if (!ACN_HAS(op->out[0].dtypes, ACN_F32)) return false;
    int inputs = 0;
    while (inputs < ACN_MAX_INPUTS && op->in[inputs].name) {
        if (!ACN_HAS(op->in[inputs].dtypes, ACN_F32) || op->in[inputs].flags & ACN_LIST)
            return false;
        inputs++;
    }
    for (int s = 0; s < ACN_MAX_ATTRS && op->attr[s].name; s++) {
        acn_attr_kind kind = op->attr[s].kind;
        if (kind != ACN_ATTR_INT && kind != ACN_ATTR_BOOL && kind != ACN_ATTR_FLOAT &&
            kind != ACN_ATTR_SCALAR)
            return false;
    }
    return inputs <= ACN_REGION_OPERANDS;
}

/* The next word of |*at|, which ends before one of |ends|. */
static bool next_word(const char **at, const char *ends, char *word, size_t room) {
    size_t n = strcspn(*at, ends);
    if (n == 0 || n >= room) return false;
    memcpy(word, *at, n);
    word[n] = 0;
    *at += n;
    return true;
}

static bool parse_index(const char *text, int count, int *out) {
    char *end;
    long index = strtol(text, &end, 10);
    *out = (int)index;
    return end != text && !*end && index >= 0 && index < count;
}

static bool parse_operand(const acn_region *r, const char *word, acn_region_operand *out) {
    char *end;
    *out = (acn_region_operand){.source = ACN_REGION_NUMBER};
    switch (word[0]) {
    case 'x':
        out->source = ACN_REGION_INPUT;
        return parse_index(word + 1, ACN_REGION_INPUTS, &out->index);
    case 's':
        out->source = ACN_REGION_STEP;
        return parse_index(word + 1, r->step_count, &out->index);
    case '#':
        out->number = strtod(word + 1, &end);
        return end != word + 1 && !*end;
    default:
        return false;
    }
}

static bool parse_attr(acn_region_step *s, const char *name, const char *value) {
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end) return false;
    for (int a = 0; a < ACN_MAX_ATTRS && s->op->attr[a].name; a++) {
        if (strcmp(s->op->attr[a].name, name) != 0) continue;
        const acn_scalar scalar = {.dtype = ACN_F64, .f = number};
        s->attr[a].is_present = true;
        acn_attr_set_scalar(s->op->attr[a].kind, &s->attr[a], &scalar);
        return true;
    }
    return false;
}

static bool parse_step(acn_region *r, const char **at) {
    acn_region_step *s = &r->step[r->step_count];
    char word[64];
    if (!next_word(at, ":/", word, sizeof word)) return false;
    *s = (acn_region_step){.op = acn_op_find(word)};
    if (s->op == NULL || !acn_region_takes(s->op)) return false;
    while (**at == ':') {
        ++*at;
        if (!next_word(at, ":/", word, sizeof word)) return false;
        char *value = strchr(word, '~');
        if (value) {
            *value = 0;
            if (!parse_attr(s, word, value + 1)) return false;
            continue;
        }
        if (s->operand_count == ACN_REGION_OPERANDS || !s->op->in[s->operand_count].name)
            return false;
        acn_region_operand *operand = &s->operand[s->operand_count++];
        if (!parse_operand(r, word, operand)) return false;
        if (operand->source == ACN_REGION_INPUT && operand->index >= r->input_count)
            r->input_count = operand->index + 1;
    }
    for (int i = s->operand_count; i < ACN_MAX_INPUTS && s->op->in[i].name; i++)
        if (!(s->op->in[i].flags & ACN_OPTIONAL)) return false;
    return s->operand_count > 0;
}

bool acn_region_parse(const char *formula, acn_region *out) {
    *out = (acn_region){.step_count = 0};
    while (out->step_count < ACN_REGION_STEPS && parse_step(out, &formula)) {
        out->step_count++;
        if (!*formula) return true;
        if (*formula++ != '/') return false;
    }
    return false;
}

static double attr_number(const acn_attr_param *param, const acn_attr_value *v) {
    if (param->kind == ACN_ATTR_FLOAT) return v->f;
    return param->kind == ACN_ATTR_SCALAR ? acn_scalar_f64(&v->scalar) : (double)v->i;
}

bool acn_region_write(const acn_region *r, char *text, size_t room) {
    static const char kinds[] = {
        [ACN_REGION_INPUT] = 'x', [ACN_REGION_STEP] = 's', [ACN_REGION_NUMBER] = '#'};
    size_t used = 0;
    for (int i = 0; i < r->step_count && used < room; i++) {
        const acn_region_step *s = &r->step[i];
        used += (size_t)snprintf(text + used, room - used, "%s%s", i ? "/" : "", s->op->name);
        for (int o = 0; o < s->operand_count && used < room; o++) {
            const acn_region_operand *x = &s->operand[o];
            const char *form = x->source == ACN_REGION_NUMBER ? ":%c%a" : ":%c%.0f";
            double number = x->source == ACN_REGION_NUMBER ? x->number : x->index;
            used += (size_t)snprintf(text + used, room - used, form, kinds[x->source], number);
        }
        for (int a = 0; a < ACN_MAX_ATTRS && s->op->attr[a].name && used < room; a++)
            if (s->attr[a].is_present)
                used += (size_t)snprintf(text + used, room - used, ":%s~%a", s->op->attr[a].name,
                                         attr_number(&s->op->attr[a], &s->attr[a]));
    }
    return used < room;
}

/* ---- programs -------------------------------------------------------------------------------- */

/* A call of the step's operator, as its formula wants to see it: f32 everywhere. */
static void init_call(const acn_region_step *s, acn_call *c) {
    const int64_t one = 1;
    acn_call_init(c, s->op);
    memcpy(c->attr, s->attr, sizeof c->attr);
    c->tensor_count = s->operand_count + 1;
    for (int i = 0; i <= s->operand_count; i++) {
        acn_tensor_init(&c->inline_tensors[i], NULL, ACN_F32, 1, &one);
        if (i == s->operand_count) break;
        c->in_first[i] = i;
        c->in_count[i] = 1;
    }
    c->tensors = c->inline_tensors;
    c->out_first[0] = s->operand_count;
    c->out_count[0] = 1;
}

/* Attributes of a step are numbers of the program. */
static void fix_attrs(acn_program *p, int first, const acn_call *c) {
    for (int i = first; i < p->load_count; i++) {
        acn_tile_load *load = &p->load[i];
        if (load->source != ACN_FROM_ATTR) continue;
        acn_attr_kind kind = c->op->attr[load->index].kind;
        acn_scalar scalar = {.f = 0};
        if (kind == ACN_ATTR_SCALAR) scalar = acn_attr_scalar(c, load->index);
        load->constant = kind == ACN_ATTR_FLOAT    ? acn_attr_float(c, load->index)
                         : kind == ACN_ATTR_SCALAR ? acn_scalar_f64(&scalar)
                                                   : (double)acn_attr_int(c, load->index);
        load->source = ACN_FROM_CONST;
    }
}

static acn_reg emit_step(acn_program *p, const acn_region_step *s, const acn_reg *in) {
    const acn_elementwise *e = s->op->family;
    acn_call c;
    init_call(s, &c);
    int first = p->load_count, form = e->form ? e->form(&c) : 0;
    acn_body body = form ? e->forms[form - 1] : e->body;
    int count = s->operand_count;
    acn_reg result = body
                         ? body(p, &c, in, ACN_K_F32)
                         : acn_p3(p, e->micro, in[0], in[count > 1 ? 1 : 0], in[count > 2 ? 2 : 0]);
    fix_attrs(p, first, &c);
    acn_call_release(&c);
    return result;
}

static void emit(const acn_region *r, acn_program *p) {
    acn_reg made[ACN_REGION_STEPS] = {0}, in[ACN_MAX_INPUTS] = {0};
    for (int i = 0; i < r->step_count; i++) {
        const acn_region_step *s = &r->step[i];
        for (int o = 0; o < s->operand_count; o++) {
            const acn_region_operand *x = &s->operand[o];
            in[o] = x->source == ACN_REGION_INPUT  ? acn_p_input(p, x->index, ACN_K_F32)
                    : x->source == ACN_REGION_STEP ? made[x->index]
                                                   : acn_p_const(p, x->number, ACN_K_F32);
        }
        made[i] = emit_step(p, s, in);
    }
    acn_p_store(p, made[r->step_count - 1]);
}

bool acn_region_fits(const acn_region *r) {
    acn_program p = {0};
    emit(r, &p);
    return !p.is_broken;
}

/* ---- the operator ---------------------------------------------------------------------------- */

static acn_status read_region(const acn_call *c, acn_region *out) {
    const acn_attr_value *v = &c->attr[FORMULA];
    if (!v->is_present || !acn_region_parse(v->text, out))
        return acn_bad_attr(c, FORMULA, "is \"%s\"; expected steps such as Mul:x0:x1/Relu:s0",
                            v->is_present ? v->text : "");
    if (out->input_count > acn_in_count(c, 0))
        return acn_bad_input(c, 0, "its formula reads %d of them", out->input_count);
    return ACN_OK;
}

static acn_status infer(acn_call *c) {
    acn_region region;
    int rank = 0;
    int64_t dims[ACN_MAX_DIMS];
    ACN_TRY(read_region(c, &region));
    for (int i = 0; i < acn_in_count(c, 0); i++) {
        const acn_tensor *t = acn_in_at(c, 0, i);
        if (!acn_shape_broadcast(&rank, dims, t->rank, t->dims))
            return acn_bad_input(c, 0, "the shape of number %d does not broadcast", i);
    }
    acn_out_is(c, 0, ACN_F32, rank, dims);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    acn_region region;
    acn_program p = {0};
    acn_tile_plan *tiles;
    int inputs[ACN_REGION_INPUTS];
    ACN_TRY(read_region(c, &region));
    for (int i = 0; i < region.input_count; i++)
        inputs[i] = c->in_first[0] + i;
    emit(&region, &p);
    ACN_TRY(acn_tile_bind(c, &p, &c->out_first[0], inputs, region.input_count, &tiles));
    c->plan->data = tiles;
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    acn_tile_run(c->plan->data, c);
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static double element(const acn_tensor *t, const acn_tensor *out, int64_t linear) {
    acn_tensor wide = acn_tensor_broadcast(t, out->rank, out->dims);
    return acn_load_value(acn_tensor_at(&wide, linear), ACN_F32).f;
}

static void read_attrs(const acn_region_step *s, acn_value *attr) {
    for (int a = 0; a < ACN_MAX_ATTRS && s->op->attr[a].name; a++) {
        const acn_attr_param *param = &s->op->attr[a];
        double number = s->attr[a].is_present ? attr_number(param, &s->attr[a]) : param->fallback;
        attr[a] = (acn_value){.f = (float)number, .i = (int64_t)number};
    }
}

static acn_status run0(acn_call *c) {
    acn_region r;
    const acn_tensor *y = acn_out(c, 0);
    ACN_TRY(read_region(c, &r));
    for (int64_t e = 0; e < acn_tensor_count(y); e++) {
        double made[ACN_REGION_STEPS];
        for (int i = 0; i < r.step_count; i++) {
            const acn_region_step *s = &r.step[i];
            const acn_elementwise *definition = s->op->family;
            acn_value in[ACN_MAX_INPUTS] = {{0}}, attr[ACN_MAX_ATTRS] = {{0}};
            for (int o = 0; o < ACN_MAX_INPUTS && definition->absent; o++)
                if (s->op->in[o].name) in[o] = definition->absent[o];
            for (int o = 0; o < s->operand_count; o++) {
                const acn_region_operand *x = &s->operand[o];
                in[o] = acn_value_f(x->source == ACN_REGION_INPUT
                                        ? element(acn_in_at(c, 0, x->index), y, e)
                                    : x->source == ACN_REGION_STEP ? made[x->index]
                                                                   : (float)x->number);
            }
            read_attrs(s, attr);
            made[i] = (float)definition->ref(ACN_K_F32, in, attr).f;
        }
        acn_store_value(acn_tensor_at(y, e), ACN_F32, acn_value_f(made[r.step_count - 1]));
    }
    return ACN_OK;
}

bool acn_op_works_in_place(const acn_op *op) {
    return op->run == acn_elementwise_run || op->run == run;
}

ACN_OP(elementwise_region) = {
    .name = "ElementwiseRegion",
    .doc = "Several elementwise operators in one loop, by a formula.",
    .in = {{"x", ACN_T(ACN_F32), ACN_LIST}},
    .out = {{"y", ACN_T(ACN_F32), 0}},
    .attr = {{.name = "formula", .kind = ACN_ATTR_STRING, .is_required = true}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=compound f32[2,3]|formula=Sin:x0/Mul:s0:x0 "
             "f32[1030]|formula=Add:x0:#0x1.8p+1:alpha~2/Sigmoid:s0/Relu:x0/Sub:s1:s2",
};
