/* Timing subjects: a library that C calls, or TVM's runtime on a board. */
#define _GNU_SOURCE
#include <sched.h>
#include <string.h>
#include <time.h>

#include "subjects.h"
#include "team.h"

enum { MOST_SAMPLES = 64, REFERENCE_STEPS = 16000, NO_SAMPLES = -1000, NO_THREADS = -1001 };

struct task {
    int subject;
    int64_t runs;
    struct team *team;
    int32_t status; /* of any thread that failed */
};

static int64_t sample_times_ns[MOST_SAMPLES], reference_times_ns[MOST_SAMPLES];

static int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* The time of constant work, of which a processor does as much at once as it can: so it depends on
 * the clock, and on whether another thread shares the core. */
static int64_t reference_ns(void)
{
    int64_t start = now_ns();
    uintptr_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;
    for (uintptr_t step = 0; step < REFERENCE_STEPS; step++) {
        a += step, b ^= a, c += step, d ^= c, e += step, f ^= e;
        __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
    }
    return now_ns() - start;
}

static void stay(void *team)
{
    (void)team;
}

static void do_runs(void *context, int part, int parts)
{
    struct task *task = context;
    void (*meet)(void *) = parts > 1 ? team_meet : stay;
    for (int64_t run = 0; run < task->runs; run++) {
        int32_t status = run_subject(task->subject, part, parts, meet, task->team);
        if (status != 0)
            __atomic_store_n(&task->status, status, __ATOMIC_RELAXED);
        meet(task->team);
    }
}

static int64_t timed_ns(struct task *task, int64_t runs)
{
    task->runs = runs;
    int64_t start = now_ns();
    if (task->team)
        team_run(task->team);
    else
        do_runs(task, 0, 1);
    return now_ns() - start;
}

/* As many runs as fill a sample; trying them warms up caches, predictors and the clock. */
static int64_t runs_of_sample(struct task *task, int64_t sample_ns)
{
    int64_t runs = 1, found_ns = timed_ns(task, 1);
    while (found_ns < sample_ns && task->status == 0) {
        int64_t wanted = found_ns > 0 ? runs * sample_ns / found_ns + 1 : 10 * runs;
        runs = wanted < 10 * runs ? wanted : 10 * runs;
        found_ns = timed_ns(task, runs);
    }
    return runs;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Take samples of at least `sample_ns` each; returns the runs in each of them, or what failed. */
int64_t take_samples(int64_t subject, int64_t samples, int64_t sample_ns, int64_t threads)
{
    struct task task = {.subject = (int)subject};
    if (samples < 1 || samples > MOST_SAMPLES)
        return NO_SAMPLES;
    if (threads > 1 && is_shared_subject(task.subject)) {
        task.team = team_start((int)threads, do_runs, &task);
        if (!task.team)
            return NO_THREADS;
    }
    fill_memory();
    int64_t runs = runs_of_sample(&task, sample_ns), before_ns = reference_ns();
    for (int64_t sample = 0; sample < samples && task.status == 0; sample++) {
        sample_times_ns[sample] = timed_ns(&task, runs);
        int64_t after_ns = reference_ns();
        reference_times_ns[sample] = larger(before_ns, after_ns);
        before_ns = after_ns;
    }
    if (task.team)
        team_stop(task.team);
    return task.status != 0 ? task.status : runs;
}

/* Of the last samples: nanoseconds of all runs, and of the reference next to them. */
int64_t sample_time_ns(int64_t sample)
{
    return sample >= 0 && sample < MOST_SAMPLES ? sample_times_ns[sample] : NO_SAMPLES;
}

int64_t reference_time_ns(int64_t sample)
{
    return sample >= 0 && sample < MOST_SAMPLES ? reference_times_ns[sample] : NO_SAMPLES;
}

/* The same as TVM's runtime calls them: its values are a type, here always an integer, and 8 bytes. */
struct any {
    int32_t type;
    uint32_t zero;
    int64_t integer;
};

enum { INTEGER = 1 };

/* Threads share nothing on the one core that a board's agent keeps its sessions on. */
static void use_all_cores(void)
{
    cpu_set_t all;
    memset(&all, 0xff, sizeof all);
    sched_setaffinity(0, sizeof all, &all);
}

static int answer(struct any *result, int64_t integer)
{
    *result = (struct any){INTEGER, 0, integer};
    return 0;
}

int __tvm_ffi_take_samples(void *self, const struct any *a, int32_t count, struct any *result)
{
    (void)self;
    if (count != 4)
        return answer(result, NO_SAMPLES);
    if (a[3].integer > 1)
        use_all_cores();
    return answer(result, take_samples(a[0].integer, a[1].integer, a[2].integer, a[3].integer));
}

int __tvm_ffi_sample_time_ns(void *self, const struct any *a, int32_t count, struct any *result)
{
    (void)self;
    return answer(result, count == 1 ? sample_time_ns(a[0].integer) : NO_SAMPLES);
}

int __tvm_ffi_reference_time_ns(void *self, const struct any *a, int32_t count, struct any *result)
{
    (void)self;
    return answer(result, count == 1 ? reference_time_ns(a[0].integer) : NO_SAMPLES);
}
