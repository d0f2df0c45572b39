/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/kernel.h"

#include <sys/stat.h>

/* PROC_PID_INIT_INO of linux/proc_ns.h: fixed since 3.8, when /proc/self/ns/pid came */
#define INITIAL_INODE 0xeffffffcu

bool kernel_sees_our_pids(void)
{
	static bool asked, initial = true;
	struct stat st;

	if (!asked && stat("/proc/self/ns/pid", &st) == 0)
		initial = st.st_ino == INITIAL_INODE;
	asked = true;
	return initial;
}
