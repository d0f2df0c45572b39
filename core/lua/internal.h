/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of core/lua share; nobody else includes it. */
#ifndef LUA_INTERNAL_H
#define LUA_INTERNAL_H

#include <signal.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "base/table.h"
#include "load/load.h"
#include "loop/loop.h"
#include "lua/host.h"
#include "symbol/symbol.h"

struct editor;
struct program;
struct screen;
struct timer;
struct tracer;

struct host {
	lua_State *L;
	const struct host_options *opts;
	struct loop *loop;
	struct symbolizer *symbols;
	struct target *target;		/* NULL until host_target() */
	struct session *session;	/* NULL until the first program */
	struct dry *dry;		/* NULL unless this is a dry run */
	struct program *programs;	/* in order of loading */
	struct timer *timers;
	struct tracer *tracers;		/* that are open */
	uint64_t trace_lost;		/* of those that are closed */
	struct editor *editor;		/* of the prompt, or NULL: no prompt */
	struct screen *screen;		/* of a live view, or NULL */
	struct source *end;		/* timer of bpf.run(seconds), or NULL */
	enum output_format format;

	int wake_fd;			/* eventfd: a signal came */
	const char *line;		/* of -e, if that is what runs */
	bool running;			/* inside bpf.run */
	bool ran;			/* bpf.run was called at all */
	bool stopped;			/* stop asked for */
	bool broken_pipe;		/* stdout has no reader */
	int output_error;		/* errno of a failed write to stdout, or 0 */
	bool lost;			/* a run lost something */
	bool said_headers, said_formats; /* that they are of another kernel */
	int failure;			/* registry ref of a callback's error, or LUA_NOREF */
};

static inline struct host *host_of(lua_State *L)
{
	return *(struct host **)lua_getextraspace(L);
}

/* ---- errors and calls ---- */

/* raises err as an error value with fields tag, message, hint, status; clears err */
int raise_error(lua_State *L, struct error *err);
/* the world's failures: nil, message, tag. Clears err; returns 3 */
int push_failure(lua_State *L, struct error *err);
/*
 * Calls the function under nargs arguments with a traceback. True if it
 * went well. Else the error is kept as the run's failure, the loop stops,
 * and nothing is left on the stack.
 */
bool host_call(struct host *h, int nargs, int nresults);
/* a signal or bpf.stop ended the run, or nobody reads our output any more */
bool host_should_stop(struct host *h);
/* signal that asked us to stop, or 0 */
int host_signal(void);
/* at the prompt: Ctrl-C has been answered. True if there was one */
bool host_take_interrupt(struct host *h);
/* raises "interrupted", of which nothing is printed */
int raise_interrupted(lua_State *L);
/* Lua code that runs on behind a signal is not counted as hanging any more */
void host_end_interrupt(struct host *h);
void host_flush(struct host *h);
/* 1-based line in the file of a chunk where text stands verbatim; the file's
 * name is pushed. 0 if the text was made by the script: then a name for it is pushed. */
unsigned host_locate_text(lua_State *L, const char *text);

/* pushes "FILE:LINE" of the innermost Lua function, or nil */
void host_push_position(lua_State *L);

/* how the host's options want texts compiled */
struct build_options;
void host_build_options(struct host *h, struct build_options *ret);

/* ---- objects: each pushes a userdata ---- */

/* every userdata that holds a kernel thing starts with a pointer, NULL once closed */
void *check_open(lua_State *L, int idx, const char *type);
/* registers a metatable with methods, __gc and __close */
void new_type(lua_State *L, const char *type, const luaL_Reg *methods, const luaL_Reg *meta);

#define TYPE_PROGRAM "moontrace.program"
#define TYPE_MAP "moontrace.map"
#define TYPE_LINK "moontrace.link"
#define TYPE_COLUMNS "moontrace.columns"
#define TYPE_ERROR "moontrace.error"

void open_error(lua_State *L);
int open_bpf(lua_State *L);
int open_debuginfo(lua_State *L);
void open_program(lua_State *L);
void open_map(lua_State *L);
void open_link(lua_State *L);
void open_timers(lua_State *L);
int open_out(lua_State *L);
int open_probes(lua_State *L);
int open_oneliner(lua_State *L);
/* one-liners as globals; raises */
void oneliner_globals(lua_State *L);
/* pushes a function that waits for the one-liners that run */
void oneliner_push_wait(lua_State *L);
/* of the message at 1, raised by a line of -e: adds what was meant to it; true if there is no more
 * to say, as all of the user's is in the message */
bool oneliner_error(lua_State *L, const char *line);
/* most probes of one pattern */
unsigned host_max_probes(const struct host *h);
/* on a terminal, how far attaching many probes has come */
void host_progress(size_t done, size_t all);
int open_screen(lua_State *L);
/* gives the terminal back; in vain where nobody has it */
void screen_close(struct host *h);
void open_shell(lua_State *L);
int open_sys(lua_State *L);
/* a function of module sys, and what open_sys needs for it */
int sys_lines(lua_State *L);
void open_lines(lua_State *L);
int open_ftrace(lua_State *L);
int open_console(lua_State *L);
void open_modules(lua_State *L);

/* a program as Lua sees it: a unit, and what hangs on its maps */
struct program {
	struct program *next;
	struct unit *unit;
	bool attached;			/* its self-attaching functions are */
	bool of_run;			/* since this bpf.run at the prompt */
	unsigned delivering;		/* callbacks of its events that are running */
};
int program_push(lua_State *L, struct object *obj);	/* takes obj; raises */
/* the host's session, made when it is first needed */
struct session *host_session(struct host *h, struct error *err);
/* symbol_user(), but nothing is known where pid is not as /proc has it */
bool host_symbol_user(struct host *h, uint32_t pid, uint64_t addr, struct symbol *ret);
/* attaches what attaches by itself, once; raises */
void program_attach(lua_State *L, struct program *p);

/*
 * Is the function of a program that is being loaded in bpf.load's `optional`?
 * Or, `of_kernel`, one that attaches to that function of the kernel?
 */
bool program_is_optional(lua_State *L, const char *function, bool of_kernel);
#define OPTIONAL_KEY "moontrace.optional"	/* the list, in the registry */

/* pushes the map of a program (each map has one userdata, kept in the
 * program's user value table) */
void map_push(lua_State *L, struct program *p, struct map *map);
/* pushes a link over `n` links of the program at stack index 1; takes both arrays */
void link_push(lua_State *L, struct link **links, size_t n, char **failed, size_t n_failed);
/* program index of the function named at stack index idx; raises E-PROGRAM */
size_t check_function(lua_State *L, struct program *p, int idx);

/* ---- bpf.load's field usdt ---- */

struct request;
/* the list of rows on the stack, which stays; for this load. Raises E-PROBE, E-FILE */
void usdt_read(lua_State *L, struct request *req);
void usdt_forget(lua_State *L);			/* a load begins: no rows yet */
void usdt_set(lua_State *L, struct unit *u);	/* what the rows say of its programs */
/* arguments of program:usdt(function [, {path=, pid=}]); NULL and -1 if not given */
void usdt_options(lua_State *L, const char **ret_path, int *ret_pid);

/* ---- dry runs: what stands in for the verbs that touch the kernel ---- */

struct request;
struct dry *dry_new(struct host *h);
void dry_free(struct dry *d);			/* NULL is fine */
void open_dry(lua_State *L);
/* for the request at stack index idx: pushes the double of a program; raises */
int dry_load(lua_State *L, int idx);
int dry_run(lua_State *L);			/* bpf.run */
int dry_probe(lua_State *L, const char *spec);	/* bpf.probe */
void dry_traces(struct dry *d);			/* ftrace.open */
int dry_exit(lua_State *L, int status);		/* os.exit */
/* the script's standard files are held back between these two */
void dry_begin(struct dry *d);
void dry_end(struct dry *d);
/* the error value on the stack that ended the script is put down and popped: its exit status */
int dry_failed(struct host *h);
/* is the value at idx what ends a script that has no more to say? */
bool dry_is_end(lua_State *L, int idx);

/* the line editor of a prompt, before the Lua state is made; E-LIMIT */
bool console_open(struct host *h, struct error *err);
void console_close(struct host *h);		/* behind the Lua state; NULL editor is fine */

/* timers wait for the run to begin, but not at the prompt; one whose function
 * returns this light userdata ticks no more */
#define TIMER_DONE ((void *)timers_start)
bool timers_start(struct host *h, struct error *err);
void timers_stop(struct host *h);
void timers_free(struct host *h);

/* they trace no more, and what is in their buffers is delivered */
void tracers_stop(struct host *h);
void tracers_close(struct host *h);		/* what cannot be put back is said */
uint64_t tracers_lost(struct host *h);	/* records that the kernel threw away */

/* a sink of out.columns: prepares it for values of this plan; raises E-FIELD.
 * Returned pointer is owned by the userdata at idx. NULL if it is no sink */
struct columns;
struct columns *columns_prepare(lua_State *L, int idx, const struct types *types,
	const struct plan *plan);
/*
 * For the entries of a map, whose fields are "key", "value" and what is in
 * them; prints the heading once. The same columns may show the same map
 * again. Raises E-FIELD
 */
struct columns *columns_prepare_entries(lua_State *L, int idx, const void *map,
	const struct plan *key, const struct plan *value);
bool columns_need_table(const struct columns *cs);
/* entry: stack index of the entry as a table if one is needed. False: a column's function failed */
bool columns_entry(struct host *h, struct columns *cs, const void *key, const void *value,
	int entry);
/* the map that they were prepared for is closed */
void columns_release(struct columns *c);
void columns_header(struct host *h, struct columns *c);
void columns_event(struct host *h, struct columns *c, const void *data, int cpu);

#endif
