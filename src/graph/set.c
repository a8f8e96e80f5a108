/* set.c - see set.h. */
#include "graph/set.h"

#include <string.h>

acn_status acn_set_create(acn_model_set **out) {
    acn_arena arena = {0};
    acn_model_set *set = acn_arena_alloc(&arena, sizeof *set);
    if (set == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a model");
    set->arena = arena;
    *out = set;
    return ACN_OK;
}

void acn_set_destroy(acn_model_set *set) {
    if (set == NULL) return;
    for (int i = 0; i < set->model_count; i++)
        acn_model_destroy(set->models[i]);
    acn_arena arena = set->arena;
    acn_arena_release(&arena);
}

acn_status acn_set_prepare(acn_model_set *set) {
    for (int i = 0; i < set->model_count; i++)
        ACN_TRY(acn_model_prepare(set->models[i]));
    return ACN_OK;
}

uint64_t acn_set_work_bytes(const acn_model_set *set) {
    uint64_t most = 0;
    for (int i = 0; i < set->model_count; i++) {
        uint64_t bytes = set->models[i]->work_bytes + set->models[i]->scratch_bytes;
        if (bytes > most) most = bytes;
    }
    return most;
}

static uint64_t port_bytes(const acn_model *model) {
    uint64_t bytes = 0;
    for (int i = 0; i < model->input_count; i++)
        bytes += model->inputs[i].bytes;
    return bytes;
}

int acn_set_largest(const acn_model_set *set) {
    int largest = 0;
    for (int i = 1; i < set->model_count; i++)
        if (port_bytes(set->models[i]) > port_bytes(set->models[largest])) largest = i;
    return largest;
}

int acn_set_find_gear(const acn_model_set *set, const int64_t *gear) {
    size_t length = (size_t)set->gear_length;
    for (int i = 0; i < set->model_count; i++)
        if (memcmp(set->gears + (size_t)i * length, gear, length * sizeof *gear) == 0) return i;
    return -1;
}
