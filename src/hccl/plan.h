/* plan.h - a collective as data: the list of steps of one rank.
 *
 * Ranks pull: a step reads memory of any rank and writes only its own rank's. Who reads waits
 * until the other rank has signalled a phase; phase 0 is reached by entering the collective. A
 * plan is made once per communicator, collective and root, and knows neither addresses nor sizes:
 * it speaks of blocks. prove.h checks any plan without running it; execute.h runs it.
 *
 * A new algorithm is one file in algo/ that ends in ACN_ALGORITHM(name) = {...}.
 */
#ifndef ACN_HCCL_PLAN_H
#define ACN_HCCL_PLAN_H

#include "base/registry.h"
#include "base/status.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    ACN_MAX_RANKS = 1024,
    ACN_MAX_PHASE = 0xffff,
    ACN_PHASE_BEFORE = 0x10000, /* to have entered the collective before this one; see below */
};

/* Blocks of the input and of the output, for p ranks: "whole" is the plan's own number of blocks,
 * into which a vector is cut; otherwise a block is what one rank has for another. */
typedef enum acn_collective {
    ACN_ALL_REDUCE,     /* whole -> whole */
    ACN_ALL_GATHER,     /* 1 -> p */
    ACN_REDUCE_SCATTER, /* p -> 1 */
    ACN_BROADCAST,      /* whole -> whole; one and the same buffer */
    ACN_REDUCE,         /* whole -> whole, the root's only */
    ACN_SCATTER,        /* p, the root's only -> 1 */
    ACN_ALL_TO_ALL,     /* p -> p */
    ACN_BARRIER,        /* nothing */
    ACN_COLLECTIVES
} acn_collective;
const char *acn_collective_name(acn_collective collective);
/* Those with a root, and those that cut a vector into the plan's own number of blocks. */
bool acn_collective_has_root(acn_collective collective);
bool acn_collective_is_whole(acn_collective collective);

typedef enum acn_buffer { ACN_IN, ACN_OUT, ACN_SCRATCH, ACN_BUFFERS } acn_buffer;

typedef struct acn_place {
    uint16_t rank;
    uint16_t buffer; /* acn_buffer */
    uint32_t block;
} acn_place;

typedef enum acn_step_kind {
    ACN_STEP_WAIT,   /* until |rank| has signalled |phase| */
    ACN_STEP_SIGNAL, /* |phase|, which only grows */
    ACN_STEP_COPY,   /* to = a */
    ACN_STEP_REDUCE, /* to = a (op) b; |to| may be one of them */
} acn_step_kind;

typedef struct acn_step {
    uint16_t kind, rank;
    uint32_t phase;
    acn_place to, a, b;
    uint32_t blocks; /* that follow one another at each place */
} acn_step;

typedef struct acn_algorithm acn_algorithm;

typedef struct acn_plan {
    const acn_algorithm *algorithm;
    acn_collective collective;
    uint32_t rank, ranks, root;
    uint32_t whole_blocks;   /* of collectives that cut a vector; the algorithm sets it */
    uint32_t scratch_blocks; /* of each rank; the algorithm sets it */
    /* Set by algorithms that leave while others may still read their scratch memory. There are two,
     * taken in turns: who has entered the collective before this one has done with the one that had
     * this memory last, which is what acn_plan_wait_before waits for. */
    bool alternates;
    bool reads_buffers; /* of other ranks, not their scratch memory alone */
    acn_step *steps;
    uint32_t count, room;
    bool is_short_of_memory;
} acn_plan;

/* Time of a plan's critical path among machines: (alpha a + beta n b + gamma n g), where a is a
 * step's latency, b the time of a byte on a link, g of a byte's reduction, and n the bytes of the
 * larger of input and output. Links of different pairs of ranks work at once. In memory that ranks
 * share, where one thread does all of a rank's work: handovers h + copied n c + gamma n g, where h
 * is the time from a signal to the end of the wait for it, and c that of a copied byte. */
typedef struct acn_terms {
    double alpha, beta, gamma, handovers, copied;
} acn_terms;

struct acn_algorithm {
    const char *name; /* as in HCCL_ALGO */
    const char *doc;
    uint32_t collectives; /* bits 1 << acn_collective */
    /* Writes the steps of |plan|->rank; |plan|->ranks is at least 2. */
    void (*plan)(acn_plan *plan);
    acn_terms (*terms)(acn_collective collective, uint32_t ranks);
};
ACN_REGISTRY(algorithm);
#define ACN_ALGORITHM(id) ACN_REGISTER(algorithm, id)

/* For algorithms. */
static inline acn_place acn_at(uint32_t rank, acn_buffer buffer, uint32_t block) {
    return (acn_place){(uint16_t)rank, (uint16_t)buffer, block};
}
static inline acn_place acn_mine(const acn_plan *plan, acn_buffer buffer, uint32_t block) {
    return acn_at(plan->rank, buffer, block);
}
static inline uint32_t acn_around(const acn_plan *plan, int64_t rank) {
    return (uint32_t)((rank % plan->ranks + plan->ranks) % plan->ranks);
}
void acn_plan_wait(acn_plan *plan, uint32_t rank, uint32_t phase);
/* For all other ranks, the next one first. */
void acn_plan_wait_all(acn_plan *plan, uint32_t phase);
/* ... until the memory that |alternates| speaks of is free. */
void acn_plan_wait_before(acn_plan *plan);
void acn_plan_signal(acn_plan *plan, uint32_t phase);
void acn_plan_copy(acn_plan *plan, acn_place to, acn_place from, uint32_t blocks);
void acn_plan_reduce(acn_plan *plan, acn_place to, acn_place a, acn_place b, uint32_t blocks);

const acn_algorithm *acn_algorithm_find(const char *name);
/* The plan of |rank|; acn_plan_free takes what it holds. */
acn_status acn_plan_make(const acn_algorithm *algorithm, acn_collective collective, uint32_t rank,
                         uint32_t ranks, uint32_t root, acn_plan *out);
void acn_plan_free(acn_plan *plan);
/* Blocks of a buffer; of the input of a collective with a root also where it is not used. */
uint32_t acn_plan_blocks(const acn_plan *plan, acn_buffer buffer);

/* The cheapest algorithm for |bytes| (the larger of input and output) on shared memory, or the one
 * that |wanted| names if it can do the collective (NULL: any). */
acn_status acn_algorithm_choose(acn_collective collective, uint32_t ranks, uint64_t bytes,
                                const char *wanted, const acn_algorithm **out);

#endif
