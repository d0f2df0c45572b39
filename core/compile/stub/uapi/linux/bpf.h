/* SPDX-License-Identifier: Apache-2.0 */
/* the compiler library brings its own copy */
#include <bcc/bpf.h>
