/* barsctl-agent: runs kernels on a board for clients of TVM's RPC, one session at a time: two would
   disturb each other's measurements. */
#include <stdio.h>

#include "functions.h"
#include "handshake.h"
#include "options.h"
#include "session.h"
#include "sockets.h"
#include "tracker.h"
#include "waiting.h"

namespace agent {

// Where the system has no descriptor left, asking again at once would only keep it busy.
static constexpr double ACCEPT_PAUSE_S = 0.5;

static void serve_next(int listener, Tracker *tracker, int core)
{
    Address from;
    Descriptor client = accept_client(listener, &from);
    if (!client) {
        wait(nullptr, 0, now() + ACCEPT_PAUSE_S);
        return;
    }
    const char *expected = tracker ? tracker->match_key() : nullptr;
    double timeout_s = 0;
    if (!greet(client.number(), expected, &timeout_s)) {
        printf("refused %s\n", from.text);
        fflush(stdout);
        return;
    }
    serve(client.number(), from, timeout_s, core);
    if (tracker)
        tracker->use_up();
}

static void serve_all(int listener, Tracker *tracker, int core)
{
    while (!ending()) {
        if (tracker)
            tracker->keep();
        pollfd each[2] = {{listener, POLLIN, 0}, {tracker ? tracker->connection() : -1, POLLIN, 0}};
        wait(each, 2, tracker ? now() + Tracker::PERIOD_S : FOREVER);
        if (each[0].revents)
            serve_next(listener, tracker, core);
    }
}

static int run(const Options &options)
{
    Descriptor listener = listen_on(options.host, options.port);
    if (!listener)
        return 1;
    hold_signals();
    register_functions();
    printf("barsctl-agent listens on %s\n", own_address(listener.number()).text);
    fflush(stdout);
    Tracker tracker(options, own_port(listener.number()));
    serve_all(listener.number(), options.key ? &tracker : nullptr, options.core);
    return 0;
}

} // namespace agent

int main(int count, char **words)
{
    return agent::run(agent::parse_options(count, words));
}
