#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each error tag has a negative test somewhere, and each tag that is used is in the table.
. "$(dirname "$0")/common"

tags=$(sed -n 's/^\t{ "\(E-[A-Z]*\)",.*/\1/p' core/base/error.c)
tests=$(project_files '^tests/.*\.(test|c|lua|sh)$' | grep -v '^tests/lint/')

{
	[ -n "$tags" ] || echo "core/base/error.c: no tags found"
	for tag in $tags; do
		# shellcheck disable=SC2086 # words
		grep -qE -e "$tag([^A-Z]|\$)" $tests || echo "core/base/error.c: $tag has no test"
	done
	project_files '^(core|repl)/.*\.(c|h|cc)$' | xargs grep -ohE '"E-[A-Z]+"' | tr -d '"' |
		sort -u | while read -r used; do
		echo "$tags" | grep -qx "$used" || echo "core/base/error.c: $used is used, has no row"
	done
} | no_findings
