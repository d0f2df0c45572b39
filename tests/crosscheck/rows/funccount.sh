# SPDX-License-Identifier: Apache-2.0
# Calls: a fixed number of them, of which each tool must see each.
# shellcheck shell=sh disable=SC2015,SC2154 # "or failed"; variables of ../run

calls=20000

# the last number of a tool's line about a function
last_number() {	# file, regular expression
	awk -v name="$2" '$0 ~ name && $NF ~ /^[0-9]+$/ { n = $NF } END { print n + 0 }' "$1"
}

count() {	# quantity, function as its line has it, load's command, and then two commands
	quantity=$1 function=$2 work=$3 ours=$4 peer=$5
	# shellcheck disable=SC2086 # words
	begin peer $peer && begin ours "$moontrace" $ours || {
		lost funccount "$quantity"
		return
	}
	$work >/dev/null
	finish
	compare funccount "$quantity" "$(last_number "$dir/ours.out" "$function")" \
		"$(last_number "$dir/peer.out" "$function")" 0
	compare funccount "$quantity, the truth" "$(last_number "$dir/ours.out" "$function")" $calls 0
}

of="$load/function_load:load_call"
if tool=$(bcc funccount); then
	! wanted || count "uprobe load_call, bcc" load_call "$load/function_load call $calls" \
		"funccount $of" "$tool $of"
	if has_kprobes; then
		count "kprobe __x64_sys_getpgid, bcc" getpgid "$load/call_getpgid $calls" \
			"funccount __x64_sys_getpgid" "$tool __x64_sys_getpgid"
	else
		skipped funccount "kprobe __x64_sys_getpgid, bcc" "no kprobes"
	fi
else
	skipped funccount "calls, bcc" "no bcc"
fi
if wanted && command -v bpftrace >/dev/null; then
	cat >"$dir/count.bt" <<-END
	uprobe:$of { @load_call = count(); }
	END
	count "uprobe load_call, bpftrace" load_call "$load/function_load call $calls" \
		"funccount $of" "bpftrace $dir/count.bt"
	cat >"$dir/count.bt" <<-END
	tracepoint:syscalls:sys_enter_getpgid { @getpgid = count(); }
	END
	count "tracepoint sys_enter_getpgid, bpftrace" getpgid "$load/call_getpgid $calls" \
		"funccount t:syscalls:sys_enter_getpgid" "bpftrace $dir/count.bt"
elif wanted; then
	skipped funccount "calls, bpftrace" "no bpftrace"
fi
