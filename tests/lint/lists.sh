#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The lists in meson.build files have each file of their directory.
. "$(dirname "$0")/common"

# files that match $1 must stand, with prefix $2 and suffix $3 cut off, in
# quotes in the meson.build beside them
check_list() {
	project_files "$1" | while read -r file; do
		list=$(dirname "$file")/meson.build
		name=$(basename "$file")
		name=${name#"$2"}
		name=${name%"$3"}
		grep -qF "'$name'" "$list" 2>/dev/null || echo "$list: '$name' is missing"
	done
}

{
	check_list '^(core/[a-z]+|repl|tests/load)/[^/]*\.(c|cc)$' '' ''
	check_list '^tests/unit/test_[^/]*\.c$' test_ .c
	check_list '^scripts/[^/]*\.lua$' '' .lua
	check_list '^(stdlib|repl)/[^/]*\.lua$' '' .lua
	check_list '^man/[^/]*\.[1-8]$' '' ''
} | no_findings
