/* Communicators through the public functions: made from root information, rank tables and larger
 * communicators, configured, suspended, ended in any state. */
#include "hccl/wanted.h" /* before ranks.h, whose names it has as arguments */

#include "ranks.h"

#include "base/report.h"
#include <unistd.h>

static const HcclDataType f32 = HCCL_DATA_TYPE_FP32;

/* A sum over all ranks that says which they were. */
static void check_sum(rank *r, HcclComm comm, float mine, float total) {
    float *x = device_memory(1000 * sizeof(float));
    for (int i = 0; i < 1000; i++)
        x[i] = mine + (float)i;
    OK((int)HcclAllReduce(x, x, 1000, f32, HCCL_REDUCE_SUM, comm, r->stream));
    wait_for(r);
    uint32_t count;
    OK((int)HcclGetRankSize(comm, &count));
    for (int i = 0; i < 1000; i++)
        assert_true(x[i] == total + (float)(i * (int)count));
    OK(aclrtFree(x));
}

/* Groups. */

static HcclResult make_group(HcclComm parent, uint32_t count, uint32_t *ids, uint64_t id,
                             uint32_t at, HcclComm *out) {
    HcclCommConfig config;
    HcclCommConfigInit(&config);
    return HcclCreateSubCommConfig(&parent, count, ids, id, at, &config, out);
}

static void groups(rank *r) {
    uint32_t members[2][2] = {{2, 0}, {1, 3}}; /* ranks 2 and 0 in this order */
    uint32_t half = r->id % 2, place = members[half][1] == r->id, id;
    char name[COMM_NAME_MAX_LENGTH], parent_name[COMM_NAME_MAX_LENGTH], wanted[256];
    HcclComm group, other = &other;
    OK((int)make_group(r->comm, 2, members[half], 7, place, &group));
    OK((int)HcclGetRankId(group, &id));
    assert_int_equal(id, place);
    OK((int)HcclGetCommName(group, name));
    OK((int)HcclGetCommName(r->comm, parent_name));
    snprintf(wanted, sizeof wanted, "%s_sub_7", parent_name);
    assert_string_equal(name, wanted);
    check_sum(r, group, (float)r->id, half ? 4 : 2);
    /* In no group. */
    if (r->id == 3) {
        OK((int)make_group(r->comm, 0, NULL, 0xffffffff, 0, &other));
        assert_null(other);
    } else {
        uint32_t three[] = {0, 1, 2};
        OK((int)make_group(r->comm, 3, three, 8, r->id, &other));
        check_sum(r, other, (float)r->id, 3);
        OK((int)HcclCommDestroy(other));
    }
    OK((int)HcclCommDestroy(group));
}

static void group_mistakes(rank *r) {
    uint32_t members[] = {0, 1}, twice[] = {0, 0}, far[] = {0, 9};
    HcclComm out, freed = r;
    static HcclCommConfig raw;
    FAILS(HCCL_E_PARA, "HcclCreateSubCommConfig", "rankNum is 3",
          (int)make_group(r->comm, 3, members, 1, 0, &out));
    FAILS(HCCL_E_PARA, "HcclCreateSubCommConfig", "are both 0",
          (int)make_group(r->comm, 2, twice, 1, 0, &out));
    FAILS(HCCL_E_PARA, "HcclCreateSubCommConfig", "rankIds[1] is 9",
          (int)make_group(r->comm, 2, far, 1, 0, &out));
    FAILS(HCCL_E_PARA, "HcclCreateSubCommConfig", "subCommRankId is 2",
          (int)make_group(r->comm, 2, members, 1, 2, &out));
    FAILS(HCCL_E_PARA, "HcclCreateSubCommConfig", "but this is rank",
          (int)make_group(r->comm, 2, members, 1, 1 - r->id, &out));
    FAILS(HCCL_E_PARA, "HcclCreateSubCommConfig", "rankIds is NULL",
          (int)make_group(r->comm, 2, NULL, 1, 0, &out));
    FAILS(HCCL_E_PARA, "HcclCreateSubCommConfig", "rankIds is not NULL",
          (int)make_group(r->comm, 2, members, 0xffffffff, 0, &out));
    FAILS(HCCL_E_PARA, "HcclCreateSubCommConfig", "HcclCommConfigInit",
          (int)HcclCreateSubCommConfig(&r->comm, 2, members, 1, r->id, &raw, &out));
    FAILS(HCCL_E_PTR, "HcclCreateSubCommConfig", "config is NULL",
          (int)HcclCreateSubCommConfig(&r->comm, 2, members, 1, r->id, NULL, &out));
    FAILS(HCCL_E_PARA, "HcclCreateSubCommConfig", "does not exist",
          (int)make_group(freed, 2, members, 1, 0, &out));
}

static void groups_of_a_communicator(void **state) {
    on_ranks(4, groups, 0);
    on_ranks(2, group_mistakes, 0);
}

/* Many at once, with one id after another. */
static void many_groups(rank *r) {
    uint32_t all[] = {0, 1, 2};
    HcclComm made[20];
    for (uint64_t i = 0; i < 20; i++)
        OK((int)make_group(r->comm, 3, all, 100 + i % 2, r->id, &made[i]));
    for (int i = 0; i < 20; i++)
        check_sum(r, made[19 - i], (float)i, (float)(3 * i));
    for (int i = 0; i < 20; i++)
        OK((int)HcclCommDestroy(made[i]));
}

static void many_groups_of_one(void **state) { on_ranks(3, many_groups, 0); }

/* Rank tables. */

static char table_path[] = "/tmp/test_hccl_comm_XXXXXX";

static void write_table(const char *format, ...) {
    FILE *file = fopen(table_path, "w");
    va_list arguments;
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    fclose(file);
}

/* With a wrong word in it: the first |from| becomes |to|. */
static void write_wrong_table(const char *from, const char *to) {
    static const char good[] =
        "{\"status\": \"completed\", \"version\": \"1.0\", \"server_count\": \"1\", "
        "\"server_list\": [{\"server_id\": \"here\", \"device\": ["
        "{\"device_id\": \"0\", \"device_ip\": \"192.168.1.8\", \"rank_id\": \"0\"}, "
        "{\"device_id\": \"2\", \"device_port\": \"16667\", \"rank_id\": \"1\"}, "
        "{\"device_id\": \"1\", \"rank_id\": \"2\"}]}]}";
    const char *at = strstr(good, from);
    assert_non_null(at);
    write_table("%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static void from_table(rank *r) {
    static const int32_t devices[] = {0, 2, 1};
    HcclCommConfig config;
    HcclComm comm;
    char name[COMM_NAME_MAX_LENGTH];
    aclrtStream stream = r->stream;
    HcclCommConfigInit(&config);
    strcpy(config.hcclCommName, "of_a_table");
    OK(aclrtSetDevice(devices[r->id]));
    OK(aclrtCreateStream(&r->stream));
    if (r->argument)
        OK((int)HcclCommInitClusterInfo(table_path, r->id, &comm));
    else
        OK((int)HcclCommInitClusterInfoConfig(table_path, r->id, &config, &comm));
    OK((int)HcclGetCommName(comm, name));
    assert_true((strcmp(name, "of_a_table") == 0) != r->argument);
    check_sum(r, comm, (float)r->id, 3);
    OK((int)HcclCommDestroy(comm));
    OK(aclrtDestroyStream(r->stream));
    OK(aclrtResetDevice(devices[r->id]));
    OK(aclrtSetDevice((int32_t)r->id));
    r->stream = stream;
}

static void a_rank_table_joins_ranks(void **state) {
    write_wrong_table("", "");
    for (int i = 0; i < 3; i++)
        run_ranks(3, NULL, from_table, i % 2);
}

static void mistakes_in_rank_tables(void **state) {
    static const struct {
        const char *from, *to, *words;
    } mistakes[] = {
        {"\"status\": \"completed\"", "\"status\": \"initializing\"", "status is \"initializing\""},
        {"\"status\": \"completed\", ", "", "status is missing"},
        {"\"1.0\"", "\"2.0\"", "version is \"2.0\""},
        {"\"1.0\"", "1.0", "version is a number; expected a text"},
        {"\"1.0\"", "\"1.2\"", "super_device_id is missing"},
        {"\"server_count\": \"1\"", "\"server_count\": \"2\"", "server_count is \"2\", but"},
        {"\"server_count\": \"1\"", "\"server_count\": \"x\"", "server_count is \"x\""},
        {"\"server_count\": \"1\", ", "", "server_count is missing"},
        {"server_list", "servers", "server_list is missing"},
        {"[{\"server_id\"", "[3, {\"server_id\"", "server_list[0]. is a number"},
        {"\"here\"", "\"\"", "server_id \"\"; expected 1 to 64"},
        {"\"server_id\": \"here\", ", "", "server_list[0].server_id is missing"},
        {"\"device\": [", "\"devices\": [", "server_list[0].device is missing"},
        {"\"device_id\": \"0\", ", "", "device[0].device_id is missing"},
        {"\"device_id\": \"0\"", "\"device_id\": \"-1\"", "device_id is \"-1\""},
        {"\"device_id\": \"0\"", "\"device_id\": \"2\"", "as rank 0 of the same server has"},
        {"192.168.1.8", "192.168.1.888", "device_ip is \"192.168.1.888\""},
        {"16667", "99999", "device_port is \"99999\""},
        {"\"rank_id\": \"0\"", "\"rank_id\": \"5\"", "rank_id \"0\" is missing"},
        {"\"rank_id\": \"0\"", "\"rank_id\": \"1\"", "has rank_id \"1\", as another"},
        {"\"rank_id\": \"0\"", "\"rank_id\": 0", "device[0].rank_id is a number"},
        {"}]}]}", "}]}", "line 1"},
    };
    HcclComm comm;
    OK(aclrtSetDevice(0));
    for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
        write_wrong_table(mistakes[i].from, mistakes[i].to);
        FAILS(HCCL_E_PARA, "HcclCommInitClusterInfo", mistakes[i].words,
              (int)HcclCommInitClusterInfo(table_path, 0, &comm));
    }
    write_wrong_table("", "");
    FAILS(HCCL_E_PARA, "HcclCommInitClusterInfo", "rank is 3; the rank table",
          (int)HcclCommInitClusterInfo(table_path, 3, &comm));
    FAILS(HCCL_E_PARA, "HcclCommInitClusterInfo", "rank 1 has device_id \"2\"",
          (int)HcclCommInitClusterInfo(table_path, 1, &comm));
    FAILS(HCCL_E_OPEN_FILE_FAILURE, "HcclCommInitClusterInfo", "cannot be opened",
          (int)HcclCommInitClusterInfo("/nowhere/table.json", 0, &comm));
    OK(aclrtResetDevice(0));
}

static void tables_of_several_servers(void **state) {
    static const char format[] =
        "{\"status\": \"completed\", \"version\": \"1.2\", \"server_count\": \"2\", "
        "\"server_list\": [{\"server_id\": \"a\", \"device\": [{\"device_id\": \"0\", "
        "\"super_device_id\": \"0\", \"rank_id\": \"0\"}, {\"device_id\": \"1\", "
        "\"super_device_id\": \"1\", \"rank_id\": \"%d\"}]}, {\"server_id\": \"%s\", \"device\": "
        "[{\"device_id\": \"0\", \"super_device_id\": \"2\", \"rank_id\": \"%d\"}]}], "
        "\"super_pod_list\": [{\"super_pod_id\": \"0\", \"server_list\": [{\"server_id\": \"a\"}, "
        "{\"server_id\": \"%s\"}]}]}";
    HcclComm comm;
    OK(aclrtSetDevice(0));
    write_table(format, 1, "a", 2, "b");
    FAILS(HCCL_E_PARA, "HcclCommInitClusterInfo", "has server_id \"a\", as server_list[0] has",
          (int)HcclCommInitClusterInfo(table_path, 0, &comm));
    write_table(format, 2, "b", 1, "b");
    FAILS(HCCL_E_PARA, "HcclCommInitClusterInfo", "do not follow one another",
          (int)HcclCommInitClusterInfo(table_path, 0, &comm));
    write_table(format, 1, "b", 2, "c");
    FAILS(HCCL_E_PARA, "HcclCommInitClusterInfo", "has server_id \"c\", which server_list does not",
          (int)HcclCommInitClusterInfo(table_path, 0, &comm));
    write_table(format, 1, "b", 2, "b");
    FAILS(HCCL_E_NOT_SUPPORT, "HcclCommInitClusterInfo", "has 2 servers (\"a\", \"b\"",
          (int)HcclCommInitClusterInfo(table_path, 0, &comm));
    OK(aclrtResetDevice(0));
}

/* Configurations. */

static HcclResult init_alone(const HcclCommConfig *config, HcclComm *out) {
    HcclRootInfo root;
    OK((int)HcclGetRootInfo(&root));
    return HcclCommInitRootInfoConfig(1, &root, 0, config, out);
}

static void configurations(void **state) {
    HcclComm comm;
    HcclCommConfig config;
    char name[COMM_NAME_MAX_LENGTH];
    OK(aclrtSetDevice(0));
#define BAD(field, value, words)                                                                   \
    HcclCommConfigInit(&config);                                                                   \
    config.field = value;                                                                          \
    FAILS(HCCL_E_PARA, "HcclCommInitRootInfoConfig", words, (int)init_alone(&config, &comm))
    BAD(hcclBufferSize, 0, "hcclBufferSize of the config is 0");
    BAD(hcclDeterministic, 3, "hcclDeterministic of the config is 3");
    BAD(hcclRdmaTrafficClass, 130, "hcclRdmaTrafficClass of the config is 130");
    BAD(hcclRdmaServiceLevel, 8, "hcclRdmaServiceLevel of the config is 8");
    BAD(hcclExecTimeOut, -2, "hcclExecTimeOut of the config is -2");
    HcclCommConfigInit(&config);
    memset(config.hcclCommName, 'x', sizeof config.hcclCommName);
    FAILS(HCCL_E_PARA, "HcclCommInitRootInfoConfig", "hcclCommName",
          (int)init_alone(&config, &comm));
    HcclCommConfigInit(&config);
    memset(config.hcclAlgo, 'x', sizeof config.hcclAlgo);
    FAILS(HCCL_E_PARA, "HcclCommInitRootInfoConfig", "hcclAlgo", (int)init_alone(&config, &comm));

    /* Of an older structure only the beginning is read: what follows may be anything. */
    size_t size = offsetof(HcclCommConfig, hcclUdi);
    HcclCommConfigInit(&config);
    strcpy(config.hcclCommName, "short");
    memset((char *)&config + size, 0x55, sizeof config - size);
    memcpy(&config, &size, sizeof size);
    OK((int)init_alone(&config, &comm));
    OK((int)HcclGetCommName(comm, name));
    assert_string_equal(name, "short");
    OK((int)HcclCommDestroy(comm));

    acn_report_slot *slot = acn_report_open("ignored", "HcclCommConfig hcclQos");
    uint64_t before = slot->count;
    HcclCommConfigInit(&config);
    config.hcclQos = 3;
    OK((int)init_alone(&config, &comm));
    OK((int)HcclCommDestroy(comm));
    assert_int_equal(slot->count, before + 1);
    OK(aclrtResetDevice(0));
}

/* Two ranks with one device. */
static HcclRootInfo same_root;
static void take_same_device(rank *r) {
    HcclComm comm;
    OK(aclrtSetDevice(0));
    FAILS(HCCL_E_PARA, "HcclCommInitRootInfo", "both use device 0",
          (int)HcclCommInitRootInfo(2, &same_root, r->id, &comm));
    OK(aclrtResetDevice(0));
    OK(aclrtSetDevice((int32_t)r->id));
}

/* Rank 1 cannot join, for |argument|: the others do not wait in vain. */
static void join_wrongly(rank *r) {
    HcclComm comm;
    HcclCommConfig config;
    bool is_wrong = r->id == 1;
    HcclCommConfigInit(&config);
    if (is_wrong && r->argument == 1) strcpy(config.hcclAlgo, "nonsense");
    if (is_wrong) usleep(100000);
    if (is_wrong && r->argument == 0)
        FAILS(HCCL_E_PARA, "HcclCommInitRootInfo", "nRanks is 3, but another rank said 2",
              (int)HcclCommInitRootInfo(3, &same_root, 1, &comm));
    else if (is_wrong)
        FAILS(HCCL_E_PARA, "HcclCommInitRootInfoConfig", "the part \"nonsense\"",
              (int)HcclCommInitRootInfoConfig(2, &same_root, 1, &config, &comm));
    else
        FAILS(HCCL_E_REMOTE, "HcclCommInitRootInfo", "rank 1 (process",
              (int)HcclCommInitRootInfo(2, &same_root, 0, &comm));
}

static void who_cannot_join_tells(void **state) {
    for (int what = 0; what < 2; what++) {
        OK(aclrtSetDevice(0));
        OK((int)HcclGetRootInfo(&same_root));
        run_ranks(2, NULL, join_wrongly, what);
        OK(aclrtResetDevice(0));
    }
}

static void devices_differ(void **state) {
    OK(aclrtSetDevice(0));
    OK((int)HcclGetRootInfo(&same_root));
    run_ranks(2, NULL, take_same_device, 0);
    OK(aclrtResetDevice(0));
}

/* What hcclAlgo says; HCCL_ALGO is read alike. */
static void algorithms_are_chosen(void **state) {
    const char *wanted[ACN_COLLECTIVES];
    HcclCommConfig config;
    HcclComm comm;
    OK(acn_wanted_read("", wanted));
    assert_null(wanted[ACN_ALL_REDUCE]);
    OK(acn_wanted_read("level0:NA;level1:H-D_R;level2:ring", wanted));
    assert_string_equal(wanted[ACN_ALL_REDUCE], "H-D_R");
    assert_string_equal(wanted[ACN_BARRIER], "H-D_R");
    OK(acn_wanted_read("allreduce=level0:NA;level1:ring/alltoall=level1:AHC/scatter=level1:star",
                       wanted));
    assert_string_equal(wanted[ACN_ALL_REDUCE], "ring");
    assert_string_equal(wanted[ACN_SCATTER], "star");
    assert_null(wanted[ACN_ALL_TO_ALL]);
    assert_null(wanted[ACN_ALL_GATHER]);
    static const char *const wrong[][2] = {
        {"ring", "the part \"ring\""},
        {"level3:ring", "the part \"level3:ring\""},
        {"level0:NA;level1:rung", "the unknown name \"rung\""},
        {"allreduce=level1:ring/gather=level1:ring", "the part \"gather=level1:ring\""},
        {"allreduce=level1:ring/level1:ring", "the part \"level1:ring\""},
    };
    OK(aclrtSetDevice(0));
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        HcclCommConfigInit(&config);
        strcpy(config.hcclAlgo, wrong[i][0]);
        FAILS(HCCL_E_PARA, "HcclCommInitRootInfoConfig", wrong[i][1],
              (int)init_alone(&config, &comm));
    }
    OK(aclrtResetDevice(0));
}

/* Suspending. */

static pthread_barrier_t all_ranks;

static void suspend(rank *r) {
    HcclCommStatus status;
    float *x = device_memory(64);
    FAILS(HCCL_E_PARA, "HcclCommResume", "is not suspended", (int)HcclCommResume(r->comm));
    check_sum(r, r->comm, (float)r->id, 3);
    /* A call that another rank never makes, ended by an abort: the communicator fails. */
    if (r->id == 0) {
        OK((int)HcclAllReduce(x, x, 8, f32, HCCL_REDUCE_SUM, r->comm, r->stream));
        OK((int)HcclSend(x, 1, f32, 1, r->comm, r->stream));
    }
    pthread_barrier_wait(&all_ranks);
    OK((int)HcclCommSuspend(r->comm));
    OK((int)HcclCommGetStatus(r->comm, &status));
    assert_int_equal(status, HCCL_COMM_STATUS_SUSPENDING);
    FAILS(HCCL_E_SUSPENDING, "HcclBarrier", "is suspended", (int)HcclBarrier(r->comm, r->stream));
    FAILS(HCCL_E_SUSPENDING, "HcclSend", "is suspended",
          (int)HcclSend(x, 1, f32, 0, r->comm, r->stream));
    FAILS(HCCL_E_SUSPENDING, "HcclCommSuspend", "already", (int)HcclCommSuspend(r->comm));
    OK(aclrtDeviceTaskAbort((int32_t)r->id, 0));
    aclrtSynchronizeStream(r->stream);
    pthread_barrier_wait(&all_ranks);
    OK((int)HcclCommResume(r->comm));
    pthread_barrier_wait(&all_ranks);
    OK((int)HcclCommGetStatus(r->comm, &status));
    assert_int_equal(status, HCCL_COMM_STATUS_READY);
    check_sum(r, r->comm, (float)r->id, 3);
    uint32_t next = (r->id + 1) % 3, previous = (r->id + 2) % 3;
    HcclSendRecvItem items[] = {{HCCL_SEND, x, 4, f32, next}, {HCCL_RECV, x + 8, 4, f32, previous}};
    x[0] = (float)r->id;
    OK((int)HcclBatchSendRecv(items, 2, r->comm, r->stream));
    wait_for(r);
    assert_true(x[8] == (float)previous);
    OK(aclrtFree(x));
}

static void suspended_communicators_go_on(void **state) {
    pthread_barrier_init(&all_ranks, NULL, 3);
    on_ranks(3, suspend, 0);
    pthread_barrier_destroy(&all_ranks);
}

/* Ends. */

/* |argument|: 0 idle, 1 suspended, 2 with queued work, 3 failed, 4 being captured. */
static void end(rank *r) {
    float *x = device_memory(4096);
    uint32_t group_ids[] = {0, 1};
    HcclComm comm;
    aclmdlRI graph = NULL;
    OK((int)make_group(r->comm, 2, group_ids, 1, r->id, &comm));
    if (r->argument == 1) OK((int)HcclCommSuspend(comm));
    for (int i = 0; r->argument == 2 && i < 50; i++)
        OK((int)HcclAllReduce(x, x, 1000, f32, HCCL_REDUCE_MAX, comm, r->stream));
    if (r->argument == 3) {
        OK((int)HcclBroadcast(x, 4 + r->id, f32, 0, comm, r->stream));
        assert_true(aclrtSynchronizeStream(r->stream) != 0 || r->id == 0);
    }
    if (r->argument == 4) {
        OK(aclmdlRICaptureBegin(r->stream, ACL_MODEL_RI_CAPTURE_MODE_RELAXED));
        x[0] = 0;
        OK((int)HcclAllReduce(x, x, 1000, f32, HCCL_REDUCE_SUM, comm, r->stream));
    }
    OK((int)HcclCommDestroy(comm));
    FAILS(HCCL_E_PARA, "HcclCommDestroy", "does not exist", (int)HcclCommDestroy(comm));
    FAILS(HCCL_E_PARA, "HcclBarrier", "does not exist", (int)HcclBarrier(comm, r->stream));
    if (r->argument == 4) {
        OK(aclmdlRICaptureEnd(r->stream, &graph));
        x[0] = 1;
        OK(aclmdlRIExecuteAsync(graph, r->stream));
        wait_for(r);
        assert_true(x[0] == 2);
        OK(aclmdlRIDestroy(graph));
    }
    if (r->argument != 3) wait_for(r);
    OK(aclrtFree(x));
}

static void ends_in_any_state(void **state) {
    for (int what = 0; what < 5; what++)
        on_ranks(2, end, what);
}

int main(void) {
    ranks_begin();
    close(mkstemp(table_path));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_of_a_communicator),
        cmocka_unit_test(many_groups_of_one),
        cmocka_unit_test(a_rank_table_joins_ranks),
        cmocka_unit_test(mistakes_in_rank_tables),
        cmocka_unit_test(tables_of_several_servers),
        cmocka_unit_test(configurations),
        cmocka_unit_test(devices_differ),
        cmocka_unit_test(who_cannot_join_tells),
        cmocka_unit_test(algorithms_are_chosen),
        cmocka_unit_test(suspended_communicators_go_on),
        cmocka_unit_test(ends_in_any_state),
        cmocka_unit_test(nothing_is_left),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(table_path);
    return failed;
}
