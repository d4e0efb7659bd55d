/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules, cost and battery come and go; what they hold stands still, and nothing else does. */
#include "engine/limit_schedule.h"
#include "sim.h"

static LimitRate any_rate(Sim *sim)
{
        return (LimitRate){(uint32_t) sim_below(sim, 3) * 100,
                           LIMIT_KBPS + (uint32_t) sim_below(sim, 3)};
}

static LimitWindow any_window(Sim *sim)
{
        return (LimitWindow){(uint32_t) sim_below(sim, 7), (uint32_t) sim_below(sim, 7),
                             (uint32_t) sim_below(sim, 24), (uint32_t) sim_below(sim, 24)};
}

static void change_policy(Sim *sim)
{
        Policy *policy = &sim->rig.policy;
        LimitPolicy *p = &policy->limits;

        p->daily = sim_chance(sim, 300);
        p->week = sim_chance(sim, 300);
        p->maintenance = sim_chance(sim, 200);
        p->daily_kbps = sim_chance(sim, 500) ? 0 : 100;
        p->work = any_window(sim);
        p->maintenance_window = any_window(sim);
        for (int level = 0; level < LIMIT_LEVELS; level++) {
                p->work_rate[level] = any_rate(sim);
                p->maintenance_rate[level] = any_rate(sim);
                policy->run_on_metered[level] = sim_chance(sim, 700);
                policy->run_on_battery[level] = sim_chance(sim, 700);
        }
        manager_set_policy(sim->rig.m, policy);
}

static void pace(Sim *sim)
{
        FakeOp *op = fake_transfer_find(&sim->rig.transfer, FAKE_FILE, NULL);

        if (op)
                fake_op_pace(&sim->rig.transfer, sim->rig.m, op,
                             (TransferPaceKind) sim_below(sim, PACE_KIND_MAX + 1));
}

void sim_change_brakes(Sim *sim)
{
        switch (sim_below(sim, 4)) {
        case 0:
                sim->metered = !sim->metered;
                manager_metered_changed(sim->rig.m, sim->metered);
                break;
        case 1:
                sim->on_battery = !sim->on_battery;
                manager_battery_changed(sim->rig.m, sim->on_battery);
                break;
        case 2:
                change_policy(sim);
                break;
        default:
                pace(sim);
                break;
        }
}

void sim_tell_brakes(Sim *sim)
{
        manager_metered_changed(sim->rig.m, sim->metered);
        manager_battery_changed(sim->rig.m, sim->on_battery);
}

void sim_release_brakes(Sim *sim)
{
        const Policy fresh = policy_default(false);

        sim->rig.policy.limits = fresh.limits;
        sim->metered = sim->on_battery = false;
        sim_tell_brakes(sim);
        manager_set_policy(sim->rig.m, &sim->rig.policy);
}

bool sim_is_braked(const Sim *sim, const Job *job, bool needs_network)
{
        const Policy *policy = &sim->rig.policy;
        LocalTime at = local_time_at(&(LocalTimePort){0}, sim->rig.clock.wall);
        BG_JOB_PRIORITY level = job->props.priority;
        TransferLimits limits;

        limit_schedule_at(&policy->limits, &at, &limits);
        if (needs_network &&
            (limits.level_bps[level] == 0 || (sim->metered && !policy->run_on_metered[level])))
                return true;
        return sim->on_battery && !policy->run_on_battery[level];
}

/* A transfer of the job goes on that nobody asked to stop. Those of a job that fails were asked. */
static bool moves(const Sim *sim, const Job *job)
{
        LIST_FOREACH (it, &sim->rig.transfer.ops) {
                const FakeOp *op = list_item(it, FakeOp, in_all);

                if (op->kind == FAKE_FILE && !op->stopped && guid_equal(&op->job, &job->id))
                        return true;
        }
        return false;
}

/* Called while the store is well. */
void sim_check_brake(Sim *sim, const Job *job, bool needs_network)
{
        HRESULT code = job->status.error.code;
        bool is_brake = code == BG_E_BLOCKED_BY_POLICY || code == BG_E_BLOCKED_BY_BATTERY_POLICY ||
                        code == BG_E_BLOCKED_BY_COST_TRANSFER_POLICY;
        bool held = sim_is_braked(sim, job, needs_network);

        if (job->status.intent != INTENT_NONE)
                return;
        if (held && moves(sim, job) &&
            (job->status.state == BG_JOB_STATE_CONNECTING ||
             job->status.state == BG_JOB_STATE_TRANSFERRING))
                sim_break(sim, "a job that is held runs");
        if (!held && is_brake && job->status.state == BG_JOB_STATE_TRANSIENT_ERROR)
                sim_break(sim, "a job is held by a brake that is gone");
}
