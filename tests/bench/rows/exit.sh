# SPDX-License-Identifier: Apache-2.0
# Time from Ctrl-C to the end of the process.  The kprobes need a kernel that
# has them; one that is at hand, with HEADERS as ./dev bench says them:
#
#	./dev vm --timeout 570 6.1 -- tests/bench/run BUILD_DIR HEADERS -r 1 exit
# shellcheck shell=sh disable=SC2154 # variables of ../run

exit_row() {	# what, a file with its probes, how bpftrace calls them
	what=$1 probes=$2
	clause=$(sed "s/^/$3:/" "$probes" | paste -sd,)
	begin "exit with $(wc -l <"$probes") $what ($runs runs)"
	set -- Tracing moontrace "$moontrace tests/bench/ours/exit.lua $probes"
	! have_bcc || set -- "$@" bcc-python "/usr/bin/python3 tests/bench/peer/exit.py $probes"
	# it compiles a program for each kprobe, which is minutes on an emulated CPU
	[ "$what" = kprobes ] || ! have bpftrace || set -- "$@" bpftrace \
		"bpftrace -B line -e 'BEGIN { printf(\"Tracing\\n\"); } $clause { @ = count(); }'"
	"$tools/measure" "$runs" "$@" >"$dir/row"
	table end_ms=end,ms
	goal "1/20 of bcc's" end_ms moontrace '<=' 0.05 bcc-python
	goal "1/20 of bpftrace's" end_ms moontrace '<=' 0.05 bpftrace
}

for tracefs in /sys/kernel/debug/tracing /sys/kernel/tracing; do
	[ ! -d "$tracefs/events" ] || break
done

for call in getpid getuid geteuid getgid getegid getppid gettid getpgid getsid getrlimit \
	sysinfo times umask sync alarm setsid getpgrp pause dup newuname; do
	echo "syscalls:sys_enter_$call"
done >"$dir/tracepoints"
exit_row tracepoints "$dir/tracepoints" tracepoint

# cold ones, so that the work is the exit alone
if [ -e /sys/bus/event_source/devices/kprobe ]; then
	awk '$2 ~ /^[tT]$/ && $3 ~ /^(tcp|udp|ip6|ipv6|inet|fib|neigh|rt|nfs|ext4)_[a-z0-9_]+$/ {
		n[$3]++ } END { for (f in n) if (n[f] == 1) print f }' /proc/kallsyms |
	sort >"$dir/all"
	grep -xF -f "$dir/all" "$tracefs/available_filter_functions" | sort -u |
	head -n 500 >"$dir/functions"
	exit_row kprobes "$dir/functions" kprobe
fi
