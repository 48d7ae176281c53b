#pragma once

#include <stddef.h>

#include "descriptor.h"
#include "options.h"

namespace agent {

/* The agent's place at TVM's tracker, which hands out a match key that one client may come with. */
class Tracker {
  public:
    Tracker(const Options &options, int own_port) : options_(options), own_port_(own_port) {}

    /* Be registered with a key that is to be had, if the tracker is there. To be called every
       PERIOD_S and when the tracker's connection is readable. */
    void keep();

    /* The key was used: the next `keep` registers another one. */
    void use_up() { *match_key_ = '\0'; }

    /* What clients must know; empty where none may come. */
    const char *match_key() const { return match_key_; }

    int connection() const { return connection_.number(); }

    static constexpr double PERIOD_S = 2;

  private:
    bool connect();
    bool register_key();
    bool check_key();
    bool ask(const char *request);

    const Options &options_;
    int own_port_;
    Descriptor connection_;
    char match_key_[96] = "";
    double last_pending_ = 0;
    bool asked_before_ = false, was_there_ = false;
    char reply_[1 << 16];
};

} // namespace agent
