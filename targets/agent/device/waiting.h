#pragma once

#include <poll.h>

namespace agent {

constexpr double FOREVER = 1e18;

/* Seconds of a clock that nobody sets. */
double now();

/* From here on, signals arrive only inside `wait`: what goes on between two waits is never cut. */
void hold_signals();

/* Undo that, in a child. */
void restore_signals();

/* Whether SIGTERM or SIGINT has come. */
bool ending();

/* Wait until a descriptor is ready, a child or the agent ends, or the time is over.
   Returns whether a descriptor is ready; else all `revents` are 0. */
bool wait(pollfd *descriptors, int count, double until);

} // namespace agent
