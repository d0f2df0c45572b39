/* SPDX-License-Identifier: Apache-2.0 */
/* The length of a command's name; struct task_struct itself needs a kernel's headers. */
#ifndef STUB_LINUX_SCHED_H
#define STUB_LINUX_SCHED_H

#include <linux/types.h>

#define TASK_COMM_LEN 16

struct task_struct;

/* states of a task, as sched:sched_switch reports them */
#define TASK_RUNNING 0
#define TASK_INTERRUPTIBLE 1
#define TASK_UNINTERRUPTIBLE 2

/* flags of clone() */
#define CLONE_VM 0x00000100
#define CLONE_FS 0x00000200
#define CLONE_FILES 0x00000400
#define CLONE_SIGHAND 0x00000800
#define CLONE_VFORK 0x00004000
#define CLONE_PARENT 0x00008000
#define CLONE_THREAD 0x00010000
#define CLONE_NEWNS 0x00020000

#endif
