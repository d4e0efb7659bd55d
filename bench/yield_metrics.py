# SPDX-License-Identifier: Apache-2.0
"""The figures of one record (yield_run.py), as shared/reference/background-transport.md §10 defines them. Times in
seconds, delays in milliseconds, shares of the line's capacity in bytes on the wire."""
import math
import statistics

BIN_USEC = 20_000
BACKGROUND, FOREGROUND, DATAGRAMS, SECOND = 1, 2, 4, 5
MEAN_OF_YIELD, MEAN_OF_REFILL = 10, 25  # bins: 200 and 500 ms
SETTLE = 4.0  # seconds until a background that is alone is judged


class Series:
    """Bytes of each bin, direction and class, from the emulator's lines."""

    def __init__(self, record):
        self.record, self.start = record, record["start"]
        self.way = "u" if record["spec"]["way"] == "up" else "d"
        self.capacity = record["spec"]["mbit"] * 125000
        self.length = (record["stop"] - self.start) // BIN_USEC + 1
        self.bins, self.drops = {}, {}
        for end, way, number, size, _, drops, *_ in record["series"]:
            index = (int(end) - self.start) // BIN_USEC
            if way == self.way and 0 <= index < self.length:
                self.of(int(number))[index] += int(size)
                self.drops[int(number)] = self.drops.get(int(number), 0) + int(drops)

    def of(self, *classes):
        if len(classes) == 1:
            return self.bins.setdefault(classes[0], [0] * self.length)
        return [sum(column) for column in zip(*(self.of(k) for k in classes))]

    def index(self, usec):
        return max(0, min(self.length, round((usec - self.start) / BIN_USEC)))

    def total(self, classes, first_usec, last_usec):
        return sum(self.of(*classes)[self.index(first_usec):self.index(last_usec)])

    def share(self, classes, first_usec, last_usec):
        return self.total(classes, first_usec, last_usec) / (self.capacity * (last_usec - first_usec) / 1e6)

    def smooth(self, classes, bins):
        """Share of the capacity, mean of the last `bins` bins."""
        values, result, total = self.of(*classes), [], 0
        for i, value in enumerate(values):
            total += value - (values[i - bins] if i >= bins else 0)
            result.append(total / (self.capacity * bins * BIN_USEC / 1e6))
        return result


def greatest_lateness(record):
    """Seconds for which the emulator itself was held up between start and stop: such a run says little."""
    return max((int(row[7]) for row in record["series"] if row[1] == "l" and record["start"] <= int(row[0]) <= record["stop"]),
               default=0) / 1e6


def delays(record, first_usec, last_usec):
    """What the queue adds to the probe's way: mean and 95th percentile in ms, against the least before the start."""
    base = min((rtt for sent, rtt in record["probe"] if sent < record["start"]), default=0)
    values = sorted((rtt - base) / 1000 for sent, rtt in record["probe"] if first_usec <= sent < last_usec)
    if not values:
        return None, None
    return statistics.mean(values), values[max(0, math.ceil(0.95 * len(values)) - 1)]


def time_until(values, first_bin, condition):
    """Seconds from this bin until the first one at which the condition holds; None: never."""
    for i in range(first_bin, len(values)):
        if condition(values[i]):
            return (i + 1 - first_bin) * BIN_USEC / 1e6
    return None


def jain(values):
    squares = sum(v * v for v in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 0.0


def figures(record):
    """{name: value}; None where the run cannot tell, infinity for what never happened."""
    spec, series = record["spec"], Series(record)
    begin, end, start, stop = record["begin"], record["end"], record["start"], record["stop"]
    ours = (BACKGROUND, SECOND)
    theirs = (DATAGRAMS,) if spec["foreground"] in ("stream", "constant") else (FOREGROUND,)
    result = {"foreground_bytes": series.total(theirs, begin, end) if spec["foreground"] != "none" else None,
              "web_mean": statistics.mean(record["web"]) if record["web"] else None,
              "drops": series.drops.get(BACKGROUND, 0), "background_bytes": series.total(ours, start, stop)}
    if spec["scheme"] != "nobody" and not spec["late_sec"]:
        result["alone"] = series.share(ours, start + SETTLE * 1e6, begin)
        result["q_alone"], result["q_alone_p95"] = delays(record, start + SETTLE * 1e6, begin)
    if spec["scheme"] != "nobody":
        result["meanwhile"] = series.share(ours, begin + 2e6, end)
    if spec["foreground"] != "none":
        result["q_comp"], result["q_comp_p95"] = delays(record, begin + 2e6, end)
    if spec["foreground"] == "bulk" and spec["scheme"] != "nobody":
        moved = [i for i, size in enumerate(series.of(*theirs)) if size]
        if moved:
            short, long = series.smooth(ours, MEAN_OF_YIELD), series.smooth(ours, MEAN_OF_REFILL)
            until = time_until(short[:moved[-1]], moved[0], lambda share: share < 0.1)
            if not spec["late_sec"]:
                result["yield"] = math.inf if until is None else until
            until = time_until(long, moved[-1], lambda share: share > 0.8)
            result["refill"] = math.inf if until is None else until
    if spec["instances"] == 2:
        result["fair"] = jain([series.total((k,), stop - 20e6, stop) for k in ours])
    if spec["foreground"] == "none":
        result["throughput"] = series.share(ours, start, stop)
    return result


def against(figure, baseline):
    """Adds what needs the same foreground without a background."""
    if figure.get("foreground_bytes") and baseline.get("foreground_bytes"):
        figure["loss"] = 1 - figure["foreground_bytes"] / baseline["foreground_bytes"]
    if figure.get("web_mean") and baseline.get("web_mean"):
        figure["web"] = figure["web_mean"] / baseline["web_mean"]
    if figure.get("q_comp") is not None and baseline.get("q_comp") is not None:
        figure["q_comp_added"] = figure["q_comp"] - baseline["q_comp"]
    return figure
