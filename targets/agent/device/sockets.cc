#include "sockets.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "waiting.h"

namespace agent {

static constexpr int BACKLOG = 64;
// A client whose machine lost its power or its network is noticed within half a minute.
static constexpr int SILENT_S = 15, PROBE_S = 5, PROBES = 3;

static void set(int socket, int level, int option, int value)
{
    setsockopt(socket, level, option, &value, sizeof value);
}

static Address written(const sockaddr_storage &address, socklen_t size)
{
    char host[64] = "?", port[8] = "?";
    getnameinfo(reinterpret_cast<const sockaddr *>(&address), size, host, sizeof host, port,
                sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    Address result;
    const char *format = strchr(host, ':') ? "[%s]:%s" : "%s:%s";
    snprintf(result.text, sizeof result.text, format, host, port);
    return result;
}

/* The addresses of a name; null where it has none. */
static addrinfo *look_up(const char *host, const char *port, int flags)
{
    addrinfo wanted = {};
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = flags | AI_NUMERICSERV;
    addrinfo *found = nullptr;
    return getaddrinfo(host, port, &wanted, &found) == 0 ? found : nullptr;
}

Descriptor listen_on(const char *host, const char *port)
{
    addrinfo *found = look_up(host, port, AI_PASSIVE);
    if (!found) {
        fprintf(stderr, "barsctl-agent: --host %s is no address of this machine\n", host);
        return Descriptor();
    }
    // A client that is gone again before it is accepted must not make us wait for another.
    Descriptor socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    set(socket.number(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(socket.number(), found->ai_addr, found->ai_addrlen) != 0 ||
        listen(socket.number(), BACKLOG) != 0) {
        fprintf(stderr, "barsctl-agent: cannot listen on %s port %s: %s\n", host, port,
                strerror(errno));
        socket.reset();
    }
    freeaddrinfo(found);
    return socket;
}

/* Wait for an event; false where it does not come in time or the agent ends. */
static bool ready(int socket, short event, double until)
{
    pollfd each = {socket, event, 0};
    while (!wait(&each, 1, until))
        if (ending() || now() >= until)
            return false;
    return true;
}

static bool connected(int socket, const addrinfo *to, double until)
{
    if (connect(socket, to->ai_addr, to->ai_addrlen) == 0)
        return true;
    if (errno != EINPROGRESS)
        return false;
    int error = ETIMEDOUT;
    socklen_t size = sizeof error;
    if (ready(socket, POLLOUT, until))
        getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
    return error == 0;
}

Descriptor connect_to(const char *host, const char *port, double until)
{
    addrinfo *found = look_up(host, port, 0);
    Descriptor socket;
    for (addrinfo *each = found; each && !socket; each = each->ai_next) {
        socket.reset(::socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!connected(socket.number(), each, until))
            socket.reset();
    }
    if (found)
        freeaddrinfo(found);
    return socket;
}

Descriptor accept_client(int listener, Address *from)
{
    sockaddr_storage address;
    socklen_t size = sizeof address;
    Descriptor client(
        accept4(listener, reinterpret_cast<sockaddr *>(&address), &size, SOCK_CLOEXEC));
    if (!client)
        return client;
    *from = written(address, size);
    set(client.number(), IPPROTO_TCP, TCP_NODELAY, 1);
    set(client.number(), SOL_SOCKET, SO_KEEPALIVE, 1);
    set(client.number(), IPPROTO_TCP, TCP_KEEPIDLE, SILENT_S);
    set(client.number(), IPPROTO_TCP, TCP_KEEPINTVL, PROBE_S);
    set(client.number(), IPPROTO_TCP, TCP_KEEPCNT, PROBES);
    return client;
}

static sockaddr_storage bound_address(int socket, socklen_t *size)
{
    sockaddr_storage address = {};
    *size = sizeof address;
    getsockname(socket, reinterpret_cast<sockaddr *>(&address), size);
    return address;
}

Address own_address(int socket)
{
    socklen_t size;
    sockaddr_storage address = bound_address(socket, &size);
    return written(address, size);
}

int own_port(int socket)
{
    Address address = own_address(socket);
    int port = 0;
    sscanf(strrchr(address.text, ':'), ":%d", &port);
    return port;
}

static bool passing(ssize_t moved)
{
    return moved < 0 && (errno == EAGAIN || errno == EINTR);
}

bool receive_all(int socket, void *bytes, size_t count, double until)
{
    char *at = static_cast<char *>(bytes);
    while (count > 0) {
        if (!ready(socket, POLLIN, until))
            return false;
        ssize_t moved = recv(socket, at, count, MSG_DONTWAIT);
        if (passing(moved))
            continue;
        if (moved <= 0)
            return false;
        at += moved;
        count -= moved;
    }
    return true;
}

bool send_all(int socket, const void *bytes, size_t count, double until)
{
    const char *at = static_cast<const char *>(bytes);
    while (count > 0) {
        if (!ready(socket, POLLOUT, until))
            return false;
        ssize_t moved = send(socket, at, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (passing(moved))
            continue;
        if (moved < 0)
            return false;
        at += moved;
        count -= moved;
    }
    return true;
}

} // namespace agent
