//! format irq:softirq_entry
//! format sched:sched_switch
//! format sched:sched_process_exec
//! format syscalls:sys_enter_openat
//! format golden:odd
// Structs of tracepoints, used by both names; their members lie where the kernel says.
#define AT(event, member, offset) \
	_Static_assert(__builtin_offsetof(struct tracepoint__##event, member) == offset, #member)

TRACEPOINT_PROBE(sched, sched_process_exec)
{
	char name[32];

	TP_DATA_LOC_READ_STR(name, filename, sizeof(name));
	return name[0] + args->old_pid;
}

TRACEPOINT_PROBE(irq, softirq_entry)
{
	return args->vec;
}

int by_hand(struct tracepoint__syscalls__sys_enter_openat *args)
{
	return args->dfd + *args->filename;
}

int another(struct tracepoint__sched__sched_switch *args)
{
	return args->prev_comm[0] + args->next_pid;
}

int odd(struct tracepoint__golden__odd *args)
{
	return args->small;
}

AT(irq__softirq_entry, vec, 8);
AT(sched__sched_process_exec, data_loc_filename, 8);
AT(syscalls__sys_enter_openat, filename, 24);
AT(sched__sched_switch, prev_state, 32);
AT(golden__odd, small, 9);
AT(golden__odd, crooked, 13);
AT(golden__odd, skb, 24);
AT(golden__odd, blob, 32);
AT(golden__odd, named, 45);
AT(golden__odd, last, 64);
_Static_assert(sizeof(((struct tracepoint__golden__odd *)0)->blob) == 13, "blob");
_Static_assert(sizeof(((struct tracepoint__golden__odd *)0)->named) == 16, "named");
_Static_assert(sizeof(((struct tracepoint__golden__odd *)0)->dfd) == 8, "dfd");
