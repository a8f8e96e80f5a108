/* dump.c - which graphs are written, and where. */
#include "graph/dump/dump.h"

#include "base/env.h"
#include "base/log.h"
#include "graph/json/proto_json.h"
#include "graph/om/om.h"
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef bool write_fn(FILE *out, const acn_net *net, acn_dump_detail detail);

static bool write_ge_proto(FILE *out, const acn_net *net, acn_dump_detail detail) {
    acn_wire_out def = {0};
    acn_om_put_net_def(&def, net, detail == ACN_DUMP_DATA);
    bool is_good =
        !def.has_failed && acn_proto_print_text(out, acn_proto_model_def,
                                                acn_wire_open(def.bytes, def.size)) == ACN_OK;
    acn_wire_release(&def);
    return is_good;
}

static const struct {
    const char *name, *suffix;
    write_fn *write;
} formats[] = {
    {"ge_proto", "txt", write_ge_proto},
    {"onnx", "pbtxt", acn_dump_onnx},
    {"readable", "txt", acn_dump_readable},
};

/* Calls |fits| with each part of "A|B|C" until it says yes. */
static bool any_part(const char *list,
                     bool (*fits)(const char *part, size_t size, const char *text),
                     const char *text) {
    for (;;) {
        size_t size = strcspn(list, "|");
        if (size && fits(list, size, text)) return true;
        if (list[size] == 0) return false;
        list += size + 1;
    }
}

static bool is_same(const char *part, size_t size, const char *text) {
    return strlen(text) == size && memcmp(part, text, size) == 0;
}

static bool is_inside(const char *part, size_t size, const char *text) {
    return memmem(text, strlen(text), part, size) != NULL;
}

static bool is_wanted(acn_dump_point point, const char *stage) {
    const char *level = acn_env_text(ACN_ENV_DUMP_GRAPH_LEVEL);
    if (strcmp(level, "1") == 0) return true;
    if (strcmp(level, "2") == 0) return point != ACN_DUMP_PASS;
    if (strcmp(level, "3") == 0) return point == ACN_DUMP_LAST;
    if (strcmp(level, "4") == 0) return point == ACN_DUMP_FIRST;
    return any_part(level, is_inside, stage);
}

/* The folder, made if it was named; "." otherwise. */
static bool find_folder(char *out, size_t bytes) {
    static const acn_env_id places[] = {ACN_ENV_DUMP_PATH, ACN_ENV_DUMP_GRAPH_PATH,
                                        ACN_ENV_WORK_PATH};
    snprintf(out, bytes, ".");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *place = acn_env_text(places[i]);
        if (place[0] == 0) continue;
        int size = snprintf(out, bytes, "%s/pid_%ld_deviceid_0", place, (long)getpid());
        if (size < 0 || (size_t)size >= bytes) return false;
        for (char *slash = strchr(out + 1, '/');; slash = strchr(slash + 1, '/')) {
            if (slash) *slash = 0;
            bool is_made = mkdir(out, 0750) == 0 || errno == EEXIST;
            if (slash == NULL) return is_made;
            *slash = '/';
        }
    }
    return true;
}

static bool write_file(const char *path, write_fn *write, const acn_net *net,
                       acn_dump_detail detail) {
    FILE *out = fopen(path, "we");
    if (out == NULL) return false;
    bool is_good = write(out, net, detail) && !ferror(out);
    return fclose(out) == 0 && is_good;
}

void acn_graph_dump(const acn_net *net, int graph, acn_dump_point point, const char *stage) {
    static atomic_int counts[sizeof formats / sizeof *formats];
    char folder[3072], path[4096];
    int64_t detail = acn_env_int(ACN_ENV_DUMP_GE_GRAPH);
    if (detail < ACN_DUMP_DATA || detail > ACN_DUMP_NODES || !is_wanted(point, stage)) return;
    if (!find_folder(folder, sizeof folder)) {
        ACN_LOG("GE", ACN_LOG_WARNING, "graphs not written: %s: %s", folder, strerror(errno));
        return;
    }
    const char *wanted = acn_env_text(ACN_ENV_DUMP_GRAPH_FORMAT);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (!any_part(wanted, is_same, formats[i].name)) continue;
        snprintf(path, sizeof path, "%s/ge_%s_%08d_graph_%d_%s.%s", folder,
                 formats[i].name + 3 * (i == 0), atomic_fetch_add(&counts[i], 1), graph, stage,
                 formats[i].suffix);
        if (!write_file(path, formats[i].write, net, (acn_dump_detail)detail))
            ACN_LOG("GE", ACN_LOG_WARNING, "graph not written: %s: %s", path, strerror(errno));
    }
}
