#define _POSIX_C_SOURCE 200809L
#include "images.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compiled-network.h"
#include "npy.h"
#include "png.h"

enum { LABEL_BYTES = 4096, LARGEST_PNG_BYTES = 1 << 28 };

/* Everything that reading one file needs. */
struct reading {
    const char *path;
    FILE *file;
    const struct image_format *format;
    size_t image_bytes;
    uint8_t *pixels;
    image_visitor visit;
    void *context;
};

bool complain(const char *message, ...)
{
    va_list values;
    va_start(values, message);
    fprintf(stderr, "%s: ", network.name);
    vfprintf(stderr, message, values);
    fputc('\n', stderr);
    va_end(values);
    return false;
}

static bool complain_of_errno(const char *path)
{
    return complain("%s: %s", path, strerror(errno));
}

/* Read `count` images that follow each other in the file. */
static bool visit_sequence(const struct reading *reading, uint64_t count, bool numbered)
{
    char label[LABEL_BYTES];
    for (uint64_t i = 0; i < count; i++) {
        if (fread(reading->pixels, 1, reading->image_bytes, reading->file) != reading->image_bytes)
            return complain("%s: the file is cut off in image %" PRIu64 " of %" PRIu64,
                            reading->path, i, count);
        snprintf(label, sizeof label, numbered ? "%s[%" PRIu64 "]" : "%s", reading->path, i);
        if (!reading->visit(reading->context, label, reading->pixels))
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
        snprintf(shape + strlen(shape), sizeof shape - strlen(shape), i ? ",%" PRIu64 : "%" PRIu64,
                 header->shape[i]);
    return complain("%s: its shape is [%s], the network reads [N,%d,%d,%d]", reading->path, shape,
                    reading->format->size, reading->format->size, reading->format->channels);
}

static bool visit_npy(const struct reading *reading)
{
    struct npy_header header;
    const char *problem = npy_read_header(reading->file, &header);
    if (problem)
        return complain("%s: %s", reading->path, problem);
    if (is_image_shape(&header, 0, reading->format))
        return visit_sequence(reading, 1, false);
    if (header.dimensions >= 3 && is_image_shape(&header, 1, reading->format))
        return visit_sequence(reading, header.shape[0], true);
    return complain_of_shape(reading, &header);
}

static bool visit_raw(const struct reading *reading, size_t file_bytes)
{
    if (file_bytes == 0 || file_bytes % reading->image_bytes != 0)
        return complain("%s: its %zu bytes are no multiple of an image's %zu", reading->path,
                        file_bytes, reading->image_bytes);
    uint64_t count = file_bytes / reading->image_bytes;
    return visit_sequence(reading, count, count > 1);
}

static bool visit_png_bytes(const struct reading *reading, const uint8_t *bytes, size_t count)
{
    const struct image_format *format = reading->format;
    uint32_t width, height;
    const char *problem = png_size(bytes, count, &width, &height);
    if (problem)
        return complain("%s: %s", reading->path, problem);
    if (width != (uint32_t)format->size || height != (uint32_t)format->size)
        return complain("%s: it is %" PRIu32 "x%" PRIu32 " pixels, the network reads %dx%d",
                        reading->path, width, height, format->size, format->size);
    problem = png_pixels(bytes, count, format->channels, reading->pixels);
    if (problem)
        return complain("%s: %s", reading->path, problem);
    return reading->visit(reading->context, reading->path, reading->pixels);
}

static bool visit_png(const struct reading *reading, size_t file_bytes)
{
    if (file_bytes > LARGEST_PNG_BYTES)
        return complain("%s: it is larger than 256 MiB", reading->path);
    uint8_t *bytes = malloc(file_bytes);
    if (!bytes)
        return complain("out of memory");
    size_t count = fread(bytes, 1, file_bytes, reading->file);
    bool done = visit_png_bytes(reading, bytes, count);
    free(bytes);
    return done;
}

static bool visit_opened(const struct reading *reading, size_t file_bytes)
{
    uint8_t start[8];
    size_t count = fread(start, 1, sizeof start, reading->file);
    if (fseek(reading->file, 0, SEEK_SET) != 0)
        return complain("%s: it is a stream, which cannot be read twice; give a file",
                        reading->path);
    if (is_npy(start, count))
        return visit_npy(reading);
    if (is_png(start, count))
        return visit_png(reading, file_bytes);
    if (reading->format->raw)
        return visit_raw(reading, file_bytes);
    return complain("%s: it is neither .npy nor PNG; for raw pixels give --shape %d,%d,%d",
                    reading->path, reading->format->size, reading->format->size,
                    reading->format->channels);
}

static bool visit_file(const char *path, size_t file_bytes, const struct image_format *format,
                       image_visitor visit, void *context)
{
    struct reading reading = {.path = path, .format = format, .visit = visit, .context = context};
    reading.image_bytes = (size_t)format->size * (size_t)format->size * (size_t)format->channels;
    reading.file = fopen(path, "rb");
    if (!reading.file)
        return complain_of_errno(path);
    reading.pixels = malloc(reading.image_bytes);
    bool done = reading.pixels ? visit_opened(&reading, file_bytes) : complain("out of memory");
    free(reading.pixels);
    fclose(reading.file);
    return done;
}

static int is_png_entry(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 4 && strcmp(entry->d_name + length - 4, ".png") == 0;
}

static int by_bytes(const struct dirent **first, const struct dirent **second)
{
    return strcmp((*first)->d_name, (*second)->d_name);
}

static bool visit_folder(const char *folder, const struct image_format *format,
                         image_visitor visit, void *context)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_png_entry, by_bytes);
    if (count < 0)
        return complain_of_errno(folder);
    bool done = count > 0 || complain("%s: the folder holds no .png files", folder);
    for (int i = 0; i < count; i++) {
        char path[LABEL_BYTES];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        struct stat about;
        if (done && stat(path, &about) != 0)
            done = complain_of_errno(path);
        if (done)
            done = visit_file(path, (size_t)about.st_size, format, visit, context);
        free(entries[i]);
    }
    free(entries);
    return done;
}

bool visit_images(const char *path, const struct image_format *format, image_visitor visit,
                  void *context)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return complain_of_errno(path);
    if (S_ISDIR(about.st_mode))
        return visit_folder(path, format, visit, context);
    return visit_file(path, (size_t)about.st_size, format, visit, context);
}
