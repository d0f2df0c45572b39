#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No shell file gives shellcheck anything to say.
. "$(dirname "$0")/common"

need shellcheck
{
	project_files '\.sh$|^tests/lint/common$'
	project_files . | shell_files
} | sort -u | xargs shellcheck -x --source-path=SCRIPTDIR
