/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4): cache keys, header trees, temporary names. */
#ifndef DIGEST_H
#define DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE	32			/* bytes */
#define DIGEST_HEX	(2 * DIGEST_SIZE + 1)	/* characters, the NUL included */

struct digest {
	uint32_t state[8];
	uint64_t size;			/* bytes seen so far */
	unsigned char block[64];	/* the last size % 64 of them */
};

void digest_init(struct digest *d);
void digest_update(struct digest *d, const void *data, size_t size);
/* d must be initialised again before further use */
void digest_final(struct digest *d, unsigned char ret[DIGEST_SIZE]);
void digest_final_hex(struct digest *d, char ret[DIGEST_HEX]);	/* lower case */

/* all in one */
void digest_hex(const void *data, size_t size, char ret[DIGEST_HEX]);

#endif
