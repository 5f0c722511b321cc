/*
 * Counts a program's allocations and reads, by LD_PRELOAD in a round of its own, so that no timed round pays
 * for it. Writes {"allocs":N,"reads":N} into the file that PEERS_COUNTS names when the program ends.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_ulong allocs, reads;

#define COUNT(which) atomic_fetch_add_explicit(&(which), 1, memory_order_relaxed)

void *malloc(size_t size) {
    COUNT(allocs);
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
    COUNT(allocs);
    return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size) {
    COUNT(allocs);
    return __libc_realloc(old, size);
}

int posix_memalign(void **out, size_t align, size_t size) {
    COUNT(allocs);
    *out = __libc_memalign(align, size);
    return *out == NULL ? ENOMEM : 0;
}

void *aligned_alloc(size_t align, size_t size) {
    COUNT(allocs);
    return __libc_memalign(align, size);
}

#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

ssize_t recv(int fd, void *data, size_t len, int flags) {
    COUNT(reads);
    return syscall(SYS_recvfrom, fd, data, len, flags, NULL, NULL);
}

ssize_t recvfrom(int fd, void *data, size_t len, int flags, struct sockaddr *from, socklen_t *from_len) {
    COUNT(reads);
    return syscall(SYS_recvfrom, fd, data, len, flags, from, from_len);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    static __typeof__(&recvmsg) next;
    if (next == NULL)
        next = NEXT(recvmsg);
    COUNT(reads);
    return next(fd, message, flags);
}

ssize_t read(int fd, void *data, size_t len) {
    static __typeof__(&read) next;
    if (next == NULL)
        next = NEXT(read);
    COUNT(reads);
    return next(fd, data, len);
}

ssize_t readv(int fd, const struct iovec *parts, int n) {
    static __typeof__(&readv) next;
    if (next == NULL)
        next = NEXT(readv);
    COUNT(reads);
    return next(fd, parts, n);
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("PEERS_COUNTS");
    if (path == NULL)
        return;
    char text[96];
    int n = snprintf(text, sizeof text, "{\"allocs\":%lu,\"reads\":%lu}\n",
                     (unsigned long)atomic_load(&allocs), (unsigned long)atomic_load(&reads));
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd >= 0) {
        if (write(fd, text, (size_t)n) != n)
            perror(path);
        close(fd);
    }
}
