/* SPDX-License-Identifier: Apache-2.0 */
/* What main does first: are we a bundle? */
#ifndef APP_BUNDLE_H
#define APP_BUNDLE_H

/*
 * Runs the script that is behind our own executable, with all arguments, and
 * returns the exit status; -1 if there is none.
 */
int bundle_main(int argc, char **argv);

/* lists what is in the bundle of this path, whatever machine it is for; an exit status */
int bundle_inspect(const char *path);

#endif
