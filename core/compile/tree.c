/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/tree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

/* above what a process has open when it starts, so that numbers do not vary */
enum { FIRST_FD = 200 };

static void open_one(struct tree_list *trees, const char *path)
{
	struct tree *tree;
	int fd, wanted = FIRST_FD + trees->n;

	if (!*path || tree_at(trees, path) != path)
		return;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (dup3(fd, wanted, O_CLOEXEC) < 0) {
		close(fd);
		return;
	}
	close(fd);
	tree = MEM_GROW(trees->list, trees->n);
	tree->path = mem_string(path);
	tree->at = mem_format("/proc/self/fd/%d", wanted);
	tree->fd = wanted;
}

void tree_open(struct tree_list *trees, const struct request *req)
{
	size_t i;

	memset(trees, 0, sizeof(*trees));
	open_one(trees, req->headers);
	open_one(trees, req->headers_source);
	for (i = 0; i < req->n_includes; i++)
		open_one(trees, req->includes[i]);
}

void tree_close(struct tree_list *trees)
{
	while (trees->n) {
		struct tree *tree = &trees->list[--trees->n];

		close(tree->fd);
		free(tree->path);
		free(tree->at);
	}
	free(trees->list);
	trees->list = NULL;
}

const char *tree_at(const struct tree_list *trees, const char *path)
{
	size_t i;

	for (i = 0; i < trees->n; i++) {
		if (strcmp(trees->list[i].path, path) == 0)
			return trees->list[i].at;
	}
	return path;
}

const struct tree *tree_of(const struct tree_list *trees, const char *path)
{
	size_t i;

	for (i = 0; i < trees->n; i++) {
		const char *at = trees->list[i].at;

		if (str_starts(path, at) && (path[strlen(at)] == '/' || !path[strlen(at)]))
			return &trees->list[i];
	}
	return NULL;
}
