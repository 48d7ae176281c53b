/* Images from files, folders and standard input: .npy arrays, PNG, PGM, PPM, raw bytes. */
#ifndef IMAGES_H
#define IMAGES_H

#include <stdbool.h>
#include <stdint.h>

/* The images that the network reads: uint8 pixels [size, size, channels]. */
struct image_format {
    int size;
    int channels;
    bool raw; /* files of unknown kind hold such pixels, image after image */
};

struct image {
    const char *file;
    const char *label; /* the file's name, or FILE[3] */
    const uint8_t *pixels;
};

/* Called for each image; false stops the reading. */
typedef bool (*image_visitor)(void *context, const struct image *image);

/* Visit all images of a file, of a folder or, for -, of standard input. False where an image cannot
 * be read, which prints one line that says why, or where the visitor stops. */
bool visit_images(const char *path, const struct image_format *format, image_visitor visit,
                  void *context);

/* Print "PROGRAM: message" as one line of standard error; returns false. */
bool complain(const char *message, ...);

#endif
