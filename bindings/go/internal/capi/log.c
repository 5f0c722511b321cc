/* The queue between the library's log callback and Go. The callback copies and returns: it runs on the
 * engine's thread, where all streams would wait for a slow handler, and a Go function there would cost a
 * thread switch. */
#include "glue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { MOST_ENTRIES = 4096 };

struct go_log {
    pthread_mutex_t lock;
    go_log_entry *first, **last;
    unsigned entries;
    uint32_t dropped;
    int fd;
};

go_log *go_log_new(void) {
    go_log *log = calloc(1, sizeof *log);

    if (log == NULL)
        return NULL;
    log->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (log->fd < 0) {
        free(log);
        return NULL;
    }
    pthread_mutex_init(&log->lock, NULL);
    log->last = &log->first;
    return log;
}

int go_log_fd(const go_log *log) {
    return log->fd;
}

static void append(void *userdata, int32_t level, const char *target, const char *message) {
    go_log *log = userdata;
    struct timespec now;
    uint64_t one = 1;
    size_t target_len = strlen(target), message_len = strlen(message);
    go_log_entry *entry = malloc(sizeof *entry + target_len + message_len);

    clock_gettime(CLOCK_REALTIME, &now);
    pthread_mutex_lock(&log->lock);
    if (entry == NULL || log->entries >= MOST_ENTRIES) {
        log->dropped++;
        pthread_mutex_unlock(&log->lock);
        free(entry);
        return;
    }
    entry->next = NULL;
    entry->time_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    entry->level = level;
    entry->target_len = (uint32_t)target_len;
    entry->message_len = (uint32_t)message_len;
    entry->dropped = log->dropped;
    log->dropped = 0;
    memcpy(entry + 1, target, target_len);
    memcpy((char *)(entry + 1) + target_len, message, message_len);
    *log->last = entry;
    log->last = &entry->next;
    log->entries++;
    pthread_mutex_unlock(&log->lock);
    /* EAGAIN, the only failure, means that it is readable. */
    if (write(log->fd, &one, sizeof one) < 0)
        return;
}

go_log_entry *go_log_take(go_log *log) {
    go_log_entry *first;
    uint64_t count;

    /* Cleared first: what comes from now on signals anew. */
    if (read(log->fd, &count, sizeof count) < 0)
        count = 0;
    pthread_mutex_lock(&log->lock);
    first = log->first;
    log->first = NULL;
    log->last = &log->first;
    log->entries = 0;
    pthread_mutex_unlock(&log->lock);
    return first;
}

const char *go_log_text(const go_log_entry *entry) {
    return (const char *)(entry + 1);
}

void go_log_entry_free(go_log_entry *entry) {
    free(entry);
}

void go_log_free(go_log *log) {
    go_log_entry *entry = go_log_take(log);

    while (entry != NULL) {
        go_log_entry *next = entry->next;
        free(entry);
        entry = next;
    }
    close(log->fd);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

wal_status go_log_set(wal_options *options, int32_t most_detail, go_log *log, wal_error **error) {
    return wal_options_set_log(options, most_detail, append, log, error);
}
