#pragma once

#include <stddef.h>

#include "descriptor.h"

namespace agent {

/* Room for a numeric address with its port. */
struct Address {
    char text[80];
};

/* A listening socket, or none, with the reason printed. Port "0" takes any that is free. */
Descriptor listen_on(const char *host, const char *port);

/* A connection, or none. */
Descriptor connect_to(const char *host, const char *port, double until);

/* The next client, or none. Its connection is given up where the client's machine falls silent. */
Descriptor accept_client(int listener, Address *from);

Address own_address(int socket);
int own_port(int socket);

/* Transfer all bytes; false where the peer is gone, the time is over or the agent ends. */
bool receive_all(int socket, void *bytes, size_t count, double until);
bool send_all(int socket, const void *bytes, size_t count, double until);

} // namespace agent
