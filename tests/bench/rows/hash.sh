# SPDX-License-Identifier: Apache-2.0
# Reading, sorting and printing a hash of a million entries.
# shellcheck shell=sh disable=SC2154 # variables of ../run

begin "a hash of 1,000,000 entries: read, sort, print (3 runs)"
set -- Tracing moontrace "$moontrace tests/bench/ours/hash.lua"
! have_bcc || set -- "$@" bcc-items "/usr/bin/python3 tests/bench/peer/hash.py items" \
	bcc-batch "/usr/bin/python3 tests/bench/peer/hash.py batch"
"$tools/measure" -t 3 "$@" >"$dir/row"
table tail_ms=ms peak_kib=peak,KiB
goal "1/20 of bcc's items()" tail_ms moontrace '<=' 0.05 bcc-items
goal "1/5 of bcc's batch" tail_ms moontrace '<=' 0.2 bcc-batch
goal "in at most 64 MiB" peak_kib moontrace '<=' 65536
