/* run.h - a run in stages, as its parts share it. Private to this folder. */
#ifndef ACN_GRAPH_LATE_RUN_H
#define ACN_GRAPH_LATE_RUN_H

#include "graph/compile.h"
#include "graph/import/names.h"
#include "graph/import/stage.h"
#include "graph/late/late.h"
#include "graph/late/value.h"
#include "graph/pass/pass.h"

/* A stage that was made. */
typedef struct acn_made_stage {
    struct acn_made_stage *next; /* the last used one is the first */
    acn_stage stage;
    acn_model *model;
    uint64_t hash, constants; /* of its key; the first of its constants' numbers */
    size_t key_bytes;
    char *key;
    acn_arena given; /* copies of the values that had to be known */
} acn_made_stage;

/* A place in a graph from which stages begin. */
typedef struct acn_site {
    struct acn_site *next;
    const acn_onnx_graph *graph;
    int first;
    const char **names; /* what is read from here on */
    bool *needed;       /* those whose values must be known */
    int name_count;
    bool is_control; /* the first node decides, and control.c runs it */
    acn_made_stage *made;
    acn_arena arena;
} acn_site;

struct acn_late {
    const acn_onnx_model *model;
    acn_onnx_options options;
    acn_onnx_shape *shapes;
    acn_pass_switches switches;
    acn_site *sites;
    int made_count;
    uint64_t constants; /* numbers given so far */
    /* Of the run that is going on. */
    acn_names names;
    acn_held **held; /* what names stand for, a reference each */
    size_t held_count, held_room;
    char *work;
    size_t work_bytes;
    void *const *inputs;
    acn_late_place *place;
    void *context;
    int nesting;
};

/* |name| stands for |held|, whose reference it takes, until acn_late_return. */
acn_status acn_late_bind(acn_late *late, const char *name, acn_held *held);
/* What names stand for since these marks. */
typedef struct acn_late_mark {
    size_t names, held;
} acn_late_mark;
acn_late_mark acn_late_here(const acn_late *late);
void acn_late_return(acn_late *late, acn_late_mark mark);

/* The site's stage for what names stand for now. *out NULL: its first node decides. */
acn_status acn_site_stage(acn_late *late, acn_site *site, acn_made_stage **out);
acn_status acn_site_find(acn_late *late, const acn_onnx_graph *graph, int first, acn_site **out);
void acn_sites_destroy(acn_late *late);
/* Forgets stages when there are very many, none of which runs. */
void acn_sites_limit(acn_late *late);

/* Everything in |graph|, whose inputs are bound. Its outputs are references for the caller. */
acn_status acn_late_graph(acn_late *late, const acn_onnx_graph *graph, acn_held **out);
/* If, Loop and Scan: runs the node and binds its outputs. */
acn_status acn_late_control(acn_late *late, const acn_onnx_node *node);
bool acn_late_is_control(const acn_onnx_node *node);

#endif
