/* dft_core.c - see dft.h.
 *
 * Lengths of small prime factors go through Stockham's passes, one a factor, which leave the
 * results in order. Others become a convolution with a chirp (Bluestein) of a length that is a
 * power of two: nk = (n^2 + k^2 - (k - n)^2) / 2.
 */
#include "ops/math/dft.h"

#include <math.h>
#include <string.h>

enum { MOST_FACTORS = 64, LARGEST_FACTOR = 13 };

struct acn_dft {
    int64_t length;
    int factors[MOST_FACTORS], factor_count;
    acn_complex *roots; /* e^(-2 pi i k / length) */
    /* Of lengths with a large factor: */
    acn_dft *wide;       /* at least 2 length - 1 */
    acn_complex *chirp;  /* e^(-pi i k^2 / length) */
    acn_complex *filter; /* the transform of its conjugate */
};

static acn_complex root(int64_t k, int64_t n) {
    double angle = -2 * M_PI * (double)k / (double)n;
    return (acn_complex){cos(angle), sin(angle)};
}

static inline acn_complex times(acn_complex a, acn_complex b) {
    return (acn_complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
static inline acn_complex plus(acn_complex a, acn_complex b) {
    return (acn_complex){a.re + b.re, a.im + b.im};
}
static inline acn_complex minus(acn_complex a, acn_complex b) {
    return (acn_complex){a.re - b.re, a.im - b.im};
}
static inline acn_complex conjugate(acn_complex a) { return (acn_complex){a.re, -a.im}; }

/* ---- plans ----------------------------------------------------------------------------------- */

/* False: some factor is too large. Fours before twos, since they do more in one pass. */
static bool find_factors(acn_dft *d) {
    int64_t left = d->length;
    for (int f = 4; f <= LARGEST_FACTOR; f = f == 4 ? 2 : f == 2 ? 3 : f + 2)
        while (left % f == 0) {
            d->factors[d->factor_count++] = f;
            left /= f;
        }
    return left == 1;
}

static acn_dft *plan_passes(acn_call *c, acn_dft *d) {
    d->roots = acn_plan_alloc(c, (size_t)d->length * sizeof *d->roots);
    if (d->roots == NULL) return NULL;
    for (int64_t k = 0; k < d->length; k++)
        d->roots[k] = root(k, d->length);
    return d;
}

static acn_dft *plan_chirp(acn_call *c, acn_dft *d) {
    int64_t n = d->length, wide = 1;
    while (wide < 2 * n - 1)
        wide *= 2;
    d->wide = acn_dft_plan(c, wide);
    d->chirp = acn_plan_alloc(c, (size_t)n * sizeof *d->chirp);
    d->filter = acn_plan_alloc(c, 2 * (size_t)wide * sizeof *d->filter); /* and room to make it */
    if (!d->wide || !d->chirp || !d->filter) return NULL;
    for (int64_t k = 0, square = 0; k < n; k++) { /* k^2 modulo 2 n, without overflow */
        d->chirp[k] = root(square, 2 * n);
        square = (square + 2 * k + 1) % (2 * n);
    }
    for (int64_t k = 0; k < n; k++) {
        d->filter[k] = conjugate(d->chirp[k]);
        if (k) d->filter[wide - k] = d->filter[k];
    }
    acn_dft_run(d->wide, d->filter, false, d->filter + wide);
    return d;
}

acn_dft *acn_dft_plan(acn_call *c, int64_t length) {
    acn_dft *d = acn_plan_alloc(c, sizeof *d);
    if (d == NULL) return NULL;
    d->length = length;
    return find_factors(d) ? plan_passes(c, d) : plan_chirp(c, d);
}

int64_t acn_dft_room(const acn_dft *d) { return d->wide ? 2 * d->wide->length : d->length; }

/* ---- passes ---------------------------------------------------------------------------------- */

/* One of Stockham's passes: |count| groups of |step| neighbours each, from x to y. */
typedef struct pass {
    const acn_dft *dft;
    int factor;
    int64_t step, count;
} pass;

static void pass_2(const pass *p, const acn_complex *x, acn_complex *y) {
    int64_t s = p->step, m = p->count;
    for (int64_t k = 0; k < m; k++) {
        acn_complex w = p->dft->roots[k * s];
        const acn_complex *a = x + s * k, *b = x + s * (k + m);
        acn_complex *to = y + 2 * s * k;
        for (int64_t q = 0; q < s; q++) {
            to[q] = plus(a[q], b[q]);
            to[q + s] = times(minus(a[q], b[q]), w);
        }
    }
}

static void pass_4(const pass *p, const acn_complex *x, acn_complex *y) {
    int64_t s = p->step, m = p->count;
    for (int64_t k = 0; k < m; k++) {
        const acn_complex *roots = p->dft->roots, *from = x + s * k;
        acn_complex w1 = roots[k * s], w2 = roots[2 * k * s], w3 = roots[3 * k * s];
        acn_complex *to = y + 4 * s * k;
        for (int64_t q = 0; q < s; q++) {
            acn_complex a = from[q], b = from[q + s * m], c = from[q + 2 * s * m],
                        d = from[q + 3 * s * m];
            acn_complex ac = plus(a, c), bd = plus(b, d), am = minus(a, c), bm = minus(b, d);
            acn_complex turned = {bm.im, -bm.re}; /* -i (b - d) */
            to[q] = plus(ac, bd);
            to[q + s] = times(plus(am, turned), w1);
            to[q + 2 * s] = times(minus(ac, bd), w2);
            to[q + 3 * s] = times(minus(am, turned), w3);
        }
    }
}

static void pass_any(const pass *p, const acn_complex *x, acn_complex *y) {
    int64_t s = p->step, m = p->count, n = p->dft->length;
    int f = p->factor;
    const acn_complex *roots = p->dft->roots;
    for (int64_t k = 0; k < m; k++)
        for (int t = 0; t < f; t++) {
            acn_complex w = roots[k * t * s], *to = y + s * (f * k + t);
            for (int64_t q = 0; q < s; q++) {
                acn_complex sum = x[q + s * k];
                for (int j = 1; j < f; j++)
                    sum = plus(sum, times(x[q + s * (k + m * j)], roots[j * t % f * (n / f)]));
                to[q] = times(sum, w);
            }
        }
}

static void run_passes(const acn_dft *d, acn_complex *x, acn_complex *room) {
    acn_complex *from = x, *to = room;
    int64_t left = d->length, step = 1;
    for (int i = 0; i < d->factor_count; i++) {
        pass p = {d, d->factors[i], step, left / d->factors[i]};
        if (p.factor == 4)
            pass_4(&p, from, to);
        else if (p.factor == 2)
            pass_2(&p, from, to);
        else
            pass_any(&p, from, to);
        acn_complex *other = from;
        from = to;
        to = other;
        left /= p.factor;
        step *= p.factor;
    }
    if (from != x) memcpy(x, from, (size_t)d->length * sizeof *x);
}

static void run_chirp(const acn_dft *d, acn_complex *x, acn_complex *room) {
    int64_t n = d->length, wide = d->wide->length;
    acn_complex *a = room, *more = room + wide;
    for (int64_t k = 0; k < n; k++)
        a[k] = times(x[k], d->chirp[k]);
    memset(a + n, 0, (size_t)(wide - n) * sizeof *a);
    run_passes(d->wide, a, more);
    for (int64_t k = 0; k < wide; k++) /* conjugated: the second transform is an inverse one */
        a[k] = conjugate(times(a[k], d->filter[k]));
    run_passes(d->wide, a, more);
    for (int64_t k = 0; k < n; k++) {
        acn_complex y = {a[k].re / (double)wide, -a[k].im / (double)wide};
        x[k] = times(y, d->chirp[k]);
    }
}

void acn_dft_run(const acn_dft *d, acn_complex *x, bool is_inverse, acn_complex *room) {
    for (int64_t k = 0; k < d->length && is_inverse; k++)
        x[k] = conjugate(x[k]);
    if (d->wide)
        run_chirp(d, x, room);
    else
        run_passes(d, x, room);
    for (int64_t k = 0; k < d->length && is_inverse; k++)
        x[k] = conjugate(x[k]);
}
