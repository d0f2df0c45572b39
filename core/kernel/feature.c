/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of kernel features and their probes.  A probe that is refused
 * by permissions answers "unknown", never "no".
 */
#include "kernel/feature.h"

#include <errno.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/mem.h"
#include "kernel/kernel.h"

#define PMU_DIR "/sys/bus/event_source/devices/"

static const char reason_perm[] = "not permitted to ask";

static enum answer yes_or(bool yes)
{
	return yes ? ANSWER_YES : ANSWER_NO;
}

/* what an errno says about a feature that was tried */
static enum answer from_errno(int sys, const char **ret_reason)
{
	if (sys == EPERM || sys == EACCES) {
		*ret_reason = reason_perm;
		return ANSWER_UNKNOWN;
	}
	*ret_reason = strerror(sys);
	return sys == EINVAL || sys == E2BIG || sys == ENOENT || sys == ENOSYS ||
		sys == EOPNOTSUPP || sys == 524 ? ANSWER_NO : ANSWER_UNKNOWN;
}

static enum answer from_fd(int fd, const char **ret_reason)
{
	int sys = fd < 0 ? errno : 0;

	if (fd < 0)
		return from_errno(sys, ret_reason);
	close(fd);
	return ANSWER_YES;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

static int try_map(uint32_t type, uint32_t key, uint32_t value, uint32_t entries)
{
	int fd = bpf_map_create(type, NULL, key, value, entries, NULL);

	if (fd < 0 && errno == EPERM && kernel_raise_memlock())
		fd = bpf_map_create(type, NULL, key, value, entries, NULL);
	return fd;
}

static int try_load(uint32_t type, const char *name, const struct bpf_insn *insns, size_t n,
	struct bpf_prog_load_opts *opts)
{
	int fd = bpf_prog_load(type, name, "GPL", insns, n, opts);

	if (fd < 0 && errno == EPERM && kernel_raise_memlock())
		fd = bpf_prog_load(type, name, "GPL", insns, n, opts);
	return fd;
}

static const struct bpf_insn exit_insn = { .code = BPF_JMP | BPF_EXIT };
static const struct bpf_insn return_0 = { .code = BPF_ALU64 | BPF_MOV | BPF_K };

/*
 * Does the verifier accept it?  What it refuses is EACCES as often as EINVAL:
 * only its log tells a refusal from a lack of permission.
 */
static enum answer probe_program(uint32_t type, const struct bpf_insn *insns, size_t n,
	const char **ret_reason)
{
	static char log[16384];
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = sizeof(log),
		.log_level = 1);
	int fd, sys;

	log[0] = '\0';
	fd = try_load(type, NULL, insns, n, &opts);
	sys = fd < 0 ? errno : 0;
	if (fd >= 0 || !log[0]) {
		errno = sys;
		return from_fd(fd, ret_reason);
	}
	*ret_reason = "the verifier refuses it";
	return ANSWER_NO;
}

/*
 * A call of the helper without arguments: a kernel that knows the helper
 * complains about the registers, one that does not names the function.
 */
static enum answer probe_helper(uint32_t type, int helper, const char **ret_reason)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = helper }, return_0, exit_insn,
	};
	static char log[4096];
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = sizeof(log),
		.log_level = 1);
	int fd, sys;

	log[0] = '\0';
	fd = try_load(type, NULL, insns, ARRAY_SIZE(insns), &opts);
	sys = fd < 0 ? errno : 0;
	if (fd >= 0)
		return from_fd(fd, ret_reason);
	if (!log[0])
		return from_errno(sys, ret_reason);
	if (strstr(log, "invalid func ") || strstr(log, "unknown func ") ||
		strstr(log, "cannot use helper") || strstr(log, "cannot call helper")) {
		*ret_reason = "the verifier does not know the helper";
		return ANSWER_NO;
	}
	return ANSWER_YES;
}

static enum answer probe_ringbuf(const char **ret_reason)
{
	return from_fd(try_map(BPF_MAP_TYPE_RINGBUF, 0, 0, sysconf(_SC_PAGESIZE)), ret_reason);
}

static enum answer probe_read_kernel(const char **ret_reason)
{
	return probe_helper(BPF_PROG_TYPE_TRACEPOINT, BPF_FUNC_probe_read_kernel, ret_reason);
}

static enum answer probe_ktime_boot(const char **ret_reason)
{
	return probe_helper(BPF_PROG_TYPE_TRACEPOINT, BPF_FUNC_ktime_get_boot_ns, ret_reason);
}

static enum answer probe_cgroup_id(const char **ret_reason)
{
	return probe_helper(BPF_PROG_TYPE_TRACEPOINT, BPF_FUNC_get_current_cgroup_id, ret_reason);
}

static enum answer probe_stackid(const char **ret_reason)
{
	return probe_helper(BPF_PROG_TYPE_TRACEPOINT, BPF_FUNC_get_stackid, ret_reason);
}

/* ktime_get_coarse_ns came in the same release as the accounting by memcg */
static enum answer probe_memcg(const char **ret_reason)
{
	return probe_helper(BPF_PROG_TYPE_SOCKET_FILTER, BPF_FUNC_ktime_get_coarse_ns, ret_reason);
}

/* a hash with one entry, read by a batch call */
static enum answer try_batch(bool delete, const char **ret_reason)
{
	uint32_t key = 7, value = 9, next = 0, count = 1;
	int fd = try_map(BPF_MAP_TYPE_HASH, sizeof(key), sizeof(value), 1), ret, sys;

	if (fd < 0)
		return from_fd(fd, ret_reason);
	ret = bpf_map_update_elem(fd, &key, &value, BPF_ANY);
	if (ret == 0 && delete)
		ret = bpf_map_lookup_and_delete_batch(fd, NULL, &next, &key, &value, &count, NULL);
	else if (ret == 0)
		ret = bpf_map_lookup_batch(fd, NULL, &next, &key, &value, &count, NULL);
	sys = ret < 0 ? errno : 0;
	close(fd);
	/* ENOENT: that was all of the map */
	return !sys || (sys == ENOENT && count == 1) ? ANSWER_YES : from_errno(sys, ret_reason);
}

static enum answer probe_batch(const char **ret_reason)
{
	return try_batch(false, ret_reason);
}

static enum answer probe_delete_batch(const char **ret_reason)
{
	return try_batch(true, ret_reason);
}

/* libbpf drops names where it cannot load a socket filter (EL7): no way around the call */
static int load_named(const char *name, const struct bpf_insn *insns, size_t n)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_TRACEPOINT;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uintptr_t)"GPL";
	snprintf(attr.prog_name, sizeof(attr.prog_name), "%s", name);
	return syscall(__NR_bpf, BPF_PROG_LOAD, &attr,
		offsetof(union bpf_attr, prog_name) + sizeof(attr.prog_name));
}

static enum answer probe_names(const char **ret_reason)
{
	struct bpf_insn insns[] = { return_0, exit_insn };
	int fd = load_named("moontrace", insns, 2), ret;
	struct bpf_prog_info info;
	uint32_t len = sizeof(info);

	if (fd < 0 && errno == EPERM && kernel_raise_memlock())
		fd = load_named("moontrace", insns, 2);
	if (fd < 0)
		return from_fd(fd, ret_reason);
	memset(&info, 0, sizeof(info));
	ret = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	*ret_reason = "the program came back without its name";
	return yes_or(ret == 0 && strcmp(info.name, "moontrace") == 0);
}

/* the smallest BTF: "int" */
static enum answer probe_btf_load(const char **ret_reason)
{
	static const struct {
		struct btf_header head;
		struct btf_type type;
		uint32_t encoding;
		char strings[5];
	} __attribute__((packed)) btf = {
		{ .magic = BTF_MAGIC, .version = 1, .hdr_len = sizeof(struct btf_header),
			.type_len = 16, .str_off = 16, .str_len = 5 },
		{ .name_off = 1, .info = BTF_KIND_INT << 24, .size = 4 },
		BTF_INT_SIGNED << 24 | 32, "\0int",
	};
	int fd = bpf_btf_load(&btf, sizeof(btf), NULL);

	if (fd < 0 && errno == EPERM && kernel_raise_memlock())
		fd = bpf_btf_load(&btf, sizeof(btf), NULL);
	return from_fd(fd, ret_reason);
}

/* opening a tracepoint that cannot be: a kernel with the command says ENOENT */
static enum answer probe_raw_tracepoint(const char **ret_reason)
{
	struct bpf_insn insns[] = { return_0, exit_insn };
	int fd = try_load(BPF_PROG_TYPE_RAW_TRACEPOINT, NULL, insns, 2, NULL), tp, sys;

	if (fd < 0)
		return from_fd(fd, ret_reason);
	tp = bpf_raw_tracepoint_open("moontrace_no_such", fd);
	sys = tp < 0 ? errno : 0;
	if (tp >= 0)
		close(tp);
	close(fd);
	return !sys || sys == ENOENT ? ANSWER_YES : from_errno(sys, ret_reason);
}

/* loads for and attaches to a function that the kernel keeps for such tests */
static enum answer probe_tracing(const char **ret_reason)
{
	struct bpf_insn insns[] = { return_0, exit_insn };
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY);
	enum answer answer;
	int id, fd;

	*ret_reason = "no BTF of the kernel";
	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		return ANSWER_NO;
	id = libbpf_find_vmlinux_btf_id("bpf_fentry_test1", BPF_TRACE_FENTRY);
	*ret_reason = "no bpf_fentry_test1 in the kernel's BTF";
	if (id <= 0)
		return ANSWER_UNKNOWN;
	opts.attach_btf_id = id;
	fd = try_load(BPF_PROG_TYPE_TRACING, NULL, insns, 2, &opts);
	if (fd < 0)
		return from_fd(fd, ret_reason);
	answer = from_fd(bpf_raw_tracepoint_open(NULL, fd), ret_reason);
	close(fd);
	return answer;
}

/* a key of eight bytes on the stack, half of it never written */
static enum answer probe_uninit_stack(const char **ret_reason)
{
	int map = try_map(BPF_MAP_TYPE_HASH, sizeof(uint64_t), sizeof(uint64_t), 1);
	struct bpf_insn insns[] = {
		{ .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = BPF_REG_10, .off = -8 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_2,
			.src_reg = BPF_REG_10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_2, .imm = -8 },
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1,
			.src_reg = BPF_PSEUDO_MAP_FD, .imm = map },
		{ 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem },
		return_0, exit_insn,
	};
	enum answer answer;

	if (map < 0)
		return from_fd(map, ret_reason);
	answer = probe_program(BPF_PROG_TYPE_TRACEPOINT, insns, ARRAY_SIZE(insns), ret_reason);
	close(map);
	return answer;
}

static enum answer probe_loops(const char **ret_reason)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = 4 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = -1 },
		{ .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = BPF_REG_1, .off = -2 },
		return_0, exit_insn,
	};

	return probe_program(BPF_PROG_TYPE_TRACEPOINT, insns, ARRAY_SIZE(insns), ret_reason);
}

/* without a log, which would not fit into a buffer */
static enum answer probe_large(const char **ret_reason)
{
	enum { N = 4097 };
	struct bpf_insn *insns = mem_array(N, sizeof(*insns));
	enum answer answer;
	size_t i;

	for (i = 0; i < N - 1; i++)
		insns[i] = return_0;
	insns[N - 1] = exit_insn;
	answer = from_fd(try_load(BPF_PROG_TYPE_TRACEPOINT, NULL, insns, N, NULL), ret_reason);
	free(insns);
	return answer;
}

static enum answer probe_calls(const char **ret_reason)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 1 },
		exit_insn, return_0, exit_insn,
	};

	return probe_program(BPF_PROG_TYPE_TRACEPOINT, insns, ARRAY_SIZE(insns), ret_reason);
}

/* the address of an array's only value */
static enum answer probe_global_data(const char **ret_reason)
{
	int map = try_map(BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), sizeof(uint64_t), 1);
	struct bpf_insn insns[] = {
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1,
			.src_reg = BPF_PSEUDO_MAP_VALUE, .imm = map },
		{ 0 },
		return_0, exit_insn,
	};
	enum answer answer;

	if (map < 0)
		return from_fd(map, ret_reason);
	answer = probe_program(BPF_PROG_TYPE_TRACEPOINT, insns, ARRAY_SIZE(insns), ret_reason);
	close(map);
	return answer;
}

static enum answer probe_jmp32(const char **ret_reason)
{
	struct bpf_insn insns[] = {
		return_0,
		{ .code = BPF_JMP32 | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_0, .off = 0 },
		exit_insn,
	};

	return probe_program(BPF_PROG_TYPE_TRACEPOINT, insns, ARRAY_SIZE(insns), ret_reason);
}

static enum answer probe_get_stack(const char **ret_reason)
{
	return probe_helper(BPF_PROG_TYPE_TRACEPOINT, BPF_FUNC_get_stack, ret_reason);
}

static enum answer probe_perf_event(const char **ret_reason)
{
	struct bpf_insn insns[] = { return_0, exit_insn };

	return from_fd(try_load(BPF_PROG_TYPE_PERF_EVENT, NULL, insns, 2, NULL), ret_reason);
}

/* attaches to a function that is there wherever kprobes are, and is rarely called */
static enum answer probe_kprobe_multi(const char **ret_reason)
{
	static const char *const names[] = { "register_kprobe" };
	struct bpf_insn insns[] = { return_0, exit_insn };
	LIBBPF_OPTS(bpf_prog_load_opts, load, .kern_version = kernel_version_code(),
		.expected_attach_type = BPF_TRACE_KPROBE_MULTI);
	LIBBPF_OPTS(bpf_link_create_opts, opts, .kprobe_multi.cnt = 1);
	int fd = try_load(BPF_PROG_TYPE_KPROBE, NULL, insns, 2, &load);
	enum answer answer;

	if (fd < 0)
		return from_fd(fd, ret_reason);
	opts.kprobe_multi.syms = (const char **)names;
	answer = from_fd(bpf_link_create(fd, 0, BPF_TRACE_KPROBE_MULTI, &opts), ret_reason);
	close(fd);
	return answer;
}

/* no_path: "no " and the path, the reason if it is not there */
static enum answer probe_file(const char *no_path, const char **ret_reason)
{
	*ret_reason = no_path;
	if (access(no_path + strlen("no "), F_OK) == 0)
		return ANSWER_YES;
	return errno == ENOENT ? ANSWER_NO : ANSWER_UNKNOWN;
}

static enum answer probe_kprobe_pmu(const char **ret_reason)
{
	return probe_file("no " PMU_DIR "kprobe/type", ret_reason);
}

static enum answer probe_uprobe_pmu(const char **ret_reason)
{
	return probe_file("no " PMU_DIR "uprobe/type", ret_reason);
}

static enum answer probe_ref_ctr(const char **ret_reason)
{
	return probe_file("no " PMU_DIR "uprobe/format/ref_ctr_offset", ret_reason);
}

/* a PMU, or else the control file in tracefs */
static enum answer probe_probes(enum feature pmu, const char *file, const char **ret_reason)
{
	struct error ignored = ERROR_INIT;
	char path[PATH_MAX];
	const char *root;

	if (feature_have(pmu))
		return ANSWER_YES;
	root = tracefs_path(&ignored);
	error_clear(&ignored);
	*ret_reason = "tracefs cannot be read";
	if (!root)
		return ANSWER_UNKNOWN;
	snprintf(path, sizeof(path), "%s/%s", root, file);
	*ret_reason = "neither a perf PMU nor a control file in tracefs";
	return yes_or(access(path, F_OK) == 0);
}

static enum answer probe_kprobes(const char **ret_reason)
{
	return probe_probes(FEATURE_KPROBE_PMU, "kprobe_events", ret_reason);
}

static enum answer probe_uprobes(const char **ret_reason)
{
	return probe_probes(FEATURE_UPROBE_PMU, "uprobe_events", ret_reason);
}

const struct feature_row feature_rows[FEATURE_COUNT] = {
	{ FEATURE_RINGBUF, "ring-buffer", "ring buffer shared by all CPUs",
		"457f44363a88 (5.8)", probe_ringbuf },
	{ FEATURE_PROBE_READ_KERNEL, "probe-read-kernel", "helpers probe_read_kernel and _user",
		"6ae08ae3dea2 (5.5)", probe_read_kernel },
	{ FEATURE_BATCH, "batch", "map entries read many at a time",
		"cb4d03ab499d (5.6)", probe_batch },
	{ FEATURE_LOOKUP_DELETE_BATCH, "delete-batch", "map entries read and deleted in one step",
		"057996380a42 (5.6)", probe_delete_batch },
	{ FEATURE_MAP_NAMES, "names", "names of maps and programs",
		"cb4d2b3f03d8 (4.15)", probe_names },
	{ FEATURE_BTF_LOAD, "btf-load", "BTF of programs",
		"69b693f0aefa (4.18)", probe_btf_load },
	{ FEATURE_RAW_TRACEPOINT, "raw-tracepoint", "raw tracepoints",
		"c4f6699dfcb8 (4.17)", probe_raw_tracepoint },
	{ FEATURE_TRACING_PROGS, "fentry", "fentry and fexit",
		"fec56f5890d9 (5.5)", probe_tracing },
	{ FEATURE_KPROBES, "kprobe", "kernel functions",
		"2541517c32be (4.1)", probe_kprobes },
	{ FEATURE_UPROBES, "uprobe", "functions of programs and libraries",
		"04a22fae4cbc (4.3)", probe_uprobes },
	{ FEATURE_KPROBE_PMU, "kprobe-pmu", "kprobes that vanish with their descriptor",
		"e12f03d7031a (4.17)", probe_kprobe_pmu },
	{ FEATURE_UPROBE_PMU, "uprobe-pmu", "uprobes that vanish with their descriptor",
		"33ea4b24277b (4.17)", probe_uprobe_pmu },
	{ FEATURE_UPROBE_REF_CTR, "uprobe-ref-ctr", "USDT semaphores kept by the kernel",
		"a6ca88b241d5 (4.20)", probe_ref_ctr },
	{ FEATURE_KTIME_BOOT, "ktime-boot", "helper ktime_get_boot_ns",
		"71d19214776e (5.8)", probe_ktime_boot },
	{ FEATURE_CGROUP_ID, "cgroup-id", "helper get_current_cgroup_id",
		"bf6fa2c893c5 (4.18)", probe_cgroup_id },
	{ FEATURE_STACKID_TRACEPOINT, "stack-tracepoint", "stacks in tracepoint programs",
		"9940d67c93b5 (4.7)", probe_stackid },
	{ FEATURE_MEMCG_ACCOUNT, "memcg", "memory charged to the cgroup, not to RLIMIT_MEMLOCK",
		"97306be45fbe (5.11)", probe_memcg },
	{ FEATURE_UNINIT_STACK, "uninit-stack", "helpers read stack that was never written",
		"6715df8d5d24 (6.3)", probe_uninit_stack },
	{ FEATURE_LOOPS, "loops", "loops that the verifier sees end",
		"2589726d12a1 (5.3)", probe_loops },
	{ FEATURE_LARGE, "large", "programs of a million instructions, not of 4096",
		"c04c0d2b968a (5.2)", probe_large },
	{ FEATURE_CALLS, "calls", "calls between functions of a program",
		"cc8b0b92a169 (4.16)", probe_calls },
	{ FEATURE_GLOBAL_DATA, "global-data", "global variables of programs",
		"d8eca5bbb2be (5.2)", probe_global_data },
	{ FEATURE_JMP32, "jmp32", "jumps that compare 32 bits",
		"092ed0968bb6 (5.1)", probe_jmp32 },
	{ FEATURE_GET_STACK, "get-stack", "helper get_stack: a stack as bytes, not as an id",
		"c195651e565a (4.18)", probe_get_stack },
	{ FEATURE_PERF_EVENT_PROGS, "perf-event", "programs at perf events and timers",
		"0515e5999a46 (4.9)", probe_perf_event },
	{ FEATURE_KPROBE_MULTI, "kprobe-multi", "many kernel functions attached in one call",
		"0dcac2725406 (5.18)", probe_kprobe_multi },
};

enum answer feature_answer(enum feature id, const char **ret_reason)
{
	static struct {
		enum answer answer;
		const char *reason;
	} kept[FEATURE_COUNT];
	static bool silenced;

	if (!silenced) {
		libbpf_set_print(quiet);
		silenced = true;
	}
	if (kept[id].answer == ANSWER_UNASKED) {
		const char *reason = NULL;

		kept[id].answer = feature_rows[id].probe(&reason);
		kept[id].reason = kept[id].answer == ANSWER_YES ? NULL : reason;
	}
	if (ret_reason)
		*ret_reason = kept[id].reason;
	return kept[id].answer;
}

bool feature_have(enum feature id)
{
	return feature_answer(id, NULL) == ANSWER_YES;
}
