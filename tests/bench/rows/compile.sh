# SPDX-License-Identifier: Apache-2.0
# Compile times by header source; nothing is loaded.
# shellcheck shell=sh disable=SC2154 # variables of ../run

# the line that says that all is compiled
summary=missing

# name and options of `moontrace check` in turn, for script $1
compile_row() {
	script=$1
	shift
	begin "compile $script ($runs runs)"
	: >"$dir/commands"
	while [ $# -gt 0 ]; do
		echo "$1 $moontrace --no-cache check --target 6.1 $2 tests/bench/ours/$script"
		shift 2
	done >"$dir/commands"
	set -- "$summary"
	while read -r name command; do
		set -- "$@" "$name" "$command"
	done <"$dir/commands"
	"$tools/measure" "$runs" "$@" >"$dir/row"
	! have_bcc || "$tools/measure" "$runs" Tracing bcc-python \
		"/usr/bin/python3 tests/bench/peer/compile.py tests/bench/ours/$script" >>"$dir/row"
	table wall_ms=wall,ms cpu_ms=cpu,ms peak_kib=peak,KiB
}

compile_row latency.lua stub ""
goal "stub: under half of bcc's" wall_ms stub '<=' 0.5 bcc-python
set --
[ ! -r /sys/kernel/btf/vmlinux ] || set -- BTF ""
tree=$headers
[ -n "$tree" ] || tree=/lib/modules/$(uname -r)/build
if [ -e "$tree" ]; then
	set -- "$@" tree "--headers $(realpath "$tree")"
	"$moontrace" headers pack --headers "$tree" -o "$dir/pack" >/dev/null
	"$moontrace" headers show "$dir/pack" >/dev/null	# unpacks it
	set -- "$@" pack "--headers $dir/pack"
fi
compile_row skb.lua "$@"
goal "BTF: not slower than a tree" wall_ms BTF '<=' 1 tree
