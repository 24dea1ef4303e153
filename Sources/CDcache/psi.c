/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shrinking when the kernel says that memory is short.
 *
 * Who may be here: callers that begin and end to watch, one after the other under psi_lock; the
 * watching thread, which holds busy_lock while it shrinks; and the end of the instance. That one must
 * not be told "in use" by an entry that the thread is about to free, so it keeps the thread from
 * shrinking, by busy_lock, while it counts; then it ends it. An instance let go of is ended by its own
 * thread, which never shrinks here and never is waited for by the one that does.
 */
#include "internal.h"

#ifndef DCACHE_MODEL

#include <stdio.h>

#include "sync/monitor.h"

#define WINDOW_MIN_US 500000u
#define WINDOW_MAX_US 10000000u

struct psi_watch {
	struct monitor monitor;
	struct dcache *dc;
	uint32_t percent;
	struct dc_lock busy_lock;
};

static void memory_is_short(struct monitor *monitor)
{
	struct psi_watch *watch = container_of(monitor, struct psi_watch, monitor);

	dc_lock(&watch->busy_lock);
	dcache_pressure(watch->dc, watch->percent);
	dc_unlock(&watch->busy_lock);
}

/* psi_lock is held. */
static int watch_start(struct dcache *dc, const struct dcache_psi *psi)
{
	struct psi_watch *watch;
	char trigger[64];
	int err;

	if (dc->psi)
		return -EALREADY;
	watch = dc_alloc(sizeof(*watch), _Alignof(struct psi_watch));
	if (!watch)
		return -ENOMEM;
	watch->dc = dc;
	watch->percent = psi->percent;
	dc_lock_init(&watch->busy_lock);
	snprintf(trigger, sizeof(trigger), "some %u %u", (unsigned int)psi->stall_us,
		 (unsigned int)psi->window_us);
	err = monitor_open(&watch->monitor, psi->path, trigger);
	if (!err)
		err = monitor_start(&watch->monitor, memory_is_short);
	if (err) {
		dc_free(watch);
		return err;
	}
	dc->psi = watch;
	return 0;
}

int dcache_watch_psi(struct dcache *dc, const struct dcache_psi *psi)
{
	static const struct dcache_psi defaults = DCACHE_PSI_INIT;
	int err;

	if (!psi)
		psi = &defaults;
	if (!psi->stall_us || psi->stall_us > psi->window_us || psi->window_us < WINDOW_MIN_US ||
	    psi->window_us > WINDOW_MAX_US || !psi->percent || psi->percent > 100)
		return -EINVAL;
	dc_lock(&dc->psi_lock);
	err = watch_start(dc, psi);
	dc_unlock(&dc->psi_lock);
	return err;
}

void psi_end(struct dcache *dc)
{
	struct psi_watch *watch;

	dc_lock(&dc->psi_lock);
	watch = dc->psi;
	dc->psi = NULL;
	dc_unlock(&dc->psi_lock);
	if (!watch)
		return;
	monitor_end(&watch->monitor);
	dc_free(watch);
}

void dcache_unwatch_psi(struct dcache *dc)
{
	bool self;

	dc_lock(&dc->psi_lock);
	self = dc->psi && monitor_is_self(&dc->psi->monitor);
	dc_unlock(&dc->psi_lock);
	DC_RULE("dcache_unwatch_psi: not from an operation", !self);
	/* It would wait for itself. */
	if (!self)
		psi_end(dc);
}

void psi_pause(struct dcache *dc)
{
	if (dc->psi)
		dc_lock(&dc->psi->busy_lock);
}

void psi_resume(struct dcache *dc)
{
	if (dc->psi)
		dc_unlock(&dc->psi->busy_lock);
}

#else /* DCACHE_MODEL: there is no such thread. */

void psi_pause(struct dcache *dc)
{
	(void)dc;
}

void psi_resume(struct dcache *dc)
{
	(void)dc;
}

void psi_end(struct dcache *dc)
{
	(void)dc;
}

#endif
