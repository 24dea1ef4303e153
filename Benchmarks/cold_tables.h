/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What programs have instead of a directory cache, for cold.c and errors.c: written as it usually is,
 * and as well as that can be.
 *
 *  - A hash table for each directory and a mutex around it, held while the backend is asked: never
 *    wrong, one call at a time for each directory, and hits wait for it.
 *  - One map with one lock, and single flight: the lock is not held while the backend is asked; who
 *    wants a name that is being asked for sleeps on that flight's condition variable. What is
 *    invalidated is erased from the map. A flight is not in the map yet: it lands, and what it brings
 *    is kept.
 *
 * Both have a bucket for each name from the start, and nothing but (directory, name) -> number.
 */
#ifndef DCACHE_COLD_TABLES_H
#define DCACHE_COLD_TABLES_H

#include <pthread.h>

#include "cold.h"

struct table_entry {
	struct table_entry *next;
	uint32_t hash, dir;
	bool in_flight;
	uintptr_t value; /* the answer, or the flight */
	char name[];
};

struct table {
	pthread_mutex_t lock;
	struct table_entry **buckets;
	size_t mask, bytes;
};

/* FNV-1a. */
static inline uint32_t table_hash(uint32_t dir, const char *name)
{
	uint32_t hash = 2166136261u ^ dir;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash;
}

static inline void table_make(struct table *table, size_t names)
{
	size_t buckets = 2;

	while (buckets < names)
		buckets *= 2;
	pthread_mutex_init(&table->lock, NULL);
	table->buckets = calloc(buckets, sizeof(struct table_entry *));
	BENCH_CHECK(table->buckets);
	table->mask = buckets - 1;
	table->bytes = buckets * sizeof(struct table_entry *);
}

static inline struct table_entry **table_find(struct table *table, uint32_t dir, const char *name)
{
	uint32_t hash = table_hash(dir, name);
	struct table_entry **at = &table->buckets[hash & table->mask];

	while (*at && ((*at)->hash != hash || (*at)->dir != dir || strcmp((*at)->name, name)))
		at = &(*at)->next;
	return at;
}

static inline struct table_entry *table_insert(struct table *table, uint32_t dir, const char *name)
{
	size_t bytes = sizeof(struct table_entry) + strlen(name) + 1;
	struct table_entry *entry = malloc(bytes);

	BENCH_CHECK(entry);
	entry->hash = table_hash(dir, name);
	entry->dir = dir;
	entry->in_flight = false;
	entry->value = 0;
	strcpy(entry->name, name);
	entry->next = table->buckets[entry->hash & table->mask];
	table->buckets[entry->hash & table->mask] = entry;
	table->bytes += bytes;
	return entry;
}

static inline void table_erase(struct table *table, struct table_entry **at)
{
	struct table_entry *entry = *at;

	*at = entry->next;
	table->bytes -= sizeof(*entry) + strlen(entry->name) + 1;
	free(entry);
}

/* An answer that is there moves to another name; what was known of that is forgotten. */
static inline void table_rename(struct table *table, uint32_t dir, const char *from, const char *to)
{
	struct table_entry **source = table_find(table, dir, from), *target;
	uintptr_t answer;

	if (!*source || (*source)->in_flight)
		return;
	answer = (*source)->value;
	table_erase(table, source);
	target = *table_find(table, dir, to);
	if (!target)
		target = table_insert(table, dir, to);
	if (!target->in_flight)
		target->value = answer;
}

static inline void table_end(struct table *table)
{
	size_t i;

	for (i = 0; i <= table->mask; i++) {
		while (table->buckets[i])
			table_erase(table, &table->buckets[i]);
	}
	free(table->buckets);
	pthread_mutex_destroy(&table->lock);
}

/* ---- a mutex for each directory ---- */

static struct table *locked;

static inline void locked_make(void)
{
	size_t i;

	locked = calloc(store.dirs, sizeof(*locked));
	BENCH_CHECK(locked);
	for (i = 0; i < store.dirs; i++)
		table_make(&locked[i], store.names / store.dirs + 1);
}

static inline int locked_get(size_t i, uint64_t *answer)
{
	struct table *table = &locked[store_dir(i)];
	struct table_entry *entry;
	int err = 0;

	pthread_mutex_lock(&table->lock);
	entry = *table_find(table, 0, store_name(i));
	if (entry) {
		*answer = entry->value;
	} else {
		err = store_ask(i, answer);
		if (!err)
			table_insert(table, 0, store_name(i))->value = *answer;
	}
	pthread_mutex_unlock(&table->lock);
	return err;
}

static inline void locked_change(size_t i)
{
	struct table *table = &locked[store_dir(i)];
	struct table_entry **at;

	pthread_mutex_lock(&table->lock);
	store_change(i);
	at = table_find(table, 0, store_name(i));
	if (*at)
		table_erase(table, at);
	pthread_mutex_unlock(&table->lock);
}

static inline void locked_rename(size_t from, size_t to)
{
	struct table *table = &locked[store_dir(from)];

	pthread_mutex_lock(&table->lock);
	store_rename(from, to);
	table_rename(table, 0, store_name(from), store_name(to));
	pthread_mutex_unlock(&table->lock);
}

static inline size_t locked_bytes(void)
{
	size_t bytes = 0, i;

	for (i = 0; i < store.dirs; i++)
		bytes += locked[i].bytes + sizeof(locked[i]);
	return bytes;
}

static inline void locked_end(void)
{
	size_t i;

	for (i = 0; i < store.dirs; i++)
		table_end(&locked[i]);
	free(locked);
}

/* ---- single flight ---- */

struct flight {
	pthread_cond_t landed;
	bool done;
	int err;
	uint64_t answer;
	size_t users;
};

static struct table flights;

static inline void flights_make(void)
{
	table_make(&flights, store.names);
}

/* The lock is held. */
static inline int flight_leave(struct flight *flight, uint64_t *answer)
{
	int err = flight->err;

	*answer = flight->answer;
	if (!--flight->users) {
		pthread_cond_destroy(&flight->landed);
		free(flight);
	}
	return err;
}

static inline int flight_own(size_t i, uint64_t *answer)
{
	struct table_entry *entry = table_insert(&flights, (uint32_t)store_dir(i), store_name(i));
	struct flight *flight = calloc(1, sizeof(*flight));

	BENCH_CHECK(flight);
	pthread_cond_init(&flight->landed, NULL);
	flight->users = 1;
	entry->in_flight = true;
	entry->value = (uintptr_t)flight;
	pthread_mutex_unlock(&flights.lock);
	flight->err = store_ask(i, &flight->answer);
	pthread_mutex_lock(&flights.lock);
	flight->done = true;
	entry->in_flight = false;
	entry->value = flight->answer;
	if (flight->err)
		table_erase(&flights, table_find(&flights, (uint32_t)store_dir(i), store_name(i)));
	pthread_cond_broadcast(&flight->landed);
	return flight_leave(flight, answer);
}

static inline int flights_get(size_t i, uint64_t *answer)
{
	struct table_entry *entry;
	int err = 0;

	pthread_mutex_lock(&flights.lock);
	entry = *table_find(&flights, (uint32_t)store_dir(i), store_name(i));
	if (!entry) {
		err = flight_own(i, answer);
	} else if (entry->in_flight) {
		struct flight *flight = (struct flight *)entry->value;

		flight->users++;
		while (!flight->done)
			pthread_cond_wait(&flight->landed, &flights.lock);
		err = flight_leave(flight, answer);
	} else {
		*answer = entry->value;
	}
	pthread_mutex_unlock(&flights.lock);
	return err;
}

static inline void flights_change(size_t i)
{
	struct table_entry **at;

	store_change(i);
	pthread_mutex_lock(&flights.lock);
	at = table_find(&flights, (uint32_t)store_dir(i), store_name(i));
	if (*at && !(*at)->in_flight)
		table_erase(&flights, at);
	pthread_mutex_unlock(&flights.lock);
}

static inline void flights_rename(size_t from, size_t to)
{
	store_rename(from, to);
	pthread_mutex_lock(&flights.lock);
	table_rename(&flights, (uint32_t)store_dir(from), store_name(from), store_name(to));
	pthread_mutex_unlock(&flights.lock);
}

static inline size_t flights_bytes(void)
{
	return flights.bytes + sizeof(flights);
}

static inline void flights_end(void)
{
	table_end(&flights);
}

#endif /* DCACHE_COLD_TABLES_H */
