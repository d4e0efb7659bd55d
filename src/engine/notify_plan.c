/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/notify_plan.h"

#include <errno.h>

#include "engine/retry.h"

typedef struct Client {
        uint64_t number;
        List jobs; /* JobNotify.in_client */
} Client;

static Job *job_in_client(const List *link)
{
        return list_item(link, JobRun, notify.in_client)->job;
}

static Job *job_in_waiting(const List *link)
{
        return list_item(link, JobRun, notify.in_waiting)->job;
}

int notify_plan_init(NotifyPlan *plan, uint64_t hash_seed)
{
        *plan = (NotifyPlan){.next_id = 1};
        list_init(&plan->callbacks);
        list_init(&plan->programs);
        plan->deliveries = hash_new(sizeof(uint64_t), hash_seed);
        plan->clients = hash_new(sizeof(uint64_t), hash_seed);
        return plan->deliveries && plan->clients ? 0 : -ENOMEM;
}

static void free_deliveries(List *list)
{
        if (list->next)
                LIST_FOREACH (it, list)
                        mem_free(list_item(it, Delivery, in_all));
}

void notify_plan_done(NotifyPlan *plan)
{
        size_t pos = 0;

        free_deliveries(&plan->callbacks);
        free_deliveries(&plan->programs);
        if (plan->clients)
                for (Client *c = hash_next(plan->clients, &pos); c;
                     c = hash_next(plan->clients, &pos))
                        mem_free(c);
        plan->deliveries = hash_free(plan->deliveries);
        plan->clients = hash_free(plan->clients);
}

static Client *client_get(NotifyPlan *plan, uint64_t number)
{
        Client *c = hash_get(plan->clients, &number);

        if (c)
                return c;
        c = mem_new(Client);
        if (!c)
                return NULL;
        c->number = number;
        list_init(&c->jobs);
        if (hash_put(plan->clients, &c->number, c) < 0) {
                mem_free(c);
                return NULL;
        }
        return c;
}

int notify_plan_register(NotifyPlan *plan, Job *job, uint64_t client)
{
        JobNotify *n = &job->run->notify;
        Client *c = client_get(plan, client);

        if (!c)
                return -ENOMEM;
        n->sticky_after_mono = 0;
        n->program_turn = false; /* whoever registers is told, whatever went wrong before */
        if (n->has_client && n->client == client)
                return 0;
        notify_plan_unregister(plan, job);
        n->has_client = true;
        n->client = client;
        list_append(&c->jobs, &n->in_client);
        return 0;
}

static void void_delivery(Delivery **d)
{
        if (*d)
                TAKE_PTR(*d)->job = NULL;
}

void notify_plan_unregister(NotifyPlan *plan, Job *job)
{
        JobNotify *n = &job->run->notify;
        Client *c;

        if (!n->has_client)
                return;
        c = hash_get(plan->clients, &n->client);
        list_remove(&n->in_client);
        list_remove(&n->in_waiting);
        if (list_is_empty(&c->jobs)) {
                (void) hash_remove(plan->clients, &c->number);
                mem_free(c);
        }
        n->has_client = false;
        n->modified = false;
        n->sticky_after_mono = 0;
        if (n->sticky && !n->sticky->is_program)
                void_delivery(&n->sticky);
        void_delivery(&n->modification);
}

Job *notify_plan_job_of_client(const NotifyPlan *plan, uint64_t client)
{
        const Client *c = hash_get(plan->clients, &client);

        return c && !list_is_empty(&c->jobs) ? job_in_client(c->jobs.next) : NULL;
}

/* Flags gate an event at delivery, not at birth: a flag set later lets a pending event out. */
static bool is_enabled(const Job *job, NotifyKind kind)
{
        static const uint32_t FLAGS[NOTIFY_KIND_MAX] = {
                [NOTIFY_TRANSFERRED] = BG_NOTIFY_JOB_TRANSFERRED,
                [NOTIFY_ERROR] = BG_NOTIFY_JOB_ERROR,
                [NOTIFY_MODIFICATION] = BG_NOTIFY_JOB_MODIFICATION,
        };
        uint32_t flags = job->props.notify_flags;

        return (flags & FLAGS[kind]) != 0 && (flags & BG_NOTIFY_DISABLE) == 0;
}

void notify_plan_modified(Job *job)
{
        JobNotify *n = &job->run->notify;

        if (n->has_client && is_enabled(job, NOTIFY_MODIFICATION))
                n->modified = true;
}

void notify_plan_void_sticky(Job *job)
{
        JobNotify *n = &job->run->notify;

        void_delivery(&n->sticky);
        n->sticky_after_mono = n->program_after_mono = 0;
        n->program_turn = false;
}

void notify_plan_program_changed(Job *job)
{
        JobNotify *n = &job->run->notify;

        n->program_setting++;
        if (n->sticky && !n->sticky->is_program)
                return; /* the callback answers first */
        notify_plan_void_sticky(job);
}

/* Whatever makes a new event, or a new program, also says when it did. */
void notify_plan_restart(Job *job, uint64_t now_mono, uint64_t now_wall)
{
        const JobStatus *s = &job->status;
        uint64_t delay = job->props.retry_delay_sec * USEC_PER_SEC;
        uint64_t waited = now_wall > s->program_time_wall ? now_wall - s->program_time_wall : 0;

        if (s->undelivered == NOTIFY_NONE || s->program_runs == 0 || s->program_result == 0 ||
            s->modified_wall > s->program_time_wall || waited >= delay)
                return;
        job->run->notify.program_after_mono = now_mono + delay - waited;
}

bool notify_plan_has_program(const NotifyPlan *plan, const Job *job)
{
        return job->props.notify_program && plan->allow_programs &&
               (job->props.notify_uid != 0 || plan->allow_root_programs);
}

/* A program gets the job as it will stay: not while it is being completed, and when it completes by
 * itself, afterwards, with the files in their places. */
static bool is_settled(const Job *job)
{
        if (job_state_is_final(job->status.state))
                return true;
        return job->status.intent == INTENT_NONE &&
               (!job->props.auto_complete || job->status.state != BG_JOB_STATE_TRANSFERRED);
}

static bool wants_program(const NotifyPlan *plan, const Job *job)
{
        return job->status.undelivered != NOTIFY_NONE && is_enabled(job, job->status.undelivered) &&
               notify_plan_has_program(plan, job);
}

void notify_plan_count(NotifyPlan *plan, Job *job)
{
        bool wanted = wants_program(plan, job);

        plan->programs_wanted += wanted;
        plan->programs_wanted -= job->run->notify.program_wanted;
        job->run->notify.program_wanted = wanted;
}

bool notify_plan_holds(const NotifyPlan *plan, const Job *job)
{
        return job_state_is_final(job->status.state) && wants_program(plan, job);
}

void notify_plan_forget(NotifyPlan *plan, Job *job)
{
        notify_plan_unregister(plan, job);
        notify_plan_void_sticky(job);
        list_remove(&job->run->notify.in_waiting);
        plan->programs_wanted -= job->run->notify.program_wanted;
        job->run->notify.program_wanted = false;
}

/* Whose turn it is. */
static bool is_for_program(const NotifyPlan *plan, const Job *job)
{
        const JobNotify *n = &job->run->notify;

        return (!n->has_client || n->program_turn) && notify_plan_has_program(plan, job);
}

/* When the sticky event is to go out; USEC_INFINITY: not by the clock. An ended job has no later,
 * and no timer: what was to be tried again goes out now. */
static uint64_t sticky_due(const NotifyPlan *plan, const Job *job)
{
        const JobNotify *n = &job->run->notify;
        bool ended = job_state_is_final(job->status.state);

        if (job->status.undelivered == NOTIFY_NONE || n->sticky ||
            !is_enabled(job, job->status.undelivered))
                return USEC_INFINITY;
        if (is_for_program(plan, job)) {
                if (!is_settled(job))
                        return USEC_INFINITY;
                return ended ? 0 : MAX(n->sticky_after_mono, n->program_after_mono);
        }
        if (!n->has_client)
                return USEC_INFINITY;
        return ended ? 0 : n->sticky_after_mono;
}

static bool modification_is_pending(const Job *job)
{
        const JobNotify *n = &job->run->notify;

        return n->modified && n->has_client && !n->modification &&
               is_enabled(job, NOTIFY_MODIFICATION);
}

NotifyKind notify_plan_due(const NotifyPlan *plan, const Job *job, uint64_t now_mono)
{
        const JobNotify *n = &job->run->notify;

        if (sticky_due(plan, job) <= now_mono)
                return job->status.undelivered;
        /* An ended job has no later: its last change goes out now or never. */
        if (modification_is_pending(job) &&
            (n->modified_after_mono <= now_mono || job_state_is_final(job->status.state)))
                return NOTIFY_MODIFICATION;
        return NOTIFY_NONE;
}

uint64_t notify_plan_deadline(const NotifyPlan *plan, const Job *job)
{
        const JobNotify *n = &job->run->notify;
        uint64_t deadline;

        if (!list_is_empty(&n->in_waiting)) /* a place becoming free wakes it, not the clock */
                return USEC_INFINITY;
        deadline = sticky_due(plan, job);
        if (modification_is_pending(job))
                deadline = MIN(deadline, n->modified_after_mono);
        return deadline;
}

bool notify_plan_may_deliver(Job *job, NotifyKind kind)
{
        Owner *owner = job->run->owner;

        list_remove(&job->run->notify.in_waiting);
        if (owner->outstanding < MAX_NOTIFICATIONS_PER_USER)
                return true;
        list_append(kind == NOTIFY_MODIFICATION ? &owner->waiting_other : &owner->waiting_sticky,
                    &job->run->notify.in_waiting);
        return false;
}

Delivery *notify_plan_open(NotifyPlan *plan, Job *job, NotifyKind kind, uint64_t now_mono)
{
        JobNotify *n = &job->run->notify;
        Delivery *d = mem_new(Delivery);

        if (!d)
                return NULL;
        d->id = plan->next_id++;
        d->job = job;
        d->job_id = job->id;
        d->owner = job->run->owner;
        d->is_program = kind != NOTIFY_MODIFICATION && is_for_program(plan, job);
        d->client = d->is_program ? 0 : n->client;
        d->setting = n->program_setting;
        d->kind = kind;
        d->deadline_mono = now_mono + NOTIFY_TIMEOUT_USEC;
        if (hash_put(plan->deliveries, &d->id, d) < 0) {
                mem_free(d);
                return NULL;
        }
        list_append(d->is_program ? &plan->programs : &plan->callbacks, &d->in_all);
        d->owner->outstanding++;
        if (kind == NOTIFY_MODIFICATION) {
                n->modification = d;
                n->modified = false;
                n->modified_after_mono = now_mono + NOTIFY_MODIFICATION_GAP_USEC;
        } else {
                n->sticky = d;
        }
        return d;
}

Delivery *notify_plan_find(const NotifyPlan *plan, uint64_t id)
{
        return hash_get(plan->deliveries, &id);
}

Delivery *notify_plan_oldest(const NotifyPlan *plan)
{
        return list_is_empty(&plan->callbacks) ? NULL
                                               : list_item(plan->callbacks.next, Delivery, in_all);
}

Delivery *notify_plan_of_client(const NotifyPlan *plan, uint64_t client)
{
        LIST_FOREACH (it, &plan->callbacks) {
                Delivery *d = list_item(it, Delivery, in_all);

                if (d->client == client)
                        return d;
        }
        return NULL;
}

/* The event a delivery stood for, after its end. */
static bool settle(const NotifyPlan *plan, const Delivery *d, DeliveryEnd end, uint64_t now_mono)
{
        uint64_t retry_mono = now_mono + d->job->props.retry_delay_sec * USEC_PER_SEC;
        JobNotify *n = &d->job->run->notify;

        if (d->kind == NOTIFY_MODIFICATION) {
                n->modification = NULL; /* never tried again: the next change tells more */
                return false;
        }
        n->sticky = NULL;
        if (end == DELIVERY_TAKEN)
                return true;
        n->program_turn =
                d->is_program ? end == DELIVERY_FAILED : notify_plan_has_program(plan, d->job);
        if (d->is_program)
                n->program_after_mono = retry_mono;
        if (!n->program_turn)
                n->sticky_after_mono = retry_mono;
        /* An ended job has no later. */
        return job_state_is_final(d->job->status.state) && (d->is_program || !n->program_turn);
}

Job *notify_plan_close(NotifyPlan *plan, Delivery *delivery, DeliveryEnd end, uint64_t now_mono,
                       bool *ret_consumed)
{
        Owner *owner = delivery->owner;
        List *line = list_is_empty(&owner->waiting_sticky) ? &owner->waiting_other
                                                           : &owner->waiting_sticky;
        Job *next = NULL;

        *ret_consumed = delivery->job && settle(plan, delivery, end, now_mono);
        (void) hash_remove(plan->deliveries, &delivery->id);
        list_remove(&delivery->in_all);
        owner->outstanding--;
        mem_free(delivery);
        if (!list_is_empty(line)) {
                next = job_in_waiting(line->next);
                list_remove(&next->run->notify.in_waiting);
        }
        return next;
}
