/* What is measured: kernels and networks by number, on memory of random bytes. */
#ifndef SUBJECTS_H
#define SUBJECTS_H

#include <stdint.h>

/* Share `part` of `parts` of one run of a subject, which as many threads do together; they meet
 * where one must wait for another. Returns 0, or what a kernel that failed returned. */
int32_t run_subject(int subject, int part, int parts, void (*meet)(void *team), void *team);

/* Whether threads share the subject's work at all. */
int is_shared_subject(int subject);

/* Make the memory random: no time may hang on zeros. The same bytes every time. */
void fill_memory(void);

#endif
