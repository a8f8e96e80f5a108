/* on_demand.c - see on_demand.h. */
#include "graph/on_demand.h"

#include "graph/compile.h"
#include "graph/import/source.h"
#include "graph/pass/pass.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 32 }; /* models that nobody uses */

typedef struct made {
    struct made *next; /* the last used one is the first */
    acn_net *net;
    acn_on_demand_made made;
    int users;
    acn_size sizes[];
} made;

struct acn_on_demand {
    const acn_model_set *set;
    acn_source source;
    acn_pass_switches switches; /* weights are packed where no other sizes come */
    pthread_mutex_t mutex;      /* of what follows */
    made *first;
};

/* Whether other sizes may come. */
static bool is_open(const acn_model_set *set) {
    for (int i = 0; i < set->input_count; i++)
        for (int d = 0; d < set->inputs[i].rank; d++)
            if (set->inputs[i].dims[d] < 0) return true;
    return false;
}

typedef struct placer {
    const acn_model_set *set;
    int count;
} placer;

/* What was in another file lies in the weights. */
static acn_status place_external(void *context, acn_onnx_tensor *t) {
    placer *p = context;
    uint64_t offset = p->count < p->set->external_count ? p->set->external[p->count++] : UINT64_MAX;
    uint64_t bytes = acn_dtype_bytes(t->dtype);
    for (int d = 0; d < t->rank; d++)
        bytes *= (uint64_t)t->dims[d];
    if (offset > p->set->weight_bytes || bytes > p->set->weight_bytes - offset)
        return acn_fail(ACN_PARSE_FILE, "the values of tensor \"%s\" are not in the file", t->name);
    t->data = p->set->weights + offset;
    t->bytes = bytes;
    return ACN_OK;
}

acn_status acn_on_demand_create(const acn_model_set *set, acn_on_demand **out) {
    acn_on_demand *maker = calloc(1, sizeof *maker);
    if (maker == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a model");
    maker->set = set;
    acn_status status =
        acn_source_read(set->name, set->weights, (size_t)set->source_bytes, &maker->source);
    placer places = {set, 0};
    if (status == ACN_OK && maker->source.onnx)
        status = acn_onnx_each_external(maker->source.onnx, place_external, &places);
    if (status == ACN_OK) status = acn_source_align(&maker->source);
    if (status == ACN_OK)
        status = acn_pass_read_switches("the model's switches", set->source_options.switches,
                                        strlen(set->source_options.switches), &maker->switches);
    if (is_open(set)) acn_pass_switch_off(&maker->switches, ACN_PASS_FOLD, ACN_PASS_PACK);
    if (status != ACN_OK) {
        acn_source_close(&maker->source);
        free(maker);
        return status;
    }
    pthread_mutex_init(&maker->mutex, NULL);
    *out = maker;
    return ACN_OK;
}

static void destroy_made(made *m) {
    acn_late_destroy(m->made.late);
    acn_model_destroy(m->made.model);
    acn_net_destroy(m->net);
    free(m);
}

void acn_on_demand_destroy(acn_on_demand *maker) {
    if (maker == NULL) return;
    for (made *m = maker->first, *next; m; m = next) {
        next = m->next;
        destroy_made(m);
    }
    acn_source_close(&maker->source);
    pthread_mutex_destroy(&maker->mutex);
    free(maker);
}

/* ---- making ---------------------------------------------------------------------------------- */

static acn_status check_sizes(const acn_model_set *set, const acn_size *sizes) {
    for (int i = 0; i < set->input_count; i++) {
        const acn_model_port *p = &set->inputs[i];
        if (sizes[i].rank != p->rank)
            return acn_fail(ACN_INVALID_ARGUMENT, "input %d (%s) has %d dimensions; expected %d", i,
                            p->name, sizes[i].rank, p->rank);
        for (int d = 0; d < p->rank; d++) {
            int64_t n = sizes[i].dims[d];
            if (n >= p->range[d][0] && (p->range[d][1] < 0 || n <= p->range[d][1])) continue;
            return acn_fail(ACN_INVALID_ARGUMENT,
                            "input %d (%s): dimension %d is %lld; the model was made for %lld to "
                            "%lld (-1: any)",
                            i, p->name, d, (long long)n, (long long)p->range[d][0],
                            (long long)p->range[d][1]);
        }
    }
    return ACN_OK;
}

static acn_status compile(const acn_on_demand *maker, made *m) {
    acn_compiled compiled;
    ACN_TRY(acn_passes_run(m->net, &maker->switches, NULL, NULL));
    ACN_TRY(acn_compile(m->net, NULL, &compiled));
    ACN_TRY(acn_compiled_model(&compiled, &m->made.model));
    if (m->made.model->output_count != maker->set->output_count)
        return acn_fail(ACN_PARSE_FILE, "the model's source has other outputs than its plan");
    return acn_model_prepare(m->made.model);
}

static acn_status import(const acn_on_demand *maker, const acn_onnx_options *options, made *m) {
    ACN_TRY(acn_source_import(&maker->source, options, &m->net));
    if (m->net->awaited)
        return acn_late_create(maker->source.onnx, options, &maker->switches, &m->made.late);
    return compile(maker, m);
}

static acn_status make(const acn_on_demand *maker, const acn_size *sizes, made *m) {
    const acn_model_set *set = maker->set;
    ACN_TRY(check_sizes(set, sizes));
    acn_onnx_shape *shapes = calloc((size_t)set->input_count + 1, sizeof *shapes);
    if (shapes == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for shapes");
    for (int i = 0; i < set->input_count; i++) {
        const acn_model_port *port = &set->inputs[i];
        bool is_image = port->images != ACN_IMAGES_NONE;
        shapes[i] = (acn_onnx_shape){.name = port->name,
                                     .rank = is_image ? port->seen_rank : sizes[i].rank};
        memcpy(shapes[i].dims, is_image ? port->seen_dims : sizes[i].dims, sizeof sizes[i].dims);
    }
    const acn_onnx_options options = {.shapes = shapes,
                                      .shape_count = set->input_count,
                                      .source = set->source_options,
                                      .can_wait = true};
    acn_status status = import(maker, &options, m);
    free(shapes);
    return status;
}

static size_t sizes_bytes(const acn_on_demand *maker) {
    return (size_t)maker->set->input_count * sizeof(acn_size);
}

static bool is_same(const acn_on_demand *maker, const made *m, const acn_size *sizes) {
    for (int i = 0; i < maker->set->input_count; i++)
        if (m->sizes[i].rank != sizes[i].rank ||
            memcmp(m->sizes[i].dims, sizes[i].dims, (size_t)sizes[i].rank * sizeof(int64_t)) != 0)
            return false;
    return true;
}

/* Those that were used longest ago go first. */
static void forget_some(acn_on_demand *maker) {
    int kept = 0;
    for (made **at = &maker->first; *at;) {
        made *m = *at;
        if (m->users == 0 && ++kept > KEPT) {
            *at = m->next;
            destroy_made(m);
        } else {
            at = &m->next;
        }
    }
}

static acn_status find_or_make(acn_on_demand *maker, const acn_size *sizes, made **out) {
    made **at = &maker->first;
    while (*at && !is_same(maker, *at, sizes))
        at = &(*at)->next;
    made *m = *at;
    if (m) {
        *at = m->next;
    } else {
        m = calloc(1, sizeof *m + sizes_bytes(maker));
        if (m == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a model");
        memcpy(m->sizes, sizes, sizes_bytes(maker));
        acn_status status = make(maker, sizes, m);
        if (status != ACN_OK) {
            destroy_made(m);
            return status;
        }
    }
    m->next = maker->first;
    maker->first = m;
    m->users++;
    *out = m;
    return ACN_OK;
}

acn_status acn_on_demand_get(acn_on_demand *maker, const acn_size *sizes, acn_on_demand_made *out) {
    made *m = NULL;
    pthread_mutex_lock(&maker->mutex);
    acn_status status = find_or_make(maker, sizes, &m);
    if (status == ACN_OK) {
        *out = m->made;
        forget_some(maker);
    }
    pthread_mutex_unlock(&maker->mutex);
    return status;
}

void acn_on_demand_drop(acn_on_demand *maker, const acn_on_demand_made *made_before) {
    pthread_mutex_lock(&maker->mutex);
    for (made *m = maker->first; m; m = m->next)
        if (m->made.model == made_before->model && m->made.late == made_before->late) m->users--;
    pthread_mutex_unlock(&maker->mutex);
}
