/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiters that do not sleep, or not for ever: who gets them; and what only tries. */
#include "world.h"

/* A registration of a scenario's, on the heap: what is touched after func has freed it is noticed. */
struct request {
	struct d_waiter waiter;
	int calls;
	struct dentry *result;
};

static struct request *requests[2];
static _Atomic int taken_back[MODEL_MAX_THREADS];

/* Nobody has it in hand: a plain store, which races with whoever still has. */
static void answered(struct d_waiter *waiter, struct dentry *result)
{
	struct request *request = container_of(waiter, struct request, waiter);

	request->calls++;
	request->result = result;
}

static struct request *request_new(d_waiter_func *func)
{
	struct request *request = dc_alloc(sizeof(*request), _Alignof(struct request));

	MODEL_CHECK(request);
	*request = (struct request){ { .func = func }, 0, NULL };
	return request;
}

/* In-lookup, nobody's, and requests[0] waits for it. */
static void setup_registered(void)
{
	int i;

	world_setup();
	init_waitqueue_head(&world.wq);
	for (i = 0; i < MODEL_MAX_THREADS; i++)
		atomic_init(&taken_back[i], 0);
	world.owned = d_alloc_parallel(world.root, NAME("n"), &world.wq);
	d_lookup_detach(world.owned);
	requests[0] = request_new(answered);
	requests[1] = NULL;
	MODEL_CHECK(!d_alloc_parallel_async(world.root, NAME("n"), &requests[0]->waiter));
}

static void fail_owned(void)
{
	MODEL_CHECK(!d_lookup_fail(world.owned, -EIO));
	dput(world.owned);
}

static void add_owned(void)
{
	MODEL_CHECK(!d_add(world.owned, NULL));
	dput(world.owned);
}

static void put_owned(void)
{
	/* As an owner that is gone. */
	dput(world.owned);
}

static void take_back(void)
{
	atomic_store(&taken_back[model_thread()], d_waiter_cancel(&requests[0]->waiter));
}

static int times_taken_back(void)
{
	int i, times = 0;

	for (i = 0; i < MODEL_MAX_THREADS; i++)
		times += atomic_load(&taken_back[i]);
	return times;
}

static void put_result(struct request *request)
{
	if (!IS_ERR(request->result))
		dput(request->result);
}

/* Exactly one has had requests[0]. */
static void finish_registered(void)
{
	MODEL_CHECK(times_taken_back() + requests[0]->calls == 1);
	put_result(requests[0]);
	dc_free(requests[0]);
	world_finish();
}

SCENARIO(cancelled_while_it_fails) = {
	.covers = "H20",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_registered,
	.run = { fail_owned, take_back },
	.finish = finish_registered,
};

SCENARIO(cancelled_while_it_is_added) = {
	.covers = "H20",
	.threads = 2,
	.setup = setup_registered,
	.run = { add_owned, take_back },
	.finish = finish_registered,
};

SCENARIO(cancelled_twice_while_it_fails) = {
	.covers = "H20",
	.threads = 3,
	.setup = setup_registered,
	.run = { fail_owned, take_back, take_back },
	.finish = finish_registered,
};

/* ---- the owner is gone ---- */

static void setup_gone(void)
{
	setup_registered();
	model_rules_may_break();
}

static void finish_gone(void)
{
	MODEL_CHECK(!requests[0]->result);
	finish_registered();
}

SCENARIO(the_last_waiter_leaves_as_the_owner_does) = {
	.covers = "H11 H20 H21",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_gone,
	.run = { put_owned, take_back },
	.finish = finish_gone,
};

/* Wait until any time. Whoever becomes the owner gives up. Return: an error, or 0. */
static __attribute__((noinline)) long ask_until(const struct qstr *name, uint64_t deadline_ns)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel_until(world.root, name, &wq, deadline_ns);

	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
	d_lookup_done(dentry);
	dput(dentry);
	return 0;
}

static __attribute__((noinline)) void use_the_stack(void)
{
	volatile char buf[512];

	__builtin_memset((void *)(uintptr_t)buf, 0x55, sizeof(buf));
}

static void wait_a_while(void)
{
	long err = ask_until(NAME("n"), 1);

	use_the_stack();
	MODEL_CHECK(!err || err == -EIO || err == -ETIMEDOUT);
}

static void wait_for_ever(void)
{
	long err = ask_until(NAME("n"), DC_NO_DEADLINE);

	use_the_stack();
	MODEL_CHECK(!err || err == -EIO);
}

SCENARIO(all_kinds_wait_for_a_gone_owner) = {
	.covers = "H11 H20 H21",
	.threads = 3,
	.setup = setup_gone,
	.run = { put_owned, wait_a_while, wait_for_ever },
	.finish = finish_gone,
};

SCENARIO(time_is_over_while_it_fails) = {
	.covers = "H7 H20",
	.threads = 2,
	.setup = setup_registered,
	.run = { fail_owned, wait_a_while },
	.finish = finish_registered,
};

SCENARIO(time_is_over_for_two_while_it_is_added) = {
	.covers = "H7 H20",
	.threads = 3,
	.setup = setup_registered,
	.run = { add_owned, wait_a_while, wait_a_while },
	.finish = finish_registered,
};

static void wait_locked(void)
{
	int err;

	d_lock(world.owned);
	err = d_wait_lookup_until(world.owned, 1);
	MODEL_CHECK(err == (d_in_lookup(world.owned) ? -ETIMEDOUT : 0));
	d_unlock(world.owned);
	use_the_stack();
	dput(world.owned);
}

static void setup_shared(void)
{
	setup_registered();
	dget(world.owned);
}

SCENARIO(time_is_over_with_the_lock_held) = {
	.covers = "H7 H20",
	.threads = 3,
	.setup = setup_shared,
	.run = { fail_owned, wait_locked, take_back },
	.finish = finish_registered,
};

/* ---- a waiter that is gone as soon as it is told ---- */

static void answered_and_frees(struct d_waiter *waiter, struct dentry *result)
{
	if (!IS_ERR(result))
		dput(result);
	dc_free(container_of(waiter, struct request, waiter));
}

static void register_and_forget(void)
{
	struct request *request = request_new(answered_and_frees);
	struct dentry *dentry = d_alloc_parallel_async(world.root, NAME("n"), &request->waiter);

	if (!dentry)
		return;
	dc_free(request);
	if (IS_ERR(dentry))
		return;
	d_lookup_done(dentry);
	dput(dentry);
}

SCENARIO(told_before_the_registration_returns) = {
	.covers = "H7",
	.threads = 3,
	.setup = setup_registered,
	.run = { fail_owned, register_and_forget, register_and_forget },
	.finish = finish_registered,
};

/* ---- one that is registered again, by the func or meanwhile ---- */

static void register_again(struct d_waiter *waiter, struct dentry *result)
{
	answered(waiter, result);
	waiter->func = answered;
	put_result(requests[0]);
	requests[0]->result = NULL;
	MODEL_CHECK(!d_alloc_parallel_async(world.root, NAME("m"), waiter));
}

static void setup_again(void)
{
	setup_registered();
	requests[0]->waiter.func = register_again;
	world.other = d_alloc_parallel(world.root, NAME("m"), &world.wq);
	d_lookup_detach(world.other);
}

static void finish_again(void)
{
	/* Told once and taken back afterwards, or still waiting; or never told. */
	MODEL_CHECK(requests[0]->calls <= 1);
	if (!times_taken_back())
		MODEL_CHECK(requests[0]->calls == 1 && d_waiter_cancel(&requests[0]->waiter));
	MODEL_CHECK(!d_waiter_cancel(&requests[0]->waiter));
	MODEL_CHECK(!d_lookup_fail(world.other, -EIO));
	MODEL_CHECK(d_count(world.other) == 1);
	dput(world.other);
	dc_free(requests[0]);
	world_finish();
}

SCENARIO(cancelled_while_it_registers_again) = {
	.covers = "H20",
	.threads = 2,
	.setup = setup_again,
	.run = { fail_owned, take_back },
	.finish = finish_again,
};

/* ---- whose func ends what others wait for ---- */

static void end_the_other(struct d_waiter *waiter, struct dentry *result)
{
	answered(waiter, result);
	MODEL_CHECK(!d_lookup_fail(world.other, -EIO));
}

static void setup_chain(void)
{
	setup_registered();
	requests[0]->waiter.func = end_the_other;
	world.other = d_alloc_parallel(world.root, NAME("m"), &world.wq);
	d_lookup_detach(world.other);
	requests[1] = request_new(answered);
	MODEL_CHECK(!d_alloc_parallel_async(world.root, NAME("m"), &requests[1]->waiter));
}

static void wait_for_the_other(void)
{
	long err = ask_until(NAME("m"), DC_NO_DEADLINE);

	MODEL_CHECK(!err || err == -EIO);
}

static void take_back_the_other(void)
{
	world.result[model_thread()] = d_waiter_cancel(&requests[1]->waiter);
}

static void finish_chain(void)
{
	MODEL_CHECK(requests[0]->calls == 1);
	MODEL_CHECK(requests[1]->calls + world.result[2] == 1);
	MODEL_CHECK(world.result[2] || PTR_ERR(requests[1]->result) == -EIO);
	dput(world.other);
	dc_free(requests[1]);
	finish_registered();
}

SCENARIO(a_func_ends_what_others_wait_for) = {
	.covers = "H7 H20",
	.threads = 3,
	.setup = setup_chain,
	.run = { fail_owned, wait_for_the_other, take_back_the_other },
	.finish = finish_chain,
};

/* ---- an invalidation ---- */

static void invalidate_and_register(void)
{
	struct dentry *dentry;

	d_invalidate_name(world.root, NAME("n"));
	requests[1] = request_new(answered);
	dentry = d_alloc_parallel_async(world.root, NAME("n"), &requests[1]->waiter);
	world.result[model_thread()] = !dentry;
	if (!IS_ERR_OR_NULL(dentry)) {
		d_lookup_done(dentry);
		dput(dentry);
	}
}

static void finish_outdated(void)
{
	MODEL_CHECK(requests[1]->calls == world.result[1]);
	/* It was asked before. */
	MODEL_CHECK(!requests[1]->result);
	dc_free(requests[1]);
	finish_registered();
}

SCENARIO(registered_after_an_invalidation) = {
	.covers = "H22",
	.threads = 2,
	.setup = setup_registered,
	.run = { add_owned, invalidate_and_register },
	.finish = finish_outdated,
};

/* ---- d_alloc_noblock() ---- */

/* Whoever owns a lookup of "n" is alone. */
static void own(struct dentry *dentry)
{
	MODEL_CHECK(!IS_ERR(dentry));
	if (d_in_lookup(dentry)) {
		MODEL_CHECK(!atomic_fetch_add(&world.asked, 1));
		MODEL_CHECK(!d_add(dentry, NULL));
	}
	MODEL_CHECK(!d_unhashed(dentry));
	dput(dentry);
}

static void ask_asleep(void)
{
	own(d_alloc_parallel(world.root, NAME("n"), NULL));
}

static void ask_without_blocking(void)
{
	struct dentry *dentry = d_alloc_noblock(world.root, NAME("n"), NULL);

	if (dentry != ERR_PTR(-EWOULDBLOCK))
		own(dentry);
}

static void setup_asked(void)
{
	world_setup();
	atomic_init(&world.asked, 0);
}

SCENARIO(one_owner_where_some_do_not_block) = {
	.covers = "H1 H2",
	.threads = 3,
	.setup = setup_asked,
	.run = { ask_asleep, ask_without_blocking, ask_without_blocking },
	.finish = world_finish,
};

/* Nobody becomes the owner of a name that is there all the time. */
static void find_without_blocking(void)
{
	struct dentry *dentry = d_alloc_noblock(world.root, NAME("n"), NULL);

	if (dentry == ERR_PTR(-EWOULDBLOCK))
		return;
	MODEL_CHECK(!IS_ERR(dentry) && !d_in_lookup(dentry));
	dput(dentry);
}

SCENARIO(not_blocking_between_the_tables) = {
	.covers = "H1 H3",
	.threads = 2,
	.setup = setup_registered,
	.run = { add_owned, find_without_blocking },
	.finish = finish_registered,
};

static void setup_negative(void)
{
	world_setup();
	world.entry = d_alloc(world.root, NAME("n"));
	MODEL_CHECK(!d_add(world.entry, NULL));
}

static void turn_positive_and_back(void)
{
	MODEL_CHECK(!d_instantiate(world.entry, world_inode(INODE_REGULAR)));
	d_delete(world.entry);
	dput(world.entry);
}

SCENARIO(not_blocking_while_it_turns) = {
	.covers = "H1",
	.threads = 2,
	.setup = setup_negative,
	.run = { turn_positive_and_back, find_without_blocking },
	.finish = world_finish,
};

/* Another entry of its chain goes to another chain. */
static void setup_neighbour(void)
{
	struct qstr same, target;

	setup_negative();
	same = world_name(NAME("n"), true, 0);
	target = world_name(NAME("n"), false, 0);
	world.other = world_add(world.root, &same, INODE_REGULAR);
	world.found[0] = d_alloc(world.root, &target);
}

static void move_the_neighbour(void)
{
	inode_lock(world.root_inode);
	MODEL_CHECK(!d_move(world.other, world.found[0]));
	inode_unlock(world.root_inode);
	dput(world.found[0]);
	dput(world.other);
	dput(world.entry);
}

SCENARIO(not_blocking_while_a_neighbour_moves) = {
	.covers = "H46",
	.threads = 2,
	.setup = setup_neighbour,
	.run = { move_the_neighbour, find_without_blocking },
	.finish = world_finish,
};

/* The last other reference goes while it is found: whoever finds it gives nothing back that is not right. */
static void drop_it(void)
{
	d_drop(world.entry);
	dput(world.entry);
}

static void try_once(void)
{
	struct dentry *dentry = d_alloc_noblock(world.root, NAME("n"), NULL);

	if (IS_ERR(dentry)) {
		MODEL_CHECK(PTR_ERR(dentry) == -EWOULDBLOCK);
		return;
	}
	d_lookup_done(dentry);
	dput(dentry);
}

SCENARIO(not_blocking_while_it_goes) = {
	.covers = "H16",
	.threads = 2,
	.setup = setup_negative,
	.run = { drop_it, try_once },
	.finish = world_finish,
};

/* ---- d_add_ci_async() ---- */

static struct dentry *holders[2];

static void setup_spellings(void)
{
	static const char *const names[] = { "a", "b" };
	int i;

	world_setup();
	for (i = 0; i < 2; i++) {
		struct qstr name = QSTR_INIT(names[i], 1);

		requests[i] = request_new(answered);
		holders[i] = d_alloc_parallel_async(world.root, &name, &requests[i]->waiter);
	}
	world.inode = world_inode(INODE_REGULAR);
}

/* Holder 0 wants "b", holder 1 "a". Whoever is refused gives up; the other goes on when told. */
static void want(int self, bool asleep)
{
	struct qstr name = QSTR_INIT(self ? "a" : "b", 1);
	struct dentry *found;

	ihold(world.inode);
	if (asleep) {
		d_lock(holders[self]);
		d_unlock(holders[self]);
		found = d_add_ci(holders[self], world.inode, &name);
	} else {
		found = d_add_ci_async(holders[self], world.inode, &name, &requests[self]->waiter);
	}
	world.result[self] = !found ? -EAGAIN : IS_ERR(found) ? PTR_ERR(found) : 0;
	if (!found)
		iput(world.inode);
	else if (!IS_ERR(found))
		dput(found);
	/* One that is told would be another's to go on with; here it only blocks until then. */
	if (found)
		d_lookup_done(holders[self]);
}

static void want_b(void)
{
	want(0, false);
}

static void want_a(void)
{
	want(1, false);
}

static void want_a_asleep(void)
{
	want(1, true);
}

static void finish_spellings(void)
{
	int i;

	MODEL_CHECK(world.result[0] != -EAGAIN || world.result[1] != -EAGAIN);
	for (i = 0; i < 2; i++) {
		if (world.result[i] == -EAGAIN)
			MODEL_CHECK(requests[i]->calls == 1);
		else
			MODEL_CHECK(requests[i]->calls == 0);
		put_result(requests[i]);
		d_lookup_done(holders[i]);
		dput(holders[i]);
	}
	dc_free(requests[0]);
	dc_free(requests[1]);
	MODEL_CHECK(!world.dc->graph_waiters.first);
	iput(world.inode);
	world_finish();
}

SCENARIO(two_want_each_others_spelling_without_sleeping) = {
	.covers = "H15",
	.threads = 2,
	.setup = setup_spellings,
	.run = { want_b, want_a },
	.finish = finish_spellings,
};

SCENARIO(one_sleeps_for_the_others_spelling) = {
	.covers = "H15",
	.threads = 2,
	.setup = setup_spellings,
	.run = { want_b, want_a_asleep },
	.finish = finish_spellings,
};

/* Taken back while what it waits for ends. */
static void setup_spelling_registered(void)
{
	int i;

	setup_spellings();
	for (i = 0; i < MODEL_MAX_THREADS; i++)
		atomic_init(&taken_back[i], 0);
	MODEL_CHECK(!d_add_ci_async(holders[0], world.inode, NAME("b"), &requests[0]->waiter));
}

static void end_b(void)
{
	d_lookup_done(holders[1]);
}

static void finish_spelling_registered(void)
{
	int i;

	MODEL_CHECK(times_taken_back() + requests[0]->calls == 1);
	for (i = 0; i < 2; i++) {
		d_lookup_done(holders[i]);
		MODEL_CHECK(d_count(holders[i]) == 1);
		dput(holders[i]);
	}
	MODEL_CHECK(!world.dc->graph_waiters.first);
	dc_free(requests[0]);
	dc_free(requests[1]);
	iput(world.inode);
	world_finish();
}

SCENARIO(a_spelling_is_not_wanted_any_more) = {
	.covers = "H15 H20",
	.threads = 3,
	.setup = setup_spelling_registered,
	.run = { end_b, take_back, want_a },
	.finish = finish_spelling_registered,
};
