/* SPDX-License-Identifier: Apache-2.0 */
/* Opcodes of classic BPF: nothing that a program in C needs. */
#ifndef STUB_LINUX_BPF_COMMON_H
#define STUB_LINUX_BPF_COMMON_H
#endif
