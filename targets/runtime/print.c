#include "print.h"

#include <inttypes.h>
#include <stdio.h>

#include "about.h"
#include "compiled-network.h"
#include "text.h"

static void print_json_text(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            write_text(stdout, "\\%c", byte);
        else if (byte < 32)
            write_text(stdout, "\\u%04x", byte);
        else
            putchar(byte);
    }
    putchar('"');
}

/* Whether class a comes before class b. */
static bool is_before(const int32_t *logits, int a, int b)
{
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

/* The best class that comes after `last`, or the very best where that is -1. */
static int next_class(const int32_t *logits, int last)
{
    int best = -1;
    for (int class = 0; class < network.classes; class++) {
        if (last >= 0 && !is_before(logits, last, class))
            continue;
        if (best < 0 || is_before(logits, class, best))
            best = class;
    }
    return best;
}

static void print_json_classes(const struct image *image, const int32_t *logits, int top)
{
    write_text(stdout, "{\"image\": ");
    print_json_text(image->label);
    write_text(stdout, ", \"file\": ");
    print_json_text(image->file);
    write_text(stdout, ", \"label\": ");
    print_json_text(network.class_names[next_class(logits, -1)]);
    write_text(stdout, ", \"top\": [");
    for (int i = 0, class = -1; i < top; i++) {
        class = next_class(logits, class);
        write_text(stdout, "%s{\"class\": ", i ? ", " : "");
        print_json_text(network.class_names[class]);
        write_text(stdout, ", \"index\": %d, \"logit\": %" PRId32 "}", class, logits[class]);
    }
    write_text(stdout, "]}\n");
}

void print_classes(const struct image *image, const int32_t *logits, int top, bool json)
{
    if (json) {
        print_json_classes(image, logits, top);
        return;
    }
    write_text(stdout, "%s:", image->label);
    for (int i = 0, class = -1; i < top; i++) {
        class = next_class(logits, class);
        write_text(stdout, "%s %s %" PRId32, i ? "," : "", network.class_names[class],
                   logits[class]);
    }
    putchar('\n');
}

static void print_latency_fields(const struct latency *latency, bool json)
{
    write_text(stdout,
               json ? "{\"runs\": %d, \"median_ms\": %.6f, \"p10_ms\": %.6f, \"p90_ms\": %.6f"
                    : "%d runs: median %.4f ms, p10 %.4f ms, p90 %.4f ms",
               latency->runs, latency->median_ms, latency->p10_ms, latency->p90_ms);
}

void print_latency(const struct latency *latency, bool json)
{
    print_latency_fields(latency, json);
    write_text(stdout, json ? "}\n" : "\n");
}

static void print_layer(const char *name, double median_ms, double share, bool json)
{
    if (json) {
        write_text(stdout, "{\"name\": ");
        print_json_text(name);
        write_text(stdout, ", \"median_ms\": %.6f, \"share\": %.4f}", median_ms, share);
    } else {
        write_text(stdout, "%10.5f ms %5.1f%%  %s", median_ms, 100 * share, name);
    }
}

void print_layers(const struct latency *latency, double *times_ms, bool json)
{
    double total_ms = 0;
    int runs = latency->runs;
    for (int call = 0; call < network.calls; call++)
        total_ms += latency_of(times_ms + (size_t)call * (size_t)runs, runs).median_ms;
    print_latency_fields(latency, json);
    write_text(stdout, json ? ", \"layers\": [" : "\n");
    for (int call = 0; call < network.calls; call++) {
        double median_ms = latency_of(times_ms + (size_t)call * (size_t)runs, runs).median_ms;
        print_layer(network.traced_calls[call].name, median_ms,
                    total_ms > 0 ? median_ms / total_ms : 0, json);
        if (!json || call + 1 < network.calls)
            write_text(stdout, json ? ", " : "\n");
    }
    if (json)
        write_text(stdout, "]}\n");
}

static void print_json_field(const char *key, const char *value)
{
    write_text(stdout, "\"%s\": ", key);
    print_json_text(value);
    write_text(stdout, ", ");
}

static void print_json_about(void)
{
    putchar('{');
    print_json_field("name", network.name);
    print_json_field("target", about.target);
    print_json_field("build_hash", about.build_hash);
    print_json_field("kernel_hash", about.kernel_hash);
    print_json_field("barsctl_version", about.barsctl_version);
    if (about.test_images)
        write_text(stdout, "\"accuracy\": %.6f", (double)about.right_images / about.test_images);
    else
        write_text(stdout, "\"accuracy\": null");
    write_text(stdout, ", \"test_images\": %d}\n", about.test_images);
}

void print_about(bool json)
{
    if (json) {
        print_json_about();
        return;
    }
    write_text(stdout, "%s for %s, compiled by barsctl %s\n", network.name, about.target,
           about.barsctl_version);
    write_text(stdout, "build %s, kernels %s\n", about.build_hash, about.kernel_hash);
    if (about.test_images)
        write_text(stdout, "accuracy %.2f%% of %d test images\n",
               100.0 * about.right_images / about.test_images, about.test_images);
    else
        write_text(stdout, "accuracy not measured\n");
}
