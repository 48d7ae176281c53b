#include "waiting.h"

#include <math.h>
#include <signal.h>
#include <time.h>

namespace agent {

static volatile sig_atomic_t end_asked = 0;
static sigset_t outside;
static constexpr int HELD[] = {SIGTERM, SIGINT, SIGCHLD};
static constexpr double LONGEST_S = 3600;

static void on_signal(int number)
{
    if (number != SIGCHLD)
        end_asked = 1;
}

double now()
{
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

void hold_signals()
{
    struct sigaction action = {};
    action.sa_handler = on_signal;
    sigset_t held;
    sigemptyset(&held);
    for (int number : HELD) {
        sigaddset(&held, number);
        sigaction(number, &action, nullptr);
    }
    sigprocmask(SIG_BLOCK, &held, &outside);
    // Whoever started the agent may have held them back.
    for (int number : HELD)
        sigdelset(&outside, number);
    signal(SIGPIPE, SIG_IGN);
}

void restore_signals()
{
    for (int number : HELD)
        signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &outside, nullptr);
}

bool ending()
{
    return end_asked;
}

bool wait(pollfd *descriptors, int count, double until)
{
    double left_s = fmin(fmax(until - now(), 0), LONGEST_S);
    timespec time;
    time.tv_sec = static_cast<time_t>(left_s);
    time.tv_nsec = static_cast<long>((left_s - time.tv_sec) * 1e9);
    if (ppoll(descriptors, count, &time, &outside) > 0)
        return true;
    for (int i = 0; i < count; i++)
        descriptors[i].revents = 0;
    return false;
}

} // namespace agent
