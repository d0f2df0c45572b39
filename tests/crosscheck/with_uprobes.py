# SPDX-License-Identifier: Apache-2.0
"""Runs one of bcc's tools: with_uprobes.py TOOL [ARGUMENT]...

The Python half of bcc 0.26 gives bpf_attach_uprobe() six of its seven arguments. The last,
ref_ctr_offset, is then what the processor happens to hold; the kernel takes a probe at the same
place from nobody else unless he says the same, EINVAL. Here it is 0, as is meant.
"""
import ctypes
import runpy
import sys

from bcc.libbcc import lib

attach = lib.bpf_attach_uprobe
if len(attach.argtypes) == 6:
    attach.argtypes = attach.argtypes + [ctypes.c_uint32]
    lib.bpf_attach_uprobe = lambda *args: attach(*args, 0)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
