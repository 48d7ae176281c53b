/* What the user asks of the program. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

struct options {
    int top;
    int bench_runs; /* 0: no benchmark */
    bool layers; /* in the benchmark */
    int threads;
    int variant; /* of the kernels; -1: the best that the processor runs */
    bool json;
    bool raw;
    bool help;
    bool version;
    const char *logits_path;
    const char *trace_folder;
    char **paths;
    int path_count;
};

/* Parse the words behind the program's name; paths are moved to the front of `words`. False, after
 * one line that says why, where they make no sense. */
bool parse_options(int count, char **words, struct options *options);

void print_help(void);

#endif
