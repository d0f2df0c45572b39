/* SPDX-License-Identifier: Apache-2.0 */
/* What a text names, and what of it the text itself defines. */
#include "kernel/types_header_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/ctoken.h"
#include "base/mem.h"
#include "base/str.h"

/* what the headers of libbcc define: uapi/linux/bpf.h and its own */
static const char *const taken_tags[] = {
	"__sk_buff", "bpf_adj_room_mode", "bpf_addr_space_cast", "bpf_attach_type", "bpf_attr",
	"bpf_btf_info", "bpf_cgroup_dev_ctx", "bpf_cgroup_iter_order",
	"bpf_cgroup_storage_key", "bpf_check_mtu_flags", "bpf_check_mtu_ret", "bpf_cmd",
	"bpf_cond_pseudo_jmp", "bpf_context", "bpf_core_relo", "bpf_core_relo_kind",
	"bpf_cpumap_val", "bpf_devmap_val", "bpf_dynptr", "bpf_fib_lookup", "bpf_flow_keys",
	"bpf_func_id", "bpf_func_info", "bpf_hdr_start_off", "bpf_insn", "bpf_iter_link_info",
	"bpf_iter_num", "bpf_kfunc_flags", "bpf_line_info", "bpf_link_info", "bpf_link_type",
	"bpf_list_head", "bpf_list_node", "bpf_lpm_trie_key", "bpf_lpm_trie_key_hdr",
	"bpf_lpm_trie_key_u8", "bpf_lwt_encap_mode", "bpf_map_def", "bpf_map_info",
	"bpf_map_type", "bpf_netdev_offload_info", "bpf_perf_event_type",
	"bpf_perf_event_value", "bpf_pidns_info", "bpf_prog_info", "bpf_prog_type",
	"bpf_raw_tracepoint_args", "bpf_rb_node", "bpf_rb_root", "bpf_redir_neigh",
	"bpf_refcount", "bpf_ret_code", "bpf_sk_lookup", "bpf_sock", "bpf_sock_addr",
	"bpf_sock_ops", "bpf_sock_tuple", "bpf_sockopt", "bpf_spin_lock",
	"bpf_stack_build_id", "bpf_stack_build_id_status", "bpf_stacktrace",
	"bpf_stacktrace_buildid", "bpf_stats_type", "bpf_sysctl", "bpf_task_fd_type",
	"bpf_tcp_sock", "bpf_timer", "bpf_token_info", "bpf_tunnel_key", "bpf_wq",
	"bpf_xdp_sock", "bpf_xfrm_state", "btf_ptr", "sk_action", "sk_msg_md",
	"sk_reuseport_md", "xdp_action", "xdp_md",
};

static const char *const taken_names[] = { "true", "false", "NULL" };

/*
 * Macros of the compiler's header tree, and what they look into: as good as
 * if the text had said it.
 */
static const struct {
	const char *name, *text;
} macros[] = {
	{ "rcu_head", "struct callback_head" },
	{ "tcp_sk", "struct tcp_sock" },
	{ "udp_sk", "struct udp_sock" },
	{ "inet_sk", "struct inet_sock" },
	{ "raw_sk", "struct raw_sock" },
	{ "unix_sk", "struct unix_sock" },
	{ "inet_csk", "struct inet_connection_sock" },
	{ "inet_rsk", "struct inet_request_sock" },
	{ "tcp_rsk", "struct tcp_request_sock" },
	{ "ip_hdr", "struct iphdr struct sk_buff head network_header" },
	{ "ipv6_hdr", "struct ipv6hdr struct sk_buff head network_header" },
	{ "tcp_hdr", "struct tcphdr struct sk_buff head transport_header" },
	{ "udp_hdr", "struct udphdr struct sk_buff head transport_header" },
	{ "icmp_hdr", "struct icmphdr struct sk_buff head transport_header" },
	{ "eth_hdr", "struct ethhdr struct sk_buff head mac_header" },
	{ "skb_mac_header", "struct sk_buff head mac_header" },
	{ "skb_network_header", "struct sk_buff head network_header" },
	{ "skb_transport_header", "struct sk_buff head transport_header" },
	{ "TCP_SKB_CB", "struct tcp_skb_cb cb" },
	{ "sk_prot", "skc_prot" },
	{ "sk_net", "skc_net" },
	{ "inet_daddr", "skc_daddr" },
	{ "file_inode", "struct file f_inode" },
	{ "d_inode", "struct inode" },
	{ "current_thread_info", "struct thread_info" },
};

unsigned names_of(const struct table *names, const char *name)
{
	return (uintptr_t)table_get(names, name);
}

static void add_bits(struct table *names, const char *name, unsigned bits)
{
	table_set(names, name, (void *)(uintptr_t)(names_of(names, name) | bits));
}

static void add_token(struct table *names, const struct ctoken *t, unsigned bits)
{
	char *name = ctoken_string(t);

	add_bits(names, name, bits);
	free(name);
}

struct table *names_new(void)
{
	struct table *names = table_new();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(taken_tags); i++)
		add_bits(names, taken_tags[i], NAME_OWN_TAG);
	for (i = 0; i < ARRAY_SIZE(taken_names); i++)
		add_bits(names, taken_names[i], NAME_OWN);
	return names;
}

static bool is_ident(const struct ctoken *t)
{
	return t->kind == CTOKEN_IDENT;
}

static bool is_tag_word(const struct ctoken *t)
{
	return is_ident(t) && (ctoken_is(t, "struct") || ctoken_is(t, "union") ||
		ctoken_is(t, "enum"));
}

/* the macro's replacement names things as the text does */
static void scan_directive(struct table *names, const struct ctoken *t)
{
	char *text = ctoken_string(t), *at = text + 1;

	at += strspn(at, " \t");
	if (!str_starts(at, "include") && !str_starts(at, "line")) {
		at += strcspn(at, " \t\n");
		names_scan(names, at);
	}
	free(text);
}

/* NAME of BPF_HASH(NAME, ...), BPF_TABLE("hash", key, leaf, NAME, size), EVENTS(NAME, ...) */
static void add_map(struct table *names, const struct ctoken *tokens, size_t open)
{
	size_t close = ctoken_close(tokens, open), argument = 0, i;
	size_t at = tokens[open + 1].kind != CTOKEN_STRING ? 0 :
		ctoken_is(&tokens[open - 1], "BPF_QUEUESTACK") ? 1 : 3;

	for (i = open + 1; i < close; i++) {
		bool first = ctoken_is(&tokens[i - 1], argument ? "," : "(");

		if (ctoken_is(&tokens[i], ","))
			argument++;
		else if (is_ident(&tokens[i]) && first && argument == at)
			add_token(names, &tokens[i], NAME_OWN);
	}
}

/* enumerators of the enum whose body is opened here */
static void add_enumerators(struct table *names, const struct ctoken *tokens, size_t open)
{
	size_t close = ctoken_close(tokens, open), i;

	for (i = open + 1; i < close; i++) {
		if (is_ident(&tokens[i]) &&
		    (i == open + 1 || ctoken_is(&tokens[i - 1], ",")))
			add_token(names, &tokens[i], NAME_OWN);
	}
}

/* where declarations stand: a name behind a type, a map, (*name) of a typedef */
static void scan_outer(struct table *names, const struct ctoken *tokens, size_t i)
{
	const struct ctoken *t = &tokens[i], *next = &tokens[i + 1];
	bool behind_type = i && !is_tag_word(&t[-1]) &&
		(is_ident(&t[-1]) || ctoken_is(&t[-1], "*") || ctoken_is(&t[-1], "}"));

	if (!is_ident(t) || next->kind != CTOKEN_PUNCT || !strchr("(;=[,)", *next->at))
		return;
	if (*next->at == '(' && (!i || !is_ident(&t[-1])) && t->len > 3 &&
	    (memcmp(t->at, "BPF_", 4) == 0 || ctoken_is(t, "EVENTS")))
		add_map(names, tokens, i + 1);
	else if (behind_type)
		add_token(names, t, NAME_OWN);
}

static void scan_token(struct table *names, const struct ctoken *tokens, size_t i)
{
	const struct ctoken *t = &tokens[i];
	bool member = i && (ctoken_is(&t[-1], ".") || ctoken_is(&t[-1], "->"));

	if (t->kind == CTOKEN_DIRECTIVE)
		scan_directive(names, t);
	if (!is_ident(t))
		return;
	add_token(names, t, NAME_USED | (member ? 0 : NAME_ORDINARY));
	if (!i || !is_tag_word(&t[-1])) {
		if (ctoken_is(t, "enum") && ctoken_is(&t[1], "{"))
			add_enumerators(names, tokens, i + 1);
		return;
	}
	add_token(names, t, ctoken_is(&t[1], "{") ? NAME_TAG | NAME_OWN_TAG : NAME_TAG);
	if (ctoken_is(&t[-1], "enum") && ctoken_is(&t[1], "{"))
		add_enumerators(names, tokens, i + 1);
}

/* typedef int (*NAME)(int); */
static bool is_function_pointer(const struct ctoken *tokens, size_t i)
{
	return i > 1 && ctoken_is(&tokens[i - 1], "*") && ctoken_is(&tokens[i - 2], "(") &&
		is_ident(&tokens[i]) && ctoken_is(&tokens[i + 1], ")") &&
		ctoken_is(&tokens[i + 2], "(");
}

void names_scan(struct table *names, const char *text)
{
	size_t n, i, depth = 0;
	struct ctoken *tokens = ctoken_all(text, &n);

	for (i = 0; i + 1 < n; i++) {
		scan_token(names, tokens, i);
		/* as in prepare.c: #if may have hidden a bracket */
		if (tokens[i].column == 1 && ctoken_is(&tokens[i], "}"))
			depth = 1;
		if (ctoken_is(&tokens[i], "{") || ctoken_is(&tokens[i], "("))
			depth++;
		else if ((ctoken_is(&tokens[i], "}") || ctoken_is(&tokens[i], ")")) && depth)
			depth--;
		if (!depth)
			scan_outer(names, tokens, i);
		else if (i + 2 < n && is_function_pointer(tokens, i))
			add_token(names, &tokens[i], NAME_OWN);
	}
	free(tokens);
}

void names_add_macros(struct table *names)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(macros); i++) {
		if (names_of(names, macros[i].name) & NAME_USED)
			names_scan(names, macros[i].text);
	}
}
