# SPDX-License-Identifier: Apache-2.0
# Samples of a process that is busy in user mode and in the kernel by turns. The two
# samplers are not in step: their sums differ by what that makes, and shares of some thousand
# samples by what chance makes (two perf records at once differ by one or two percent, too).
# shellcheck shell=sh disable=SC2154 # variables of ../run

# bcc puts the address of the innermost kernel frame in front of the stack that has it
once() {
	aliases | awk '{
		n = $NF
		sub(/ [0-9]+$/, "")
		k = split($0, frame, ";")
		for (i = 1; i < k || (i == k && frame[k] != frame[k - 1]); i++)
			printf "%s%s", (i > 1 ? ";" : ""), frame[i]
		print " " n
	}'
}

sample() {	# mode of the load, percent, top, peer's command
	mode=$1 percent=$2 top=$3
	shift 3
	prepare "$load/spin_load" "$mode" 5 60
	watch_load profile "samples, $mode, bcc" "profile -f -F 997 -p $target" \
		"$@" -p "$target" || return 0
	grep '^spin_load;' "$dir/ours.out" | once >"$dir/ours"
	grep '^spin_load;' "$dir/peer.out" | once >"$dir/peer"
	stacks profile "samples, $mode, bcc" "$dir/ours" "$dir/peer" "$percent" "$top" 4
}

if wanted && tool=$(bcc profile); then
	# shellcheck disable=SC2086 # words
	sample user 2 1 $tool -f -F 997
	# shellcheck disable=SC2086 # words
	sample both 2 5 $tool -f -F 997
elif wanted; then
	skipped profile "samples, bcc" "no bcc"
fi

if wanted && command -v bpftrace >/dev/null; then
	prepare "$load/spin_load" user 5 60
	if watch_load profile "samples, user, bpftrace" "profile -f -F 997 -p $target" \
		bpftrace -e 'profile:hz:997 /comm == "spin_load"/ { @ = count(); }'; then
		grep '^spin_load;' "$dir/ours.out" >"$dir/ours"
		compare profile "samples, user, bpftrace" "$(total "$dir/ours")" \
			"$(sed -n 's/^@: \([0-9]*\)$/\1/p' "$dir/peer.out")" 2
	fi
fi
