/* SPDX-License-Identifier: Apache-2.0 */
/* Names of structs only; their members need a kernel's headers. */
#ifndef STUB_LINUX_FS_H
#define STUB_LINUX_FS_H

#include <linux/types.h>

struct file;
struct inode;
struct dentry;
struct path;
struct super_block;

#define PATH_MAX 4096
#define NAME_MAX 255

#endif
