#pragma once

#include "sockets.h"

namespace agent {

/* Serve a client that was greeted, in a process that its kernels may crash or hang, until it
   leaves. timeout_s: how long at most; 0 is for ever. core: where kernels run, or ANY_CORE. */
void serve(int client, const Address &from, double timeout_s, int core);

} // namespace agent
