/* panels.h - the blocking of products of rows with packed panels (kernels/panel.h): what matrix
 * products with a constant right side and convolutions of channels-last images share.
 *
 *   c[row][col] = act(clamp(addend[row][col] + bias[col] + sum over segments and steps of a * b))
 *
 * Everything is f32. Each group has its own columns and panels; its packed matrix is
 * [panel][segment][step][16], with zeros in the columns that are missing.
 */
#ifndef ACN_OPS_PANELS_H
#define ACN_OPS_PANELS_H

#include "ops/kernels/panel.h"
#include "ops/op.h"

typedef struct acn_panels {
    int64_t groups, rows, cols, segments, steps;
    /* set by acn_panels_plan */
    int64_t panels;                     /* of a group */
    int64_t block_rows, row_blocks;     /* a chunk's share */
    int64_t block_panels, panel_blocks; /* likewise */
    int64_t pass_segments, pass_steps;  /* one of them is whole */
    size_t worker_bytes;
    int workers;
} acn_panels;

/* What is applied to finished rows besides clamping. */
typedef struct acn_panels_finish {
    bool clamps;
    float low, high;
    acn_micro_fn activation; /* NULL: none */
} acn_panels_finish;

typedef struct acn_panels_operands {
    /* Writes where the steps of rows [first, first + count) begin, for each segment s:
     * rows[s * most + i]. */
    void (*point)(const void *context, int64_t group, int64_t first, int count, int most,
                  const float **rows);
    const void *context;
    const float *b, *bias, *addend;
    float *c;
    int64_t c_row, addend_row; /* distance of rows; groups' columns follow one another */
    acn_panels_finish finish;
} acn_panels_operands;

/* The numbers of a packed matrix. */
int64_t acn_panels_packed_count(int64_t groups, int64_t cols, int64_t depth);
void acn_panels_plan(acn_panels *p);
uint64_t acn_panels_workspace_bytes(const acn_panels *p);
uint32_t acn_panels_cost_us(const acn_panels *p);
void acn_panels_run(const acn_panels *p, const acn_panels_operands *o, char *workspace);

/* Attributes that the operators share, for |acn_panels_finish|: slots first to first + 2. */
/* clang-format off */
#define ACN_PANELS_ATTRS                                                                           \
    {"activation", ACN_ATTR_STRING}, {"low", ACN_ATTR_FLOAT}, {"high", ACN_ATTR_FLOAT}
/* clang-format on */
/* Fails naming an activation that does not exist. */
acn_status acn_panels_read_finish(const acn_call *c, int first, acn_panels_finish *out);
/* The same for one number in double precision. */
double acn_panels_naive_finish(const acn_call *c, int first, double x);

#endif
