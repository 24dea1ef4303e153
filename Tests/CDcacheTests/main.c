/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The C tests as a program.
 *
 *	cdcache-tests [-l] [-i] [PATTERN...]
 *
 * Runs every test whose name, or the name of its file, holds one of the patterns; each in a process
 * of its own, so that a crash or a hang is that test's failure alone. -l lists; -i runs in this
 * process, for debuggers. DCACHE_TEST_TIMEOUT: seconds for one test, 120 unless given.
 */
#include <signal.h>
#include <sys/wait.h>

#include "harness.h"
#include "harness_run.h"

static bool selected(const struct test *test, char **patterns, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (strstr(test->name, patterns[i]) || strstr(test->file, patterns[i]) ||
		    strstr(test->covers, patterns[i]))
			return true;
	}
	return !n;
}

static bool run_here(const struct test *test)
{
	return !test_run(test);
}

static volatile pid_t running;

static void kill_running(int sig)
{
	(void)sig;
	kill(running, SIGKILL);
}

static bool run_apart(const struct test *test, unsigned int timeout)
{
	/* For one that has blocked its own alarm, as liburcu does while it waits. */
	const struct sigaction late = { .sa_handler = kill_running, .sa_flags = SA_RESTART };
	int status = 0;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child < 0) {
		perror("fork");
		return false;
	}
	if (!child) {
		bool ok;

		signal(SIGALRM, SIG_DFL);
		alarm(timeout);
		ok = run_here(test);
		fflush(NULL);
		/* exit(), not _exit(): the leak checker runs then. */
		exit(ok ? 0 : 1);
	}
	running = child;
	sigaction(SIGALRM, &late, NULL);
	alarm(timeout + 3);
	waitpid(child, &status, 0);
	alarm(0);
	if (WIFSIGNALED(status))
		fprintf(stderr, "%s: %s\n", test->name,
			WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGKILL
				? "did not end in time"
				: strsignal(WTERMSIG(status)));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
	const char *seconds = getenv("DCACHE_TEST_TIMEOUT");
	bool list = false, here = false;
	int passed = 0, failed = 0;
	const struct test *test;
	int c;

	while ((c = getopt(argc, argv, "li")) != -1) {
		if (c == 'l')
			list = true;
		else if (c == 'i')
			here = true;
		else
			return 2;
	}
	for (test = test_first(); test; test = test->next) {
		uint64_t began = test_now_ns();
		bool ok;

		if (!selected(test, argv + optind, argc - optind))
			continue;
		if (list) {
			printf("%s\t%s\n", test->name, test->covers);
			continue;
		}
		ok = here ? run_here(test)
			  : run_apart(test, seconds ? (unsigned int)atoi(seconds) : 120);
		if (ok)
			passed++;
		else
			failed++;
		printf("%s %s [%s] (%.2f s)\n", ok ? "ok  " : "FAIL", test->name, test->covers,
		       (double)(test_now_ns() - began) / 1e9);
		fflush(stdout);
	}
	if (list)
		return 0;
	printf("%d passed, %d failed\n", passed, failed);
	return failed || !passed;
}
