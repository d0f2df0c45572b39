/* SPDX-License-Identifier: Apache-2.0 */
/* stdout and stderr as streams that write through the editor. */
#ifndef REPL_STREAM_H
#define REPL_STREAM_H

#include <stdio.h>

struct editor;

struct streams {
	FILE *out, *err;	/* those of the process, meanwhile */
};

/* -1 if there is no memory: nothing is changed */
int streams_take(struct streams *s, struct editor *e);
void streams_give_back(struct streams *s);

#endif
