#pragma once

namespace agent {

/* Greet a client as TVM's RPC servers do.

   expected: the key that the client must know; null where it needs none, empty where nobody may
   come. timeout_s: what the client asks for, 0 where it asks for none. Returns false where it is
   none of ours: it says nothing, nonsense, or another key. */
bool greet(int client, const char *expected, double *timeout_s);

} // namespace agent
