#pragma once

namespace agent {

/* What clients may call beside TVM's own functions. */
void register_functions();

/* Answer a client's calls until it is gone, with `folder` for its files. core: the one that
   `barsctl.device_info` names, -1 for none. Returns the process's exit code. */
int answer_calls(int client, const char *folder, int core);

/* Tell a client that waits for an answer what went wrong. */
void tell(int client, const char *error);

} // namespace agent
