/* SPDX-License-Identifier: Apache-2.0 */
/* A livepatch that replaces target_work() of the module livepatch_target. */
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include <linux/module.h>

static noinline int livepatch_target_work(unsigned int seconds)
{
	return -(int)seconds;
}

static struct klp_func work_functions[] = {
	{ .old_name = "target_work", .new_func = livepatch_target_work },
	{ }
};

static struct klp_object work_objects[] = {
	{ .name = "livepatch_target", .funcs = work_functions },
	{ }
};

static struct klp_patch work_patch = { .mod = THIS_MODULE, .objs = work_objects };

static int __init work_init(void)
{
	return klp_enable_patch(&work_patch);
}

static void __exit work_exit(void)
{
}

module_init(work_init);
module_exit(work_exit);
MODULE_DESCRIPTION("A livepatch for tests");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_INFO(livepatch, "Y");
