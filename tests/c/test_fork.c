/* After fork: the child's copies answer WAL_E_FORKED, freeing them there leaves the parent's stream alone,
 * the child opens one of its own, and the parent goes on. */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <dirent.h>
#include <sys/wait.h>

#define FORKED(call) CHECK_STATUS(call, WAL_E_FORKED, &error)

static void insert_and_read(wal_stream *stream, const char *table, int id) {
    char text[16];
    const wal_event *event;

    snprintf(text, sizeof text, "%d", id);
    sql("INSERT INTO %s VALUES (%d, 'x')", table, id);
    event = test_next(stream, WAL_EVENT_INSERT);
    REQUIRE(event != NULL);
    CHECK_BYTES(event->new_values[0], text);
    event = test_next(stream, WAL_EVENT_COMMIT);
    REQUIRE(event != NULL);
    CHECK_EQ(wal_stream_ack(stream, event->ack_lsn, NULL), WAL_OK);
}

static int descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    REQUIRE(folder != NULL);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

/* Ends a child. What it got from its parent's engine is leaked on purpose, so no leak checker is to look at
 * it: another program takes its place. */
static void end_child(int status) {
    fflush(NULL);
    if (status == 0)
        execlp("true", "true", (char *)NULL);
    else
        execlp("false", "false", (char *)NULL);
    _exit(127);
}

static int child(wal_stream *stream, wal_batch *batch, wal_event *clone) {
    const wal_event *event = (const wal_event *)&stream;
    wal_batch *other = (wal_batch *)&stream;
    wal_error *error = NULL;
    wal_stats stats;
    int fd = wal_stream_fd(stream);
    int fds;
    size_t count;

    check_passed = check_failed = 0;
    CHECK_EQ(fd, -1);
    FORKED(wal_stream_next(stream, -1, &event, &error));
    CHECK(event == NULL);
    FORKED(wal_stream_next_batch(stream, -1, &other, &error));
    CHECK(other == NULL);
    FORKED(wal_stream_ack(stream, 1, &error));
    FORKED(wal_stream_flush(stream, -1, &error));
    FORKED(wal_stream_connect(stream, -1, &error));
    FORKED(wal_stream_stats(stream, &stats, sizeof stats, &error));
    wal_stream_interrupt(stream);
    wal_stream_interrupt_clear(stream);
    /* Plain memory may be read and freed. */
    CHECK(wal_batch_events(batch, &count) != NULL && count > 0);
    CHECK_BYTES(clone->new_values[1], "x");
    wal_batch_free(batch);
    wal_event_free(clone);
    fds = descriptors();
    wal_stream_free(stream);
    /* Its connection and its own descriptor, and the engine's. */
    CHECK(descriptors() <= fds - 2);

    stream = test_open("c_fork_child", "c_fork_child", NULL, NULL);
    insert_and_read(stream, "c_fork_child", 1);
    insert_and_read(stream, "c_fork_child", 2);
    wal_stream_free(stream);
    return check_finish();
}

/* A connection in the child, and then the parent's goes on. */
static int child_of_connection(wal_connection *connection) {
    wal_slots *slots = (wal_slots *)&connection;
    wal_error *error = NULL;
    int fds;

    check_passed = check_failed = 0;
    FORKED(wal_slot_list(connection, -1, &slots, &error));
    CHECK(slots == NULL);
    FORKED(wal_connection_connect(connection, -1, &error));
    FORKED(wal_connection_check(connection, &error));
    CHECK_EQ(wal_connection_server_version(connection), 0);
    wal_connection_interrupt(connection);
    wal_connection_interrupt_clear(connection);
    fds = descriptors();
    wal_connection_free(connection);
    CHECK(descriptors() <= fds - 2);
    return check_finish();
}

static void wait_for(pid_t pid) {
    int status = -1;

    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void connection_and_fork(void) {
    wal_options *options = test_options("c_fork", "c_fork");
    wal_connection *connection = NULL;
    wal_slots *slots = NULL;
    wal_error *error = NULL;
    pid_t pid;
    int i;

    REQUIRE(CHECK_STATUS(wal_connection_open(options, 10000, &connection, &error), WAL_OK, &error));
    wal_options_free(options);
    fflush(NULL);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0)
        end_child(child_of_connection(connection));
    wait_for(pid);
    for (i = 0; i < 3; i++) {
        CHECK_STATUS(wal_slot_list(connection, 10000, &slots, &error), WAL_OK, &error);
        CHECK(wal_slots_count(slots) >= 1);
        wal_slots_free(slots);
    }
    wal_connection_free(connection);
}

int main(void) {
    wal_stream *stream;
    const wal_event *event;
    wal_batch *batch = NULL;
    wal_event *clone = NULL;
    pid_t pid;
    int i;

    test_setup("c_fork");
    test_setup("c_fork_child");
    stream = test_open("c_fork", "c_fork", NULL, NULL);
    sql("INSERT INTO c_fork VALUES (1, 'x')");
    event = test_next(stream, WAL_EVENT_INSERT);
    REQUIRE(event != NULL);
    CHECK_EQ(wal_event_clone(event, &clone, NULL), WAL_OK);
    CHECK_EQ(wal_stream_next_batch(stream, 10000, &batch, NULL), WAL_OK);

    fflush(NULL);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0)
        end_child(child(stream, batch, clone));
    /* While the child lives, and after it. */
    insert_and_read(stream, "c_fork", 2);
    wait_for(pid);
    insert_and_read(stream, "c_fork", 3);

    for (i = 0; i < 5; i++) { /* children that do not touch it */
        fflush(NULL);
        pid = fork();
        REQUIRE(pid >= 0);
        if (pid == 0)
            end_child(0);
        wait_for(pid);
        insert_and_read(stream, "c_fork", 10 + i);
    }

    /* The parent's batch was freed in the child only. */
    CHECK(wal_batch_events(batch, NULL) != NULL);
    wal_batch_free(batch);
    CHECK_BYTES(clone->new_values[1], "x");
    wal_event_free(clone);
    CHECK_EQ(wal_stream_flush(stream, 5000, NULL), WAL_OK);
    wal_stream_free(stream);
    connection_and_fork();
    test_drop_slot("c_fork");
    test_drop_slot("c_fork_child");
    return check_finish();
}
