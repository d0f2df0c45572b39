/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build tool: writes the C tables of embedded Lua files.
 *     embed OUTPUT TABLE NAME=FILE... [TABLE NAME=FILE...]
 * Each TABLE starts a `const struct embedded TABLE[]`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_file(FILE *out, const char *name, size_t n, const char *path)
{
	FILE *in = fopen(path, "rb");
	size_t size = 0;
	int c;

	if (!in) {
		perror(path);
		exit(1);
	}
	fprintf(out, "\t{ \"%.*s\", \"", (int)n, name);
	while ((c = getc(in)) != EOF) {
		size++;
		if (c == '\n')
			fputs("\\n\"\n\t\t\"", out);
		else if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c == '?')
			fputs("\\?", out);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(out, "\\%03o", c);
		else
			putc(c, out);
	}
	fprintf(out, "\", %zu },\n", size);
	fclose(in);
}

int main(int argc, char **argv)
{
	FILE *out;
	int i, open = 0;

	out = argc > 2 ? fopen(argv[1], "w") : NULL;
	if (!out) {
		fprintf(stderr, "usage: embed OUTPUT TABLE NAME=FILE...\n");
		return 1;
	}
	fprintf(out, "/* generated */\n#include \"lua/embedded.h\"\n");
	for (i = 2; i < argc; i++) {
		const char *eq = strchr(argv[i], '=');

		if (eq) {
			write_file(out, argv[i], eq - argv[i], eq + 1);
			continue;
		}
		fprintf(out, "%sconst struct embedded %s[] = {\n",
			open ? "\t{ NULL, NULL, 0 }\n};\n" : "", argv[i]);
		open = 1;
	}
	fprintf(out, "\t{ NULL, NULL, 0 }\n};\n");
	return fclose(out) ? 1 : 0;
}
