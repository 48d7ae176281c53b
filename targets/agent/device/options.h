#pragma once

namespace agent {

constexpr int ANY_CORE = -1;

struct Options {
    const char *host = "0.0.0.0";
    const char *port = "9090";
    char tracker_host[256] = "";
    const char *tracker_port = nullptr;
    const char *key = nullptr;
    int core = ANY_CORE;
};

/* Reads the command line; --help and wrong words end the program. */
Options parse_options(int count, char **words);

} // namespace agent
