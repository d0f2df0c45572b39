/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256. */
#include "digest.h"

#include <string.h>

static const uint32_t round_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static const uint32_t start_state[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
	0x5be0cd19,
};

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void put_be32(unsigned char *p, uint32_t v)
{
	p[0] = v >> 24;
	p[1] = v >> 16;
	p[2] = v >> 8;
	p[3] = v;
}

static void schedule(uint32_t w[64], const unsigned char *p)
{
	int i;

	for (i = 0; i < 16; i++, p += 4)
		w[i] = (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
	for (; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
			(rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
}

static void compress(uint32_t state[8], const unsigned char *block)
{
	uint32_t w[64], s[8], t1, t2;
	int i;

	schedule(w, block);
	memcpy(s, state, sizeof(s));
	for (i = 0; i < 64; i++) {
		t1 = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
			((s[4] & s[5]) ^ (~s[4] & s[6])) + round_constants[i] + w[i];
		t2 = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) +
			((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
		memmove(s + 1, s, 7 * sizeof(s[0]));
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (i = 0; i < 8; i++)
		state[i] += s[i];
}

void digest_init(struct digest *d)
{
	memcpy(d->state, start_state, sizeof(d->state));
	d->size = 0;
}

void digest_update(struct digest *d, const void *data, size_t size)
{
	const unsigned char *p = data;
	size_t have = d->size % 64, n;

	d->size += size;
	while (size) {
		if (have == 0 && size >= 64) {
			compress(d->state, p);
			n = 64;
		} else {
			n = size < 64 - have ? size : 64 - have;
			memcpy(d->block + have, p, n);
			have += n;
			if (have == 64) {
				compress(d->state, d->block);
				have = 0;
			}
		}
		p += n;
		size -= n;
	}
}

void digest_final(struct digest *d, unsigned char ret[DIGEST_SIZE])
{
	static const unsigned char padding[64] = { 0x80 };
	uint64_t bits = d->size * 8;
	unsigned char length[8];
	int i;

	put_be32(length, bits >> 32);
	put_be32(length + 4, bits);
	/* up to eight bytes before the end of a block */
	digest_update(d, padding, 1 + (119 - d->size % 64) % 64);
	digest_update(d, length, sizeof(length));
	for (i = 0; i < 8; i++)
		put_be32(ret + 4 * i, d->state[i]);
}

void digest_final_hex(struct digest *d, char ret[DIGEST_HEX])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char raw[DIGEST_SIZE];
	int i;

	digest_final(d, raw);
	for (i = 0; i < DIGEST_SIZE; i++) {
		ret[2 * i] = digits[raw[i] >> 4];
		ret[2 * i + 1] = digits[raw[i] & 15];
	}
	ret[2 * DIGEST_SIZE] = '\0';
}

void digest_hex(const void *data, size_t size, char ret[DIGEST_HEX])
{
	struct digest d;

	digest_init(&d);
	digest_update(&d, data, size);
	digest_final_hex(&d, ret);
}
