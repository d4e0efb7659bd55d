# SPDX-License-Identifier: Apache-2.0
"""One scenario as a picture: a row for each scheme, on the left the rates of background and foreground over time,
on the right the delay the queue adds. Plain SVG, written by hand."""
import html

from yield_cells import SCHEMES
from yield_metrics import BACKGROUND, DATAGRAMS, FOREGROUND, SECOND, Series

PANEL_WIDTH, PANEL_HEIGHT, LEFT, GAP, TOP, BETWEEN, BOTTOM = 500, 130, 70, 90, 110, 52, 60
SMOOTH_BINS = 10  # 200 ms
BLUE, ORANGE, GREEN, GREY = "#2563a8", "#d9720b", "#2b8a57", "#6b7280"
STYLE = ("text{font-family:Helvetica,Arial,sans-serif;font-size:12px;fill:#1f2937}.title{font-size:17px;font-weight:bold}"
         ".row{font-size:13px;font-weight:bold}.small{font-size:11px;fill:#6b7280}.axis{stroke:#9ca3af;stroke-width:1;fill:none}"
         ".grid{stroke:#e5e7eb;stroke-width:1}.line{fill:none;stroke-width:1.7;stroke-linejoin:round}")


def step_for(limit, steps):
    """A round distance between ticks, so that there are at most `steps` of them."""
    size = 1.0
    while True:
        for factor in (1, 2, 5):
            if limit / (size * factor) <= steps:
                return size * factor
        size *= 10


class Panel:
    """A pair of axes at (x, y) for `seconds` and 0…limit."""

    def __init__(self, out, x, y, seconds, limit, busy, last):
        self.out, self.x, self.y, self.seconds, self.limit = out, x, y, seconds, limit
        if busy:
            first, end = (self.across(t) for t in busy)
            out.append(f'<rect x="{first:.1f}" y="{y}" width="{end - first:.1f}" height="{PANEL_HEIGHT}" fill="#fdf3e7"/>')
        self.ticks(last)

    def across(self, t):
        return self.x + PANEL_WIDTH * t / self.seconds

    def up(self, value):
        return self.y + PANEL_HEIGHT * (1 - min(value, self.limit) / self.limit)

    def ticks(self, last):
        step = step_for(self.limit, 5)
        value = 0.0
        while value <= self.limit + 1e-9:
            y = self.up(value)
            self.out.append(f'<line class="grid" x1="{self.x}" x2="{self.x + PANEL_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
            self.out.append(f'<text x="{self.x - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
            value += step
        base = self.y + PANEL_HEIGHT
        step, t = step_for(self.seconds, 10), 0.0
        while t <= self.seconds + 1e-9:
            x = self.across(t)
            self.out.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{base}" y2="{base + 4}"/>')
            if last:
                self.out.append(f'<text x="{x:.1f}" y="{base + 18}" text-anchor="middle">{t:g}</text>')
            t += step
        self.out.append(f'<path class="axis" d="M{self.x},{self.y}V{base}H{self.x + PANEL_WIDTH}"/>')
        if last:
            self.out.append(f'<text x="{self.x + PANEL_WIDTH / 2}" y="{base + 38}" text-anchor="middle">time in s</text>')

    def curve(self, points, colour):
        points = [(t, v) for t, v in points if 0 <= t <= self.seconds]
        if points:
            path = " ".join(f"{self.across(t):.1f},{self.up(v):.1f}" for t, v in points)
            self.out.append(f'<polyline class="line" stroke="{colour}" points="{path}"/>')


def legend(out, width):
    x = LEFT
    for colour, label in ((BLUE, "background"), (ORANGE, "foreground"), (GREEN, "delay the queue adds to a probe")):
        out.append(f'<line x1="{x}" x2="{x + 26}" y1="62" y2="62" stroke="{colour}" stroke-width="3"/>'
                   f'<text x="{x + 32}" y="66">{label}</text>')
        x += 60 + 7 * len(label)
    out.append(f'<rect x="{x}" y="55" width="26" height="14" fill="#fdf3e7" stroke="#f0d9bb"/>'
               f'<text x="{x + 32}" y="66">foreground active</text>')
    out.append(f'<text class="small" x="{LEFT}" y="{TOP - 12}">rate in Mbit/s, mean of 200 ms</text>'
               f'<text class="small" x="{LEFT + PANEL_WIDTH + GAP}" y="{TOP - 12}">delay in ms</text>')


def one_row(out, record, y, delay_limit, last):
    spec, series = record["spec"], Series(record)
    seconds, bin_seconds = spec["timeline"][2], 0.02
    busy = [(record[key] - record["start"]) / 1e6 for key in ("begin", "end")] if spec["foreground"] != "none" else None
    out.append(f'<text class="row" x="{LEFT}" y="{y - 8}">{html.escape(SCHEMES[spec["scheme"]])}</text>')
    rates = Panel(out, LEFT, y, seconds, spec["mbit"] * 1.1, busy, last)
    for classes, colour in (((FOREGROUND, DATAGRAMS), ORANGE), ((BACKGROUND, SECOND), BLUE)):
        shares = series.smooth(classes, SMOOTH_BINS)[::2]
        rates.curve([(2 * i * bin_seconds, share * spec["mbit"]) for i, share in enumerate(shares)], colour)
    delay = Panel(out, LEFT + PANEL_WIDTH + GAP, y, seconds, delay_limit, busy, last)
    delay.curve([((sent - record["start"]) / 1e6, ms) for sent, ms in added(record)], GREEN)


def added(record):
    base = min((rtt for sent, rtt in record["probe"] if sent < record["start"]), default=0)
    return sorted((sent, (rtt - base) / 1000) for sent, rtt in record["probe"])


def draw(path, records):
    """Writes the picture; all rows have the same scales, so that they can be compared."""
    width = LEFT + 2 * PANEL_WIDTH + GAP + 30
    height = TOP + len(records) * (PANEL_HEIGHT + BETWEEN) - BETWEEN + BOTTOM + 14
    spec = records[0]["spec"]
    words = {"bulk": f"a {spec['cc']} transfer", "web": "300 kB fetched every second", "stream": "a 4 Mbit/s stream",
             "constant": "10 Mbit/s of datagrams", "none": "nothing"}[spec["foreground"]]
    where = "on another host behind the same router" if spec["place"] == "router" else "on the same host"
    title = (f"{'Upload' if spec['way'] == 'up' else 'Download'} in the background beside {words} {where}")
    line = f"{spec['mbit']} Mbit/s, {spec['base_ms']} ms away, a queue of {spec['queue_ms']} ms"
    limit = max([ms for record in records for sent, ms in added(record) if sent >= record["start"]] + [10]) * 1.05
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
           f"<style>{STYLE}</style>", f'<rect width="{width}" height="{height}" fill="white"/>',
           f'<text class="title" x="{LEFT}" y="28">{html.escape(title)}</text>',
           f'<text class="small" x="{LEFT}" y="46">{html.escape(line)}</text>']
    legend(out, width)
    for n, record in enumerate(records):
        one_row(out, record, TOP + 14 + n * (PANEL_HEIGHT + BETWEEN), limit, n == len(records) - 1)
    path.write_text("\n".join([*out, "</svg>"]) + "\n")
