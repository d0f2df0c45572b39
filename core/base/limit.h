/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The number of open files.  We may need thousands (a probe has one on each
 * CPU), where 1024 is the usual soft limit; programs that we start get what was,
 * as those that call select() depend on it.
 */
#ifndef LIMIT_H
#define LIMIT_H

/* raises the soft limit to the hard one, but not above 65536: more is not closed anywhere */
void limit_raise_files(void);

/* what was, in a child between fork and exec */
void limit_restore_files(void);

/*
 * Around what forks behind our back: lowers the limit to what was, but leaves
 * room for a few more files than are open; raises it again.
 */
void limit_lower_files(void);
void limit_raise_again(void);

#endif
