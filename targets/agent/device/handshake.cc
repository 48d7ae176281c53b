#include "handshake.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sockets.h"
#include "waiting.h"

namespace agent {

// tvm/rpc/base.py: RPC_MAGIC, RPC_CODE_SUCCESS and RPC_CODE_MISMATCH.
static constexpr int32_t MAGIC = 0xFF271, SUCCESS = MAGIC, MISMATCH = MAGIC + 2;
static constexpr int32_t LONGEST_WORDS = 1023;
// All others wait in line meanwhile.
static constexpr double PATIENCE_S = 3;

/* Read "client:KEY [-timeout=SECONDS]". */
static bool read_words(int client, char *words, double until)
{
    int32_t magic, length;
    if (!receive_all(client, &magic, sizeof magic, until) || magic != MAGIC ||
        !receive_all(client, &length, sizeof length, until) || length < 0 ||
        length > LONGEST_WORDS || !receive_all(client, words, length, until))
        return false;
    words[length] = '\0';
    return true;
}

static bool knows(const char *words, const char *expected)
{
    static const char PREFIX[] = "client:";
    size_t prefix = strlen(PREFIX), length = strlen(expected);
    if (length == 0 || strncmp(words, PREFIX, prefix) != 0 ||
        strncmp(words + prefix, expected, length) != 0)
        return false;
    char next = words[prefix + length];
    return next == ' ' || next == '\0';
}

static double asked_timeout_s(const char *words)
{
    static const char OPTION[] = " -timeout=";
    const char *found = strstr(words, OPTION);
    double value = found ? strtod(found + strlen(OPTION), nullptr) : 0;
    return isfinite(value) && value > 0 ? value : 0;
}

static bool answer(int client, int32_t code, double until)
{
    return send_all(client, &code, sizeof code, until);
}

bool greet(int client, const char *expected, double *timeout_s)
{
    double until = now() + PATIENCE_S;
    char words[LONGEST_WORDS + 1];
    if (!read_words(client, words, until))
        return false;
    if (expected && !knows(words, expected)) {
        answer(client, MISMATCH, until);
        return false;
    }
    *timeout_s = asked_timeout_s(words);
    static const char NAME[] = "server:barsctl-agent";
    int32_t length = strlen(NAME);
    return answer(client, SUCCESS, until) && send_all(client, &length, sizeof length, until) &&
           send_all(client, NAME, length, until);
}

} // namespace agent
