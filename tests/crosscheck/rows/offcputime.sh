# SPDX-License-Identifier: Apache-2.0
# The time that a process sleeps, by stack. bcc looks at the stack when the thread comes back,
# in finish_task_switch(); ours when it leaves, in the tracepoint sched_switch: frames inside of
# schedule() differ, and are cut off here. What each of the two takes for
# itself is partly in the other's time: in an emulated machine that is what they differ by.
# shellcheck shell=sh disable=SC2154 # variables of ../run

down_to_schedule() {
	aliases | grep '^function_load;' | sed 's/;schedule\(;[^ ]*\)* / /; s/;do_nanosleep;[^ ]* /;do_nanosleep /'
}

sleeps() {	# quantity, percent, bcc's command
	quantity=$1 percent=$2
	shift 2
	prepare "$load/function_load" sleep 300 5 60
	watch_load offcputime "$quantity" "offcputime -f -p $target" "$@" -p "$target" || return 0
	down_to_schedule <"$dir/ours.out" >"$dir/ours"
	down_to_schedule <"$dir/peer.out" >"$dir/peer"
	stacks offcputime "$quantity" "$dir/ours" "$dir/peer" "$percent" 3 2
}

if ! tool=$(bcc offcputime); then
	skipped offcputime "usecs asleep, bcc" "no bcc"
elif ! has_kprobes; then
	skipped offcputime "usecs asleep, bcc" "it needs kprobes"
else
	# shellcheck disable=SC2086 # words
	sleeps "usecs asleep, bcc" 2 $tool -f
fi

if wanted && command -v bpftrace >/dev/null; then
	cat >"$dir/off.bt" <<-'EOF'
	tracepoint:sched:sched_switch {
		if (args->prev_comm == "function_load") { @since[args->prev_pid] = nsecs; }
		if (@since[args->next_pid]) {
			@usecs = sum((nsecs - @since[args->next_pid]) / 1000);
			delete(@since[args->next_pid]);
		}
	}
	END { clear(@since); }
	EOF
	prepare "$load/function_load" sleep 300 5 60
	if watch_load offcputime "usecs asleep, bpftrace" "offcputime -f -p $target" \
		bpftrace "$dir/off.bt"; then
		grep '^function_load;' "$dir/ours.out" >"$dir/ours"
		compare offcputime "usecs asleep, bpftrace" "$(total "$dir/ours")" \
			"$(sed -n 's/^@usecs: \([0-9]*\)$/\1/p' "$dir/peer.out")" 2
	fi
fi
