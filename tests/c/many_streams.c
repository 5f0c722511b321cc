/* Many streams in one process, all served by the thread that calls main:
 *
 *     many_streams CONNINFO PUBLICATION PREFIX COUNT
 *
 * Streams from slots PREFIX_1 to PREFIX_COUNT, each opened without help of the others. Every change that
 * comes is counted and acknowledged. Each line on the standard input is answered with the counts; its end
 * frees the streams. */
#define _POSIX_C_SOURCE 200809L

#include "load.h"

#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

/* So many connect at once. */
#define OPENERS 8

static const char *conninfo, *publication, *prefix;
static size_t count;
static wal_stream **streams;

static void *open_some(void *first) {
    size_t i;

    for (i = (size_t)(uintptr_t)first; i < count; i += OPENERS) {
        char slot[64];
        wal_options *options;
        wal_error *error = NULL;

        snprintf(slot, sizeof slot, "%s_%zu", prefix, i + 1);
        options = load_options(conninfo, slot, publication);
        done(wal_options_set(options, "status_interval", "1s", &error), error, "status_interval");
        done(wal_stream_open(options, &streams[i], &error), error, slot);
        wal_options_free(options);
    }
    return NULL;
}

static void *free_some(void *first) {
    size_t i;

    for (i = (size_t)(uintptr_t)first; i < count; i += OPENERS)
        wal_stream_free(streams[i]);
    return NULL;
}

static void by_all(void *(*work)(void *)) {
    pthread_t threads[OPENERS];
    uintptr_t i;

    for (i = 0; i < OPENERS; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)i) != 0)
            exit(1);
    for (i = 0; i < OPENERS; i++)
        pthread_join(threads[i], NULL);
}

/* Takes all that is ready of one stream, and gives how many rows were inserted. */
static size_t drain(wal_stream *stream) {
    size_t rows = 0, events, i;

    for (;;) {
        wal_batch *batch = NULL;
        wal_error *error = NULL;
        wal_status status = wal_stream_next_batch(stream, 0, &batch, &error);
        const wal_event *event;

        if (status == WAL_TIMEOUT)
            return rows;
        done(status, error, "next_batch");
        event = wal_batch_events(batch, &events);
        for (i = 0; i < events; i++)
            rows += event[i].kind == WAL_EVENT_INSERT;
        done(wal_stream_ack(stream, wal_batch_ack_lsn(batch), &error), error, "ack");
        wal_batch_free(batch);
    }
}

int main(int argc, char **argv) {
    struct rlimit files;
    struct pollfd *polled;
    size_t rows = 0, i;
    char line[64];

    if (argc != 5)
        return 2;
    conninfo = argv[1];
    publication = argv[2];
    prefix = argv[3];
    count = (size_t)strtoul(argv[4], NULL, 10);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    streams = calloc(count, sizeof *streams);
    polled = calloc(count + 1, sizeof *polled);
    if (streams == NULL || polled == NULL)
        return 1;
    by_all(open_some);
    for (i = 0; i < count; i++) {
        polled[i].fd = wal_stream_fd(streams[i]);
        polled[i].events = POLLIN;
    }
    polled[count].fd = STDIN_FILENO;
    polled[count].events = POLLIN;
    printf("open %zu\n", count);
    fflush(stdout);
    for (;;) {
        if (poll(polled, (nfds_t)count + 1, -1) < 0)
            return 1;
        for (i = 0; i < count; i++)
            if (polled[i].revents != 0)
                rows += drain(streams[i]);
        if (polled[count].revents == 0)
            continue;
        if (fgets(line, sizeof line, stdin) == NULL)
            break;
        printf("rows %zu\n", rows);
        fflush(stdout);
    }
    by_all(free_some);
    printf("freed\n");
    free(polled);
    free(streams);
    return 0;
}
