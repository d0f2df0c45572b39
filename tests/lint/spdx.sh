#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each source file opens with its licence.
. "$(dirname "$0")/common"

sources='\.(c|h|cc|lua|sh|test|[1-8])$|(^|/)meson(\.build|_options\.txt)$|^dev$|^\.ci/|\.ya?ml$'
{
	project_files "$sources"
	project_files . | shell_files
} | grep -v '^tests/golden/' | sort -u | while read -r file; do
	head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
		echo "$file: no SPDX line at its head"
done | no_findings
