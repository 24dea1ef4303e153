/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiters that are registered, and calls that wait no longer than until now, or not at all. What a
 * registration is to be told the oracle knows when the lookup ends; whether it was told just that, and
 * once, is looked at after the call.
 */
#include <string.h>

#include "program.h"

struct request {
	struct d_waiter waiter;
	/* What the core did. */
	int calls;
	struct dentry *result;
	/* What the oracle knows. */
	struct m_entry *waits; /* NULL: not registered, or told */
	bool told, outdated;
	int error;
	struct m_entry *answer; /* with the registration's reference */
};

static struct request requests[REQUESTS];

static void called(struct d_waiter *waiter, struct dentry *result)
{
	struct request *request = container_of(waiter, struct request, waiter);

	request->calls++;
	request->result = result;
}

void requests_begin(void)
{
	memset(requests, 0, sizeof(requests));
}

void requests_told(struct m_entry *entry, int error, struct m_entry *alias)
{
	int i;

	for (i = 0; i < REQUESTS; i++) {
		struct request *request = &requests[i];

		if (request->waits != entry)
			continue;
		request->waits = NULL;
		request->told = true;
		request->error = request->outdated ? 0 : error;
		request->answer = alias && !request->outdated ? m_get(alias) : NULL;
		if (request->answer || request->error)
			oracle.shared++;
		m_put(entry);
	}
}

void requests_check(void)
{
	int i;

	for (i = 0; i < REQUESTS; i++) {
		struct request *request = &requests[i];

		CHECK(request->calls == request->told);
		if (!request->told)
			continue;
		if (request->answer)
			checks(request->result, request->answer);
		else
			CHECK(request->result == ERR_PTR(request->error));
		request->told = false;
		request->calls = 0;
		say("request %d is told: %ld", i, outcome(request->result));
		if (request->answer)
			put_entry(request->answer);
		request->answer = NULL;
	}
}

/* The name's entry is there, or the caller's. */
static void has(int thread, struct m_entry *dir, struct m_name name, struct dentry *real,
		struct queue_head *head, bool nobodys)
{
	struct m_entry *entry = m_hashed(dir, name);

	if (entry) {
		checks(real, entry);
		keep(m_get(entry));
	} else if (!ran_out(real)) {
		oracle.actors[thread].dir = dir;
		oracle.actors[thread].name = name;
		entry = owned(thread, real, head);
		if (nobodys)
			entry->owner = -1;
		keep(entry);
	}
}

static void op_register(int thread, struct call *call, struct request *request)
{
	struct errors errors = { 0 };
	struct m_entry *asked;
	struct dentry *real;
	struct m_name name;

	dir_errors(&errors, call->dir);
	name_errors(&errors, &call->name);
	memset(&request->waiter, 0xa5, sizeof(request->waiter));
	request->waiter.func = called;
	oracle_before_eviction();
	real = d_alloc_parallel_async(call->dir->real, &call->name, &request->waiter);
	say("d_alloc_parallel_async(%d, request %d) = %ld", number_of(call->dir),
	    (int)(request - requests), outcome(real));
	if (failed(&errors, real))
		return;
	name = m_name(&call->name);
	asked = m_in_lookup(call->dir, name);
	if (m_hashed(call->dir, name) || !asked) {
		has(thread, call->dir, name, real, NULL, true);
		return;
	}
	CHECK(!real);
	request->waits = m_get(asked);
	request->outdated = m_stale(asked);
	asked->nr_waiters++;
	oracle.waited++;
}

static void op_cancel(struct request *request)
{
	struct m_entry *entry = request->waits;
	bool got = d_waiter_cancel(&request->waiter);

	say("d_waiter_cancel(request %d) = %d", (int)(request - requests), got);
	CHECK(got == (entry != NULL));
	if (!entry)
		return;
	request->waits = NULL;
	entry->nr_waiters--;
	m_put(entry);
}

/* @until: d_alloc_parallel_until() now; otherwise d_alloc_noblock(). */
static void op_try(int thread, struct call *call, bool until)
{
	struct errors errors = { 0 };
	struct m_entry *asked;
	struct dentry *real;
	struct m_name name;

	dir_errors(&errors, call->dir);
	name_errors(&errors, &call->name);
	oracle_before_eviction();
	if (until)
		real = d_alloc_parallel_until(call->dir->real, &call->name,
					      call->head ? &call->head->head : NULL, 0);
	else
		real = d_alloc_noblock(call->dir->real, &call->name,
				       call->head ? &call->head->head : NULL);
	say("%s(%d) = %ld", until ? "d_alloc_parallel_until" : "d_alloc_noblock",
	    number_of(call->dir), outcome(real));
	if (failed(&errors, real))
		return;
	name = m_name(&call->name);
	asked = m_in_lookup(call->dir, name);
	if (m_hashed(call->dir, name) || !asked) {
		has(thread, call->dir, name, real, call->head, false);
	} else if (!until) {
		CHECK(real == ERR_PTR(-EWOULDBLOCK));
	} else if (asked->owner == thread) {
		CHECK(real == ERR_PTR(-EDEADLK));
	} else {
		CHECK(real == ERR_PTR(-ETIMEDOUT));
		oracle.waited++;
	}
}

void op_async(int thread, uint8_t how, bool limited)
{
	struct request *request = &requests[how % REQUESTS];
	struct call *call = &calls[thread];
	uint8_t which = how / REQUESTS % 4;

	if (which == 0 && request->waiter.func) {
		op_cancel(request);
		return;
	}
	if (which < 2 && request->waits)
		return;
	call->dir = pick_dir();
	call->name = pick_name();
	if (which < 2) {
		op_register(thread, call, request);
		return;
	}
	/* The instance's thread would free when no call says so. */
	if (which == 2 && limited)
		return;
	call->head = pick_head(thread, how >> 5);
	op_try(thread, call, which == 3);
	queue_head_put(call->head);
}

void requests_end(void)
{
	int i;

	for (i = 0; i < REQUESTS; i++) {
		if (requests[i].waits)
			op_cancel(&requests[i]);
	}
}
