/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module to patch.  A write of "call N" to /proc/livepatch_target calls
 * target_work() N times; "sleep N" sleeps N seconds in target_work(), so that
 * the writer holds up a transition that begins meanwhile.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>

int target_work(unsigned int seconds);

noinline int target_work(unsigned int seconds)
{
	if (seconds)
		msleep_interruptible(seconds * 1000);
	return seconds + 1;
}
EXPORT_SYMBOL_GPL(target_work);

static ssize_t target_write(struct file *file, const char __user *text, size_t size, loff_t *at)
{
	char line[32] = "";
	unsigned int n;

	if (size >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, text, size))
		return -EFAULT;
	if (sscanf(line, "sleep %u", &n) == 1) {
		target_work(n);
		return size;
	}
	if (sscanf(line, "call %u", &n) != 1)
		return -EINVAL;
	while (n--)
		target_work(0);
	return size;
}

static const struct proc_ops target_ops = { .proc_write = target_write };

static int __init target_init(void)
{
	return proc_create("livepatch_target", 0200, NULL, &target_ops) ? 0 : -ENOMEM;
}

static void __exit target_exit(void)
{
	remove_proc_entry("livepatch_target", NULL);
}

module_init(target_init);
module_exit(target_exit);
MODULE_DESCRIPTION("A function for tests to patch");
MODULE_LICENSE("Dual MIT/GPL");
