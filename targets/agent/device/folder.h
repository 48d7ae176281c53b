#pragma once

#include <limits.h>

namespace agent {

/* A temporary folder that is removed with its scope, with all that is in it. */
class Folder {
  public:
    Folder();
    Folder(const Folder &) = delete;
    ~Folder();

    /* Empty where there is no place for one; errno says why. */
    const char *path() const { return path_; }

  private:
    char path_[PATH_MAX];
};

} // namespace agent
