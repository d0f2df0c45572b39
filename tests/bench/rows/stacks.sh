# SPDX-License-Identifier: Apache-2.0
# Symbolizing and folding 100,000 distinct stacks, kernel and user part.
# shellcheck shell=sh disable=SC2154 # variables of ../run

begin "100,000 stacks: symbolize and fold (3 runs)"
set -- Tracing moontrace "$moontrace tests/bench/ours/stacks.lua $tools/paths 100000"
! have_bcc || set -- "$@" bcc-python "/usr/bin/python3 tests/bench/peer/stacks.py $tools/paths 100000"
"$tools/measure" -t 3 "$@" >"$dir/row"
table tail_ms=ms peak_kib=peak,KiB
goal "1/10 of bcc's" tail_ms moontrace '<=' 0.1 bcc-python
