# SPDX-License-Identifier: Apache-2.0
# Lines of source behind addresses, inlined frames too: a thousand of moontrace's own.
# shellcheck shell=sh disable=SC2154 # variables of ../run

if readelf -S "$moontrace" 2>/dev/null | grep -q '\.debug_info'; then
	begin "lines of 1,000 addresses ($runs runs)"
	nm "$moontrace" | sed -n 's/^\([0-9a-f]*\) [tT] .*/0x\1/p' | sort -u |
		head -n 1000 >"$dir/addresses"
	set -- Tracing moontrace \
		"sh -c '$moontrace symline -e $moontrace \$(cat $dir/addresses) >/dev/null 2>&1; echo Tracing'"
	! have addr2line || set -- "$@" addr2line \
		"sh -c 'addr2line -f -i -e $moontrace <$dir/addresses >/dev/null 2>&1; echo Tracing'"
	"$tools/measure" "$runs" "$@" >"$dir/row"
	table wall_ms=wall,ms cpu_ms=cpu,ms peak_kib=peak,KiB
	goal "at most 1.5 of addr2line's" wall_ms moontrace '<=' 1.5 addr2line
fi
