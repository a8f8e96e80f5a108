/* registry.c - finds operators by GE's name. The list itself is made by the linker. */
#include "ops/op.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

ACN_REGISTRY(op);

enum { MAX_OPERATORS = 4096 };

static const acn_op *sorted[MAX_OPERATORS]; /* never allocated, so that it cannot fail */
static int sorted_count;
static pthread_once_t sorted_once = PTHREAD_ONCE_INIT;

static int compare_names(const void *a, const void *b) {
    return strcmp((*(const acn_op *const *)a)->name, (*(const acn_op *const *)b)->name);
}

static void sort_once(void) {
    size_t count = (size_t)(__stop_acn_ops - __start_acn_ops);
    if (count > MAX_OPERATORS) abort(); /* all of them are this library's */
    memcpy(sorted, __start_acn_ops, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_names);
    sorted_count = (int)count;
}

int acn_op_count(void) {
    pthread_once(&sorted_once, sort_once);
    return sorted_count;
}

const acn_op *acn_op_at(int index) {
    return index >= 0 && index < acn_op_count() ? sorted[index] : NULL;
}

const acn_op *acn_op_find(const char *name) {
    int low = 0, high = acn_op_count();
    while (low < high) {
        int middle = (low + high) / 2, order = strcmp(sorted[middle]->name, name);
        if (order == 0) return sorted[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
