/* init.c - aclInit and aclFinalize. Clients of one process that do not know each other are counted:
 * what one ends stays alive for the others. */
#include "acl/acl.h"
#include "base/json.h"
#include "doors/ascendcl/args.h"
#include "doors/nnopbase/executor.h"
#include "runtime/context.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CALLBACKS = 64 };

typedef struct callback {
    aclRegisterCallbackType type;
    aclInitCallbackFunc on_init; /* one of the two is set */
    aclFinalizeCallbackFunc on_finalize;
    void *user;
} callback;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t clients;
static bool was_initialized;
static callback callbacks[MAX_CALLBACKS];
static char *config_text; /* what init callbacks are given */

/* Numbers stand in quotes in most files, and without them in some. */
static long number_of(const acn_json *value, long fallback) {
    if (value == NULL) return fallback;
    if (value->kind != ACN_JSON_NUMBER && value->kind != ACN_JSON_TEXT) return fallback;
    char *end;
    long number = strtol(value->text, &end, 10);
    return end != value->text && *end == '\0' ? number : fallback;
}

static acn_status apply(const char *path, const acn_json *root) {
    const acn_json *defaults = acn_json_get(root, "defaultDevice");
    const acn_json *device = acn_json_get(defaults, "default_device");
    if (root->kind != ACN_JSON_OBJECT)
        return acn_fail(ACN_PARSE_FILE, "%s: expected an object in { and }", path);
    if (device != NULL) {
        long id = number_of(device, -1);
        if (acn_device_check(id) != ACN_OK)
            return acn_fail(ACN_INVALID_ARGUMENT,
                            "%s: default_device is %s, which is not a device of this process", path,
                            device->text != NULL ? device->text : "no number");
        acn_device_set_default((int)id);
    }
    acn_error_set_process_wide(number_of(acn_json_get(root, "err_msg_mode"), 0) == 1);
    return ACN_OK;
}

static acn_status configure(const char *path) {
    acn_arena arena = {0};
    acn_json *root;
    if (path == NULL || *path == '\0') return ACN_OK;
    acn_status status = acn_json_parse_file(&arena, path, &root);
    if (status == ACN_OK) status = apply(path, root);
    acn_arena_release(&arena);
    return status;
}

static void keep_text(const char *path) {
    FILE *file = path != NULL && *path != '\0' ? fopen(path, "re") : NULL;
    size_t bytes = 0;
    free(config_text);
    config_text = NULL;
    if (file == NULL) return;
    if (fseek(file, 0, SEEK_END) == 0 && (config_text = calloc(1, (size_t)ftell(file) + 1))) {
        size_t size = (size_t)ftell(file);
        rewind(file);
        bytes = fread(config_text, 1, size, file);
        config_text[bytes] = '\0';
    }
    fclose(file);
}

static aclError call_init(const callback *c) {
    return c->on_init(config_text, config_text != NULL ? strlen(config_text) : 0, c->user);
}

static acn_status initialize(const char *path) {
    if (clients > 0) {
        clients++;
        return acn_fail(ACN_REPEAT_INITIALIZE,
                        "the process is initialised already, by this program or a library of it; "
                        "its settings stay, and each aclInit wants its aclFinalize");
    }
    ACN_TRY(configure(path));
    keep_text(path);
    for (int i = 0; i < MAX_CALLBACKS; i++) {
        aclError error = callbacks[i].on_init != NULL ? call_init(&callbacks[i]) : ACL_SUCCESS;
        if (error != ACL_SUCCESS)
            return acn_fail(ACN_INTERNAL, "a registered init callback answered %d", error);
    }
    clients = 1;
    was_initialized = true;
    return ACN_OK;
}

aclError aclInit(const char *configPath) {
    pthread_mutex_lock(&mutex);
    acn_status status = initialize(configPath);
    pthread_mutex_unlock(&mutex);
    return ACN_ACL(status);
}

static acn_status release(uint64_t *left) {
    if (clients == 0)
        return was_initialized ? acn_fail(ACN_REPEAT_FINALIZE, "everything is finalised already")
                               : acn_fail(ACN_UNINITIALIZED, "aclInit was never called");
    *left = --clients;
    if (clients > 0) return ACN_OK;
    for (int i = 0; i < MAX_CALLBACKS; i++)
        if (callbacks[i].on_finalize != NULL) callbacks[i].on_finalize(callbacks[i].user);
    acn_executor_end_abandoned();
    acn_device_set_default(-1);
    acn_error_set_process_wide(false);
    return ACN_OK;
}

/* Devices and their memory stay until the process ends: destructors of clients may still come. */
aclError aclFinalize(void) {
    uint64_t left;
    pthread_mutex_lock(&mutex);
    acn_status status = release(&left);
    pthread_mutex_unlock(&mutex);
    return ACN_ACL(status);
}

aclError aclFinalizeReference(uint64_t *refCount) {
    uint64_t left = 0;
    pthread_mutex_lock(&mutex);
    acn_status status = release(&left);
    pthread_mutex_unlock(&mutex);
    if (status == ACN_OK && refCount != NULL) *refCount = left;
    return ACN_ACL(status);
}

static acn_status add(const callback *c) {
    int at = 0;
    while (at < MAX_CALLBACKS &&
           (callbacks[at].on_init != NULL || callbacks[at].on_finalize != NULL))
        at++;
    if (at == MAX_CALLBACKS)
        return acn_fail(ACN_INVALID_ARGUMENT, "%d callbacks are registered, which is the most",
                        MAX_CALLBACKS);
    callbacks[at] = *c;
    return ACN_OK;
}

static acn_status remove_one(const callback *c) {
    for (int i = 0; i < MAX_CALLBACKS; i++) {
        if (callbacks[i].type != c->type || callbacks[i].on_init != c->on_init ||
            callbacks[i].on_finalize != c->on_finalize)
            continue;
        callbacks[i] = (callback){0};
        return ACN_OK;
    }
    return acn_fail(ACN_INVALID_ARGUMENT, "this callback is not registered for type %d", c->type);
}

static acn_status locked(acn_status (*change)(const callback *), const callback *c) {
    pthread_mutex_lock(&mutex);
    acn_status status = change(c);
    pthread_mutex_unlock(&mutex);
    return status;
}

aclError aclInitCallbackRegister(aclRegisterCallbackType type, aclInitCallbackFunc cbFunc,
                                 void *userData) {
    ACN_REQUIRE(cbFunc);
    callback c = {.type = type, .on_init = cbFunc, .user = userData};
    return ACN_ACL(locked(add, &c));
}

aclError aclInitCallbackUnRegister(aclRegisterCallbackType type, aclInitCallbackFunc cbFunc) {
    ACN_REQUIRE(cbFunc);
    return ACN_ACL(locked(remove_one, &(callback){.type = type, .on_init = cbFunc}));
}

aclError aclFinalizeCallbackRegister(aclRegisterCallbackType type, aclFinalizeCallbackFunc cbFunc,
                                     void *userData) {
    ACN_REQUIRE(cbFunc);
    callback c = {.type = type, .on_finalize = cbFunc, .user = userData};
    return ACN_ACL(locked(add, &c));
}

aclError aclFinalizeCallbackUnRegister(aclRegisterCallbackType type,
                                       aclFinalizeCallbackFunc cbFunc) {
    ACN_REQUIRE(cbFunc);
    return ACN_ACL(locked(remove_one, &(callback){.type = type, .on_finalize = cbFunc}));
}
