/* compare.h - how far a result may be from level 0's. */
#ifndef ACN_TESTS_OPS_COMPARE_H
#define ACN_TESTS_OPS_COMPARE_H

#include "subject.h"

/* f32 and f64: 2 units in the last place of the double result; f16, bf16: 1; integers: exact.
 * Reductions and contractions add terms * eps * the size of a term, in the type that the sum is
 * computed in; compound formulas a few eps of their operands' size at that element. False, with a
 * message in |problem|. */
bool is_close(const subject *got, const subject *want, const test_case *c, char *problem,
              size_t bytes);
/* All outputs equal, bit for bit. */
bool is_identical(const subject *a, const subject *b);

#endif
