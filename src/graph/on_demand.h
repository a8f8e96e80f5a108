/* on_demand.h - models that are made when sizes are used for the first time, from the source that
 * an open set carries, and kept for the next time. */
#ifndef ACN_GRAPH_ON_DEMAND_H
#define ACN_GRAPH_ON_DEMAND_H

#include "graph/set.h"

typedef struct acn_on_demand acn_on_demand;

/* |set| must stay as long. */
acn_status acn_on_demand_create(const acn_model_set *set, acn_on_demand **out);
void acn_on_demand_destroy(acn_on_demand *maker);

/* The sizes of one input. */
typedef struct acn_size {
    int rank;
    int64_t dims[ACN_MAX_DIMS];
} acn_size;

/* The prepared model for |sizes|, one for each input of the set; it stays until acn_on_demand_drop.
 * Threads may call it at once. */
acn_status acn_on_demand_get(acn_on_demand *maker, const acn_size *sizes, acn_model **out);
void acn_on_demand_drop(acn_on_demand *maker, const acn_model *model);

#endif
