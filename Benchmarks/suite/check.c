/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is a subject a table? Random insertions, lookups and removals beside a model, an array of what each name
 * should give: first by one thread, then by four, each with the names that it alone changes, while all look
 * up all. Names are such as a table may confuse: prefixes of each other, equal ones in many directories,
 * with bytes above 127, of one byte and of 255, that differ in the first or the last byte only.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>

#include "suite.h"

#define CHECK_DIRS 8
#define CHECK_NAMES 300
#define CHECK_KEYS (CHECK_DIRS * CHECK_NAMES)
#define CHECK_THREADS 4
#define CHECK_OPERATIONS 150000

struct check_name {
	size_t len;
	char name[255];
};

struct check {
	const struct table_ops *ops;
	struct table *table;
	uintptr_t dirs[CHECK_DIRS];
	uintptr_t dir_values[CHECK_DIRS];
	struct check_name names[CHECK_NAMES];
	uintptr_t objects[CHECK_KEYS][2];
	uintptr_t model[CHECK_KEYS];
	pthread_barrier_t ready;
};

struct check_thread {
	struct check *c;
	pthread_t thread;
	uint64_t seed;
	size_t first, step; /* it changes the keys first, first + step, .. */
	size_t hits, misses, changes;
};

static void check_names(struct check *c)
{
	uint64_t seed = 7;
	size_t i, j;

	for (i = 0; i < CHECK_NAMES; i++) {
		struct check_name *n = &c->names[i];

		switch (i % 6) {
		case 0: /* prefixes of each other */
			n->len = 1 + i / 6 * 5;
			memset(n->name, 'a', n->len);
			break;
		case 1: /* one byte */
			n->len = 1;
			n->name[0] = (char)(i / 6 + 1 == 'a' ? 200 : i / 6 + 100);
			break;
		case 2: /* the last byte differs, in long names */
			n->len = 255;
			memset(n->name, 'b', n->len);
			n->name[254] = (char)(i / 6 + 128);
			break;
		case 3: /* the first byte differs */
			n->len = 16;
			memset(n->name, 'c', n->len);
			n->name[0] = (char)(i / 6 + 1);
			break;
		case 4: /* the middle differs */
			n->len = 40;
			memset(n->name, 'd', n->len);
			n->name[20] = (char)(i / 6 + 128);
			break;
		default: /* any bytes */
			n->len = 2 + suite_below(&seed, 30);
			for (j = 0; j < n->len; j++)
				n->name[j] = (char)(1 + suite_below(&seed, 255));
		}
		for (j = 0; j < n->len; j++) {
			if (n->name[j] == '/')
				n->name[j] = '.';
		}
		/* Two of one kind may have come out equal. */
		for (j = 0; j < i; j++) {
			if (c->names[j].len == n->len &&
			    !memcmp(c->names[j].name, n->name, n->len)) {
				n->len = (size_t)snprintf(n->name, sizeof(n->name), "e%zu", i);
				j = (size_t)-1;
			}
		}
	}
}

static struct table_name check_name_of(const struct check *c, size_t key)
{
	const struct check_name *n = &c->names[key % CHECK_NAMES];

	return (struct table_name){ c->dirs[key / CHECK_NAMES], n->name, n->len };
}

static uintptr_t check_lookup(struct check *c, size_t key)
{
	const struct check_name *n = &c->names[key % CHECK_NAMES];
	/* In other memory than what was inserted, with something behind it. */
	char copy[256];

	memcpy(copy, n->name, n->len);
	copy[n->len] = 'x';
	return c->ops->lookup(c->table, c->dirs[key / CHECK_NAMES], copy, n->len);
}

/* To another name that this thread alone changes, and back. Others that look that one up know its objects only:
 * beside them, it is renamed without one. */
static void check_rename(struct check *c, struct check_thread *t, size_t key)
{
	size_t other = (key + t->step * (1 + suite_below(&t->seed, 50))) % CHECK_KEYS;
	struct table_name from = check_name_of(c, key), to = check_name_of(c, other);

	if (other % t->step != t->first)
		return;
	if (t->step > 1 && c->model[key] && c->model[key] != TABLE_NEGATIVE)
		return;
	TABLE_CHECK(c->ops->rename(c->table, &from, &to) == (!c->model[key]    ? -ENOENT
							     : c->model[other] ? -EEXIST
									       : 0));
	if (c->model[key] && !c->model[other]) {
		TABLE_CHECK(!check_lookup(c, key) && check_lookup(c, other) == c->model[key]);
		TABLE_CHECK(!c->ops->rename(c->table, &to, &from));
		t->changes++;
	}
}

static void check_step(struct check *c, struct check_thread *t)
{
	size_t key = suite_below(&t->seed, CHECK_KEYS), choice = suite_below(&t->seed, 10);
	const struct check_name *n = &c->names[key % CHECK_NAMES];
	uintptr_t dir = c->dirs[key / CHECK_NAMES], found, value;
	bool mine = key % t->step == t->first;

	if (choice < 5 || !mine) {
		found = check_lookup(c, key);
		TABLE_CHECK(!mine || found == c->model[key]);
		TABLE_CHECK(!found || found == TABLE_NEGATIVE || found == c->objects[key][0] ||
			    found == c->objects[key][1]);
		t->hits += found != 0;
		t->misses += !found;
	} else if (choice == 9 && suite_below(&t->seed, 2)) {
		check_rename(c, t, key);
	} else if (choice < 8) {
		value = choice == 7 ? TABLE_NEGATIVE : c->objects[key][choice - 5];
		TABLE_CHECK(c->ops->insert(c->table, dir, n->name, n->len, value) ==
			    (c->model[key] ? -EEXIST : 0));
		if (!c->model[key])
			c->model[key] = value;
		t->changes++;
	} else {
		TABLE_CHECK(c->ops->remove(c->table, dir, n->name, n->len) ==
			    (c->model[key] ? 0 : -ENOENT));
		c->model[key] = 0;
		t->changes++;
	}
}

static void *check_main(void *argument)
{
	struct check_thread *t = argument;
	size_t i;

	t->c->ops->thread_enter();
	pthread_barrier_wait(&t->c->ready);
	for (i = 0; i < CHECK_OPERATIONS; i++)
		check_step(t->c, t);
	t->c->ops->thread_leave();
	return NULL;
}

/* Directories 0, 2, 5 and 0, 1, 3, then what is below them. */
static void check_walks(struct check *c)
{
	static const char last[] = "director/directory", first[] = "directory/directory";
	uintptr_t root = c->dirs[0], found;
	size_t i;

	TABLE_CHECK(c->ops->walk(c->table, root, last, sizeof(last) - 1) == c->dir_values[5]);
	TABLE_CHECK(c->ops->walk(c->table, root, first, sizeof(first) - 1) == c->dir_values[3]);
	TABLE_CHECK(!c->ops->walk(c->table, root, "directory/directores", 20));
	TABLE_CHECK(!c->ops->walk(c->table, root, "directores/directory", 20));
	for (i = 0; i < CHECK_NAMES; i++) {
		char path[sizeof(first) + 256];
		size_t len = sizeof(first);

		memcpy(path, first, len);
		path[len - 1] = '/';
		memcpy(path + len, c->names[i].name, c->names[i].len);
		if (c->names[i].len <= 2)
			continue;
		found = c->ops->walk(c->table, root, path, len + c->names[i].len);
		/* A walk's answer may be without those known not to exist. */
		TABLE_CHECK(found == c->model[3 * CHECK_NAMES + i] ||
			    (!found && c->model[3 * CHECK_NAMES + i] == TABLE_NEGATIVE));
	}
}

static void check_all(struct check *c)
{
	size_t key, i;

	for (key = 0; key < CHECK_KEYS; key++)
		TABLE_CHECK(check_lookup(c, key) == c->model[key]);
	for (i = 1; i < CHECK_DIRS; i++)
		TABLE_CHECK(c->ops->lookup(c->table, c->dirs[(i - 1) / 2], "directory",
					   8 + i % 2) == c->dir_values[i]);
	check_walks(c);
}

static void check_threads(struct check *c, unsigned int threads)
{
	struct check_thread t[CHECK_THREADS];
	size_t hits = 0, misses = 0, changes = 0;
	unsigned int i;

	pthread_barrier_init(&c->ready, NULL, threads);
	for (i = 0; i < threads; i++) {
		t[i] = (struct check_thread){
			.c = c, .seed = i + 10 * threads, .first = i, .step = threads
		};
		TABLE_CHECK(!pthread_create(&t[i].thread, NULL, check_main, &t[i]));
	}
	for (i = 0; i < threads; i++) {
		TABLE_CHECK(!pthread_join(t[i].thread, NULL));
		hits += t[i].hits;
		misses += t[i].misses;
		changes += t[i].changes;
	}
	pthread_barrier_destroy(&c->ready);
	TABLE_CHECK(hits && misses && changes);
	printf("%-12s %u thread%s: %zu hits, %zu misses, %zu insertions and removals\n",
	       c->ops->name, threads, threads == 1 ? "" : "s", hits, misses, changes);
	check_all(c);
}

void check_subject(const struct table_ops *ops)
{
	struct check *c = suite_array(1, sizeof(*c));
	size_t i;

	c->ops = ops;
	check_names(c);
	ops->thread_enter();
	/* Fewer than there will be: it may have to grow. */
	c->table = ops->create(CHECK_KEYS / 8);
	c->dirs[0] = ops->make_root(c->table);
	/* Two in each, of which one's name is a prefix of the other's. */
	for (i = 1; i < CHECK_DIRS; i++) {
		c->dir_values[i] = ops->make_object(c->table, i, true);
		c->dirs[i] = ops->make_dir(c->table, c->dirs[(i - 1) / 2], "directory", 8 + i % 2,
					   3, c->dir_values[i]);
	}
	for (i = 0; i < CHECK_KEYS; i++) {
		c->objects[i][0] = ops->make_object(c->table, CHECK_DIRS + 2 * i, false);
		c->objects[i][1] = ops->make_object(c->table, CHECK_DIRS + 2 * i + 1, false);
	}
	check_threads(c, 1);
	check_threads(c, CHECK_THREADS);
	ops->settle(c->table);
	check_all(c);
	for (i = 0; i < CHECK_KEYS; i++) {
		ops->drop_object(c->table, c->objects[i][0]);
		ops->drop_object(c->table, c->objects[i][1]);
	}
	for (i = CHECK_DIRS; i--;) {
		if (i)
			ops->drop_object(c->table, c->dir_values[i]);
		ops->drop_dir(c->table, c->dirs[i]);
	}
	ops->destroy(c->table);
	ops->thread_leave();
	free(c);
	printf("%-12s passed\n", ops->name);
}
