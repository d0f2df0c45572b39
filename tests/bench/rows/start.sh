# SPDX-License-Identifier: Apache-2.0
# Time from exec to the first line after everything is attached, and memory.
# shellcheck shell=sh disable=SC2154 # variables of ../run

counter='/usr/bin/python3 tests/bench/peer/counter.py'
softirqs_line="bpftrace -B line -e 'BEGIN { printf(\"Tracing\\n\"); } tracepoint:irq:softirq_entry { @s[cpu, args->vec] = nsecs; } tracepoint:irq:softirq_exit /@s[cpu, args->vec]/ { @t[args->vec] = sum(nsecs - @s[cpu, args->vec]); }'"
counter_line="bpftrace -B line -e 'BEGIN { printf(\"Tracing\\n\"); } tracepoint:sched:sched_switch { @++; }'"
offcpu_line="bpftrace -B line -e 'BEGIN { printf(\"Tracing\\n\"); } tracepoint:sched:sched_switch { @k[tid] = kstack; @u[tid] = ustack; @s[tid] = nsecs; \$n = args->next_pid; if (@s[\$n]) { @t[@k[\$n], @u[\$n], comm] = sum(nsecs - @s[\$n]); delete(@s[\$n]); } }'"

# name, moontrace's command, bcc's (or ""), bpftrace's
start_row() {
	what=$1 ours=$2 theirs=$3 bpftrace=$4
	for how in cold warm; do
		cached=--no-cache
		if [ $how = warm ]; then
			cached="--cache $dir/warm"
			# fills the cache
			"$tools/measure" 1 Tracing fill "$moontrace $cached $ours" >/dev/null
		fi
		begin "start of $what, $how ($runs runs)"
		set -- Tracing moontrace "$moontrace $cached $ours"
		[ -z "$theirs" ] || set -- "$@" bcc-python "$theirs"
		[ $how = cold ] || ! have bpftrace || set -- "$@" bpftrace "$bpftrace"
		"$tools/measure" "$runs" "$@" >"$dir/row"
		table wall_ms=wall,ms cpu_ms=cpu,ms peak_kib=peak,KiB end_ms=end,ms
		if [ $how = cold ]; then
			goal "cold at most 0.6 of bcc's" wall_ms moontrace '<=' 0.6 bcc-python
		else
			goal "warm at most 1/25 of bcc's" wall_ms moontrace '<=' 0.04 bcc-python
			goal "warm at most 1/5 of bpftrace's" wall_ms moontrace '<=' 0.2 bpftrace
			goal "warm in at most 12 MiB" peak_kib moontrace '<=' 12288
		fi
	done
}

have_bcc || counter=
start_row "a tracepoint counter" tests/bench/ours/counter.lua "$counter" "$counter_line"
start_row softirqs softirqs "$(bcc_tool softirqs)" "$softirqs_line"
# bcc's needs a kprobe
offcpu=$(bcc_tool offcputime)
[ -e /sys/bus/event_source/devices/kprobe ] || offcpu=
start_row offcputime "offcputime 60" "${offcpu:+$offcpu 60}" "$offcpu_line"
