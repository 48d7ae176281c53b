#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images.h"
#include "compiled-network.h"
#include "team.h"
#include "text.h"

enum { MOST_BENCH_RUNS = 1000000 };

void print_help(void)
{
    write_text(stdout, "usage: %s [OPTIONS] IMAGES...\n"
           "\n"
           "Classifies images of %dx%d pixels with %d channel%s into %d classes.\n"
           "IMAGES: .npy files of uint8 pixels ([N,H,W,C], [N,H,W] or one image), PNG, PGM and PPM\n"
           "files, raw pixels, folders of these (.raw), or - for one of them on standard input.\n"
           "\n"
           "  --top K          print the K best classes of each image, with their logits (1)\n"
           "  --shape H,W,C    other files hold raw uint8 pixels, image after image\n"
           "  --logits FILE    write the logits of all images to a .npy file of int32\n"
           "  --trace FOLDER   write what each kernel computes for one image, as .npy files\n"
           "  --bench RUNS     time RUNS runs on the first image, or on a grey one if none is given\n"
           "  --layers         with --bench: the median of each layer too, all on one thread\n"
           "  --threads N      threads that share the work (%d, or as many as it has cores)\n"
           "  --kernels NAME   run the kernels for NAME instead of the best for this processor:\n"
           "                  ",
           network.name, network.image_size, network.image_size, network.image_channels,
           network.image_channels == 1 ? "" : "s", network.classes, network.threads);
    for (int i = 0; i < network.variants; i++)
        write_text(stdout, " %s", network.variant_names[i]);
    write_text(stdout, "\n"
           "  --json           print JSON, one object per line\n"
           "  --version        print what the program is: target, hashes, accuracy\n"
           "  --help           print this text\n");
}

/* A number from 1 to `most`. */
static bool parse_number(const char *word, int most, int *number)
{
    char *end;
    long value = strtol(word, &end, 10);
    if (end == word || *end != 0 || value < 1 || value > most)
        return false;
    *number = (int)value;
    return true;
}

static bool parse_count(const char *option, const char *word, int most, int *count)
{
    return parse_number(word, most, count) ||
           complain("%s %s: give a number from 1 to %d", option, word, most);
}

static bool parse_threads(const char *word, int *threads)
{
    return parse_number(word, network.threads, threads) ||
           complain("--threads %s: give a number from 1 to %d, or compile it for more threads",
                    word, network.threads);
}

static bool parse_shape(const char *word, bool *raw)
{
    char expected[48];
    format_text(expected, sizeof expected, "%d,%d,%d", network.image_size, network.image_size,
             network.image_channels);
    *raw = true;
    return strcmp(word, expected) == 0 ||
           complain("--shape %s: the network reads %s", word, expected);
}

static bool parse_variant(const char *word, int *variant)
{
    for (int i = 0; i < network.variants; i++) {
        if (strcmp(word, network.variant_names[i]) == 0) {
            *variant = i;
            return true;
        }
    }
    return complain("--kernels %s: the program has none for it; --help lists them", word);
}

/* An option with a value. */
static bool parse_value(const char *option, const char *word, struct options *options)
{
    if (strcmp(option, "--top") == 0)
        return parse_count(option, word, network.classes, &options->top);
    if (strcmp(option, "--bench") == 0)
        return parse_count(option, word, MOST_BENCH_RUNS, &options->bench_runs);
    if (strcmp(option, "--threads") == 0)
        return parse_threads(word, &options->threads);
    if (strcmp(option, "--kernels") == 0)
        return parse_variant(word, &options->variant);
    if (strcmp(option, "--shape") == 0)
        return parse_shape(word, &options->raw);
    if (strcmp(option, "--logits") == 0)
        options->logits_path = word;
    else
        options->trace_folder = word;
    return true;
}

static bool takes_value(const char *option)
{
    static const char *const NAMES[] = {"--top",   "--bench",  "--threads", "--kernels",
                                        "--shape", "--logits", "--trace"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(option, NAMES[i]) == 0)
            return true;
    return false;
}

static bool parse_flag(const char *option, struct options *options)
{
    if (strcmp(option, "--json") == 0)
        options->json = true;
    else if (strcmp(option, "--layers") == 0)
        options->layers = true;
    else if (strcmp(option, "--version") == 0)
        options->version = true;
    else if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0)
        options->help = true;
    else
        return complain("%s: no such option; --help lists them", option);
    return true;
}

/* Unless told otherwise, as many threads share a run as there are cores for; layers are timed on
 * one. */
static int usual_threads(const struct options *options)
{
    int cores = team_cores();
    return options->layers ? 1 : cores < network.threads ? cores : network.threads;
}

static bool check(const struct options *options)
{
    if (options->help || options->version)
        return true;
    if (options->path_count == 0 && !options->bench_runs)
        return complain("give images to classify; --help tells how");
    if (options->layers && !options->bench_runs)
        return complain("--layers times the layers of a benchmark; give --bench RUNS too");
    if (options->layers && options->threads > 1)
        return complain("--layers times one thread; leave out --threads");
    if (options->bench_runs && (options->trace_folder || options->logits_path))
        return complain("--bench writes no files; leave out --trace and --logits");
    if (options->trace_folder && options->logits_path)
        return complain("--trace writes the logits too; leave out --logits");
    return true;
}

bool parse_options(int count, char **words, struct options *options)
{
    bool only_paths = false;
    *options = (struct options){.top = 1, .variant = -1, .paths = words};
    for (int i = 0; i < count; i++) {
        if (only_paths || words[i][0] != '-' || strcmp(words[i], "-") == 0) {
            words[options->path_count++] = words[i];
        } else if (strcmp(words[i], "--") == 0) {
            only_paths = true;
        } else if (takes_value(words[i])) {
            if (i + 1 == count)
                return complain("%s: it needs a value", words[i]);
            if (!parse_value(words[i], words[i + 1], options))
                return false;
            i++;
        } else if (!parse_flag(words[i], options)) {
            return false;
        }
    }
    if (options->threads == 0)
        options->threads = usual_threads(options);
    return check(options);
}
