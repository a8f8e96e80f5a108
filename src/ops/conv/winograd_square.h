/* winograd_square.h - the matrices of Winograd's F(2x2, 3x3), on squares of 4, and F(4x4, 3x3), on
 * squares of 6 pixels: y = A^T ((G w G^T) * (B^T x B)) A, products element by element. The kernels
 * have B and A as additions. */
#ifndef ACN_OPS_CONV_WINOGRAD_SQUARE_H
#define ACN_OPS_CONV_WINOGRAD_SQUARE_H

extern const double acn_winograd_filter_4[4][3], acn_winograd_filter_6[6][3]; /* G */
extern const double acn_winograd_in_4[4][4], acn_winograd_in_6[6][6];         /* B^T */
extern const double acn_winograd_out_4[2][4], acn_winograd_out_6[4][6];       /* A^T */

#endif
