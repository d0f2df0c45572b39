# SPDX-License-Identifier: Apache-2.0
# Times of a fixed number of calls that sleep: their number and the histogram. Ours tells no sum.
# shellcheck shell=sh disable=SC2015,SC2154 # "or failed"; variables of ../run

times=300

# of "avg = 5095 nsecs, total: 509516 nsecs, count: 100", and of "count 100, P50 ~..."
field_of() {	# file, field
	sed -n "s/.*$2[ =:]*\([0-9]*\).*/\1/p" "$1" | tail -n 1
}

buckets() {	# lines of the histogram, without what is drawn
	sed -n 's/^ *\([0-9]* -> [0-9]*\) *: \([0-9]*\) .*/\1 \2/p' "$1" | grep -v ' 0$' || :
}

latency() {	# quantity, function for both, bcc's command
	quantity=$1 function=$2
	shift 2
	prepare "$load/function_load" sleep $times 5
	# ours is attached last: inside of its return probe's time is the other's
	begin peer "$@" -p "$target" "$function" &&
		begin ours "$moontrace" funclatency -p "$target" "$function" || {
		lost funclatency "$quantity"
		kill -KILL "$target"
		return
	}
	go
	finish
	compare funclatency "$quantity: count" "$(field_of "$dir/ours.out" count)" \
		"$(field_of "$dir/peer.out" count)" 0
	buckets "$dir/ours.out" >"$dir/a"
	buckets "$dir/peer.out" >"$dir/b"
	compare funclatency "$quantity: in the same buckets" \
		"$(awk 'NR == FNR { n[$1 $2 $3] = $4; next } { m = n[$1 $2 $3]; sum += m < $4 ? m : $4 }
			END { print sum + 0 }' "$dir/a" "$dir/b")" $times 2
}

if tool=$(bcc funclatency); then
	# shellcheck disable=SC2086 # words
	! wanted || latency "uprobe load_sleep, bcc" "$load/function_load:load_sleep" $tool
	if has_kprobes; then
		# shellcheck disable=SC2086 # words
		latency "kprobe hrtimer_nanosleep, bcc" hrtimer_nanosleep $tool
	else
		skipped funclatency "kprobe hrtimer_nanosleep, bcc" "no kprobes"
	fi
else
	skipped funclatency "times, bcc" "no bcc"
fi
