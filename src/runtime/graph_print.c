/* graph_print.c - see graph_print.h. The names of control tasks are CANN's, which tools pair by the
 * number at their end. */
#include "runtime/graph_print.h"

#include "runtime/graph_core.h"
#include "runtime/value.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 96 };

static const char *type_of(const acn_node *node) {
    static const char *const types[] = {"DEFAULT",        "KERNEL",       "EVENT_RECORD",
                                        "EVENT_WAIT",     "EVENT_RESET",  "MEM_WRITE_VALUE",
                                        "MEM_WAIT_VALUE", "MODEL_EXECUTE"};
    if (node->kind == ACN_NODE_CONTROL) return "CONDITION";
    return types[(node->task.flags & ACN_TASK_TYPE) / ACN_TASK_IS_KERNEL];
}

/* What pairs those who set something with those who wait for it. */
static uint64_t pair_of(const acn_node *node) {
    uint32_t type = node->task.flags & ACN_TASK_TYPE;
    if (node->kind == ACN_NODE_RECORD) return node->order;
    if (node->kind == ACN_NODE_WAIT) return node->other->nodes[node->other_position - 1]->order;
    if (type == ACN_TASK_IS_VALUE_WRITE || type == ACN_TASK_IS_VALUE_WAIT)
        return (uintptr_t)acn_value_of_task(node->task.data).address;
    return (uintptr_t)acn_event_of_task(node->task.data);
}

static const char *name_of(const acn_node *node, char *buffer) {
    uint32_t type = node->task.flags & ACN_TASK_TYPE;
    if (node->kind == ACN_NODE_CONTROL || type < ACN_TASK_IS_EVENT_RECORD ||
        type > ACN_TASK_IS_VALUE_WAIT)
        return node->task.name;
    snprintf(buffer, NAME_BYTES, "%s_%llu", type_of(node), (unsigned long long)pair_of(node));
    return buffer;
}

void acn_graph_print(acn_graph *graph) {
    char name[NAME_BYTES];
    pthread_mutex_lock(&acn_graph_mutex);
    printf("model %u%s%s: %u tasks of %u streams\n", graph->id, graph->name[0] != 0 ? " " : "",
           graph->name, graph->count, graph->lane_count);
    for (uint32_t i = 0; i < graph->count; i++) {
        const acn_node *node = graph->nodes[i];
        printf("  stream %-4u task %-5u %-16s %s%s\n", node->lane->stream_id, node->position,
               type_of(node), name_of(node, name),
               atomic_load(&node->is_disabled) ? " (disabled)" : "");
    }
    pthread_mutex_unlock(&acn_graph_mutex);
    fflush(stdout);
}

typedef struct range_list {
    FILE *file;
    bool writes, is_open;
} range_list;

static void print_range(void *context, const void *address, size_t bytes, bool is_write) {
    range_list *list = context;
    if (is_write != list->writes) return;
    fprintf(list->file, "%s{\"Address\": \"%p\", \"Bytes\": %zu}", list->is_open ? ", " : "",
            address, bytes);
    list->is_open = true;
}

static void print_ranges(FILE *file, const acn_task *task) {
    if (task->touches == NULL) return;
    for (int writes = 0; writes < 2; writes++) {
        range_list list = {file, writes, false};
        fprintf(file, ", \"%s\": [", writes ? "Writes" : "Reads");
        task->touches(task->data, print_range, &list);
        fputc(']', file);
    }
}

static void print_event(FILE *file, const acn_node *node, uint64_t start_us, bool is_verbose) {
    char name[NAME_BYTES];
    fprintf(file,
            "{\"name\": \"%s\", \"ph\": \"X\", \"pid\": \"model%u\", \"tid\": \"stream%u\", "
            "\"ts\": %llu, \"dur\": %u, \"args\": {\"Task Type\": \"%s\", \"Stream Id\": %u, "
            "\"Task Id\": %u",
            name_of(node, name), node->graph->id, node->lane->stream_id,
            (unsigned long long)start_us, node->task.cost_us + 1, type_of(node),
            node->lane->stream_id, node->position - 1);
    if (is_verbose) print_ranges(file, &node->task);
    fputs("}}", file);
}

static void print_events(FILE *file, acn_graph *graph, bool is_verbose) {
    uint64_t now_us = 0;
    fputs("[", file);
    pthread_mutex_lock(&acn_graph_mutex);
    pthread_mutex_lock(&graph->group_mutex);
    for (uint32_t i = 0; i < graph->count; i++) {
        fputs(i > 0 ? ",\n" : "\n", file);
        print_event(file, graph->nodes[i], now_us, is_verbose);
        now_us += graph->nodes[i]->task.cost_us + 1;
    }
    pthread_mutex_unlock(&graph->group_mutex);
    pthread_mutex_unlock(&acn_graph_mutex);
    fputs("\n]\n", file);
}

acn_status acn_graph_write_json(acn_graph *graph, const char *path, bool is_verbose) {
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return acn_fail(ACN_INVALID_FILE, "path is %s, which cannot be written (%s)", path,
                        strerror(errno));
    print_events(file, graph, is_verbose);
    bool failed = ferror(file) != 0;
    if (fclose(file) != 0) failed = true;
    if (failed)
        return acn_fail(ACN_INVALID_FILE, "%s cannot be written (%s)", path, strerror(errno));
    return ACN_OK;
}
