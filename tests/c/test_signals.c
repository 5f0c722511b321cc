/* Signals: no SIGPIPE from a broken connection, none reach the library's threads, a handler may interrupt,
 * errno stays. */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

static wal_stream *volatile interruptible;
static volatile sig_atomic_t caught, errno_kept;

static void on_signal(int number) {
    (void)number;
    errno = 4242;
    wal_stream_interrupt(interruptible);
    errno_kept = errno == 4242;
    caught = 1;
}

/* SIGPIPE at its default ends the process: that this test goes on is the check. */
static void broken_connection(void) {
    struct sigaction action;
    int i;

    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = SIG_DFL;
    sigaction(SIGPIPE, &action, NULL);
    for (i = 0; i < 5; i++) {
        wal_stream *stream = test_open("c_signals", "c_signals", "reconnect", "off");
        wal_stats stats;
        wal_error *error = NULL;
        wal_status status = WAL_OK;
        int tries;

        CHECK_STATUS(wal_stream_stats(stream, &stats, sizeof stats, &error), WAL_OK, &error);
        sql("SELECT pg_terminate_backend(%" PRIu32 ")", stats.backend_pid);
        for (tries = 0; tries < 100000 && (status == WAL_OK || status == WAL_TIMEOUT); tries++) {
            wal_error_free(error);
            status = wal_stream_flush(stream, 1000, &error);
        }
        CHECK(status < 0);
        CHECK_EQ(wal_error_is_fatal(error), 1);
        CHECK_STATUS(status, status < 0 ? status : -1, &error);
        wal_stream_free(stream);
    }
    CHECK(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
}

/* The mask of a thread, from its status. */
static uint64_t blocked(const char *task) {
    char path[300], line[256];
    unsigned long long mask = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
    file = fopen(path, "r");
    REQUIRE(file != NULL);
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "SigBlk: %llx", &mask) == 1)
            break;
    fclose(file);
    return mask;
}

static void signal_masks(void) {
    static const int signals[] = {SIGUSR1, SIGINT, SIGTERM, SIGALRM, SIGCHLD, SIGHUP};
    wal_stream *stream = test_open("c_signals", "c_signals", NULL, NULL);
    struct dirent *entry;
    int threads = 0;
    char self[32];
    sigset_t mine;
    DIR *tasks;
    size_t i;

    snprintf(self, sizeof self, "%d", (int)getpid());
    tasks = opendir("/proc/self/task");
    REQUIRE(tasks != NULL);
    while ((entry = readdir(tasks)) != NULL) {
        uint64_t mask;
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, self) == 0)
            continue;
        threads++;
        mask = blocked(entry->d_name);
        for (i = 0; i < sizeof signals / sizeof signals[0]; i++)
            CHECK((mask >> (signals[i] - 1) & 1) == 1);
    }
    closedir(tasks);
    CHECK(threads >= 1);
    /* The program's own mask is as it was. */
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &mine), 0);
    for (i = 0; i < sizeof signals / sizeof signals[0]; i++)
        CHECK_EQ(sigismember(&mine, signals[i]), 0);
    wal_stream_free(stream);
}

static void *send_signal(void *target) {
    struct timespec pause = {0, 200000000};

    nanosleep(&pause, NULL);
    pthread_kill(*(pthread_t *)target, SIGUSR1);
    return NULL;
}

/* A handler interrupts the call that it broke into: with and without SA_RESTART. */
static void interrupt_from_handler(int flags) {
    wal_stream *stream = test_open("c_signals", "c_signals", NULL, NULL);
    pthread_t self = pthread_self(), helper;
    const wal_event *event = NULL;
    wal_error *error = NULL;
    struct sigaction action;

    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_signal;
    action.sa_flags = flags;
    sigaction(SIGUSR1, &action, NULL);
    interruptible = stream;
    caught = errno_kept = 0;
    test_drain(stream);
    REQUIRE(pthread_create(&helper, NULL, send_signal, &self) == 0);
    CHECK_STATUS(wal_stream_next(stream, 10000, &event, &error), WAL_INTERRUPTED, &error);
    pthread_join(helper, NULL);
    CHECK(caught == 1 && errno_kept == 1);
    interruptible = NULL;
    wal_stream_free(stream);
}

static void nothing(int number) {
    (void)number;
}

/* A signal that interrupts nothing does not end the wait either. */
static void unrelated_signal(void) {
    wal_stream *stream = test_open("c_signals", "c_signals", NULL, NULL);
    pthread_t self = pthread_self(), helper;
    const wal_event *event = NULL;
    wal_error *error = NULL;
    struct sigaction action;
    struct timespec before, after;
    int64_t waited;

    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = nothing;
    sigaction(SIGUSR1, &action, NULL);
    test_drain(stream);
    REQUIRE(pthread_create(&helper, NULL, send_signal, &self) == 0);
    clock_gettime(CLOCK_MONOTONIC, &before);
    CHECK_STATUS(wal_stream_next(stream, 600, &event, &error), WAL_TIMEOUT, &error);
    clock_gettime(CLOCK_MONOTONIC, &after);
    waited = (int64_t)(after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    CHECK(waited >= 590 && waited < 5000);
    pthread_join(helper, NULL);
    wal_stream_free(stream);
}

static void errno_of_interrupt(void) {
    wal_stream *stream = test_open("c_signals", "c_signals", NULL, NULL);
    int i;

    for (i = 0; i < 100; i++) { /* the eventfd is full of it after the first */
        errno = 4242;
        wal_stream_interrupt(stream);
        CHECK_EQ(errno, 4242);
    }
    wal_stream_free(stream);
}

int main(void) {
    test_setup("c_signals");
    broken_connection();
    signal_masks();
    interrupt_from_handler(0);
    interrupt_from_handler(SA_RESTART);
    unrelated_signal();
    errno_of_interrupt();
    test_drop_slot("c_signals");
    return check_finish();
}
