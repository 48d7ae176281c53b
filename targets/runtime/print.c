#include "print.h"

#include <inttypes.h>
#include <stdio.h>

#include "about.h"
#include "compiled-network.h"

static void print_json_text(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            printf("\\%c", byte);
        else if (byte < 32)
            printf("\\u%04x", byte);
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
    printf("{\"image\": ");
    print_json_text(image->label);
    printf(", \"file\": ");
    print_json_text(image->file);
    printf(", \"label\": ");
    print_json_text(network.class_names[next_class(logits, -1)]);
    printf(", \"top\": [");
    for (int i = 0, class = -1; i < top; i++) {
        class = next_class(logits, class);
        printf("%s{\"class\": ", i ? ", " : "");
        print_json_text(network.class_names[class]);
        printf(", \"index\": %d, \"logit\": %" PRId32 "}", class, logits[class]);
    }
    printf("]}\n");
}

void print_classes(const struct image *image, const int32_t *logits, int top, bool json)
{
    if (json) {
        print_json_classes(image, logits, top);
        return;
    }
    printf("%s:", image->label);
    for (int i = 0, class = -1; i < top; i++) {
        class = next_class(logits, class);
        printf("%s %s %" PRId32, i ? "," : "", network.class_names[class], logits[class]);
    }
    putchar('\n');
}

static void print_latency_fields(const struct latency *latency, bool json)
{
    printf(json ? "{\"runs\": %d, \"median_ms\": %.6f, \"p10_ms\": %.6f, \"p90_ms\": %.6f"
                : "%d runs: median %.4f ms, p10 %.4f ms, p90 %.4f ms",
           latency->runs, latency->median_ms, latency->p10_ms, latency->p90_ms);
}

void print_latency(const struct latency *latency, bool json)
{
    print_latency_fields(latency, json);
    printf(json ? "}\n" : "\n");
}

static void print_layer(const char *name, double median_ms, double share, bool json)
{
    if (json) {
        printf("{\"name\": ");
        print_json_text(name);
        printf(", \"median_ms\": %.6f, \"share\": %.4f}", median_ms, share);
    } else {
        printf("%10.5f ms %5.1f%%  %s", median_ms, 100 * share, name);
    }
}

void print_layers(const struct latency *latency, double *times_ms, bool json)
{
    double total_ms = 0;
    int runs = latency->runs;
    for (int call = 0; call < network.calls; call++)
        total_ms += latency_of(times_ms + (size_t)call * (size_t)runs, runs).median_ms;
    print_latency_fields(latency, json);
    printf(json ? ", \"layers\": [" : "\n");
    for (int call = 0; call < network.calls; call++) {
        double median_ms = latency_of(times_ms + (size_t)call * (size_t)runs, runs).median_ms;
        print_layer(network.traced_calls[call].name, median_ms,
                    total_ms > 0 ? median_ms / total_ms : 0, json);
        if (!json || call + 1 < network.calls)
            printf(json ? ", " : "\n");
    }
    if (json)
        printf("]}\n");
}

static void print_json_field(const char *key, const char *value)
{
    printf("\"%s\": ", key);
    print_json_text(value);
    printf(", ");
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
        printf("\"accuracy\": %.6f", (double)about.right_images / about.test_images);
    else
        printf("\"accuracy\": null");
    printf(", \"test_images\": %d}\n", about.test_images);
}

void print_about(bool json)
{
    if (json) {
        print_json_about();
        return;
    }
    printf("%s for %s, compiled by barsctl %s\n", network.name, about.target,
           about.barsctl_version);
    printf("build %s, kernels %s\n", about.build_hash, about.kernel_hash);
    if (about.test_images)
        printf("accuracy %.2f%% of %d test images\n",
               100.0 * about.right_images / about.test_images, about.test_images);
    else
        printf("accuracy not measured\n");
}
