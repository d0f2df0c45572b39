/* SPDX-License-Identifier: Apache-2.0 */
/* core/base: SHA-256. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/mem.h"

/* FIPS 180-4 examples and NIST's short messages */
static void test_vectors(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
		  "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
			"cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
		{ "\xbd", "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b" },
		{ "\xc9\x8c\x8e\x55",
			"7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504" },
	};
	char hex[DIGEST_HEX];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		digest_hex(rows[i].in, strlen(rows[i].in), hex);
		assert_string_equal(hex, rows[i].out);
	}
}

static void test_million(void **state)
{
	static const char out[] =
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
	static const size_t chunks[] = { 1, 7, 63, 64, 65, 1000, 4096, 1000000 };
	char hex[DIGEST_HEX], text[4096], *big;
	struct digest d;
	size_t i, left;

	memset(text, 'a', sizeof(text));
	for (i = 0; i < ARRAY_SIZE(chunks) - 1; i++) {
		digest_init(&d);
		for (left = 1000000; left >= chunks[i]; left -= chunks[i])
			digest_update(&d, text, chunks[i]);
		digest_update(&d, text, left);
		digest_final_hex(&d, hex);
		assert_string_equal(hex, out);
	}
	big = mem_alloc(1000000);
	memset(big, 'a', 1000000);
	digest_hex(big, 1000000, hex);
	assert_string_equal(hex, out);
	free(big);
}

/* each place where the length may fall into the last block */
static void test_padding(void **state)
{
	char hex[DIGEST_HEX], text[64 * 3];
	struct digest all;
	size_t n;

	memset(text, 'a', sizeof(text));
	digest_init(&all);
	for (n = 0; n <= sizeof(text); n++) {
		digest_hex(text, n, hex);
		digest_update(&all, hex, DIGEST_HEX - 1);
	}
	digest_final_hex(&all, hex);
	assert_string_equal(hex,
		"b4442fc5eb24ba9df23d86895d1bf1b6f72bdfc371f40c59d3c660593bbba01c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_million),
		cmocka_unit_test(test_padding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
