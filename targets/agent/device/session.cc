#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "folder.h"
#include "functions.h"
#include "options.h"
#include "waiting.h"

namespace agent {

/* How a session ended. */
enum class Ending { child_ended, client_left, too_late, agent_ends };

// A client that reads nothing must not keep the agent from others.
static constexpr timeval LAST_WORDS_TIME = {1, 0};

/* Stay on one core, by default the last: the first ones serve most interrupts. Returns it, or -1
   where the system does not let us choose. */
static int pin(int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (core == ANY_CORE && sched_getaffinity(0, sizeof set, &set) != 0)
        return -1;
    for (int each = 0; core == ANY_CORE && each < CPU_SETSIZE; each++)
        if (CPU_ISSET(CPU_SETSIZE - 1 - each, &set))
            core = CPU_SETSIZE - 1 - each;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 ? core : -1;
}

/* Where a kernel fills the memory, the system ends this process before any other. */
static void be_first_without_memory()
{
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file >= 0 && write(file, "1000", 4) < 0)
        perror("barsctl-agent: oom_score_adj");
    close(file);
}

[[noreturn]] static void be_child(int client, const char *folder, int core)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    restore_signals();
    be_first_without_memory();
    int pinned = pin(core);
    int failed = chdir(folder) != 0 || answer_calls(client, folder, pinned);
    _exit(failed);
}

/* Wait for the end of a child or for a reason to end it. */
static Ending watch(pid_t child, int client, double until, int *status)
{
    while (waitpid(child, status, WNOHANG) == 0) {
        pollfd each = {client, POLLRDHUP, 0};
        if (wait(&each, 1, until))
            return Ending::client_left;
        if (ending())
            return Ending::agent_ends;
        if (now() >= until)
            return Ending::too_late;
    }
    return Ending::child_ended;
}

/* Write what became of a session: for the log, and for a client that waits; empty if all is well. */
static void describe(Ending ending, int status, double timeout_s, char (&text)[160])
{
    *text = '\0';
    if (ending == Ending::too_late)
        snprintf(text, sizeof text,
                 "RPCSessionTimeoutError: the session was ended after its %g s", timeout_s);
    else if (ending == Ending::agent_ends)
        snprintf(text, sizeof text, "the agent was ended");
    else if (ending == Ending::child_ended && WIFSIGNALED(status))
        snprintf(text, sizeof text, "the session's process died of signal %d (%s)%s",
                 WTERMSIG(status), strsignal(WTERMSIG(status)),
                 WTERMSIG(status) == SIGKILL ? ", as where memory runs out" : "");
    else if (ending == Ending::child_ended && WEXITSTATUS(status) != 0)
        snprintf(text, sizeof text, "the session's process ended with exit code %d",
                 WEXITSTATUS(status));
}

/* A connection that is closed before all was read takes along what its client has not read. */
static void read_to_the_end(int client)
{
    double until = now() + LAST_WORDS_TIME.tv_sec;
    shutdown(client, SHUT_WR);
    for (char byte; receive_all(client, &byte, sizeof byte, until);)
        ;
}

static void report(int client, const Address &from, double seconds, const char *trouble)
{
    printf("session of %s: %.1f s%s%s\n", from.text, seconds, *trouble ? ", " : "", trouble);
    fflush(stdout);
    if (!*trouble)
        return;
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &LAST_WORDS_TIME, sizeof LAST_WORDS_TIME);
    tell(client, trouble);
    read_to_the_end(client);
}

void serve(int client, const Address &from, double timeout_s, int core)
{
    double start = now();
    Folder folder;
    pid_t child = *folder.path() ? fork() : -1;
    if (child == 0)
        be_child(client, folder.path(), core);
    char trouble[160];
    if (child < 0) {
        snprintf(trouble, sizeof trouble, "the board has no %s for a session: %s",
                 *folder.path() ? "process" : "temporary folder (TMPDIR)", strerror(errno));
        report(client, from, 0, trouble);
        return;
    }
    setpgid(child, child);
    int status = 0;
    Ending ending = watch(child, client, timeout_s > 0 ? start + timeout_s : FOREVER, &status);
    // Also what a kernel has started and left behind.
    kill(-child, SIGKILL);
    if (ending != Ending::child_ended) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
    }
    describe(ending, status, timeout_s, trouble);
    report(client, from, now() - start, trouble);
}

} // namespace agent
