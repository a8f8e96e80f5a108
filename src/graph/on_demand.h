/* on_demand.h - models that are made when sizes are used for the first time, from the source that
 * an open set carries, and kept for the next time. */
#ifndef ACN_GRAPH_ON_DEMAND_H
#define ACN_GRAPH_ON_DEMAND_H

#include "graph/late/late.h"
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

/* What runs |sizes|: a prepared model, or, where something depends on data, one that runs in
 * stages.
 */
typedef struct acn_on_demand_made {
    acn_model *model;
    acn_late *late; /* instead */
} acn_on_demand_made;

/* |sizes|: one for each input of the set. What it gives stays until acn_on_demand_drop. Threads may
 * call it at once. */
acn_status acn_on_demand_get(acn_on_demand *maker, const acn_size *sizes, acn_on_demand_made *out);
void acn_on_demand_drop(acn_on_demand *maker, const acn_on_demand_made *made);

#endif
