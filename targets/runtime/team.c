#define _POSIX_C_SOURCE 200809L
#include "team.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

/* Threads that wait spin first: kernels take microseconds, waking a thread takes tens of them. One
 * that spun in vain gives its core away, since another thread may need it to arrive. */
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
    pthread_mutex_t lock; /* for threads that sleep until the next run */
    pthread_cond_t started;
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

void team_meet(void *context)
{
    struct team *team = context;
    int meeting = __atomic_load_n(&team->meetings, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&team->arrived, 1, __ATOMIC_ACQ_REL) == team->threads) {
        __atomic_store_n(&team->arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&team->meetings, meeting + 1, __ATOMIC_RELEASE);
        return;
    }
    for (int spins = 0; __atomic_load_n(&team->meetings, __ATOMIC_ACQUIRE) == meeting; spins++) {
        if (spins < SPINS)
            pause_spinning();
        else
            sched_yield();
    }
}

/* Wait until more than `runs` runs were started; spin, then sleep. */
static void await_start(struct team *team, int runs)
{
    for (int spins = 0; spins < IDLE_SPINS; spins++) {
        if (__atomic_load_n(&team->runs, __ATOMIC_ACQUIRE) != runs)
            return;
        pause_spinning();
    }
    pthread_mutex_lock(&team->lock);
    while (__atomic_load_n(&team->runs, __ATOMIC_ACQUIRE) == runs)
        pthread_cond_wait(&team->started, &team->lock);
    pthread_mutex_unlock(&team->lock);
}

static void start(struct team *team)
{
    pthread_mutex_lock(&team->lock);
    __atomic_add_fetch(&team->runs, 1, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&team->started);
    pthread_mutex_unlock(&team->lock);
}

static void *work(void *context)
{
    struct member *member = context;
    struct team *team = member->team;
    for (int runs = 0;; runs++) {
        await_start(team, runs);
        if (team->stopping)
            return NULL;
        team->task(team->context, member->part, team->threads);
        team_meet(team);
    }
}

struct team *team_start(int threads, team_task task, void *context)
{
    struct team *team = calloc(1, sizeof *team + (size_t)threads * sizeof *team->members);
    if (!team)
        return NULL;
    team->task = task;
    team->context = context;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->started, NULL);
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
    start(team);
    team->task(team->context, 0, team->threads);
    team_meet(team);
}

void team_stop(struct team *team)
{
    team->stopping = true;
    start(team);
    for (int part = 1; part < team->threads; part++)
        pthread_join(team->members[part].thread, NULL);
    pthread_cond_destroy(&team->started);
    pthread_mutex_destroy(&team->lock);
    free(team);
}
