#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Nothing in the project names a machine it was written on, or a package mirror.
. "$(dirname "$0")/common"

places='(^|[^a-z])/(work|farm|root|home/[a-z]+)/'
hosts='(deb|security|snapshot|archive|ftp)\.[a-z]*\.?debian\.org|archive\.ubuntu|pypi\.|npmjs|crates\.io'
# a path below another process's root is none of ours
project_files . | grep -v '^tests/lint/words\.sh$' |
	xargs grep -HnIE "$places|$hosts" | grep -vE '/proc/|/root/tmp/perf-' | no_findings
