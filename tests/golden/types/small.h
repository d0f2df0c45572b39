/* SPDX-License-Identifier: Apache-2.0 */
typedef unsigned int __u32;
struct device {
	__u32 number;
	char name[16];
};
_Static_assert(sizeof(struct device) == 20, "");
struct packet {
	struct device *device;
};
