/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of the line editor: bytes of descriptor 0, while the loop goes on. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "repl/editor_internal.h"

enum { SPLIT_MS = 40, PASTE_MS = 2000, MAX_PASTE = 1 << 20 };

static const char paste_begin[] = "\033[200~", paste_end[] = "\033[201~";

/* ---- signals that concern the terminal ---- */

static struct {
	int fd;				/* eventfd: the loop's turn ends */
	volatile sig_atomic_t resized, suspended, continued;
	bool set;
	struct sigaction old[3];
} notice = { .fd = -1 };

static const int noticed[] = { SIGWINCH, SIGTSTP, SIGCONT };

static void on_notice(int signo)
{
	uint64_t one = 1;
	int saved = errno;

	if (signo == SIGWINCH)
		notice.resized = 1;
	else if (signo == SIGTSTP)
		notice.suspended = 1;
	else
		notice.continued = 1;
	if (write(notice.fd, &one, sizeof(one)) < 0)
		errno = saved;
	errno = saved;
}

static void on_wake(void *arg, uint32_t events)
{
	uint64_t count;

	(void)arg;
	(void)events;
	if (read(notice.fd, &count, sizeof(count)) < 0)
		return;
}

static void set_signals(bool on)
{
	struct sigaction sa = { .sa_handler = on_notice, .sa_flags = SA_RESTART };
	size_t i;

	if (notice.set == on)
		return;
	notice.set = on;
	for (i = 0; i < ARRAY_SIZE(noticed); i++) {
		if (!on) {
			sigaction(noticed[i], &notice.old[i], NULL);
			continue;
		}
		sigaction(noticed[i], &sa, &notice.old[i]);
		/* a shell without job control would never continue us */
		if (noticed[i] == SIGTSTP && notice.old[i].sa_handler == SIG_IGN)
			sigaction(SIGTSTP, &notice.old[i], NULL);
	}
}

/* Ctrl-Z: the terminal is the shell's until we are continued */
static void suspend(struct editor *e)
{
	struct sigaction usual = { .sa_handler = SIG_DFL }, ours;

	notice.suspended = 0;
	editor_hide(e);
	fputs(e->terminal.paste ? "\033[?2004l" : "", e->tty);
	fflush(e->tty);
	el_set(e->line, EL_PREP_TERM, 0);
	/* without effect where nobody is there to continue us */
	sigaction(SIGTSTP, &usual, &ours);
	kill(0, SIGTSTP);
	sigaction(SIGTSTP, &ours, NULL);
	notice.continued = 1;
}

static void act_on_notices(struct editor *e)
{
	if (notice.suspended)
		suspend(e);
	if (notice.continued) {
		notice.continued = 0;
		el_set(e->line, EL_PREP_TERM, 1);
		fputs(e->terminal.paste && e->reading ? "\033[?2004h" : "", e->tty);
		editor_redraw(e);
	}
	if (notice.resized) {
		notice.resized = 0;
		editor_redraw(e);
	}
}

int input_open(struct editor *e, struct error *err)
{
	notice.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (notice.fd < 0)
		return error_sys(err, "E-LIMIT", errno, "eventfd");
	e->wake_source = loop_add_fd(e->loop, notice.fd, EPOLLIN, on_wake, NULL, err);
	return e->wake_source ? 0 : -1;
}

void input_close(struct editor *e)
{
	set_signals(false);
	source_remove(e->wake_source);
	if (notice.fd >= 0)
		close(notice.fd);
	notice.fd = -1;
}

/* ---- bytes ---- */

static void on_readable(void *arg, uint32_t events)
{
	struct editor *e = arg;

	(void)events;
	e->readable = true;
}

/* the loop looks at descriptor 0 only while somebody takes what is there */
int input_begin(struct editor *e, struct error *err)
{
	set_signals(true);
	notice.resized = notice.suspended = notice.continued = 0;
	e->readable = false;
	e->input = loop_add_fd(e->loop, STDIN_FILENO, EPOLLIN, on_readable, e, err);
	return e->input ? 0 : -1;
}

void input_end(struct editor *e)
{
	source_remove(e->input);
	e->input = NULL;
	set_signals(false);
}

bool input_pending(const struct editor *e)
{
	return e->taken < e->queue.len;
}

/* a key may be several bytes: an escape sequence, or a character in UTF-8 */
int input_key(struct editor *e)
{
	const unsigned char *s = (unsigned char *)e->queue.data + e->taken, *at = s + 1;
	const unsigned char *end = (unsigned char *)e->queue.data + e->queue.len;

	if (*s == 033 && at < end && (*at == '[' || *at == 'O')) {
		for (at++; at < end && *at < 0x40; at++)
			;
		at += at < end;
	} else if (*s >= 0xc0) {
		for (; at < end && (*at & 0xc0) == 0x80; at++)
			;
	}
	e->taken += at - s;
	return *s;
}

static bool read_some(struct editor *e)
{
	char bytes[4096];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	e->readable = false;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (n <= 0) {
		e->end = true;
		return false;
	}
	if (e->taken == e->queue.len) {
		buf_clear(&e->queue);
		e->taken = 0;
	}
	buf_add(&e->queue, bytes, n);
	return true;
}

bool input_wait(struct editor *e, int timeout_ms)
{
	uint64_t until = loop_now() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000;
	struct error err = ERROR_INIT;

	for (;;) {
		uint64_t now = loop_now();
		int left = now < until ? (int)((until - now) / 1000000) + 1 : 0;
		bool asked = e->hooks->stops(e->hooks->arg);

		act_on_notices(e);
		editor_show(e);
		fflush(e->tty);
		if (loop_step(e->loop, asked ? 0 : timeout_ms < 0 ? -1 : left, &err) < 0) {
			error_clear(&err);
			e->end = true;
		}
		/* what was typed behind Ctrl-C is for the next line: it is not read here */
		e->stopped = e->hooks->stops(e->hooks->arg);
		if (!e->stopped && e->readable && read_some(e))
			return true;
		if (e->stopped)
			return false;
		if (e->end || (timeout_ms >= 0 && loop_now() >= until))
			return false;
	}
}

/* ---- characters ---- */

static const char *rest(const struct editor *e, size_t *ret_n)
{
	*ret_n = e->queue.len - e->taken;
	return e->queue.data + e->taken;
}

/* does the queue begin with the mark, or (within a moment) a part of it? */
static bool begins_with(struct editor *e, const char *mark)
{
	size_t n, len = strlen(mark);
	const char *s = rest(e, &n);

	while (n < len && memcmp(s, mark, n) == 0) {
		if (!input_wait(e, SPLIT_MS))
			return false;
		s = rest(e, &n);
	}
	return n >= len && memcmp(s, mark, len) == 0;
}

/* terminals send \r for the end of a line; other control characters do nothing good */
static void add_pasted(struct buf *b, const char *s, size_t n)
{
	for (; n--; s++) {
		if (*s == '\r' && n && s[1] == '\n')
			continue;
		if (*s == '\r' || *s == '\n')
			buf_addc(b, '\n');
		else if ((unsigned char)*s >= ' ' || *s == '\t')
			buf_addc(b, *s);
	}
}

/* up to the end mark, which is taken, too */
static void take_paste(struct editor *e)
{
	const char *s, *end;
	size_t n;

	e->taken += strlen(paste_begin);
	for (;;) {
		s = rest(e, &n);
		end = memmem(s, n, paste_end, strlen(paste_end));
		if (end || n > MAX_PASTE || !input_wait(e, PASTE_MS))
			break;
	}
	s = rest(e, &n);
	buf_clear(&e->paste);
	add_pasted(&e->paste, s, end ? (size_t)(end - s) : n);
	e->taken += end ? end - s + strlen(paste_end) : n;
}

/* 1 and a character; 0: more bytes are needed; bytes that are none are dropped */
static int decode(struct editor *e, wchar_t *ret)
{
	mbstate_t state;
	size_t n, used;
	const char *s;

	for (s = rest(e, &n); n; s = rest(e, &n)) {
		memset(&state, 0, sizeof(state));
		used = mbrtowc(ret, s, n, &state);
		if (used == (size_t)-2)
			return 0;
		if (used == (size_t)-1) {
			e->taken++;
			continue;
		}
		e->taken += used ? used : 1;
		return 1;
	}
	return 0;
}

static bool is_plain_paste(const struct editor *e, wchar_t c)
{
	size_t n;
	const char *s = rest(e, &n);

	return c == L'\t' && (memchr(s, '\n', n) || memchr(s, '\r', n));
}

int input_char(EditLine *line, wchar_t *ret)
{
	struct editor *e;

	el_get(line, EL_CLIENTDATA, &e);
	for (;;) {
		if (input_pending(e) && begins_with(e, paste_begin)) {
			take_paste(e);
			*ret = KEY_PASTE;
			return 1;
		}
		if (!e->stopped && decode(e, ret)) {
			/* a tab inside of a pasted line completes nothing */
			if (is_plain_paste(e, *ret)) {
				buf_clear(&e->paste);
				buf_addc(&e->paste, '\t');
				*ret = KEY_PASTE;
			}
			return 1;
		}
		if (e->stopped || !input_wait(e, -1)) {
			if (!e->stopped && !e->end)
				continue;
			buf_clear(&e->queue);
			e->taken = 0;
			*ret = L'\0';
			errno = EINTR;
			return e->end && !e->stopped ? 0 : -1;
		}
	}
}
