/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Concurrency Kit's hash set, in 64 shards by the hash's upper bits: readers take no lock, and the one
 * writer that each set allows is whoever holds the shard's mutex. Twice as many slots as entries, as it
 * would grow with fewer. It leaves the freeing to its user: liburcu's call_rcu(), in the flavour bp, and
 * readers in its sections. A set keeps a mark where something was removed; so after as many removals as
 * half its slots it is built anew, as its users are told to do from time to time.
 */
#define _LGPL_SOURCE
#include <urcu/urcu-bp.h>
#include <ck_hs.h>
#include <pthread.h>

#include "key.h"
#include "table.h"

#define SHARDS 64

/* A node begins with its key; a lookup's key is only that. */
struct ck_key {
	uint64_t hash, dir;
	const char *name;
	size_t len;
	uintptr_t value;
};

struct ck_node {
	struct ck_key key;
	struct rcu_head rcu;
	char name[];
};

struct ck_shard {
	ck_hs_t set;
	size_t slots, removals;
	pthread_mutex_t writer;
} __attribute__((aligned(64)));

struct table {
	struct ck_shard shards[SHARDS];
};

static unsigned long ck_key_hash(const void *object, unsigned long seed)
{
	(void)seed;
	return ((const struct ck_key *)object)->hash;
}

static bool ck_key_equal(const void *object, const void *other)
{
	const struct ck_key *a = object, *b = other;

	return a->hash == b->hash && a->dir == b->dir &&
	       key_equal(a->name, a->len, b->name, b->len);
}

/* What the sets themselves allocate: their arrays. */
struct ck_array_head {
	struct rcu_head rcu;
} __attribute__((aligned(64)));

static void *ck_array_alloc(size_t bytes)
{
	struct ck_array_head *head;

	if (posix_memalign((void **)&head, 64, sizeof(*head) + bytes))
		return NULL;
	return head + 1;
}

static void ck_array_free_late(struct rcu_head *rcu)
{
	free(caa_container_of(rcu, struct ck_array_head, rcu));
}

static void ck_array_free(void *array, size_t bytes, bool deferred)
{
	struct ck_array_head *head = (struct ck_array_head *)array - 1;

	(void)bytes;
	if (deferred)
		urcu_bp_call_rcu(&head->rcu, ck_array_free_late);
	else
		free(head);
}

static struct ck_malloc ck_arrays = { .malloc = ck_array_alloc, .free = ck_array_free };

static struct table *ck_create(size_t entries)
{
	/* A sixteenth more than the mean: shards are not equally full. */
	size_t slots = table_power_of_two(2 * (entries / SHARDS + entries / SHARDS / 16 + 8));
	struct table *t;
	size_t i;

	TABLE_CHECK(!posix_memalign((void **)&t, 64, sizeof(*t)));
	for (i = 0; i < SHARDS; i++) {
		struct ck_shard *shard = &t->shards[i];

		shard->slots = slots;
		shard->removals = 0;
		pthread_mutex_init(&shard->writer, NULL);
		TABLE_CHECK(ck_hs_init(&shard->set, CK_HS_MODE_SPMC | CK_HS_MODE_OBJECT,
				       ck_key_hash, ck_key_equal, &ck_arrays, slots, 0));
	}
	return t;
}

static struct ck_key ck_make_key(uintptr_t dir, const char *name, size_t len)
{
	return (struct ck_key){ key_hash(dir, name, len), dir, name, len, 0 };
}

static struct ck_shard *ck_shard_of(struct table *t, uint64_t hash)
{
	return &t->shards[hash >> 58];
}

static int ck_insert(struct table *t, uintptr_t dir, const char *name, size_t len, uintptr_t value)
{
	struct ck_node *node = table_alloc(sizeof(*node) + len);
	struct ck_shard *shard;
	bool is_new;

	memcpy(node->name, name, len);
	node->key = ck_make_key(dir, node->name, len);
	node->key.value = value;
	shard = ck_shard_of(t, node->key.hash);
	pthread_mutex_lock(&shard->writer);
	is_new = ck_hs_put(&shard->set, node->key.hash, &node->key);
	pthread_mutex_unlock(&shard->writer);
	if (is_new)
		return 0;
	free(node);
	return -EEXIST;
}

static uintptr_t ck_lookup(struct table *t, uintptr_t dir, const char *name, size_t len)
{
	struct ck_key key = ck_make_key(dir, name, len), *found;
	uintptr_t value;

	urcu_bp_read_lock();
	found = ck_hs_get(&ck_shard_of(t, key.hash)->set, key.hash, &key);
	value = found ? found->value : 0;
	urcu_bp_read_unlock();
	return value;
}

static void ck_free(struct rcu_head *rcu)
{
	free(caa_container_of(rcu, struct ck_node, rcu));
}

static int ck_remove(struct table *t, uintptr_t dir, const char *name, size_t len)
{
	struct ck_key key = ck_make_key(dir, name, len);
	struct ck_shard *shard = ck_shard_of(t, key.hash);
	struct ck_node *node;

	pthread_mutex_lock(&shard->writer);
	node = ck_hs_remove(&shard->set, key.hash, &key);
	if (node && ++shard->removals > shard->slots / 2) {
		shard->removals = 0;
		TABLE_CHECK(ck_hs_rebuild(&shard->set));
	}
	pthread_mutex_unlock(&shard->writer);
	if (!node)
		return -ENOENT;
	urcu_bp_call_rcu(&node->rcu, ck_free);
	return 0;
}

static uintptr_t ck_make_dir(struct table *t, uintptr_t dir, const char *name, size_t len,
			     size_t children, uintptr_t value)
{
	(void)children;
	TABLE_CHECK(!ck_insert(t, dir, name, len, value));
	return value;
}

static void ck_settle(struct table *t)
{
	(void)t;
	urcu_bp_barrier();
}

static void ck_destroy(struct table *t)
{
	size_t i;

	urcu_bp_barrier();
	for (i = 0; i < SHARDS; i++) {
		ck_hs_iterator_t at = CK_HS_ITERATOR_INITIALIZER;
		struct ck_shard *shard = &t->shards[i];
		void *node;

		while (ck_hs_next(&shard->set, &at, &node))
			free(node);
		ck_hs_destroy(&shard->set);
		pthread_mutex_destroy(&shard->writer);
	}
	free(t);
}

TABLE_BY_STEPS(ck, urcu_bp_read_lock, urcu_bp_read_unlock)

const struct table_ops table_ck = {
	.name = "ck",
	.create = ck_create,
	.destroy = ck_destroy,
	.make_object = number_object,
	.drop_object = number_drop,
	.make_root = number_root,
	.make_dir = ck_make_dir,
	.drop_dir = number_drop,
	.insert = ck_insert,
	.lookup = ck_lookup,
	.remove = ck_remove,
	.walk = ck_walk,
	.rename = ck_rename,
	.thread_enter = urcu_bp_register_thread,
	.thread_leave = table_nothing,
	.settle = ck_settle,
};
