/* op_models.c - models of single operators, which `atc --singleop` makes and programs load before
 * they execute one. Here every operator is in the library and takes any shape, so a model adds
 * nothing; but programs that load them must find out what is wrong with them. */
#include "acl/acl_op.h"
#include "doors/door.h"
#include "graph/om/om.h"
#include "ops/signature.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Fields of ge_ir.proto. */
enum { MODEL_GRAPH = 7, GRAPH_OP = 6, OP_NAME = 1, OP_TYPE = 2 };

static bool is_operator(const char *type) {
    static const char *const others[] = {"Data", "Const", "Constant", "NetOutput"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(type, others[i]) == 0) return false;
    return true;
}

static acn_status check_op(const char *model, acn_wire op) {
    char type[128] = "", name[256] = "";
    acn_wire_field f;
    while (acn_wire_next(&op, &f))
        if (f.kind == ACN_WIRE_BYTES && f.number == OP_TYPE)
            snprintf(type, sizeof type, "%.*s", (int)f.size, (const char *)f.bytes);
        else if (f.kind == ACN_WIRE_BYTES && f.number == OP_NAME)
            snprintf(name, sizeof name, "%.*s", (int)f.size, (const char *)f.bytes);
    acn_signature signature;
    if (!is_operator(type) || acn_signature_find(type, &signature) == ACN_OK) return ACN_OK;
    return acn_fail(ACN_OP_LOAD_FAILED,
                    "%s holds operator %s of type %s, which is unknown; `anycann ops` lists those "
                    "that exist",
                    model, name, type);
}

static acn_status check_model(const acn_om *om) {
    acn_wire def =
        acn_wire_open(om->partition[ACN_OM_MODEL_DEF].bytes, om->partition[ACN_OM_MODEL_DEF].size);
    acn_wire_field f, g;
    while (acn_wire_next(&def, &f)) {
        if (f.number != MODEL_GRAPH) continue;
        for (acn_wire graph = acn_wire_inside(&f); acn_wire_next(&graph, &g);)
            if (g.number == GRAPH_OP) ACN_TRY(check_op(om->name, acn_wire_inside(&g)));
    }
    return ACN_OK;
}

static acn_status load(const void *model, size_t bytes) {
    acn_om om;
    if (model == NULL) return acn_fail(ACN_NULL_POINTER, "model is NULL; expected a .om's bytes");
    ACN_TRY(acn_om_read("the model in memory", model, bytes, &om));
    return check_model(&om);
}

static acn_status load_file(const char *path) {
    acn_om om;
    ACN_TRY(acn_om_open(path, &om));
    acn_status status = check_model(&om);
    acn_om_close(&om);
    return status;
}

enum { MOST_FOLDERS = 8 }; /* inside of each other */

static acn_status load_folder(const char *path, int depth) {
    DIR *folder = opendir(path);
    acn_status status = ACN_OK;
    char inside[4096];
    if (folder == NULL)
        return acn_fail(ACN_INVALID_FILE,
                        "modelDir is %s, which cannot be opened (%s); expected a folder with .om "
                        "files",
                        path, strerror(errno));
    for (struct dirent *entry; status == ACN_OK && (entry = readdir(folder)) != NULL;) {
        size_t size = strlen(entry->d_name);
        if (entry->d_name[0] == '.') continue;
        if (snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name) >= (int)sizeof inside)
            continue;
        if (entry->d_type == DT_DIR && depth < MOST_FOLDERS)
            status = load_folder(inside, depth + 1);
        else if (size > 3 && strcmp(entry->d_name + size - 3, ".om") == 0)
            status = load_file(inside);
    }
    closedir(folder);
    return status;
}

aclError aclopLoad(const void *model, size_t modelSize) { return ACN_ACL(load(model, modelSize)); }

aclError aclopSetModelDir(const char *modelDir) {
    if (modelDir == NULL) return ACN_ACL_NULL("modelDir");
    return ACN_ACL(load_folder(modelDir, 0));
}
