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
#include "graph/model.h"

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

/* Writes |path| anew: whole or not at all. */
acn_status acn_om_write(const char *path, const acn_compiled *compiled, const acn_om_facts *facts);

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

/* The model in the file, not yet prepared; its weights are the file's, so |om| must stay open.
 * Checks the checksums. */
acn_status acn_om_model(const acn_om *om, acn_model **out);

/* ---- private to this folder ------------------------------------------------------------------ */

enum { ACN_OM_PLAN_HEAD_BYTES = 24 };

void acn_om_put_model_def(acn_wire_out *out, const acn_compiled *compiled,
                          const acn_om_facts *facts);
void acn_om_put_plan(acn_wire_out *out, const acn_compiled *compiled);
void acn_om_put_ports(acn_wire_out *out, const acn_net *net);
uint64_t acn_om_checksum(const void *bytes, size_t size);

#endif
