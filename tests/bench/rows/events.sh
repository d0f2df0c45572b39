# SPDX-License-Identifier: Apache-2.0
# Event delivery: getppid as fast as one CPU can, each call's 40 bytes as text.
# deliver's process id is the shell's that becomes it.
# shellcheck shell=sh disable=SC2016,SC2154 # $$ is the inner shell's

begin "events as text (3 seconds each, 3 runs)"
# shellcheck disable=SC2089 # words of the inner shell
set -- 'moontrace "$1 tests/bench/ours/events.lua $$"'
! have_bcc || set -- "$@" 'bcc-python "/usr/bin/python3 tests/bench/peer/events.py $$"'
! have bpftrace || set -- "$@" 'bpftrace "env BPFTRACE_PERF_RB_PAGES=4096 bpftrace -B full -e '\''BEGIN { printf(\"Tracing\\n\"); } tracepoint:syscalls:sys_enter_getppid /pid == $$/ { @n++; printf(\"%lld %-7d %3d %10d %s\\n\", nsecs, pid, cpu, @n, comm); } END { clear(@n); }'\''"'
sh -c "exec \"\$2\" 3 3 $*" sh "$moontrace" "$tools/deliver" >"$dir/row"
table received=received lost=lost cpu_s=cpu,s per_cpu_s=events/cpu,s
goal "15 times bcc's" per_cpu_s moontrace '>=' 15 bcc-python
goal "8 times bpftrace's" per_cpu_s moontrace '>=' 8 bpftrace
