/* bench.c - `anycann bench`: how fast a compiled model runs, and where its time goes. */
#include "acl/acl.h"
#include "doors/anycann/convert.h"
#include "doors/anycann/ge_error.h"
#include "doors/door.h"
#include "graph/om/om.h"
#include "runtime/memory.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { MOST_RUNS = 100000, LEAST_RUNS = 5 };

typedef struct bench {
    const acn_tool_bench *request;
    acn_om om;
    acn_model_set *set;
    acn_model *model;
    void **buffers; /* inputs, then outputs, then work; device memory */
    int buffer_count;
    void **addresses; /* the same, as this process sees them */
    double load_ms, first_ms;
    double *ms; /* of each run, sorted when all are there */
    int run_count;
    uint64_t *step_ns; /* of all timed runs together */
    int step_runs;
} bench;

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static acn_status no_memory(void) { return acn_fail(ACN_BAD_ALLOC, "no memory for a benchmark"); }

/* ---- loading -----------------------------------------------------------------------------------
 */

/* "4", "224,224": a gear as atc wrote it. */
static acn_status choose_gear(bench *b, const char *text) {
    int64_t gear[ACN_MAX_GEAR_LENGTH] = {0};
    int count = 0;
    for (const char *at = text; *at && count < ACN_MAX_GEAR_LENGTH;) {
        char *end;
        gear[count++] = strtoll(at, &end, 10);
        if (end == at) break;
        at = end + (*end == ',');
    }
    int found = acn_set_has_gears(b->set) && count == b->set->gear_length
                    ? acn_set_find_gear(b->set, gear)
                    : -1;
    if (found < 0) return acn_fail(ACN_INVALID_ARGUMENT, "%s is no gear of the model", text);
    b->model = b->set->models[found];
    return ACN_OK;
}

static acn_status load(bench *b) {
    double begun = now_ms();
    ACN_TRY(acn_om_open(b->request->path, &b->om));
    ACN_TRY(acn_om_set(&b->om, &b->set));
    if (b->set->kind == ACN_SET_OPEN)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "%s has open shapes, which are to be given when it is converted, or sizes "
                        "that follow from data, which cannot be measured here",
                        b->request->path);
    ACN_TRY(acn_set_prepare(b->set));
    b->load_ms = now_ms() - begun;
    b->model = b->set->models[acn_set_largest(b->set)];
    return b->request->gear ? choose_gear(b, b->request->gear) : ACN_OK;
}

/* Numbers from 0 to 1, or small whole ones: what they are matters little to the time. */
static void fill(void *data, acn_dtype dtype, uint64_t bytes) {
    uint64_t element = acn_dtype_bytes(dtype), state = 1;
    for (uint64_t at = 0; at + element <= bytes; at += element) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        double x = (double)(state >> 40) * 0x1p-24;
        acn_store_value((char *)data + at, dtype,
                        (acn_value){.f = x, .i = acn_dtype_is_float(dtype) ? 0 : x > 0.5});
    }
}

static acn_status add_buffer(bench *b, uint64_t bytes) {
    void **buffer = &b->buffers[b->buffer_count];
    ACN_TRY(acn_memory_alloc(0, bytes + 64, buffer));
    b->addresses[b->buffer_count++] = acn_memory_view(*buffer);
    return ACN_OK;
}

static acn_status make_buffers(bench *b) {
    const acn_model *m = b->model;
    size_t count = (size_t)(m->input_count + m->output_count) + 1;
    b->buffers = calloc(count, sizeof(void *));
    b->addresses = calloc(count, sizeof(void *));
    b->ms = calloc(MOST_RUNS, sizeof *b->ms);
    b->step_ns = calloc((size_t)m->step_count + 1, sizeof *b->step_ns);
    if (!b->buffers || !b->addresses || !b->ms || !b->step_ns) return no_memory();
    for (int i = 0; i < m->input_count; i++) {
        ACN_TRY(add_buffer(b, m->inputs[i].bytes));
        fill(b->addresses[i], m->inputs[i].dtype, m->inputs[i].bytes);
    }
    for (int i = 0; i < m->output_count; i++)
        ACN_TRY(add_buffer(b, m->outputs[i].bytes));
    return add_buffer(b, m->work_bytes + m->scratch_bytes);
}

/* ---- running -----------------------------------------------------------------------------------
 */

static acn_status run_once(bench *b, uint64_t *step_ns, double *out_ms) {
    char *work = b->addresses[b->buffer_count - 1];
    double begun = now_ms();
    ACN_TRY(acn_model_run_timed(b->model, work, b->addresses, b->addresses + b->model->input_count,
                                step_ns));
    *out_ms = now_ms() - begun;
    return ACN_OK;
}

static int compare(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The first run is told apart; then warm ones, without the steps' clock; then a few with it. */
static acn_status measure(bench *b) {
    double ignored, until;
    ACN_TRY(run_once(b, NULL, &b->first_ms));
    for (int i = 0; i < LEAST_RUNS; i++)
        ACN_TRY(run_once(b, NULL, &ignored));
    until = now_ms() + b->request->seconds * 1e3;
    while (b->run_count < LEAST_RUNS || (now_ms() < until && b->run_count < MOST_RUNS)) {
        ACN_TRY(run_once(b, NULL, &b->ms[b->run_count]));
        b->run_count++;
    }
    qsort(b->ms, (size_t)b->run_count, sizeof *b->ms, compare);
    until = now_ms() + b->request->seconds * 250;
    while (b->step_runs < LEAST_RUNS || now_ms() < until) {
        ACN_TRY(run_once(b, b->step_ns, &ignored));
        b->step_runs++;
    }
    return ACN_OK;
}

/* ---- telling -----------------------------------------------------------------------------------
 */

static void tell(const bench *b, const char *key, const char *format, double value) {
    char text[64];
    snprintf(text, sizeof text, format, value);
    b->request->fact(b->request->context, (const char *[]){key, text});
}

/* The smallest time that |share| of the runs do not exceed. */
static double percentile(const bench *b, double share) {
    int at = (int)ceil(share * b->run_count) - 1;
    return b->ms[at < 0 ? 0 : at];
}

static void tell_facts(const bench *b) {
    struct rusage usage;
    double sum = 0;
    for (int i = 0; i < b->run_count; i++)
        sum += b->ms[i];
    getrusage(RUSAGE_SELF, &usage);
    tell(b, "load_ms", "%.3f", b->load_ms);
    tell(b, "first_run_ms", "%.3f", b->first_ms);
    tell(b, "runs", "%.0f", b->run_count);
    tell(b, "latency_min_ms", "%.3f", b->ms[0]);
    tell(b, "latency_p50_ms", "%.3f", percentile(b, 0.5));
    tell(b, "latency_p90_ms", "%.3f", percentile(b, 0.9));
    tell(b, "latency_p99_ms", "%.3f", percentile(b, 0.99));
    tell(b, "latency_max_ms", "%.3f", b->ms[b->run_count - 1]);
    tell(b, "runs_per_second", "%.2f", sum > 0 ? b->run_count / sum * 1e3 : 0);
    tell(b, "weights_mib", "%.2f", (double)b->set->weight_bytes / (1 << 20));
    tell(b, "work_mib", "%.2f", (double)acn_set_work_bytes(b->set) / (1 << 20));
    tell(b, "peak_resident_mib", "%.2f", (double)usage.ru_maxrss / 1024);
}

typedef struct use {
    const char *op, *first;
    int nodes;
    double ms; /* of a run */
} use;

static int compare_uses(const void *a, const void *b) {
    const use *x = a, *y = b;
    return (y->ms > x->ms) - (y->ms < x->ms);
}

static acn_status tell_operators(const bench *b) {
    const acn_model *m = b->model;
    use *uses = calloc((size_t)m->step_count + 1, sizeof *uses);
    int count = 0;
    double all = 0;
    if (uses == NULL) return no_memory();
    for (int s = 0; s < m->step_count; s++) {
        int i = 0;
        while (i < count && strcmp(uses[i].op, m->steps[s].call.op->name) != 0)
            i++;
        if (i == count)
            uses[count++] = (use){.op = m->steps[s].call.op->name, .first = m->steps[s].name};
        uses[i].nodes++;
        uses[i].ms += (double)b->step_ns[s] * 1e-6 / b->step_runs;
        all += (double)b->step_ns[s] * 1e-6 / b->step_runs;
    }
    qsort(uses, (size_t)count, sizeof *uses, compare_uses);
    for (int i = 0; i < count; i++) {
        char nodes[16], ms[32], share[16];
        snprintf(nodes, sizeof nodes, "%d", uses[i].nodes);
        snprintf(ms, sizeof ms, "%.4f", uses[i].ms);
        snprintf(share, sizeof share, "%.1f", all > 0 ? 100 * uses[i].ms / all : 0);
        b->request->operator_row(b->request->context,
                                 (const char *[]){uses[i].op, nodes, ms, share, uses[i].first});
    }
    free(uses);
    return ACN_OK;
}

static acn_status run_bench(bench *b) {
    if (aclInit(NULL) != 0 || aclrtSetDevice(0) != 0)
        return acn_fail(ACN_INTERNAL, "the device cannot be opened");
    ACN_TRY(load(b));
    ACN_TRY(make_buffers(b));
    ACN_TRY(measure(b));
    tell_facts(b);
    return tell_operators(b);
}

int acn_tool_bench_model(const acn_tool_bench *request) {
    bench b = {.request = request};
    acn_ge_begin();
    acn_status status = run_bench(&b);
    for (int i = 0; i < b.buffer_count; i++)
        acn_memory_free(b.buffers[i]);
    free(b.buffers);
    free(b.addresses);
    free(b.ms);
    free(b.step_ns);
    acn_set_destroy(b.set);
    if (b.om.bytes) acn_om_close(&b.om);
    return acn_ge_finish(status);
}
