/* taps.c - see taps.h. Positions are computed in f32, as PyTorch computes them: nearest elements
 * depend on it. */
#include "ops/resize/taps.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

acn_status acn_taps_begin(acn_arena *arena, acn_taps *t, int64_t in, int64_t out, int64_t taps) {
    if (taps > INT32_MAX)
        return acn_fail(ACN_BAD_ALLOC, "%lld elements of a dimension from %lld have too many taps",
                        (long long)out, (long long)in);
    *t = (acn_taps){.in = in, .out = out};
    t->first = acn_arena_alloc(arena, sizeof(int32_t) * (size_t)(out + 1));
    t->index = acn_arena_alloc(arena, sizeof(int32_t) * (size_t)(taps + 1));
    t->weight = acn_arena_alloc(arena, sizeof(float) * (size_t)(taps + 1));
    return t->first && t->index && t->weight ? ACN_OK
                                             : acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
}

void acn_taps_add(acn_taps *t, int64_t output, int64_t input, float weight) {
    int32_t at = t->first[output + 1]++;
    t->index[at] = (int32_t)input;
    t->weight[at] = weight;
}

void acn_taps_next(acn_taps *t, int64_t output) { t->first[output + 1] = t->first[output]; }

acn_status acn_taps_end(acn_arena *arena, acn_taps *t) {
    int32_t count = t->out ? t->first[1] : 0;
    t->is_choice = t->out > 0;
    for (int64_t o = 0; o < t->out; o++) {
        if (t->first[o + 1] - t->first[o] != count) count = 0;
        t->is_choice =
            t->is_choice && t->first[o + 1] - t->first[o] == 1 && t->weight[t->first[o]] == 1;
    }
    t->uniform = count;
    if (!count) return ACN_OK;
    size_t taps = (size_t)(count * t->out);
    t->column_index = acn_arena_alloc(arena, sizeof(int32_t) * taps);
    t->column_weight = acn_arena_alloc(arena, sizeof(float) * taps);
    if (!t->column_index || !t->column_weight)
        return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    for (int64_t o = 0; o < t->out; o++)
        for (int32_t k = 0; k < count; k++) {
            t->column_index[k * t->out + o] = t->index[o * count + k];
            t->column_weight[k * t->out + o] = t->weight[o * count + k];
        }
    return ACN_OK;
}

/* Some calls carry scales as float. What was 1.7 must not become 1.70000005, whose multiples fall
 * short of whole positions: the shortest decimal number that gives the float is taken. */
static double as_given(double scale) {
    char text[32];
    if ((double)(float)scale != scale) return scale;
    for (int digits = 1; digits < 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, scale);
        double decimal = strtod(text, NULL);
        if ((float)decimal == (float)scale) return decimal;
    }
    return scale;
}

/* A client's scale may be anything; beyond MOST_STEP every position but the first is the last
 * element, and what is computed from it is still a whole number of 64 bits. */
#define MOST_STEP 0x1p32f
static float step_of(int64_t in, int64_t out, bool aligns_corners, double scale) {
    if (aligns_corners) return out > 1 ? (float)(in - 1) / (float)(out - 1) : 0;
    if (!(scale > 0) || scale == 1) return (float)in / (float)out;
    return fminf((float)(1.0 / as_given(scale)), MOST_STEP);
}

static int64_t clamp(int64_t x, int64_t size) { return x < 0 ? 0 : x >= size ? size - 1 : x; }

static float cubic_inner(float x, float a) { return ((a + 2) * x - (a + 3)) * x * x + 1; }
static float cubic_outer(float x, float a) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; }

static void nearest(acn_taps *t, int64_t o, float step, float shift) {
    acn_taps_add(t, o, clamp((int64_t)floorf(((float)o + shift) * step), t->in), 1);
}

static void linear(acn_taps *t, int64_t o, float step, bool aligns_corners) {
    float at = aligns_corners ? step * (float)o : step * ((float)o + 0.5f) - 0.5f;
    if (at < 0) at = 0;
    int64_t low = clamp((int64_t)at, t->in), high = low + (low < t->in - 1);
    float part = at - (float)low;
    if (part > 1) part = 1;
    acn_taps_add(t, o, low, 1 - part);
    acn_taps_add(t, o, high, part);
}

static void cubic(acn_taps *t, int64_t o, float step, bool aligns_corners) {
    const float a = -0.75f;
    float at = aligns_corners ? step * (float)o : step * ((float)o + 0.5f) - 0.5f;
    float low = floorf(at), part = at - low;
    const float weight[4] = {cubic_outer(part + 1, a), cubic_inner(part, a),
                             cubic_inner(1 - part, a), cubic_outer(2 - part, a)};
    for (int k = 0; k < 4; k++)
        acn_taps_add(t, o, clamp((int64_t)low - 1 + k, t->in), weight[k]);
}

static float filter(float x, bool is_cubic) {
    x = fabsf(x);
    if (!is_cubic) return x < 1 ? 1 - x : 0;
    return x < 1 ? cubic_inner(x, -0.5f) : x < 2 ? cubic_outer(x, -0.5f) : 0;
}

/* The filter is stretched over the input elements that shrink into one. */
static void antialiased(acn_taps *t, int64_t o, float step, bool is_cubic) {
    float reach = is_cubic ? 2 : 1, center = step * ((float)o + 0.5f);
    float shrink = step >= 1 ? 1 / step : 1;
    if (step >= 1) reach *= step;
    int64_t low = clamp((int64_t)(center - reach + 0.5f), t->in);
    int64_t end = (int64_t)(center + reach + 0.5f);
    if (end > t->in) end = t->in;
    float total = 0;
    for (int64_t i = low; i < end; i++)
        total += filter(((float)(i - low) + (float)low - center + 0.5f) * shrink, is_cubic);
    for (int64_t i = low; i < end; i++) {
        float w = filter(((float)(i - low) + (float)low - center + 0.5f) * shrink, is_cubic);
        acn_taps_add(t, o, i, total != 0 ? w / total : w);
    }
}

acn_status acn_taps_resample(acn_arena *arena, acn_taps *t, acn_resample_mode mode, int64_t in,
                             int64_t out, bool aligns_corners, double scale) {
    float step = step_of(in, out, aligns_corners, scale);
    int64_t most = 4;
    if (mode >= ACN_RESAMPLE_LINEAR_AA) most = 2 * (int64_t)ceilf(step > 1 ? 2 * step : 2) + 2;
    if (mode >= ACN_RESAMPLE_LINEAR_AA && most > in) most = in;
    ACN_TRY(acn_taps_begin(arena, t, in, out, out * most));
    for (int64_t o = 0; o < out; o++) {
        acn_taps_next(t, o);
        switch (mode) {
        case ACN_RESAMPLE_NEAREST:
            nearest(t, o, step, 0);
            break;
        case ACN_RESAMPLE_NEAREST_EXACT:
            nearest(t, o, step, 0.5f);
            break;
        case ACN_RESAMPLE_LINEAR:
            linear(t, o, step, aligns_corners);
            break;
        case ACN_RESAMPLE_CUBIC:
            cubic(t, o, step, aligns_corners);
            break;
        default:
            antialiased(t, o, step, mode == ACN_RESAMPLE_CUBIC_AA);
        }
    }
    return acn_taps_end(arena, t);
}

static int64_t beyond_edge(acn_edge_mode mode, int64_t i, int64_t size) {
    if (mode == ACN_EDGE_REPLICATE) return clamp(i, size);
    if (mode == ACN_EDGE_WRAP) return ((i % size) + size) % size;
    return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
}

acn_status acn_taps_edge(acn_arena *arena, acn_taps *t, acn_edge_mode mode, int64_t in,
                         int64_t before, int64_t after) {
    ACN_TRY(acn_taps_begin(arena, t, in, in + before + after, in + before + after));
    for (int64_t o = 0; o < t->out; o++) {
        acn_taps_next(t, o);
        acn_taps_add(t, o, beyond_edge(mode, o - before, in), 1);
    }
    return acn_taps_end(arena, t);
}

acn_status acn_taps_identity(acn_arena *arena, acn_taps *t, int64_t size) {
    return acn_taps_edge(arena, t, ACN_EDGE_REPLICATE, size, 0, 0);
}

acn_status acn_taps_transpose(acn_arena *arena, acn_taps *out, const acn_taps *t) {
    int32_t taps = t->first[t->out];
    ACN_TRY(acn_taps_begin(arena, out, t->out, t->in, taps));
    for (int32_t k = 0; k < taps; k++)
        out->first[t->index[k] + 1]++;
    for (int64_t o = 0; o < out->out; o++)
        out->first[o + 1] += out->first[o];
    int32_t *next = acn_arena_alloc(arena, sizeof(int32_t) * (size_t)(out->out + 1));
    if (!next) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    for (int64_t o = 0; o < out->out; o++)
        next[o] = out->first[o];
    for (int64_t o = 0; o < t->out; o++)
        for (int32_t k = t->first[o]; k < t->first[o + 1]; k++) {
            int32_t at = next[t->index[k]]++;
            out->index[at] = (int32_t)o;
            out->weight[at] = t->weight[k];
        }
    return acn_taps_end(arena, out);
}
