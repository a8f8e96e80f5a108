/* unit.h - cmocka with the headers it wants. */
#ifndef ACN_TESTS_UNIT_H
#define ACN_TESTS_UNIT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Builds that watch memory or threads, and emulated processors, are slow: there a test takes every
 * n-th of many like cases. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(ACN_EMULATED)
#define UNIT_EVERY(n) (n)
#else
#define UNIT_EVERY(n) 1
#endif

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

#endif
