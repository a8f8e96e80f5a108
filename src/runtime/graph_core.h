/* graph_core.h - what graphs are made of; only src/runtime includes this. */
#ifndef ACN_RUNTIME_GRAPH_CORE_H
#define ACN_RUNTIME_GRAPH_CORE_H

#include "runtime/capture.h"
#include "runtime/core.h"
#include "runtime/graph.h"

typedef struct acn_capture acn_capture;
typedef struct acn_group acn_group;
typedef struct acn_condition acn_condition;
typedef struct acn_change acn_change;

typedef enum acn_node_kind {
    ACN_NODE_TASK,
    ACN_NODE_RECORD, /* a point of its lane that others wait for */
    ACN_NODE_WAIT,   /* for |other_position| of lane |other| */
    ACN_NODE_CONTROL /* |step| decides what comes next */
} acn_node_kind;

/* One thread of control through a graph. */
typedef struct acn_walk {
    acn_graph *graph;
    acn_stream *stream; /* on which it runs */
    acn_node *const *nodes;
    uint32_t count, at; /* |at| is the next one */
} acn_walk;

/* A recording that is under way. */
struct acn_capture {
    uint64_t id;
    acn_graph *graph;
    acn_lane *origin; /* NULL when streams are bound */
    acn_capture_mode mode;
    bool is_broken;
    bool is_new;   /* the graph was made for it */
    bool is_build; /* streams are bound to it, and stay bound behind its end */
    uint64_t thread;
    uint32_t first_lane; /* of those that belong to it */
    acn_capture *next;
};

struct acn_node {
    acn_task task;
    acn_graph *graph;
    acn_lane *lane;
    acn_node_kind kind;
    uint32_t position; /* in its lane, from 1 */
    uint32_t order;    /* in the graph, from 0 */
    uint32_t other_position;
    atomic_bool is_disabled;
    acn_lane *other;
    acn_group *group; /* whose update replaces |task|; or NULL */
    acn_status (*step)(acn_walk *walk, acn_node *node);
    acn_change *change; /* for the next update; or NULL */
    void *info;         /* a copy of what was attached */
    size_t info_bytes;
    struct acn_footprint *footprint; /* check.c's: what |task| touches; NULL: not asked yet */
};

struct acn_lane {
    acn_graph *graph;
    acn_capture *capture; /* NULL when done */
    acn_stream *stream;   /* recorded; NULL when done */
    uint32_t stream_id;
    acn_node **nodes;
    uint32_t count, room;
    uint32_t joined;       /* nodes that the origin's end comes after */
    acn_group *open_group; /* recorded tasks belong to it */
    acn_group *updates;    /* what is recorded replaces that group's tasks; then |graph| is NULL */
    bool starts;           /* with the replay; others are activated */
    bool is_bound;         /* by acn_build_bind */
    /* Of a replay in lanes: */
    acn_stream *helper; /* runs it; NULL for the one that the launching stream runs */
    uint64_t helper_serial;
    atomic_bool is_started;
    _Atomic uint32_t reached; /* nodes that are done; futex word */
};

typedef struct acn_farewell {
    void (*run)(void *user);
    void *user;
    struct acn_farewell *next;
} acn_farewell;

struct acn_graph {
    atomic_int users; /* its handle, queued replays, the graph it belongs to */
    atomic_bool is_alive;
    uint32_t id;
    char name[ACN_GRAPH_NAME_BYTES];
    acn_context *context;
    uint64_t context_serial; /* it may end before the graph does */
    acn_capture *capture;    /* that fills it now */
    acn_graph *parent;       /* it is the body of a condition of that graph */
    acn_graph *children, *sibling;
    acn_condition *conditions;
    acn_group *groups;
    acn_node **nodes; /* in the order of recording */
    uint32_t count, room;
    acn_lane **lanes; /* the first is the origin */
    uint32_t lane_count;
    acn_farewell *farewells;
    struct acn_clock *clock; /* check.c's: one replay comes after the other, whichever is first */
    acn_stream *own_stream;  /* of acn_graph_execute */
    uint64_t own_serial;

    /* The plan of a replay, made when recording ends. */
    acn_node **steps; /* |nodes| without those that only order them */
    uint32_t step_count;
    bool runs_in_lanes;
    uint32_t cost_us, task_flags;

    pthread_mutex_t group_mutex; /* held while a task that can be updated runs */
    _Atomic uint32_t busy;       /* 0 free, 1 running, 2 running and waited for; futex word */
    _Atomic uint32_t queued;     /* replays */
    atomic_bool shall_stop, has_failed;
};

/* Guards all that is being recorded. */
extern pthread_mutex_t acn_graph_mutex;

acn_status acn_graph_create(acn_context *context, acn_graph **out_graph);
void acn_graph_hold(acn_graph *graph);
void acn_graph_release(acn_graph *graph);
/* What a client's handle stands for, or NULL. */
acn_lane *acn_lane_find(void *handle);
acn_node *acn_node_find(void *handle);
/* With the mutex held. */
acn_status acn_graph_add_lane(acn_graph *graph, acn_stream *stream, acn_lane **out_lane);
acn_status acn_graph_add_node(acn_lane *lane, const acn_node *like, acn_node **out_node);
/* Recording has ended: plans the replay. |in_lanes| when lanes must not run one after the other. */
acn_status acn_graph_seal(acn_graph *graph, bool in_lanes);
/* Runs it on this thread as part of a task of |stream|. */
acn_status acn_graph_run(acn_graph *graph, acn_stream *stream);
/* Starts a lane of a replay that runs in lanes. */
acn_status acn_lane_start(acn_lane *lane);
bool acn_graph_shall_stop(const acn_graph *graph, const acn_stream *stream);

/* capture.c, with the mutex held */
acn_status acn_capture_open(acn_graph *graph, bool is_build);
acn_status acn_capture_join(acn_capture *capture, acn_stream *stream, acn_lane **out_lane);
void acn_capture_close(acn_capture *capture);

/* group.c */
void acn_group_free_all(acn_graph *graph);
/* condition.c */
void acn_condition_free_all(acn_graph *graph);
void acn_condition_reset_all(acn_graph *graph);

/* Grows an array of pointers; false when there is no memory. */
bool acn_grow(void *array_of_pointers, uint32_t count, uint32_t *room);

#endif
