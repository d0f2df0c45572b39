# SPDX-License-Identifier: Apache-2.0
# Soft interrupts of a flood of pings: net_rx, which little else raises here.
# shellcheck shell=sh disable=SC2015,SC2154 # "or failed"; variables of ../run

softirqs() {	# peer's command
	begin peer "$@" && begin ours "$moontrace" softirqs || {
		lost softirqs "net_rx, $peer"
		return
	}
	ping -q -f -c 100000 127.0.0.1 >/dev/null
	finish
	compare softirqs "net_rx, $peer" \
		"$(awk '$1 == "net_rx" { print $2 }' "$dir/ours.out")" "$(peer_count)" 2
}

peer=bcc
peer_count() {
	awk '$1 == "net_rx" { print $2 }' "$dir/peer.out"
}
if wanted && tool=$(bcc softirqs); then
	# shellcheck disable=SC2086 # words
	softirqs $tool -C 99999 1
elif wanted; then
	skipped softirqs "net_rx, bcc" "no bcc"
fi

peer=bpftrace
peer_count() {
	sed -n 's/^@: \([0-9]*\)$/\1/p' "$dir/peer.out"
}
if wanted && command -v bpftrace >/dev/null; then
	softirqs bpftrace -e 'tracepoint:irq:softirq_entry /args->vec == 3/ { @ = count(); }'
elif wanted; then
	skipped softirqs "net_rx, bpftrace" "no bpftrace"
fi
