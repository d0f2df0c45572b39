/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/compiler.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/claim.h"

enum {
	ANSWER_LIMIT = 64 << 10,
	ANSWER_TIMEOUT_MS = 10 * 1000,
	CLAIM_TIMEOUT_MS = 15 * 1000,
	ANSWER_HEAD = 3,		/* lines in front of those about files */
	STAMP_FIELDS = 5,
};

/* ---- stamps: one line that tells a file from all that had its name ---- */

static void add_stamp(struct buf *out, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0)
		buf_addf(out, "%llu %llu %lld %lld.%09ld %lld.%09ld %s\n",
			(unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
			(long long)st.st_size, (long long)st.st_mtim.tv_sec,
			st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec,
			st.st_ctim.tv_nsec, path);
	else
		buf_addf(out, "- - - - - %s\n", path);
}

/* the path of a stamp, which ends with it; NULL: it is none */
static const char *stamp_path(const char *line)
{
	int i;

	for (i = 0; i < STAMP_FIELDS && line; i++) {
		line = strchr(line, ' ');
		if (line)
			line++;
	}
	return line && *line ? line : NULL;
}

bool compiler_note_holds(const char *stamps)
{
	char *copy = mem_string(stamps), *rest = copy, *line;
	struct buf now = BUF_INIT;
	bool same = true;

	while (same && (line = strsep(&rest, "\n")) != NULL && *line) {
		const char *path = stamp_path(line);

		buf_clear(&now);
		if (path)
			add_stamp(&now, path);
		same = path && strncmp(now.data, line, now.len - 1) == 0 &&
			strlen(line) == now.len - 1;
	}
	buf_release(&now);
	free(copy);
	return same;
}

/* ---- the note: head, digest of what follows, identity, stamps; a line each ---- */

static const char note_head[] = "moontrace compiler 1\n";

static bool is_hex_line(const char *s)
{
	return strspn(s, "0123456789abcdef") == DIGEST_HEX - 1 && s[DIGEST_HEX - 1] == '\n';
}

bool compiler_note_parse(const struct buf *note, char ret[DIGEST_HEX], const char **stamps)
{
	const char *digest, *body;
	char actual[DIGEST_HEX];

	if (!note->len || strlen(note->data) != note->len || !str_starts(note->data, note_head))
		return false;
	digest = note->data + sizeof(note_head) - 1;
	body = digest + DIGEST_HEX;
	if (!is_hex_line(digest) || !is_hex_line(body))
		return false;
	digest_hex(body, strlen(body), actual);
	if (strncmp(actual, digest, DIGEST_HEX - 1) != 0)
		return false;
	memcpy(ret, body, DIGEST_HEX - 1);
	ret[DIGEST_HEX - 1] = '\0';
	*stamps = body + DIGEST_HEX;
	return true;
}

static void write_note(struct buf *out, const char *identity, const struct buf *stamps)
{
	char *body = mem_format("%s\n%s", identity, stamps->data), digest[DIGEST_HEX];

	digest_hex(body, strlen(body), digest);
	buf_addf(out, "%s%s\n%s", note_head, digest, body);
	free(body);
}

/* which libraries a path means depends on these, too */
static void note_key(const char *compiler, char ret[DIGEST_HEX])
{
	static const char *const names[] = { "LD_LIBRARY_PATH", "LD_PRELOAD" };
	struct digest d;
	size_t i;

	digest_init(&d);
	digest_update(&d, compiler, strlen(compiler) + 1);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		digest_update(&d, value ? value : "", value ? strlen(value) + 1 : 1);
	}
	digest_final_hex(&d, ret);
}

/* ---- asking ---- */

static void digest_file(struct digest *d, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct buf data = BUF_INIT;
	ssize_t n = 0;

	while (fd >= 0 && (n = read(fd, buf_reserve(&data, 65536), 65536)) > 0)
		digest_update(d, data.data, n);
	if (fd >= 0)
		close(fd);
	buf_release(&data);
}

/* "NAME BUILDID PATH"; one without a build id is told by its stamp */
static void add_library(struct digest *d, struct buf *stamps, char *line)
{
	char *id = strchr(line, ' '), *path = id ? strchr(id + 1, ' ') : NULL;
	size_t before = stamps->len;

	digest_update(d, line, path ? (size_t)(path - line) : strlen(line));
	if (!path || path[1] != '/')
		return;
	add_stamp(stamps, path + 1);
	if (str_starts(id, " - "))
		digest_update(d, stamps->data + before, stamps->len - before);
}

static void add_answer(struct digest *d, struct buf *stamps, char *answer)
{
	char *line;
	int i;

	for (i = 0; (line = strsep(&answer, "\n")) != NULL; i++) {
		if (i < ANSWER_HEAD)
			digest_update(d, line, strlen(line) + 1);
		else if (*line)
			add_library(d, stamps, line);
	}
}

/* true: it answered. What it is without an answer is its file alone */
static bool ask(const char *compiler, char ret[DIGEST_HEX], struct buf *stamps)
{
	struct child_options options = {
		.out_limit = ANSWER_LIMIT, .err_limit = ANSWER_LIMIT,
		.timeout_ms = ANSWER_TIMEOUT_MS, .close_fds = true,
	};
	static char option[] = "--version";
	char *argv[] = { (char *)compiler, option, NULL };
	struct error ignored = ERROR_INIT;
	struct child_result r;
	struct digest d;
	bool answered;

	digest_init(&d);
	add_stamp(stamps, compiler);	/* before it is read: a change behind this is seen */
	digest_file(&d, compiler);
	answered = child_run(argv, &options, &r, &ignored) == 0 && !r.timed_out && !r.status &&
		!r.out_cut && r.out.len && strlen(r.out.data) == r.out.len;
	if (answered)
		add_answer(&d, stamps, r.out.data);
	digest_final_hex(&d, ret);
	child_result_release(&r);
	error_clear(&ignored);
	return answered;
}

/* ---- together ---- */

static bool recall(struct cache *c, const char *key, char ret[DIGEST_HEX], struct buf *warnings)
{
	struct buf note = BUF_INIT;
	const char *stamps;
	bool good = false;

	if (cache_get_note(c, key, &note, warnings) == 1) {
		if (compiler_note_parse(&note, ret, &stamps))
			good = compiler_note_holds(stamps);
		else
			cache_drop_note(c, key, "it is not what was written", warnings);
	}
	buf_release(&note);
	return good;
}

static void ask_and_keep(struct cache *c, const char *compiler, const char *key,
	char ret[DIGEST_HEX])
{
	struct buf stamps = BUF_INIT, note = BUF_INIT;
	struct error ignored = ERROR_INIT;

	/* the object's own way into the cache says why nothing can be written */
	if (ask(compiler, ret, &stamps) && !strchr(compiler, '\n')) {
		write_note(&note, ret, &stamps);
		cache_put_note(c, key, &note, &ignored);
	}
	error_clear(&ignored);
	buf_release(&stamps);
	buf_release(&note);
}

int compiler_identity(struct cache *c, const char *compiler, char ret[DIGEST_HEX],
	struct buf *warnings, struct error *err)
{
	struct claim claim = CLAIM_INIT;
	enum claim_result claimed;
	char key[DIGEST_HEX];

	note_key(compiler, key);
	if (recall(c, key, ret, warnings))
		return 0;
	claimed = cache_claim(c, &claim, key, CACHE_NOTE, CLAIM_TIMEOUT_MS);
	if (claimed == CLAIM_INTERRUPTED)
		return error_set(err, "E-COMPILER", "interrupted");
	if (claimed == CLAIM_NONE || !recall(c, key, ret, warnings))
		ask_and_keep(c, compiler, key, ret);
	claim_end(&claim);
	return 0;
}
