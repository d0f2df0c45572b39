//! btf
#include <linux/fs.h>
#include <linux/dcache.h>
struct event { u64 inode; u32 mode; char name[32]; };
EVENTS(events, struct event);
int read(struct pt_regs *ctx, struct file *file, char *buf, size_t count)
{
	struct event e = {};
	struct dentry *de = file->f_path.dentry;
	struct qstr d_name = de->d_name;
	e.mode = file->f_inode->i_mode;
	if (!S_ISREG(e.mode) || d_name.len == 0)
		return 0;
	e.inode = de->d_inode->i_ino;
	bpf_probe_read_kernel(&e.name, sizeof(e.name), d_name.name);
	events.submit(ctx, &e);
	return 0;
}
