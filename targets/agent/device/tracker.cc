#include "tracker.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "sockets.h"
#include "waiting.h"

namespace agent {

// tvm/rpc/base.py: RPC_TRACKER_MAGIC and the members of TrackerCode.
static constexpr int32_t MAGIC = 0x2F271;
static constexpr int PUT = 3, UPDATE_INFO = 5, GET_PENDING_MATCHKEYS = 7;
static constexpr double PATIENCE_S = 3;
// A client that took the key and did not come within this time never will.
static constexpr double UNUSED_S = 6;

/* Send JSON and receive what the tracker says to it, both behind their length. */
bool Tracker::ask(const char *request)
{
    double until = now() + PATIENCE_S;
    int32_t length = strlen(request);
    if (!send_all(connection(), &length, sizeof length, until) ||
        !send_all(connection(), request, length, until) ||
        !receive_all(connection(), &length, sizeof length, until) || length < 0 ||
        static_cast<size_t>(length) >= sizeof reply_ ||
        !receive_all(connection(), reply_, length, until))
        return false;
    reply_[length] = '\0';
    return true;
}

bool Tracker::connect()
{
    double until = now() + PATIENCE_S;
    *match_key_ = '\0';
    connection_ = connect_to(options_.tracker_host, options_.tracker_port, until);
    int32_t magic = MAGIC;
    if (!connection_ || !send_all(connection(), &magic, sizeof magic, until) ||
        !receive_all(connection(), &magic, sizeof magic, until) || magic != MAGIC)
        return false;
    char request[256];
    snprintf(request, sizeof request, "[%d, {\"key\": \"server:%s\", \"addr\": [null, %d]}]",
             UPDATE_INFO, options_.key, own_port_);
    return ask(request);
}

/* Offer a new match key; the tracker takes a key's last colon for the start of its random part. */
bool Tracker::register_key()
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return false;
    snprintf(match_key_, sizeof match_key_, "%s:%016" PRIx64, options_.key, random);
    char request[256];
    snprintf(request, sizeof request, "[%d, \"%s\", [%d, \"%s\"], null]", PUT, options_.key,
             own_port_, match_key_);
    last_pending_ = now();
    return ask(request);
}

/* Replace a key that a client took without coming. */
bool Tracker::check_key()
{
    char request[16];
    snprintf(request, sizeof request, "[%d]", GET_PENDING_MATCHKEYS);
    if (!ask(request))
        return false;
    if (strstr(reply_, match_key_))
        last_pending_ = now();
    return now() - last_pending_ < UNUSED_S || register_key();
}

void Tracker::keep()
{
    if (connection_ && !(*match_key_ ? check_key() : register_key()))
        connection_.reset();
    if (connection_)
        return;
    bool is_there = connect() && register_key();
    if (is_there != was_there_ || !asked_before_)
        printf("tracker %s:%s: %s\n", options_.tracker_host, options_.tracker_port,
               is_there ? "registered" : "does not answer, will be asked again");
    fflush(stdout);
    was_there_ = is_there;
    asked_before_ = true;
    if (!is_there) {
        connection_.reset();
        *match_key_ = '\0';
    }
}

} // namespace agent
