/* SPDX-License-Identifier: Apache-2.0 */
/*
 * USDT probes: where arguments are, by their text; specs; the notes of this
 * very program, whole and damaged; and programs attached to them.
 */
#include <elf.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "../load/usdt.h"
#include "base/file.h"
#include "base/mem.h"
#include "expect.h"
#include "fds.h"
#include "insns.h"
#include "kernel/feature.h"
#include "load/internal.h"
#include "object/usdt_spec.h"
#include "symbol/usdt.h"

/* ---- the probes of this program ---- */

USDT_SEMAPHORE(own_semaphore);

static void __attribute__((noinline)) hit(int n)
{
	USDT_NOTE("own", "plain", "0", "-4@$1 -4@$2", "r"(n));
	USDT_NOTE("own", "plain", "0", "-4@$3 -4@$4", "r"(n));
	USDT_NOTE("own", "gated", "own_semaphore", "-4@$5", "r"(n));
}

/* ---- arguments ---- */

static void add_register(const struct place_register *r, struct buf *out)
{
	buf_addf(out, " %s.%u", r->bytes ? r->member : "-", r->bytes);
	if (r->shift)
		buf_addf(out, ">>%u", r->shift);
}

/* what was understood of the first argument */
static char *describe(const struct machine *m, const char *text)
{
	struct usdt_arg args[USDT_ARGS_MAX];
	struct buf out = BUF_INIT;
	const struct place *p = &args[0].place;

	assert_int_equal(usdt_args(text, m, args), 1);
	if (args[0].unread)
		return mem_string(args[0].unread);
	buf_addf(&out, "%c%u", args[0].is_signed ? 's' : 'u', args[0].size);
	switch (p->kind) {
	case PLACE_CONSTANT:
		buf_addf(&out, " = %lld", (long long)p->number);
		break;
	case PLACE_REGISTER:
		add_register(&p->base, &out);
		break;
	case PLACE_MEMORY:
		buf_addf(&out, " [%lld", (long long)p->number);
		add_register(&p->base, &out);
		add_register(&p->index, &out);
		buf_addf(&out, " *%u]", p->scale);
		break;
	}
	return buf_take(&out, NULL);
}

struct argument {
	const char *text, *want;
};

static void check_arguments(const struct machine *m, const struct argument *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		char *got = describe(m, list[i].text);

		if (strcmp(got, list[i].want) != 0)
			fail_msg("%s: %s, not %s", list[i].text, got, list[i].want);
		free(got);
	}
}

static void test_x86_64(void **state)
{
	static const struct argument list[] = {
		{ "-4@%edi", "s4 di.4" },
		{ "8@%r12", "u8 r12.8" },
		{ "4@%r12d", "u4 r12.4" },
		{ "1@%ah", "u1 ax.1>>8" },
		{ "-1@%sil", "s1 si.1" },
		{ "2@%r9w", "u2 r9.2" },
		{ "4@$5", "u4 = 5" },
		{ "-8@$-9223372036854775808", "s8 = -9223372036854775808" },
		{ "8@$18446744073709551615", "u8 = -1" },
		{ "4@$0x10", "u4 = 16" },
		{ "8@-8(%rbp)", "u8 [-8 bp.8 -.0 *0]" },
		{ "8@(%rax,%rbx,8)", "u8 [0 ax.8 bx.8 *8]" },
		{ "-2@16(,%rcx,4)", "s2 [16 -.0 cx.8 *4]" },
		{ "1@(%rax,%rdx)", "u1 [0 ax.8 dx.8 *1]" },
		{ "8f@%xmm0", "a floating-point number" },
		{ "8@%xmm1", "a floating-point or vector register" },
		{ "8@sym(%rip)", "relative to the program's own address" },
		{ "8@sym+8(%rip)", "relative to the program's own address" },
		{ "8@16(%rip)", "relative to the program's own address" },
		{ "8@%fs:40", "relative to a segment register" },
		{ "8@$sym", "the address of a symbol" },
		{ "8@1234", "an absolute address" },
		{ "8@sym", "in no known form" },
		{ "3@%eax", "in no known form" },
		{ "%eax", "in no known form" },
		{ "4@", "in no known form" },
		{ "4@%eaxx", "in no known form" },
		{ "4@%eax)", "in no known form" },
		{ "4@(%rax,%rbx,3)", "in no known form" },
		{ "4@(%rax,%rbx,8", "in no known form" },
		{ "4@(%ax)", "in no known form" },
		{ "4@(%rax)x", "in no known form" },
	};

	check_arguments(&machine_x86_64, list, ARRAY_SIZE(list));
}

static void test_aarch64(void **state)
{
	static const struct argument list[] = {
		{ "-4@[sp, 12]", "s4 [12 sp.8 -.0 *0]" },
		{ "-4@[sp,#-12]", "s4 [-12 sp.8 -.0 *0]" },
		{ "8@x0", "u8 regs[0].8" },
		{ "-4@w30", "s4 regs[30].4" },
		{ "8@[x1]", "u8 [0 regs[1].8 -.0 *0]" },
		{ "8@[x1, x2, lsl 3]", "u8 [0 regs[1].8 regs[2].8 *8]" },
		{ "8@[x1, x2]", "u8 [0 regs[1].8 regs[2].8 *1]" },
		{ "8@31", "u8 = 31" },
		{ "-4@-1", "s4 = -1" },
		{ "8@xzr", "u8 = 0" },
		{ "8@sp", "u8 sp.8" },
		{ "8f@d0", "a floating-point number" },
		{ "8@d0", "a floating-point or vector register" },
		{ "8@x31", "in no known form" },
		{ "8@[w1]", "in no known form" },
		{ "8@[x1, w2, sxtw 3]", "in no known form" },
		{ "8@[x1, 8", "in no known form" },
		{ "8@[x1, 8]!", "in no known form" },
	};

	check_arguments(&machine_aarch64, list, ARRAY_SIZE(list));
}

static void test_many(void **state)
{
	struct usdt_arg args[USDT_ARGS_MAX];

	assert_int_equal(usdt_args("", &machine_x86_64, args), 0);
	assert_int_equal(usdt_args("  ", &machine_x86_64, args), 0);
	assert_int_equal(usdt_args(" 4@$1  4@$2 ", &machine_x86_64, args), 2);
	assert_int_equal(args[1].place.number, 2);
	assert_int_equal(usdt_args("4@[sp, 8] 4@7", &machine_aarch64, args), 2);
	assert_int_equal(args[1].place.number, 7);
	assert_int_equal(usdt_args("1@$1 1@$1 1@$1 1@$1 1@$1 1@$1 1@$1 1@$1 1@$1 1@$1 1@$1 1@$12 "
		"1@$13", &machine_x86_64, args), 13);
	assert_int_equal(args[11].place.number, 12);
}

/* ---- specs ---- */

static void test_specs(void **state)
{
	static const struct {
		const char *text, *path, *name, *args;
	} good[] = {
		{ "/bin/a:p:n", "/bin/a", "p:n", NULL },
		{ "c:libc:setjmp(8@%rdi -4@%esi)", "c", "libc:setjmp", "8@%rdi -4@%esi" },
		{ "/a (b):c/d:p:n()", "/a (b):c/d", "p:n", "" },
		{ "/a:p:n(8@%fs:40)", "/a", "p:n", "8@%fs:40" },
		{ "/a:*:n*", "/a", "*:n*", NULL },
	};
	static const char *const bad[] = { "", "/a", "/a:p", ":p:n", "/a:p:", "/a:p:n(", "/a::n" };
	struct usdt_spec spec;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		struct buf out = BUF_INIT;

		assert_true(usdt_spec_parse(good[i].text, &spec));
		assert_string_equal(spec.path, good[i].path);
		assert_string_equal(spec.name, good[i].name);
		if (good[i].args)
			assert_string_equal(spec.args, good[i].args);
		else
			assert_null(spec.args);
		assert_true(usdt_spec_fits(&spec));
		usdt_spec_format(&spec, &out);
		assert_string_equal(out.data, good[i].text);
		buf_release(&out);
		usdt_spec_release(&spec);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(usdt_spec_parse(bad[i], &spec));
	assert_true(usdt_spec_parse("/a\n:p:n", &spec));
	assert_false(usdt_spec_fits(&spec));
	usdt_spec_release(&spec);
}

static void test_object_name(void **state)
{
	static const char probe[] = "usdt:/a b/100%/c:p:n(-4@%edi 8@(%rax,%rbx,8) \"\xc3\xa9\")";
	struct object *obj = object_new(), *again;
	struct bpf_insn insns[] = { RETURN };
	struct buf bytes = BUF_INIT;

	add_program(obj, "f", probe, insns, ARRAY_SIZE(insns));
	OK(object_write(obj, &bytes, &err));
	again = object_read(bytes.data, bytes.len, &err);
	assert_non_null(again);
	assert_string_equal(again->programs[0].probe, probe);
	object_free(again);
	buf_release(&bytes);
	free(obj->programs[0].probe);
	obj->programs[0].probe = mem_string("usdt:/a:p:n(\n)");
	REFUSED(object_write(obj, &bytes, &err), "E-OBJECT");
	obj->programs[0].probe[0] = 'k';
	REFUSED(object_write(obj, &bytes, &err), "E-OBJECT");
	error_clear(&err);
	buf_release(&bytes);
	object_free(obj);
}

/* ---- notes ---- */

static struct buf list;
static uint64_t first_offset, semaphore_offset;

static bool add_note(void *arg, const struct usdt_note *note)
{
	if (strcmp(note->provider, "own") != 0)
		return true;
	if (!list.len)
		first_offset = note->offset;
	if (note->semaphore)
		semaphore_offset = note->semaphore;
	buf_addf(&list, "%s%s(%s)%s", list.len ? " " : "", note->name, note->args,
		note->semaphore ? "!" : "");
	return !arg;
}

static const char own_notes[] = "plain(-4@$1 -4@$2) plain(-4@$3 -4@$4) gated(-4@$5)!";

static void read_notes(const void *image, size_t size)
{
	buf_clear(&list);
	OK(usdt_notes_of_memory(image, size, "image", add_note, NULL, &err));
}

/* where section `name` has its header in an image; its own addresses move by `moved` */
static Elf64_Shdr *find_section(struct buf *image, const char *name)
{
	Elf64_Ehdr *head = (Elf64_Ehdr *)image->data;
	Elf64_Shdr *sections = (Elf64_Shdr *)(image->data + head->e_shoff);
	const char *names = image->data + sections[head->e_shstrndx].sh_offset;
	size_t i;

	for (i = 0; i < head->e_shnum; i++) {
		if (strcmp(names + sections[i].sh_name, name) == 0)
			return &sections[i];
	}
	fail_msg("no section %s", name);
	return NULL;
}

static void read_self(struct buf *ret)
{
	buf_init(ret);
	OK(file_read("/proc/self/exe", 256 << 20, ret, &err));
}

static void test_notes(void **state)
{
#ifdef __aarch64__
	static const unsigned char nop[] = { 0x1f, 0x20, 0x03, 0xd5 };
#else
	static const unsigned char nop[] = { 0x90 };
#endif
	struct buf image;

	read_self(&image);
	buf_clear(&list);
	OK(usdt_notes("/proc/self/exe", add_note, NULL, &err));
	assert_string_equal(list.data, own_notes);
	/* it is the nop in hit() */
	assert_memory_equal(image.data + first_offset, nop, sizeof(nop));
	read_notes(image.data, image.len);
	assert_string_equal(list.data, own_notes);
	buf_clear(&list);
	OK(usdt_notes_of_memory(image.data, image.len, "image", add_note, &image, &err));
	assert_string_equal(list.data, "plain(-4@$1 -4@$2)");
	REFUSED(usdt_notes("/nowhere", add_note, NULL, &err), "E-FILE");
	REFUSED(usdt_notes("/proc/self/cmdline", add_note, NULL, &err), "E-FILE");
	error_clear(&err);
	buf_release(&image);
}

/* prelink adds to addresses, in headers and not in notes */
static void test_prelink(void **state)
{
	enum { MOVED = 0x10000 };
	uint64_t before, semaphore_before;
	Elf64_Ehdr *head;
	Elf64_Phdr *ph;
	struct buf image;
	size_t i;

	read_self(&image);
	read_notes(image.data, image.len);
	before = first_offset;
	semaphore_before = semaphore_offset;
	head = (Elf64_Ehdr *)image.data;
	ph = (Elf64_Phdr *)(image.data + head->e_phoff);
	for (i = 0; i < head->e_phnum; i++)
		ph[i].p_vaddr += MOVED;
	read_notes(image.data, image.len);
	assert_true(!list.len || first_offset != before);
	find_section(&image, ".stapsdt.base")->sh_addr += MOVED;
	read_notes(image.data, image.len);
	assert_string_equal(list.data, own_notes);
	assert_int_equal(first_offset, before);
	assert_int_equal(semaphore_offset, semaphore_before);
	buf_release(&image);
}

static void test_damaged(void **state)
{
	struct buf image, copy;
	Elf64_Shdr *notes;
	size_t i;

	read_self(&image);
	notes = find_section(&image, ".note.stapsdt");
	/* each byte of the notes wrong, and each shorter section */
	for (i = 0; i < notes->sh_size; i++) {
		image.data[notes->sh_offset + i] ^= 0xff;
		read_notes(image.data, image.len);
		image.data[notes->sh_offset + i] ^= 0xff;
	}
	for (i = notes->sh_size; i > 0; i--) {
		notes->sh_size--;
		read_notes(image.data, image.len);
		assert_true(strlen(list.data) < sizeof(own_notes) - 1);
	}
	/* 32 bits */
	buf_init(&copy);
	buf_add(&copy, image.data, sizeof(Elf64_Ehdr));
	copy.data[EI_CLASS] = ELFCLASS32;
	memset(copy.data + 32, 0, 20);
	REFUSED(usdt_notes_of_memory(copy.data, copy.len, "x", add_note, NULL, &err), "E-PROBE");
	REFUSED(usdt_notes_of_memory("no", 2, "x", add_note, NULL, &err), "E-FILE");
	error_clear(&err);
	buf_release(&copy);
	buf_release(&image);
}

/* ---- programs ---- */

static struct loop *loop;
static struct symbolizer *symbols;

/* one counter, and a program that counts what process `tgid` does */
static struct object *counting_object(int tgid, const char *probe)
{
	struct object *obj = object_new();
	struct bpf_insn insns[] = { ONLY_TGID(tgid, COUNT_LEN), COUNT(0, 0), RETURN };

	free(obj->license);
	obj->license = mem_string("GPL");
	add_map(obj, "counts", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	add_program(obj, "f__1", probe, insns, ARRAY_SIZE(insns));
	return obj;
}

static uint64_t counted(struct unit *u)
{
	uint32_t slot = 0;
	uint64_t v = 0;

	assert_int_equal(map_lookup(unit_map_at(u, 0), &slot, &v, &err), 1);
	return v;
}

/* links at a probe of this program; *ret_pid: of the process that it is limited to */
static struct session *start(const char *name, int pid, struct unit **ret)
{
	struct session *s = session_new(loop, symbols, NULL, &err);
	char *probe = mem_format("usdt:/proc/%d/exe:own:%s", (int)getpid(), name);

	assert_non_null(s);
	*ret = unit_open(s, counting_object(pid ? pid : getpid(), probe), &err);
	assert_non_null(*ret);
	unit_set_pid(*ret, 0, pid);
	free(probe);
	return s;
}

static void test_attach(void **state)
{
	struct session *s;
	struct unit *u;

	if (feature_answer(FEATURE_UPROBES, NULL) == ANSWER_NO)
		skip();
	s = start("plain", 0, &u);
	OK(unit_attach_auto(u, &err));
	hit(1);
	/* both places */
	assert_int_equal(counted(u), 2);
	session_stop(s);
	hit(1);
	assert_int_equal(counted(u), 2);
	session_free(s);
	s = start("plain(-4@$3 -4@$4)", 0, &u);
	OK(unit_attach_auto(u, &err));
	hit(1);
	assert_int_equal(counted(u), 1);
	session_free(s);
	s = start("plain(-4@$3 -4@$5)", 0, &u);
	REFUSED(unit_check_auto(u, &err), "E-PROBE");
	unit_set_optional(u, 0);
	error_clear(&err);
	OK(unit_attach_auto(u, &err));
	assert_false(unit_is_attached(u, 0));
	session_free(s);
}

/* what an earlier session attached is closed behind its back */
static void wait_for_own_semaphore(void)
{
	int tries;

	for (tries = 0; own_semaphore && tries < 1000; tries++)
		usleep(10000);
	assert_int_equal(own_semaphore, 0);
}

static void test_semaphore(void **state)
{
	struct session *s;
	struct unit *u;

	if (feature_answer(FEATURE_UPROBES, NULL) == ANSWER_NO)
		skip();
	wait_for_own_semaphore();
	s = start("gated", 0, &u);
	if (semaphores_by_kernel()) {
		OK(unit_attach_auto(u, &err));
		assert_int_equal(own_semaphore, 1);
	} else {
		REFUSED(unit_attach_auto(u, &err), "E-FEATURE");
		error_clear(&err);
	}
	session_free(s);
	s = start("gated", getpid(), &u);
	OK(unit_attach_auto(u, &err));
	assert_int_equal(own_semaphore, 1);
	hit(1);
	assert_int_equal(counted(u), 1);
	session_stop(s);
	/* kernels do it when they close the event */
	if (semaphores_by_kernel())
		wait_for_own_semaphore();
	assert_int_equal(own_semaphore, 0);
	session_free(s);
	assert_int_equal(own_semaphore, 0);
}

static pid_t start_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	return pid;
}

/* a process that ends before the probe does is no error, whoever has its number then */
static void test_semaphore_of_the_dead(void **state)
{
	struct session *s;
	struct unit *u;
	pid_t child;

	if (feature_answer(FEATURE_UPROBES, NULL) == ANSWER_NO)
		skip();
	child = start_child();
	s = start("gated", child, &u);
	OK(unit_attach_auto(u, &err));
	assert_int_equal(own_semaphore, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	session_free(s);
	s = start("gated", child, &u);
	REFUSED(unit_attach_auto(u, &err), "E-ATTACH");
	error_clear(&err);
	session_free(s);
}

static void test_by_hand(void **state)
{
	struct link **links;
	struct session *s;
	struct unit *u;
	size_t n;

	if (feature_answer(FEATURE_UPROBES, NULL) == ANSWER_NO)
		skip();
	s = start("plain(-4@$3 -4@$4)", 0, &u);
	unit_set_by_hand(u, 0);
	OK(unit_attach_auto(u, &err));
	assert_false(unit_is_attached(u, 0));
	/* another place of the probe has no program */
	REFUSED(unit_attach_usdt(u, "f", NULL, -1, &links, &n, &err), "E-PROBE");
	REFUSED(unit_attach_usdt(u, "g", NULL, -1, &links, &n, &err), "E-PROGRAM");
	error_clear(&err);
	session_free(s);
	s = start("gated(-4@$5)", 0, &u);
	unit_set_by_hand(u, 0);
	OK(unit_attach_usdt(u, "f", NULL, getpid(), &links, &n, &err));
	assert_int_equal(n, 1);
	free(links);
	hit(1);
	assert_int_equal(counted(u), 1);
	session_free(s);
}

static int setup(void **state)
{
	loop = loop_new(&err);
	symbols = symbolizer_new();
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	symbolizer_free(symbols);
	loop_free(loop);
	buf_release(&list);
	return 0;
}

/* root, and not below an emulator of another machine's programs */
static bool may_probe(void)
{
	int fd = geteuid() == 0 ? bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, 8, 1, NULL) : -1;

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int main(int argc, char *argv[])
{
	static const struct CMUnitTest texts[] = {
		cmocka_unit_test(test_x86_64),
		cmocka_unit_test(test_aarch64),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_specs),
		cmocka_unit_test(test_object_name),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_prelink),
		cmocka_unit_test(test_damaged),
	};
	static const struct CMUnitTest probes[] = {
		fds_test(test_attach),
		fds_test(test_semaphore),
		fds_test(test_semaphore_of_the_dead),
		fds_test(test_by_hand),
	};

	buf_init(&list);
	load_as_old_kernel = argc > 1;
	if (argc == 1 && cmocka_run_group_tests(texts, NULL, NULL) != 0)
		return 1;
	if (!may_probe()) {
		print_message("skipped: probes, without bpf()\n");
		return 0;
	}
	if (cmocka_run_group_tests(probes, setup, teardown) != 0)
		return 1;
	/* once more, by the ways that old kernels need */
	if (argc == 1)
		execl("/proc/self/exe", argv[0], "old", NULL);
	return argc == 1;
}
