/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The suite: this library and its peers, behind one interface (table.h), on the same names, in the same
 * loops, in the same run.
 *
 *	suite [--subject dcache,lfht,...] [--entries 1000,...] [--threads 1,...] [--row hit,...]
 *	      [--rounds 9] [--ms 50] [--names FILE] [--seed N]
 *	suite --check [--subject ...]	are they tables? (check.c)
 *	suite --list			the names of subjects and rows
 *
 * FILE holds paths of a real tree, one a line. With more entries than it has, copies of it lie under
 * directories of their own; with fewer, directories are taken at random, whole. Directories are entries, and
 * looked up, too.
 *
 * Rows. hit: every name in random order, hash computed; dependent: the same, but the next name's address
 * hangs on the last answer; hit-zipf: names as often as Zipf's law says (s = 0.99); miss: names of others in
 * directories that have no such name; 95-5 and 50-50: lookups of all, and so many per cent of updates,
 * insertions and removals in turn, of a fourth of the files, half of which is there; insert, remove: these
 * updates alone, in blocks; insert-negative: of names known not to exist. walk: the whole path of every name,
 * from the root, in random order, for a path; a peer's user walks it by one lookup after the other. rename, of
 * those files: a new name in the same directory, and the old one again; move: one in another directory, and
 * back. A peer's user looks up, inserts, and removes, and others can see it.
 *
 * ns is processor time an operation: the wall clock's time, times the processors that the threads can
 * have, min(threads, processors), divided by the operations of all threads in that time. Of insert and
 * remove, which one run gives, each has the share of it that its blocks have taken. Millions of
 * operations a second, beside it, are of all threads. What ends in -cpu is the time that all threads of
 * the process have run, those too that free what was removed, until it is freed (update: insert and
 * remove). fill is the insertion of all files, by one thread; memory, the bytes an entry that this takes,
 * of what the process has touched (objects, an inode's here, excluded); destroy, the end, for an entry
 * (with the inodes, which end then). These three are taken once.
 *
 * Why it is fair. All subjects are called through the same pointers, hash with the same kind of function,
 * take memory from malloc(), and have room for all entries from the start. Each has a process of its own,
 * and only one runs at a time; rounds of all are interleaved, in a random order each time, and the same
 * row begins at the same places for all. Of more than two million entries, one subject is there at a
 * time, and its rounds follow each other. No answer goes unchecked, and a wrong one ends the run with
 * status 1. A round in which a thread waited for a processor, for more than 2 % of the time, that others
 * than its own process had, is dropped and made again, but no more than twice as many as are asked for;
 * if not one is undisturbed the disturbed ones are shown, with 0 rounds. (Only where there is a processor
 * for each thread.)
 *
 * load is no table: a chain of loads, one line in each 128 bytes for every entry. A lookup that begins when
 * the last one has ended, in a table larger than the caches, can hardly cost less than one of these.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../report.h"
#include "suite.h"

#define TOGETHER_MOST 2000000 /* entries */
#define LIST_MOST 32
/* More threads than processors: each is to run several times in a round. */
#define CROWDED_FACTOR 3

static const struct table_ops load_ops = { .name = "load" };

static const struct table_ops *const subjects[] = {
	&table_dcache, &table_dcache_ref, &table_dcache_lto, &table_lfht, &table_tbb, &table_absl,
	&table_ck,     &table_std,	  &table_fuse,	     &table_dirs, &load_ops,
};

#define SUBJECTS (sizeof(subjects) / sizeof(*subjects))

const char *const row_names[ROWS] = {
	"hit",	    "miss",	 "dependent",	    "hit-zipf", "walk",	  "95-5",
	"50-50",    "insert",	 "insert-negative", "rename",	"move",	  "remove",
	"95-5-cpu", "50-50-cpu", "update-cpu",	    "fill",	"memory", "destroy",
};

struct settings {
	bool subjects[SUBJECTS], rows[ROWS];
	size_t entries[LIST_MOST];
	unsigned int threads[LIST_MOST];
	size_t nr_entries, nr_threads, rounds;
	double ms;
	const char *names;
	uint64_t seed;
};

/* A subject's process. */
struct process {
	const struct table_ops *ops;
	pid_t pid;
	int orders, answers;
};

/* What the rounds of one row gave, for one subject. */
struct figures {
	double *values; /* the undisturbed first */
	size_t kept, n;
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- processes ---- */

static void process_answer(const struct process *p, struct worker_answer *answer)
{
	if (read(p->answers, answer, sizeof(*answer)) != (ssize_t)sizeof(*answer)) {
		fprintf(stderr, "suite: %s has failed\n", p->ops->name);
		exit(1);
	}
}

static void process_start(struct process *p, const struct table_ops *ops, const struct tree *tree,
			  const struct settings *s, struct worker_answer *answer)
{
	struct worker_setup setup = { .ops = ops == &load_ops ? NULL : ops,
				      .tree = tree,
				      .seed = s->seed };
	int orders[2], answers[2];

	memcpy(setup.rows, s->rows, sizeof(setup.rows));
	if (pipe(orders) || pipe(answers))
		fail("pipe");
	fflush(NULL);
	p->ops = ops;
	p->pid = fork();
	if (p->pid < 0)
		fail("fork");
	if (!p->pid) {
		/* Later ones inherit this one's pipes, so that it may not see the end of them. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(orders[1]);
		close(answers[0]);
		worker_run(&setup, orders[0], answers[1]);
	}
	close(orders[0]);
	close(answers[1]);
	p->orders = orders[1];
	p->answers = answers[0];
	process_answer(p, answer);
}

static void process_order(const struct process *p, const struct worker_order *order,
			  struct worker_answer *answer)
{
	if (write(p->orders, order, sizeof(*order)) != (ssize_t)sizeof(*order)) {
		fprintf(stderr, "suite: %s has ended\n", p->ops->name);
		exit(1);
	}
	process_answer(p, answer);
}

static void process_end(struct process *p, struct worker_answer *answer)
{
	struct worker_order order = { .row = ROWS };
	int status;

	process_order(p, &order, answer);
	close(p->orders);
	close(p->answers);
	if (waitpid(p->pid, &status, 0) != p->pid || !WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "suite: %s did not end well\n", p->ops->name);
		exit(1);
	}
}

/* ---- what is reported ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const struct settings *s, int row, const struct table_ops *ops, size_t entries,
		   unsigned int threads, double *values, size_t n, size_t kept, size_t dropped)
{
	bool is_time = row != ROW_MEMORY, all = row < ROW_95_5_CPU && ops != &load_ops;
	unsigned int running = threads < processors() ? threads : processors();
	struct bench_result r = { .bench = row_names[row],
				  .subject = ops->name,
				  .unit = is_time ? "ns" : "bytes",
				  .entries = entries,
				  .threads = threads,
				  .rounds = (unsigned int)kept };

	if (!s->rows[row] || !n)
		return;
	qsort(values, n, sizeof(*values), compare);
	r.median = n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
	r.low = values[0];
	r.high = values[n - 1];
	printf("%-16s %9zu %3u  %-11s %9.1f %9.1f %9.1f %-5s ", row_names[row], entries, threads,
	       ops->name, r.median, r.low, r.high, r.unit);
	if (all)
		printf("%8.2f", running * 1e3 / r.median);
	else
		printf("%8s", "");
	printf(" %3zu %3zu\n", kept, dropped);
	bench_report(&r);
}

static void report_once(const struct settings *s, const struct table_ops *ops, size_t entries,
			struct worker_answer *answer)
{
	static const int once[] = { ROW_FILL, ROW_MEMORY, ROW_DESTROY };
	size_t i;

	for (i = 0; i < sizeof(once) / sizeof(*once); i++) {
		double *value = &answer->value[once[i]];

		report(s, once[i], ops, entries, 1, value, *value != 0, 1, 0);
	}
}

/* ---- rounds ---- */

/* The rounds of a row, for all processes that are there. */
static void run_row(const struct settings *s, struct process *processes, size_t n, int row,
		    unsigned int threads, size_t entries, uint64_t *seed)
{
	struct figures figures[SUBJECTS][ROWS] = { 0 };
	uint32_t order[SUBJECTS];
	size_t round, i, most = 2 * s->rounds;
	int r;

	for (i = 0; i < n; i++) {
		order[i] = (uint32_t)i;
		for (r = 0; r < ROWS; r++)
			figures[i][r].values = suite_array(most, sizeof(double));
	}
	for (round = 0; round < most; round++) {
		/* The same places for all. */
		struct worker_order o = { row, threads, suite_random(seed),
					  threads > processors() ? CROWDED_FACTOR * s->ms : s->ms };

		suite_shuffle(order, n, seed);
		for (i = 0; i < n; i++) {
			const struct process *p = &processes[order[i]];
			struct worker_answer answer;

			if (figures[order[i]][row].kept == s->rounds ||
			    (p->ops == &load_ops && row != ROW_DEPENDENT))
				continue;
			process_order(p, &o, &answer);
			for (r = 0; r < ROWS; r++) {
				struct figures *f = &figures[order[i]][r];

				if (answer.value[r] == 0)
					continue;
				f->values[f->n++] = answer.value[r];
				if (!answer.disturbed) {
					double swap = f->values[f->kept];

					f->values[f->kept++] = f->values[f->n - 1];
					f->values[f->n - 1] = swap;
				}
			}
		}
	}
	/* One run gives several rows. */
	for (r = 0; r < ROWS; r++) {
		for (i = 0; i < n; i++) {
			struct figures *f = &figures[i][r];

			report(s, r, processes[i].ops, entries, threads, f->values,
			       f->kept ? f->kept : f->n, f->kept, f->n - f->kept);
		}
	}
	for (i = 0; i < n; i++) {
		for (r = 0; r < ROWS; r++)
			free(figures[i][r].values);
	}
}

static void run_rows(const struct settings *s, struct process *processes, size_t n, size_t entries)
{
	uint64_t seed = s->seed + entries;
	size_t i;
	int row;

	for (row = 0; row < ROW_REMOVE; row++) {
		if (!s->rows[row])
			continue;
		for (i = 0; i < s->nr_threads; i++)
			run_row(s, processes, n, row, s->threads[i], entries, &seed);
	}
}

static void run_size(const struct settings *s, const struct tree *base, size_t entries)
{
	bool together = entries <= TOGETHER_MOST;
	struct process processes[SUBJECTS];
	struct worker_answer answer;
	size_t n = 0, i, j;
	struct tree tree;

	tree_make(&tree, base, entries, s->seed);
	printf("\n# %zu entries, %zu directories among them\n", entries, entries - tree.files);
	printf("%-16s %9s %3s  %-11s %9s %9s %9s %-5s %8s %3s %3s\n", "# row", "entries", "thr",
	       "subject", "median", "lowest", "highest", "", "Mops/s", "rds", "drp");
	for (i = 0; i < SUBJECTS; i++) {
		if (!s->subjects[i])
			continue;
		process_start(&processes[n], subjects[i], &tree, s, &answer);
		report_once(s, subjects[i], entries, &answer);
		n++;
		if (!together) {
			run_rows(s, processes, n, entries);
			process_end(&processes[--n], &answer);
			report_once(s, subjects[i], entries, &answer);
		}
	}
	if (together) {
		run_rows(s, processes, n, entries);
		for (j = 0; j < n; j++) {
			process_end(&processes[j], &answer);
			report_once(s, processes[j].ops, entries, &answer);
		}
	}
	tree_end(&tree);
}

static void run_checks(const struct settings *s)
{
	size_t i;

	for (i = 0; i < SUBJECTS; i++) {
		int status;
		pid_t pid;

		if (!s->subjects[i] || subjects[i] == &load_ops)
			continue;
		fflush(NULL);
		pid = fork();
		if (pid < 0)
			fail("fork");
		if (!pid) {
			check_subject(subjects[i]);
			exit(0);
		}
		if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status)) {
			fprintf(stderr, "suite: %s: the check has failed\n", subjects[i]->name);
			exit(1);
		}
	}
}

/* ---- options ---- */

static void usage(void)
{
	fprintf(stderr,
		"usage: suite [--subject LIST] [--entries LIST] [--threads LIST] [--row LIST]\n"
		"             [--rounds N] [--ms TIME] [--names FILE] [--seed N] [--check] "
		"[--list]\n");
	exit(2);
}

static size_t number(const char *text, size_t least, size_t most)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 0);

	if (end == text || *end || *text == '-' || value < least || value > most)
		usage();
	return (size_t)value;
}

static size_t subject_named(const char *name)
{
	size_t i;

	for (i = 0; i < SUBJECTS; i++) {
		if (!strcmp(subjects[i]->name, name))
			return i;
	}
	usage();
	return 0;
}

static size_t row_named(const char *name)
{
	size_t i;

	for (i = 0; i < ROWS; i++) {
		if (!strcmp(row_names[i], name))
			return i;
	}
	usage();
	return 0;
}

static void select_names(bool *selected, size_t n, char *list, size_t (*named)(const char *name))
{
	char *name;

	memset(selected, 0, n * sizeof(*selected));
	for (name = strtok(list, ","); name; name = strtok(NULL, ","))
		selected[named(name)] = true;
}

/* What is measured in the run of another row. */
static void select_runs(bool *rows)
{
	rows[ROW_95_5] |= rows[ROW_95_5_CPU];
	rows[ROW_50_50] |= rows[ROW_50_50_CPU];
	rows[ROW_INSERT] |= rows[ROW_REMOVE] || rows[ROW_UPDATE_CPU];
}

static void parse(struct settings *s, int argc, char **argv, bool *checks)
{
	static const struct option options[] = {
		{ "subject", required_argument, NULL, 's' },
		{ "entries", required_argument, NULL, 'e' },
		{ "threads", required_argument, NULL, 't' },
		{ "row", required_argument, NULL, 'r' },
		{ "rounds", required_argument, NULL, 'n' },
		{ "ms", required_argument, NULL, 'm' },
		{ "names", required_argument, NULL, 'f' },
		{ "seed", required_argument, NULL, 'x' },
		{ "check", no_argument, NULL, 'c' },
		{ "list", no_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	char *item;
	size_t i;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			select_names(s->subjects, SUBJECTS, optarg, subject_named);
			break;
		case 'r':
			select_names(s->rows, ROWS, optarg, row_named);
			select_runs(s->rows);
			break;
		case 'e':
			s->nr_entries = 0;
			for (item = strtok(optarg, ","); item; item = strtok(NULL, ",")) {
				if (s->nr_entries == LIST_MOST)
					usage();
				s->entries[s->nr_entries++] = number(item, 100, 1000000000);
			}
			break;
		case 't':
			s->nr_threads = 0;
			for (item = strtok(optarg, ","); item; item = strtok(NULL, ",")) {
				if (s->nr_threads == LIST_MOST)
					usage();
				s->threads[s->nr_threads++] = (unsigned int)number(item, 1, 1024);
			}
			break;
		case 'n':
			s->rounds = number(optarg, 1, 1000);
			break;
		case 'm':
			s->ms = (double)number(optarg, 1, 60000);
			break;
		case 'x':
			s->seed = number(optarg, 0, SIZE_MAX);
			break;
		case 'f':
			s->names = optarg;
			break;
		case 'c':
			*checks = true;
			break;
		case 'l':
			printf("subjects:");
			for (i = 0; i < SUBJECTS; i++)
				printf(" %s", subjects[i]->name);
			printf("\nrows:");
			for (i = 0; i < ROWS; i++)
				printf(" %s", row_names[i]);
			printf("\n");
			exit(0);
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
}

int main(int argc, char **argv)
{
	struct settings s = {
		.entries = { 1000, 100000, 1000000 },
		.nr_entries = 3,
		.threads = { 1, 2, 8, 32 },
		.nr_threads = 4,
		.rounds = 9,
		.ms = 50,
		.names = "build/bench/names",
		.seed = 1,
	};
	const char *tunables = getenv("GLIBC_TUNABLES");
	bool checks = false;
	struct tree base;
	size_t i;

	memset(s.subjects, true, sizeof(s.subjects));
	memset(s.rows, true, sizeof(s.rows));
	parse(&s, argc, argv, &checks);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (checks) {
		run_checks(&s);
		return 0;
	}
	/* A process that has failed has said so itself. */
	signal(SIGPIPE, SIG_IGN);
	tree_read(&base, s.names);
	printf("# %zu names of %zu directories; %u processors; %zu rounds of %g ms, %g with more "
	       "threads; "
	       "seed %llu; %s\n",
	       base.n, base.n - base.files, processors(), s.rounds, s.ms, CROWDED_FACTOR * s.ms,
	       (unsigned long long)s.seed, tunables && *tunables ? tunables : "no tunables");
	for (i = 0; i < s.nr_entries; i++)
		run_size(&s, &base, s.entries[i]);
	return 0;
}
