/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program of its own: folds names for casefold_tables_check.py. Each line of standard input is a
 * name in hexadecimal; the answer is a line with what casefold_name() makes of it, in hexadecimal,
 * or "error" and the errno value. With the argument "unassigned" it prints the code points instead
 * that utf8proc's version of Unicode does not know, a range a line.
 */
#include <dcache/casefold.h>

#include <stdio.h>
#include <string.h>

#include <utf8proc.h>

/* Longer names than there are, so that their refusal can be asked for too. */
#define NAME_ROOM 4096

static int digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *found = c ? strchr(digits, c) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* The number of bytes, or -1. */
static int from_hex(const char *line, char *name)
{
	int len = 0;

	for (; *line && *line != '\n'; line += 2) {
		int high = digit(line[0]);
		int low = high < 0 ? -1 : digit(line[1]);

		if (low < 0 || len == NAME_ROOM)
			return -1;
		name[len++] = (char)(high << 4 | low);
	}
	return len;
}

static void print_unassigned(void)
{
	int32_t first = -1;

	for (int32_t c = 0; c <= 0x110000; c++) {
		bool unassigned = c < 0x110000 && utf8proc_category(c) == UTF8PROC_CATEGORY_CN;

		if (unassigned && first < 0)
			first = c;
		if (!unassigned && first >= 0) {
			printf("%x %x\n", (unsigned int)first, (unsigned int)c - 1);
			first = -1;
		}
	}
}

static int fold_lines(void)
{
	static char line[2 * NAME_ROOM + 2], name[NAME_ROOM], folded[CASEFOLD_MAX];

	while (fgets(line, sizeof(line), stdin)) {
		int len = from_hex(line, name);
		int folded_len;

		if (len < 0) {
			fprintf(stderr, "casefold_filter: not a name in hexadecimal: %s", line);
			return 2;
		}
		folded_len = casefold_name(name, (size_t)len, folded, sizeof(folded));
		if (folded_len < 0)
			printf("error %d", -folded_len);
		for (int i = 0; i < folded_len; i++)
			printf("%02x", (unsigned int)(unsigned char)folded[i]);
		putchar('\n');
	}
	return ferror(stdin) ? 1 : 0;
}

int main(int argc, char **argv)
{
	int result = 0;

	if (argc > 1 && !strcmp(argv[1], "unassigned"))
		print_unassigned();
	else
		result = fold_lines();
	return fflush(stdout) ? 1 : result;
}
