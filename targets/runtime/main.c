/* The program around a compiled network: classifies, traces or times images. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "images.h"
#include "compiled-network.h"
#include "latency.h"
#include "npy.h"
#include "options.h"
#include "print.h"
#include "team.h"
#include "text.h"

enum { DONE = 0, CANNOT = 1, WRONG_USAGE = 2 };
enum { PATH_BYTES = 4096, ARENA_ALIGNMENT = 64 };

/* What a run needs; `logits_file` is null unless the logits are asked for, `team` where one thread
 * does all the work. */
struct session {
    const struct options *options;
    struct image_format format;
    uint8_t *arena;
    int32_t *logits;
    struct team *team;
    const uint8_t *pixels; /* of the team's current run */
    int status;            /* of that run: 0, or what a thread failed with */
    FILE *logits_file;
    uint64_t images;
    uint8_t *kept_pixels; /* the first image, for the benchmark */
};

static size_t image_bytes(void)
{
    return (size_t)network.image_size * (size_t)network.image_size *
           (size_t)network.image_channels;
}

static bool ended_well(int status)
{
    if (status == WRONG_PROCESSOR)
        return complain("this processor has not the instructions that any of its kernels need");
    return status == 0 || complain("a kernel failed with status %d", status);
}

static void run_part(void *context, int part, int parts)
{
    struct session *session = context;
    int status = network.run_part(session->arena, session->pixels, session->logits, part, parts,
                                  team_meet, session->team);
    if (status != 0)
        __atomic_store_n(&session->status, status, __ATOMIC_RELAXED);
}

static bool run(struct session *session, const uint8_t *pixels)
{
    if (!session->team)
        return ended_well(network.run_observed(session->arena, pixels, session->logits, NULL, NULL));
    session->pixels = pixels;
    session->status = 0;
    team_run(session->team);
    return ended_well(session->status);
}

static bool classify_image(void *context, const struct image *image)
{
    struct session *session = context;
    size_t classes = (size_t)network.classes;
    if (!run(session, image->pixels))
        return false;
    session->images++;
    if (!session->logits_file) {
        print_classes(image, session->logits, session->options->top, session->options->json);
        return true;
    }
    return fwrite(session->logits, sizeof(int32_t), classes, session->logits_file) == classes ||
           complain("%s: %s", session->options->logits_path, strerror(errno));
}

static bool visit_all(struct session *session, image_visitor visit)
{
    for (int i = 0; i < session->options->path_count; i++)
        if (!visit_images(session->options->paths[i], &session->format, visit, session))
            return false;
    return true;
}

/* The file is written under a temporary name; its header is written again with the true count. */
static bool write_logits(struct session *session)
{
    const char *path = session->options->logits_path;
    char part[PATH_BYTES];
    if (format_text(part, sizeof part, "%s.part", path) >= sizeof part)
        return complain("%s: the name is too long", path);
    session->logits_file = fopen(part, "wb");
    if (!session->logits_file)
        return complain("%s: %s", part, strerror(errno));
    bool read = npy_write_header(session->logits_file, 0, network.classes) &&
                visit_all(session, classify_image);
    rewind(session->logits_file);
    bool written = npy_write_header(session->logits_file, session->images, network.classes);
    written = fclose(session->logits_file) == 0 && written;
    if (read && written && rename(part, path) == 0)
        return true;
    if (read)
        complain("%s: %s", path, strerror(errno));
    remove(part);
    return false;
}

struct tracing {
    const char *folder;
    bool done;
};

static bool write_value(const char *folder, int call, const struct traced_value *value,
                        const uint8_t *data)
{
    char path[PATH_BYTES];
    if (format_text(path, sizeof path, "%s/%03d.%s.npy", folder, call, value->name) >=
        sizeof path)
        return complain("%s: the name is too long", folder);
    FILE *file = fopen(path, "wb");
    if (!file)
        return complain("%s: %s", path, strerror(errno));
    bool written = npy_write(file, value->dtype, value->shape, data, value->bytes);
    written = fclose(file) == 0 && written;
    return written || complain("%s: %s", path, strerror(errno));
}

static void trace_call(void *context, int call, const uint8_t *arena)
{
    struct tracing *tracing = context;
    const struct traced_call *traced = &network.traced_calls[call];
    for (int i = 0; i < traced->values; i++) {
        const struct traced_value *value = &network.traced_values[traced->first_value + i];
        tracing->done = tracing->done &&
                        write_value(tracing->folder, call, value, arena + value->offset);
    }
}

static bool trace_image(void *context, const struct image *image)
{
    struct session *session = context;
    struct tracing tracing = {session->options->trace_folder, true};
    if (session->images++ > 0)
        return complain("%s: a second image; --trace takes one", image->label);
    int status = network.run_observed(session->arena, image->pixels, session->logits, trace_call,
                                      &tracing);
    return ended_well(status) && tracing.done;
}

static bool trace(struct session *session)
{
    const char *folder = session->options->trace_folder;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return complain("%s: %s", folder, strerror(errno));
    return visit_all(session, trace_image);
}

static bool keep_image(void *context, const struct image *image)
{
    struct session *session = context;
    if (session->images++ == 0)
        memcpy(session->kept_pixels, image->pixels, image_bytes());
    return true;
}

static bool time_runs(struct session *session, double *times_ms, int runs)
{
    for (int i = -WARM_UP_RUNS; i < runs; i++) {
        double start_ms = now_ms();
        if (!run(session, session->kept_pixels))
            return false;
        if (i >= 0)
            times_ms[i] = now_ms() - start_ms;
    }
    return true;
}

static bool bench_runs(struct session *session, double *times_ms)
{
    int runs = session->options->bench_runs;
    if (!time_runs(session, times_ms, runs))
        return false;
    struct latency latency = latency_of(times_ms, runs);
    if (session->options->layers) {
        if (!ended_well(time_calls(session->arena, session->kept_pixels, session->logits, times_ms,
                                   runs)))
            return false;
        print_layers(&latency, times_ms, session->options->json);
    } else {
        print_latency(&latency, session->options->json);
    }
    return true;
}

static bool bench(struct session *session)
{
    size_t runs = (size_t)session->options->bench_runs;
    size_t calls = session->options->layers ? (size_t)network.calls : 1;
    double *times_ms = malloc(sizeof(double) * runs * calls);
    session->kept_pixels = malloc(image_bytes());
    bool done = (times_ms && session->kept_pixels) || complain("out of memory");
    if (done) {
        memset(session->kept_pixels, 128, image_bytes());
        done = visit_all(session, keep_image) && bench_runs(session, times_ms);
    }
    free(times_ms);
    free(session->kept_pixels);
    return done;
}

/* Threads that share no kernel would only wait for one another. */
static bool start_team(struct session *session)
{
    int threads = session->options->threads;
    if (threads == 1 || network.shared_calls == 0)
        return true;
    session->team = team_start(threads, run_part, session);
    return session->team || complain("the system gives no %d threads; give fewer with --threads", threads);
}

static bool serve(struct session *session)
{
    if (!start_team(session))
        return false;
    if (session->options->bench_runs)
        return bench(session);
    if (session->options->trace_folder)
        return trace(session);
    if (session->options->logits_path)
        return write_logits(session);
    return visit_all(session, classify_image);
}

/* The exit for what was done, and printed. */
static int ended(bool done)
{
    if (fflush(stdout) != 0)
        done = complain("standard output: %s", strerror(errno));
    else if (ferror(stdout)) /* of an earlier write, whose text is lost */
        done = complain("standard output: a part of it was not written; run it again");
    return done ? DONE : CANNOT;
}

int main(int count, char **words)
{
    struct options options;
    if (!parse_options(count > 0 ? count - 1 : 0, words + 1, &options))
        return WRONG_USAGE;
    if (options.help || options.version) {
        if (options.help)
            print_help();
        else
            print_about(options.json);
        return ended(true);
    }
    struct session session = {.options = &options};
    session.format =
        (struct image_format){network.image_size, network.image_channels, options.raw};
    if (options.variant >= 0 && !network.choose_kernels(options.variant)) {
        complain("--kernels %s: this processor has not their instructions; leave it out for the "
                 "best that it runs", network.variant_names[options.variant]);
        return CANNOT;
    }
    void *arena = NULL;
    int no_arena = posix_memalign(&arena, ARENA_ALIGNMENT, network.arena_bytes);
    session.arena = arena;
    session.logits = malloc(sizeof(int32_t) * (size_t)network.classes);
    bool done = !no_arena && session.logits ? serve(&session) : complain("out of memory");
    if (session.team)
        team_stop(session.team);
    free(session.arena);
    free(session.logits);
    return ended(done);
}
