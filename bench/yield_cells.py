# SPDX-License-Identifier: Apache-2.0
"""Which scenarios are run, and which figures they have to give."""
SCHEMES = {"nobody": "nobody", "curl": "plain curl", "cap": "curl, 50 % of the rate", "ledbat": "LEDBAT++", "bitsd": "bitsd"}
FULL_TIMELINE, QUICK_TIMELINE = (10, 30, 45), (8, 20, 27)
FAIR_TIMELINE, QUICK_FAIR_TIMELINE = (89, 90, 90), (44, 45, 45)
JOB_TIMELINE = (14, 15, 15)

DEFAULTS = dict(scheme="nobody", place="same", foreground="bulk", cc="cubic", bg_cc="cubic", base_ms=20, queue_ms=200,
                mbit=20, way="down", fq_codel=False, jitter_ms=0, loss_percent=0, connections=1, instances=1,
                timeline=FULL_TIMELINE, priority="normal", timestamps=True, late_sec=0, watch=False)


def cell(**changes):
    return {**DEFAULTS, **changes}


def baseline_of(spec):
    """The same foreground without a background: host and number of connections make no difference then."""
    return {**spec, "scheme": "nobody", "place": "same", "connections": 1, "instances": 1, "bg_cc": "cubic",
            "priority": "normal", "late_sec": 0, "watch": False}


def name_of(spec):
    """What --only matches: way/foreground/place/rtt20/q200/cubic[/…]/scheme"""
    words = [spec["way"], spec["foreground"], spec["place"], f"rtt{spec['base_ms']}", f"q{spec['queue_ms']}"]
    words += [spec["cc"]] if spec["foreground"] in ("bulk", "web") else []
    words += [f"{spec['mbit']}M"] if spec["mbit"] != 20 else []
    words += ["fq"] if spec["fq_codel"] else []
    words += [f"jitter{spec['jitter_ms']}"] if spec["jitter_ms"] else []
    words += [f"loss{spec['loss_percent']}"] if spec["loss_percent"] else []
    words += [] if spec["timestamps"] else ["nots"]
    words += [f"{spec['connections']}conn"] if spec["connections"] > 1 else []
    words += ["pair"] if spec["instances"] > 1 else []
    words += ["late"] if spec["late_sec"] else []
    words += [spec["priority"]] if spec["priority"] != "normal" else []
    return "/".join([*words, spec["scheme"]])


def each(specs, *schemes):
    return [{**spec, "scheme": scheme} for spec in specs for scheme in schemes]


def full():
    peers = ("nobody", "curl", "cap", "ledbat", "bitsd")
    cells = []
    for way in ("down", "up"):
        lines = [cell(way=way, base_ms=base, queue_ms=queue) for base in (20, 0, 100) for queue in (200, 30)]
        bulk = [{**line, "cc": cc} for line in lines for cc in ("cubic", "bbr")]
        cells += each(bulk, *peers) + each([{**spec, "place": "router"} for spec in bulk], "bitsd")
        cells += each([{**line, "foreground": "web"} for line in lines], "nobody", "curl", "ledbat", "bitsd")
        cells += each([{**line, "foreground": "stream"} for line in lines], "nobody", "curl", "ledbat", "bitsd")
        cells += each([{**spec, "connections": 4} for spec in bulk if spec["base_ms"] == 20], "curl", "bitsd")
        cells += each([cell(way=way, instances=2, foreground="none", timeline=FAIR_TIMELINE, base_ms=base)
                       for base in (20, 0, 100)], "bitsd")
        cells += each([cell(way=way, foreground="none", priority="foreground", timeline=JOB_TIMELINE)], "curl", "bitsd")
    odd = [dict(fq_codel=True), dict(mbit=2), dict(mbit=100), dict(jitter_ms=3), dict(loss_percent=0.5), dict(timestamps=False),
           dict(foreground="constant"), dict(late_sec=5)]
    cells += each([cell(**changes) for changes in odd], "nobody", "curl", "bitsd")
    return cells + each([cell(priority=level, **changes) for level in ("high", "low")
                         for changes in ({}, dict(jitter_ms=3))], "nobody", "bitsd")


def shortened(spec):
    """With the timeline of quick(): five runs of every scenario need hours otherwise."""
    return {**spec, "timeline": {FULL_TIMELINE: QUICK_TIMELINE, FAIR_TIMELINE: QUICK_FAIR_TIMELINE}.get(
        spec["timeline"], spec["timeline"])}


def quick():
    """Every row of the table, in about eleven minutes with two at a time."""
    q = dict(timeline=QUICK_TIMELINE)
    bulk = [cell(cc="bbr", queue_ms=30, **q), cell(base_ms=0, **q), cell(base_ms=100, queue_ms=30, **q)]
    up = [cell(way="up", **q), cell(way="up", cc="bbr", queue_ms=30, **q)]
    return (each([cell(**q)], "nobody", "curl", "cap", "ledbat", "bitsd") + each(bulk, "nobody", "bitsd") +
            each([cell(place="router", cc="bbr", **q)], "nobody", "bitsd") +
            each([cell(place="router", queue_ms=30, **q)], "nobody", "bitsd") +
            each([cell(foreground="web", **q)], "nobody", "curl", "bitsd") +
            each([cell(foreground="stream", **q)], "nobody", "bitsd") +
            each([cell(connections=4, **q)], "bitsd") +
            each(up, "nobody", "bitsd") + each(up[:1], "curl") +
            each([cell(way="up", place="router", **q)], "bitsd") +
            each([cell(foreground="none", instances=2, timeline=QUICK_FAIR_TIMELINE)], "bitsd") +
            each([cell(foreground="none", priority="foreground", timeline=JOB_TIMELINE)], "curl", "bitsd"))


def is_bulk(spec):
    return spec["foreground"] in ("bulk", "stream", "constant")


def is_emulated_as_asked(spec):
    """The issue's bars are for a plain line of 20 Mbit/s; the other lines are reported without."""
    return (spec["mbit"] == 20 and not spec["fq_codel"] and not spec["jitter_ms"] and not spec["loss_percent"] and
            spec["timestamps"] and spec["priority"] in ("normal", "foreground"))


# What is measured: name, key of the figure, unit, factor, which cells, must, aim, better
ROWS = [
    ("background alone, share of the line", "alone", "%", 100,
     lambda s: s["foreground"] == "bulk" and s["priority"] == "normal", 95, 98, "more"),
    ("foreground on the same host, loss", "loss", "%", 100,
     lambda s: is_bulk(s) and s["place"] == "same" and s["connections"] == 1, 4, 1, "less"),
    ("foreground on another host, same router, loss", "loss", "%", 100,
     lambda s: is_bulk(s) and s["place"] == "router" and s["base_ms"] <= 20, 8, 3, "less"),
    ("foreground on another host, 100 ms away, loss (no bar)", "loss", "%", 100,
     lambda s: is_bulk(s) and s["place"] == "router" and s["base_ms"] > 20, None, None, "less"),
    ("delay added to a probe while alone", "q_alone", "ms", 1,
     lambda s: s["foreground"] == "bulk" and s["queue_ms"] == 200, 10, 5, "less"),
    ("delay added to a probe beside the foreground", "q_comp_added", "ms", 1, is_bulk, 10, None, "less"),
    ("a 300 kB fetch every second, mean time", "web", "×", 1, lambda s: s["foreground"] == "web", 1.5, 1.15, "less"),
    ("time to yield below 10 %", "yield", "s", 1, lambda s: s["foreground"] == "bulk", 0.6, 0.3, "less"),
    ("time to refill to 80 %", "refill", "s", 1, lambda s: s["foreground"] == "bulk", 4, 1.5, "less"),
    ("four background connections, foreground loss", "loss", "%", 100, lambda s: s["connections"] == 4, 5, 1, "less"),
    ("two instances on different hosts, Jain index", "fair", "", 1, lambda s: s["instances"] == 2, 0.95, 0.99, "more"),
    ("FOREGROUND job, throughput against curl", "job_ratio", "×", 1,
     lambda s: s["priority"] == "foreground", 0.98, 1.0, "more"),
]
