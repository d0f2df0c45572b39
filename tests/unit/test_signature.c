/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/kernel/signature: the table, lookups, contradictions, and the table
 * against BTF.  The last can be asked of any kernel: SIGNATURE_BTF=FILE
 * SIGNATURE_RELEASE=6.1.192 test_signature.  SIGNATURE_TABLE=FILE if the
 * source tree is not here.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/kernel.h"
#include "kernel/signature.h"
#include "kernel/signature_internal.h"

#define VERSION_CODE(a, b, c) ((a) << 16 | (b) << 8 | (c))
#define KERNEL_BTF "/sys/kernel/btf/vmlinux"

static struct buf table = BUF_INIT;

static const struct signature_target el7 = { "3.10.0-1062.9.1.el7.x86_64", 0x30a00, NULL };
static const struct signature_target v4_19 = { "4.19.90", VERSION_CODE(4, 19, 90), NULL };
static const struct signature_target v5_10 = { "5.10.0-46-amd64", VERSION_CODE(5, 10, 255), NULL };
static const struct signature_target v6_1 = { "6.1.0-56-amd64", VERSION_CODE(6, 1, 192), NULL };
static const struct signature_target v6_18 = { "6.18.44", VERSION_CODE(6, 18, 44), NULL };

/* signature_text of what is found, or the tag; caller frees */
static char *find_text(const char *function, const struct signature_target *target)
{
	struct error err = ERROR_INIT;
	struct signature s;
	char *text;

	if (signature_find(function, target, &s, &err) < 0) {
		text = mem_string(err.tag);
		error_clear(&err);
		return text;
	}
	text = signature_text(&s);
	signature_release(&s);
	return text;
}

static void assert_found(const char *function, const struct signature_target *target,
	const char *want)
{
	char *text = find_text(function, target);

	if (strcmp(text, want) != 0)
		print_error("%s on %s\n", function, target->release);
	assert_string_equal(text, want);
	free(text);
}

/* --- the text of the table */

static int use_table(void **state)
{
	signature_table_set(table.data);
	return 0;
}

static bool count_row(void *arg, const struct signature_row *row)
{
	++*(unsigned *)arg;
	return true;
}

static void test_good_rows(void **state)
{
	static const char text[] = "# a comment\n\n"
		"f\n"
		"\tel7:1062..1160: int (struct a *x, void (*fn)(int, long), unsigned int) | a.c 1\n"
		"\t4.9..5.3: struct b * (const char *fmt, ...)\n\t\t| b.c 2\n\t\t| static\n"
		"\t5.4..: void (void) | c.c 3\n"
		"# between\n"
		"g\n\t4.4: bool (struct c, enum d how) | d.c 4\n";
	struct signature_target t = { "4.9.1", VERSION_CODE(4, 9, 1), NULL };
	struct error err = ERROR_INIT;
	struct signature s;
	unsigned n = 0;

	signature_table_set(text);
	assert_int_equal(signature_table_each(count_row, &n, &err), 0);
	assert_int_equal(n, 4);
	assert_found("f", &el7, "int f(struct a *x, void (*fn)(int, long), unsigned int)");
	assert_found("f", &t, "struct b *f(const char *fmt, ...)");
	assert_found("f", &v6_18, "void f(void)");
	assert_int_equal(signature_find("f", &t, &s, &err), 0);
	assert_int_equal(s.n, 1);
	assert_true(s.variadic);
	assert_string_equal(s.source, "table of signatures, 4.9..5.3: b.c 2");
	signature_release(&s);
	t.release = "4.4.302";
	t.version_code = VERSION_CODE(4, 4, 255);
	assert_found("g", &t, "bool g(struct c, enum d how)");
}

static void test_bad_rows(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} rows[] = {
		{ "f g\n", 1 },				/* not a name */
		{ "\tel7: int (int a) | a.c\n", 1 },	/* before any function */
		{ "f\n", 1 },				/* no row */
		{ "f\ng\n\tel7: int (int a) | a.c\n", 2 },
		{ "f\n\tel7: int (int a) | a.c\n\nf\n\t4.9: int (int a) | a.c\n", 4 },
		{ "f\n\t\tel7: int (int a) | a.c\n", 2 },	/* continues nothing */
		{ "f\n\tel7 int (int a) | a.c\n", 2 },
		{ "f\n\tel7: int (int a)\n", 2 },	/* no source */
		{ "f\n\tel7: int (int a) | \n", 2 },
		{ "f\n\tel8: int (int a) | a.c\n", 2 },
		{ "f\n\tel7:9..1: int (int a) | a.c\n", 2 },
		{ "f\n\t4: int (int a) | a.c\n", 2 },
		{ "f\n\t4.9...5.3: int (int a) | a.c\n", 2 },
		{ "f\n\t5.3..4.9: int (int a) | a.c\n", 2 },
		{ "f\n\t4.9x: int (int a) | a.c\n", 2 },
		{ "f\n\tel7: int | a.c\n", 2 },
		{ "f\n\tel7: (int a) | a.c\n", 2 },	/* returns nothing */
		{ "f\n\tel7: int (int a | a.c\n", 2 },
		{ "f\n\tel7: int int a) | a.c\n", 2 },
		{ "f\n\tel7: int (int a, , int b) | a.c\n", 2 },
		{ "f\n\tel7: int (..., int b) | a.c\n", 2 },
		/* two rows for one kernel; the line is that where the row begins */
		{ "f\n\t4.9..5.3: int (int a) | a.c\n\t5.3..: int\n\t\t(int b) | a.c\n", 3 },
		{ "f\n\t4.9: int (int a) | a.c\n\t4.9.7..4.9: int (int b) | a.c\n", 3 },
	};
	struct error err = ERROR_INIT;
	unsigned n = 0;
	char want[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		signature_table_set(rows[i].text);
		if (signature_table_each(count_row, &n, &err) == 0)
			fail_msg("accepted: %s", rows[i].text);
		assert_string_equal(err.tag, "E-SIGNATURE");
		snprintf(want, sizeof(want), "table of signatures, line %u: ", rows[i].line);
		if (!str_starts(err.text, want))
			fail_msg("%s: not %s in %s", err.text, want, rows[i].text);
		error_clear(&err);
	}
	/* and a lookup says so, too */
	assert_int_equal(signature_find("f", &el7, &(struct signature){ 0 }, &err), -1);
	assert_true(str_starts(err.text, "table of signatures, line 3"));
	error_clear(&err);
}

static void test_covers(void **state)
{
	static const struct {
		const char *range, *release;
		uint32_t code;
		bool covers;
	} rows[] = {
		{ "el7", "3.10.0-1062.9.1.el7.x86_64", 0x30a00, true },
		{ "el7", "3.10.0-957.el7.x86_64", 0x30a00, true },
		{ "el7", "3.10.0-1160.118.1.el7.x86_64", 0x30a00, true },
		{ "el7", "3.10.0-1062.rt56.1022.el7.x86_64", 0x30a00, true },
		{ "el7", "3.10.0-514.el7.x86_64", 0x30a00, false },
		{ "el7", "3.10.0-1161.el7.x86_64", 0x30a00, false },
		{ "el7", "3.10.108", 0x30a6c, false },
		{ "el7", "5.4.17-2011.el7uek.x86_64", 0x50411, false },
		{ "el7", "4.14.0-115.el7a.aarch64", 0x40e00, false },
		{ "el7:1062..1127", "3.10.0-1062.el7.x86_64", 0x30a00, true },
		{ "el7:1062..1127", "3.10.0-957.el7.x86_64", 0x30a00, false },
		{ "el7:1062..1127", "3.10.0-1160.el7.x86_64", 0x30a00, false },
		{ "3.10", "3.10.0-1062.el7.x86_64", 0x30a00, false },
		{ "3.10", "3.10.108", 0x30a6c, true },
		{ "4.9..5.3", "4.8.17", 0x40811, false },
		{ "4.9..5.3", "4.9.0", 0x40900, true },
		{ "4.9..5.3", "5.3.18", 0x50312, true },
		{ "4.9..5.3", "5.4.0", 0x50400, false },
		{ "4.19..4.19.89", "4.19.90", 0x4135a, false },
		{ "4.19.90..4.19", "4.19.90", 0x4135a, true },
		{ "4.19.90..4.19", "4.19.300", 0x413ff, true },
		{ "4.19.90..4.19", "4.20.0", 0x41400, false },
		{ "5.4..", "6.18.44", 0x6122c, true },
		{ "5.4..", "5.3.0", 0x50300, false },
		/* Debian's release hides the patch level, the code has it */
		{ "5.10.100..5.10", "5.10.0-46-amd64", 0x50a80, true },
		/* above 255 only the release has it */
		{ "5.10.262..5.10", "5.10.262", 0x50aff, true },
		{ "5.10.262..5.10", "5.10.0-46-amd64", 0x50aff, false },
		{ "5.10", "5.10.262", 0, true },
		/* others' kernels */
		{ "4.18", "4.18.0-147.el8.x86_64", 0x41200, false },
		{ "4.14", "4.14.0-115.el7a.aarch64", 0x40e00, false },
		{ "5.4", "5.4.17-2011.el7uek.x86_64", 0x50411, false },
		{ "5.4", "5.4.278-1.el7.elrepo.x86_64", 0x504ff, true },
	};
	struct signature_row row = { 0 };
	struct signature_target t = { 0 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		row.range = rows[i].range;
		t.release = rows[i].release;
		t.version_code = rows[i].code;
		if (signature_row_covers(&row, &t) != rows[i].covers)
			fail_msg("%s for %s", row.range, t.release);
	}
}

/* --- what the table says */

/* where tools written for later kernels read the wrong argument, silently */
static void test_differences(void **state)
{
#define NO "E-SIGNATURE"
	static const struct {
		const char *function;
		const char *el7, *v4_19, *v5_10, *v6_1;		/* NULL: as the one before */
	} rows[] = {
		{ "finish_task_switch", "void %s(struct rq *rq, struct task_struct *prev)",
			"struct rq *%s(struct task_struct *prev)" },
		{ "ip_queue_xmit", "int %s(struct sk_buff *skb, struct flowi *fl)",
			"int %s(struct sock *sk, struct sk_buff *skb, struct flowi *fl)" },
		{ "__ip_queue_xmit", NO,
			"int %s(struct sock *sk, struct sk_buff *skb, struct flowi *fl, "
			"__u8 tos)" },
		{ "ip_output", "int %s(struct sock *sk, struct sk_buff *skb)",
			"int %s(struct net *net, struct sock *sk, struct sk_buff *skb)" },
		{ "ip_finish_output", "int %s(struct sock *sk, struct sk_buff *skb)",
			"int %s(struct net *net, struct sock *sk, struct sk_buff *skb)" },
		{ "ip_rcv_finish", "int %s(struct sock *sk, struct sk_buff *skb)",
			"int %s(struct net *net, struct sock *sk, struct sk_buff *skb)" },
		{ "ip_local_out", "int %s(struct sk_buff *skb)",
			"int %s(struct net *net, struct sock *sk, struct sk_buff *skb)" },
		{ "ip_local_out_sk", "int %s(struct sock *sk, struct sk_buff *skb)", NO },
		{ "__ip_local_out", "int %s(struct sk_buff *skb)",
			"int %s(struct net *net, struct sock *sk, struct sk_buff *skb)" },
		{ "ip_defrag", "int %s(struct sk_buff *skb, u32 user)",
			"int %s(struct net *net, struct sk_buff *skb, u32 user)" },
		{ "inet_frag_queue_insert", NO, "int %s(struct inet_frag_queue *q, "
			"struct sk_buff *skb, int offset, int end)" },
		{ "__netif_receive_skb_core", "int %s(struct sk_buff *skb, bool pfmemalloc)",
			"int %s(struct sk_buff *skb, bool pfmemalloc, "
			"struct packet_type **ppt_prev)",
			"int %s(struct sk_buff **pskb, bool pfmemalloc, "
			"struct packet_type **ppt_prev)" },
		{ "__dev_queue_xmit", "int %s(struct sk_buff *skb, void *accel_priv)",
			"int %s(struct sk_buff *skb, struct net_device *sb_dev)" },
		{ "tun_recvmsg", "int %s(struct kiocb *iocb, struct socket *sock, "
			"struct msghdr *m, size_t total_len, int flags)",
			"int %s(struct socket *sock, struct msghdr *m, size_t total_len, "
			"int flags)" },
		{ "ep_poll_callback",
			"int %s(wait_queue_t *wait, unsigned mode, int sync, void *key)",
			"int %s(wait_queue_entry_t *wait, unsigned mode, int sync, void *key)" },
		{ "irqfd_wakeup", "int %s(wait_queue_t *wait, unsigned mode, int sync, void *key)",
			"int %s(wait_queue_entry_t *wait, unsigned mode, int sync, void *key)" },
		{ "br_handle_frame_finish", "int %s(struct sock *sk, struct sk_buff *skb)",
			"int %s(struct net *net, struct sock *sk, struct sk_buff *skb)" },
		{ "br_forward_finish", "int %s(struct sock *sk, struct sk_buff *skb)",
			"int %s(struct net *net, struct sock *sk, struct sk_buff *skb)" },
		{ "br_netif_receive_skb", "int %s(struct sock *sk, struct sk_buff *skb)",
			"int %s(struct net *net, struct sock *sk, struct sk_buff *skb)" },
		{ "br_nf_pre_routing", "unsigned int %s(const struct nf_hook_ops *ops, "
			"struct sk_buff *skb, const struct net_device *in, "
			"const struct net_device *out, const struct nf_hook_state *state)",
			"unsigned int %s(void *priv, struct sk_buff *skb, "
			"const struct nf_hook_state *state)" },
		{ "br_nf_forward_ip", "unsigned int %s(const struct nf_hook_ops *ops, "
			"struct sk_buff *skb, const struct net_device *in, "
			"const struct net_device *out, const struct nf_hook_state *state)",
			"unsigned int %s(void *priv, struct sk_buff *skb, "
			"const struct nf_hook_state *state)" },
		{ "ipt_do_table", "unsigned int %s(struct sk_buff *skb, unsigned int hook, "
			"const struct nf_hook_state *state, struct xt_table *table)",
			"unsigned int %s(struct sk_buff *skb, const struct nf_hook_state *state, "
			"struct xt_table *table)", NULL,
			"unsigned int %s(void *priv, struct sk_buff *skb, "
			"const struct nf_hook_state *state)" },
		{ "nf_conntrack_in", "unsigned int %s(struct net *net, u_int8_t pf, "
			"unsigned int hooknum, struct sk_buff *skb)", NULL,
			"unsigned int %s(struct sk_buff *skb, const struct nf_hook_state *state)" },
		{ "estimation_timer", "void %s(unsigned long arg)",
			"void %s(struct timer_list *t)" },
		{ "handle_irq_event_percpu",
			"irqreturn_t %s(struct irq_desc *desc, struct irqaction *action)",
			"irqreturn_t %s(struct irq_desc *desc)" },
		{ "tcp_queue_rcv", "int %s(struct sock *sk, struct sk_buff *skb, int hdrlen, "
			"bool *fragstolen)", NULL,
			"int %s(struct sock *sk, struct sk_buff *skb, bool *fragstolen)" },
		{ "erspan_xmit", NO, "netdev_tx_t %s(struct sk_buff *skb, "
			"struct net_device *dev)" },
		{ "virtqueue_get_buf_ctx", NO, "void *%s(struct virtqueue *_vq, "
			"unsigned int *len, void **ctx)" },
		/* the same everywhere */
		{ "icmp_rcv", "int %s(struct sk_buff *skb)" },
		{ "ip_rcv", "int %s(struct sk_buff *skb, struct net_device *dev, "
			"struct packet_type *pt, struct net_device *orig_dev)" },
		{ "udp_rcv", "int %s(struct sk_buff *skb)" },
		{ "tcp_v4_rcv", "int %s(struct sk_buff *skb)" },
		{ "ip_send_skb", "int %s(struct net *net, struct sk_buff *skb)" },
		{ "tun_net_xmit", "netdev_tx_t %s(struct sk_buff *skb, struct net_device *dev)" },
		{ "veth_xmit", "netdev_tx_t %s(struct sk_buff *skb, struct net_device *dev)" },
		{ "virtnet_poll", "int %s(struct napi_struct *napi, int budget)" },
		{ "skb_recv_done", "void %s(struct virtqueue *rvq)" },
		{ "__br_forward", "void %s(const struct net_bridge_port *to, "
			"struct sk_buff *skb, bool local_orig)" },
		{ "netif_rx_internal", "int %s(struct sk_buff *skb)" },
		{ "try_to_wake_up",
			"int %s(struct task_struct *p, unsigned int state, int wake_flags)" },
		{ "ovs_dp_upcall", "int %s(struct datapath *dp, struct sk_buff *skb, "
			"const struct sw_flow_key *key, const struct dp_upcall_info *upcall_info, "
			"uint32_t cutlen)" },
	};
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *texts[] = { rows[i].el7, rows[i].v4_19, rows[i].v5_10, rows[i].v6_1 };
		const struct signature_target *targets[] = { &el7, &v4_19, &v5_10, &v6_1 };
		const char *now = NULL, *mark;
		char *want;

		for (k = 0; k < ARRAY_SIZE(targets); k++) {
			now = texts[k] ? texts[k] : now;
			if (!now)
				continue;
			mark = strstr(now, "%s");
			want = mark ? mem_format("%.*s%s%s", (int)(mark - now), now,
				rows[i].function, mark + 2) : mem_string(now);
			assert_found(rows[i].function, targets[k], want);
			free(want);
		}
	}
#undef NO
}

static void test_other_kernels(void **state)
{
	struct signature_target t = { "4.14.35-1902.el7uek.x86_64", VERSION_CODE(4, 14, 35), NULL };
	struct error err = ERROR_INIT;
	struct signature s;

	assert_found("icmp_echo", &el7, "void icmp_echo(struct sk_buff *skb)");
	assert_found("icmp_echo", &v4_19, "bool icmp_echo(struct sk_buff *skb)");
	assert_found("icmp_echo", &v6_18, "enum skb_drop_reason icmp_echo(struct sk_buff *skb)");
	assert_found("tcp_recvmsg", &v6_1, "int tcp_recvmsg(struct sock *sk, struct msghdr *msg, "
		"size_t len, int flags, int *addr_len)");
	/* a kernel that nobody read, and a function that nobody did */
	assert_int_equal(signature_find("icmp_echo", &t, &s, &err), -1);
	assert_string_equal(err.tag, "E-SIGNATURE");
	assert_non_null(strstr(err.text, "'icmp_echo' are not known for kernel 4.14.35-1902."));
	assert_non_null(strstr(err.text, "has it for el7, 4.2..5.18, 5.19.."));
	assert_null(err.hint);
	error_clear(&err);
	assert_int_equal(signature_find("icmp_ecco", &el7, &s, &err), -1);
	assert_string_equal(err.tag, "E-SIGNATURE");
	assert_non_null(strstr(err.text, "does not have it"));
	assert_non_null(strstr(err.hint, "icmp_echo"));
	error_clear(&err);
}

static void test_clones(void **state)
{
	static const struct {
		const char *name;
		bool clone;
	} rows[] = {
		{ "ip_fragment", false }, { "ip_fragment.constprop.0", true },
		{ "ip_fragment.isra.4", true }, { "ip_fragment.part.0", true },
		{ "ip_fragment.llvm.123", false }, { "vmlinux:ip_fragment.isra.1", true },
		{ "vmlinux:ip_fragment", false },
	};
	struct error err = ERROR_INIT;
	struct signature s;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(signature_find(rows[i].name, &v4_19, &s, &err), 0);
		assert_string_equal(s.function, "ip_fragment");
		assert_int_equal(s.clone, rows[i].clone);
		signature_release(&s);
	}
}

static void test_param(void **state)
{
	struct error err = ERROR_INIT;
	struct signature s;

	assert_int_equal(signature_find("ip_output", &el7, &s, &err), 0);
	assert_int_equal(signature_param(&s, "sk", &err), 0);
	assert_int_equal(signature_param(&s, "skb", &err), 1);
	assert_int_equal(signature_param(&s, "net", &err), -1);
	assert_string_equal(err.tag, "E-SIGNATURE");
	assert_true(str_starts(err.text, "'ip_output' has no parameter 'net' on this kernel: it is "
		"ip_output(struct sock *sk, struct sk_buff *skb)"));
	error_clear(&err);
	assert_int_equal(signature_param(&s, "", &err), -1);
	error_clear(&err);
	signature_release(&s);
}

static void test_check(void **state)
{
	static const struct {
		const char *function;
		const struct signature_target *target;
		const char *types[4];
		unsigned n;
		const char *wrong;	/* in the message; NULL: no contradiction */
	} rows[] = {
		{ "ip_output", &el7, { "struct sock *", "struct sk_buff *" }, 2, NULL },
		{ "ip_output", &el7, { "struct sock*", "const struct sk_buff * const" }, 2, NULL },
		{ "ip_output", &el7, { "struct net *", "struct sock *", "struct sk_buff *" }, 3,
			"parameter 1 of 'ip_output' is declared 'struct net *', but is "
			"'struct sock *sk'" },
		{ "ip_output", &el7, { "void *", "void *", "void *" }, 3,
			"3 parameters of 'ip_output' are declared, but it has 2" },
		{ "ip_output", &el7, { NULL, "struct sk_buff *" }, 2, NULL },
		{ "ip_output", &el7, { "void *", "my_skb_t *" }, 2, NULL },
		{ "ip_output", &el7, { "uintptr_t", "skb_ptr" }, 2, NULL },
		{ "ip_output", &el7, { "u64" }, 1, "parameter 1" },
		{ "ip_output", &el7, { "unsigned long" }, 1, "parameter 1" },
		{ "ip_output", &el7, { "struct sock" }, 1, "parameter 1" },
		{ "ip_output", &el7, { "struct sock **" }, 1, "parameter 1" },
		{ "ip_output", &el7, { "union sock *" }, 1, "parameter 1" },
		{ "ip_output", &el7, { "char *" }, 1, NULL },
		{ "ip_output", &el7, { "struct sock *", "int" }, 2, "parameter 2" },
		{ "finish_task_switch", &el7, { "struct task_struct *" }, 1, "struct rq *rq" },
		{ "finish_task_switch", &v4_19, { "struct task_struct *" }, 1, NULL },
		{ "ip_defrag", &el7, { "struct sk_buff *", "int" }, 2, NULL },
		{ "ip_defrag", &el7, { "struct sk_buff *", "enum ip_defrag_users" }, 2, NULL },
		{ "ip_defrag", &el7, { "struct sk_buff *", "u64" }, 2, NULL },
		{ "ip_defrag", &el7, { "struct sk_buff *", "struct net *" }, 2, "parameter 2" },
		{ "ip_defrag", &el7, { "struct sk_buff *", "void *" }, 2, "parameter 2" },
		{ "ip_defrag", &el7, { "struct sk_buff *", "foo_t *" }, 2, "parameter 2" },
		{ "ep_poll_callback", &el7, { "struct wait_queue_entry *" }, 1, NULL },
		{ "ep_poll_callback", &el7, { "wait_queue_entry_t *" }, 1, NULL },
		{ "ep_poll_callback", &el7, { "int" }, 1, "parameter 1" },
		{ "estimation_timer", &el7, { "struct timer_list *" }, 1, "parameter 1" },
		{ "estimation_timer", &v5_10, { "unsigned long" }, 1, "parameter 1" },
		{ "__netif_receive_skb_core", &v5_10, { "struct sk_buff *" }, 1,
			"struct sk_buff **pskb" },
		{ "call_timer_fn", &el7, { "struct timer_list *", "void (*)(unsigned long)",
			"unsigned long" }, 3, NULL },
		{ "call_timer_fn", &el7, { "struct timer_list *", "int" }, 2, "parameter 2" },
	};
	struct error err = ERROR_INIT;
	struct signature s;
	size_t i;
	int bad;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(signature_find(rows[i].function, rows[i].target, &s, &err), 0);
		bad = signature_check(&s, rows[i].types, rows[i].n, &err);
		if (bad != (rows[i].wrong ? -1 : 0))
			fail_msg("row %zu: %s", i, bad ? err.text : "accepted");
		if (bad) {
			assert_string_equal(err.tag, "E-SIGNATURE");
			if (!strstr(err.text, rows[i].wrong))
				fail_msg("row %zu: %s", i, err.text);
			assert_non_null(strstr(err.hint, rows[i].function));
			error_clear(&err);
		}
		signature_release(&s);
	}
}

/* --- BTF made here */

static char dir[] = "/tmp/test_signature_XXXXXX";

static void write_btf(struct btf *btf, const char *name)
{
	struct error err = ERROR_INIT;
	char *path = mem_format("%s/%s", dir, name);
	uint32_t size;
	const void *data = btf__raw_data(btf, &size);

	assert_int_equal(file_write_atomic(AT_FDCWD, path, data, size, 0600, &err), 0);
	free(path);
}

static int add_function(struct btf *btf, const char *name, int type, const char *param)
{
	int proto = btf__add_func_proto(btf, 1);

	assert_true(proto > 0);
	assert_int_equal(btf__add_func_param(btf, param, type), 0);
	return btf__add_func(btf, name, BTF_FUNC_STATIC, proto);
}

/* vmlinux: f(struct a *x), g(const char *const *v), h(int (*fn)(struct a *, ...)), both(int n);
 * module m: both(struct a *x), only(struct b **y); file n: not BTF */
static void make_btf(void)
{
	struct btf *btf = btf__new_empty(), *split;
	int number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);	/* id 1 */
	int letter = btf__add_int(btf, "char", 1, BTF_INT_SIGNED);
	int a = btf__add_ptr(btf, btf__add_fwd(btf, "a", BTF_FWD_STRUCT)), proto, id;
	struct error err = ERROR_INIT;
	char *path = mem_format("%s/n", dir);

	assert_true(add_function(btf, "f", a, "x") > 0);
	id = btf__add_const(btf, btf__add_ptr(btf, btf__add_const(btf, letter)));
	assert_true(add_function(btf, "g", btf__add_ptr(btf, id), "v") > 0);
	proto = btf__add_func_proto(btf, number);
	btf__add_func_param(btf, "", a);
	btf__add_func_param(btf, "", 0);
	assert_true(add_function(btf, "h", btf__add_ptr(btf, proto), "fn") > 0);
	assert_true(add_function(btf, "both", number, "n") > 0);
	write_btf(btf, "vmlinux");
	split = btf__new_empty_split(btf);
	assert_true(add_function(split, "both", a, "x") > 0);
	id = btf__add_ptr(split, btf__add_struct(split, "b", 0));
	assert_true(add_function(split, "only", btf__add_ptr(split, id), "y") > 0);
	assert_true(add_function(split, "f", a, "other_name") > 0);
	write_btf(split, "m");
	btf__free(split);
	btf__free(btf);
	assert_int_equal(file_write_atomic(AT_FDCWD, path, "text", 4, 0600, &err), 0);
	free(path);
}

static void test_btf(void **state)
{
	struct signature_target t = { "9.9.9", VERSION_CODE(9, 9, 9), NULL };
	struct error err = ERROR_INIT;
	struct signature s;
	char *path = mem_format("%s/vmlinux", dir);

	make_btf();
	t.btf = path;
	assert_found("f", &t, "int f(struct a *x)");	/* the same types twice are no doubt */
	assert_found("g", &t, "int g(const char *const *v)");
	assert_found("h", &t, "int h(int (*fn)(struct a *, ...))");
	assert_found("only", &t, "int only(struct b **y)");
	assert_found("m:both", &t, "int both(struct a *x)");
	assert_found("vmlinux:both", &t, "int both(int n)");
	assert_int_equal(signature_find("both", &t, &s, &err), -1);
	assert_string_equal(err.text, "several functions are called 'both': (int n) in the BTF of "
		"vmlinux, (struct a *x) in the BTF of m");
	assert_string_equal(err.hint, "name the module: MODULE:both");
	error_clear(&err);
	assert_int_equal(signature_find("missing", &t, &s, &err), -1);
	assert_non_null(strstr(err.text, "its BTF has no such function"));
	error_clear(&err);
	/* BTF goes before the table, which has what BTF lacks */
	t.release = el7.release;
	t.version_code = el7.version_code;
	assert_found("ip_output", &t, "int ip_output(struct sock *sk, struct sk_buff *skb)");
	t.btf = "/nonexistent";
	assert_int_equal(signature_find("f", &t, &s, &err), -1);
	assert_string_equal(err.tag, "E-SIGNATURE");
	assert_non_null(strstr(err.text, "read the BTF in '/nonexistent': No such file"));
	error_clear(&err);
	free(path);
}

/* --- the table against the BTF of a kernel */

struct comparison {
	struct signature_target target;
	unsigned same, absent, differ;
};

static void complain(struct comparison *c, const struct signature_row *row,
	const struct signature *btf, const char *what)
{
	struct buf b = BUF_INIT;

	signature_add_params_text(btf, &b);
	print_error("%s, row %s: %s; BTF has %s\n", row->function, row->range, what, b.data);
	buf_release(&b);
	c->differ++;
}

static void compare_params(struct comparison *c, const struct signature_row *row,
	const struct signature *btf)
{
	const char *types[32];
	struct error err = ERROR_INIT;
	size_t i;

	assert_true(row->sig.n <= ARRAY_SIZE(types));
	if (row->sig.n != btf->n || row->sig.variadic != btf->variadic) {
		complain(c, row, btf, "another number of parameters");
		return;
	}
	for (i = 0; i < btf->n; i++) {
		types[i] = row->sig.params[i].type;
		if (strcmp(row->sig.params[i].name, btf->params[i].name) != 0) {
			complain(c, row, btf, row->sig.params[i].name);
			return;
		}
	}
	if (signature_check(btf, types, btf->n, &err) < 0) {
		complain(c, row, btf, err.text);
		error_clear(&err);
		return;
	}
	c->same++;
}

static bool compare_row(void *arg, const struct signature_row *row)
{
	struct comparison *c = arg;
	struct error err = ERROR_INIT;
	struct signature s;
	int r;

	if (!signature_row_covers(row, &c->target))
		return true;
	r = signature_from_btf(c->target.btf, NULL, row->function, &s, &err);
	if (r == 0)
		c->absent++;
	if (r < 0) {		/* the table means one of several of that name */
		assert_true(str_starts(err.text, "several functions"));
		error_clear(&err);
	}
	if (r > 0) {
		s.function = mem_string(row->function);
		compare_params(c, row, &s);
		signature_release(&s);
	}
	return true;
}

static void test_against_btf(void **state)
{
	struct comparison c = { .target.btf = getenv("SIGNATURE_BTF") };
	struct error err = ERROR_INIT;

	c.target.release = getenv("SIGNATURE_RELEASE");
	if (!c.target.btf) {
		c.target.btf = KERNEL_BTF;
		c.target.release = kernel_release();
		c.target.version_code = kernel_version_code();
	}
	assert_non_null(c.target.release);
	if (access(c.target.btf, R_OK) < 0) {
		print_message("skipped: no %s\n", c.target.btf);
		skip();
	}
	assert_int_equal(signature_table_each(compare_row, &c, &err), 0);
	print_message("%s: %u functions are the same, %u are not in the BTF\n", c.target.release,
		c.same, c.absent);
	assert_int_equal(c.differ, 0);
	if (c.same + c.absent == 0) {
		print_message("skipped: the table has no row for this kernel\n");
		skip();
	}
	assert_true(c.same > 50);
}

/* --- what the toolset probes is in the table */

static const char *const probed[] = {
	"__br_forward", "__dev_queue_xmit", "__icmp_send", "__ip_finish_output",
	"__ip_local_out", "__ip_queue_xmit", "__kfree_skb", "__netif_receive_skb",
	"__netif_receive_skb_core", "__nf_ct_refresh_acct", "__ovs_ct_lookup",
	"__skb_gso_segment", "__tcp_transmit_skb", "__udp4_lib_rcv", "__udp_gso_segment",
	"br_forward_finish", "br_handle_frame_finish", "br_netif_receive_skb",
	"br_nf_forward_ip", "br_nf_pre_routing", "clone_execute", "cls_cgroup_classify",
	"dev_hard_start_xmit", "dev_queue_xmit", "dev_queue_xmit_nit", "ep_poll_callback",
	"ep_send_events", "erspan_xmit", "estimation_timer", "finish_task_switch",
	"fq_codel_enqueue", "handle_irq_event_percpu", "handle_rx", "htb_enqueue",
	"icmp_echo", "icmp_rcv", "inet_csk_accept", "inet_frag_queue_insert",
	"internal_dev_recv", "internal_dev_xmit", "ip_defrag", "ip_finish_output",
	"ip_finish_output_gso", "ip_fragment", "ip_local_out", "ip_local_out_sk",
	"ip_output", "ip_queue_xmit", "ip_rcv", "ip_rcv_finish", "ip_send_skb",
	"ip_vs_conn_new", "ipt_do_table", "iptunnel_xmit", "irqfd_wakeup", "kfree_skb",
	"kvm_arch_set_irq_inatomic", "kvm_set_msi", "kvm_vcpu_kick", "mlx5e_xmit",
	"napi_complete_done", "napi_gro_receive", "netdev_frame_hook", "netif_receive_skb",
	"netif_rx_internal", "netif_skb_features", "nf_conntrack_in",
	"nf_conntrack_tcp_packet", "ovs_ct_execute", "ovs_ct_update_key",
	"ovs_dp_process_packet", "ovs_dp_upcall", "ovs_flow_cmd_new",
	"ovs_flow_key_extract_userspace", "ovs_vport_receive", "ovs_vport_send",
	"queue_gso_packets", "queue_userspace_packet", "receive_buf", "sch_direct_xmit",
	"sk_stream_kill_queues", "skb_mac_gso_segment", "skb_recv_done", "skb_release_data",
	"skb_segment", "skb_segment_list", "skb_udp_tunnel_segment", "skb_xmit_done",
	"start_xmit", "tcf_action_exec", "tcf_classify", "tcp_add_backlog", "tcp_error",
	"tcp_gso_segment", "tcp_in_window", "tcp_packet", "tcp_queue_rcv", "tcp_recvmsg",
	"tcp_retransmit_skb", "tcp_v4_do_rcv", "tcp_v4_rcv", "try_to_wake_up",
	"tun_net_xmit", "tun_recvmsg", "udp_rcv", "udp_tunnel_xmit_skb",
	"validate_xmit_skb", "validate_xmit_skb_list", "veth_xmit", "vfs_read",
	"vgic_queue_irq_unlock", "vgic_v2_populate_lr", "vgic_v3_populate_lr",
	"vhost_add_used_and_signal_n", "vhost_net_buf_peek", "vhost_notify",
	"vhost_poll_queue", "vhost_signal", "virtnet_poll", "virtqueue_enable_cb_delayed",
	"virtqueue_enable_cb_prepare", "virtqueue_get_buf", "virtqueue_get_buf_ctx",
	"virtqueue_notify", "virtqueue_poll", "vring_interrupt",
};
static const char *const known_absent[] = {
	"__pthread_rwlock_wrlock",	/* of the C library */
};

static bool note_function(void *arg, const struct signature_row *row)
{
	struct nearest *n = arg;

	if (strcmp(n->want, row->function) == 0)
		n->count = 1;
	return n->count == 0;
}

static bool in_table(const char *function)
{
	struct nearest n = { .want = function };
	struct error err = ERROR_INIT;

	assert_int_equal(signature_table_each(note_function, &n, &err), 0);
	return n.count > 0;
}

static void test_complete(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(probed); i++) {
		if (!in_table(probed[i]))
			fail_msg("'%s' is not in the table", probed[i]);
	}
	for (i = 0; i < ARRAY_SIZE(known_absent); i++)
		assert_false(in_table(known_absent[i]));
}

static int setup(void **state)
{
	struct error err = ERROR_INIT;
	const char *path = getenv("SIGNATURE_TABLE");

	assert_non_null(mkdtemp(dir));
	buf_init(&table);
	if (file_read(path ? path : SIGNATURE_TABLE, 1 << 20, &table, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { "vmlinux", "m", "n" };
	char *path;
	size_t i;

	signature_table_set(NULL);
	buf_release(&table);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		path = mem_format("%s/%s", dir, names[i]);
		unlink(path);
		free(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_rows),
		cmocka_unit_test(test_bad_rows),
		cmocka_unit_test(test_covers),
		cmocka_unit_test_setup(test_differences, use_table),
		cmocka_unit_test_setup(test_other_kernels, use_table),
		cmocka_unit_test_setup(test_clones, use_table),
		cmocka_unit_test_setup(test_param, use_table),
		cmocka_unit_test_setup(test_check, use_table),
		cmocka_unit_test_setup(test_btf, use_table),
		cmocka_unit_test_setup(test_against_btf, use_table),
		cmocka_unit_test_setup(test_complete, use_table),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
