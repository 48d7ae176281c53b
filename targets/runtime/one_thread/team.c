#include "team.h"

#include <stddef.h>

/* In programs of one thread, which start no team: they do without the system's threads. */

int team_cores(void)
{
    return 1;
}

struct team *team_start(int threads, team_task task, void *context)
{
    (void)threads, (void)task, (void)context;
    return NULL;
}

void team_run(struct team *team)
{
    (void)team;
}

void team_meet(void *team)
{
    (void)team;
}

void team_stop(struct team *team)
{
    (void)team;
}
