# SPDX-License-Identifier: Apache-2.0
# Functions by their share of the samples, in each mode, against perf record, which asks the
# kernel for samples of that mode only. Both sample CPUs: an event of a process would not fire in
# the switch to it. The limit is that of profile.sh.
# shellcheck shell=sh disable=SC2154 # variables of ../run

shares() {	# mode, perf's letter for it
	prepare "$load/spin_load" both 5 60
	watch_load profile "--top ${1:+--$1, }perf" \
		"profile --top ${1:+--$1} --csv -i 99 -F 3997 -p $target" \
		perf record -e "cpu-clock$2" -F 3997 -a -o "$dir/perf.data" || return 0
	# hundredths of a percent
	awk -F, 'NR > 1 { printf "%s;%s %d\n", $3 == "user" ? "[.]" : "[k]", $5, $2 * 100 }' \
		"$dir/ours.out" >"$dir/ours"
	# its option --comm counts all processes in a function that the first one of them is in
	perf report -i "$dir/perf.data" --stdio --sort comm,sym 2>/dev/null | awk '
		$2 == "spin_load" { share[$3 ";" $4] = $1; all += $1 }
		END { for (s in share) printf "%s %d\n", s, share[s] / all * 10000 }' >"$dir/peer"
	same_top profile "--top ${1:+--$1, }perf" "$dir/ours" "$dir/peer" 4 5
}

if wanted && command -v perf >/dev/null; then
	shares "" ""
	shares user :u
	shares kernel :k
elif wanted; then
	skipped profile "--top, perf" "no perf"
fi
