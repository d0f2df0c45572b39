#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lines have at most 100 columns in C (tabs of 8), no blank ends, LF.
. "$(dirname "$0")/common"

check_width() {
	project_files '\.(c|h|cc)$' | while read -r file; do
		expand "$file" | grep -nE '^.{101}' | sed "s|^\([0-9]*\):.*|$file:\1: over 100 columns|"
	done
}

# golden files, fuzz corpora and the licence are as they are
check_ends() {
	project_files . | grep -vE '^(tests/(golden|fuzz)/.*|LICENSE)$' | while read -r file; do
		grep -nIE '[[:space:]]+$' "$file" |
			sed "s|^\([0-9]*\):.*|$file:\1: blanks at the end|"
		# as text, the last byte of a good file is no line
		! grep -qI . "$file" || ! tail -c 1 "$file" | grep -q . ||
			echo "$file: no newline at the end"
	done
}

{
	check_width
	check_ends
} | no_findings
