/* pass.h - what makes a network faster before it is compiled.
 *
 * A pass is one file that ends in ACN_PASS(id) = {...}: it looks for a pattern and rewrites it into
 * calls of other operators. Results stay within rounding. Passes run by stage, then by name; each
 * can be switched off by its name, as CANN's can (--fusion_switch_file).
 */
#ifndef ACN_GRAPH_PASS_PASS_H
#define ACN_GRAPH_PASS_PASS_H

#include "base/registry.h"
#include "graph/net.h"

typedef enum acn_pass_stage {
    ACN_PASS_CLEAN,    /* what need not be computed */
    ACN_PASS_PATTERN,  /* operators written as many become one */
    ACN_PASS_FOLD,     /* constants into other constants */
    ACN_PASS_PACK,     /* constant weights into the layout of the kernels */
    ACN_PASS_BIAS,     /* what follows a product becomes a part of it: first the bias, */
    ACN_PASS_ADDEND,   /* then what is added to it element by element, */
    ACN_PASS_ACTIVATE, /* then a function of the sum */
    ACN_PASS_LAYOUT,   /* where elements lie */
    ACN_PASS_REGION,   /* what is left of elementwise operators, in loops together */
} acn_pass_stage;

/* How often a pattern was found, and how often it was rewritten. */
typedef struct acn_pass_count {
    int matched, effective;
} acn_pass_count;

typedef struct acn_pass {
    const char *name; /* CANN's where CANN has it */
    const char *doc;
    acn_pass_stage stage;
    acn_status (*run)(acn_net *net, acn_pass_count *count);
} acn_pass;

ACN_REGISTRY(pass);
#define ACN_PASS(id) ACN_REGISTER(pass, id)

enum { ACN_MAX_PASSES = 64 };

/* Which passes are off. */
typedef struct acn_pass_switches {
    bool is_off[ACN_MAX_PASSES]; /* by acn_pass_at's numbers */
} acn_pass_switches;

int acn_pass_count_all(void);
const acn_pass *acn_pass_at(int index); /* in the order in which they run */

/* Text of a switch file: lines "Name:off", or JSON {"Switch": {"GraphFusion": {"Name": "off",
 * "ALL": "off"}, "UBFusion": {...}}}. Names that are not ours are CANN's business and do nothing; a
 * word other than on and off is a mistake. */
acn_status acn_pass_read_switches(const char *name, const char *text, size_t size,
                                  acn_pass_switches *out);

/* Switches all passes of some stages off. */
void acn_pass_switch_off(acn_pass_switches *switches, acn_pass_stage first, acn_pass_stage last);

/* Sees the net after each pass that changed it. */
typedef struct acn_pass_watcher {
    void (*saw)(void *context, const acn_net *net, const char *pass);
    void *context;
} acn_pass_watcher;

/* Runs all passes that are not off (|switches| may be NULL). |watcher| and |counts|, one for each
 * pass, may be NULL. */
acn_status acn_passes_run(acn_net *net, const acn_pass_switches *switches,
                          const acn_pass_watcher *watcher, acn_pass_count *counts);

#endif
