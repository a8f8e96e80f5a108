/* late.h - networks whose sizes, or whose course, follow from data: run in stages.
 *
 * A stage is as much of a graph as can be planned with what is known: a model like any other, kept
 * for the next time that the same sizes come. Between two stages stands a node that decides: If
 * runs the branch that was chosen, Loop and Scan run their body's stages again and again, and sizes
 * that the last stage has found are the next one's. Values between stages lie in host memory of
 * their own.
 */
#ifndef ACN_GRAPH_LATE_LATE_H
#define ACN_GRAPH_LATE_LATE_H

#include "graph/import/onnx.h"
#include "graph/model.h"
#include "graph/pass/pass.h"

typedef struct acn_late acn_late;

/* |model| must stay as long; |options| give all shapes and are copied, their texts stay. */
acn_status acn_late_create(const acn_onnx_model *model, const acn_onnx_options *options,
                           const acn_pass_switches *switches, acn_late **out);
void acn_late_destroy(acn_late *late);

/* Asked before output |index| is written, when its size is known: where it goes. */
typedef acn_status acn_late_place(void *context, int index, const acn_model_port *port,
                                  void **out_address);

/* One run at a time. */
acn_status acn_late_run(acn_late *late, void *const *inputs, acn_late_place *place, void *context);

#endif
