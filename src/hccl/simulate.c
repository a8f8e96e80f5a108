/* simulate.c - see simulate.h. */
#include "hccl/simulate.h"

#include <math.h>
#include <stdlib.h>

static const double first_rate_bytes = 1024;

/* What lies between two waits or signals is one item: shares of the message. */
typedef struct item {
    uint8_t kind; /* acn_step_kind; ACN_STEP_COPY is any work */
    bool is_remote;
    uint16_t rank;
    uint32_t phase;
    float copied, reduced, longest; /* |longest|: on the link that has most */
} item;

typedef struct moment {
    uint32_t phase;
    double time_s;
} moment;

typedef struct actor {
    item *items;
    moment *moments;
    uint32_t count, at, moment_count;
    double time_s;
} actor;

typedef struct simulation {
    const acn_machine *machine;
    uint32_t ranks;
    double n, copied_byte_s, reduced_byte_s;
    actor *actors;
} simulation;

static double rate_of(const double *rates, double bytes) {
    double at = log(fmax(bytes, first_rate_bytes) / first_rate_bytes) / log(4);
    int i = (int)fmin(at, ACN_RATES - 2);
    double part = fmin(at - i, 1);
    return rates[i] * (1 - part) + rates[i + 1] * part;
}

static bool is_remote(const simulation *s, uint32_t a, uint32_t b) {
    uint32_t size = s->machine->server_ranks;
    return size != 0 && a / size != b / size;
}

/* Shortening lists: thousands of ranks have thousands of steps each. */

typedef struct work {
    item item;
    uint32_t from; /* of the link that is being added up */
    double link;
    bool is_open;
} work;

static void take_place(const simulation *s, uint32_t me, work *w, acn_place place, double share) {
    if (!is_remote(s, me, place.rank)) return;
    w->link = w->item.is_remote && w->from == place.rank ? w->link + share : share;
    w->from = place.rank;
    w->item.is_remote = true;
    w->item.longest = fmaxf(w->item.longest, (float)w->link);
}

static void take_step(const simulation *s, uint32_t me, work *w, const acn_step *step,
                      double block) {
    double share = step->blocks * block;
    w->is_open = true;
    take_place(s, me, w, step->a, share);
    if (step->kind == ACN_STEP_REDUCE) {
        take_place(s, me, w, step->b, share);
        w->item.reduced += (float)share;
    } else if (!is_remote(s, me, step->a.rank)) {
        w->item.copied += (float)share;
    }
}

static uint32_t shorten(const simulation *s, const acn_plan *plan, double block, item *out,
                        uint32_t *out_signals) {
    const work none = {.item.kind = ACN_STEP_COPY};
    work w = none;
    uint32_t count = 0, signals = 1;
    for (uint32_t i = 0; i <= plan->count; i++) {
        const acn_step *step = i < plan->count ? &plan->steps[i] : NULL;
        bool is_work = step != NULL && step->kind != ACN_STEP_WAIT && step->kind != ACN_STEP_SIGNAL;
        if (is_work) {
            take_step(s, plan->rank, &w, step, block);
            continue;
        }
        if (w.is_open) out[count++] = w.item;
        w = none;
        /* Calls follow one another: that of before the last is over. */
        if (step == NULL || (step->kind == ACN_STEP_WAIT && step->phase == ACN_PHASE_BEFORE))
            continue;
        signals += step->kind == ACN_STEP_SIGNAL;
        out[count++] =
            (item){.kind = (uint8_t)step->kind, .rank = step->rank, .phase = step->phase};
    }
    *out_signals = signals;
    return count;
}

static acn_status enter(simulation *s, const acn_plan *plan) {
    actor *a = &s->actors[plan->rank];
    uint32_t in = acn_plan_blocks(plan, ACN_IN), out = acn_plan_blocks(plan, ACN_OUT), signals;
    double block = in + out == 0 ? 0 : 1.0 / (in > out ? in : out);
    item *items = malloc((plan->count + 1) * sizeof *items);
    if (items == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory to simulate %u ranks", s->ranks);
    a->count = shorten(s, plan, block, items, &signals);
    a->items = realloc(items, (a->count + 1) * sizeof *items);
    if (a->items == NULL) a->items = items;
    a->moments = malloc(signals * sizeof *a->moments);
    if (a->moments == NULL)
        return acn_fail(ACN_BAD_ALLOC, "no memory to simulate %u ranks", s->ranks);
    a->moments[0] = (moment){0, 0};
    a->moment_count = 1;
    return ACN_OK;
}

/* Running. */

/* The first signal of |phase| or a later one; NULL: not yet. */
static const moment *find_moment(const actor *a, uint32_t phase) {
    uint32_t low = 0, high = a->moment_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (a->moments[middle].phase < phase)
            low = middle + 1;
        else
            high = middle;
    }
    return low < a->moment_count ? &a->moments[low] : NULL;
}

static double work_s(const simulation *s, const item *i) {
    double link_s = s->machine->link_latency_s + i->longest * s->n * s->machine->link_byte_s;
    return (i->is_remote ? link_s : 0) +
           s->n * (i->copied * s->copied_byte_s + i->reduced * s->reduced_byte_s);
}

/* As far as it goes. */
static bool follow(simulation *s, uint32_t rank) {
    actor *a = &s->actors[rank];
    uint32_t begun = a->at;
    for (; a->at < a->count; a->at++) {
        const item *i = &a->items[a->at];
        if (i->kind == ACN_STEP_SIGNAL) {
            a->moments[a->moment_count++] = (moment){i->phase, a->time_s};
        } else if (i->kind == ACN_STEP_WAIT) {
            const moment *m = find_moment(&s->actors[i->rank], i->phase);
            if (m == NULL) break;
            /* What a signal to another server takes is in the latency of its link. */
            double handover_s = is_remote(s, rank, i->rank) ? 0 : s->machine->handover_s;
            a->time_s = fmax(a->time_s, m->time_s + handover_s);
        } else {
            a->time_s += work_s(s, i);
        }
    }
    return a->at > begun;
}

static acn_status run(simulation *s, const acn_algorithm *algorithm, acn_collective collective,
                      uint32_t root) {
    for (uint32_t rank = 0; rank < s->ranks; rank++) {
        acn_plan plan;
        ACN_TRY(acn_plan_make(algorithm, collective, rank, s->ranks, root, &plan));
        acn_status status = enter(s, &plan);
        acn_plan_free(&plan);
        ACN_TRY(status);
    }
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t rank = 0; rank < s->ranks; rank++)
            moved |= follow(s, rank);
    }
    for (uint32_t rank = 0; rank < s->ranks; rank++)
        if (s->actors[rank].at < s->actors[rank].count)
            return acn_fail(ACN_INTERNAL, "rank %u of %s waits for ever", rank, algorithm->name);
    return ACN_OK;
}

acn_status acn_simulate(const acn_machine *machine, const acn_algorithm *algorithm,
                        acn_collective collective, uint32_t ranks, uint32_t root, uint64_t bytes,
                        double *out_s) {
    if (ranks == 0 || ranks > UINT16_MAX || root >= ranks)
        return acn_fail(ACN_INVALID_ARGUMENT, "%u ranks with root %u; expected 1 to %u", ranks,
                        root, UINT16_MAX);
    simulation s = {.machine = machine, .ranks = ranks, .n = (double)bytes};
    s.copied_byte_s = rate_of(machine->copied_byte_s, s.n);
    s.reduced_byte_s = rate_of(machine->reduced_byte_s, s.n);
    s.actors = calloc(ranks, sizeof *s.actors);
    if (s.actors == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory to simulate %u ranks", ranks);
    acn_status status = run(&s, algorithm, collective, root);
    double last_s = 0;
    for (uint32_t rank = 0; rank < ranks; rank++) {
        last_s = fmax(last_s, s.actors[rank].time_s);
        free(s.actors[rank].items);
        free(s.actors[rank].moments);
    }
    free(s.actors);
    if (status == ACN_OK) *out_s = last_s + machine->call_s;
    return status;
}

static double terms_s(const acn_machine *m, const acn_terms *t, uint32_t ranks, double n) {
    bool has_links = m->server_ranks != 0 && m->server_ranks < ranks;
    double sums_s = n * t->gamma * rate_of(m->reduced_byte_s, n);
    if (has_links) return t->alpha * m->link_latency_s + t->beta * n * m->link_byte_s + sums_s;
    return t->handovers * m->handover_s + t->copied * n * rate_of(m->copied_byte_s, n) + sums_s;
}

acn_status acn_machine_choose(const acn_machine *machine, acn_collective collective, uint32_t ranks,
                              uint64_t bytes, const char *wanted, const acn_algorithm **out) {
    const acn_algorithm *best = NULL, *named = wanted != NULL ? acn_algorithm_find(wanted) : NULL;
    double best_s = 0;
    if (wanted != NULL && (named == NULL || (named->collectives >> collective & 1u) == 0))
        return acn_fail(ACN_INVALID_ARGUMENT, "no algorithm \"%s\" does %s", wanted,
                        acn_collective_name(collective));
    ACN_FOR_EACH(algorithm, algorithm) {
        if ((algorithm->collectives >> collective & 1u) == 0) continue;
        acn_terms t = algorithm->terms(collective, ranks);
        double s = terms_s(machine, &t, ranks, (double)bytes);
        if (best == NULL || s < best_s) best = algorithm, best_s = s;
    }
    *out = named != NULL ? named : best;
    return ACN_OK;
}
