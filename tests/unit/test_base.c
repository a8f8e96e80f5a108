/* Base services: error text, environment, arena, slab, JSON, report. */
#include "unit.h"

#include "base/arena.h"
#include "base/env.h"
#include "base/half.h"
#include "base/json.h"
#include "base/log.h"
#include "base/report.h"
#include "base/slab.h"
#include "base/status.h"
#include <dirent.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static void error_text_names_api_code_and_cause(void **state) {
    assert_null(acn_error_take());
    assert_int_equal(acn_fail(ACN_INVALID_ARGUMENT, "size is %d; expected more than 0", 0),
                     ACN_INVALID_ARGUMENT);
    acn_error_set_api("aclrtMalloc", acn_status_acl(ACN_INVALID_ARGUMENT));
    const char *text = acn_error_take();
    assert_non_null(text);
    assert_non_null(strstr(text, "Invalid_Argument(EH0001): aclrtMalloc: size is 0; expected"));
    assert_non_null(strstr(text, "100000"));
    char pid[32];
    snprintf(pid, sizeof pid, "[PID: %d] ", (int)getpid());
    assert_int_equal(strncmp(text, pid, strlen(pid)), 0);
    assert_null(acn_error_take());
}

static void *fail_in_thread(void *argument) {
    acn_fail(ACN_INTERNAL, "in a thread");
    acn_error_set_api("aclThing", 500000);
    return NULL;
}

static void errors_belong_to_a_thread_unless_told_otherwise(void **state) {
    pthread_t thread;
    pthread_create(&thread, NULL, fail_in_thread, NULL);
    pthread_join(thread, NULL);
    assert_null(acn_error_take());
    acn_error_set_process_wide(true);
    pthread_create(&thread, NULL, fail_in_thread, NULL);
    pthread_join(thread, NULL);
    const char *text = acn_error_take();
    acn_error_set_process_wide(false);
    assert_non_null(text);
    assert_non_null(strstr(text, "aclThing: in a thread"));
}

static void error_survives_a_change_of_thread(void **state) {
    acn_fail(ACN_EXECUTION, "aclnnAdd went wrong");
    char *kept = acn_error_clone();
    assert_non_null(acn_error_take());
    acn_error_restore(ACN_EXECUTION, kept);
    free(kept);
    acn_error_set_api("aclrtSynchronizeStream", 507015);
    assert_non_null(strstr(acn_error_take(), "aclrtSynchronizeStream: aclnnAdd went wrong"));
}

static void status_codes_are_those_of_the_interface(void **state) {
    assert_int_equal(acn_status_acl(ACN_OK), 0);
    assert_int_equal(acn_status_acl(ACN_CONTEXT_NULL), 107002);
    assert_int_equal(acn_status_aclnn(ACN_NULL_POINTER), 161001);
    assert_int_equal(acn_status_acl((acn_status)9999), 500000);
}

static void environment_parses_sizes_and_defaults(void **state) {
    assert_int_equal(acn_env_bytes(ACN_ENV_MEMORY), (int64_t)1536 << 20); /* set in main */
    assert_int_equal(acn_env_int(ACN_ENV_DEVICES), 1);                    /* "many" is refused */
    assert_string_equal(acn_env_text(ACN_ENV_SOC), "Ascend910B1");
    assert_true(acn_env_bool(ACN_ENV_LOG_EVENT));
}

static void arena_gives_zeroed_aligned_memory(void **state) {
    acn_arena arena = {0};
    for (size_t bytes = 0; bytes < 5000; bytes += 7) {
        char *memory = acn_arena_alloc(&arena, bytes);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % 16, 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xff, bytes);
    }
    assert_null(acn_arena_alloc(&arena, SIZE_MAX));
    assert_string_equal(acn_arena_copy(&arena, "text", 5), "text");
    acn_arena_release(&arena);
}

static void slab_tells_live_handles_from_all_others(void **state) {
    static acn_slab test_slab = ACN_SLAB("test", 100, 1000);
    acn_slab *slab = &test_slab;
    void *objects[1000];
    for (size_t i = 0; i < COUNT_OF(objects); i++) {
        objects[i] = acn_slab_alloc(slab);
        assert_non_null(objects[i]);
        memset(objects[i], 0xff, 100);
    }
    assert_null(acn_slab_alloc(slab));
    assert_int_equal(acn_slab_live_count(slab), 1000);
    assert_true(acn_slab_is_live(slab, objects[500]));
    assert_false(acn_slab_is_live(slab, (char *)objects[500] + 64));
    assert_false(acn_slab_is_live(slab, (char *)objects[500] + 1));
    assert_false(acn_slab_is_live(slab, NULL));
    assert_false(acn_slab_is_live(slab, &slab));
    assert_false(acn_slab_is_live(slab, (void *)(uintptr_t)-64));
    acn_slab_free(slab, objects[500]);
    assert_false(acn_slab_is_live(slab, objects[500]));
    acn_slab_free(slab, objects[500]); /* a second free changes nothing */
    assert_int_equal(acn_slab_live_count(slab), 999);
    assert_ptr_equal(acn_slab_alloc(slab), objects[500]);
    for (size_t i = 0; i < COUNT_OF(objects); i++)
        acn_slab_free(slab, objects[i]);
    assert_int_equal(acn_slab_live_count(slab), 0);
}

static acn_slab shared_slab = ACN_SLAB("churn", 24, 4096);

static void *churn(void *argument) {
    void *mine[200];
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 200; i++) {
            mine[i] = acn_slab_alloc(&shared_slab);
            if (mine[i] != NULL) *(void **)mine[i] = &mine[i];
        }
        for (int i = 0; i < 200; i++) {
            if (mine[i] == NULL || *(void **)mine[i] != &mine[i]) return (void *)1;
            acn_slab_free(&shared_slab, mine[i]);
        }
    }
    return NULL;
}

static void slab_serves_many_threads(void **state) {
    pthread_t threads[8];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_create(&threads[i], NULL, churn, NULL);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    assert_int_equal(acn_slab_live_count(&shared_slab), 0);
}

static acn_status parse(const char *text, acn_arena *arena, acn_json **root) {
    return acn_json_parse(arena, "acl.json", text, strlen(text), root);
}

static void json_reads_documents(void **state) {
    acn_arena arena = {0};
    acn_json *root;
    assert_int_equal(parse(" {\"dump\":{\"dump_scene\":\"lite_exception\"},\n\"a\":[1,-2.5e3,true,"
                           "null,\"\\u00e9\\ud83d\\ude00\\n\"], \"e\":{}}",
                           &arena, &root),
                     ACN_OK);
    const acn_json *dump = acn_json_get(root, "dump");
    assert_string_equal(acn_json_get(dump, "dump_scene")->text, "lite_exception");
    const acn_json *item = acn_json_get(root, "a")->child;
    assert_true(item->number == 1);
    item = item->next;
    assert_true(item->number == -2500);
    assert_int_equal(item->next->kind, ACN_JSON_BOOL);
    assert_string_equal(item->next->next->next->text, "\xc3\xa9\xf0\x9f\x98\x80\n");
    assert_null(acn_json_get(root, "missing"));
    assert_null(acn_json_get(NULL, "missing"));
    acn_arena_release(&arena);
}

static void json_refuses_broken_documents_with_a_place(void **state) {
    static const char *const broken[] = {
        "",        "{",         "{\"a\"}",     "{\"a\":}",
        "[1,]",    "[1 2]",     "\"open",      "\"\\",
        "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "nul",
        "{} x",    "1e",        "\"a\tb\"",    "[[[[[[[[[[[]]]]]]]]]]]",
        "{a:1}",   "-",
    };
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        acn_arena arena = {0};
        acn_json *root;
        assert_int_equal(parse(broken[i], &arena, &root), ACN_PARSE_FILE);
        assert_non_null(strstr(acn_error_take(), "acl.json: line 1, column "));
        acn_arena_release(&arena);
    }
    acn_arena arena = {0};
    acn_json *root;
    assert_int_equal(parse("{\n  \"a\": 1,\n  ?\n}", &arena, &root), ACN_PARSE_FILE);
    assert_non_null(strstr(acn_error_take(), "line 3, column 3"));
    assert_int_equal(acn_json_parse_file(&arena, "/does/not/exist", &root), ACN_INVALID_FILE);
    acn_arena_release(&arena);
}

static bool find_slots(void *context, const char *path, const acn_report_header *header,
                       const acn_report_slot *slots) {
    uint64_t *found = context;
    if (header->pid != getpid()) return true;
    assert_non_null(strstr(header->command, "test_base"));
    for (uint32_t i = 0; i < header->used; i++)
        if (strcmp(slots[i].name, "Add") == 0 && strcmp(slots[i].kind, "op") == 0)
            *found = slots[i].count, found[1] = slots[i].total_ns;
    return false;
}

static void report_counts_are_readable_from_the_file(void **state) {
    acn_report_slot *slot = acn_report_open("op", "Add");
    assert_ptr_equal(slot, acn_report_open("op", "Add"));
    assert_ptr_not_equal(slot, acn_report_open("api", "Add"));
    slot = acn_report_open("op", "Add");
    for (int i = 0; i < 3; i++)
        acn_report_count(slot, 100);
    char folder[1024];
    uint64_t found[2] = {0};
    assert_true(acn_report_folder(folder, sizeof folder));
    assert_int_equal(acn_report_read(folder, find_slots, found), 1);
    assert_int_equal(found[0], 3);
    assert_int_equal(found[1], 300);
}

static bool find_device(void *context, const char *path, const acn_report_header *header,
                        const acn_report_slot *slots) {
    uint64_t *found = context;
    acn_report_header *other = malloc(sizeof *other);
    if (header->pid == getpid()) {
        *found = header->devices[3].used_bytes;
        assert_true(acn_report_is_alive(header));
        memcpy(other, header, sizeof *other); /* the same number, but a process of long ago */
        other->start_ticks--;
        assert_false(acn_report_is_alive(other));
    }
    free(other);
    return header->pid != getpid();
}

static void report_shows_what_a_device_holds(void **state) {
    char folder[1024];
    uint64_t found = 0;
    acn_report_device_open(3)->used_bytes = 4096;
    acn_report_device_open(ACN_REPORT_DEVICES)->used_bytes = 1; /* out of range: nobody's */
    assert_true(acn_report_folder(folder, sizeof folder));
    acn_report_read(folder, find_device, &found);
    assert_int_equal(found, 4096);
}

static void report_of_a_full_table_still_counts_somewhere(void **state) {
    char name[32];
    for (int i = 0; i < ACN_REPORT_SLOTS + 10; i++) {
        snprintf(name, sizeof name, "op%d", i);
        acn_report_count(acn_report_open("op", name), 1);
    }
}

static bool log_folder_exists(const char *folder) {
    DIR *directory = opendir(folder);
    if (directory != NULL) closedir(directory);
    return directory != NULL;
}

static void log_writes_lines_of_the_published_form(void **state) {
    const char *root = *state;
    char folder[256], line[512] = "";
    snprintf(folder, sizeof folder, "%s/log/debug/plog", root);
    fflush(NULL);
    pid_t child = fork(); /* a child has a file of its own */
    if (child == 0) {
        if (log_folder_exists("none")) _exit(2);
        acn_log_write("RUNTIME", ACN_LOG_ERROR, "stream.c", 7, "text %d", 42);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    char command[512];
    snprintf(command, sizeof command, "cat %s/plog-%d_*.log", folder, (int)child);
    FILE *file = popen(command, "r");
    assert_non_null(fgets(line, sizeof line, file));
    pclose(file);
    char expected[128];
    snprintf(expected, sizeof expected, "[ERROR] RUNTIME(%d,test_base):20", (int)child);
    assert_int_equal(strncmp(line, expected, strlen(expected)), 0);
    assert_non_null(strstr(line, " [stream.c:7]"));
    assert_non_null(strstr(line, " text 42\n"));
    assert_false(acn_log_enabled("RUNTIME", ACN_LOG_INFO));
    assert_true(acn_log_enabled("OP", ACN_LOG_INFO));
    assert_true(acn_log_enabled("OP", ACN_LOG_EVENT));
}

static void halves_round_to_nearest_even(void **state) {
    assert_int_equal(acn_f32_to_f16(1.0f), 0x3c00);
    assert_int_equal(acn_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(acn_f32_to_f16(65519.0f), 0x7bff);
    assert_int_equal(acn_f32_to_f16(0x1p-25f), 0);
    assert_int_equal(acn_f32_to_f16(0x1.8p-25f), 1);
    for (uint32_t h = 0; h < 0x10000; h++) {
        float x = acn_f16_to_f32((uint16_t)h);
        if (x == x) assert_int_equal(acn_f32_to_f16(x), h);
        x = acn_bf16_to_f32((uint16_t)h);
        if (x == x) assert_int_equal(acn_f32_to_bf16(x), h);
    }
}

int main(void) {
    char root[] = "/tmp/anycann-test-XXXXXX";
    if (mkdtemp(root) == NULL) return 1;
    setenv("ANYCANN_MEMORY", "1.5G", 1);
    setenv("ANYCANN_DEVICES", "many", 1);
    setenv("ANYCANN_REPORT_DIR", root, 1);
    setenv("ASCEND_WORK_PATH", root, 1);
    setenv("ASCEND_MODULE_LOG_LEVEL", "OP=1:GE=0", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_text_names_api_code_and_cause),
        cmocka_unit_test(errors_belong_to_a_thread_unless_told_otherwise),
        cmocka_unit_test(error_survives_a_change_of_thread),
        cmocka_unit_test(status_codes_are_those_of_the_interface),
        cmocka_unit_test(environment_parses_sizes_and_defaults),
        cmocka_unit_test(arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(slab_tells_live_handles_from_all_others),
        cmocka_unit_test(slab_serves_many_threads),
        cmocka_unit_test(json_reads_documents),
        cmocka_unit_test(json_refuses_broken_documents_with_a_place),
        cmocka_unit_test(report_counts_are_readable_from_the_file),
        cmocka_unit_test(report_shows_what_a_device_holds),
        cmocka_unit_test(report_of_a_full_table_still_counts_somewhere),
        cmocka_unit_test_prestate(log_writes_lines_of_the_published_form, root),
        cmocka_unit_test(halves_round_to_nearest_even),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command) != 0 || failed;
}
