/* Images from files: .npy arrays, PNG files, folders of PNG files, raw bytes. */
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

/* Called for each image with its label (a file name, or FILE[3]); false stops the reading. */
typedef bool (*image_visitor)(void *context, const char *label, const uint8_t *pixels);

/* Visit all images of a file or folder. False where an image cannot be read, which prints one line
 * that says why, or where the visitor stops. */
bool visit_images(const char *path, const struct image_format *format, image_visitor visit,
                  void *context);

/* Print "PROGRAM: message" as one line of standard error; returns false. */
bool complain(const char *message, ...);

#endif
