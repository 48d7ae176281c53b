/* Threads that do the same task together, again and again. */
#ifndef TEAM_H
#define TEAM_H

#include <stdbool.h>

struct team;

/* How many threads can work at the same time: cores that the system lets this process have. */
int team_cores(void);

/* What each thread does in a run; `part` counts from 0, the caller's own, to `parts` - 1. */
typedef void (*team_task)(void *context, int part, int parts);

/* A team of `threads`, the caller among them, for runs of one task. Null where the system gives no
 * more threads or memory. */
struct team *team_start(int threads, team_task task, void *context);

/* Run the task once in every thread; returns when all have done it. */
void team_run(struct team *team);

/* Called by every thread within a run: returns when all threads have called it. */
void team_meet(void *team);

void team_stop(struct team *team);

#endif
