#include "print.h"

#include <inttypes.h>
#include <stdio.h>

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

static void print_json_classes(const char *label, const int32_t *logits, int top)
{
    printf("{\"image\": ");
    print_json_text(label);
    printf(", \"top\": [");
    for (int i = 0, class = -1; i < top; i++) {
        class = next_class(logits, class);
        printf("%s{\"class\": ", i ? ", " : "");
        print_json_text(network.class_names[class]);
        printf(", \"index\": %d, \"logit\": %" PRId32 "}", class, logits[class]);
    }
    printf("]}\n");
}

void print_classes(const char *label, const int32_t *logits, int top, bool json)
{
    if (json) {
        print_json_classes(label, logits, top);
        return;
    }
    printf("%s:", label);
    for (int i = 0, class = -1; i < top; i++) {
        class = next_class(logits, class);
        printf("%s %s %" PRId32, i ? "," : "", network.class_names[class], logits[class]);
    }
    putchar('\n');
}

void print_latency(const struct latency *latency, bool json)
{
    printf(json ? "{\"runs\": %d, \"median_ms\": %.6f, \"p10_ms\": %.6f, \"p90_ms\": %.6f}\n"
                : "%d runs: median %.4f ms, p10 %.4f ms, p90 %.4f ms\n",
           latency->runs, latency->median_ms, latency->p10_ms, latency->p90_ms);
}
