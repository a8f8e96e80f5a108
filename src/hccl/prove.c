/* prove.c - see prove.h. */
#include "hccl/prove.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    RANKS = ACN_PROVE_RANKS,
    ROUNDS = 3, /* of plans that leave their scratch memory behind: it comes back in the third */
    TERMS = 5,  /* alpha, beta, gamma, handovers, copied */
};

/* What a block holds: the sum of input block |block| of each rank, so often. */
typedef struct value {
    uint32_t block;
    uint8_t times[RANKS];
    uint64_t order; /* of the additions; equal when they were done alike, but for a + b = b + a */
    bool is_set;
    uint32_t round; /* in which it was written */
} value;

typedef struct cell {
    value value;
    uint32_t written;     /* its rank's clock at the last write; 0 never */
    uint32_t read[RANKS]; /* each rank's clock at its last read; 0 never */
} cell;

typedef struct moment {
    uint32_t phase; /* with the round above it */
    uint32_t clock[RANKS];
    double time[TERMS];
} moment;

typedef struct actor {
    acn_plan plan;
    uint32_t at, clock[RANKS];
    uint32_t round, entered; /* its own clock when it entered that */
    cell *cells[ACN_BUFFERS];
    uint32_t cell_count[ACN_BUFFERS]; /* of scratch memory: of each of the two */
    moment *moments;                  /* its signals, in order; entries are some of them */
    uint32_t moment_count;
    /* Cost so far by term, and of what lies between two waits or signals; at the end of the first
     * round, of all. */
    double time[TERMS], cost[TERMS], link[RANKS], reduced, copied;
    bool is_remote;
} actor;

typedef struct proof {
    acn_collective collective;
    uint32_t ranks, root, rounds;
    bool in_place;
    double block_share; /* of n */
    actor actors[RANKS];
} proof;

bool acn_collective_can_be_in_place(acn_collective collective) {
    return collective != ACN_ALL_TO_ALL && collective != ACN_BARRIER;
}

static acn_status wrong(const proof *p, uint32_t rank, const char *what, uint32_t detail) {
    const acn_plan *plan = &p->actors[rank].plan;
    return acn_fail(
        ACN_INTERNAL, "%s of %s among %u ranks (root %u%s): rank %u, step %u of %u: %s (%u)",
        plan->algorithm->name, acn_collective_name(p->collective), p->ranks, p->root,
        p->in_place ? ", in place" : "", rank, p->actors[rank].at, plan->count, what, detail);
}

/* The cell behind a place in |round|; one buffer has one cell, whatever name it goes by. */
static cell *find_cell(proof *p, uint32_t round, uint32_t rank, uint32_t buffer, uint32_t block) {
    actor *a = &p->actors[rank];
    if (block >= a->cell_count[buffer]) return NULL;
    bool is_one = p->collective == ACN_BROADCAST || p->in_place;
    if (!is_one || buffer != ACN_IN) {
        bool is_part = p->in_place && buffer == ACN_OUT &&
                       (p->collective == ACN_REDUCE_SCATTER || p->collective == ACN_SCATTER);
        if (is_part && (p->collective != ACN_SCATTER || rank == p->root))
            return &a->cells[ACN_IN][rank];
        uint32_t turn = buffer == ACN_SCRATCH && a->plan.alternates ? round % 2 : 0;
        return &a->cells[buffer][turn * a->cell_count[buffer] + block];
    }
    if (p->collective == ACN_ALL_GATHER) return &a->cells[ACN_OUT][rank];
    if (acn_collective_is_whole(p->collective)) return &a->cells[ACN_OUT][block];
    return &a->cells[ACN_IN][block];
}

static bool has_input(const proof *p, uint32_t rank) {
    bool is_roots = p->collective == ACN_BROADCAST || p->collective == ACN_SCATTER;
    return !is_roots || rank == p->root;
}

static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 31) * 0x9e3779b97f4a7c15u;
    return x ^ x >> 29;
}

static void signal_moment(actor *a, uint32_t phase) {
    moment *m = &a->moments[a->moment_count++];
    m->phase = phase;
    memcpy(m->clock, a->clock, sizeof m->clock);
    memcpy(m->time, a->time, sizeof m->time);
    m->time[3]++;
}

/* With fresh buffers: all of what others read of the former ones is over, see check_left. */
static void enter(proof *p, uint32_t rank, uint32_t round) {
    actor *a = &p->actors[rank];
    a->round = round;
    a->at = 0;
    for (int buffer = 0; buffer < ACN_BUFFERS; buffer++)
        if (buffer != ACN_SCRATCH || !a->plan.alternates)
            memset(a->cells[buffer], 0, a->cell_count[buffer] * sizeof(cell));
    for (uint32_t b = 0; has_input(p, rank) && b < a->cell_count[ACN_IN]; b++) {
        value *v = &find_cell(p, round, rank, ACN_IN, b)->value;
        *v = (value){.block = b, .order = mix((uint64_t)rank << 32 | b), .is_set = true};
        v->times[rank] = 1;
        v->round = round;
    }
    a->entered = ++a->clock[rank];
    signal_moment(a, round << 16);
    a->clock[rank]++;
}

static acn_status prepare(proof *p, const acn_algorithm *algorithm, uint32_t rank) {
    actor *a = &p->actors[rank];
    ACN_TRY(acn_plan_make(algorithm, p->collective, rank, p->ranks, p->root, &a->plan));
    uint32_t signals = 1;
    for (uint32_t i = 0; i < a->plan.count; i++)
        signals += a->plan.steps[i].kind == ACN_STEP_SIGNAL;
    a->moments = calloc((size_t)signals * ROUNDS, sizeof *a->moments);
    bool is_short = a->moments == NULL;
    for (int buffer = 0; buffer < ACN_BUFFERS; buffer++) {
        a->cell_count[buffer] = acn_plan_blocks(&a->plan, (acn_buffer)buffer);
        a->cells[buffer] = calloc(2 * a->cell_count[buffer] + 1, sizeof(cell));
        is_short |= a->cells[buffer] == NULL;
    }
    if (is_short) return acn_fail(ACN_BAD_ALLOC, "no memory to check a plan");
    if (a->plan.alternates) p->rounds = ROUNDS;
    return ACN_OK;
}

/* Cost. */

static void end_round(actor *a) {
    double longest = 0;
    for (int i = 0; i < RANKS; i++) {
        longest = fmax(longest, a->link[i]);
        a->link[i] = 0;
    }
    a->time[0] += a->is_remote ? 1 : 0;
    a->time[1] += longest;
    a->time[2] += a->reduced;
    a->time[4] += a->copied;
    a->reduced = a->copied = 0;
    a->is_remote = false;
}

static void pay(proof *p, uint32_t rank, const acn_place *from, uint32_t blocks) {
    actor *a = &p->actors[rank];
    if (from->rank == rank) return;
    a->link[from->rank] += blocks * p->block_share;
    a->is_remote = true;
}

/* Steps. */

static acn_status read_cell(proof *p, uint32_t rank, const acn_place *from, uint32_t i,
                            const value **out) {
    actor *a = &p->actors[rank];
    cell *c = from->rank < p->ranks
                  ? find_cell(p, a->round, from->rank, from->buffer, from->block + i)
                  : NULL;
    if (c == NULL) return wrong(p, rank, "reads a block that is not there", from->block + i);
    if (!c->value.is_set || c->value.round != a->round)
        return wrong(p, rank, "reads what nobody wrote", from->block + i);
    /* Everything there since the other rank entered must have happened before. */
    uint32_t since = c->written != 0 ? c->written : p->actors[from->rank].entered;
    if (a->clock[from->rank] < since)
        return wrong(p, rank, "reads without having waited for rank", from->rank);
    c->read[rank] = a->clock[rank];
    *out = &c->value;
    return ACN_OK;
}

static acn_status write_cell(proof *p, uint32_t rank, const acn_place *to, uint32_t i,
                             const value *v) {
    actor *a = &p->actors[rank];
    cell *c = to->rank == rank ? find_cell(p, a->round, rank, to->buffer, to->block + i) : NULL;
    if (c == NULL) return wrong(p, rank, "writes a block that is not its own", to->block + i);
    if (to->buffer == ACN_IN) return wrong(p, rank, "writes its input", to->block + i);
    for (uint32_t r = 0; r < p->ranks; r++)
        if (c->read[r] > a->clock[r])
            return wrong(p, rank, "writes what another may still read: rank", r);
    c->value = *v;
    c->value.round = a->round;
    c->written = a->clock[rank];
    return ACN_OK;
}

/* A copy to where it is already, as in-place calls have it, is not made. */
static bool is_same(proof *p, const acn_step *step, uint32_t i) {
    return step->kind == ACN_STEP_COPY && step->a.rank == step->to.rank &&
           find_cell(p, 0, step->a.rank, step->a.buffer, step->a.block + i) ==
               find_cell(p, 0, step->to.rank, step->to.buffer, step->to.block + i);
}

static acn_status act(proof *p, uint32_t rank, const acn_step *step) {
    for (uint32_t i = 0; i < step->blocks; i++) {
        const value *x, *y;
        if (is_same(p, step, i)) continue;
        ACN_TRY(read_cell(p, rank, &step->a, i, &x));
        ACN_TRY(read_cell(p, rank, &step->b, i, &y));
        value result = *x;
        if (step->kind == ACN_STEP_REDUCE) {
            if (x->block != y->block) return wrong(p, rank, "adds different blocks", step->b.block);
            for (uint32_t r = 0; r < p->ranks; r++)
                result.times[r] = (uint8_t)(x->times[r] + y->times[r]);
            result.order = mix(mix(x->order) + mix(y->order));
        }
        ACN_TRY(write_cell(p, rank, &step->to, i, &result));
    }
    pay(p, rank, &step->a, step->blocks);
    if (step->kind == ACN_STEP_COPY) {
        p->actors[rank].copied += step->blocks * p->block_share;
        return ACN_OK;
    }
    pay(p, rank, &step->b, step->blocks);
    p->actors[rank].reduced += step->blocks * p->block_share;
    return ACN_OK;
}

/* The first signal of |phase| or later: a real wait may be over by then and not before. */
static const moment *find_moment(const actor *a, uint32_t phase) {
    for (uint32_t i = 0; i < a->moment_count; i++)
        if (a->moments[i].phase >= phase) return &a->moments[i];
    return NULL;
}

static acn_status wait_for(proof *p, uint32_t rank, const acn_step *step, bool *out_goes_on) {
    actor *a = &p->actors[rank];
    if (step->rank >= p->ranks || step->rank == rank)
        return wrong(p, rank, "waits for no other rank", step->rank);
    bool is_before = step->phase == ACN_PHASE_BEFORE;
    *out_goes_on = is_before && a->round == 0;
    if (*out_goes_on) return ACN_OK;
    uint32_t phase = is_before ? (a->round - 1) << 16 : a->round << 16 | step->phase;
    const moment *m = find_moment(&p->actors[step->rank], phase);
    *out_goes_on = m != NULL;
    if (m == NULL) return ACN_OK;
    end_round(a);
    for (uint32_t r = 0; r < p->ranks; r++)
        if (m->clock[r] > a->clock[r]) a->clock[r] = m->clock[r];
    for (int i = 0; i < TERMS; i++)
        a->time[i] = fmax(a->time[i], m->time[i]);
    return ACN_OK;
}

static acn_status signal_phase(proof *p, uint32_t rank, uint32_t phase) {
    actor *a = &p->actors[rank];
    uint32_t last = a->moments[a->moment_count - 1].phase & ACN_MAX_PHASE;
    if (phase <= last || phase > ACN_MAX_PHASE)
        return wrong(p, rank, "signals a phase that is not a later one", phase);
    end_round(a);
    signal_moment(a, a->round << 16 | phase);
    return ACN_OK;
}

/* What others may read must stay as it is until they have done so. */
static acn_status check_left(proof *p, uint32_t rank) {
    actor *a = &p->actors[rank];
    for (int buffer = 0; buffer < ACN_BUFFERS; buffer++) {
        if (buffer == ACN_SCRATCH && a->plan.alternates) continue;
        for (uint32_t b = 0; b < a->cell_count[buffer]; b++)
            for (uint32_t r = 0; r < p->ranks; r++)
                if (a->cells[buffer][b].read[r] > a->clock[r])
                    return wrong(p, rank, "leaves while another may still read: rank", r);
    }
    return ACN_OK;
}

/* As far as it goes. */
static acn_status follow(proof *p, uint32_t rank, bool *out_moved) {
    actor *a = &p->actors[rank];
    for (;;) {
        bool goes_on = true;
        if (a->at == a->plan.count) {
            end_round(a);
            ACN_TRY(check_left(p, rank));
            if (a->round == 0) memcpy(a->cost, a->time, sizeof a->cost);
            if (a->round + 1 == p->rounds) return ACN_OK;
            enter(p, rank, a->round + 1);
            *out_moved = true;
            continue;
        }
        const acn_step *step = &a->plan.steps[a->at];
        if (step->kind == ACN_STEP_WAIT) {
            ACN_TRY(wait_for(p, rank, step, &goes_on));
        } else if (step->kind == ACN_STEP_SIGNAL) {
            ACN_TRY(signal_phase(p, rank, step->phase));
        } else {
            ACN_TRY(act(p, rank, step));
        }
        if (!goes_on) return ACN_OK;
        a->clock[rank]++;
        a->at++;
        *out_moved = true;
    }
    return ACN_OK;
}

static acn_status follow_all(proof *p) {
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t rank = 0; rank < p->ranks; rank++)
            ACN_TRY(follow(p, rank, &moved));
    }
    for (uint32_t rank = 0; rank < p->ranks; rank++) {
        actor *a = &p->actors[rank];
        if (a->at < a->plan.count)
            return wrong(p, rank, "waits for ever for rank", a->plan.steps[a->at].rank);
    }
    return ACN_OK;
}

/* Ends. */

/* What block |b| of the output of |rank| shall be: |from| is the one rank that it comes from, or
 * |ranks| for the sum of all. */
static void expect(const proof *p, uint32_t rank, uint32_t b, uint32_t *block, uint32_t *from) {
    *block = b;
    *from = p->ranks;
    if (p->collective == ACN_REDUCE_SCATTER) *block = rank;
    if (p->collective == ACN_ALL_GATHER) *block = 0, *from = b;
    if (p->collective == ACN_ALL_TO_ALL) *block = rank, *from = b;
    if (p->collective == ACN_BROADCAST) *from = p->root;
    if (p->collective == ACN_SCATTER) *block = rank, *from = p->root;
}

static acn_status check_result(proof *p, uint32_t rank) {
    if (p->collective == ACN_REDUCE && rank != p->root) return ACN_OK;
    for (uint32_t b = 0; b < p->actors[rank].cell_count[ACN_OUT]; b++) {
        const value *v = &find_cell(p, 0, rank, ACN_OUT, b)->value;
        uint32_t block, from;
        expect(p, rank, b, &block, &from);
        if (!v->is_set) return wrong(p, rank, "has no result in block", b);
        if (v->block != block) return wrong(p, rank, "has another block as its result in block", b);
        for (uint32_t r = 0; r < p->ranks; r++)
            if (v->times[r] != (from == p->ranks || from == r))
                return wrong(p, rank, "has a wrong share of a rank in its result: rank", r);
        bool is_shared = p->collective == ACN_ALL_REDUCE;
        if (is_shared && v->order != find_cell(p, 0, 0, ACN_OUT, b)->value.order)
            return wrong(p, rank, "added in another order than rank 0 in block", b);
    }
    return ACN_OK;
}

/* What is copied depends on where the buffers lie, and is checked for buffers that lie apart. */
static acn_status check_cost(proof *p, const acn_algorithm *algorithm) {
    double time[TERMS] = {0};
    acn_terms t = {0};
    if (p->ranks > 1) t = algorithm->terms(p->collective, p->ranks);
    for (uint32_t rank = 0; rank < p->ranks; rank++)
        for (int i = 0; i < TERMS; i++)
            time[i] = fmax(time[i], p->actors[rank].cost[i]);
    const double said[TERMS] = {t.alpha, t.beta, t.gamma, t.handovers, t.copied};
    bool is_right = true;
    for (int i = 0; i < (p->in_place || p->ranks == 1 ? 3 : TERMS); i++)
        is_right &= fabs(time[i] - said[i]) < 1e-6;
    if (is_right) return ACN_OK;
    return acn_fail(
        ACN_INTERNAL,
        "%s of %s among %u ranks takes %g a + %g nb + %g ng, or %g h + %g nc; its terms "
        "say %g, %g, %g, %g, %g",
        algorithm->name, acn_collective_name(p->collective), p->ranks, time[0], time[1], time[2],
        time[3], time[4], t.alpha, t.beta, t.gamma, t.handovers, t.copied);
}

static acn_status prove(proof *p, const acn_algorithm *algorithm) {
    for (uint32_t rank = 0; rank < p->ranks; rank++)
        ACN_TRY(prepare(p, algorithm, rank));
    const acn_plan *plan = &p->actors[0].plan;
    uint32_t in = acn_plan_blocks(plan, ACN_IN), out = acn_plan_blocks(plan, ACN_OUT);
    p->block_share = in + out == 0 ? 0 : 1.0 / (in > out ? in : out);
    for (uint32_t rank = 0; rank < p->ranks; rank++)
        enter(p, rank, 0);
    ACN_TRY(follow_all(p));
    for (uint32_t rank = 0; rank < p->ranks; rank++) {
        ACN_TRY(check_left(p, rank));
        ACN_TRY(check_result(p, rank));
    }
    return check_cost(p, algorithm);
}

acn_status acn_prove(const acn_algorithm *algorithm, acn_collective collective, uint32_t ranks,
                     uint32_t root, bool in_place) {
    if (ranks < 1 || ranks > RANKS || root >= ranks)
        return acn_fail(ACN_INVALID_ARGUMENT, "%u ranks with root %u; expected 1 to %d", ranks,
                        root, RANKS);
    proof *p = calloc(1, sizeof *p);
    if (p == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory to check a plan");
    p->collective = collective;
    p->ranks = ranks;
    p->root = root;
    p->rounds = 1;
    p->in_place = in_place;
    acn_status status = prove(p, algorithm);
    for (uint32_t rank = 0; rank < ranks; rank++) {
        actor *a = &p->actors[rank];
        acn_plan_free(&a->plan);
        free(a->moments);
        for (int buffer = 0; buffer < ACN_BUFFERS; buffer++)
            free(a->cells[buffer]);
    }
    free(p);
    return status;
}
