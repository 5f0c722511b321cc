/*
 * The floor: what reading the socket and finding the messages' ends costs, with no value looked at. With
 * -DCOALESCE it lets the kernel gather 64 KiB or 2 ms before it wakes, without it it reads whatever is there.
 */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 256 * 1024 };

static uint8_t buffer[ROOM];
static size_t from, to; /* what was read and not looked at yet */
static counts at;
static int copying, finish_seen;
static uint32_t finish_oid;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t it) {
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(it >> (24 - 8 * i));
}

static void send_all(int fd, const uint8_t *data, size_t len) {
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0)
            die("send");
        data += n;
        len -= (size_t)n;
    }
}

static void fill(int fd) {
    if (from == to)
        from = to = 0;
    else if (ROOM - to < 32 * 1024) {
        memmove(buffer, buffer + from, to - from);
        to -= from;
        from = 0;
    }
    ssize_t n;
#ifdef COALESCE
    int flags = 0;
    if (copying) {
        struct pollfd it = {fd, POLLIN, 0};
        flags = poll(&it, 1, 2) > 0 ? 0 : MSG_DONTWAIT;
    }
    n = recv(fd, buffer + to, ROOM - to, flags);
    if (n < 0 && errno == EAGAIN)
        return;
#else
    n = recv(fd, buffer + to, ROOM - to, 0);
#endif
    if (n <= 0)
        die("recv");
    to += (size_t)n;
}

/* One message of pgoutput; says whether it was the last. In a streamed block four bytes of xid follow the
 * kind. */
static int see(const uint8_t *message, size_t len) {
    static int in_block;
    size_t xid = in_block ? 4 : 0;
    switch (message[0]) {
    case 'S':
        in_block = 1;
        return 0;
    case 'E':
        in_block = 0;
        return 0;
    case 'B':
        at.events++;
        return 0;
    case 'C':
    case 'c':
        at.events++;
        return finish_seen;
    case 'R':
        if (memmem(message, len, "\0finish\0", 8) != NULL)
            finish_oid = be32(message + 1 + xid);
        return 0;
    case 'I':
    case 'U':
    case 'D':
        at.events++;
        at.rows++;
        finish_seen = finish_oid != 0 && be32(message + 1 + xid) == finish_oid;
        return 0;
    default:
        return 0;
    }
}

static int connect_to(const char *port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in to_whom = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    to_whom.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to_whom, sizeof to_whom) < 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    static const char parameters[] = "user\0postgres\0database\0postgres\0replication\0database\0";
    uint8_t start[8 + sizeof parameters];
    put32(start, sizeof start);
    put32(start + 4, 3 << 16);
    memcpy(start + 8, parameters, sizeof parameters);
    send_all(fd, start, sizeof start);
    return fd;
}

/* Looks at what is complete; says whether the last message was among it. */
static int walk(int fd, const arguments *given) {
    while (to - from >= 5) {
        uint8_t kind = buffer[from];
        size_t len = 1 + (size_t)be32(buffer + from + 1);
        if (len > ROOM)
            die("a message is larger than the buffer");
        if (to - from < len)
            return 0;
        const uint8_t *body = buffer + from + 5;
        from += len;
        if (kind == 'd' && body[0] == 'w') {
            if (see(body + 25, len - 30))
                return 1;
        } else if (kind == 'E') {
            fprintf(stderr, "the server says: %.*s\n", (int)len - 5, (const char *)body);
            exit(1);
        } else if (kind == 'Z') {
            char sql[512];
            int n = snprintf(sql + 5, sizeof sql - 5,
                             "START_REPLICATION SLOT \"%s\" LOGICAL 0/0 (proto_version '%d', "
                             "publication_names 'peers', binary "
                             "'true'%s)",
                             given->slot, given->streaming[1] == 'n' ? 2 : 1,
                             given->streaming[1] == 'n' ? ", streaming 'on'" : "");
            sql[0] = 'Q';
            put32((uint8_t *)sql + 1, (uint32_t)n + 5);
            send_all(fd, (uint8_t *)sql, (size_t)n + 6);
        } else if (kind == 'W') {
            copying = 1;
#ifdef COALESCE
            int mark = 64 * 1024;
            setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark);
#endif
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    arguments given = arguments_read(argc, argv);
    latencies none = {0};
    int fd = connect_to(given.port);
    do
        fill(fd);
    while (!walk(fd, &given));
    report(&at, &none);
    close(fd);
    return 0;
}
