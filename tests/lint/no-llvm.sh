#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The built moontrace has neither clang nor LLVM in it, nor loads them.
. "$(dirname "$0")/common"

binary=$build/core/app/moontrace
[ -x "$binary" ] || skip "$binary is not built"
{
	readelf -dW "$binary" |
		grep -E 'NEEDED.*(bcc\.so|LLVM|clang|stdc\+\+)' || :
	nm -C "$binary" | grep -E ' (llvm|clang|ebpf)::|LLVM[A-Z]' | head -n 5 || :
} | sed "s|^|$binary: |" | no_findings
