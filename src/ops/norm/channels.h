/* channels.h - a tensor seen as lanes that each have statistics of their own: its channels
 * (dimension 1), over all samples (batch norm) or of each sample (group and instance norm).
 *
 * Two ways through memory: a lane's elements lie side by side (NCHW), or neighbours belong to
 * neighbouring lanes (channels-last, and matrices). Lanes are cut into parts whose borders depend
 * on the shape only, sums of parts are taken in double and in order: results do not depend on the
 * number of threads. */
#ifndef ACN_OPS_NORM_CHANNELS_H
#define ACN_OPS_NORM_CHANNELS_H

#include "ops/norm/rows.h"

typedef struct acn_channels {
    bool is_last;     /* neighbours in memory are neighbouring channels */
    int64_t channels; /* of a sample */
    int64_t samples;  /* with lanes of their own: 1 when all samples share them */
    int64_t lanes;    /* samples * channels */
    int64_t size;     /* elements of a lane */
    acn_rows rows;    /* is_last: one position, all channels; else: one channel of one sample */
    int64_t parts;    /* each lane (is_last: each sample's lanes together) is summed in */
    int64_t rows_per_part;
    acn_class klass;
} acn_channels;

/* |x| has at least 2 dimensions. |klass| is the class to compute in. */
void acn_channels_make(acn_channels *ch, const acn_tensor *x, bool per_sample, acn_class klass);

/* A tensor of |x|'s shape. */
typedef struct acn_channel_side {
    acn_row_side side;
    void *data;
} acn_channel_side;
acn_channel_side acn_channel_side_make(const acn_channels *ch, const acn_tensor *t);

uint64_t acn_channels_workspace_bytes(const acn_channels *ch);
/* Mean and sum of squared deviations of each lane. */
void acn_channels_moments(const acn_channels *ch, const acn_channel_side *x, double *mean,
                          double *square, void *workspace);
/* Sums of dy and of dy * (x - mean) of each lane. */
void acn_channels_products(const acn_channels *ch, const acn_channel_side *dy,
                           const acn_channel_side *x, const double *mean, double *sum,
                           double *product, void *workspace);

/* What is done to each tile of results. */
typedef void (*acn_channel_finish)(const void *context, acn_class k, void *tile, int64_t n);
/* y = scale * (x - mean) + shift, then |finish| unless NULL. */
void acn_channels_affine(const acn_channels *ch, const acn_channel_side *y,
                         const acn_channel_side *x, const double *mean, const double *scale,
                         const double *shift, acn_channel_finish finish, const void *context,
                         void *workspace);
/* dx = a * dy + b * (x - mean) + c */
void acn_channels_blend(const acn_channels *ch, const acn_channel_side *dx,
                        const acn_channel_side *dy, const acn_channel_side *x, const double *mean,
                        const double *a, const double *b, const double *c, void *workspace);

/* For oracles: the lane of row-major element |linear| of |x|. */
int64_t acn_channel_of(const acn_tensor *x, int64_t linear, bool per_sample);

#endif
