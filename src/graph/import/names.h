/* names.h - values by the names that a model gives them. A subgraph sees the names of what
 * surrounds it; what it binds itself is taken back when it ends. */
#ifndef ACN_GRAPH_IMPORT_NAMES_H
#define ACN_GRAPH_IMPORT_NAMES_H

#include "graph/net.h"

typedef struct acn_name_entry {
    const char *name;
    void *value; /* an acn_net_value, or what a run has (late/) */
} acn_name_entry;

typedef struct acn_names {
    acn_name_entry *entries; /* open addressing; an entry stays, its value may be NULL again */
    acn_name_entry *bound;   /* what each binding replaced, in order */
    size_t room, used, bound_count, bound_room;
} acn_names;

acn_status acn_names_bind(acn_names *names, const char *name, void *value);
void *acn_names_find(const acn_names *names, const char *name);
/* Takes back all bindings since |bound_count| was |mark|. */
void acn_names_return(acn_names *names, size_t mark);
void acn_names_free(acn_names *names);

#endif
