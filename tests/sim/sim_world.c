/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to the world around the service: time, clocks, networks, disks, clients, policies.
 */
#include <errno.h>

#include "sim.h"

static void client_dies(Sim *sim)
{
        uint64_t client = 1 + sim_below(sim, SIM_CLIENTS);

        for (int i = 0; i < FAKE_DELIVERIES; i++)
                if (sim->rig.notifier.deliveries[i].client == client)
                        sim->rig.notifier.deliveries[i].id = 0;
        sim->cover->world[SIM_WORLD_client_gone]++;
        manager_client_gone(sim->rig.m, client);
}

void sim_pass_time(Sim *sim)
{
        uint64_t pick = sim_below(sim, 100);
        uint64_t usec;

        if (pick < 60)
                usec = sim_below(sim, 3 * USEC_PER_SEC);
        else if (pick < 90)
                usec = sim_below(sim, 900 * USEC_PER_SEC);
        else if (pick < 99)
                usec = sim_below(sim, 6 * 3600 * USEC_PER_SEC);
        else
                usec = sim_below(sim, 20 * 86400 * USEC_PER_SEC);
        sim->simulated_usec += usec;
        fake_rig_advance(&sim->rig, usec);
}

static void jump_wall_clock(Sim *sim)
{
        uint64_t usec = sim_below(sim, 400 * 86400 * USEC_PER_SEC);

        if (sim_chance(sim, 500)) {
                sim->rig.clock.wall += usec;
                sim->cover->world[SIM_WORLD_wall_forward]++;
        } else {
                sim->rig.clock.wall -= usec;
                sim->cover->world[SIM_WORLD_wall_back]++;
        }
}

/* The machine sleeps: all timers of that time are late, and late at once. */
static void suspend_machine(Sim *sim)
{
        uint64_t usec = sim_below(sim, 5 * 86400 * USEC_PER_SEC);

        sim->cover->world[SIM_WORLD_suspend]++;
        sim->simulated_usec += usec;
        fake_clock_advance(&sim->rig.clock, usec);
        for (uint32_t i = 0; i < sim->jobs_len; i++)
                sim->jobs[i].waits_since = 0; /* nobody could be given a turn */
}

/* Somebody takes the temporary file of a waiting reply away. */
static void lose_reply(Sim *sim)
{
        for (uint32_t i = 0; i < sim->jobs_len; i++) {
                SimJob *j = &sim->jobs[i];

                if (j->live && j->type == BG_JOB_TYPE_UPLOAD_REPLY &&
                    j->state == BG_JOB_STATE_TRANSFERRED && sim_chance(sim, 500))
                        fake_disk_remove_temps(&sim->rig.disk, &j->id);
        }
}

void sim_change_the_world(Sim *sim)
{
        switch (sim_below(sim, sim->files_vanish ? 10 : 9)) {
        case 0:
                sim->network_up = !sim->network_up;
                sim->cover->world[sim->network_up ? SIM_WORLD_network_back
                                                  : SIM_WORLD_network_lost]++;
                manager_network_changed(sim->rig.m, sim->network_up);
                break;
        case 1:
                sim->store_bad = !sim->store_bad;
                sim->cover->world[SIM_WORLD_store_fails] += sim->store_bad;
                sim->store_bad_until = sim->rig.clock.mono + 10 * USEC_PER_SEC;
                break;
        case 2:
                jump_wall_clock(sim);
                break;
        case 3:
                client_dies(sim);
                break;
        case 4:
                sim->cover->world[SIM_WORLD_worker_lost]++;
                fake_transfer_lose_worker(&sim->rig.transfer, sim->rig.m);
                break;
        case 6:
                sim->rig.vault.result = sim->rig.vault.result == 0 ? -EIO : 0;
                sim->cover->world[SIM_WORLD_vault_fails] += sim->rig.vault.result != 0;
                break;
        case 7:
                sim->cover->world[SIM_WORLD_rekey]++;
                sim_rekey(sim);
                if (!sim->crashed && sim_chance(sim, 300))
                        sim_rekey(sim);
                break;
        case 8:
                suspend_machine(sim);
                break;
        case 9:
                lose_reply(sim);
                break;
        default:
                sim->cover->world[SIM_WORLD_policy_changed]++;
                sim->rig.policy.background_jobs = 1 + (uint32_t) sim_below(sim, 3);
                sim->rig.policy.foreground_jobs = 1 + (uint32_t) sim_below(sim, 6);
                sim->rig.policy.allow_programs = sim_chance(sim, 800);
                sim->rig.policy.max_download_time_sec =
                        sim_chance(sim, 300) ? 60 + sim_below(sim, 3600) : 90 * 86400;
                sim->rig.policy.job_inactivity_sec =
                        sim_chance(sim, 100) ? 1800 + sim_below(sim, 86400) : 90 * 86400;
                manager_set_policy(sim->rig.m, &sim->rig.policy);
                break;
        }
}
