/* SPDX-License-Identifier: Apache-2.0 */
#include "repl/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"

static struct termios kept;
static volatile sig_atomic_t is_kept;
static volatile sig_atomic_t is_taken;	/* the screen */
static bool kept_paste;

bool terminal_is_there(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

/* the locale that the environment asks for, whether or not this system has it */
static bool wants_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (is_set(names[i]))
			return strcasestr(getenv(names[i]), "UTF-8") ||
				strcasestr(getenv(names[i]), "UTF8");
	}
	return false;
}

/*
 * A line is edited as UTF-8 in the C locale, too: there the terminal's
 * characters would be dropped otherwise.  What we draw is plain then.
 */
static bool set_locale(void)
{
	static const char *const substitutes[] = { "C.UTF-8", "C.utf8", "en_US.UTF-8" };
	bool utf8 = wants_utf8();
	size_t i;

	if (setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
		return true;
	for (i = 0; i < ARRAY_SIZE(substitutes); i++) {
		if (setlocale(LC_CTYPE, substitutes[i]))
			return utf8;
	}
	return false;
}

void terminal_ask(struct terminal *ret)
{
	const char *term = getenv("TERM");

	memset(ret, 0, sizeof(*ret));
	ret->dumb = !term || !*term || strcmp(term, "dumb") == 0 || strcmp(term, "unknown") == 0 ||
		strcmp(term, "emacs") == 0;
	ret->utf8 = set_locale();
	ret->colours = !ret->dumb && !is_set("NO_COLOR") && strncmp(term, "vt", 2) != 0;
	ret->paste = !ret->dumb;
	ret->reflows = !is_set("XTERM_VERSION") && !is_set("STY");
}

void terminal_size(unsigned *ret_columns, unsigned *ret_rows)
{
	struct winsize ws;

	memset(&ws, 0, sizeof(ws));
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws);
	*ret_columns = ws.ws_col ? ws.ws_col : 80;
	*ret_rows = ws.ws_row ? ws.ws_row : 24;
}

bool terminal_is_ours(void)
{
	pid_t group = tcgetpgrp(STDIN_FILENO);

	if (group < 0)
		group = tcgetpgrp(STDOUT_FILENO);
	return group < 0 || group == getpgrp();
}

/* ---- as it was ---- */

static void on_fault(int signo)
{
	terminal_restore();
	/* the default action, set by SA_RESETHAND, is taken when this returns */
	raise(signo);
}

static void restore_behind_faults(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT };
	struct sigaction sa = { .sa_handler = on_fault, .sa_flags = SA_RESETHAND }, old;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (sigaction(faults[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
			sigaction(faults[i], &sa, NULL);
	}
}

void terminal_keep(void)
{
	struct terminal t;

	if (is_kept || tcgetattr(STDIN_FILENO, &kept) != 0)
		return;
	terminal_ask(&t);
	kept_paste = t.paste;
	is_kept = 1;
	restore_behind_faults();
}

void terminal_quiet(void)
{
	struct termios now;

	if (tcgetattr(STDIN_FILENO, &now) != 0)
		return;
	now.c_lflag &= ~ECHO;
	tcsetattr(STDIN_FILENO, TCSANOW, &now);
}

static void write_all(const char *text, size_t n)
{
	ssize_t unused = write(STDOUT_FILENO, text, n);

	(void)unused;
}

void terminal_take(void)
{
	static const char take[] = "\033[?1049h\033[?25l";
	struct termios now;

	if (!is_kept && tcgetattr(STDIN_FILENO, &kept) == 0)
		is_kept = 1;
	restore_behind_faults();
	is_taken = 1;
	write_all(take, sizeof(take) - 1);
	if (!is_kept)
		return;
	now = kept;
	now.c_lflag &= ~(ECHO | ICANON);
	now.c_cc[VMIN] = 1;
	now.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &now);
}

/* in the background the modes are another's: setting them would stop us (SIGTTOU) */
void terminal_restore(void)
{
	static const char give[] = "\033[?25h\033[?1049l", plain[] = "\033[?2004l\033[0m";

	if (is_taken)
		write_all(give, sizeof(give) - 1);
	is_taken = 0;
	if (!is_kept || !terminal_is_ours())
		return;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &kept);
	if (kept_paste)
		write_all(plain, sizeof(plain) - 1);
}
