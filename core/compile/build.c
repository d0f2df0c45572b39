/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bcc/bcc_common.h>
#include <bpf/btf.h>

#include "base/machine.h"
#include "base/mem.h"
#include "base/str.h"
#include "compile/interpose.h"
#include "compile/stub.h"
#include "object/object.h"
#include "object/types.h"

struct strings {
	char **list;
	size_t n;
};

/* takes s */
static void add_string(struct strings *strings, char *s)
{
	*MEM_GROW(strings->list, strings->n) = s;
}

static void release_strings(struct strings *strings)
{
	while (strings->n)
		free(strings->list[--strings->n]);
	free(strings->list);
	strings->list = NULL;
}

/* ---- headers, flags, environment ---- */

/* arch/NAME of the kernel's source, which libbcc takes for ARCH too */
static const char *kernel_arch(const char *machine)
{
	const struct machine *m = machine_find(machine);

	return m ? m->arch : NULL;
}

static int check_readable(const struct tree_list *trees, const char *path, const char *file,
	struct error *err)
{
	char *at = mem_format("%s/%s", tree_at(trees, path), file);
	int ret = access(at, R_OK) ? -errno : 0;

	free(at);
	if (!ret)
		return 0;
	error_sys(err, "E-HEADERS", -ret, "read '%s/%s'", path, file);
	if (ret == -EACCES)
		error_hint(err, "the compiler is unprivileged: everybody must be able to read "
			"the headers");
	return -1;
}

/* where libbcc shall run: the stub tree, the kernel's tree, or its source half */
static char *header_tree(const struct request *req, const struct tree_list *trees,
	const char *dir, struct error *err)
{
	const char *path = *req->headers_source ? req->headers_source : req->headers;
	char *tree;

	if (!*req->headers) {
		tree = mem_format("%s/%s", dir, BUILD_STUB);
		if (!stub_write(tree, req, err))
			return tree;
		free(tree);
		return NULL;
	}
	if (check_readable(trees, path, "include/linux/kconfig.h", err) ||
	    check_readable(trees, req->headers, "include/generated/autoconf.h", err))
		return NULL;
	return mem_string(tree_at(trees, path));
}

/*
 * Old verifiers refuse to read bytes of the stack that were not written, the
 * padding of a key among them.
 */
static void add_zero_stack(struct strings *flags)
{
	add_string(flags, mem_string("-ftrivial-auto-var-init=zero"));
	/* since clang 16 zero needs no excuse */
	if (interpose_clang_version() < 16)
		add_string(flags, mem_string("-enable-trivial-auto-var-init-zero-knowing-it-will-"
			"be-removed-from-clang"));
}

static void add_flags(const struct request *req, const struct tree_list *trees,
	struct strings *flags)
{
	const char *build = tree_at(trees, req->headers), *arch = kernel_arch(req->machine);
	size_t i;

	/* the other half of a split tree */
	if (*req->headers_source) {
		add_string(flags, mem_format("-I%s/arch/%s/include/generated", build, arch));
		add_string(flags, mem_format("-I%s/include", build));
		add_string(flags, mem_format("-I%s/arch/%s/include/generated/uapi", build, arch));
		add_string(flags, mem_format("-I%s/include/generated/uapi", build));
	}
	for (i = 0; i < req->n_includes; i++)
		add_string(flags, mem_format("-I%s", tree_at(trees, req->includes[i])));
	if (req->zero_stack)
		add_zero_stack(flags);
	/* else it is a call that fails to load */
	add_string(flags, mem_string("-Werror=implicit-function-declaration"));
	/* what a header defines as well cannot vary */
	if (req->n_params)
		add_string(flags, mem_string("-Werror=macro-redefined"));
	for (i = 0; i < req->n_cflags; i++)
		add_string(flags, mem_string(req->cflags[i]));
}

/* all that libbcc and its libraries may learn from outside */
static int set_environment(const struct request *req, const char *dir, const char *tree,
	struct error *err)
{
	if (clearenv() || setenv("BCC_KERNEL_SOURCE", tree, 1) ||
	    setenv("ARCH", kernel_arch(req->machine), 1) || setenv("TMPDIR", dir, 1) ||
	    chdir(dir))
		return error_sys(err, "E-COMPILER", errno, "prepare the compiler's environment");
	return 0;
}

/* ---- programs ---- */

static const struct { const char *prefix, *provider; } probe_names[] = {
	{ "kprobe__", "kprobe" },
	{ "kretprobe__", "kretprobe" },
	{ "syscall__", "syscall" },
	{ "sysret__", "sysret" },
	{ "raw_tracepoint__", "raw_tracepoint" },
	{ "kfunc__", "fentry" },
	{ "kretfunc__", "fexit" },
};

/* what a function attaches to, by its name; NULL: by hand */
static char *probe_of(const char *function)
{
	const char *name = function + strlen("tracepoint__"), *gap;
	size_t i;

	if (str_starts(function, "tracepoint__") && (gap = strstr(name, "__")) && gap > name)
		return mem_format("tracepoint:%.*s:%s", (int)(gap - name), name, gap + 2);
	for (i = 0; i < ARRAY_SIZE(probe_names); i++) {
		if (str_starts(function, probe_names[i].prefix))
			return mem_format("%s:%s", probe_names[i].provider,
				function + strlen(probe_names[i].prefix));
	}
	return NULL;
}

/* a file descriptor of interpose.h in an ld_imm64 is a relocation */
static void add_relocations(struct object_program *prog, size_t n_maps)
{
	size_t i;

	for (i = 0; i < prog->n_insns; i++) {
		struct bpf_insn *insn = &prog->insns[i];
		struct object_reloc *reloc;

		if (insn->code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insn->src_reg == BPF_PSEUDO_MAP_FD) {
			reloc = MEM_GROW(prog->relocs, prog->n_relocs);
			reloc->insn = i;
			/* objects have maps in order of declaration: the reverse */
			reloc->map = n_maps - 1 - (insn->imm - CAPTURED_FD);
			insn->imm = 0;
		}
		i++;
	}
}

static void add_lines(void *module, struct object_program *prog)
{
	const struct captured_line *c;
	struct object_line *line;

	/* "loads" the program, which leaves its lines in `captured` */
	bcc_func_load(module, BPF_PROG_TYPE_KPROBE, prog->name, prog->insns, 0, "GPL", 0, 0, NULL,
		0, NULL, -1);
	for (c = captured.lines; c < captured.lines + captured.n_lines; c++) {
		/* line 0: what no line asked for */
		if (strcmp(c->file, SCRIPT_NAME) != 0 || !c->line || c->insn >= prog->n_insns)
			continue;
		if (prog->n_lines && prog->lines[prog->n_lines - 1].line == c->line)
			continue;
		line = MEM_GROW(prog->lines, prog->n_lines);
		line->insn = c->insn;
		line->line = c->line;
	}
}

/* "/<script>:31: error: " or without a line; on descriptor 2, like libbcc */
static void complain(const struct object_program *prog, size_t insn, const char *text)
{
	const struct object_line *line = NULL;
	size_t i;

	for (i = 0; i < prog->n_lines && prog->lines[i].insn <= insn; i++)
		line = &prog->lines[i];
	if (line)
		fprintf(stderr, "%s:%u: error: %s\n", SCRIPT_NAME, line->line, text);
	else
		fprintf(stderr, "error: %s: in function %s: %s\n", SCRIPT_NAME, prog->name, text);
}

static bool is_small(const struct bpf_insn *insn)
{
	int64_t value = (uint64_t)(uint32_t)insn[1].imm << 32 | (uint32_t)insn[0].imm;

	return value == (int32_t)value;
}

/*
 * libbcc resolves neither addresses of data nor calls between functions.
 * The former leave an ld_imm64 of a small number, which for a constant the
 * compiler would not have taken.  libbcc drops the variables' names.
 */
static int check_insns(const struct object_program *prog)
{
	size_t i;

	for (i = 0; i < prog->n_insns; i++) {
		const struct bpf_insn *insn = &prog->insns[i];

		if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL) {
			complain(prog, i, "a function that is not inlined cannot be called");
			return -1;
		}
		if (insn->code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insn->src_reg == 0 && is_small(insn)) {
			complain(prog, i, "global and static variables, and constant arrays, are "
				"not supported: use a map");
			return -1;
		}
		i++;
	}
	return 0;
}

static int add_program(struct object *obj, void *module, size_t id)
{
	const char *name = bpf_function_name(module, id);
	size_t size = bpf_function_size_id(module, id);
	struct object_program *prog = object_add_program(obj, name);

	prog->probe = probe_of(name);
	prog->n_insns = size / sizeof(*prog->insns);
	prog->insns = mem_copy(bpf_function_start_id(module, id), size);
	add_lines(module, prog);
	add_relocations(prog, captured.n_maps);
	return check_insns(prog);
}

/* programs that prepare_usdt.c made say by no name what they attach to */
static void set_usdt_probes(struct object *obj, const struct request *req)
{
	size_t i;

	for (i = 0; i < req->n_usdt; i++) {
		char *name = request_usdt_program(req, i);
		int program = object_find_program(obj, name);

		if (program >= 0) {
			free(obj->programs[program].probe);
			obj->programs[program].probe = mem_string(request_usdt_probe(req, i));
		}
		free(name);
	}
}

/* the parameter that a load stands for, or -1 */
static int param_of(const struct bpf_insn *insn, const struct prepared *p, uint32_t *ret_kind)
{
	uint64_t value = (uint64_t)(uint32_t)insn[1].imm << 32 | (uint32_t)insn[0].imm;
	size_t i;

	for (i = 0; i < p->n_params; i++) {
		*ret_kind = value == PREPARED_PARAM(i, PATCH_PRESENT) ? PATCH_PRESENT : PATCH_VALUE;
		if (value == PREPARED_PARAM(i, *ret_kind))
			return i;
	}
	return -1;
}

/* loads of parameters become loads of 0 and places to patch */
static void add_patches(struct object *obj, size_t program, const struct prepared *p)
{
	struct object_program *prog = &obj->programs[program];
	struct object_patch *patch;
	uint32_t kind;
	size_t i;
	int param;

	for (i = 0; i < prog->n_insns; i++) {
		struct bpf_insn *insn = &prog->insns[i];

		if (insn->code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		param = insn->src_reg ? -1 : param_of(insn, p, &kind);
		if (param >= 0) {
			patch = MEM_GROW(obj->patches, obj->n_patches);
			*patch = (struct object_patch){ kind, param, program, i };
			insn[0].imm = insn[1].imm = 0;
		}
		i++;
	}
}

/* the size of a map is a parameter if it is just that */
static void add_map_patches(struct object *obj, const struct prepared *p, bool *used)
{
	size_t i, m;

	for (m = 0; m < obj->n_maps; m++) {
		for (i = 0; i < p->n_params; i++) {
			if (!p->params[i].entries ||
			    obj->maps[m].max_entries != p->params[i].entries)
				continue;
			*MEM_GROW(obj->patches, obj->n_patches) =
				(struct object_patch){ PATCH_ENTRIES, i, m, 0 };
			obj->maps[m].max_entries = 1;
			used[i] = true;
			break;
		}
	}
}

static enum build_result add_params(struct object *obj, const struct prepared *p)
{
	bool *used = mem_array(p->n_params, sizeof(*used));
	enum build_result ret = BUILD_OK;
	size_t i;

	for (i = 0; i < p->n_params; i++)
		object_add_param(obj, p->params[i].name, p->params[i].optional);
	for (i = 0; i < obj->n_programs; i++)
		add_patches(obj, i, p);
	add_map_patches(obj, p, used);
	for (i = 0; i < p->n_params; i++) {
		if (!p->params[i].entries || used[i])
			continue;
		fprintf(stderr, "%s:%u: error: %s cannot vary: it is not just the number of a "
			"map's entries\n", SCRIPT_NAME, p->params[i].line, p->params[i].name);
		ret = BUILD_WRONG;
	}
	free(used);
	return ret;
}

/* ---- maps and types ---- */

/* type of a member of struct PREFIX + NAME; 0 if there is none, or not of this size */
static uint32_t member_type(const struct btf *btf, const char *prefix, const char *name,
	const char *member, uint32_t size)
{
	char *full = mem_format("%s%s", prefix, name);
	int id = btf__find_by_name_kind(btf, full, BTF_KIND_STRUCT);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;
	uint32_t i;

	free(full);
	for (i = 0; t && i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];

		if (strcmp(btf__name_by_offset(btf, m->name_off), member) != 0)
			continue;
		return !size || btf__resolve_size(btf, m->type) == size ? m->type : 0;
	}
	return 0;
}

static bool carries_events(const struct captured_map *c)
{
	return c->type == BPF_MAP_TYPE_RINGBUF ||
		(c->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY && !c->max_entries);
}

static void add_map(struct object *obj, const struct captured_map *c, const struct btf *btf,
	const struct prepared *p)
{
	struct object_map *map = object_add_map(obj, c->name);

	map->type = c->type;
	map->key_size = c->key_size;
	map->value_size = c->value_size;
	map->max_entries = c->max_entries;
	map->flags = c->flags;
	map->inner = c->inner < 0 ? -1 : (int32_t)captured.n_maps - 1 - c->inner;
	if (c->key_size)
		map->key_type = member_type(btf, "____btf_map_", c->name, "key", c->key_size);
	if (c->value_size)
		map->value_type = member_type(btf, "____btf_map_", c->name, "value",
			c->value_size);
	if (carries_events(c)) {
		map->role = MAP_EVENTS;
		map->value_type = member_type(btf, PREPARED_EVENT, c->name, "value", 0);
	} else if (p->losses && strcmp(c->name, PREPARED_LOSSES) == 0) {
		map->role = MAP_LOSSES;
	}
}

/* replaces the compiler's type ids by those of the object's own types */
static int add_types(struct object *obj, struct error *err)
{
	uint32_t *ids = mem_array(2 * obj->n_maps + 1, sizeof(*ids));
	size_t i, n = 0, typed = 0;

	for (i = 0; i < obj->n_maps; i++) {
		ids[n++] = obj->maps[i].key_type;
		ids[n++] = obj->maps[i].value_type;
		typed += obj->maps[i].key_type || obj->maps[i].value_type;
	}
	if (typed)
		obj->types = types_extract(captured.btf, captured.btf_size, ids, n, err);
	for (i = 0; obj->types && i < obj->n_maps; i++) {
		obj->maps[i].key_type = ids[2 * i];
		obj->maps[i].value_type = ids[2 * i + 1];
	}
	free(ids);
	return typed && !obj->types ? -1 : 0;
}

/* ---- the object ---- */

/* which compiler it was is the cache's business: objects do not tell */
static void add_facts(struct object *obj, const struct request *req)
{
	object_add_fact(obj, "release", req->release);
	object_add_fact(obj, "machine", req->machine);
	object_add_fact(obj, "headers", *req->headers || *req->types ? req->headers_id : "stub");
	object_add_fact(obj, "ringbuf", req->ringbuf ? "yes" : "no");
}

static enum build_result make_object(void *module, const struct request *req,
	const struct prepared *p, struct object *obj, struct error *err)
{
	struct btf *btf = btf__new(captured.btf, captured.btf_size);
	enum build_result ret = BUILD_OK;
	char *license = bpf_module_license(module);
	size_t i;

	if (!btf) {
		error_set(err, "E-COMPILER", "the compiler gave no type information");
		return BUILD_FAILED;
	}
	free(obj->license);
	free(obj->source_name);
	obj->license = mem_string(license ? license : "");
	obj->source_name = mem_string(req->file);
	obj->kern_version = req->version_code;
	add_facts(obj, req);
	for (i = captured.n_maps; i-- > 0; )
		add_map(obj, &captured.maps[i], btf, p);
	for (i = 0; i < bpf_num_functions(module); i++) {
		if (add_program(obj, module, i))
			ret = BUILD_WRONG;
	}
	btf__free(btf);
	set_usdt_probes(obj, req);
	if (ret == BUILD_OK)
		ret = add_params(obj, p);
	if (ret == BUILD_OK && add_types(obj, err))
		ret = BUILD_FAILED;
	return ret;
}

/* events that the text declares only for the preprocessor to take them away */
static void find_absent(const struct prepared *p, struct strings *absent)
{
	size_t i, j;

	for (i = 0; i < p->n_events; i++) {
		for (j = 0; j < captured.n_maps; j++) {
			if (strcmp(captured.maps[j].name, p->events[i].name) == 0)
				break;
		}
		if (j == captured.n_maps)
			add_string(absent, mem_string(p->events[i].name));
	}
}

static void *run_libbcc(const struct prepared *p, const struct strings *flags)
{
	void *module;

	captured_clear();
	captured.active = 1;
	module = bpf_module_create_c_from_string(p->text.data, 0, (const char **)flags->list,
		flags->n, false, NULL);
	captured.active = 0;
	fflush(stdout);
	return module;
}

/*
 * The slots of the loss counters follow the maps that are there.  Where
 * the preprocessor took one away, the text is compiled once more without it.
 */
static void *compile_text(const struct request *req, const struct strings *flags,
	struct prepared *p, struct buf *diag)
{
	struct strings absent = { 0 };
	void *module = NULL;

	if (prepare(req, NULL, 0, p, diag))
		return NULL;
	module = run_libbcc(p, flags);
	if (module)
		find_absent(p, &absent);
	if (absent.n) {
		bpf_module_destroy(module);
		prepared_release(p);
		module = NULL;
		if (!ftruncate(STDERR_FILENO, 0) &&
		    !prepare(req, absent.list, absent.n, p, diag))
			module = run_libbcc(p, flags);
	}
	release_strings(&absent);
	return module;
}

static enum build_result build_object(const struct request *req, const struct strings *flags,
	struct buf *object, struct error *err)
{
	struct prepared p = { 0 };
	struct buf diag = BUF_INIT;
	struct object *obj = object_new();
	enum build_result ret = BUILD_WRONG;
	void *module = compile_text(req, flags, &p, &diag);

	if (module)
		ret = make_object(module, req, &p, obj, err);
	if (ret == BUILD_OK && object_write(obj, object, err))
		ret = BUILD_FAILED;
	object_free(obj);
	prepared_release(&p);
	buf_release(&diag);
	return ret;
}

enum build_result build(const struct request *req, const struct tree_list *trees,
	const char *dir, struct buf *object, struct error *err)
{
	struct strings flags = { 0 };
	enum build_result ret = BUILD_FAILED;
	char *tree = NULL;

	if (!kernel_arch(req->machine))
		error_set(err, "E-FEATURE", "no programs are compiled for machine '%s'",
			req->machine);
	else
		tree = header_tree(req, trees, dir, err);
	if (tree && !set_environment(req, dir, tree, err)) {
		add_flags(req, trees, &flags);
		ret = build_object(req, &flags, object, err);
	}
	release_strings(&flags);
	free(tree);
	return ret;
}
