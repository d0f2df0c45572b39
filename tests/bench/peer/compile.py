# SPDX-License-Identifier: Apache-2.0
"""compiles the C text of a script of ours, with bcc; loads nothing"""
import re
import sys

from bcc import BPF

with open(sys.argv[1]) as script:
    text = re.search(r"\[\[(.*)\]\]", script.read(), re.S).group(1)
# the functions of TRACEPOINT_PROBE would be attached
if "TRACEPOINT_PROBE" in text:
    BPF._trace_autoload = lambda self: None
BPF(text=text)
print("Tracing", flush=True)
