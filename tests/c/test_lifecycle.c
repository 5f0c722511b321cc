/* Opening and freeing over and over leaves nothing behind: no descriptor and, after the last stream, no
 * thread. */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <dirent.h>

static int entries(const char *folder) {
    DIR *dir = opendir(folder);
    int count = 0;

    REQUIRE(dir != NULL);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static int descriptors(void) {
    return entries("/proc/self/fd");
}
static int threads(void) {
    return entries("/proc/self/task");
}

/* Threads leave a moment after they were told to. */
static bool settle(int (*count)(void), int want) {
    struct timespec pause = {0, 20000000};
    int i;

    for (i = 0; i < 250 && count() > want; i++)
        nanosleep(&pause, NULL);
    if (count() > want)
        fprintf(stderr, "%d, not %d\n", count(), want);
    return count() <= want;
}

int main(void) {
    int first_fds, first_threads, i;
    wal_stream *stream, *many[20];
    wal_options *options;
    wal_error *error = NULL;
    char name[32];

    test_setup("c_life");
    first_threads = threads();
    first_fds = descriptors();

    stream = test_open("c_life", "c_life", NULL, NULL);
    CHECK(threads() > first_threads);
    wal_stream_free(stream);
    CHECK(settle(threads, first_threads));
    CHECK(settle(descriptors, first_fds));

    for (i = 0; i < 50; i++) {
        const wal_event *event;
        stream = test_open("c_life", "c_life", NULL, NULL);
        (void)wal_stream_next(stream, 0, &event, NULL);
        wal_stream_free(stream);
    }
    CHECK(settle(threads, first_threads));
    CHECK(settle(descriptors, first_fds));

    /* Attempts that fail leave nothing either. */
    options = test_options("c_life_none", "c_life");
    for (i = 0; i < 20; i++) {
        CHECK_STATUS(wal_stream_open(options, &stream, &error), WAL_E_SLOT_MISSING, &error);
        CHECK(stream == NULL);
    }
    CHECK_EQ(wal_options_set(options, "conninfo", "host=/nonexistent-folder user=u dbname=d", NULL), WAL_OK);
    for (i = 0; i < 20; i++)
        CHECK_STATUS(wal_stream_open(options, &stream, &error), WAL_E_CONNECT, &error);
    for (i = 0; i < 20; i++) { /* never connected */
        CHECK_STATUS(wal_stream_new(options, &stream, &error), WAL_OK, &error);
        wal_stream_free(stream);
    }
    wal_options_free(options);
    CHECK(settle(threads, first_threads));
    CHECK(settle(descriptors, first_fds));

    /* Several at once share the engine. */
    for (i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "c_life_%d", i);
        test_slot(name);
    }
    for (i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "c_life_%d", i);
        many[i] = test_open(name, "c_life", NULL, NULL);
    }
    CHECK(threads() <= first_threads + 4);
    sql("INSERT INTO c_life VALUES (1, 'to all')");
    for (i = 0; i < 20; i++) {
        const wal_event *event = test_next(many[i], WAL_EVENT_INSERT);
        CHECK(event != NULL && event->n_new == 2);
    }
    for (i = 0; i < 20; i++)
        wal_stream_free(many[i]);
    CHECK(settle(threads, first_threads));
    CHECK(settle(descriptors, first_fds));
    for (i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "c_life_%d", i);
        test_drop_slot(name);
    }
    test_drop_slot("c_life");
    return check_finish();
}
