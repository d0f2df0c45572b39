/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/load on the running kernel: programs are assembled here, attached to
 * what every kernel has (tracepoints, uprobes, software events), and counted.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "expect.h"
#include "fds.h"
#include "insns.h"
#include "kernel/feature.h"
#include "kernel/kernel.h"
#include "load/internal.h"

enum { CALLS = 10007 };

#define GETPPID "tracepoint:syscalls:sys_enter_getppid"

static struct loop *loop;
static struct symbolizer *symbols;

static struct session *new_session(void)
{
	struct session *s = session_new(loop, symbols, NULL, &err);

	assert_non_null(s);
	return s;
}

static struct object *new_object(void)
{
	struct object *obj = object_new();

	free(obj->license);
	obj->license = mem_string("GPL");
	free(obj->source_name);
	obj->source_name = mem_string("script.lua");
	return obj;
}

static struct unit *open_unit(struct session *s, struct object *obj)
{
	struct unit *u = unit_open(s, obj, &err);

	if (!u)
		fail_msg("unit_open: %s", err.text);
	return u;
}

/* one counter, and a program that counts what this process does */
static struct object *counting_object(const char *probe)
{
	struct object *obj = new_object();
	struct bpf_insn insns[] = {
		ONLY_TGID(getpid(), COUNT_LEN), COUNT(0, 0), RETURN,
	};

	add_map(obj, "counts", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	add_program(obj, "on_hit", probe, insns, ARRAY_SIZE(insns));
	return obj;
}

static uint64_t counted(struct unit *u, uint32_t slot)
{
	struct map *m = unit_map_at(u, 0);
	uint64_t v = 0;

	assert_int_equal(map_lookup(m, &slot, &v, &err), 1);
	return v;
}

static void call_getppid(unsigned n)
{
	while (n-- > 0)
		syscall(SYS_getppid);
}

static void attach(struct unit *u, size_t program, const char *spec)
{
	struct link *l = NULL;
	struct probe p;

	OK(probe_parse(spec, &p, &err));
	l = link_attach(u, program, &p, &err);
	if (!l)
		fail_msg("%s: %s", spec, err.text);
	assert_string_equal(link_spec(l), spec);
	probe_release(&p);
}

/* ---- what is left behind ---- */

/* programs or maps of the system whose name has our prefix */
static unsigned count_ours(int (*next)(__u32, __u32 *), int (*get)(__u32), const char *prefix)
{
	unsigned id = 0, n = 0;

	while (next(id, &id) == 0) {
		int fd = get(id);
		union {
			struct bpf_prog_info prog;
			struct bpf_map_info map;
		} info;
		uint32_t len = sizeof(info);

		if (fd < 0)
			continue;
		memset(&info, 0, sizeof(info));
		bpf_obj_get_info_by_fd(fd, &info, &len);
		n += strncmp(next == bpf_prog_get_next_id ? info.prog.name : info.map.name,
			prefix, strlen(prefix)) == 0;
		close(fd);
	}
	return n;
}

/* the kernel frees programs and maps a moment after the last descriptor */
static unsigned left_behind(const char *prefix)
{
	unsigned tries, n = 1;

	for (tries = 0; n > 0 && tries < 100; tries++) {
		n = count_ours(bpf_prog_get_next_id, bpf_prog_get_fd_by_id, prefix) +
			count_ours(bpf_map_get_next_id, bpf_map_get_fd_by_id, prefix);
		if (n > 0)
			usleep(20000);
	}
	return n;
}

/* ---- counting ---- */

static void test_tracepoint(void **state)
{
	struct session *s = new_session();
	struct unit *u = open_unit(s, counting_object(GETPPID));

	OK(unit_attach_auto(u, &err));
	call_getppid(CALLS);
	session_stop(s);
	call_getppid(100);
	assert_int_equal(counted(u, 0), CALLS);
	session_free(s);
}

static bool have_raw(void)
{
	return !load_as_old_kernel && feature_have(FEATURE_RAW_TRACEPOINT);
}

static void test_raw_tracepoint(void **state)
{
	struct session *s = new_session();
	struct object *obj = new_object();
	/* arguments: struct pt_regs *, long id */
	struct bpf_insn insns[] = {
		LDX(6, 1, 8), JNEI(6, SYS_getppid, 3 + COUNT_LEN),
		ONLY_TGID(getpid(), COUNT_LEN), COUNT(0, 0), RETURN,
	};
	struct unit *u;
	struct probe p;

	add_map(obj, "counts", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	add_program(obj, "raw", "raw_tracepoint:sys_enter", insns, ARRAY_SIZE(insns));
	u = open_unit(s, obj);
	/* no tracepoint can stand in for it */
	if (!have_raw()) {
		REFUSED(unit_attach_auto(u, &err), "E-FEATURE");
		assert_non_null(strstr(err.text, "instruction 0: this kernel has no raw"));
		assert_non_null(strstr(err.hint, "TRACEPOINT_PROBE"));
		error_clear(&err);
		session_free(s);
		return;
	}
	OK(unit_attach_auto(u, &err));
	call_getppid(CALLS);
	session_stop(s);
	assert_int_equal(counted(u, 0), CALLS);

	OK(probe_parse("raw_tracepoint:sys_enterr", &p, &err));
	REFUSED(!link_attach(u, 0, &p, &err), "E-PROBE");
	assert_non_null(strstr(err.hint, "'sys_enter'"));
	p.optional = true;
	error_clear(&err);
	assert_null(link_attach(u, 0, &p, &err));
	assert_null(err.tag);
	probe_release(&p);
	session_free(s);
}

static void refuse_raw(struct unit *u, const char *spec, bool optional, const char *text)
{
	struct probe p;

	OK(probe_parse(spec, &p, &err));
	p.optional = optional;
	assert_null(link_attach(u, 0, &p, &err));
	if (optional) {
		assert_null(err.tag);
	} else {
		assert_string_equal(err.tag, "E-PROBE");
		assert_non_null(strstr(err.text, text));
	}
	error_clear(&err);
	probe_release(&p);
}

/* a program that does not look at its context: old kernels have a tracepoint for it */
static void test_raw_without_context(void **state)
{
	struct session *s = new_session();
	struct unit *u = open_unit(s, counting_object(NULL));
	struct probe p;
	struct link *l;

	OK(probe_parse("raw_tracepoint:sys_enter", &p, &err));
	l = link_attach(u, 0, &p, &err);
	assert_non_null(l);
	assert_string_equal(link_spec(l), have_raw() ? "raw_tracepoint:sys_enter" :
		"tracepoint:raw_syscalls:sys_enter");
	assert_true(unit_is_attached(u, 0));
	call_getppid(CALLS);
	link_detach(l);
	assert_false(unit_is_attached(u, 0));
	/* detaching is calls, too */
	assert_in_range(counted(u, 0), CALLS, CALLS + 100);
	probe_release(&p);
	refuse_raw(u, "raw_tracepoint:sys_enterr", false, "no raw tracepoint 'sys_enterr'");
	refuse_raw(u, "raw_tracepoint:sys_enterr", true, NULL);
	session_free(s);
}

/* functions that attach by themselves, and need not */
static void test_optional(void **state)
{
	struct session *s = new_session();
	struct object *obj = counting_object("tracepoint:sched:no_such_event");
	struct bpf_insn insns[] = { RETURN };
	struct unit *u;

	add_program(obj, "there", GETPPID, insns, ARRAY_SIZE(insns));
	u = open_unit(s, obj);
	REFUSED(unit_check_auto(u, &err), "E-PROBE");
	error_clear(&err);
	unit_set_optional(u, 1);
	REFUSED(unit_attach_auto(u, &err), "E-PROBE");
	error_clear(&err);
	unit_set_optional(u, 0);
	OK(unit_check_auto(u, &err));
	OK(unit_attach_auto(u, &err));
	assert_false(unit_is_attached(u, 0));
	assert_true(unit_is_attached(u, 1));
	session_stop(s);
	assert_true(unit_is_attached(u, 1));
	session_free(s);
}

int probed_function(int x);

__attribute__((noinline)) int probed_function(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 1;
}

static void call_probed(unsigned n)
{
	int x = 0;

	while (n-- > 0)
		x = probed_function(x);
	assert_true(x >= 0);
}

static void check_uprobe(const char *kind, const char *what, const char *suffix)
{
	struct session *s = new_session();
	struct unit *u = open_unit(s, counting_object(NULL));
	char self[4096], *spec;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	spec = mem_format("%s:%s:%s%s", kind, self, what, suffix);
	attach(u, 0, spec);
	call_probed(CALLS);
	session_stop(s);
	call_probed(100);
	assert_int_equal(counted(u, 0), CALLS);
	session_free(s);
	free(spec);
}

static void test_uprobe(void **state)
{
	char *pid = mem_format(",pid=%d", getpid()), *address;
	uint64_t offset;

	check_uprobe("uprobe", "probed_function", "");
	check_uprobe("uretprobe", "probed_function", "");
	check_uprobe("uprobe", "probed_function", pid);
	OK(symbol_file_offset("/proc/self/exe", "probed_function", &offset, &err));
	address = mem_format("0x%llx", (unsigned long long)offset);
	check_uprobe("uprobe", address, "");
	free(address);
	free(pid);
}

/* another process with the same program is not counted */
static void test_uprobe_other_pid(void **state)
{
	struct session *s = new_session();
	struct object *obj = new_object();
	struct bpf_insn insns[] = { COUNT(0, 0), RETURN };
	int go[2], status;
	char *spec, self[4096] = "", c = 0;
	struct unit *u;
	pid_t pid;

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	assert_int_equal(pipe(go), 0);
	pid = fork();
	if (pid == 0) {
		ssize_t n = read(go[0], &c, 1);

		call_probed(n == 1 ? 50 : 0);
		_exit(0);
	}
	add_map(obj, "counts", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	add_program(obj, "any", NULL, insns, ARRAY_SIZE(insns));
	u = open_unit(s, obj);
	spec = mem_format("uprobe:%s:probed_function,pid=%d", self, pid);
	attach(u, 0, spec);
	call_probed(1000);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	session_stop(s);
	assert_int_equal(counted(u, 0), 50);
	session_free(s);
	close(go[0]);
	close(go[1]);
	free(spec);
}

/* uses so much time of a CPU, however long that takes */
static void spin(double seconds)
{
	clock_t end = clock() + seconds * CLOCKS_PER_SEC;

	while (clock() < end)
		;
}

static void test_perf_events(void **state)
{
	struct session *s = new_session();
	struct unit *u = open_unit(s, counting_object(NULL));
	uint64_t n;
	char *page;
	int i;

	attach(u, 0, "profile:199");
	spin(0.3);
	session_stop(s);
	n = counted(u, 0);
	assert_in_range(n, 10, 90);	/* 60; fewer on a busy machine */
	spin(0.1);
	assert_int_equal(counted(u, 0), n);

	page = mmap(NULL, 100 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(page, 100 * 4096, MADV_NOHUGEPAGE);
	attach(u, 0, "perf_event:page-faults:1");
	for (i = 0; i < 100; i++)
		page[i * 4096] = 1;
	session_stop(s);
	assert_in_range(counted(u, 0) - n, 100, 150);
	munmap(page, 100 * 4096);
	session_free(s);
}

static void test_interval(void **state)
{
	struct session *s = new_session();
	struct object *obj = new_object();
	struct bpf_insn insns[] = { COUNT(0, 0), RETURN };
	uint64_t start, before, expected, n;
	struct unit *u;

	add_map(obj, "counts", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	add_program(obj, "tick", "interval:10ms", insns, ARRAY_SIZE(insns));
	u = open_unit(s, obj);
	OK(unit_attach_auto(u, &err));
	before = counted(u, 0);
	start = loop_now();
	usleep(500000);
	n = counted(u, 0) - before;
	/* a busy machine makes the timer late, never early */
	expected = (loop_now() - start) / 10000000;
	assert_in_range(n, 10, expected + 1);
	session_stop(s);
	n = counted(u, 0);
	usleep(50000);
	assert_int_equal(counted(u, 0), n);
	session_free(s);
}

/* ---- refusals ---- */

static void test_near_names(void **state)
{
	static const struct {
		const char *spec, *tag, *near;
	} rows[] = {
		{ "tracepoint:syscalls:sys_enter_getpid1", "E-PROBE",
			"'syscalls:sys_enter_getpid'" },
		{ "tracepoint:nowhere", "E-PROBE", NULL },
		{ "uprobe:/proc/self/exe:probed_functoin", "E-PROBE", "'probed_function'" },
		{ "uprobe:/no/such/file:f", NULL, NULL },
		{ "perf:page-fault:1", "E-PROBE", "'page-faults'" },
		{ "perf:cpu-clock", "E-PROBE", NULL },
		{ "interval:1us", "E-PROBE", NULL },
		{ "profile:1000000000", "E-ATTACH", NULL },
	};
	struct session *s = new_session();
	struct unit *u = open_unit(s, counting_object(NULL));
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct probe p;

		OK(probe_parse(rows[i].spec, &p, &err));
		assert_null(link_attach(u, 0, &p, &err));
		assert_non_null(err.tag);
		if (rows[i].tag)
			assert_string_equal(err.tag, rows[i].tag);
		if (rows[i].near)
			assert_non_null(strstr(err.hint ? err.hint : "", rows[i].near));
		probe_release(&p);
		error_clear(&err);
	}
	session_free(s);
}

static void test_kprobe(void **state)
{
	struct session *s = new_session();
	struct unit *u = open_unit(s, counting_object("kprobe:vfs_reed"));

	assert_int_equal(unit_attach_auto(u, &err), -1);
	if (feature_answer(FEATURE_KPROBES, NULL) == ANSWER_NO) {
		assert_string_equal(err.tag, "E-FEATURE");
		assert_non_null(strstr(err.text, "no kprobes"));
	} else {
		assert_string_equal(err.tag, "E-PROBE");
		assert_non_null(strstr(err.hint, "'vfs_read'"));
	}
	/* nothing was tried before the check */
	assert_int_equal(u->n_loaded, 0);
	error_clear(&err);
	session_free(s);
}

/* a kprobe of a function that every kernel has, where kprobes are */
static void test_kprobe_counts(void **state)
{
	static const char *const names[] = { "__x64_sys_getppid", "__arm64_sys_getppid",
		"sys_getppid" };
	struct session *s = new_session();
	struct unit *u;
	size_t i;

	if (!feature_have(FEATURE_KPROBES)) {
		session_free(s);
		skip();
	}
	for (i = 0; i < 2 && !kernel_function(symbols, names[i], NULL); i++)
		;
	u = open_unit(s, counting_object(NULL));
	for (int ret = 0; ret < 2; ret++) {
		char *spec = mem_format("%s:%s", ret ? "kretprobe" : "kprobe", names[i]);
		uint64_t before = counted(u, 0);

		attach(u, 0, spec);
		call_getppid(CALLS);
		session_stop(s);
		call_getppid(100);
		assert_int_equal(counted(u, 0) - before, CALLS);
		free(spec);
	}
	session_free(s);
}

static void test_verifier(void **state)
{
	struct session *s = new_session();
	struct object *obj = new_object();
	struct bpf_insn bad[] = { MOVI(1, 5), LDX(2, 1, 0), RETURN };
	struct bpf_insn loop_insns[] = { MOVI(0, 0), JA(-2), EXIT };
	struct object_program *prog = add_program(obj, "on_bad", NULL, bad, ARRAY_SIZE(bad));
	struct object_line *line = MEM_GROW(prog->lines, prog->n_lines);
	struct unit *u;
	char *text;

	*line = (struct object_line){ 0, 30, 2 };
	line = MEM_GROW(prog->lines, prog->n_lines);
	*line = (struct object_line){ 1, 31, 9 };
	add_program(obj, "on_loop", NULL, loop_insns, ARRAY_SIZE(loop_insns));
	u = open_unit(s, obj);
	REFUSED(unit_load(u, 0, BPF_PROG_TYPE_TRACEPOINT, 0, 0, &err) < 0, "E-VERIFIER");
	assert_true(strstr(err.text, "program 'on_bad' refused by the kernel's verifier: "
		"R1 invalid mem access '") == err.text);
	assert_non_null(strstr(err.text, "\n  at script.lua:31:9\n"));
	assert_null(strstr(err.text, "processed "));
	text = error_format(&err);
	print_message("%s\n", text);
	free(text);
	REFUSED(unit_load(u, 1, BPF_PROG_TYPE_TRACEPOINT, 0, 0, &err) < 0, "E-VERIFIER");
	assert_non_null(strstr(err.text, "program 'on_loop' refused"));
	session_free(s);

	s = session_new(loop, symbols, &(struct session_options){ .verbose = true }, &err);
	obj = new_object();
	add_program(obj, "on_bad", NULL, bad, ARRAY_SIZE(bad));
	u = open_unit(s, obj);
	REFUSED(unit_load(u, 0, BPF_PROG_TYPE_TRACEPOINT, 0, 0, &err) < 0, "E-VERIFIER");
	assert_non_null(strstr(err.text, "\n  at instruction 1\n"));
	assert_non_null(strstr(err.text, "\n0: (b7) r1 = 5"));
	error_clear(&err);
	session_free(s);
}

static void check_log(const char *log, const char *want, const char *place)
{
	struct object *obj = new_object();
	struct bpf_insn insns[] = { CALL(BPF_FUNC_get_stack), CALL(BPF_FUNC_ktime_get_ns), RETURN };
	struct object_program *prog = add_program(obj, "p", NULL, insns, ARRAY_SIZE(insns));
	bool advised = strstr(want, "#67") != NULL;

	verifier_explain(obj, prog, log, 22, false, &err);
	assert_non_null(strstr(err.text, want));
	assert_int_equal(err.hint && strstr(err.hint, "stacks.get_stackid(") != NULL, advised);
	assert_non_null(strstr(err.text, place));
	error_clear(&err);
	object_free(obj);
}

/* logs as old kernels write them */
static void test_verifier_logs(void **state)
{
	check_log("0: (85) call unknown#67\ninvalid func unknown#67\n",
		"verifier: invalid func unknown#67", "at instruction 0\n");
	check_log("0: (85) call bpf_get_stack#67\nunknown func bpf_get_stack#67\n",
		"verifier: unknown func bpf_get_stack#67", "at instruction 0\n");
	check_log("0: (bf) r6 = r1\n1: (85) call unknown#80\ninvalid func unknown#80\n",
		"verifier: invalid func unknown#80", "at instruction 1\n");
	check_log("back-edge from insn 20 to 10\n", "verifier: back-edge from insn 20 to 10",
		"at instruction 20");
	check_log("5: (07) r1 += 4\nBPF program is too large. Processed 131073 insn\n"
		"processed 131073 insns, stack depth 8\n", "too large", "at instruction 5");
}

static void test_destructive(void **state)
{
	struct bpf_insn insns[] = {
		MOVI(1, 0), MOV(2, 10), ADDI(2, -8), STDW(10, -8, 0), MOVI(3, 8),
		CALL(BPF_FUNC_probe_write_user), RETURN,
	};
	struct session *s = new_session();
	struct object *obj = new_object();

	add_program(obj, "writes", NULL, insns, ARRAY_SIZE(insns));
	REFUSED(unit_load(open_unit(s, obj), 0, BPF_PROG_TYPE_TRACEPOINT, 0, 0, &err) < 0,
		"E-PERM");
	assert_non_null(strstr(err.hint, "--destructive"));
	error_clear(&err);
	session_free(s);
}

static void test_map_refused(void **state)
{
	struct session *s = new_session();
	struct object *obj = new_object();

	add_map(obj, "odd", 4000, 4, 8, 1);
	REFUSED(!unit_open(s, obj, &err), "E-FEATURE");
	obj = new_object();
	add_map(obj, "first", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	add_map(obj, "empty", BPF_MAP_TYPE_HASH, 4, 8, 0);
	REFUSED(!unit_open(s, obj, &err), "E-LIMIT");
	assert_non_null(strstr(err.text, "'empty'"));
	error_clear(&err);
	assert_null(s->newest);
	session_free(s);
}

/* what somebody without capabilities is told */
static void test_no_permission(void **state)
{
	int status = -1;
	pid_t pid;

	/* anybody may make maps here */
	if (read_number_file("/proc/sys/kernel/unprivileged_bpf_disabled") == 0)
		skip();
	pid = fork();
	if (pid == 0) {
		struct session *s = new_session();
		struct object *obj = counting_object(GETPPID);
		bool good = setgid(65534) == 0 && setuid(65534) == 0 && !unit_open(s, obj, &err) &&
			strcmp(err.tag, "E-PERM") == 0 && strstr(err.text, "'counts'") &&
			strstr(err.text, "CAP_") && err.hint;

		_exit(good ? 0 : 9);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_specs(void **state)
{
	static const struct {
		const char *in, *out;	/* NULL: E-PROBE */
	} rows[] = {
		{ "kprobe:icmp_echo", "kprobe:icmp_echo" },
		{ "kprobe:icmp_echo+0x10", "kprobe:icmp_echo+0x10" },
		{ "kprobe:ip_vs:ip_vs_in", "kprobe:ip_vs:ip_vs_in" },
		{ "kretprobe:ip_vs:ip_vs_in", "kretprobe:ip_vs:ip_vs_in" },
		{ "kprobe:ip_vs:ip_vs_in+0x10", "kprobe:ip_vs:ip_vs_in+0x10" },
		{ "kprobe:icmp_echo+x", NULL },
		{ "kprobe:", NULL },
		{ "kretprobe:f", "kretprobe:f" },
		{ "tracepoint:irq:softirq_entry", "tracepoint:irq:softirq_entry" },
		{ "uprobe:/bin/bash:readline", "uprobe:/bin/bash:readline" },
		{ "uprobe:c:malloc,pid=7", "uprobe:c:malloc,pid=7" },
		{ "uprobe:c:malloc,pid=x", NULL },
		{ "uprobe:c:ns::f(int, char)", "uprobe:c:ns::f(int, char)" },
		{ "uretprobe:c:0x1234", "uretprobe:c:0x1234" },
		{ "uprobe:c", NULL },
		{ "perf:cycles:1000", "perf_event:cycles:1000" },
		{ "perf_event:cycles:99hz,cpu=1", "perf_event:cycles:99hz,cpu=1" },
		{ "perf:cycles:x", NULL },
		{ "profile:99", "profile:99" },
		{ "profile:99hz,cpu=0,pid=4", "profile:99,cpu=0,pid=4" },
		{ "profile:10ms", "profile:10ms" },
		{ "profile:", NULL },
		{ "interval:1s", "interval:1s" },
		{ "interval:1500ms", "interval:1500ms" },
		{ "interval:100hz", "interval:100hz" },
		{ "interval:0s", NULL },
		{ "interval:1m", NULL },
		{ "fentry:f", "fentry:f" },
		{ "kprob:f", NULL },
		{ "", NULL },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf out = BUF_INIT;
		struct probe p;

		if (!rows[i].out) {
			REFUSED(probe_parse(rows[i].in, &p, &err), "E-PROBE");
			error_clear(&err);
			continue;
		}
		OK(probe_parse(rows[i].in, &p, &err));
		probe_format(&p, &out);
		assert_string_equal(out.data, rows[i].out);
		probe_release(&p);
		buf_release(&out);
	}
	for (i = 0; provider_table[i]; i++) {
		assert_ptr_equal(provider_find(provider_table[i]->name), provider_table[i]);
		assert_non_null(provider_table[i]->check);
	}
}

/* ---- undo ---- */

static struct object *named_object(const char *prefix, const char *second)
{
	struct object *obj = new_object();
	struct bpf_insn insns[] = { COUNT(0, 0), RETURN };
	char *name = mem_format("%s_map", prefix);

	add_map(obj, name, BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	free(name);
	name = mem_format("%s_one", prefix);
	add_program(obj, name, GETPPID, insns, ARRAY_SIZE(insns));
	free(name);
	name = mem_format("%s_two", prefix);
	add_program(obj, name, second, insns, ARRAY_SIZE(insns));
	free(name);
	return obj;
}

static void test_undo(void **state)
{
	char *prefix = mem_format("u%d", getpid());
	unsigned fds = (unsigned)fds_count();
	struct session *s = new_session();
	struct unit *u;

	OK(unit_attach_auto(open_unit(s, named_object(prefix,
		"tracepoint:syscalls:sys_exit_getppid")), &err));
	assert_int_equal(count_ours(bpf_prog_get_next_id, bpf_prog_get_fd_by_id, prefix), 2);
	assert_int_equal(count_ours(bpf_map_get_next_id, bpf_map_get_fd_by_id, prefix), 1);
	session_free(s);
	assert_int_equal((unsigned)fds_count(), fds);
	assert_int_equal(left_behind(prefix), 0);

	/* the second of two fails to attach: the first is detached */
	s = new_session();
	u = open_unit(s, named_object(prefix, "raw_tracepoint:no_such_thing"));
	REFUSED(unit_attach_auto(u, &err), "E-PROBE");
	error_clear(&err);
	assert_ptr_equal(s->newest, &u->undo);
	call_getppid(10);
	assert_int_equal(counted(u, 0), 0);
	unit_close(u);
	assert_null(s->newest);
	assert_int_equal(left_behind(prefix), 0);
	session_free(s);
	assert_int_equal((unsigned)fds_count(), fds);
	free(prefix);
}

static void test_detach(void **state)
{
	struct session *s = new_session();
	struct unit *u = open_unit(s, counting_object(NULL));
	struct probe p = { .provider = "tracepoint", .name = "syscalls:sys_enter_getppid" };
	struct link *first = link_attach(u, 0, &p, &err), *second;

	assert_non_null(first);
	call_getppid(10);
	/* the kernel takes a program once at each tracepoint */
	REFUSED(!link_attach(u, 0, &p, &err), "E-ATTACH");
	assert_non_null(strstr(err.text, "already"));
	error_clear(&err);
	call_getppid(10);
	link_detach(first);
	call_getppid(10);
	assert_int_equal(counted(u, 0), 20);
	second = link_attach(u, 0, &p, &err);
	assert_non_null(second);
	assert_int_equal(u->n_loaded, 1);
	call_getppid(10);
	session_stop(s);
	call_getppid(10);
	assert_int_equal(counted(u, 0), 30);
	assert_string_equal(link_spec(second), GETPPID);
	assert_int_equal(link_missed(second), 0);
	link_detach(second);
	session_free(s);
}

/* ---- stopping: the closer may be at work for a second behind each of these ---- */

static const char *const quiet_calls[] = { "getpid", "getuid", "geteuid", "getgid", "getegid",
	"getppid", "gettid", "getpgid", "getsid", "getrlimit", "sysinfo", "times" };

static void attach_calls(struct unit *u)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(quiet_calls); i++) {
		char *spec = mem_format("tracepoint:syscalls:sys_enter_%s", quiet_calls[i]);

		attach(u, 0, spec);
		free(spec);
	}
}

/* all stop at the same moment, before the first is detached */
static void test_stop_many(void **state)
{
	struct session *s = new_session();
	struct unit *u = open_unit(s, counting_object(NULL));
	uint64_t start, took, n;

	attach_calls(u);
	start = loop_now();
	session_stop(s);
	took = loop_now() - start;
	n = counted(u, 0);
	call_getppid(100);
	assert_int_equal(counted(u, 0), n);
	assert_int_equal(u->n_loaded, 0);
	print_message("%zu tracepoints stopped in %.1f ms\n", ARRAY_SIZE(quiet_calls), took / 1e6);
	session_free(s);
}

/* without a descriptor for the socket nobody else can do it */
static void test_stop_without_child(void **state)
{
	struct session *s = new_session();
	struct unit *u = open_unit(s, counting_object(NULL));
	struct rlimit was, none;
	uint64_t n;

	attach_calls(u);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	session_stop(s);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	n = counted(u, 0);
	call_getppid(100);
	assert_int_equal(counted(u, 0), n);
	session_free(s);
}

/* a grace period takes its time, and the calls alone none to speak of */
static void test_wait_by_update(void **state)
{
	enum { WAITS = 5, LEAST_NS = 1000000 };
	uint64_t start = loop_now();
	unsigned i;

	if (kernel_version_code() < (4 << 16 | 20 << 8))
		skip();
	for (i = 0; i < WAITS; i++)
		assert_true(wait_by_update());
	print_message("%u waits took %.1f ms\n", WAITS, (loop_now() - start) / 1e6);
	assert_true(loop_now() - start > LEAST_NS);
}

struct faulting {
	volatile bool ends;
	pthread_t thread;
};

static void *fault(void *arg)
{
	struct faulting *f = arg;
	size_t size = 512 * 4096;
	char *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	madvise(page, size, MADV_NOHUGEPAGE);
	while (!f->ends) {
		for (i = 0; i < size; i += 4096)
			page[i] = 1;
		madvise(page, size, MADV_DONTNEED);
	}
	munmap(page, size);
	return NULL;
}

/* programs of page faults run in tasks, which the closing of the event does not wait for */
static void test_stop_faults(void **state)
{
	struct session *s = new_session();
	struct unit *u = open_unit(s, counting_object(NULL));
	struct faulting f = { 0 };
	uint64_t n = 0, before;
	unsigned run, tries;

	assert_int_equal(pthread_create(&f.thread, NULL, fault, &f), 0);
	for (run = 0; run < 20; run++) {
		before = n;
		attach(u, 0, "perf_event:page-faults:1");
		for (tries = 0; tries < 1000 && counted(u, 0) == before; tries++)
			usleep(5000);	/* the thread may have no CPU for a while */
		session_stop(s);
		n = counted(u, 0);
		usleep(1000);
		assert_int_equal(counted(u, 0), n);
		assert_true(n > before);
	}
	f.ends = true;
	pthread_join(f.thread, NULL);
	session_free(s);
}

/* what the first run left to its closer does not take part in the second */
static void test_stop_and_go(void **state)
{
	struct session *s = new_session();
	struct unit *u = open_unit(s, counting_object(NULL));
	unsigned run;

	for (run = 0; run < 3; run++) {
		uint64_t before = counted(u, 0);

		attach(u, 0, GETPPID);
		call_getppid(CALLS);
		session_stop(s);
		call_getppid(100);
		assert_int_equal(counted(u, 0) - before, CALLS);
	}
	session_free(s);
}

/* one of two links ends: its program goes on at the other */
static void test_detach_one(void **state)
{
	struct session *s = new_session();
	struct unit *u = open_unit(s, counting_object(NULL));
	struct probe p = { .provider = "tracepoint", .name = "syscalls:sys_exit_getppid" };
	struct link *other;

	attach(u, 0, GETPPID);
	other = link_attach(u, 0, &p, &err);
	assert_non_null(other);
	assert_int_equal(u->n_loaded, 1);
	call_getppid(10);
	link_detach(other);
	call_getppid(10);
	assert_int_equal(counted(u, 0), 30);
	session_stop(s);
	call_getppid(10);
	assert_int_equal(counted(u, 0), 30);
	session_free(s);
}

/* what old kernels take has no room for a gate on them: it stops nevertheless */
static void test_stop_largest(void **state)
{
	enum { LARGEST = 4096 };
	struct session *s = new_session();
	struct object *obj = new_object();
	struct bpf_insn first[] = { ONLY_TGID(getpid(), COUNT_LEN), COUNT(0, 0) }, *insns;
	size_t i;
	struct unit *u;

	insns = mem_array(LARGEST, sizeof(*insns));
	memcpy(insns, first, sizeof(first));
	for (i = ARRAY_SIZE(first); i < LARGEST - 1; i++)
		insns[i] = MOVI(0, 0);
	insns[i] = EXIT;
	add_map(obj, "counts", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	add_program(obj, "largest", GETPPID, insns, LARGEST);
	free(insns);
	u = open_unit(s, obj);
	OK(unit_attach_auto(u, &err));
	call_getppid(CALLS);
	session_stop(s);
	call_getppid(100);
	assert_int_equal(counted(u, 0), CALLS);
	session_free(s);
}

static bool is_closer(const char *pid)
{
	char comm[32], exe[4096] = "", self[4096] = "";
	char *path = mem_format("/proc/%s/comm", pid);
	FILE *f = fopen(path, "re");
	bool is = f && fgets(comm, sizeof(comm), f) && strcmp(comm, "mt-close\n") == 0;

	if (f)
		fclose(f);
	free(path);
	path = mem_format("/proc/%s/exe", pid);
	is = is && readlink(path, exe, sizeof(exe) - 1) > 0 &&
		readlink("/proc/self/exe", self, sizeof(self) - 1) > 0 && strcmp(exe, self) == 0;
	free(path);
	return is;
}

/* the number of processes that are at work for this program; the last of them is *ret */
static unsigned closers(int *ret)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	unsigned n = 0;

	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL) {
		if (atoi(d->d_name) > 0 && is_closer(d->d_name)) {
			*ret = atoi(d->d_name);
			n++;
		}
	}
	closedir(dir);
	return n;
}

static bool closers_end(void)
{
	unsigned tries;
	int pid;

	for (tries = 0; tries < 1500; tries++) {
		if (closers(&pid) == 0)
			return true;
		usleep(20000);
	}
	return false;
}

static void is_files_of_closer(int pid)
{
	char *path = mem_format("/proc/%d/fd", pid), target[256];
	DIR *dir = opendir(path);
	struct dirent *d;

	while (dir && (d = readdir(dir)) != NULL) {
		ssize_t n = readlinkat(dirfd(dir), d->d_name, target, sizeof(target) - 1);

		if (n < 0)
			continue;
		target[n] = '\0';
		if (!strstr(target, "perf_event") && !strstr(target, "bpf") &&
			!strstr(target, "socket:"))
			fail_msg("the closer has %s", target);
	}
	if (dir)
		closedir(dir);
	free(path);
}

/* it has no files of ours, is none of our children, and comes to its end */
static void test_closer(void **state)
{
	char *prefix = mem_format("c%d", getpid());
	struct session *s;
	int pid = 0;

	assert_true(closers_end());
	s = new_session();
	OK(unit_attach_auto(open_unit(s, named_object(prefix,
		"tracepoint:syscalls:sys_exit_getppid")), &err));
	session_stop(s);
	if (closers(&pid) > 0)
		is_files_of_closer(pid);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	session_free(s);
	assert_true(closers_end());
	assert_int_equal(left_behind(prefix), 0);
	free(prefix);
}

/* a tracepoint takes only so many programs, and the closers hold theirs */
static void test_closers_few(void **state)
{
	unsigned run, n, most = 0;
	struct session *s;
	struct unit *u;
	int pid;

	assert_true(closers_end());
	s = new_session();
	u = open_unit(s, counting_object(NULL));
	for (run = 0; run < CLOSERS_MOST + 4; run++) {
		attach_calls(u);
		session_stop(s);
		n = closers(&pid);
		most = n > most ? n : most;
	}
	print_message("at most %u closers\n", most);
	assert_in_range(most, 1, CLOSERS_MOST);
	session_free(s);
	assert_true(closers_end());
}

static void keep_locked_memory(rlim_t bytes)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];
	struct rlimit limit = { bytes, bytes };

	if (syscall(SYS_capget, &header, caps) < 0)
		_exit(2);
	caps[CAP_SYS_RESOURCE / 32].effective &= ~(1u << CAP_SYS_RESOURCE % 32);
	caps[CAP_SYS_RESOURCE / 32].permitted &= ~(1u << CAP_SYS_RESOURCE % 32);
	if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0 || syscall(SYS_capset, &header, caps) < 0)
		_exit(2);
}

/* 0, or the status of a process that says why */
static int trace_shortly(void)
{
	struct session *s = session_new(loop, symbols, NULL, &err);
	struct object *obj = counting_object(NULL);
	struct unit *u;
	int bad = 0;
	size_t i;

	add_map(obj, "large", BPF_MAP_TYPE_ARRAY, 4, 4096, 24);
	u = unit_open(s, obj, &err);
	for (i = 0; u && i < ARRAY_SIZE(quiet_calls) && !bad; i++) {
		struct probe p = { .provider = "tracepoint" };
		char *name = mem_format("syscalls:sys_enter_%s", quiet_calls[i]);

		p.name = name;
		bad = link_attach(u, 0, &p, &err) ? 0 : 3;
		free(name);
	}
	if (err.text)
		print_message("%s\n", err.text);
	session_free(s);
	return u ? bad : 4;
}

/* where locked memory is limited (up to 5.10) one trace after the other fits in */
static void test_locked_memory(void **state)
{
	int pid, status, run;

	if (kernel_version_code() >= (5 << 16 | 11 << 8))
		skip();
	assert_true(closers_end());
	pid = fork();
	if (pid == 0) {
		keep_locked_memory(192 << 10);
		for (run = 0, status = 0; run < 5 && !status; run++)
			status = trace_shortly();
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(closers_end());
}

/* ---- as on old kernels ---- */

static bool has_entry(const char *what)
{
	char *path = mem_format("%s/uprobe_events", tracefs_path(&err)), line[512];
	FILE *f = fopen(path, "re");
	bool found = false;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		found |= strstr(line, what) != NULL;
	fclose(f);
	free(path);
	return found;
}

/* the closer deletes them */
static bool entry_goes(const char *what)
{
	unsigned tries;

	for (tries = 0; tries < 500 && has_entry(what); tries++)
		usleep(20000);
	return !has_entry(what);
}

static void write_uprobe_events(const char *line)
{
	char *path = mem_format("%s/uprobe_events", tracefs_path(&err));
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, line, strlen(line)), strlen(line));
	close(fd);
	free(path);
}

static int open_uprobe_event(const char *entry)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT };
	char *path = mem_format("%s/events/%s/id", tracefs_path(&err), entry);

	attr.config = read_number_file(path);
	free(path);
	return perf_open(&attr, -1, first_cpu());
}

/*
 * An entry of a process that is dead goes, unless its closer is at work; one
 * of another group stays.
 */
static void test_sweep(void **state)
{
	char self[4096] = "", *ours, *others;
	uint64_t offset;
	int dead, busy;

	if (!load_as_old_kernel)
		skip();
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	OK(symbol_file_offset(self, "probed_function", &offset, &err));
	dead = fork();
	if (dead == 0)
		_exit(0);
	assert_int_equal(waitpid(dead, NULL, 0), dead);
	ours = mem_format("p:moontrace_%d/p_x_1 %s:0x%llx", dead, self,
		(unsigned long long)offset);
	others = mem_format("p:others_%d/p_x_1 %s:0x%llx", dead, self,
		(unsigned long long)offset);
	write_uprobe_events(ours);
	write_uprobe_events(others);
	*strchr(ours, ' ') = *strchr(others, ' ') = '\0';
	busy = open_uprobe_event(ours + 2);
	assert_true(busy >= 0);
	session_free(new_session());
	assert_true(has_entry(ours));
	close(busy);
	session_free(new_session());
	assert_false(has_entry(ours));
	assert_true(has_entry(others));
	others[0] = '-';
	write_uprobe_events(others);
	free(ours);
	free(others);
}

/* entries are there while the probes are, and not longer */
static void test_entries(void **state)
{
	char *ours = mem_format(":moontrace_%d/", getpid()), *spec, self[4096] = "";
	struct session *s = new_session();
	struct unit *u = open_unit(s, counting_object(NULL));

	if (!load_as_old_kernel) {
		session_free(s);
		free(ours);
		skip();
	}
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	spec = mem_format("uprobe:%s:probed_function", self);
	attach(u, 0, spec);
	free(spec);
	spec = mem_format("uretprobe:%s:probed_function", self);
	attach(u, 0, spec);
	assert_true(has_entry(ours));
	call_probed(CALLS);
	session_stop(s);
	call_probed(100);
	assert_int_equal(counted(u, 0), 2 * CALLS);
	assert_true(entry_goes(ours));
	attach(u, 0, spec);
	attach(u, 0, GETPPID);
	call_probed(1);
	call_getppid(2);
	assert_int_equal(counted(u, 0), 2 * CALLS + 3);
	session_free(s);
	assert_true(entry_goes(ours));
	free(spec);
	free(ours);
}

/* the end of a container's first process kills all others: it has no closer for entries */
static void test_first_process(void **state)
{
	char *spec, self[4096] = "";
	struct session *s;
	int pid, status;

	if (!load_as_old_kernel)
		skip();
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	spec = mem_format("uprobe:%s:probed_function", self);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWPID) < 0 || (pid = fork()) < 0)
			_exit(2);
		if (pid > 0)
			_exit(waitpid(pid, &status, 0) == pid ? status != 0 : 3);
		s = new_session();
		attach(open_unit(s, counting_object(NULL)), 0, spec);
		status = !has_entry(":moontrace_1/");
		session_free(s);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(has_entry(":moontrace_1/"));
	free(spec);
}

/* ---- events ---- */

struct received {
	uint64_t n, next, disorder;
	size_t size;
};

static void on_event(void *arg, const void *data, size_t size, int cpu)
{
	struct received *r = arg;
	uint64_t v;

	memcpy(&v, data, sizeof(v));
	r->disorder += v < r->next;
	r->next = v + 1;
	r->size = size;
	r->n++;
}

/*
 * Maps: 0 the EVENTS map, 1 MAP_LOSSES.  The program counts an attempt,
 * emits ktime, and counts a failure if the helper says so.
 */
static struct object *emitting_object(bool ring, uint32_t entries)
{
	struct object *obj = new_object();
	struct bpf_insn through_ring[] = {
		MOV(6, 1), ONLY_TGID(getpid(), 10 + 2 * COUNT_LEN), COUNT(1, 0),
		CALL(BPF_FUNC_ktime_get_ns), STX(10, 0, -16),
		MAP(1, 0), MOV(2, 10), ADDI(2, -16), MOVI(3, 8), MOVI(4, 0),
		CALL(BPF_FUNC_ringbuf_output),
		JEQI(0, 0, COUNT_LEN), COUNT(1, LOSS_EVENTS), RETURN,
	};
	struct bpf_insn through_perf[] = {
		MOV(6, 1), ONLY_TGID(getpid(), 12 + 2 * COUNT_LEN), COUNT(1, 0),
		CALL(BPF_FUNC_ktime_get_ns), STX(10, 0, -16),
		MOV(1, 6), MAP(2, 0), IMM64(3, -1, 0),	/* BPF_F_CURRENT_CPU */
		MOV(4, 10), ADDI(4, -16), MOVI(5, 8),
		CALL(BPF_FUNC_perf_event_output),
		JEQI(0, 0, COUNT_LEN), COUNT(1, LOSS_EVENTS), RETURN,
	};

	add_map(obj, "echoes", ring ? BPF_MAP_TYPE_RINGBUF : BPF_MAP_TYPE_PERF_EVENT_ARRAY,
		ring ? 0 : 4, ring ? 0 : 4, entries)->role = MAP_EVENTS;
	add_map(obj, "losses", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8,
		2 * LOSS_EVENTS + LOSS_KINDS)->role = MAP_LOSSES;
	if (ring)
		add_program(obj, "emits", GETPPID, through_ring, ARRAY_SIZE(through_ring));
	else
		add_program(obj, "emits", GETPPID, through_perf, ARRAY_SIZE(through_perf));
	return obj;
}

/* emits in portions that fit, reading in between */
static void check_events(bool ring)
{
	struct session *s = new_session();
	struct unit *u = open_unit(s, emitting_object(ring, 0));
	struct received r = { 0 };
	struct losses losses;
	unsigned i;

	assert_non_null(events_open(s, unit_map(u, "echoes"), 0, on_event, &r, &err));
	assert_null(events_open(s, unit_map(u, "echoes"), 0, on_event, &r, &err));
	error_clear(&err);
	OK(unit_attach_auto(u, &err));
	for (i = 0; i < CALLS / 100; i++) {
		call_getppid(100);
		assert_true(loop_step(loop, 1000, &err) >= 0);
	}
	call_getppid(CALLS % 100);
	session_stop(s);
	assert_int_equal(r.n, CALLS);
	assert_true(r.size >= 8);
	OK(session_losses(s, &losses, &err));
	assert_int_equal(losses.emitted, CALLS);
	assert_int_equal(losses.received, CALLS);
	assert_int_equal(losses.perf_lost + losses.submit_failed, 0);
	assert_false(losses_any(&losses));
	/* the numbers outlive the unit */
	unit_close(u);
	OK(session_losses(s, &losses, &err));
	assert_int_equal(losses.received, CALLS);
	assert_int_equal(losses.emitted, CALLS);
	session_free(s);
}

static void test_ring_buffer(void **state)
{
	if (!feature_have(FEATURE_RINGBUF))
		skip();
	check_events(true);
}

static void test_perf_buffer(void **state)
{
	check_events(false);
}

/* far more than the buffers hold: what is lost is known to the last event */
static void check_flood(bool ring)
{
	struct session *s = new_session();
	struct unit *u = open_unit(s, emitting_object(ring, ring ? 1 : 0));
	struct buf text = BUF_INIT;
	struct received r = { 0 };
	struct losses losses;

	assert_non_null(events_open(s, unit_map(u, "echoes"), 1, on_event, &r, &err));
	OK(unit_attach_auto(u, &err));
	call_getppid(CALLS);
	OK(session_losses(s, &losses, &err));
	session_stop(s);
	OK(session_losses(s, &losses, &err));
	losses_format(&losses, &text);
	print_message("%s: %llu received, %s\n", ring ? "ring" : "perf",
		(unsigned long long)r.n, text.data);
	assert_int_equal(losses.emitted, CALLS);
	assert_int_equal(losses.received, r.n);
	assert_in_range(r.n, 1, CALLS / 2);
	assert_int_equal(losses.received + losses.perf_lost + losses.submit_failed, CALLS);
	assert_true(losses_any(&losses));
	assert_non_null(strstr(text.data, "lost: "));
	buf_release(&text);
	session_free(s);
}

static void test_flood(void **state)
{
	if (feature_have(FEATURE_RINGBUF))
		check_flood(true);
	check_flood(false);
}

/* an EVENTS map that nobody reads loses nothing that anybody wanted */
static void test_unopened_events(void **state)
{
	struct session *s = new_session();
	struct unit *u = open_unit(s, emitting_object(false, 0));
	struct losses losses;

	OK(unit_attach_auto(u, &err));
	call_getppid(100);
	session_stop(s);
	OK(session_losses(s, &losses, &err));
	assert_int_equal(losses.emitted, 0);
	assert_false(losses_any(&losses));
	session_free(s);
}

/* one of two units ends: what the other has under way is not lost */
static void test_stop_beside(void **state)
{
	struct session *s = new_session();
	struct unit *ends = open_unit(s, emitting_object(false, 0));
	struct unit *stays = open_unit(s, emitting_object(false, 0));
	struct received r = { 0 }, r2 = { 0 };
	struct losses losses;

	assert_non_null(events_open(s, unit_map(ends, "echoes"), 0, on_event, &r, &err));
	assert_non_null(events_open(s, unit_map(stays, "echoes"), 0, on_event, &r2, &err));
	OK(unit_attach_auto(ends, &err));
	OK(unit_attach_auto(stays, &err));
	call_getppid(50);
	unit_stop(ends);
	call_getppid(30);
	OK(session_losses(s, &losses, &err));
	assert_int_equal(losses.emitted, 50 + 80);
	assert_int_equal(losses.perf_lost, 0);
	session_stop(s);
	assert_int_equal(r.n, 50);
	assert_int_equal(r2.n, 80);
	OK(session_losses(s, &losses, &err));
	assert_int_equal(losses.received, 50 + 80);
	assert_false(losses_any(&losses));
	session_free(s);
}

static void is_losses_text(const struct losses *l, const char *want)
{
	struct buf text = BUF_INIT;

	losses_format(l, &text);
	assert_string_equal(text.data, want);
	buf_release(&text);
}

static void test_losses_text(void **state)
{
	struct losses one = { .perf_lost = 1, .kind[LOSS_STACK] = 1, .missed = 1 };
	struct losses two = { .submit_failed = 2, .kind[LOSS_STACK] = 2, .missed = 2 };

	is_losses_text(&one, "lost: 1 event, 1 stack not recorded, 1 missed probe hit");
	is_losses_text(&two, "lost: 2 failed submits, 2 stacks not recorded, "
		"2 missed probe hits");
}

/* ---- maps ---- */

static struct map *one_map(struct session *s, uint32_t type, uint32_t key, uint32_t value,
	uint32_t entries, uint32_t flags)
{
	struct object *obj = new_object();

	add_map(obj, "m", type, key, value, entries)->flags = flags;
	return unit_map(open_unit(s, obj), "m");
}

static void fill(struct map *m, uint32_t n, char *value)
{
	uint64_t i;

	for (i = 0; i < n; i++) {
		size_t at;

		for (at = 0; at < map_value_bytes(m); at += 8)
			memcpy(value + at, &(uint64_t){ i * 3 + at }, 8);
		OK(map_update(m, &i, value, &err));
	}
}

/* every key once, with its value */
static void check_copy(struct map *m, const struct map_copy *c, uint32_t n)
{
	char *seen = mem_alloc(n);
	size_t i, at, bytes = map_value_bytes(m);

	assert_int_equal(c->n, n);
	for (i = 0; i < c->n; i++) {
		uint64_t key = 0, value;

		memcpy(&key, c->keys + i * m->def->key_size, m->def->key_size);
		assert_true(key < n && !seen[key]);
		seen[key] = 1;
		for (at = 0; at < bytes; at += 8) {
			memcpy(&value, c->values + i * bytes + at, 8);
			assert_int_equal(value, key * 3 + at);
		}
	}
	free(seen);
}

static void check_map(uint32_t type, uint32_t entries, uint32_t flags, bool slow)
{
	struct session *s = new_session();
	struct map *m = one_map(s, type, 8, 8, entries * 2, flags);
	char *value = mem_alloc(map_value_bytes(m));
	struct map_copy c;
	uint64_t key = 5;

	fill(m, entries, value);
	OK(map_copy_all(m, &c, &err));
	check_copy(m, &c, entries);
	map_copy_release(&c);
	if (slow && m->reader->fallback)
		m->reader = m->reader->fallback;
	OK(map_copy_all(m, &c, &err));
	check_copy(m, &c, entries);
	map_copy_release(&c);
	OK(map_drain(m, &c, &err));
	check_copy(m, &c, entries);
	map_copy_release(&c);
	OK(map_copy_all(m, &c, &err));
	assert_int_equal(c.n, 0);
	map_copy_release(&c);
	fill(m, entries, value);
	OK(map_clear(m, &err));
	assert_int_equal(map_lookup(m, &key, value, &err), 0);
	assert_int_equal(map_delete(m, &key, &err), 0);
	free(value);
	session_free(s);
}

static void test_hashes(void **state)
{
	static const uint32_t types[] = { BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_PERCPU_HASH,
		BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_LRU_PERCPU_HASH };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		bool lru = types[i] == BPF_MAP_TYPE_LRU_HASH ||
			types[i] == BPF_MAP_TYPE_LRU_PERCPU_HASH;

		check_map(types[i], lru ? 300 : 3000, 0, false);
		check_map(types[i], lru ? 300 : 3000, 0, true);
		check_map(types[i], 1, 0, false);
	}
	/* more than one batch */
	check_map(BPF_MAP_TYPE_HASH, 100000, 0, false);
}

static void test_trie(void **state)
{
	struct session *s = new_session();
	struct map *m = one_map(s, BPF_MAP_TYPE_LPM_TRIE, 8, 8, 100, BPF_F_NO_PREALLOC);
	struct map_copy c;
	uint64_t value = 9;
	uint32_t i;

	for (i = 0; i < 50; i++) {
		struct {
			uint32_t bits, addr;
		} key = { 32, i };

		OK(map_update(m, &key, &value, &err));
	}
	OK(map_copy_all(m, &c, &err));
	assert_int_equal(c.n, 50);
	map_copy_release(&c);
	OK(map_drain(m, &c, &err));
	assert_int_equal(c.n, 50);
	map_copy_release(&c);
	OK(map_copy_all(m, &c, &err));
	assert_int_equal(c.n, 0);
	map_copy_release(&c);
	session_free(s);
}

static void test_arrays(void **state)
{
	struct session *s = new_session();
	struct map *m = one_map(s, BPF_MAP_TYPE_ARRAY, 4, 8, 5000, 0);
	struct map *cpu = one_map(s, BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 50, 0);
	struct map *bytes = one_map(s, BPF_MAP_TYPE_ARRAY, 4, 24, 10, 0);
	char *value = mem_alloc(map_value_bytes(cpu) + 64);
	struct map_copy c;
	uint64_t v;

	fill(m, 5000, value);
	OK(map_copy_all(m, &c, &err));
	check_copy(m, &c, 5000);
	map_copy_release(&c);
	fill(cpu, 50, value);
	OK(map_copy_all(cpu, &c, &err));
	check_copy(cpu, &c, 50);
	map_copy_release(&c);

	/* read, then zeroed, whatever the values are */
	OK(map_drain(cpu, &c, &err));
	check_copy(cpu, &c, 50);
	map_copy_release(&c);
	assert_int_equal(map_lookup(cpu, &(uint32_t){ 1 }, value, &err), 1);
	memcpy(&v, value, 8);
	assert_int_equal(v, 0);
	fill(bytes, 10, value);
	OK(map_drain(bytes, &c, &err));
	check_copy(bytes, &c, 10);
	map_copy_release(&c);
	assert_int_equal(map_lookup(bytes, &(uint32_t){ 1 }, value, &err), 1);
	memcpy(&v, value + 8, 8);
	assert_int_equal(v, 0);
	assert_int_equal(map_delta(bytes, &c, &err), -1);
	assert_string_equal(err.tag, "E-MAP");
	error_clear(&err);
	OK(map_clear(m, &err));
	assert_int_equal(map_update(m, &(uint32_t){ 5000 }, value, &err), -1);
	assert_string_equal(err.tag, "E-MAP");
	assert_non_null(strstr(err.hint, "4999"));
	error_clear(&err);
	free(value);
	session_free(s);
}

/* what programs do: map_update() is user space's */
static void program_stores(struct map *m, uint32_t index, uint64_t v)
{
	assert_int_equal(bpf_map_update_elem(m->fd, &index, &v, BPF_ANY), 0);
}

static void assert_delta(struct map *m, uint64_t first, uint64_t second)
{
	struct map_copy c;

	OK(map_delta(m, &c, &err));
	assert_int_equal(c.n, 2);
	assert_int_equal(((uint64_t *)c.values)[0], first);
	assert_int_equal(((uint64_t *)c.values)[1], second);
	map_copy_release(&c);
}

/* only what programs added, whatever user space does with the map */
static void test_delta(void **state)
{
	struct session *s = new_session();
	struct map *m = one_map(s, BPF_MAP_TYPE_ARRAY, 4, 8, 2, 0);
	struct map_copy c;

	OK(map_update(m, &(uint32_t){ 0 }, &(uint64_t){ 100 }, &err));
	program_stores(m, 1, 7);
	assert_delta(m, 0, 7);
	program_stores(m, 0, 103);
	assert_delta(m, 3, 0);
	OK(map_update(m, &(uint32_t){ 0 }, &(uint64_t){ 5 }, &err));
	program_stores(m, 0, 6);
	assert_delta(m, 1, 0);
	OK(map_drain(m, &c, &err));
	assert_int_equal(((uint64_t *)c.values)[0], 6);
	map_copy_release(&c);
	program_stores(m, 0, 4);
	assert_delta(m, 4, 0);
	OK(map_clear(m, &err));
	assert_delta(m, 0, 0);
	/* as the counter's type overflows */
	OK(map_update(m, &(uint32_t){ 1 }, &(uint64_t){ UINT64_MAX }, &err));
	program_stores(m, 1, 1);
	assert_delta(m, 0, 2);
	session_free(s);
}

/* a counter that other processes increase while it is read: nothing gets lost */
static void test_delta_busy(void **state)
{
	struct session *s = new_session();
	struct object *obj = new_object();
	pid_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct map_copy c;
	uint64_t sum = 0, v;
	struct unit *u;
	int status = 0, i;
	pid_t pid = fork();

	if (pid == 0) {
		while (!__atomic_load_n(shared, __ATOMIC_ACQUIRE))
			usleep(1000);
		call_getppid(30 * CALLS);
		_exit(0);
	}
	struct bpf_insn insns[] = { ONLY_TGID(pid, COUNT_LEN), COUNT(0, 0), RETURN };

	add_map(obj, "counts", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	add_program(obj, "busy", GETPPID, insns, ARRAY_SIZE(insns));
	u = open_unit(s, obj);
	OK(unit_attach_auto(u, &err));
	__atomic_store_n(shared, 1, __ATOMIC_RELEASE);
	for (i = 0; i < 2; i += waitpid(pid, &status, i ? 0 : WNOHANG) != 0 || i) {
		OK(map_delta(unit_map_at(u, 0), &c, &err));
		memcpy(&v, c.values, 8);
		sum += v;
		map_copy_release(&c);
	}
	assert_int_equal(sum, 30 * CALLS);
	munmap(shared, 4096);
	session_free(s);
}

static void test_queue(void **state)
{
	struct session *s;
	struct map_copy c;
	struct map *m;
	uint64_t v;

	if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_QUEUE, NULL) != 1)
		skip();
	s = new_session();
	m = one_map(s, BPF_MAP_TYPE_QUEUE, 0, 8, 10, 0);

	for (v = 1; v <= 5; v++)
		OK(map_update(m, NULL, &v, &err));
	assert_int_equal(map_copy_all(m, &c, &err), -1);
	error_clear(&err);
	OK(map_drain(m, &c, &err));
	assert_int_equal(c.n, 5);
	memcpy(&v, c.values + 8, 8);
	assert_int_equal(v, 2);
	map_copy_release(&c);
	OK(map_drain(m, &c, &err));
	assert_int_equal(c.n, 0);
	map_copy_release(&c);
	session_free(s);
}

/* stack of this process at getppid: the stub of syscall(), then ours */
static void test_stacks(void **state)
{
	struct session *s = new_session();
	struct object *obj = new_object();
	struct bpf_insn insns[] = {
		MOV(6, 1), ONLY_TGID(getpid(), 15), MOV(1, 6), MAP(2, 1),
		MOVI(3, BPF_F_USER_STACK), CALL(BPF_FUNC_get_stackid), STX(10, 0, -16),
		STW(10, -4, 0), MOV(2, 10), ADDI(2, -4), MAP(1, 0), MOV(3, 10),
		ADDI(3, -16), MOVI(4, 0), CALL(BPF_FUNC_map_update_elem), RETURN,
	};
	uint64_t ips[127];
	struct map_copy c;
	struct unit *u;
	int n;

	add_map(obj, "ids", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	add_map(obj, "stacks", BPF_MAP_TYPE_STACK_TRACE, 4, 127 * 8, 1000);
	add_program(obj, "stack", GETPPID, insns, ARRAY_SIZE(insns));
	u = open_unit(s, obj);
	OK(unit_attach_auto(u, &err));
	call_getppid(1);
	session_stop(s);
	n = map_stack(unit_map(u, "stacks"), counted(u, 0), ips, 127, &err);
	assert_true(n > 0);
	assert_true(ips[0] && ips[n - 1]);
	assert_int_equal(map_stack(unit_map(u, "stacks"), counted(u, 0), ips, 1, &err), 1);
	assert_int_equal(map_stack(unit_map(u, "stacks"), -14, ips, 1, &err), -1);
	assert_string_equal(err.tag, "E-MAP");
	error_clear(&err);
	OK(map_copy_all(unit_map(u, "stacks"), &c, &err));
	assert_int_equal(c.n, 1);
	map_copy_release(&c);
	OK(map_clear(unit_map(u, "stacks"), &err));
	assert_int_equal(map_stack(unit_map(u, "stacks"), counted(u, 0), ips, 1, &err), 0);
	session_free(s);
}

static void test_tail_call(void **state)
{
	struct session *s = new_session();
	struct object *obj = new_object();
	struct bpf_insn jumps[] = { MAP(2, 1), MOVI(3, 2), CALL(BPF_FUNC_tail_call), RETURN };
	struct bpf_insn target[] = { ONLY_TGID(getpid(), COUNT_LEN), COUNT(0, 0), RETURN };
	struct unit *u;

	add_map(obj, "counts", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	add_map(obj, "jumps", BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4);
	add_program(obj, "jumps", GETPPID, jumps, ARRAY_SIZE(jumps));
	add_program(obj, "target", NULL, target, ARRAY_SIZE(target));
	u = open_unit(s, obj);
	OK(map_set_program(unit_map(u, "jumps"), 2, u, 1, BPF_PROG_TYPE_TRACEPOINT, &err));
	OK(unit_attach_auto(u, &err));
	call_getppid(7);
	session_stop(s);
	assert_int_equal(counted(u, 0), 7);
	/* the target needs no new load for another run, even if it is attached itself */
	OK(unit_attach_auto(u, &err));
	attach(u, 1, "tracepoint:syscalls:sys_exit_getppid");
	call_getppid(5);
	session_stop(s);
	OK(unit_attach_auto(u, &err));
	call_getppid(1);
	session_stop(s);
	assert_int_equal(counted(u, 0), 7 + 10 + 1);
	REFUSED(map_set_program(unit_map(u, "counts"), 0, u, 1, BPF_PROG_TYPE_TRACEPOINT, &err),
		"E-MAP");
	error_clear(&err);
	session_free(s);
}

static void test_counters(void **state)
{
	unsigned fds = (unsigned)fds_count();
	struct session *s = new_session();
	struct map *m = one_map(s, BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 0, 0);
	struct probe cycles = { .event = "cpu-clock" }, wrong = { .event = "cycels" };

	assert_int_equal(map_max_entries(m), kernel_possible_cpus());
	OK(map_open_counters(m, &cycles, &err));
	REFUSED(map_open_counters(m, &wrong, &err), "E-PROBE");
	assert_string_equal(err.hint, "did you mean 'cycles'?");
	error_clear(&err);
	session_free(s);
	assert_int_equal((unsigned)fds_count(), fds);
}

static void test_sizes(void **state)
{
	struct session *s = new_session();
	struct map *m;

	if (feature_have(FEATURE_RINGBUF)) {
		m = one_map(s, BPF_MAP_TYPE_RINGBUF, 0, 0, 5000, 0);
		assert_int_equal(map_max_entries(m), 8192);
		m = one_map(s, BPF_MAP_TYPE_RINGBUF, 0, 0, 0, 0);
		assert_int_equal(map_max_entries(m), 256 << 10);
	}
	m = one_map(s, BPF_MAP_TYPE_PERCPU_HASH, 4, 12, 1, 0);
	assert_int_equal(map_value_bytes(m), 16 * kernel_possible_cpus());
	assert_true(map_is_percpu(m) && !map_is_array(m));
	session_free(s);
}

static int setup(void **state)
{
	loop = loop_new(&err);
	symbols = symbolizer_new();
	return loop && symbols ? 0 : -1;
}

static int teardown(void **state)
{
	symbolizer_free(symbols);
	loop_free(loop);
	return 0;
}

/* exit status 77 tells meson that this was skipped */
static void check_environment(void)
{
	int fd;

	if (getuid() != 0) {
		puts("skipped: not root");
		exit(77);
	}
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, 8, 1, NULL);
	if (fd < 0) {
		perror("skipped: no bpf()");
		exit(77);
	}
	close(fd);
	if (tracefs_event_id("syscalls", "sys_enter_getppid", &err) < 0) {
		printf("skipped: %s\n", err.text);
		exit(77);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fds_test(test_specs),
		fds_test(test_tracepoint),
		fds_test(test_raw_tracepoint),
		fds_test(test_raw_without_context),
		fds_test(test_optional),
		fds_test(test_uprobe),
		fds_test(test_uprobe_other_pid),
		fds_test(test_perf_events),
		fds_test(test_interval),
		fds_test(test_near_names),
		fds_test(test_kprobe),
		fds_test(test_kprobe_counts),
		fds_test(test_verifier),
		fds_test(test_verifier_logs),
		fds_test(test_destructive),
		fds_test(test_map_refused),
		fds_test(test_no_permission),
		fds_test(test_undo),
		fds_test(test_detach),
		fds_test(test_stop_many),
		fds_test(test_stop_without_child),
		fds_test(test_stop_and_go),
		fds_test(test_wait_by_update),
		fds_test(test_stop_faults),
		fds_test(test_detach_one),
		fds_test(test_stop_largest),
		fds_test(test_closer),
		fds_test(test_closers_few),
		fds_test(test_locked_memory),
		fds_test(test_sweep),
		fds_test(test_entries),
		fds_test(test_first_process),
		fds_test(test_ring_buffer),
		fds_test(test_perf_buffer),
		fds_test(test_flood),
		fds_test(test_unopened_events),
		fds_test(test_stop_beside),
		fds_test(test_losses_text),
		fds_test(test_hashes),
		fds_test(test_trie),
		fds_test(test_arrays),
		fds_test(test_delta),
		fds_test(test_delta_busy),
		fds_test(test_queue),
		fds_test(test_stacks),
		fds_test(test_tail_call),
		fds_test(test_counters),
		fds_test(test_sizes),
	};

	check_environment();
	load_as_old_kernel = argc > 1;
	print_message("as %s kernel\n", load_as_old_kernel ? "an old" : "this");
	if (cmocka_run_group_tests(tests, setup, teardown) != 0)
		return 1;
	/* once more, by the ways that old kernels need */
	if (argc == 1)
		execl("/proc/self/exe", argv[0], "old", NULL);
	return argc == 1;
}
