/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A livepatch whose functions have the names of those they replace, as
 * kpatch-build makes them: one of livepatch_target, one of the kernel itself.
 */
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static noinline int target_work(unsigned int seconds)
{
	return -(int)seconds;
}

static noinline int cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "patched\n");
	return 0;
}

static struct klp_func target_functions[] = {
	{ .old_name = "target_work", .new_func = target_work },
	{ }
};

static struct klp_func kernel_functions[] = {
	{ .old_name = "cmdline_proc_show", .new_func = cmdline_proc_show },
	{ }
};

static struct klp_object same_objects[] = {
	{ .name = "livepatch_target", .funcs = target_functions },
	{ .funcs = kernel_functions },
	{ }
};

static struct klp_patch same_patch = { .mod = THIS_MODULE, .objs = same_objects };

static int __init same_init(void)
{
	return klp_enable_patch(&same_patch);
}

static void __exit same_exit(void)
{
}

module_init(same_init);
module_exit(same_exit);
MODULE_DESCRIPTION("A livepatch for tests, with the names of what it replaces");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_INFO(livepatch, "Y");
