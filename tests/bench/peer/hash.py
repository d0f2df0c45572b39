# SPDX-License-Identifier: Apache-2.0
"""reads, sorts and prints a hash of a million entries, with bcc: hash.py items|batch"""
import ctypes
import sys

from bcc import BPF

b = BPF(text="""
BPF_HASH(counts, u32, u64, 1048576);
int f(void *c) { u32 k = 0; counts.increment(k); return 0; }
""")
counts = b["counts"]
N = 1000000
keys = (counts.Key * N)()
values = (counts.Leaf * N)()
for i in range(1, N + 1):
    keys[i - 1] = i
    values[i - 1] = i * 7919 % 1000003
counts.items_update_batch(keys, values)


def number(v):
    return getattr(v, "value", v)


print("Tracing", flush=True)
items = counts.items() if sys.argv[1] == "items" else counts.items_lookup_batch()
for k, v in sorted(items, key=lambda kv: -number(kv[1])):
    print("%10d %10d" % (number(k), number(v)))
