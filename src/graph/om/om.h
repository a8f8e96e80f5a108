/* om.h - CANN's container for compiled models: a header, then partitions.
 *
 * Partition 0 is the graph as CANN describes it (ge.proto.ModelDef), for people and viewers;
 * partition 1 the weights, which are used where they lie in the file; partition 8 what the model's
 * inputs and outputs are. Our own plan lies in partition 3, whose contents every other reader
 * leaves alone: a version, checksums, and the steps.
 */
#ifndef ACN_GRAPH_OM_OM_H
#define ACN_GRAPH_OM_OM_H

#include "base/wire.h"
#include "graph/compile.h"
#include "graph/set.h"

typedef enum acn_om_partition {
    ACN_OM_MODEL_DEF = 0,
    ACN_OM_WEIGHTS = 1,
    ACN_OM_TASKS = 2,
    ACN_OM_PLAN = 3, /* CANN's kernels */
    ACN_OM_PORTS = 8,
    ACN_OM_PARTITIONS = 27
} acn_om_partition;

/* What a file says of its making. */
typedef struct acn_om_facts {
    const char *command, *soc, *cann_version;
    int framework;
} acn_om_facts;

/* What is written: networks that were compiled with the same weights, and what |set| says of them
 * all; its own models are not looked at. |compiled| of an open set only describes it. */
typedef struct acn_om_contents {
    const acn_compiled *compiled;
    int count;
    const acn_weights *weights;
    const acn_model_set *set;
    acn_om_facts facts;
} acn_om_contents;

/* Writes |path| anew: whole or not at all. */
acn_status acn_om_write(const char *path, const acn_om_contents *contents);
/* The same bytes in memory, to be freed by free(). */
acn_status acn_om_encode(const acn_om_contents *contents, void **out_bytes, size_t *out_size);
/* Writes bytes that acn_om_encode gave as the file |path|: whole or not at all. */
acn_status acn_om_copy(const char *path, const void *bytes, size_t size);

/* The same for bytes of any other form. */
acn_status acn_om_write_bytes(const char *path, const void *bytes, size_t size);

typedef struct acn_om {
    const char *name; /* for error texts */
    const uint8_t *bytes;
    size_t size;
    struct {
        const uint8_t *bytes;
        uint64_t size;
    } partition[ACN_OM_PARTITIONS];
    void *mapping; /* NULL: the caller's memory */
} acn_om;

acn_status acn_om_open(const char *path, acn_om *out);
acn_status acn_om_read(const char *name, const void *bytes, size_t size, acn_om *out);
/* From memory that need not stay. */
acn_status acn_om_read_copy(const char *name, const void *bytes, size_t size, acn_om *out);
void acn_om_close(acn_om *om);

/* The models in the file, not yet prepared; their weights are the file's, so |om| must stay open.
 * Checks the checksums. */
acn_status acn_om_set(const acn_om *om, acn_model_set **out);

/* A network as ge.proto.ModelDef, for dumps; |with_data|: also what constants hold. */
void acn_om_put_net_def(acn_wire_out *out, const acn_net *net, bool with_data);

/* What descriptions of a network call its parts. */
enum { ACN_OM_EDGE_BYTES = 600 };
/* Where a value comes from, as "operator:output". */
void acn_om_edge(const acn_net_value *v, char *out, size_t bytes);
/* The slot of a node's tensor, and whether the node makes it. */
const char *acn_om_slot_name(const acn_net_node *n, int tensor);
bool acn_om_is_output(const acn_net_node *n, int tensor);
/* Marks the constants that are read, by the ids of values; NULL without memory, else to be freed.
 */
bool *acn_om_read_constants(const acn_net *net);

/* ---- private to this folder ------------------------------------------------------------------ */

void acn_om_put_model_def(acn_wire_out *out, const acn_om_contents *contents);
void acn_om_put_ports(acn_wire_out *out, const acn_om_contents *contents);
/* The partition of the plan, with the checksums of itself and of |weights|. */
void acn_om_put_set(acn_wire_out *out, const acn_om_contents *contents, const char *weights);
void acn_om_put_plan(acn_wire_out *out, const acn_compiled *compiled);
void acn_om_put_port(acn_wire_out *out, uint32_t field, const acn_model_port *port);
/* |model| has its name, weights and their size. */
acn_status acn_om_read_plan(const char *file, acn_wire wire, acn_model *model);
acn_status acn_om_read_port(const char *file, acn_arena *arena, acn_wire wire, acn_model_port *out);

#endif
