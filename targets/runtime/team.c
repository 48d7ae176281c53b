#define _GNU_SOURCE
#include "team.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

/* Threads that wait spin first: kernels take microseconds, waking a thread takes tens of them. One
 * that spun in vain sleeps, since another thread may need its core to arrive; where there are fewer
 * cores than threads, none spins. */
enum { SPINS = 4000, IDLE_SPINS = 20000 };

struct member {
    struct team *team;
    int part;
    pthread_t thread;
};

struct team {
    int threads;
    team_task task;
    void *context;
    int arrived;  /* at the current meeting */
    int meetings; /* that are over */
    int runs;     /* that were started */
    bool stopping;
    bool may_spin;
    pthread_mutex_t lock; /* for threads that sleep until a count goes on */
    pthread_cond_t gone_on;
    struct member members[];
};

static void pause_spinning(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("pause");
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

/* Wait until a count is another than it was. */
static void await(struct team *team, const int *count, int before, int most_spins)
{
    for (int spins = team->may_spin ? most_spins : 0; spins > 0; spins--) {
        if (__atomic_load_n(count, __ATOMIC_ACQUIRE) != before)
            return;
        pause_spinning();
    }
    pthread_mutex_lock(&team->lock);
    while (__atomic_load_n(count, __ATOMIC_ACQUIRE) == before)
        pthread_cond_wait(&team->gone_on, &team->lock);
    pthread_mutex_unlock(&team->lock);
}

/* Let a count go on, and wake who sleeps until then. */
static void go_on(struct team *team, int *count)
{
    pthread_mutex_lock(&team->lock);
    __atomic_add_fetch(count, 1, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&team->gone_on);
    pthread_mutex_unlock(&team->lock);
}

void team_meet(void *context)
{
    struct team *team = context;
    int meeting = __atomic_load_n(&team->meetings, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&team->arrived, 1, __ATOMIC_ACQ_REL) == team->threads) {
        __atomic_store_n(&team->arrived, 0, __ATOMIC_RELAXED);
        go_on(team, &team->meetings);
    } else {
        await(team, &team->meetings, meeting, SPINS);
    }
}

static void *work(void *context)
{
    struct member *member = context;
    struct team *team = member->team;
    for (int runs = 0;; runs++) {
        await(team, &team->runs, runs, IDLE_SPINS);
        if (team->stopping)
            return NULL;
        team->task(team->context, member->part, team->threads);
        team_meet(team);
    }
}

int team_cores(void)
{
    cpu_set_t cores;
    /* A machine of more cores than the set has room for has enough of them. */
    return sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : CPU_SETSIZE;
}

struct team *team_start(int threads, team_task task, void *context)
{
    struct team *team = calloc(1, sizeof *team + (size_t)threads * sizeof *team->members);
    if (!team)
        return NULL;
    team->task = task;
    team->context = context;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->gone_on, NULL);
    team->may_spin = threads <= team_cores();
    for (team->threads = 1; team->threads < threads; team->threads++) {
        struct member *member = &team->members[team->threads];
        member->team = team;
        member->part = team->threads;
        if (pthread_create(&member->thread, NULL, work, member) != 0) {
            team_stop(team);
            return NULL;
        }
    }
    return team;
}

void team_run(struct team *team)
{
    go_on(team, &team->runs);
    team->task(team->context, 0, team->threads);
    team_meet(team);
}

void team_stop(struct team *team)
{
    team->stopping = true;
    go_on(team, &team->runs);
    for (int part = 1; part < team->threads; part++)
        pthread_join(team->members[part].thread, NULL);
    pthread_cond_destroy(&team->gone_on);
    pthread_mutex_destroy(&team->lock);
    free(team);
}
