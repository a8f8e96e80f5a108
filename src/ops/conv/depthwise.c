/* depthwise.c - convolutions with one input channel a group, as stencils on planes.
 *
 * A source plane is copied into a frame of zeros in which positions that are a stride apart are
 * neighbours (one phase after the other). All taps of a lattice then read the frame at constant
 * distances, and a whole plane is one long vector operation. Rows of the frame are longer than the
 * result's; what is computed in between is thrown away. */
#include "ops/conv/depthwise.h"
#include "base/pool.h"
#include "ops/conv/lattice.h"
#include "ops/kernels/conv.h"
#include <string.h>

enum { SLACK = 128 }; /* floats behind a plane that vectors may read */

typedef struct frame {
    int64_t low[3];                   /* source position of the frame's first element */
    int64_t phase[3], pitch[3], rows; /* of a phase: dims, elements a row ... */
    int64_t step[3], elements;
    int64_t *at;    /* [taps]: where a tap reads, for result position 0 */
    int64_t length; /* of the flat result */
} frame;

struct acn_conv_depthwise {
    acn_conv conv;
    acn_conv_side side;
    int64_t lattices;
    acn_conv_lattice *lattice;
    frame *frame;
    size_t frame_bytes, flat_bytes, worker_bytes;
    int workers;
};

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

bool acn_conv_is_depthwise(const acn_conv *conv) {
    return conv->ci == 1 && conv->groups > 1 && acn_conv_volume(conv->kernel) <= 512;
}

static acn_status make_frame(acn_call *c, const acn_conv_lattice *l, frame *f) {
    *f = (frame){.elements = 1};
    for (int d = 0; d < 3; d++) {
        int64_t low = 0, high = 0;
        for (int64_t t = 0; t < l->taps; t++) {
            int64_t at = l->offset[3 * t + d];
            if (t == 0 || at < low) low = at;
            if (t == 0 || at > high) high = at;
        }
        f->low[d] = low;
        f->step[d] = l->step[d];
        f->phase[d] = l->dims[d] + (high - low) / l->step[d];
        f->elements *= f->phase[d] * f->step[d];
    }
    f->pitch[2] = 1;
    f->pitch[1] = f->phase[2];
    f->pitch[0] = f->phase[2] * f->phase[1];
    f->length = l->dims[0] && l->dims[1] && l->dims[2]
                    ? (l->dims[0] - 1) * f->pitch[0] + (l->dims[1] - 1) * f->pitch[1] + l->dims[2]
                    : 0;
    f->at = acn_plan_alloc(c, sizeof(int64_t) * (size_t)(l->taps + 1));
    if (!f->at) return acn_fail(ACN_BAD_ALLOC, "no memory for a convolution's plan");
    int64_t phase_elements = f->phase[0] * f->pitch[0];
    for (int64_t t = 0; t < l->taps; t++) {
        int64_t number = 0;
        for (int d = 0; d < 3; d++) {
            int64_t at = l->offset[3 * t + d] - f->low[d];
            number = number * f->step[d] + at % f->step[d];
            f->at[t] += at / f->step[d] * f->pitch[d];
        }
        f->at[t] += number * phase_elements;
    }
    return ACN_OK;
}

acn_status acn_conv_depthwise_plan(acn_call *c, const acn_conv *conv, acn_conv_side side,
                                   acn_conv_depthwise **out) {
    acn_conv_depthwise *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a convolution's plan");
    p->conv = *conv;
    p->side = side;
    p->lattices = acn_conv_lattices(conv, side);
    p->lattice = acn_plan_alloc(c, sizeof *p->lattice * (size_t)p->lattices);
    p->frame = acn_plan_alloc(c, sizeof *p->frame * (size_t)p->lattices);
    if (!p->lattice || !p->frame)
        return acn_fail(ACN_BAD_ALLOC, "no memory for a convolution's plan");
    int64_t most = 0, flat = 0;
    for (int64_t i = 0; i < p->lattices; i++) {
        ACN_TRY(acn_conv_lattice_make(c, conv, side, i, &p->lattice[i]));
        ACN_TRY(make_frame(c, &p->lattice[i], &p->frame[i]));
        if (p->frame[i].elements > most) most = p->frame[i].elements;
        if (p->frame[i].length > flat) flat = p->frame[i].length;
    }
    p->frame_bytes = (size_t)ceil_div((most + SLACK) * 4, 64) * 64;
    p->flat_bytes = (size_t)ceil_div((flat + SLACK) * 4, 64) * 64;
    p->worker_bytes = p->frame_bytes + p->flat_bytes;
    p->workers = acn_pool_size();
    *out = p;
    return ACN_OK;
}

uint64_t acn_conv_depthwise_workspace_bytes(const acn_conv_depthwise *p) {
    return p->worker_bytes * (uint64_t)p->workers;
}

/* One row of the source into one row of a phase: every |step|-th element from |from| on. */
static void fill_row(float *to, const float *row, int64_t size, int64_t from, int64_t step,
                     int64_t count) {
    int64_t first = from < 0 ? ceil_div(-from, step) : 0;
    int64_t last = from < size ? (size - 1 - from) / step + 1 : 0;
    if (last > count) last = count;
    if (first > last) first = last;
    memset(to, 0, sizeof(float) * (size_t)first);
    if (step == 1)
        memcpy(to + first, row + from + first, sizeof(float) * (size_t)(last - first));
    else
        acn_kernels_get()->conv->take(to + first, row + from + first * step, step, last - first);
    memset(to + last, 0, sizeof(float) * (size_t)(count - last));
}

static void fill_frame(const frame *f, const int64_t *size, const float *source, float *to) {
    for (int64_t z = 0; z < f->step[0]; z++)
        for (int64_t y = 0; y < f->step[1]; y++)
            for (int64_t x = 0; x < f->step[2]; x++)
                for (int64_t row = 0; row < f->phase[0] * f->phase[1]; row++) {
                    int64_t sz = row / f->phase[1] * f->step[0] + z + f->low[0];
                    int64_t sy = row % f->phase[1] * f->step[1] + y + f->low[1];
                    bool is_inside = sz >= 0 && sz < size[0] && sy >= 0 && sy < size[1];
                    fill_row(to, source + (is_inside ? (sz * size[1] + sy) * size[2] : 0),
                             is_inside ? size[2] : 0, x + f->low[2], f->step[2], f->phase[2]);
                    to += f->phase[2];
                }
    memset(to, 0, sizeof(float) * SLACK);
}

typedef struct job {
    const acn_conv_depthwise *p;
    float *result;
    const float *source, *w, *bias;
    char *workers;
    int64_t channels_a_chunk;
} job;

static void put_rows(const acn_conv_lattice *l, const frame *f, const int64_t *size, float *result,
                     const float *flat) {
    for (int64_t z = 0; z < l->dims[0]; z++)
        for (int64_t y = 0; y < l->dims[1]; y++) {
            const float *from = flat + z * f->pitch[0] + y * f->pitch[1];
            int64_t rz = z * l->out_step[0] + l->out_start[0];
            int64_t ry = y * l->out_step[1] + l->out_start[1], step = l->out_step[2];
            float *to = result + (rz * size[1] + ry) * size[2] + l->out_start[2];
            if (step == 1)
                memcpy(to, from, sizeof(float) * (size_t)l->dims[2]);
            else
                for (int64_t x = 0; x < l->dims[2]; x++)
                    to[x * step] = from[x];
        }
}

/* All lattices of channel |channel| of the result in image |image|. */
static void run_channel(const job *j, int64_t image, int64_t group, float *room) {
    const acn_conv_depthwise *p = j->p;
    const acn_conv *c = &p->conv;
    const acn_conv_kernels *kernels = acn_kernels_get()->conv;
    bool gives_y = p->side == ACN_CONV_Y;
    const int64_t *from_dims = gives_y ? c->in : c->out, *to_dims = gives_y ? c->out : c->in;
    int64_t from_volume = acn_conv_volume(from_dims), to_volume = acn_conv_volume(to_dims);
    int64_t taps = acn_conv_volume(c->kernel);
    float *flat = (float *)((char *)room + p->frame_bytes), weight[512];
    for (int64_t i = 0; i < p->lattices; i++) {
        const acn_conv_lattice *l = &p->lattice[i];
        const frame *f = &p->frame[i];
        if (f->length == 0) continue;
        for (int64_t m = 0; m < c->co; m++) {
            int64_t out_channel = group * c->co + m;
            const float *w = j->w + out_channel * taps;
            float start = gives_y && j->bias ? j->bias[out_channel] : 0;
            if (!gives_y && j->bias) start = j->bias[group];
            for (int64_t t = 0; t < l->taps; t++)
                weight[t] = w[l->filter_tap[t]];
            int64_t source =
                gives_y ? image * c->groups + group : image * c->groups * c->co + out_channel;
            if (!gives_y || m == 0)
                fill_frame(f, from_dims, j->source + source * from_volume, room);
            kernels->stencil(flat, room, f->at, weight, l->taps, f->length, start,
                             !gives_y && m > 0);
            int64_t result =
                gives_y ? image * c->groups * c->co + out_channel : image * c->groups + group;
            if (gives_y || m == c->co - 1)
                put_rows(l, f, to_dims, j->result + result * to_volume, flat);
        }
    }
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    const job *j = context;
    const acn_conv *c = &j->p->conv;
    float *room = (float *)(j->workers + (size_t)worker * j->p->worker_bytes);
    int64_t first = chunk * j->channels_a_chunk, last = first + j->channels_a_chunk;
    for (int64_t i = first; i < last && i < c->n * c->groups; i++)
        run_channel(j, i / c->groups, i % c->groups, room);
}

void acn_conv_depthwise_run(const acn_conv_depthwise *p, float *result, const float *source,
                            const float *w, const float *bias, char *workspace) {
    int64_t work = acn_conv_volume(p->conv.out) * acn_conv_volume(p->conv.kernel) * p->conv.co;
    job j = {.p = p,
             .result = result,
             .source = source,
             .w = w,
             .bias = bias,
             .workers = workspace,
             .channels_a_chunk = 65536 / (work + 1) + 1};
    int64_t channels = p->conv.n * p->conv.groups;
    acn_pool_run(ceil_div(channels, j.channels_a_chunk), run_chunk, &j);
}

/* ---- the filter's gradient ------------------------------------------------------------------- */

typedef struct filter_job {
    const acn_conv_depthwise *p;
    float *dw;
    const float *x, *dy;
    char *workers;
} filter_job;

/* dy with the frame's pitch and zeros in between. */
static void fill_flat(const acn_conv *c, const frame *f, const float *dy, float *flat) {
    memset(flat, 0, sizeof(float) * (size_t)(f->length + SLACK));
    for (int64_t z = 0; z < c->out[0]; z++)
        for (int64_t y = 0; y < c->out[1]; y++)
            memcpy(flat + z * f->pitch[0] + y * f->pitch[1], dy + (z * c->out[1] + y) * c->out[2],
                   sizeof(float) * (size_t)c->out[2]);
}

static void run_filter(void *context, int64_t group, int worker) {
    const filter_job *j = context;
    const acn_conv_depthwise *p = j->p;
    const acn_conv *c = &p->conv;
    const frame *f = p->frame;
    const acn_conv_kernels *kernels = acn_kernels_get()->conv;
    float *room = (float *)(j->workers + (size_t)worker * p->worker_bytes);
    float *flat = (float *)((char *)room + p->frame_bytes);
    int64_t taps = acn_conv_volume(c->kernel), in = acn_conv_volume(c->in);
    int64_t out = acn_conv_volume(c->out);
    memset(j->dw + group * c->co * taps, 0, sizeof(float) * (size_t)(c->co * taps));
    for (int64_t image = 0; image < c->n && out; image++) {
        fill_frame(f, c->in, j->x + (image * c->groups + group) * in, room);
        for (int64_t m = 0; m < c->co; m++) {
            int64_t channel = group * c->co + m;
            fill_flat(c, f, j->dy + (image * c->groups * c->co + channel) * out, flat);
            kernels->stencil_sums(j->dw + channel * taps, flat, room, f->at, taps, f->length);
        }
    }
}

void acn_conv_depthwise_filter_grad(const acn_conv_depthwise *p, float *dw, const float *x,
                                    const float *dy, char *workspace) {
    filter_job j = {.p = p, .dw = dw, .x = x, .dy = dy, .workers = workspace};
    acn_pool_run(p->conv.groups, run_filter, &j);
}
