/* separable.c - see separable.h. */
#include "ops/resize/separable.h"
#include "base/pool.h"
#include "ops/kernels/resample.h"
#include <string.h>

int64_t acn_separable_dims(const acn_tensor *t, int spatial, int64_t *dims) {
    int64_t planes = 1;
    for (int d = 0; d < 3; d++)
        dims[d] = 1;
    for (int d = 0; d < t->rank; d++) {
        int at = d - (t->rank - spatial);
        if (at < 0)
            planes *= t->dims[d];
        else
            dims[3 - spatial + at] = t->dims[d];
    }
    return planes;
}

acn_status acn_separable_plan(acn_call *c, acn_separable *s, int spatial) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    int64_t dims[3];
    s->planes = acn_separable_dims(y, spatial, dims);
    s->moves = x->dtype == y->dtype;
    for (int d = 0; d < 3; d++)
        s->moves = s->moves && s->taps[d].is_choice;
    s->bytes = acn_dtype_bytes(x->dtype);
    uint64_t bytes = 0;
    ACN_TRY(acn_stage_plan(&s->from, x, s->moves ? x->dtype : ACN_F32, false, &bytes));
    ACN_TRY(acn_stage_plan(&s->to, y, s->moves ? y->dtype : ACN_F32, true, &bytes));
    s->rows = bytes;
    s->row_bytes = ((uint64_t)s->taps[2].in * sizeof(float) + 63) / 64 * 64;
    s->rows_a_chunk = 16384 / (dims[2] + 1) + 1;
    c->plan->workspace_bytes = bytes + s->row_bytes * (uint64_t)acn_pool_size();
    double us = (double)acn_tensor_count(y) / 500;
    c->plan->cost_us = us < 1e9 ? (uint32_t)us : 1000000000u;
    c->plan->data = s;
    return ACN_OK;
}

typedef struct job {
    const acn_separable *s;
    const char *from;
    char *to, *rows;
} job;

/* An output row: its number within the plane, by dimension. */
static void move_row(const job *j, int64_t plane, int64_t z, int64_t y) {
    const acn_taps *t = j->s->taps;
    int64_t from = ((plane * t[0].in + t[0].index[z]) * t[1].in + t[1].index[y]) * t[2].in;
    int64_t to = ((plane * t[0].out + z) * t[1].out + y) * t[2].out;
    ACN_BY_BYTES(j->s->bytes, item, {
        const item *s = (const item *)j->from + from;
        item *d = (item *)j->to + to;
        for (int64_t i = 0; i < t[2].out; i++)
            d[i] = s[t[2].index[i]];
    });
}

/* The weighted sum of the input rows behind output row (z, y): |room|, or the one row itself. */
static const float *sum_rows(const job *j, int64_t plane, int64_t z, int64_t y, float *room) {
    const acn_taps *t = j->s->taps;
    const acn_resample_kernels *kernels = acn_kernels_get()->resample;
    const float *from = (const float *)j->from + plane * t[0].in * t[1].in * t[2].in;
    bool is_first = true;
    for (int32_t a = t[0].first[z]; a < t[0].first[z + 1]; a++)
        for (int32_t b = t[1].first[y]; b < t[1].first[y + 1]; b++) {
            const float *row = from + ((int64_t)t[0].index[a] * t[1].in + t[1].index[b]) * t[2].in;
            if (t[0].is_choice && t[1].is_choice) return row;
            kernels->add_row(room, row, t[0].weight[a] * t[1].weight[b], t[2].in, is_first);
            is_first = false;
        }
    if (is_first) memset(room, 0, sizeof(float) * (size_t)t[2].in);
    return room;
}

static void compute_row(const job *j, int64_t plane, int64_t z, int64_t y, float *room) {
    const acn_taps *t = j->s->taps;
    const acn_taps *x = &t[2];
    const float *row = sum_rows(j, plane, z, y, room);
    float *to = (float *)j->to + ((plane * t[0].out + z) * t[1].out + y) * x->out;
    if (x->uniform) {
        acn_kernels_get()->resample->gather(to, row, x->column_index, x->column_weight, x->out,
                                            x->uniform);
        return;
    }
    for (int64_t i = 0; i < x->out; i++) {
        float sum = 0;
        for (int32_t k = x->first[i]; k < x->first[i + 1]; k++)
            sum += x->weight[k] * row[x->index[k]];
        to[i] = sum;
    }
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    const job *j = context;
    const acn_separable *s = j->s;
    float *room = (float *)(j->rows + (uint64_t)worker * s->row_bytes);
    int64_t depth = s->taps[0].out, height = s->taps[1].out;
    int64_t first = chunk * s->rows_a_chunk, last = first + s->rows_a_chunk;
    for (int64_t row = first; row < last && row < s->planes * depth * height; row++) {
        int64_t y = row % height, z = row / height % depth, plane = row / height / depth;
        if (s->moves)
            move_row(j, plane, z, y);
        else
            compute_row(j, plane, z, y, room);
    }
}

void acn_separable_run(const acn_separable *s, acn_call *c) {
    char *w = c->workspace;
    job j = {.s = s,
             .from = acn_stage_in(&s->from, acn_in(c, 0), w),
             .to = acn_stage_room(&s->to, acn_out(c, 0), w),
             .rows = w + s->rows};
    int64_t rows = s->planes * s->taps[0].out * s->taps[1].out;
    if (s->taps[2].out > 0)
        acn_pool_run((rows + s->rows_a_chunk - 1) / s->rows_a_chunk, run_chunk, &j);
    acn_stage_out(&s->to, acn_out(c, 0), w);
}

void acn_separable_naive(const acn_call *c, const acn_taps *t) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    bool moves = t[0].is_choice && t[1].is_choice && t[2].is_choice;
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t ox = i % t[2].out, oy = i / t[2].out % t[1].out;
        int64_t oz = i / t[2].out / t[1].out % t[0].out;
        int64_t plane = i / t[2].out / t[1].out / t[0].out;
        double sum = 0;
        int64_t from = 0;
        for (int32_t a = t[0].first[oz]; a < t[0].first[oz + 1]; a++)
            for (int32_t b = t[1].first[oy]; b < t[1].first[oy + 1]; b++)
                for (int32_t k = t[2].first[ox]; k < t[2].first[ox + 1]; k++) {
                    from = ((plane * t[0].in + t[0].index[a]) * t[1].in + t[1].index[b]) * t[2].in +
                           t[2].index[k];
                    if (moves) continue;
                    sum += (double)t[0].weight[a] * t[1].weight[b] * t[2].weight[k] *
                           acn_load_value(acn_tensor_at(x, from), x->dtype).f;
                }
        if (moves)
            acn_convert_element(acn_tensor_at(y, i), y->dtype, acn_tensor_at(x, from), x->dtype);
        else
            acn_store_value(acn_tensor_at(y, i), y->dtype, (acn_value){.f = sum});
    }
}
