/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that libbcc finds here instead of its own or libbpf's.
 * C++ only because two of them are; the rest of the compiler is C.
 */
#include "compile/interpose.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <string>
#include <vector>

#include <bcc/bcc_version.h>
#include <bcc/libbpf.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>

/*
 * A function that stands for one of the libraries: an executable's own come
 * before those of shared libraries.  Where all are linked statically the
 * linker puts __wrap_NAME in place of NAME (static/meson.build has the list).
 */
#ifdef STATIC_LINK
#define IN_PLACE_OF(name) __asm__("__wrap_" name)
#else
#define IN_PLACE_OF(name)
#endif
#define STRING_ARGUMENT "NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"

struct captured captured;

/*
 * The number of CPUs that libbcc is told.  It becomes max_entries of perf
 * output maps, and by it they are known: the loader sizes them for the
 * machine they run on.  No user's array has this size by chance.
 */
static const uint32_t MANY_CPUS = 65521;

namespace ebpf {
std::vector<int> get_possible_cpus() IN_PLACE_OF("_ZN4ebpf17get_possible_cpusEv");
std::string tracepoint_format_file(std::string const &category, std::string const &event)
	IN_PLACE_OF("_ZN4ebpf22tracepoint_format_fileERK" STRING_ARGUMENT "S7_");
int get_proc_kheaders(std::string &path)
	IN_PLACE_OF("_ZN4ebpf18get_proc_kheadersER" STRING_ARGUMENT);

std::vector<int> get_possible_cpus()
{
	return std::vector<int>(MANY_CPUS);
}

/* tracepoint structs are ours, see tracepoint.h */
std::string tracepoint_format_file(std::string const &, std::string const &)
{
	return "";
}

/* the header tree is always given: never unpack the running kernel's */
int get_proc_kheaders(std::string &)
{
	return -ENOENT;
}
}

static void *grow(void *array, size_t n, size_t size)
{
	void *p = reallocarray(array, n + 1, size);

	if (!p)
		abort();
	memset(static_cast<char *>(p) + n * size, 0, size);
	return p;
}

void captured_clear(void)
{
	for (size_t i = 0; i < captured.n_maps; i++)
		free(captured.maps[i].name);
	free(captured.maps);
	free(captured.btf);
	free(captured.lines);
	memset(&captured, 0, sizeof(captured));
}

extern "C" {

int bcc_create_map_xattr(struct bcc_create_map_attr *attr, bool allow_rlimit)
	IN_PLACE_OF("bcc_create_map_xattr");
int bcc_procutils_each_ksym(void (*callback)(const char *, const char *, uint64_t, void *),
	void *payload) IN_PLACE_OF("bcc_procutils_each_ksym");
struct btf *btf__new(const void *data, __u32 size) IN_PLACE_OF("btf__new");
int btf__load_into_kernel(struct btf *btf) IN_PLACE_OF("btf__load_into_kernel");
struct btf *btf__load_vmlinux_btf(void) IN_PLACE_OF("btf__load_vmlinux_btf");
int bcc_prog_load_xattr(enum bpf_prog_type type, const char *name, const char *license,
	const struct bpf_insn *insns, struct bpf_prog_load_opts *opts, int insns_size, char *log,
	unsigned log_size, bool allow_rlimit) IN_PLACE_OF("bcc_prog_load_xattr");
int bpf_obj_get(const char *path) IN_PLACE_OF("bpf_obj_get");
int bpf_obj_pin(int fd, const char *path) IN_PLACE_OF("bpf_obj_pin");
int bcc_make_parent_dir(const char *path) IN_PLACE_OF("bcc_make_parent_dir");
int system(const char *command) IN_PLACE_OF("system");

int bcc_create_map_xattr(struct bcc_create_map_attr *attr, bool)
{
	struct captured_map *map;

	captured.maps = static_cast<struct captured_map *>(
		grow(captured.maps, captured.n_maps, sizeof(*captured.maps)));
	map = &captured.maps[captured.n_maps];
	map->name = strdup(attr->name);
	map->type = attr->map_type;
	map->key_size = attr->key_size;
	map->value_size = attr->value_size;
	map->flags = attr->map_flags;
	map->max_entries = attr->max_entries;
	map->inner = attr->inner_map_fd ? static_cast<int>(attr->inner_map_fd) - CAPTURED_FD : -1;
	if (map->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY && map->max_entries == MANY_CPUS)
		map->max_entries = 0;
	return CAPTURED_FD + captured.n_maps++;
}

/* libbcc asks for these two; without them it would compile for old helpers */
int bcc_procutils_each_ksym(void (*callback)(const char *, const char *, uint64_t, void *),
	void *payload)
{
	callback("bpf_probe_read_kernel", "kernel", 0x1000, payload);
	callback("bpf_probe_read_user", "kernel", 0x2000, payload);
	return 0;
}

#ifdef STATIC_LINK
struct btf *real_btf_new(const void *data, __u32 size) __asm__("__real_btf__new");
#else
static struct btf *real_btf_new(const void *data, __u32 size)
{
	typedef struct btf *(*function)(const void *, __u32);

	return reinterpret_cast<function>(dlsym(RTLD_NEXT, "btf__new"))(data, size);
}
#endif

struct btf *btf__new(const void *data, __u32 size)
{
	if (!captured.active)
		return real_btf_new(data, size);
	free(captured.btf);
	captured.btf = malloc(size + 1);
	if (!captured.btf)
		abort();
	memcpy(captured.btf, data, size);
	static_cast<char *>(captured.btf)[size] = 0;
	captured.btf_size = size;
	return real_btf_new(data, size);
}

int btf__load_into_kernel(struct btf *)
{
	return 0;
}

struct btf *btf__load_vmlinux_btf(void)
{
	errno = ENOENT;
	return nullptr;
}

/* the name at an offset of the captured BTF's strings */
static const char *btf_string(uint32_t offset)
{
	const struct btf_header *h = static_cast<const struct btf_header *>(captured.btf);

	if (!h || captured.btf_size < sizeof(*h) || offset >= h->str_len ||
	    static_cast<uint64_t>(h->hdr_len) + h->str_off + h->str_len > captured.btf_size)
		return "";
	return static_cast<const char *>(captured.btf) + h->hdr_len + h->str_off + offset;
}

int bcc_prog_load_xattr(enum bpf_prog_type, const char *, const char *, const struct bpf_insn *,
	struct bpf_prog_load_opts *opts, int, char *, unsigned, bool)
{
	const char *record = static_cast<const char *>(opts->line_info);

	free(captured.lines);
	captured.lines = nullptr;
	captured.n_lines = 0;
	for (unsigned i = 0; record && i < opts->line_info_cnt; i++) {
		const struct bpf_line_info *info = reinterpret_cast<const struct bpf_line_info *>(
			record + i * opts->line_info_rec_size);
		struct captured_line *line;

		captured.lines = static_cast<struct captured_line *>(
			grow(captured.lines, captured.n_lines, sizeof(*captured.lines)));
		line = &captured.lines[captured.n_lines++];
		line->insn = info->insn_off;
		line->line = BPF_LINE_INFO_LINE_NUM(info->line_col);
		line->file = btf_string(info->file_name_off);
	}
	return -1;
}

/* nothing is pinned, and nothing pinned is looked at */
int bpf_obj_get(const char *)
{
	errno = EPERM;
	return -1;
}

int bpf_obj_pin(int, const char *)
{
	errno = EPERM;
	return -1;
}

int bcc_make_parent_dir(const char *)
{
	return -1;
}

/* neither tar nor modprobe */
int system(const char *)
{
	errno = EPERM;
	return -1;
}

}

/* ---- versions ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void add_id(std::string &out, const ElfW(Nhdr) *note)
{
	const unsigned char *id = reinterpret_cast<const unsigned char *>(note + 1) + 4;
	char hex[3];

	for (unsigned i = 0; i < note->n_descsz; i++) {
		snprintf(hex, sizeof(hex), "%02x", id[i]);
		out += hex;
	}
}

/* "-" if there is none */
static std::string build_id(const struct dl_phdr_info *info)
{
	std::string out;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		const char *at = reinterpret_cast<const char *>(info->dlpi_addr + ph->p_vaddr);
		const char *end = at + ph->p_memsz;

		while (ph->p_type == PT_NOTE && out.empty() && at + sizeof(ElfW(Nhdr)) < end) {
			const ElfW(Nhdr) *note = reinterpret_cast<const ElfW(Nhdr) *>(at);

			if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4)
				add_id(out, note);
			at += sizeof(*note) + ((note->n_namesz + 3) & ~3u) +
				((note->n_descsz + 3) & ~3u);
		}
	}
	return out.empty() ? "-" : out;
}

static std::string own_path(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));

	return n > 0 ? std::string(path, n) : "-";
}

/* "NAME BUILDID PATH" of what decides about the code: ourselves and some libraries */
static int add_library(struct dl_phdr_info *info, size_t, void *arg)
{
	std::string &out = *static_cast<std::string *>(arg);
	const char *name = base_name(info->dlpi_name);

	if (!*info->dlpi_name && out.find("\nmoontrace-cc ") == std::string::npos)
		out += "moontrace-cc " + build_id(info) + ' ' + own_path() + '\n';
	else if (strncmp(name, "libbcc", 6) == 0 || strncmp(name, "libLLVM", 7) == 0 ||
		 strncmp(name, "libclang", 8) == 0)
		out += std::string(name) + ' ' + build_id(info) + ' ' + info->dlpi_name + '\n';
	return 0;
}

#ifdef STATIC_LINK
namespace clang {
std::string getClangFullVersion();
}
#endif

static std::string clang_version()
{
#ifdef STATIC_LINK
	return clang::getClangFullVersion();
#else
	typedef std::string (*function)();
	function clang = reinterpret_cast<function>(
		dlsym(RTLD_DEFAULT, "_ZN5clang19getClangFullVersionB5cxx11Ev"));

	return clang ? clang() : "clang of unknown version";
#endif
}

unsigned interpose_clang_version(void)
{
	std::string version = clang_version();
	size_t at = version.find("version ");

	return at == std::string::npos ? 0 : atoi(version.c_str() + at + strlen("version "));
}

char *interpose_versions(void)
{
	std::string out = "libbcc " LIBBCC_VERSION "\n";

	out += clang_version();
	out += '\n';
	dl_iterate_phdr(add_library, &out);
	return strdup(out.c_str());
}
