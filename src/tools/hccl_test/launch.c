/* launch.c - how the processes of a measurement find one another. With --np the first starts the
 * others. Under a launcher it is asked who they are, by the variables that it sets, and the root
 * information passes through a file whose name only they know; no MPI is needed for that. */
#include "hccl_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 512, POLL_NS = 2000000, MEET_SECONDS = 120 };

typedef struct shared {
    atomic_int is_there;
    HcclRootInfo root;
} shared;

struct test_launch {
    uint32_t rank, ranks;
    shared *shared; /* of --np */
    pid_t *children;
    char path[PATH_BYTES];
};

static void pause_a_little(void) { nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL); }

/* Children that begin before anything of the runtime is there. */
static void start(test_launch *launch, uint32_t ranks) {
    pid_t parent = getpid();
    launch->ranks = ranks;
    launch->children = calloc(ranks, sizeof *launch->children);
    launch->shared = mmap(NULL, sizeof *launch->shared, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (launch->children == NULL || launch->shared == MAP_FAILED) test_fail("no memory");
    fflush(NULL);
    for (uint32_t i = 1; i < ranks; i++) {
        launch->children[i] = fork();
        if (launch->children[i] < 0) test_fail("rank %u cannot start: %s", i, strerror(errno));
        if (launch->children[i] > 0) continue;
        launch->rank = i;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(1); /* it is gone already */
        return;
    }
}

static bool ask(const char *rank_name, const char *ranks_name, test_launch *launch) {
    const char *rank = getenv(rank_name), *ranks = getenv(ranks_name);
    if (rank == NULL || ranks == NULL) return false;
    launch->rank = (uint32_t)atoi(rank);
    launch->ranks = (uint32_t)atoi(ranks);
    if (launch->ranks < 1 || launch->rank >= launch->ranks)
        test_fail("%s=%s and %s=%s make no sense", rank_name, rank, ranks_name, ranks);
    return true;
}

/* Ranks of one launch have one name, others another: the launcher's own, or its process, which is
 * the parent of all. */
static void name_file(test_launch *launch, const char *given) {
    static const char *const jobs[] = {"PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid",
                                       "TORCHELASTIC_RUN_ID", "SLURM_STEP_ID"};
    const char *job = NULL, *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    if (given != NULL) {
        snprintf(launch->path, sizeof launch->path, "%s", given);
        return;
    }
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0] && job == NULL; i++)
        job = getenv(jobs[i]);
    int length = snprintf(launch->path, sizeof launch->path, "%s/anycann-hccl-test-%u-%d-%s",
                          folder, (unsigned)getuid(), (int)getppid(), job == NULL ? "0" : job);
    for (char *c = launch->path + strlen(folder) + 1; c < launch->path + length; c++)
        if (*c == '/') *c = '_';
}

static void make_devices(const test_options *options, uint32_t ranks) {
    char text[16];
    snprintf(text, sizeof text, "%u", options->devices > 0 ? options->devices : ranks);
    setenv("ANYCANN_DEVICES", text, 0);
}

test_launch *test_launch_begin(const test_options *options) {
    test_launch *launch = calloc(1, sizeof *launch);
    if (launch == NULL) test_fail("no memory");
    launch->ranks = 1;
    if (options->ranks > 0) {
        make_devices(options, options->ranks);
        start(launch, options->ranks);
        return launch;
    }
    if (ask("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", launch) ||
        ask("PMI_RANK", "PMI_SIZE", launch) || ask("SLURM_PROCID", "SLURM_NTASKS", launch) ||
        ask("RANK", "WORLD_SIZE", launch))
        name_file(launch, options->root_file);
    make_devices(options, launch->ranks);
    return launch;
}

uint32_t test_launch_rank(const test_launch *launch) { return launch->rank; }
uint32_t test_launch_ranks(const test_launch *launch) { return launch->ranks; }

/* Others see all of it or nothing. */
static void write_file(const test_launch *launch, const HcclRootInfo *root) {
    char partial[PATH_BYTES + 8];
    snprintf(partial, sizeof partial, "%s.part", launch->path);
    unlink(partial);
    int file = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool is_written = file >= 0 && write(file, root, sizeof *root) == (ssize_t)sizeof *root;
    if (file >= 0) close(file);
    if (!is_written || rename(partial, launch->path) != 0)
        test_fail("%s cannot be written (%s); --root-file names another", launch->path,
                  strerror(errno));
}

static void read_file(const test_launch *launch, HcclRootInfo *root) {
    time_t deadline = time(NULL) + MEET_SECONDS;
    int file;
    while ((file = open(launch->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) < 0) {
        if (time(NULL) > deadline)
            test_fail("rank 0 left nothing in %s within %d s", launch->path, MEET_SECONDS);
        pause_a_little();
    }
    if (read(file, root, sizeof *root) != (ssize_t)sizeof *root)
        test_fail("%s is no root information", launch->path);
    close(file);
}

void test_launch_share(test_launch *launch, HcclRootInfo *root) {
    if (launch->shared == NULL) {
        if (launch->ranks > 1 && launch->rank == 0) write_file(launch, root);
        if (launch->rank > 0) read_file(launch, root);
        return;
    }
    if (launch->rank == 0) {
        memcpy(&launch->shared->root, root, sizeof *root);
        atomic_store(&launch->shared->is_there, 1);
    }
    while (atomic_load(&launch->shared->is_there) == 0)
        pause_a_little();
    memcpy(root, &launch->shared->root, sizeof *root);
}

void test_launch_met(test_launch *launch) {
    if (launch->rank == 0 && launch->path[0] != '\0') unlink(launch->path);
}

int test_launch_end(test_launch *launch, int code) {
    for (uint32_t i = 1; launch->rank == 0 && launch->children != NULL && i < launch->ranks; i++) {
        int status = 0;
        waitpid(launch->children[i], &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) code = 1;
    }
    free(launch->children);
    free(launch);
    return code;
}
