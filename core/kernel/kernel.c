/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernel this is: release, machine, and the version it was compiled as. */
#include "kernel/kernel.h"

#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/utsname.h>
#include <unistd.h>

static const struct utsname *names(void)
{
	static struct utsname uts;

	if (!uts.release[0])
		uname(&uts);
	return &uts;
}

const char *kernel_release(void)
{
	return names()->release;
}

const char *kernel_machine(void)
{
	return names()->machine;
}

uint32_t kernel_parse_version(const char *text)
{
	unsigned major, minor, patch = 0;

	if (sscanf(text, "%u.%u.%u", &major, &minor, &patch) < 2)
		return 0;
	return (major << 16) + (minor << 8) + (patch > 255 ? 255 : patch);
}

/* LINUX_VERSION_CODE in a segment of ELF notes: owner "Linux", type 0 */
static uint32_t note_version(const char *at, size_t left)
{
	while (left >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *note = (const void *)at;
		size_t name = (note->n_namesz + 3ul) & ~3ul, desc = (note->n_descsz + 3ul) & ~3ul;
		const char *data = at + sizeof(*note);
		uint32_t code;

		if (name + desc > left - sizeof(*note))
			break;
		if (note->n_type == 0 && note->n_namesz == sizeof("Linux") &&
			note->n_descsz == sizeof(code) && memcmp(data, "Linux", 6) == 0) {
			memcpy(&code, data + name, sizeof(code));
			return code;
		}
		at += sizeof(*note) + name + desc;
		left -= sizeof(*note) + name + desc;
	}
	return 0;
}

static uint32_t vdso_version(void)
{
	const char *base = (const char *)getauxval(AT_SYSINFO_EHDR);
	const ElfW(Ehdr) *elf = (const void *)base;
	const ElfW(Phdr) *seg;
	uint32_t code = 0;
	unsigned i;

	if (!base || memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0)
		return 0;
	seg = (const void *)(base + elf->e_phoff);
	for (i = 0; i < elf->e_phnum && !code; i++) {
		if (seg[i].p_type == PT_NOTE)
			code = note_version(base + seg[i].p_offset, seg[i].p_filesz);
	}
	return code;
}

/* uname -r of Debian and Ubuntu has the ABI's number, not the patch level */
static uint32_t distribution_version(void)
{
	const char *debian = strstr(names()->version, "Debian ");
	unsigned major, minor, patch;
	char line[256] = "";
	uint32_t code = 0;
	FILE *f;

	if (debian)
		return kernel_parse_version(debian + strlen("Debian "));
	f = fopen("/proc/version_signature", "re");
	if (!f)
		return 0;
	if (fgets(line, sizeof(line), f) &&
		sscanf(line, "Ubuntu %*s %u.%u.%u", &major, &minor, &patch) == 3)
		code = (major << 16) + (minor << 8) + (patch > 255 ? 255 : patch);
	fclose(f);
	return code;
}

uint32_t kernel_version_code(void)
{
	static uint32_t code;

	if (!code)
		code = vdso_version();
	if (!code)
		code = distribution_version();
	if (!code)
		code = kernel_parse_version(kernel_release());
	return code;
}

const char *kernel_btf(void)
{
	static const char path[] = "/sys/kernel/btf/vmlinux";

	return access(path, R_OK) == 0 ? path : NULL;
}
