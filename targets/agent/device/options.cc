#include "options.h"

#include <ctype.h>
#include <getopt.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace agent {

static constexpr int WRONG_USAGE = 2;
static constexpr size_t LONGEST_KEY = 64;

static const option LONG_OPTIONS[] = {
    {"host", required_argument, nullptr, 'a'},    {"port", required_argument, nullptr, 'p'},
    {"tracker", required_argument, nullptr, 't'}, {"key", required_argument, nullptr, 'k'},
    {"core", required_argument, nullptr, 'c'},    {"help", no_argument, nullptr, 'h'},
    {nullptr, 0, nullptr, 0},
};

static const char HELP[] =
    "usage: barsctl-agent [OPTIONS]\n"
    "\n"
    "Runs kernels that barsctl sends over TVM's RPC, each session in a process of its own.\n"
    "Whoever reaches the port can run any code: use it in trusted networks only.\n"
    "\n"
    "  --host ADDRESS        listen on this address of the board (0.0.0.0: on all)\n"
    "  --port PORT           listen on this port (9090); 0 takes any that is free\n"
    "  --tracker HOST:PORT   register with TVM's tracker there, under the key\n"
    "  --key KEY             the boards of one kind, as in tracker://HOST:PORT/KEY\n"
    "  --core N              run kernels on this core (the last that the agent may use)\n"
    "  --help                print this text\n";

[[noreturn]] [[gnu::format(printf, 1, 2)]] static void refuse(const char *message, ...)
{
    va_list values;
    va_start(values, message);
    fputs("barsctl-agent: ", stderr);
    vfprintf(stderr, message, values);
    fputs("; see --help\n", stderr);
    va_end(values);
    exit(WRONG_USAGE);
}

/* Whether a word is a whole number from `least` to `most`. */
static bool is_number(const char *word, int least, int most)
{
    char *end;
    long value = strtol(word, &end, 10);
    return isdigit(static_cast<unsigned char>(*word)) && *end == '\0' && value >= least &&
           value <= most;
}

static const char *parse_port(const char *word)
{
    if (!is_number(word, 0, 65535))
        refuse("--port %s is no port from 0 to 65535", word);
    return word;
}

/* An address of IPv6 has colons of its own, and stands in brackets. */
static void parse_tracker(const char *word, Options *options)
{
    const char *host = word, *colon = strrchr(word, ':');
    size_t length = colon ? colon - word : 0;
    if (length > 2 && *word == '[' && colon[-1] == ']')
        host++, length -= 2;
    else if (length > 0 && memchr(word, ':', length))
        length = 0;
    if (length == 0 || length >= sizeof options->tracker_host || !is_number(colon + 1, 1, 65535))
        refuse("--tracker %s is not HOST:PORT or [IPV6]:PORT", word);
    memcpy(options->tracker_host, host, length);
    options->tracker_port = colon + 1;
}

/* A key stands in JSON and in front of a colon: other characters would need quoting. */
static const char *parse_key(const char *word)
{
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(word);
    if (length == 0 || length > LONGEST_KEY || strspn(word, ALLOWED) != length)
        refuse("--key '%s' is not 1 to %zu letters, digits, '.', '_' and '-'", word, LONGEST_KEY);
    return word;
}

static int parse_core(const char *word)
{
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    sched_getaffinity(0, sizeof allowed, &allowed);
    if (!is_number(word, 0, CPU_SETSIZE - 1) || !CPU_ISSET(atoi(word), &allowed))
        refuse("--core %s is no core that the agent may use", word);
    return atoi(word);
}

static void take(int option, const char *word, Options *options)
{
    switch (option) {
    case 'a': options->host = word; break;
    case 'p': options->port = parse_port(word); break;
    case 't': parse_tracker(word, options); break;
    case 'k': options->key = parse_key(word); break;
    case 'c': options->core = parse_core(word); break;
    case 'h': fputs(HELP, stdout); exit(0);
    default: exit(WRONG_USAGE); // getopt has said what is wrong
    }
}

Options parse_options(int count, char **words)
{
    Options options;
    for (int found; (found = getopt_long(count, words, "", LONG_OPTIONS, nullptr)) != -1;)
        take(found, optarg, &options);
    if (optind < count)
        refuse("'%s' is no option", words[optind]);
    if (!options.tracker_port != !options.key)
        refuse("--tracker and --key need each other");
    return options;
}

} // namespace agent
