/* The program around a compiled network on a board without an operating system: it reads images,
 * and writes logits and traces, through its debugger or emulator. */
#include <stdint.h>

#include "compiled-network.h"
#include "npy.h"
#include "semihosting.h"

enum { DONE = 0, CANNOT = 1, WRONG_USAGE = 2 };
enum { ALIGNMENT = 64, LEAST_STACK = 4096, OWN_FRAME = 128, WORD_BYTES = 1024, WORDS = 5 };
static const uint8_t PAINT = 0xa5;

/* Of the linker script: the RAM that no variable has, from here to the stack. */
extern uint8_t free_ram[];

struct session {
    uint8_t *arena;
    uint8_t *image;
    int32_t *logits;
    uint8_t *end;
    const char *folder;
    bool done;
};

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static size_t image_bytes(void)
{
    return (size_t)network.image_size * (size_t)network.image_size *
           (size_t)network.image_channels;
}

static bool has_memory(struct session *session)
{
    session->arena = (uint8_t *)aligned((uintptr_t)free_ram);
    session->image = session->arena + aligned(network.arena_bytes);
    session->logits = (int32_t *)(session->image + aligned(image_bytes()));
    session->end = (uint8_t *)(session->logits + network.classes);
    const uint8_t *stack = __builtin_frame_address(0);
    return session->end + LEAST_STACK <= stack ||
           complain(network.name, "its arena is larger than the board's RAM");
}

static bool ended_well(int status)
{
    return status == 0 || complain(network.name, "a kernel failed");
}

/* Opens a file of images and tells how many they are; -1 where it is none. */
static int open_images(const char *path, long *count)
{
    long bytes;
    int file = open_file(path, READ_BYTES);
    if (file < 0) {
        complain(path, "it cannot be read; check the path");
        return -1;
    }
    if (!npy_skip_header(file, &bytes) || bytes % (long)image_bytes() != 0) {
        complain(path, "these are no uint8 images [count, height, width, channels] of the "
                       "network's size; save them with numpy.save");
        return -1;
    }
    *count = bytes / (long)image_bytes();
    return file;
}

static bool classify(struct session *session, int images, int answer)
{
    return read_file(images, session->image, image_bytes()) &&
           ended_well(network.run_observed(session->arena, session->image, session->logits, NULL,
                                           NULL)) &&
           write_file(answer, session->logits, sizeof(int32_t) * (size_t)network.classes);
}

static bool write_logits(struct session *session, const char *path, const char *images_path)
{
    long count;
    int images = open_images(images_path, &count);
    if (images < 0)
        return false;
    int answer = open_file(path, WRITE_BYTES);
    bool written = answer >= 0 && npy_write_logits_header(answer, count, network.classes);
    while (written && count-- > 0)
        written = classify(session, images, answer);
    return (close_file(answer) && written) || complain(path, "it cannot be written");
}

static void trace_call(void *context, int call, const uint8_t *arena)
{
    struct session *session = context;
    const struct traced_call *traced = &network.traced_calls[call];
    for (int i = 0; i < traced->values; i++) {
        const struct traced_value *value = &network.traced_values[traced->first_value + i];
        session->done = session->done && npy_write_value(session->folder, call, value,
                                                         arena + value->offset);
    }
}

static bool trace(struct session *session, const char *folder, const char *image_path)
{
    long count;
    int image = open_images(image_path, &count);
    if (image < 0 || count != 1 || !read_file(image, session->image, image_bytes()))
        return complain(image_path, "this is not one image");
    session->folder = folder;
    session->done = true;
    return ended_well(network.run_observed(session->arena, session->image, session->logits,
                                           trace_call, session)) &&
           session->done;
}

/* Paint the stack, run, and see what is still painted. */
static bool measure_stack(struct session *session)
{
    char text[NUMBER_CHARACTERS + 2];
    uint8_t *frame = __builtin_frame_address(0);
    uint8_t *touched = session->end;
    for (volatile uint8_t *at = touched; at < frame - OWN_FRAME; at++)
        *at = PAINT;
    if (!ended_well(network.run_observed(session->arena, session->image, session->logits, NULL,
                                         NULL)))
        return false;
    while (*touched == PAINT)
        touched++;
    char *end = npy_number(text, (unsigned long)(frame - touched));
    end[0] = '\n';
    end[1] = 0;
    print(text);
    return true;
}

static bool equal(const char *left, const char *right)
{
    while (*left && *left == *right)
        left++, right++;
    return *left == *right;
}

/* Cuts a text at its spaces; returns how many words there are, at most WORDS, one too many. */
static int cut(char *text, char **words)
{
    int count = 0;
    while (*text && count < WORDS) {
        words[count++] = text;
        while (*text && *text != ' ')
            text++;
        if (*text)
            *text++ = 0;
    }
    return count;
}

int main(void)
{
    static char text[WORD_BYTES];
    struct session session;
    char *words[WORDS];
    int count = command_line(text, sizeof text) ? cut(text, words) : 0;
    if (!has_memory(&session))
        return CANNOT;
    if (count == 4 && equal(words[1], "--logits"))
        return write_logits(&session, words[2], words[3]) ? DONE : CANNOT;
    if (count == 4 && equal(words[1], "--trace"))
        return trace(&session, words[2], words[3]) ? DONE : CANNOT;
    if (count == 2 && equal(words[1], "--stack"))
        return measure_stack(&session) ? DONE : CANNOT;
    complain(network.name, "classifies the images of a file: --logits ANSWER.npy IMAGES.npy; "
                           "writes what kernels compute: --trace FOLDER IMAGE.npy; "
                           "says how many bytes of stack a run takes: --stack; no name may have a "
                           "space");
    return WRONG_USAGE;
}
