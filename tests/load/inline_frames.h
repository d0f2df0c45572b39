/* SPDX-License-Identifier: Apache-2.0 */
/* Between inline_frames.c and inline_twin.c. */
#ifndef INLINE_FRAMES_H
#define INLINE_FRAMES_H

/* of the caller; no compiler may move it */
__attribute__((noinline)) unsigned long frame_here(void);

extern unsigned long frame_inlined, frame_plain, frame_twin, frame_other_twin;

/* calls a static function that is called as one of inline_frames.c is */
void other_twin(void);

#endif
