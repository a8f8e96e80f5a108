/* tile.c - runs tile programs.
 *
 * A row is cut into tiles; every register is then either a tile in L1 or, for contiguous operands
 * of the class's own type, the operand's memory itself. The last micro-op writes straight into a
 * contiguous output. Outputs that will not stay in any cache are written past it, by the last
 * micro-op itself if it can.
 */
#include "ops/tile.h"
#include "base/pool.h"
#include <limits.h>
#include <string.h>

enum {
    MAX_OPERANDS = ACN_ITERATOR_OPERANDS,
    REGISTER_BYTES = ACN_TILE * 8,
    REGISTER_STEP = REGISTER_BYTES + 192, /* not a multiple of 4 KiB: stores and loads of different
                                             registers must not look alike to the core */
    CHUNK_ELEMENTS = 8192,                /* at least; less is not worth handing to a thread */
    CHUNKS_PER_THREAD = 16,
    STREAM_BYTES = 10 << 20, /* of all operands: more than a core's share of the caches */
};

typedef enum access { IN_PLACE, CONVERT, GATHER, ROW_SPLAT, SPLAT } access;

typedef struct bound_load {
    uint8_t access;
    uint8_t operand; /* of the iterator */
    uint8_t element_bytes;
    acn_dtype dtype;
    acn_convert_fn load; /* storage -> class, or storage -> its own class ... */
    acn_convert_fn cast; /* ... and then this; NULL when not needed */
} bound_load;

typedef struct bound_store {
    uint8_t access; /* IN_PLACE, CONVERT or GATHER (scatter) */
    uint8_t element_bytes;
    acn_convert_fn store;
} bound_store;

struct acn_tile_plan {
    acn_program program;
    const acn_kernels *kernels;
    acn_iterator it; /* operands: outputs, then tensor inputs in order of their loads */
    int tensor[MAX_OPERANDS];
    bound_load load[ACN_PROGRAM_LOADS];
    bound_store store[ACN_MAX_OUTPUTS];
    uint8_t slot[ACN_TILE_REGISTERS]; /* the tile of each register */
    int64_t count;
    int64_t tile;       /* elements of one step: ACN_TILE, or whole rows when all is in place */
    bool last_in_place; /* the last micro-op writes into output 0 */
    acn_micro_fn last;  /* then, or NULL for a cast */
    bool streams;
};

/* ---- binding --------------------------------------------------------------------------------- */

/* A bool in memory may hold other bytes than 0 and 1. */
static bool is_native(acn_dtype dtype, acn_class k) {
    return dtype != ACN_BOOL && acn_dtype_is_class(dtype, k);
}

static acn_status bind_load(acn_tile_plan *plan, const acn_tensor *t, int i, int operand) {
    bound_load *b = &plan->load[i];
    acn_class k = (acn_class)plan->program.load[i].klass;
    b->operand = (uint8_t)operand;
    b->dtype = t->dtype;
    b->element_bytes = (uint8_t)acn_dtype_bytes(t->dtype);
    acn_class own = acn_class_of(t->dtype);
    b->load = plan->kernels->load[t->dtype][k];
    if (!b->load) {
        b->load = plan->kernels->load[t->dtype][own];
        b->cast = plan->kernels->cast[own][k];
        if (!b->load || !b->cast)
            return acn_fail(ACN_INTERNAL, "no conversion from %s", acn_dtype_name(t->dtype));
    }
    int64_t step = plan->it.inner_bytes[operand];
    bool repeats_rows = step == 0;
    for (int d = 0; d < plan->it.rank; d++)
        repeats_rows &= plan->it.stride_bytes[d][operand] == 0;
    if (repeats_rows)
        b->access = SPLAT;
    else if (step == 0)
        b->access = ROW_SPLAT;
    else if (step != b->element_bytes)
        b->access = GATHER;
    else
        b->access = is_native(t->dtype, k) ? IN_PLACE : CONVERT;
    return ACN_OK;
}

static acn_status bind_store(acn_tile_plan *plan, const acn_tensor *t, int i) {
    bound_store *b = &plan->store[i];
    acn_class k = (acn_class)plan->program.store[i].klass;
    b->element_bytes = (uint8_t)acn_dtype_bytes(t->dtype);
    b->store = plan->kernels->store[t->dtype][k];
    if (!b->store) return acn_fail(ACN_INTERNAL, "no conversion to %s", acn_dtype_name(t->dtype));
    bool is_contiguous = plan->it.inner_bytes[i] == b->element_bytes || plan->it.inner == 1;
    bool native = is_native(t->dtype, k) || (t->dtype == ACN_BOOL && k == ACN_K_B8);
    b->access = !is_contiguous ? GATHER : native ? IN_PLACE : CONVERT;
    return ACN_OK;
}

/* ---- which register lives in which tile: few tiles stay in L1 ---------------------------------
 */

/* Micro-ops by whose end each register is not needed any more. Values that stay from tile to tile
 * are needed for ever, as is what is stored. */
static void find_ends(const acn_tile_plan *plan, int *end) {
    const acn_program *p = &plan->program;
    for (int i = 0; i < p->micro_count; i++) {
        const acn_micro *m = &p->micro[i];
        end[m->a] = end[m->b] = end[m->c] = end[m->d] = i;
    }
    for (int i = 0; i < p->load_count; i++) {
        uint8_t way = plan->load[i].access;
        bool is_loaded_anew =
            p->load[i].source == ACN_FROM_TENSOR && (way == CONVERT || way == GATHER);
        if (!is_loaded_anew) end[p->load[i].reg] = INT_MAX;
    }
    for (int i = 0; i < p->store_count; i++)
        end[p->store[i].reg] = INT_MAX;
}

/* A result takes the place of an operand of its class that ends with it: micro-ops work in place.
 */
static void assign_tiles(acn_tile_plan *plan) {
    const acn_program *p = &plan->program;
    int end[ACN_TILE_REGISTERS] = {0}, used = 0;
    find_ends(plan, end);
    for (int i = 0; i < p->load_count; i++)
        plan->slot[p->load[i].reg] = (uint8_t)used++;
    for (int i = 0; i < p->micro_count; i++) {
        const acn_micro *m = &p->micro[i];
        const acn_reg operand[] = {m->a, m->b, m->c};
        int from = -1;
        for (int o = 0; o < 3 && m->code != ACN_MICRO_COUNT; o++)
            if (end[operand[o]] == i && p->register_class[operand[o]] == p->register_class[m->d])
                from = operand[o];
        plan->slot[m->d] = from >= 0 ? plan->slot[from] : (uint8_t)used++;
    }
}

/* The last micro-op writes into the output if that is contiguous and of its class, unless the
 * output goes past the cache and it cannot do that. */
static void choose_last(acn_tile_plan *plan) {
    const acn_program *p = &plan->program;
    if (p->micro_count == 0) return;
    const acn_micro *last = &p->micro[p->micro_count - 1];
    if (p->store_count != 1 || last->d != p->store[0].reg || plan->store[0].access != IN_PLACE)
        return;
    bool is_cast = last->code >= ACN_MICRO_COUNT;
    if (!is_cast)
        plan->last =
            (plan->streams ? plan->kernels->stream : plan->kernels->micro)[last->code][last->klass];
    plan->last_in_place = is_cast ? !plan->streams : plan->last != NULL;
}

/* |bytes|: of all operands, for one element of the output. */
static void choose_steps(acn_tile_plan *plan, size_t bytes) {
    const acn_program *p = &plan->program;
    plan->streams = bytes * (size_t)plan->count >= STREAM_BYTES;
    choose_last(plan);
    assign_tiles(plan);
    bool needs_tiles = p->micro_count != 1 || !plan->last_in_place;
    for (int i = 0; i < p->load_count; i++)
        needs_tiles |= p->load[i].source != ACN_FROM_TENSOR || plan->load[i].access != IN_PLACE;
    for (int i = 0; i < p->micro_count; i++)
        needs_tiles |= p->micro[i].code == ACN_MICRO_NARROW; /* through scratch */
    plan->tile = needs_tiles ? ACN_TILE : plan->count;
}

acn_status acn_tile_bind(acn_call *c, const acn_program *p, const int *outputs, const int *inputs,
                         int input_count, acn_tile_plan **out_plan) {
    if (p->is_broken || p->store_count + input_count > MAX_OPERANDS)
        return acn_fail(ACN_INVALID_ARGUMENT, "%s has no kernel for these types", c->op->name);
    acn_tile_plan *plan = acn_plan_alloc(c, sizeof *plan);
    if (!plan) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    plan->program = *p;
    plan->kernels = acn_kernels_get();
    const acn_tensor *operands[MAX_OPERANDS];
    int used = 0;
    for (int i = 0; i < p->store_count; i++, used++) {
        plan->tensor[used] = outputs[i];
        operands[used] = &c->tensors[outputs[i]];
    }
    for (int i = 0; i < input_count; i++, used++) {
        plan->tensor[used] = inputs[i];
        operands[used] = &c->tensors[inputs[i]];
    }
    const acn_tensor *out = operands[0];
    acn_iterator_init(&plan->it, out->rank, out->dims, used, operands);
    plan->count = acn_tensor_count(out);
    for (int i = 0; i < p->load_count; i++) {
        if (p->load[i].source != ACN_FROM_TENSOR) continue;
        int operand = p->store_count + p->load[i].index;
        ACN_TRY(bind_load(plan, operands[operand], i, operand));
    }
    size_t bytes = 0;
    for (int i = 0; i < used; i++) /* what is broadcast stays in the cache */
        if (acn_tensor_count(operands[i]) == plan->count)
            bytes += acn_dtype_bytes(operands[i]->dtype);
    for (int i = 0; i < p->store_count; i++)
        ACN_TRY(bind_store(plan, operands[i], i));
    choose_steps(plan, bytes);
    c->plan->cost_us += (uint32_t)(plan->count * (used + p->micro_count) / 16000);
    *out_plan = plan;
    return ACN_OK;
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct tile_state {
    void *reg[ACN_TILE_REGISTERS];
    char *operand[MAX_OPERANDS]; /* address in the current row */
    _Alignas(64) char scratch[ACN_TILE * 16];
    _Alignas(64) char tiles[ACN_TILE_REGISTERS][REGISTER_STEP];
} tile_state;

static void splat_value(const acn_tile_plan *plan, void *tile, const void *value, acn_class k,
                        int64_t n) {
    plan->kernels->fill(tile, value, acn_class_bytes(k), (size_t)n);
}

/* Scalars arrive in the widest type of their category and are rounded once, to the class. */
static void scalar_to_class(const acn_scalar *s, acn_class k, void *out) {
    switch (k) {
    case ACN_K_F32:
        *(float *)out = (float)acn_scalar_f64(s);
        break;
    case ACN_K_F64:
        *(double *)out = acn_scalar_f64(s);
        break;
    case ACN_K_I32:
        *(int32_t *)out = (int32_t)acn_scalar_i64(s);
        break;
    case ACN_K_I64:
        *(int64_t *)out = acn_scalar_i64(s);
        break;
    case ACN_K_C64:
        ((float *)out)[0] = (float)acn_scalar_f64(s);
        ((float *)out)[1] = (float)acn_scalar_imag(s);
        break;
    default:
        *(uint8_t *)out = acn_scalar_f64(s) != 0 || acn_scalar_imag(s) != 0;
    }
}

static acn_scalar attr_of(const acn_call *c, const acn_tile_load *load) {
    if (load->source == ACN_FROM_CONST) return (acn_scalar){.dtype = ACN_F64, .f = load->constant};
    const acn_attr_value *v = &c->attr[load->index];
    if (load->item >= 0) return ((const acn_scalar *)v->items)[load->item];
    switch (c->op->attr[load->index].kind) {
    case ACN_ATTR_SCALAR:
        return acn_attr_scalar(c, load->index);
    case ACN_ATTR_FLOAT:
        return (acn_scalar){.dtype = ACN_F64, .f = acn_attr_float(c, load->index)};
    default:
        return (acn_scalar){.dtype = ACN_I64, .i = acn_attr_int(c, load->index)};
    }
}

static void narrow(const acn_kernels *kernels, void *d, const void *a, acn_class k, int dtype,
                   void *room, int64_t n) {
    kernels->store[dtype][k](room, a, n);
    kernels->load[dtype][k](d, room, n);
}

static void narrow_one(const acn_tile_plan *plan, const acn_tile_load *load, void *value) {
    _Alignas(16) char room[16];
    acn_class k = (acn_class)load->klass;
    if (load->through >= 0 && !acn_dtype_is_class((acn_dtype)load->through, k))
        narrow(plan->kernels, value, value, k, load->through, room, 1);
}

static void load_one(const bound_load *b, const void *address, void *out) {
    _Alignas(16) char own[16];
    if (!b->cast) {
        b->load(out, address, 1);
        return;
    }
    b->load(own, address, 1);
    b->cast(out, own, 1);
}

/* Values that are the same for the whole run. */
static void load_constants(const acn_tile_plan *plan, const acn_call *c, tile_state *s, int64_t n) {
    for (int i = 0; i < plan->program.load_count; i++) {
        const acn_tile_load *load = &plan->program.load[i];
        _Alignas(16) char value[16];
        if (load->source != ACN_FROM_TENSOR) {
            acn_scalar scalar = attr_of(c, load);
            scalar_to_class(&scalar, (acn_class)load->klass, value);
            narrow_one(plan, load, value);
        } else if (plan->load[i].access == SPLAT) {
            const bound_load *b = &plan->load[i];
            load_one(b, c->tensors[plan->tensor[b->operand]].data, value);
            narrow_one(plan, load, value);
        } else {
            continue;
        }
        s->reg[load->reg] = s->tiles[plan->slot[load->reg]];
        splat_value(plan, s->tiles[plan->slot[load->reg]], value, (acn_class)load->klass, n);
    }
}

static void load_row_splats(const acn_tile_plan *plan, tile_state *s, int64_t n) {
    for (int i = 0; i < plan->program.load_count; i++) {
        const acn_tile_load *load = &plan->program.load[i];
        const bound_load *b = &plan->load[i];
        if (load->source != ACN_FROM_TENSOR || b->access != ROW_SPLAT) continue;
        _Alignas(16) char value[16];
        load_one(b, s->operand[b->operand], value);
        s->reg[load->reg] = s->tiles[plan->slot[load->reg]];
        splat_value(plan, s->tiles[plan->slot[load->reg]], value, (acn_class)load->klass, n);
    }
}

#define STRIDED_COPY(type)                                                                         \
    for (int64_t i = 0; i < n; i++, from += from_step, to += to_step)                              \
    memcpy(to, from, sizeof(type))

static void strided_copy(char *to, int64_t to_step, const char *from, int64_t from_step,
                         int element_bytes, int64_t n) {
    switch (element_bytes) {
    case 1:
        STRIDED_COPY(char);
        break;
    case 2:
        STRIDED_COPY(uint16_t);
        break;
    case 4:
        STRIDED_COPY(uint32_t);
        break;
    case 8:
        STRIDED_COPY(uint64_t);
        break;
    default:
        STRIDED_COPY(uint64_t[2]);
    }
}

static void load_tile(const acn_tile_plan *plan, tile_state *s, int i, int64_t at, int64_t n) {
    const acn_tile_load *load = &plan->program.load[i];
    const bound_load *b = &plan->load[i];
    if (load->source != ACN_FROM_TENSOR || b->access == SPLAT || b->access == ROW_SPLAT) return;
    int64_t step = plan->it.inner_bytes[b->operand];
    char *from = s->operand[b->operand] + at * step;
    if (b->access == IN_PLACE) {
        s->reg[load->reg] = from;
        return;
    }
    char *tile = s->tiles[plan->slot[load->reg]];
    s->reg[load->reg] = tile;
    if (b->access == GATHER) {
        strided_copy(s->scratch, b->element_bytes, from, step, b->element_bytes, n);
        from = s->scratch;
    }
    if (b->cast) {
        /* The class tile is free until the cast fills it, but may be too narrow for the source's
         * own class; 16 bytes an element of scratch always suffice. */
        _Alignas(64) char own[REGISTER_BYTES];
        b->load(own, from, n);
        b->cast(tile, own, n);
    } else {
        b->load(tile, from, n);
    }
}

static void store_tile(const acn_tile_plan *plan, tile_state *s, int i, int64_t at, int64_t n) {
    const bound_store *b = &plan->store[i];
    int64_t step = plan->it.inner_bytes[i];
    char *to = s->operand[i] + at * step;
    const void *from = s->reg[plan->program.store[i].reg];
    if (b->access == GATHER) {
        b->store(s->scratch, from, n);
        strided_copy(to, step, s->scratch, b->element_bytes, b->element_bytes, n);
    } else if (plan->streams && n == ACN_TILE) {
        if (b->access == CONVERT) {
            b->store(s->scratch, from, n);
            from = s->scratch;
        }
        plan->kernels->copy_stream(to, from, (size_t)(n * b->element_bytes));
    } else {
        b->store(to, from, n);
    }
}

static void run_micro(const acn_kernels *kernels, const acn_micro *m, acn_micro_fn micro,
                      tile_state *s, void *d, int64_t n) {
    if (m->code == ACN_MICRO_CAST)
        kernels->cast[m->klass][m->to](d, s->reg[m->a], n);
    else if (m->code == ACN_MICRO_NARROW)
        narrow(kernels, d, s->reg[m->a], (acn_class)m->klass, m->to, s->scratch, n);
    else
        (micro ? micro : kernels->micro[m->code][m->klass])(d, s->reg[m->a], s->reg[m->b],
                                                            s->reg[m->c], n);
}

static void run_tile(const acn_tile_plan *plan, tile_state *s, int64_t at, int64_t n) {
    const acn_program *p = &plan->program;
    int in_tiles = p->micro_count - plan->last_in_place;
    for (int i = 0; i < p->load_count; i++)
        load_tile(plan, s, i, at, n);
    for (int i = 0; i < in_tiles; i++) {
        const acn_micro *m = &p->micro[i];
        s->reg[m->d] = s->tiles[plan->slot[m->d]];
        run_micro(plan->kernels, m, NULL, s, s->tiles[plan->slot[m->d]], n);
    }
    if (plan->last_in_place)
        run_micro(plan->kernels, &p->micro[in_tiles], plan->last, s,
                  s->operand[0] + at * plan->it.inner_bytes[0], n);
    if (plan->last_in_place) return;
    for (int i = 0; i < p->store_count; i++)
        store_tile(plan, s, i, at, n);
}

static void run_range(const acn_tile_plan *plan, const acn_call *c, int64_t begin, int64_t end) {
    tile_state s;
    const acn_iterator *it = &plan->it;
    int64_t offsets[MAX_OPERANDS], index[ACN_MAX_DIMS];
    int64_t row = begin / it->inner, at = begin % it->inner, left = end - begin;
    int64_t widest = left < plan->tile ? left : plan->tile;
    load_constants(plan, c, &s, widest);
    acn_iterator_index(it, row, index);
    acn_iterator_seek(it, row, offsets);
    while (left > 0) {
        for (int o = 0; o < it->operand_count; o++)
            s.operand[o] = (char *)c->tensors[plan->tensor[o]].data + offsets[o];
        int64_t stop = it->inner - at < left ? it->inner : at + left;
        load_row_splats(plan, &s, stop - at < widest ? stop - at : widest);
        left -= stop - at;
        for (; at < stop; at += plan->tile)
            run_tile(plan, &s, at, stop - at < plan->tile ? stop - at : plan->tile);
        at = 0;
        if (left > 0) acn_iterator_next(it, index, offsets);
    }
    if (plan->streams) plan->kernels->stream_end();
}

typedef struct chunk_context {
    const acn_tile_plan *plan;
    const acn_call *call;
    int64_t chunk;
} chunk_context;

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const chunk_context *x = context;
    int64_t begin = chunk * x->chunk, end = begin + x->chunk;
    run_range(x->plan, x->call, begin, end < x->plan->count ? end : x->plan->count);
}

/* Each element is computed alone, so that the cut may depend on the number of threads: the same
 * number of whole tiles for each. */
void acn_tile_run(const acn_tile_plan *plan, const acn_call *c) {
    if (plan->count == 0) return;
    int64_t most = plan->count / CHUNK_ELEMENTS, threads = acn_pool_size();
    if (threads == 1 || most < 2) {
        run_range(plan, c, 0, plan->count);
        return;
    }
    if (most > CHUNKS_PER_THREAD * threads) most = CHUNKS_PER_THREAD * threads;
    if (most > threads) most = most / threads * threads;
    int64_t step = plan->count / most < 8 * ACN_TILE ? ACN_TILE / 4 : ACN_TILE;
    int64_t chunk = ((plan->count + most - 1) / most + step - 1) / step * step;
    chunk_context x = {plan, c, chunk};
    acn_pool_run((plan->count + chunk - 1) / chunk, run_chunk, &x);
}
