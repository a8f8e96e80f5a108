/* plan_cache.c - a set-associative table; each set has its own lock, held for one comparison. */
#include "ops/plan_cache.h"
#include "base/thread.h"
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 1024, WAYS = 4, SPIN_ROUNDS = 64 };

typedef struct cache_set {
    char lock;
    uint8_t next_victim;
    acn_plan *way[WAYS];
} cache_set;

static cache_set sets[SETS];
static atomic_int plan_count; /* in all sets */

/* Held for one comparison; only a holder that lost its CPU is worth giving up one's own. */
static void lock_set(cache_set *set) {
    while (__atomic_test_and_set(&set->lock, __ATOMIC_ACQUIRE))
        for (int round = 0; __atomic_load_n(&set->lock, __ATOMIC_RELAXED); round++)
            if (round < SPIN_ROUNDS)
                acn_pause();
            else
                sched_yield();
}

static void unlock_set(cache_set *set) { __atomic_clear(&set->lock, __ATOMIC_RELEASE); }

void acn_plan_retain(acn_plan *plan) { __atomic_add_fetch(&plan->references, 1, __ATOMIC_RELAXED); }

void acn_plan_release(acn_plan *plan) {
    if (__atomic_sub_fetch(&plan->references, 1, __ATOMIC_ACQ_REL) != 0) return;
    if (plan->release) plan->release(plan);
    acn_arena_release(&plan->arena);
    free(plan->key);
    free(plan);
}

static bool matches(const acn_plan *plan, uint64_t hash, const void *key, size_t key_bytes) {
    return plan && plan->hash == hash && plan->key_bytes == key_bytes &&
           memcmp(plan->key, key, key_bytes) == 0;
}

acn_plan *acn_plan_cache_find(uint64_t hash, const void *key, size_t key_bytes) {
    cache_set *set = &sets[hash % SETS];
    acn_plan *found = NULL;
    lock_set(set);
    for (int w = 0; w < WAYS && !found; w++)
        if (matches(set->way[w], hash, key, key_bytes)) found = set->way[w];
    if (found) acn_plan_retain(found);
    unlock_set(set);
    return found;
}

void acn_plan_cache_add(acn_plan *plan) {
    cache_set *set = &sets[plan->hash % SETS];
    acn_plan *evicted = NULL;
    lock_set(set);
    int way = -1;
    for (int w = 0; w < WAYS; w++) {
        if (matches(set->way[w], plan->hash, plan->key, plan->key_bytes)) {
            unlock_set(set); /* another thread was first */
            return;
        }
        if (!set->way[w]) way = w;
    }
    if (way < 0) way = set->next_victim++ % WAYS;
    evicted = set->way[way];
    acn_plan_retain(plan);
    set->way[way] = plan;
    unlock_set(set);
    if (evicted)
        acn_plan_release(evicted);
    else
        atomic_fetch_add_explicit(&plan_count, 1, memory_order_relaxed);
}

static void clear_set(cache_set *set) {
    acn_plan *plans[WAYS];
    lock_set(set);
    memcpy(plans, set->way, sizeof plans);
    memset(set->way, 0, sizeof set->way);
    unlock_set(set);
    for (int w = 0; w < WAYS; w++) {
        if (plans[w] == NULL) continue;
        atomic_fetch_sub_explicit(&plan_count, 1, memory_order_relaxed);
        acn_plan_release(plans[w]);
    }
}

void acn_plan_cache_clear(void) {
    for (int s = 0; s < SETS && atomic_load_explicit(&plan_count, memory_order_relaxed) > 0; s++)
        clear_set(&sets[s]);
}
