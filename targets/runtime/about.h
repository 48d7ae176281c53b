/* What the program knows of its making; the compiler writes one `about` per program. */
#ifndef ABOUT_H
#define ABOUT_H

struct about {
    const char *target;
    const char *build_hash;  /* of the network and its kernels */
    const char *kernel_hash; /* of the kernels' sources */
    const char *barsctl_version;
    int right_images; /* the test images that the network labels rightly */
    int test_images;  /* of so many; 0 where it was not tested */
};

extern const struct about about;

#endif
