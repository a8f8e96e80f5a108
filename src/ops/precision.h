/* precision.h - ANYCANN_PRECISION: exact (level 0, double inside), default, device. */
#ifndef ACN_OPS_PRECISION_H
#define ACN_OPS_PRECISION_H

typedef enum acn_precision {
    ACN_PRECISION_DEFAULT,
    ACN_PRECISION_EXACT,
    ACN_PRECISION_DEVICE,
} acn_precision;

acn_precision acn_precision_get(void);
void acn_precision_set(acn_precision precision); /* for tests */

#endif
