# SPDX-License-Identifier: Apache-2.0
# What a probe costs the probed: getppid calls, each counted in a per-CPU map.
# shellcheck shell=sh disable=SC2154 # variables of ../run

begin "cost of a counting probe (2 seconds each, 5 runs)"
set -- moontrace "$moontrace tests/bench/ours/count.lua"
! have_bcc || set -- "$@" bcc-python "/usr/bin/python3 tests/bench/peer/count.py"
! have bpftrace || set -- "$@" bpftrace \
	"bpftrace -B line -e 'BEGIN { printf(\"Tracing\\n\"); } tracepoint:syscalls:sys_enter_getppid { @ = count(); }'"
"$tools/deliver" 2 5 "$@" untraced "sh -c 'echo Tracing; exec sleep 99'" >"$dir/row"
table ns_per_call=ns/call
goal "not above bcc's (5 % are noise)" ns_per_call moontrace '<=' 1.05 bcc-python
