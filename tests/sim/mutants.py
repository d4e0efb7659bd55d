#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks the engine on purpose, one way at a time, and shows whether the simulation notices, or else
which of the engine's own tests does. Run by hand after changes of either: tests/sim/mutants.py
[NUMBER...]. Needs gcc and a few minutes; works in a temporary directory and leaves the tree alone.
Exit status 1 when something is noticed by nobody, or does not fit the engine any more."""
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FLAGS = ["-std=gnu17", "-O2", "-w", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64",
         *(f"-I{ROOT / d}" for d in ("src", "include/bits", "tests/fakes", "tests/sim", "tests/unit/engine"))]
TIMEOUT_SEC = 120
WRAPS = ["-Wl,--wrap=job_state_row", "-Wl,--wrap=manager_transfer_event"]  # as in meson.build

MUTANTS = [  # what is broken, file, old text, new text
    ("TRANSFERRED is announced without being stored", "manager_step.c",
     "        r = persist(m, job, row, &view);",
     "        r = event == JOB_EVENT_ALL_DONE ? 0 : persist(m, job, row, &view);"),
    ("a failed Complete is not answered", "manager_final.c",
     "        reset(final);\n"
     "        answer(m, job, result, file);",
     "        reset(final);"),
    ("a call is answered twice", "manager_final.c",
     "        m->ports.notifier.reply(m->ports.notifier.ctx, final->token, hr, file);\n"
     "}\n"
     "\n"
     "static void reset",
     "        m->ports.notifier.reply(m->ports.notifier.ctx, final->token, hr, file);\n"
     "        m->ports.notifier.reply(m->ports.notifier.ctx, final->token, hr, file);\n"
     "}\n"
     "\n"
     "static void reset"),
    ("Complete does not wait for running transfers", "manager_final.c",
     "        if (run->ops_len > 0) {\n"
     "                manager_stop_ops(m, job);\n"
     "                return;\n"
     "        }\n",
     "        if (run->ops_len > 0)\n"
     "                manager_stop_ops(m, job);\n"),
    ("the intent is not durable", "job_state.c",
     "STAY(28, T, COMPLETE, DURABLE",
     "STAY(28, T, COMPLETE, SOFT"),
    ("Suspend is not durable", "job_state.c",
     "SUSPEND, SUSPENDED, DURABLE",
     "SUSPEND, SUSPENDED, SOFT"),
    ("Suspend leaves a failed job suspended", "job_state.c",
     "STAY(26, E | T, SUSPEND, NONE, 0)",
     "MOVE(26, E | T, SUSPEND, SUSPENDED, DURABLE, 0)"),
    ("a step outside the table", "manager_tend.c",
     "                return SUCCEEDED(manager_step(m, job, JOB_EVENT_START, NULL));",
     "                return manager_step(m, job, JOB_EVENT_START, NULL),\n"
     "                       job->status.state = BG_JOB_STATE_TRANSIENT_ERROR,\n"
     "                       m->ports.notifier.changed(m->ports.notifier.ctx, job, true),\n"
     "                       job->status.state = BG_JOB_STATE_CONNECTING, true;"),
    ("an event does not wake its job", "manager_transfer.c",
     "                manager_final_event(m, op, ev);\n"
     "        manager_todo(m, job);",
     "                manager_final_event(m, op, ev);\n"
     "        (void) job;"),
    ("the least urgent level first", "scheduler.c",
     "        for (int level = FIRST_BACKGROUND; level < SCHED_LEVELS; level++)\n"
     "                if (!list_is_empty(&s->waiting[level]))\n"
     "                        return level;\n"
     "        return SCHED_LEVELS;",
     "        for (int level = SCHED_LEVELS - 1; level >= FIRST_BACKGROUND; level--)\n"
     "                if (!list_is_empty(&s->waiting[level]))\n"
     "                        return level;\n"
     "        return SCHED_LEVELS;"),
    ("no time slices", "scheduler.c",
     "        return run->active_since + left;",
     "        return USEC_INFINITY - left;"),
    ("one background job too many", "scheduler.c",
     "        if (urgent < SCHED_LEVELS && used < policy->background_jobs)",
     "        if (urgent < SCHED_LEVELS && used <= policy->background_jobs)"),
    ("no sync before TRANSFERRED", "manager_transfer.c",
     "        if (!needs_sync(job)) {",
     "        if (needs_sync(job) || !needs_sync(job)) {"),
    ("unsynced bytes are trusted after power loss", "manager_load.c",
     "        if (!same_boot && status->state",
     "        if (false && status->state"),
    ("what power loss took is not stored", "manager_load.c",
     "        m->restated = true;\n",
     ""),
    ("a whole file starts anew before the store knows", "job_file.c",
     "        job->run->harden = true;\n",
     ""),
    ("a refused notification counts as taken", "manager_notify.c",
     "close_delivery(m, d, hr == S_OK ? DELIVERY_TAKEN : DELIVERY_FAILED);",
     "close_delivery(m, d, DELIVERY_TAKEN);"),
    ("five notifications at a time", "notify_plan.c",
     "if (owner->outstanding < MAX_NOTIFICATIONS_PER_USER)",
     "if (owner->outstanding <= MAX_NOTIFICATIONS_PER_USER)"),
    ("stopped jobs keep their transfers", "manager_step.c",
     "        manager_stop_ops(m, job);\n"
     "        run->failed = false;",
     "        run->failed = false;"),
    ("no retry", "retry.c",
     "        return waits_for_event(job) ? USEC_INFINITY : after(job->run->error_since, delay - waited);",
     "        return waits_for_event(job) || waited <= delay ? USEC_INFINITY : 0;"),
    ("files are not stored with TRANSFERRED", "manager_store.c",
     "        txn_save_job(t, view);\n"
     "        txn_save_dirty_files(t, job);\n"
     "        if (job->run->credentials_dirty)",
     "        txn_save_job(t, view);\n"
     "        if (job->run->credentials_dirty)"),
    ("a stopped file claims a byte too many", "manager_transfer.c",
     "                job_file_keep(job, file, ev->done_bytes, MAX(ev->synced_bytes, file->synced_bytes));\n"
     "                note_end",
     "                job_file_keep(job, file, ev->done_bytes + 1, MAX(ev->synced_bytes, file->synced_bytes));\n"
     "                note_end"),
    ("the return of the network is missed in a final step", "manager_tend.c",
     "if (job->status.error.event_driven && obstacle != job->status.error.code)",
     "if (false)"),
    ("sums forget bytes", "job_file.c",
     "        job->bytes_done += sign == 1 ? file->done_bytes : -file->done_bytes;",
     "        job->bytes_done += sign == 1 ? file->done_bytes : 0;"),
    ("a void event is delivered to nobody any more", "notify_plan.c",
     "        void_delivery(&n->sticky);\n"
     "        n->sticky_after_mono",
     "        n->sticky_after_mono"),
    ("ended jobs are not deleted from the store with their tombstone", "manager_step.c",
     "        txn_delete_job(&t, evicted);\n",
     ""),
    ("an ending job holds its place", "manager_step.c",
     "                scheduler_remove(&m->scheduler, job, manager_now(m)); /* others may run */",
     "                (void) m;"),
    ("another version keeps its synced bytes", "manager_transfer.c",
     "        return str_equal(file->etag, ev->etag) && file->modified_sec == ev->modified_sec\n"
     "                       ? file->synced_bytes\n"
     "                       : 0;",
     "        return file->synced_bytes;"),
    ("added files of a running job are soft", "manager_api.c",
     "job->run->harden || runs_by_itself(job->status.state);",
     "job->run->harden;"),
    ("a setter that was refused is applied", "manager_props.c",
     "        r = manager_save(m, e->job, &view, false);\n"
     "        if (r < 0)\n"
     "                return hresult_from_errno(r);\n"
     "        *ret_next",
     "        r = manager_save(m, e->job, &view, false);\n"
     "        *ret_next"),
    ("a session is acted upon before it is stored", "manager_transfer.c",
     "        if (manager_save(m, job, job, true) < 0)\n"
     "                return false;\n"
     "        LIST_FOREACH (it, &job->run->ops) {\n"
     "                Op *op",
     "        LIST_FOREACH (it, &job->run->ops) {\n"
     "                Op *op"),
    ("a session is stored softly", "manager_transfer.c",
     "        if (manager_save(m, job, job, true) < 0)\n"
     "                return false;\n"
     "        LIST_FOREACH (it, &job->run->ops) {\n"
     "                Op *op",
     "        if (manager_save(m, job, job, false) < 0)\n"
     "                return false;\n"
     "        LIST_FOREACH (it, &job->run->ops) {\n"
     "                Op *op"),
    ("a refused session is not tried again", "manager_transfer.c",
     "        if (manager_save(m, job, job, true) < 0)\n"
     "                return false;\n"
     "        LIST_FOREACH (it, &job->run->ops) {\n"
     "                Op *op",
     "        int r = manager_save(m, job, job, true);\n"
     "        LIST_FOREACH (it, &job->run->ops) {\n"
     "                if (r < 0) { list_item(it, Op, in_job)->awaits_store = false; continue; }\n"
     "                Op *op"),
    ("the worker is never told that the session is stored", "manager_transfer.c",
     "                port->session_stored(port->ctx, op->id);",
     "                (void) port;"),
    ("an upload with all its bytes is not taken up again", "job_file.c",
     "                return job_has_pending_files(job) && job->files[0]->op == 0 ?",
     "                return job_has_pending_files(job) && job->files[0]->op + job->files_done == 0 ?"),
    ("the end of an upload is forgotten", "manager_upload.c",
     "        job->run->upload.over = true;",
     "        job->run->upload.over = false;"),
    ("an end without the reply is taken", "manager_upload.c",
     "        if (job->reply && job->reply->state != FILE_DONE) {",
     "        if (false) {"),
    ("the reply is not published", "manager_final.c",
     "                return job->reply && job->reply->state == FILE_DONE;",
     "                return false;"),
    ("a missing reply is completed", "manager_final.c",
     "        return job->reply && job->reply->state != FILE_DONE && job->reply->state != FILE_PUBLISHED;",
     "        return false && job;"),
    ("the reply outlives Cancel", "manager_final.c",
     "                return job->reply && job->reply->state != FILE_PUBLISHED;",
     "                return false;"),
    ("half an upload may be completed", "manager_final.c",
     "        return !job_is_upload(job) || job->status.state == BG_JOB_STATE_TRANSFERRED;",
     "        return job != NULL;"),
    ("a changed source goes on in its old session", "manager_api.c",
     "            job->status.error.code == BG_E_LOCAL_FILE_CHANGED) {",
     "            job->status.error.code == BG_E_VOLUME_CHANGED) {"),
    ("a fallen count leaves the upload complete", "job_upload.c",
     "        job->status.uploaded = false; /* UPLOADED says so, not a count of bytes */\n",
     ""),
    ("two files for an upload", "manager_api.c",
     "        if (n > 0 && job->files_len + n > 1)",
     "        if (n > 0 && job->files_len + n > 2)"),
    ("the reply's name is not stored", "manager_reply.c",
     "                txn_save_file(&t, &view, &renamed);",
     "                (void) renamed;"),
    ("the reply may be renamed while it is fetched", "manager_reply.c",
     "        if (SUCCEEDED(hr) && job_reply_begun(e.job))",
     "        if (false)"),
    ("reply bytes not on disk are trusted after power loss", "manager_load.c",
     "        if (reply && reply->state == FILE_PARTIAL",
     "        if (false && reply && reply->state == FILE_PARTIAL"),
    ("the server is never told of a cancel", "manager_farewell.c",
     "        return manager_wall(m) + MIN(patience, FAREWELL_MAX_USEC);",
     "        return 0 * patience;"),
    ("a failed farewell is the last", "manager_farewell.c",
     "        if (SUCCEEDED(ev->result))\n"
     "                end_farewell(m, job);",
     "        if (SUCCEEDED(ev->result) || FAILED(ev->result))\n"
     "                end_farewell(m, job);"),
    ("five farewells at a time", "manager_farewell.c",
     "        FAREWELLS_AT_ONCE = 4,",
     "        FAREWELLS_AT_ONCE = 5,"),
    ("a restart forgets farewells", "manager_load.c",
     "                manager_begin_farewell(m, QUEUE_JOB(it));",
     "                (void) it;"),
    ("who owes a farewell is evicted", "queue.c",
     "        if (owes_farewell(job)) {\n"
     "                list_append(&q->farewells",
     "        if (false) {\n"
     "                list_append(&q->farewells"),
    ("a refused commit is left in the file", "manager_store.c",
     "        m->overreached = true;\n"
     "        m->checkpoint_at = manager_now(m);\n",
     ""),
    ("a refused commit is taken back by the checkpoint only", "manager_store.c",
     "        m->overreached = true;\n"
     "        m->checkpoint_at = manager_now(m);\n",
     "        m->checkpoint_at = manager_now(m);\n"),
    ("credentials are stored softly", "manager_credentials.c",
     "        r = manager_save(m, job, &view, true);",
     "        r = manager_save(m, job, &view, false);"),
    ("refused credentials are taken", "manager_credentials.c",
     "        if (r < 0) {\n"
     "                job_credentials_undo(job, &view);\n"
     "                return hresult_from_errno(r);\n"
     "        }\n",
     ""),
    ("a removed slot stays in the store", "manager_store.c",
     "                if (!job_credential_find(view, old->target, old->scheme))\n",
     "                if (false && !job_credential_find(view, old->target, old->scheme))\n"),
    ("slots of a refused commit are not taken back", "manager_store.c",
     "        job->run->credentials_dirty |= view->credentials != job->credentials;\n",
     ""),
    ("an administrator may set the credentials of others", "manager_credentials.c",
     "        if (job->owner_uid != caller->uid)",
     "        if (job->owner_uid != caller->uid && !caller->is_admin)"),
    ("a new owner has the old one's credentials", "manager_props.c",
     "        queue_keep_credentials(job, &(Job){0});\n",
     ""),
    ("a new owner gets the old one's credentials back by power loss", "manager_props.c",
     "        r = manager_save(m, job, &view, job->credentials_len > 0);",
     "        r = manager_save(m, job, &view, false);"),
    ("credentials outlive their job", "manager_step.c",
     "        return job_state_is_final(status->state) && status->farewell_wall == 0;",
     "        return false && status;"),
    ("credentials outlive the farewell", "manager_farewell.c",
     "        manager_forget_credentials(m, job);\n",
     ""),
    ("what the farewell needed stays in the store", "manager_credentials.c",
     "        job->run->credentials_dirty = true;\n",
     ""),
    ("an owner's bound is not looked at", "manager_credentials.c",
     "        return others + new->sealed_bytes <= m->policy.sealed_bytes_per_user;",
     "        return others + 1 > 0;"),
    ("the end of a job makes no room for others", "queue.c",
     "        owner->sealed_bytes -= job_credentials_bytes(job);\n"
     "        job_credentials_keep",
     "        owner->sealed_bytes -= view->credentials ? job_credentials_bytes(job) : 0;\n"
     "        job_credentials_keep"),
    ("the old key goes before all slots are on disk", "manager_rekey.c",
     "        r = txn_commit(&t, true);",
     "        r = txn_commit(&t, false);"),
    ("a new key forgets the last job", "manager_rekey.c",
     "        if (rekey->pos == rekey->len)",
     "        if (rekey->pos + 1 >= rekey->len)"),
    ("a new key forgets those who owe a farewell", "manager_rekey.c",
     "        const List *lists[] = {&m->queue.live, &m->queue.farewells};",
     "        const List *lists[] = {&m->queue.live};"),
    ("an interrupted new key is forgotten", "manager_load.c",
     "        manager_resume_rekey(m);\n",
     ""),
    ("a refused batch is left out", "manager_rekey.c",
     "        m->rekey.pos = pos;\n",
     "        (void) pos;\n"),
    ("a new key does not wait for what was refused", "manager_rekey.c",
     "        r = m->overreached ? manager_checkpoint(m, true) : 0;",
     "        r = 0;"),
    ("what was refused is written over softly", "manager_store.c",
     "        r = manager_checkpoint(m, true);\n",
     "        r = manager_checkpoint(m, false);\n"),
    ("what was refused is not written over", "manager_store.c",
     "        if (m->overreached)\n"
     "                t->error = take_back(m);\n",
     ""),
    ("a size that no store can hold", "job_file.c",
     "facts->size_bytes > INT64_MAX ? BG_SIZE_UNKNOWN : facts->size_bytes;",
     "facts->size_bytes;"),
    ("what a start finds is not brought to disk", "manager_load.c",
     "        harden_queue(m);\n",
     ""),
    ("a job that comes to need what it may not use goes on", "manager_tend.c",
     "        if (!job->run->failed && FAILED(obstacle)) {",
     "        if (false) {"),
    ("who is held takes the place of another first", "manager_tend.c",
     "        if (FAILED(obstacle) && obstacle != BG_E_NETWORK_DISCONNECTED) {",
     "        if (false) {"),
    ("the hours of a schedule pass unseen", "manager_brake.c",
     "        if (!m->limits_known || m->limits_until <= now || clock_was_set(m))",
     "        if (!m->limits_known || clock_was_set(m))"),
    ("a clock that was set changes no schedule", "manager_brake.c",
     "        if (!m->limits_known || m->limits_until <= now || clock_was_set(m))",
     "        if (!m->limits_known || m->limits_until <= now)"),
    ("a limit of nothing holds nobody", "manager_brake.c",
     "                if (m->limits.level_bps[level] == 0)",
     "                if (false)"),
    ("a network that costs holds nobody", "manager_brake.c",
     "                if (m->metered && !m->policy.run_on_metered[level])",
     "                if (false)"),
    ("a battery holds nobody", "manager_brake.c",
     "        if (m->on_battery && !m->policy.run_on_battery[level] && job_has_pending_files(job))",
     "        if (false)"),
    ("who waits for one brake never hears of the next", "manager_brake.c",
     "                if (obstacle == status->error.code)",
     "                if (FAILED(obstacle))"),
    ("limits are not told to the transfer side", "manager_brake.c",
     "        port->set_limits(port->ctx, &limits);\n",
     "        (void) port;\n"),
    ("a change that the store refused is not tried again", "manager_brake.c",
     "        m->network_pending = !sweep(m);",
     "        (void) sweep(m);"),
]


def compile_c(source, target):
    subprocess.run(["gcc", *FLAGS, "-c", str(source), "-o", str(target)], check=True)


def build(work):
    objects = {}
    for folder in ("src/base", "src/engine", "tests/fakes", "tests/sim", "tests/unit/engine"):
        for source in sorted((ROOT / folder).glob("*.c")):
            objects[source] = work / f"{folder.replace('/', '_')}_{source.stem}.o"
            compile_c(source, objects[source])
    return objects


def link(target, parts, *options):
    subprocess.run(["gcc", "-o", str(target), *map(str, parts), *options, "-lsystemd"], check=True)


def verdict(program):
    """None, or what gave the mutant away."""
    try:
        run = subprocess.run([str(program)], capture_output=True, text=True, timeout=TIMEOUT_SEC)
    except subprocess.TimeoutExpired:
        return "never ends"
    lines = run.stdout.splitlines() or [f"exit status {run.returncode}"]
    return lines[0] if run.returncode else None


def of_folder(objects, *folders):
    return [o for source, o in objects.items() if str(source.parent.relative_to(ROOT)) in folders]


def run_test(work, objects, test):
    """What tests/unit/engine says; None: that all is well."""
    common = of_folder(objects, "src/base", "src/engine", "tests/fakes")
    link(work / "test", [*common, objects[test]], "-lcmocka")
    return verdict(work / "test")


def find(work, objects, tests):
    """Who notices what is linked in place of the engine's own object; None: nobody."""
    common = of_folder(objects, "src/base", "src/engine", "tests/fakes")
    link(work / "sim", common + of_folder(objects, "tests/sim"), *WRAPS)
    found = verdict(work / "sim")
    if found:
        return f"caught: {found}"
    for test in tests:
        if run_test(work, objects, test):
            return f"caught by {test.stem}"
    return None


def main():
    wanted = {int(n) for n in sys.argv[1:]} or set(range(len(MUTANTS)))
    good = True
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        objects = build(work)
        # A test that wants more than to be started says nothing about mutants.
        tests = [source for source in objects if source.parent == ROOT / "tests/unit/engine"
                 and not run_test(work, objects, source)]
        for number, (what, file, old, new) in enumerate(MUTANTS):
            source = ROOT / "src/engine" / file
            text = source.read_text()
            if number not in wanted:
                continue
            if old not in text:
                print(f"{number:2} {what}: the engine has changed, adapt this mutant")
                good = False
                continue
            (work / "mutant.c").write_text(text.replace(old, new, 1))
            compile_c(work / "mutant.c", work / "mutant.o")
            found = find(work, {**objects, source: work / "mutant.o"}, tests)
            good = good and found is not None
            print(f"{number:2} {what}: {found or 'NOT CAUGHT'}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
