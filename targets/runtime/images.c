#define _POSIX_C_SOURCE 200809L
#include "images.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "compiled-network.h"
#include "input.h"
#include "npy.h"
#include "png.h"
#include "pnm.h"
#include "text.h"

enum { LABEL_BYTES = 4096 };

/* Everything that reading one file or stream needs. */
struct reading {
    const char *path;
    struct input input;
    bool is_stream;    /* of a size that is not known before */
    uint64_t file_bytes; /* of a file */
    const struct image_format *format;
    size_t image_bytes;
    uint8_t *pixels;
    image_visitor visit;
    void *context;
};

/* A format of which a file is read as a whole. */
struct picture {
    const char *(*size)(const uint8_t *file, size_t bytes, uint32_t *width, uint32_t *height);
    const char *(*pixels)(const uint8_t *file, size_t bytes, int channels, uint8_t *pixels);
};

static const struct picture PNG = {png_size, png_pixels}, PNM = {pnm_size, pnm_pixels};

bool complain(const char *message, ...)
{
    va_list values;
    va_start(values, message);
    write_text(stderr, "%s: ", network.name);
    write_text_of(stderr, message, values);
    write_text(stderr, "\n");
    va_end(values);
    return false;
}

static bool complain_of_errno(const char *path)
{
    return complain("%s: %s", path, strerror(errno));
}

static bool visit_pixels(const struct reading *reading, const char *label)
{
    struct image image = {reading->path, label, reading->pixels};
    return reading->visit(reading->context, &image);
}

static bool visit_numbered(const struct reading *reading, uint64_t index)
{
    char label[LABEL_BYTES];
    format_text(label, sizeof label, "%s[%" PRIu64 "]", reading->path, index);
    return visit_pixels(reading, label);
}

/* Read `count` images that follow each other in the file. */
static bool visit_sequence(struct reading *reading, uint64_t count, bool numbered)
{
    for (uint64_t i = 0; i < count; i++) {
        size_t bytes = input_read(&reading->input, reading->pixels, reading->image_bytes);
        if (ferror(reading->input.file))
            return complain_of_errno(reading->path);
        if (bytes != reading->image_bytes)
            return complain("%s: the file is cut off in image %" PRIu64 " of %" PRIu64
                            "; copy or save it again", reading->path, i, count);
        if (!(numbered ? visit_numbered(reading, i) : visit_pixels(reading, reading->path)))
            return false;
    }
    return true;
}

/* Whether shape[first...] is that of one image; a single channel may be left out. */
static bool is_image_shape(const struct npy_header *header, int first,
                           const struct image_format *format)
{
    const uint64_t *shape = header->shape + first;
    int dimensions = header->dimensions - first;
    uint64_t size = (uint64_t)format->size;
    if (dimensions < 2 || shape[0] != size || shape[1] != size)
        return false;
    if (dimensions == 2)
        return format->channels == 1;
    return dimensions == 3 && shape[2] == (uint64_t)format->channels;
}

static bool complain_of_shape(const struct reading *reading, const struct npy_header *header)
{
    char shape[NPY_MAX_DIMENSIONS * 21 + 1] = "";
    for (int i = 0; i < header->dimensions; i++)
        format_text(shape + strlen(shape), sizeof shape - strlen(shape),
                    i ? ",%" PRIu64 : "%" PRIu64, header->shape[i]);
    return complain("%s: its shape is [%s], the network reads [N,%d,%d,%d]; scale or reshape it",
                    reading->path, shape, reading->format->size, reading->format->size,
                    reading->format->channels);
}

static bool visit_npy(struct reading *reading)
{
    struct npy_header header;
    const char *problem = npy_read_header(&reading->input, &header);
    if (problem)
        return complain("%s: %s", reading->path, problem);
    if (is_image_shape(&header, 0, reading->format))
        return visit_sequence(reading, 1, false);
    if (header.dimensions >= 3 && is_image_shape(&header, 1, reading->format))
        return visit_sequence(reading, header.shape[0], true);
    return complain_of_shape(reading, &header);
}

/* A stream's images are counted while they come. */
static bool visit_raw_stream(struct reading *reading)
{
    for (uint64_t i = 0;; i++) {
        size_t bytes = input_read(&reading->input, reading->pixels, reading->image_bytes);
        if (ferror(reading->input.file))
            return complain_of_errno(reading->path);
        if (bytes == 0)
            return true;
        if (bytes != reading->image_bytes)
            return complain("%s: it ends within image %" PRIu64 ", which takes %zu bytes; send "
                            "whole images", reading->path, i, reading->image_bytes);
        if (!visit_numbered(reading, i))
            return false;
    }
}

static bool visit_raw(struct reading *reading)
{
    if (reading->is_stream)
        return visit_raw_stream(reading);
    uint64_t bytes = reading->file_bytes;
    if (bytes % reading->image_bytes != 0)
        return complain("%s: its %" PRIu64 " bytes are no multiple of an image's %zu; give whole images",
                        reading->path, bytes, reading->image_bytes);
    uint64_t count = bytes / reading->image_bytes;
    return visit_sequence(reading, count, count > 1);
}

static bool visit_bytes(const struct reading *reading, const struct picture *picture,
                        const uint8_t *bytes, size_t count)
{
    const struct image_format *format = reading->format;
    uint32_t width, height;
    if (format->channels != 1 && format->channels != 3)
        return complain("%s: it has 1 or 3 channels, the network reads %d; give a .npy file",
                        reading->path, format->channels);
    const char *problem = picture->size(bytes, count, &width, &height);
    if (problem)
        return complain("%s: %s", reading->path, problem);
    if (width != (uint32_t)format->size || height != (uint32_t)format->size)
        return complain("%s: it is %" PRIu32 "x%" PRIu32 " pixels, the network reads %dx%d; "
                        "scale it", reading->path, width, height, format->size, format->size);
    problem = picture->pixels(bytes, count, format->channels, reading->pixels);
    if (problem)
        return complain("%s: %s", reading->path, problem);
    return visit_pixels(reading, reading->path);
}

static bool visit_picture(struct reading *reading, const struct picture *picture)
{
    uint8_t *bytes;
    size_t count;
    const char *problem = input_read_all(&reading->input, &bytes, &count);
    if (problem)
        return complain("%s: %s", reading->path, problem);
    bool done = visit_bytes(reading, picture, bytes, count);
    free(bytes);
    return done;
}

static bool visit_started(struct reading *reading)
{
    const uint8_t *start = reading->input.start;
    size_t count = reading->input.start_bytes;
    if (count == 0)
        return complain("%s: it is empty; give images", reading->path);
    if (is_npy(start, count))
        return visit_npy(reading);
    if (is_png(start, count))
        return visit_picture(reading, &PNG);
    if (is_pnm(start, count))
        return visit_picture(reading, &PNM);
    if (reading->format->raw)
        return visit_raw(reading);
    return complain("%s: it is neither .npy, PNG, PGM nor PPM; for raw pixels give --shape "
                    "%d,%d,%d", reading->path, reading->format->size, reading->format->size,
                    reading->format->channels);
}

static bool visit_opened(struct reading *reading, FILE *file)
{
    input_start(&reading->input, file);
    if (ferror(file))
        return complain_of_errno(reading->path);
    const struct image_format *format = reading->format;
    reading->image_bytes = (size_t)format->size * (size_t)format->size * (size_t)format->channels;
    reading->pixels = malloc(reading->image_bytes);
    bool done = reading->pixels ? visit_started(reading) : complain("out of memory");
    free(reading->pixels);
    return done;
}

static bool visit_file(struct reading reading, const struct stat *about)
{
    reading.is_stream = !S_ISREG(about->st_mode);
    reading.file_bytes = (uint64_t)about->st_size;
    FILE *file = fopen(reading.path, "rb");
    if (!file)
        return complain_of_errno(reading.path);
    bool done = visit_opened(&reading, file);
    fclose(file);
    return done;
}

static int is_image_entry(const struct dirent *entry)
{
    static const char *const ENDINGS[] = {".png", ".pgm", ".ppm", ".npy", ".raw"};
    size_t length = strlen(entry->d_name);
    for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++)
        if (length > 4 && strcasecmp(entry->d_name + length - 4, ENDINGS[i]) == 0)
            return 1;
    return 0;
}

static int by_bytes(const struct dirent **first, const struct dirent **second)
{
    return strcmp((*first)->d_name, (*second)->d_name);
}

static bool visit_entry(struct reading reading, const char *folder, const char *name)
{
    char path[LABEL_BYTES];
    struct stat about;
    format_text(path, sizeof path, "%s/%s", folder, name);
    if (stat(path, &about) != 0)
        return complain_of_errno(path);
    reading.path = path;
    return visit_file(reading, &about);
}

static bool visit_folder(struct reading reading)
{
    const char *folder = reading.path;
    struct dirent **entries;
    int count = scandir(folder, &entries, is_image_entry, by_bytes);
    if (count < 0)
        return complain_of_errno(folder);
    bool done = count > 0 || complain("%s: the folder holds no .png, .pgm, .ppm, .npy or .raw "
                                      "files; give one that does", folder);
    for (int i = 0; i < count; i++) {
        done = done && visit_entry(reading, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return done;
}

bool visit_images(const char *path, const struct image_format *format, image_visitor visit,
                  void *context)
{
    struct reading reading = {.path = path, .format = format, .visit = visit, .context = context};
    struct stat about;
    if (strcmp(path, "-") == 0) {
        reading.is_stream = true;
        return visit_opened(&reading, stdin);
    }
    if (stat(path, &about) != 0)
        return complain_of_errno(path);
    return S_ISDIR(about.st_mode) ? visit_folder(reading) : visit_file(reading, &about);
}
