/* Memory, events and notifies of two processes: this program starts itself a second time, and the
 * two talk through a pair of pipes. The child does what its name says and answers. */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum {
    BYTES = 3 << 20,
    KEY = 65,
    EXPORT_TO_ALL = ACL_RT_IPC_MEM_EXPORT_FLAG_DISABLE_PID_VALIDATION
};

/* What one side tells the other. */
typedef struct message {
    int32_t pid, code;
    uint64_t number;
    char key[KEY];
    aclrtIpcEventHandle event;
} message;

static void say(int file, const message *m) {
    assert_int_equal(write(file, m, sizeof *m), sizeof *m);
}

static message hear(int file) {
    message m = {.code = -1};
    ssize_t got = read(file, &m, sizeof m);
    if (got != (ssize_t)sizeof m) fail_msg("the other process ended early (%zd)", got);
    return m;
}

typedef struct child {
    pid_t pid;
    int to, from;
} child;

static child start(const char *part) {
    int down[2], up[2];
    child c;
    assert_int_equal(pipe2(down, O_CLOEXEC), 0);
    assert_int_equal(pipe2(up, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, down[0], 0);
    posix_spawn_file_actions_adddup2(&actions, up[1], 1);
    char *arguments[] = {"test_sharing", (char *)part, NULL};
    assert_int_equal(posix_spawn(&c.pid, "/proc/self/exe", &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(down[0]);
    close(up[1]);
    c.to = down[1];
    c.from = up[0];
    return c;
}

static void finish(child *c) {
    int status;
    close(c->to);
    close(c->from);
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static unsigned char at(void *device, size_t offset) {
    unsigned char byte = 0;
    OK(aclrtMemcpy(&byte, 1, (char *)device + offset, 1, ACL_MEMCPY_DEVICE_TO_HOST));
    return byte;
}

/* ---- the other process ----------------------------------------------------------------------- */

static void child_imports_memory(void) {
    void *memory = NULL, *again = NULL;
    message m = {.pid = getpid()};
    say(1, &m);
    message key = hear(0);
    m.code = aclrtIpcMemImportByKey(&memory, key.key, 0);
    if (m.code == 0) {
        aclrtPtrAttributes attributes;
        OK(aclrtIpcMemImportByKey(&again, key.key, 0));
        assert_ptr_equal(memory, again);
        OK(aclrtPointerGetAttributes(memory, &attributes));
        assert_int_equal(attributes.location.type, ACL_MEM_LOCATION_TYPE_DEVICE);
        m.number = at(memory, 0) + at(memory, BYTES - 1000 - 1);
        OK(aclrtMemset((char *)memory + 1, 1, 77, 1));
        OK(aclrtIpcMemClose(key.key));
        assert_int_equal(at(memory, 1), 77);
        OK(aclrtIpcMemClose(key.key));
        FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtIpcMemClose", "shares nothing",
              aclrtIpcMemClose(key.key));
    }
    say(1, &m);
}

static void child_imports_physical(void) {
    void *address;
    aclrtDrvMemHandle handle;
    message m = {.pid = getpid()};
    say(1, &m);
    message number = hear(0);
    m.code = aclrtMemImportFromShareableHandle(number.number, 0, &handle);
    if (m.code == 0) {
        OK(aclrtReserveMemAddress(&address, 4 << 20, 0, NULL, 0));
        OK(aclrtMapMem(address, 4 << 20, 0, handle, 0));
        OK(aclrtFreePhysical(handle));
        m.number = at(address, (3 << 20) + 5);
        OK(aclrtMemset(address, 1, 78, 1));
        OK(aclrtUnmapMem(address));
        OK(aclrtReleaseMemAddress(address));
    }
    say(1, &m);
}

static void child_waits_for_event(void) {
    aclrtEvent event;
    aclrtStream stream;
    message key = hear(0), m = {.pid = getpid()};
    m.code = aclrtIpcOpenEventHandle(key.event, &event);
    OK(m.code);
    OK(aclrtCreateStream(&stream));
    OK(aclrtStreamWaitEvent(stream, event));
    say(1, &m); /* it waits */
    m.code = aclrtSynchronizeStream(stream);
    aclrtEventRecordedStatus status;
    OK(aclrtQueryEventStatus(event, &status));
    m.number = status;
    OK(aclrtDestroyEvent(event));
    OK(aclrtDestroyStream(stream));
    say(1, &m);
}

static void child_never_reaches_event(void) {
    aclrtEvent event;
    aclrtStream stream;
    client_gate gate;
    message m = {.pid = getpid()};
    OK(aclrtCreateEventExWithFlag(&event, ACL_EVENT_SYNC | ACL_EVENT_IPC));
    OK(aclrtIpcGetEventHandle(event, &m.event));
    OK(aclrtCreateStream(&stream));
    client_gate_close(&gate, stream);
    OK(aclrtRecordEvent(event, stream));
    say(1, &m);
    pause();
}

static void child_answers_notify(void) {
    aclrtNotify notify;
    message key = hear(0), m = {.pid = getpid()};
    m.code = aclrtNotifyImportByKey(&notify, key.key, 0);
    say(1, &m);
    if (m.code != 0) return;
    hear(0);
    OK(aclrtRecordNotify(notify, NULL));
    OK(aclrtSynchronizeStream(NULL));
    OK(aclrtDestroyNotify(notify));
}

static void child_lends_memory(void) {
    void *memory;
    message m = {.pid = getpid()};
    OK(aclrtMalloc(&memory, BYTES, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclrtMemset(memory, BYTES, 9, BYTES));
    OK(aclrtIpcMemGetExportKey(memory, BYTES, m.key, KEY, EXPORT_TO_ALL));
    say(1, &m);
    pause();
}

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {
    {"lender", child_lends_memory},
    {"memory", child_imports_memory},
    {"physical", child_imports_physical},
    {"event", child_waits_for_event},
    {"dying event", child_never_reaches_event},
    {"notify", child_answers_notify},
};

/* ---- the tests ------------------------------------------------------------------------------- */

static void memory_is_the_same_in_both(void **state) {
    void *memory;
    child c = start("memory");
    message m = hear(c.from);
    OK(aclrtMalloc(&memory, BYTES, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclrtMemset(memory, BYTES, 0, BYTES));
    char *inside = (char *)memory + 512 + 8; /* exports need not start on a page */
    OK(aclrtMemset(inside, 1, 40, 1));
    OK(aclrtMemset(inside + BYTES - 1001, 1, 2, 1));
    OK(aclrtIpcMemGetExportKey(inside, BYTES - 1000, m.key, KEY, 0));
    OK(aclrtIpcMemSetImportPid(m.key, &m.pid, 1));
    say(c.to, &m);
    message answer = hear(c.from);
    assert_int_equal(answer.code, 0);
    assert_int_equal(answer.number, 42);
    assert_int_equal(at(inside, 1), 77);
    finish(&c);
    OK(aclrtIpcMemClose(m.key));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtIpcMemClose", "shares nothing",
          aclrtIpcMemClose(m.key));
    OK(aclrtFree(memory));
}

/* |why|: 0 nobody is named, 1 somebody else, 2 the key is closed, 3 the key is nonsense, 4 the
 * memory is freed. */
static int refused(int why, char *key) {
    void *memory;
    int32_t other = 1;
    child c = start("memory");
    message m = hear(c.from);
    OK(aclrtMalloc(&memory, BYTES, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclrtIpcMemGetExportKey(memory, BYTES, m.key, KEY, why == 2 ? EXPORT_TO_ALL : 0));
    if (why == 1) OK(aclrtIpcMemSetImportPid(m.key, &other, 1));
    if (why == 2) OK(aclrtIpcMemClose(m.key));
    if (why == 3) strcpy(m.key, "not a key");
    if (why == 4) OK(aclrtIpcMemSetImportPid(m.key, &m.pid, 1));
    if (why == 4) OK(aclrtFree(memory));
    say(c.to, &m);
    message answer = hear(c.from);
    finish(&c);
    memcpy(key, m.key, KEY);
    if (why != 4) OK(aclrtFree(memory));
    return answer.code;
}

static void keys_open_nothing_they_should_not(void **state) {
    char key[KEY];
    void *none = NULL;
    for (int why = 0; why < 5; why++)
        assert_int_equal(refused(why, key), ACL_ERROR_RT_PARAM_INVALID);
    FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtIpcMemImportByKey", "did not make",
          aclrtIpcMemImportByKey(&none, "not a key", 0));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtIpcMemImportByKey", "is gone",
          aclrtIpcMemImportByKey(&none, "anycann-3ffffe-5-0-1234w", 0));
    assert_null(none);
    int local;
    FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtIpcMemGetExportKey", "aclrtMalloc",
          aclrtIpcMemGetExportKey(&local, 4, key, KEY, 0));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtIpcMemGetExportKey", "65",
          aclrtIpcMemGetExportKey(&local, 4, key, 64, 0));
}

static void physical_memory_is_imported_by_number(void **state) {
    void *address;
    aclrtDrvMemHandle handle, again;
    aclrtPhysicalMemProp prop = {.location = {.type = ACL_MEM_LOCATION_TYPE_DEVICE}}, told;
    child c = start("physical");
    message m = hear(c.from);
    OK(aclrtMallocPhysical(&handle, 4 << 20, &prop, 0));
    OK(aclrtReserveMemAddress(&address, 4 << 20, 0, NULL, 0));
    OK(aclrtMapMem(address, 4 << 20, 0, handle, 0));
    OK(aclrtMemset((char *)address + (3 << 20) + 5, 1, 33, 1));
    OK(aclrtMemExportToShareableHandle(handle, ACL_MEM_HANDLE_TYPE_NONE, 0, &m.number));
    OK(aclrtMemSetPidToShareableHandle(m.number, &m.pid, 1));
    say(c.to, &m);
    message answer = hear(c.from);
    assert_int_equal(answer.code, 0);
    assert_int_equal(answer.number, 33);
    assert_int_equal(at(address, 0), 78);
    finish(&c);
    OK(aclrtMemRetainAllocationHandle((char *)address + (3 << 20), &again));
    assert_ptr_equal(again, handle);
    OK(aclrtMemGetAllocationPropertiesFromHandle(again, &told));
    assert_int_equal(told.location.type, ACL_MEM_LOCATION_TYPE_DEVICE);
    OK(aclrtFreePhysical(again));
    OK(aclrtFreePhysical(handle));
    FAILS(ACL_ERROR_RT_INVALID_HANDLE, "aclrtFreePhysical", "does not exist",
          aclrtFreePhysical(handle));
    OK(aclrtUnmapMem(address));
    OK(aclrtReleaseMemAddress(address));
}

static void access_is_told_and_changed(void **state) {
    void *address;
    uint64_t access = 9;
    aclrtDrvMemHandle handle;
    aclrtPhysicalMemProp prop = {.location = {.type = ACL_MEM_LOCATION_TYPE_DEVICE}};
    aclrtMemAccessDesc all = {.flags = ACL_RT_MEM_ACCESS_FLAGS_READWRITE,
                              .location = prop.location};
    OK(aclrtMallocPhysical(&handle, 4 << 20, &prop, 0));
    OK(aclrtReserveMemAddress(&address, 8 << 20, 0, NULL, 0));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtMemGetAccess", "aclrtMapMem",
          aclrtMemGetAccess(address, &prop.location, &access));
    OK(aclrtMemMapNoAccess(address, 4 << 20, 0, handle, 0));
    OK(aclrtMemGetAccess(address, &prop.location, &access));
    assert_int_equal(access, ACL_RT_MEM_ACCESS_FLAGS_NONE);
    OK(aclrtMemSetAccess(address, 4 << 20, &all, 1));
    OK(aclrtMemGetAccess(address, &prop.location, &access));
    assert_int_equal(access, ACL_RT_MEM_ACCESS_FLAGS_READWRITE);
    OK(aclrtMemset(address, 4 << 20, 1, 4 << 20));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtMemSetAccess", "not all",
          aclrtMemSetAccess(address, 6 << 20, &all, 1));
    OK(aclrtUnmapMem(address));
    OK(aclrtReleaseMemAddress(address));
    OK(aclrtFreePhysical(handle));
}

static void events_order_two_processes(void **state) {
    aclrtEvent event;
    aclrtStream stream;
    client_gate gate;
    message m = {.pid = getpid()};
    OK(aclrtCreateStream(&stream));
    OK(aclrtCreateEventExWithFlag(&event, ACL_EVENT_SYNC | ACL_EVENT_IPC));
    OK(aclrtIpcGetEventHandle(event, &m.event));
    client_gate_close(&gate, stream);
    OK(aclrtRecordEvent(event, stream));
    child c = start("event");
    say(c.to, &m);
    hear(c.from);
    aclrtEventRecordedStatus status;
    OK(aclrtQueryEventStatus(event, &status));
    assert_int_equal(status, ACL_EVENT_RECORDED_STATUS_NOT_READY);
    FAILS(ACL_ERROR_RT_EVENT_SYNC_TIMEOUT, "aclrtSynchronizeEventWithTimeout", "not reached",
          aclrtSynchronizeEventWithTimeout(event, 50));
    fcntl(c.from, F_SETFL, O_NONBLOCK);
    assert_int_equal(read(c.from, &m, sizeof m), -1); /* it still waits */
    fcntl(c.from, F_SETFL, 0);
    client_gate_open(&gate, stream);
    message answer = hear(c.from);
    assert_int_equal(answer.code, 0);
    assert_int_equal(answer.number, ACL_EVENT_RECORDED_STATUS_COMPLETE);
    finish(&c);
    OK(aclrtSynchronizeEvent(event));
    OK(aclrtDestroyEvent(event));
    OK(aclrtDestroyStream(stream));
}

static void a_killed_process_holds_nobody_up(void **state) {
    aclrtEvent event;
    aclrtStream stream;
    child c = start("dying event");
    message m = hear(c.from);
    OK(aclrtIpcOpenEventHandle(m.event, &event));
    OK(aclrtCreateStream(&stream));
    OK(aclrtStreamWaitEvent(stream, event));
    kill(c.pid, SIGKILL);
    assert_int_equal(waitpid(c.pid, NULL, 0), c.pid);
    FAILS(ACL_ERROR_RT_AICORE_EXCEPTION, "aclrtSynchronizeStream", "has ended",
          aclrtSynchronizeStream(stream));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtIpcOpenEventHandle", "is gone",
          aclrtIpcOpenEventHandle(m.event, &event));
    OK(aclrtDestroyEvent(event));
    OK(aclrtDestroyStream(stream));
    close(c.to);
    close(c.from);
}

/* A record that its stream drops counts as reached, as it does within a process. */
static void an_aborted_record_holds_nobody_up(void **state) {
    aclrtEvent event;
    aclrtStream stream;
    aclrtNotify never;
    message m = {.pid = getpid()};
    OK(aclrtCreateStream(&stream));
    OK(aclrtCreateNotify(&never, 0));
    OK(aclrtCreateEventExWithFlag(&event, ACL_EVENT_SYNC | ACL_EVENT_IPC));
    OK(aclrtIpcGetEventHandle(event, &m.event));
    OK(aclrtWaitAndResetNotify(never, stream, 0));
    OK(aclrtRecordEvent(event, stream));
    child c = start("event");
    say(c.to, &m);
    hear(c.from);
    OK(aclrtStreamAbort(stream));
    message answer = hear(c.from);
    assert_int_equal(answer.code, 0);
    assert_int_equal(answer.number, ACL_EVENT_RECORDED_STATUS_COMPLETE);
    finish(&c);
    OK(aclrtSynchronizeEventWithTimeout(event, 1000));
    OK(aclrtDestroyEvent(event));
    OK(aclrtDestroyNotify(never));
    OK(aclrtDestroyStream(stream));
}

static void memory_outlives_who_lent_it(void **state) {
    void *memory, *none;
    child c = start("lender");
    message m = hear(c.from);
    OK(aclrtIpcMemImportByKey(&memory, m.key, 0));
    kill(c.pid, SIGKILL);
    assert_int_equal(waitpid(c.pid, NULL, 0), c.pid);
    assert_int_equal(at(memory, BYTES - 1), 9);
    OK(aclrtIpcMemClose(m.key));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtIpcMemImportByKey", "is gone",
          aclrtIpcMemImportByKey(&none, m.key, 0));
    close(c.to);
    close(c.from);
}

static void notifies_cross_processes(void **state) {
    aclrtNotify notify;
    message m = {.pid = getpid()};
    child c = start("notify");
    OK(aclrtCreateNotify(&notify, 0));
    OK(aclrtNotifyGetExportKey(notify, m.key, KEY, 0));
    OK(aclrtNotifySetImportPid(notify, &c.pid, 1));
    say(c.to, &m);
    assert_int_equal(hear(c.from).code, 0);
    FAILS(ACL_ERROR_RT_WAIT_TIMEOUT, "aclrtSynchronizeStream", "did not come",
          (aclrtWaitAndResetNotify(notify, NULL, 1), aclrtSynchronizeStream(NULL)));
    say(c.to, &m);
    OK(aclrtWaitAndResetNotify(notify, NULL, 0));
    OK(aclrtSynchronizeStream(NULL));
    finish(&c);
    OK(aclrtDestroyNotify(notify));
    FAILS(ACL_ERROR_RT_INVALID_HANDLE, "aclrtDestroyNotify", "does not exist",
          aclrtDestroyNotify(notify));
}

static void counting_notifies_compare(void **state) {
    aclrtCntNotify notify;
    aclrtStream other;
    OK(aclrtCreateStream(&other));
    OK(aclrtCntNotifyCreate(&notify, 0));
    aclrtCntNotifyRecordInfo five = {ACL_RT_CNT_NOTIFY_RECORD_ADD_MODE, 5},
                             bits = {ACL_RT_CNT_NOTIFY_RECORD_BIT_OR_MODE, 0x20},
                             mask = {ACL_RT_CNT_NOTIFY_RECORD_BIT_AND_MODE, 0x21};
    aclrtCntNotifyWaitInfo above = {ACL_RT_CNT_NOTIFY_WAIT_BIGGER_MODE, 9, 60, 0, {0}},
                           equal = {ACL_RT_CNT_NOTIFY_WAIT_EQUAL_MODE, 0x20, 60, 1, {0}},
                           below = {ACL_RT_CNT_NOTIFY_WAIT_LESS_MODE, 1, 60, 0, {0}};
    OK(aclrtCntNotifyWaitWithTimeout(notify, other, &above));
    aclrtStreamStatus status;
    for (int i = 0; i < 2; i++) {
        OK(aclrtStreamQuery(other, &status));
        assert_int_equal(status, ACL_STREAM_STATUS_NOT_READY);
        OK(aclrtCntNotifyRecord(notify, NULL, &five));
        OK(aclrtSynchronizeStream(NULL));
    }
    OK(aclrtSynchronizeStream(other)); /* 10 is above 9 */
    OK(aclrtCntNotifyRecord(notify, NULL, &bits));
    OK(aclrtCntNotifyRecord(notify, NULL, &mask)); /* (10 | 0x20) & 0x21 */
    OK(aclrtCntNotifyWaitWithTimeout(notify, NULL, &equal));
    OK(aclrtCntNotifyWaitWithTimeout(notify, NULL, &below)); /* since that cleared it */
    OK(aclrtSynchronizeStream(NULL));
    five.mode = (aclrtCntNotifyRecordMode)3;
    FAILS(ACL_ERROR_INVALID_PARAM, "aclrtCntNotifyRecord", "0, 1, 2 or 4",
          aclrtCntNotifyRecord(notify, NULL, &five));
    FAILS(ACL_ERROR_RT_INVALID_HANDLE, "aclrtRecordNotify", "aclrtCreateNotify",
          aclrtRecordNotify(notify, NULL));
    OK(aclrtCntNotifyDestroy(notify));
    OK(aclrtDestroyStream(other));
}

static void waiting_for_a_notify_can_be_aborted(void **state) {
    aclrtNotify notify;
    aclrtStream stream;
    OK(aclrtCreateStream(&stream));
    OK(aclrtCreateNotify(&notify, 0));
    OK(aclrtWaitAndResetNotify(notify, stream, 0));
    OK(aclrtDestroyNotify(notify)); /* the task keeps it */
    OK(aclrtStreamAbort(stream));
    OK(aclrtDestroyStream(stream));
}

int main(int argc, char **argv) {
    if (aclrtSetDevice(0) != 0) return 3;
    for (size_t i = 0; argc > 1 && i < COUNT_OF(parts); i++)
        if (strcmp(argv[1], parts[i].name) == 0) return parts[i].run(), 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_the_same_in_both),
        cmocka_unit_test(keys_open_nothing_they_should_not),
        cmocka_unit_test(physical_memory_is_imported_by_number),
        cmocka_unit_test(access_is_told_and_changed),
        cmocka_unit_test(events_order_two_processes),
        cmocka_unit_test(a_killed_process_holds_nobody_up),
        cmocka_unit_test(an_aborted_record_holds_nobody_up),
        cmocka_unit_test(memory_outlives_who_lent_it),
        cmocka_unit_test(notifies_cross_processes),
        cmocka_unit_test(counting_notifies_compare),
        cmocka_unit_test(waiting_for_a_notify_can_be_aborted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
