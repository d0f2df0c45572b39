/* SPDX-License-Identifier: Apache-2.0 */
#include "lua/console_child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/limit.h"
#include "base/mem.h"

#define TYPE_CHILD "moontrace.console.child"

enum { MAX_LINE = 64 << 10, MAX_OPTIONS = 16 };

/* one of its outputs */
struct pipe_end {
	struct console_child *child;
	struct source *source;
	int fd;
	struct buf rest;		/* a line that has not ended */
};

/* freed when it has ended, both outputs are read and its value is gone */
struct console_child {
	struct host *h;
	struct source *source;
	struct pipe_end ends[2];
	pid_t pid;			/* 0: it is reaped */
	int status;
	bool told;			/* on_end was called */
	int on_line, on_end;		/* registry refs */
	bool held;			/* by a value of Lua */
};

static void child_free(struct console_child *c)
{
	lua_State *L = c->h->L;
	int i;

	source_remove(c->source);
	for (i = 0; i < 2; i++) {
		source_remove(c->ends[i].source);
		if (c->ends[i].fd >= 0)
			close(c->ends[i].fd);
		buf_release(&c->ends[i].rest);
	}
	luaL_unref(L, LUA_REGISTRYINDEX, c->on_line);
	luaL_unref(L, LUA_REGISTRYINDEX, c->on_end);
	free(c);
}

static void give_line(struct console_child *c, const char *s, size_t n)
{
	lua_State *L = c->h->L;

	lua_rawgeti(L, LUA_REGISTRYINDEX, c->on_line);
	lua_pushlstring(L, s, n);
	host_call(c->h, 1, 0);
}

static void give_lines(struct pipe_end *end, bool all)
{
	char *s = end->rest.data, *nl;
	size_t n = end->rest.len, used;

	while (n && ((nl = memchr(s, '\n', n)) != NULL || all || n > MAX_LINE)) {
		used = nl ? (size_t)(nl - s) : n;
		give_line(end->child, s, used);
		used += nl != NULL;
		s += used;
		n -= used;
	}
	memmove(end->rest.data, s, n);
	end->rest.len = n;
}

static void end_told(struct console_child *c)
{
	lua_State *L = c->h->L;
	struct buf how = BUF_INIT;

	if (c->told || c->pid || c->ends[0].fd >= 0 || c->ends[1].fd >= 0)
		return;
	c->told = true;
	child_describe(c->status, &how);
	lua_rawgeti(L, LUA_REGISTRYINDEX, c->on_end);
	lua_pushinteger(L, WIFEXITED(c->status) ? WEXITSTATUS(c->status) :
		128 + WTERMSIG(c->status));
	lua_pushlstring(L, how.data, how.len);
	buf_release(&how);
	host_call(c->h, 2, 0);
	if (!c->held)
		child_free(c);
}

static void on_output(void *arg, uint32_t events)
{
	struct pipe_end *end = arg;
	struct console_child *c = end->child;
	char data[16 << 10];
	ssize_t n = read(end->fd, data, sizeof(data));

	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0) {
		buf_add(&end->rest, data, n);
		give_lines(end, false);
		return;
	}
	give_lines(end, true);
	source_remove(end->source);
	end->source = NULL;
	close(end->fd);
	end->fd = -1;
	end_told(c);
}

static void on_end(void *arg, pid_t pid, int status)
{
	struct console_child *c = arg;

	(void)pid;
	c->pid = 0;
	c->source = NULL;	/* the loop removes it behind us */
	c->status = status;
	end_told(c);
}

/* ---- the beginning ---- */

/* behind fork: default signals, a process group of its own, outputs into the pipes */
static void become(char **argv, const int *out, const int *err)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	int signo, null = open("/dev/null", O_RDONLY);
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	for (signo = 1; signo < NSIG; signo++)
		sigaction(signo, &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null, STDIN_FILENO);
	dup2(out[1], STDOUT_FILENO);
	dup2(err[1], STDERR_FILENO);
	limit_restore_files();
	execv("/proc/self/exe", argv);
	_exit(127);
}

static int start_child(struct console_child *c, char **argv, struct error *err)
{
	int fds[2][2] = { { -1, -1 }, { -1, -1 } }, i;

	for (i = 0; i < 2; i++) {
		if (pipe2(fds[i], O_CLOEXEC) != 0)
			goto fail;
		c->ends[i].fd = fds[i][0];
	}
	fflush(stdout);
	c->pid = fork();
	if (c->pid == 0)
		become(argv, fds[0], fds[1]);
	if (c->pid < 0)
		goto fail;
	setpgid(c->pid, c->pid);
	for (i = 0; i < 2; i++) {
		close(fds[i][1]);
		fds[i][1] = -1;
		c->ends[i].source = loop_add_fd(c->h->loop, fds[i][0], EPOLLIN, on_output,
			&c->ends[i], err);
	}
	c->source = loop_add_child(c->h->loop, c->pid, on_end, c, err);
	return c->source && c->ends[0].source && c->ends[1].source ? 0 : -1;
fail:
	error_sys(err, "E-LIMIT", errno, "start a script");
	for (i = 0; i < 2; i++) {
		if (fds[i][1] >= 0)
			close(fds[i][1]);
	}
	c->pid = 0;
	return -1;
}

static struct console_child *child_new(struct host *h)
{
	struct console_child *c = mem_alloc(sizeof(*c));
	int i;

	c->h = h;
	c->on_line = c->on_end = LUA_NOREF;
	for (i = 0; i < 2; i++) {
		c->ends[i].child = c;
		c->ends[i].fd = -1;
		buf_init(&c->ends[i].rest);
	}
	return c;
}

static void add_option(char **argv, size_t *n, const char *name, const char *value)
{
	argv[(*n)++] = (char *)name;
	argv[(*n)++] = (char *)value;
}

/* the script is to run with the options that the prompt has; count */
static size_t add_options(char **argv, size_t n, const struct host_options *opts)
{
	size_t i;

	if (opts->headers)
		add_option(argv, &n, "--headers", opts->headers);
	if (opts->compiler)
		add_option(argv, &n, "--cc", opts->compiler);
	if (opts->cache_dir)
		add_option(argv, &n, "--cache", opts->cache_dir);
	if (opts->no_cache)
		argv[n++] = (char *)"--no-cache";
	if (opts->destructive)
		argv[n++] = (char *)"--destructive";
	for (i = 0; i < opts->n_include; i++)
		add_option(argv, &n, "-I", opts->include[i]);
	return n;
}

/* our options and the words at idx as argv; scratch memory of Lua, pushed */
static char **push_argv(lua_State *L, int idx)
{
	const struct host_options *opts = host_of(L)->opts;
	lua_Integer words = lua_rawlen(L, idx), i;
	size_t n = 0, most = words + 2 * opts->n_include + MAX_OPTIONS;
	char **argv = lua_newuserdatauv(L, most * sizeof(*argv), 0);

	argv[n++] = (char *)"moontrace";
	n = add_options(argv, n, opts);
	for (i = 1; i <= words; i++) {
		lua_rawgeti(L, idx, i);
		argv[n++] = (char *)luaL_checkstring(L, -1);	/* the table holds it */
		lua_pop(L, 1);
	}
	argv[n] = NULL;
	return argv;
}

int console_spawn(lua_State *L)
{
	struct error err = ERROR_INIT;
	struct console_child **ud;
	char **argv;

	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checktype(L, 2, LUA_TFUNCTION);
	luaL_checktype(L, 3, LUA_TFUNCTION);
	lua_settop(L, 3);
	argv = push_argv(L, 1);
	ud = lua_newuserdatauv(L, sizeof(*ud), 0);
	*ud = NULL;
	luaL_setmetatable(L, TYPE_CHILD);
	*ud = child_new(host_of(L));
	(*ud)->held = true;
	lua_pushvalue(L, 2);
	(*ud)->on_line = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushvalue(L, 3);
	(*ud)->on_end = luaL_ref(L, LUA_REGISTRYINDEX);
	if (start_child(*ud, argv, &err))
		return raise_error(L, &err);
	return 1;
}

/* ---- the value ---- */

static struct console_child *check_child(lua_State *L)
{
	return *(struct console_child **)luaL_checkudata(L, 1, TYPE_CHILD);
}

/* child:signal(number) -> was it still there? */
static int child_signal(lua_State *L)
{
	struct console_child *c = check_child(L);

	lua_pushboolean(L, c->pid > 0 && kill(-c->pid, luaL_checkinteger(L, 2)) == 0);
	return 1;
}

static int child_pid(lua_State *L)
{
	lua_pushinteger(L, check_child(L)->pid);
	return 1;
}

/* a child that has not ended is told to, and then left to itself */
static int child_gc(lua_State *L)
{
	struct console_child **ud = luaL_checkudata(L, 1, TYPE_CHILD), *c = *ud;

	*ud = NULL;
	if (!c)
		return 0;
	c->held = false;
	if (c->pid > 0)
		kill(-c->pid, SIGTERM);
	if (c->told || c->pid == 0)
		child_free(c);
	return 0;
}

void open_console_child(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "pid", child_pid },
		{ "signal", child_signal },
		{ NULL, NULL },
	};
	static const luaL_Reg meta[] = {
		{ "__gc", child_gc },
		{ NULL, NULL },
	};

	new_type(L, TYPE_CHILD, methods, meta);
}
