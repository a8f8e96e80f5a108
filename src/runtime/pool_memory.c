/* pool_memory.c - see pool_memory.h. An allocation is made when it is asked for, which is earlier
 * than the stream's order demands and so always right; only freeing has to wait for the stream. */
#include "runtime/pool_memory.h"

#include "base/slab.h"
#include "runtime/core.h"
#include "runtime/memory.h"
#include <stdlib.h>

enum { MAX_POOLS = 1 << 12, MAX_POOL_BLOCKS = 1 << 20 };

typedef struct pool_block {
    acn_memory_pool *pool;
    void *address;
    size_t bytes;
    bool is_leaving;         /* its free is queued */
    struct pool_block *next; /* of the pool's free ones, or in the table of those in use */
} pool_block;

struct acn_memory_pool {
    int device;
    atomic_bool is_alive; /* the client's handle is valid */
    size_t most_bytes, blocks_in_use;
    _Atomic uint64_t threshold;
    acn_memory_pool_state state;
    pool_block *free;
};

enum { TABLE_SIZE = 1 << 12 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of all pools */
static acn_slab pool_slab = ACN_SLAB("memory pool", sizeof(acn_memory_pool), MAX_POOLS);
static acn_slab block_slab = ACN_SLAB("pool block", sizeof(pool_block), MAX_POOL_BLOCKS);
static pool_block *in_use[TABLE_SIZE]; /* by address */

acn_status acn_memory_pool_create(int device, size_t most_bytes, acn_memory_pool **out) {
    acn_memory_pool *pool = acn_slab_alloc(&pool_slab);
    if (pool == NULL)
        return acn_fail(ACN_BAD_ALLOC, "%d memory pools exist, which is the most; destroy some",
                        MAX_POOLS);
    *pool = (acn_memory_pool){
        .device = device, .is_alive = true, .most_bytes = most_bytes != 0 ? most_bytes : SIZE_MAX};
    *out = pool;
    return ACN_OK;
}

acn_status acn_memory_pool_resolve(void *handle, acn_memory_pool **out) {
    *out = handle;
    if (acn_slab_is_live(&pool_slab, handle) && (*out)->is_alive) return ACN_OK;
    return acn_fail(ACN_INVALID_HANDLE,
                    "memory pool %p does not exist; expected one of aclrtMemPoolCreate that is not "
                    "destroyed",
                    handle);
}

/* With the mutex held, as all below that say nothing else. */

static void to_device(acn_memory_pool *pool, pool_block *block) {
    pool->state.reserved_bytes -= block->bytes;
    acn_memory_free(block->address);
    acn_slab_free(&block_slab, block);
}

static void trim(acn_memory_pool *pool, uint64_t keep) {
    for (pool_block **at = &pool->free; *at != NULL && pool->state.reserved_bytes > keep;) {
        pool_block *block = *at;
        *at = block->next;
        to_device(pool, block);
    }
}

static void end_if_unused(acn_memory_pool *pool) {
    if (pool->is_alive || pool->blocks_in_use > 0) return;
    acn_slab_free(&pool_slab, pool);
}

/* The first free block that is not much too large. */
static pool_block *take_free(acn_memory_pool *pool, size_t bytes) {
    for (pool_block **at = &pool->free; *at != NULL; at = &(*at)->next) {
        pool_block *block = *at;
        if (block->bytes < bytes || block->bytes / 2 > bytes) continue;
        *at = block->next;
        return block;
    }
    return NULL;
}

static acn_status from_device(acn_memory_pool *pool, size_t bytes, pool_block **out) {
    if (bytes > pool->most_bytes || pool->state.reserved_bytes > pool->most_bytes - bytes)
        trim(pool, pool->most_bytes > bytes ? pool->most_bytes - bytes : 0);
    if (bytes > pool->most_bytes || pool->state.reserved_bytes > pool->most_bytes - bytes)
        return acn_fail(ACN_DEVICE_MEMORY,
                        "%zu bytes are more than the pool may have: %zu, of which %llu are in use",
                        bytes, pool->most_bytes, (unsigned long long)pool->state.used_bytes);
    pool_block *block = acn_slab_alloc(&block_slab);
    if (block == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a pool's tables");
    acn_status status = acn_memory_alloc(pool->device, bytes, &block->address);
    if (status == ACN_DEVICE_MEMORY) {
        trim(pool, 0);
        status = acn_memory_alloc(pool->device, bytes, &block->address);
    }
    if (status != ACN_OK) {
        acn_slab_free(&block_slab, block);
        return status;
    }
    block->pool = pool;
    block->bytes = bytes;
    pool->state.reserved_bytes += bytes;
    if (pool->state.reserved_bytes > pool->state.reserved_peak_bytes)
        pool->state.reserved_peak_bytes = pool->state.reserved_bytes;
    *out = block;
    return ACN_OK;
}

static pool_block **slot_of(const void *address) {
    return &in_use[((uintptr_t)address >> 9) * 0x9e3779b97f4a7c15u >> 52];
}

static acn_status take(acn_memory_pool *pool, size_t bytes, void **out) {
    pool_block *block = take_free(pool, bytes);
    if (block == NULL) ACN_TRY(from_device(pool, bytes, &block));
    pool_block **slot = slot_of(block->address);
    block->is_leaving = false;
    block->next = *slot;
    *slot = block;
    pool->blocks_in_use++;
    pool->state.used_bytes += block->bytes;
    if (pool->state.used_bytes > pool->state.used_peak_bytes)
        pool->state.used_peak_bytes = pool->state.used_bytes;
    *out = block->address;
    return ACN_OK;
}

acn_status acn_memory_pool_alloc(acn_memory_pool *pool, size_t bytes, void **out) {
    pthread_mutex_lock(&mutex);
    size_t rounded = bytes <= SIZE_MAX - 511 ? (bytes + 511) & ~(size_t)511 : bytes;
    acn_status status = take(pool, rounded, out);
    pthread_mutex_unlock(&mutex);
    return status;
}

static void give_back(pool_block *block) {
    pthread_mutex_lock(&mutex);
    acn_memory_pool *pool = block->pool;
    pool_block **at = slot_of(block->address);
    while (*at != block)
        at = &(*at)->next;
    *at = block->next;
    pool->blocks_in_use--;
    pool->state.used_bytes -= block->bytes;
    block->next = pool->free;
    pool->free = block;
    trim(pool, pool->is_alive ? atomic_load(&pool->threshold) : 0);
    end_if_unused(pool);
    pthread_mutex_unlock(&mutex);
}

/* The task that frees a block. One that is dropped frees it too: nobody else would. */
typedef struct leave_task {
    pool_block *block;
    bool is_done;
} leave_task;

/* What this thread is submitting; NULL again when it was dropped there and then. */
static _Thread_local const leave_task *submitting;

static acn_status leave(void *argument) {
    leave_task *task = argument;
    if (task->is_done)
        return acn_fail(ACN_PARAM_INVALID, "a graph that frees memory of a pool was replayed; it "
                                           "can free it only once");
    task->is_done = true;
    give_back(task->block);
    return ACN_OK;
}

static void drop(void *argument) {
    leave_task *task = argument;
    if (!task->is_done && task == submitting)
        submitting = NULL; /* it may not have been taken: acn_memory_pool_free knows */
    else if (!task->is_done)
        give_back(task->block);
    acn_task_free(task);
}

/* Whose free is queued from now on. */
static acn_status mark_leaving(void *address, pool_block **out) {
    pthread_mutex_lock(&mutex);
    pool_block *block = *slot_of(address);
    while (block != NULL && block->address != address)
        block = block->next;
    bool is_right = block != NULL && !block->is_leaving;
    if (is_right) block->is_leaving = true;
    pthread_mutex_unlock(&mutex);
    *out = block;
    if (is_right) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID,
                    block != NULL
                        ? "%p is being freed already; free memory of a pool once"
                        : "%p is not the start of memory of a pool in use; expected an address "
                          "from aclrtMemPoolMallocAsync",
                    address);
}

static void mark_staying(pool_block *block) {
    pthread_mutex_lock(&mutex);
    block->is_leaving = false;
    pthread_mutex_unlock(&mutex);
}

acn_status acn_memory_pool_free(void *address, acn_stream *stream) {
    pool_block *block;
    ACN_TRY(mark_leaving(address, &block));
    leave_task *data = acn_task_alloc();
    if (data == NULL) {
        mark_staying(block);
        return acn_fail(ACN_BAD_ALLOC, "no memory for a task");
    }
    *data = (leave_task){.block = block};
    const leave_task *outer = submitting;
    submitting = data;
    acn_task task = {.run = leave, .drop = drop, .data = data, .name = "free to pool"};
    acn_status status = acn_stream_submit(stream, &task);
    bool was_dropped = submitting == NULL;
    submitting = outer;
    if (was_dropped && status == ACN_OK) give_back(block);
    if (was_dropped && status != ACN_OK) mark_staying(block);
    return status;
}

acn_status acn_memory_pool_destroy(acn_memory_pool *pool) {
    pthread_mutex_lock(&mutex);
    bool was_alive = pool->is_alive;
    pool->is_alive = false;
    if (was_alive) {
        trim(pool, 0);
        end_if_unused(pool);
    }
    pthread_mutex_unlock(&mutex);
    if (was_alive) return ACN_OK;
    return acn_fail(ACN_INVALID_HANDLE, "memory pool %p is destroyed already", (void *)pool);
}

acn_status acn_memory_pool_trim(acn_memory_pool *pool, size_t bytes_to_keep) {
    pthread_mutex_lock(&mutex);
    trim(pool, bytes_to_keep);
    pthread_mutex_unlock(&mutex);
    return ACN_OK;
}

void acn_memory_pool_set_threshold(acn_memory_pool *pool, uint64_t bytes) {
    atomic_store(&pool->threshold, bytes);
}

uint64_t acn_memory_pool_threshold(const acn_memory_pool *pool) {
    return atomic_load(&pool->threshold);
}

acn_memory_pool_state acn_memory_pool_get_state(acn_memory_pool *pool) {
    pthread_mutex_lock(&mutex);
    acn_memory_pool_state state = pool->state;
    pthread_mutex_unlock(&mutex);
    return state;
}

void acn_memory_pool_reset_peaks(acn_memory_pool *pool, bool reserved, bool used) {
    pthread_mutex_lock(&mutex);
    if (reserved) pool->state.reserved_peak_bytes = pool->state.reserved_bytes;
    if (used) pool->state.used_peak_bytes = pool->state.used_bytes;
    pthread_mutex_unlock(&mutex);
}
