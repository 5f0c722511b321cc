/*
 * A slow disk, by LD_PRELOAD: each write and read of a piece of a spill file takes PEERS_SLOW_US microseconds
 * longer. Sockets, and what is small, are as fast as ever.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static void wait_as_a_disk(size_t bytes) {
    const char *text = getenv("PEERS_SLOW_US");
    long us = text ? atol(text) : 0;
    struct timespec time = {us / 1000000, us % 1000000 * 1000};
    if (us > 0 && bytes >= 4096)
        nanosleep(&time, NULL);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at) {
    wait_as_a_disk(len);
    return syscall(SYS_pwrite64, fd, data, len, at);
}

ssize_t pread64(int fd, void *data, size_t len, off64_t at) {
    wait_as_a_disk(len);
    return syscall(SYS_pread64, fd, data, len, at);
}
