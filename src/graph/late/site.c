/* site.c - the stages of a place in a graph, by what is known there. */
#include "graph/late/run.h"
#include "graph/pass/pass.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_STAGES = 4096 };

static acn_status no_memory(void) {
    return acn_fail(ACN_BAD_ALLOC, "no host memory for a part of a model");
}

/* ---- sites ----------------------------------------------------------------------------------- */

static acn_status add_name(void *context, const char *name) {
    acn_site *site = context;
    if ((site->name_count & (site->name_count - 1)) == 0) {
        size_t count = (size_t)site->name_count;
        const char **more = acn_arena_alloc(&site->arena, (2 * count + 1) * sizeof *more);
        if (more == NULL) return no_memory();
        if (count) memcpy(more, site->names, count * sizeof *more);
        site->names = more;
    }
    site->names[site->name_count++] = name;
    return ACN_OK;
}

static void destroy_made(acn_late *late, acn_made_stage *made) {
    acn_model_destroy(made->model);
    acn_net_destroy(made->stage.net);
    acn_arena given = made->given;
    acn_arena_release(&given);
    free(made->key);
    free(made);
    late->made_count--;
}

static void forget(acn_late *late, acn_site *site) {
    while (site->made) {
        acn_made_stage *made = site->made;
        site->made = made->next;
        destroy_made(late, made);
    }
}

static void destroy_site(acn_site *site) {
    acn_arena arena = site->arena;
    acn_arena_release(&arena);
    free(site);
}

acn_status acn_site_find(acn_late *late, const acn_onnx_graph *graph, int first, acn_site **out) {
    const acn_source_options *source = graph == &late->model->graph ? &late->options.source : NULL;
    for (acn_site *s = late->sites; s; s = s->next)
        if (s->graph == graph && s->first == first) {
            *out = s;
            return ACN_OK;
        }
    acn_site *site = calloc(1, sizeof *site);
    if (site == NULL) return no_memory();
    site->graph = graph;
    site->first = first;
    acn_status status = ACN_OK;
    if (first != ACN_STAGE_INPUTS) status = acn_onnx_reads(graph, source, first, add_name, site);
    site->needed = acn_arena_alloc(&site->arena, (size_t)site->name_count + 1);
    if (status == ACN_OK && site->needed == NULL) status = no_memory();
    if (status != ACN_OK) {
        destroy_site(site);
        return status;
    }
    site->next = late->sites;
    late->sites = site;
    *out = site;
    return ACN_OK;
}

void acn_sites_destroy(acn_late *late) {
    for (acn_site *s = late->sites, *next; s; s = next) {
        next = s->next;
        forget(late, s);
        destroy_site(s);
    }
    late->sites = NULL;
}

void acn_sites_limit(acn_late *late) {
    for (acn_site *s = late->sites; s && late->made_count > MOST_STAGES; s = s->next)
        forget(late, s);
}

/* ---- keys ------------------------------------------------------------------------------------ */

typedef struct key {
    char *bytes;
    size_t size, room;
} key;

static acn_status put(key *k, const void *bytes, size_t size) {
    if (k->size + size > k->room) {
        size_t room = 2 * (k->size + size) + 256;
        char *more = realloc(k->bytes, room);
        if (more == NULL) return no_memory();
        k->bytes = more;
        k->room = room;
    }
    if (size) memcpy(k->bytes + k->size, bytes, size);
    k->size += size;
    return ACN_OK;
}

static acn_status put_tensor(key *k, const acn_held *h, bool is_needed) {
    const acn_tensor *t = &h->tensor;
    const int64_t head[] = {t->dtype, t->rank, (int64_t)h->constant, is_needed};
    ACN_TRY(put(k, head, sizeof head));
    ACN_TRY(put(k, t->dims, (size_t)t->rank * sizeof *t->dims));
    return is_needed && !h->constant ? put(k, t->data, acn_held_bytes(h)) : ACN_OK;
}

static acn_status put_names(key *k, const acn_late *late, const acn_site *site) {
    for (int i = 0; i < site->name_count; i++) {
        const acn_held *h = acn_names_find(&late->names, site->names[i]);
        const int64_t count = h == NULL ? -2 : h->is_list ? h->count : -1;
        ACN_TRY(put(k, &count, sizeof count));
        if (count == -1) ACN_TRY(put_tensor(k, h, site->needed[i]));
        for (int64_t j = 0; j < count; j++)
            ACN_TRY(put_tensor(k, h->items[j], site->needed[i]));
    }
    return ACN_OK;
}

/* ---- making ---------------------------------------------------------------------------------- */

static acn_tensor given_tensor(const acn_held *h, bool is_needed, void *copy) {
    acn_tensor t = h->tensor;
    if (!h->constant) t.data = is_needed ? copy : NULL;
    return t;
}

static acn_status give(acn_arena *arena, acn_stage_given *g, const acn_held *h, bool is_needed) {
    g->is_list = h->is_list;
    g->count = h->is_list ? h->count : 1;
    acn_tensor *items = acn_arena_alloc(arena, ((size_t)g->count + 1) * sizeof *items);
    if (items == NULL) return no_memory();
    for (int i = 0; i < g->count; i++) {
        const acn_held *item = h->is_list ? h->items[i] : h;
        void *copy = NULL;
        if (is_needed && !item->constant) { /* values of 0 bytes are known as well */
            copy = acn_arena_alloc(arena, acn_held_bytes(item) + 64);
            if (copy == NULL) return no_memory();
            memcpy(copy, item->tensor.data, acn_held_bytes(item));
        }
        items[i] = given_tensor(item, is_needed, copy);
    }
    g->items = items;
    return ACN_OK;
}

/* Passes pay where the same sizes come again; packed weights where there are no others. */
static acn_status compile(acn_late *late, acn_made_stage *made) {
    acn_net *net = made->stage.net;
    acn_compiled compiled;
    net->can_wait = false;
    acn_net_prune(net);
    ACN_TRY(acn_passes_run(net, &late->switches, NULL, NULL));
    ACN_TRY(acn_compile(net, NULL, &compiled));
    ACN_TRY(acn_compiled_model(&compiled, &made->model));
    return acn_model_prepare(made->model);
}

/* A constant of a net keeps its number as long as the net. */
static uint64_t count_constants(const acn_stage *stage) {
    uint64_t count = 0;
    for (int i = 0; i < stage->result_count; i++)
        count += (uint64_t)stage->results[i].count;
    return count;
}

/* Which names' values the site needs as well. False: none that it did not have. */
static bool need_more(acn_site *site, const acn_stage *stage, const int *name_of, int count) {
    bool is_new = false;
    for (int i = 0; i < count; i++) {
        if (!stage->needed[i] || site->needed[name_of[i]]) continue;
        site->needed[name_of[i]] = true;
        is_new = true;
    }
    return is_new;
}

static acn_status import(acn_late *late, acn_site *site, acn_arena *arena, acn_stage *out,
                         bool *out_again) {
    size_t room = (size_t)site->name_count + 1;
    acn_stage_given *given = acn_arena_alloc(arena, room * sizeof *given);
    int *name_of = acn_arena_alloc(arena, room * sizeof *name_of), count = 0;
    if (!given || !name_of) return no_memory();
    for (int i = 0; i < site->name_count; i++) {
        const acn_held *h = acn_names_find(&late->names, site->names[i]);
        if (h == NULL) continue;
        given[count].name = site->names[i];
        name_of[count] = i;
        ACN_TRY(give(arena, &given[count++], h, site->needed[i]));
    }
    const acn_stage_request request = {.model = late->model,
                                       .options = &late->options,
                                       .graph = site->graph,
                                       .first = site->first,
                                       .given = given,
                                       .given_count = count};
    ACN_TRY(acn_stage_import(&request, out));
    *out_again = out->needed != NULL;
    if (!out->needed) return ACN_OK;
    const acn_onnx_node *node = &site->graph->nodes[site->first];
    site->is_control = acn_late_is_control(node);
    bool is_new = need_more(site, out, name_of, count);
    acn_net_destroy(out->net);
    out->net = NULL;
    if (is_new || site->is_control) return ACN_OK;
    return acn_fail(ACN_OP_NOT_FOUND,
                    "node \"%s\" (%s): what it needs to know is made inside of it", node->name,
                    node->type);
}

static acn_status make(acn_late *late, acn_site *site, const key *k, acn_made_stage **out,
                       bool *again) {
    acn_made_stage *made = calloc(1, sizeof *made);
    if (made == NULL) return no_memory();
    late->made_count++;
    acn_arena arena = {0};
    acn_status status = import(late, site, &arena, &made->stage, again);
    if (status == ACN_OK && !*again) status = compile(late, made);
    if (status == ACN_OK && !*again) {
        made->key = malloc(k->size + 1);
        if (made->key == NULL) status = no_memory();
    }
    if (status != ACN_OK || *again) {
        made->given = arena;
        destroy_made(late, made);
        return status;
    }
    memcpy(made->key, k->bytes, k->size);
    made->key_bytes = k->size;
    made->given = arena;
    made->constants = late->constants + 1;
    late->constants += count_constants(&made->stage);
    made->next = site->made;
    site->made = made;
    *out = made;
    return ACN_OK;
}

static uint64_t hash_of(const key *k) { return acn_checksum(k->bytes, k->size); }

static acn_made_stage *find(acn_site *site, const key *k, uint64_t hash) {
    for (acn_made_stage **at = &site->made; *at; at = &(*at)->next) {
        acn_made_stage *m = *at;
        if (m->hash != hash || m->key_bytes != k->size || memcmp(m->key, k->bytes, k->size) != 0)
            continue;
        *at = m->next;
        m->next = site->made;
        site->made = m;
        return m;
    }
    return NULL;
}

acn_status acn_site_stage(acn_late *late, acn_site *site, acn_made_stage **out) {
    acn_status status = ACN_OK;
    key k = {0};
    *out = NULL;
    for (bool again = true; again && status == ACN_OK && !site->is_control;) {
        k.size = 0;
        again = false;
        status = put_names(&k, late, site);
        if (status != ACN_OK) break;
        uint64_t hash = hash_of(&k);
        *out = find(site, &k, hash);
        if (*out) break;
        status = make(late, site, &k, out, &again);
        if (*out) (*out)->hash = hash;
    }
    free(k.bytes);
    return status;
}
