#include "folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

namespace agent {

static constexpr int OPEN_FOLDERS = 16;

static int remove_one(const char *path, const struct stat *, int, FTW *)
{
    remove(path);
    return 0;
}

Folder::Folder()
{
    const char *place = getenv("TMPDIR");
    snprintf(path_, sizeof path_, "%s/barsctl-agent-XXXXXX", place && *place ? place : "/tmp");
    if (!mkdtemp(path_))
        *path_ = '\0';
}

Folder::~Folder()
{
    if (!*path_)
        return;
    nftw(path_, remove_one, OPEN_FOLDERS, FTW_PHYS | FTW_DEPTH);
    if (access(path_, F_OK) == 0)
        fprintf(stderr, "barsctl-agent: %s could not be removed\n", path_);
}

} // namespace agent
