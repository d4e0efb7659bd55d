# SPDX-License-Identifier: Apache-2.0
"""Figures of all runs: a line for each scenario, and the table of what must hold. Medians of the runs, and least to
greatest; a row of the table is judged by its worst scenario."""
import math
import statistics

from yield_cells import ROWS, SCHEMES, baseline_of, is_emulated_as_asked, name_of
from yield_metrics import against, figures

DETAILS = [("alone", "alone %", 100), ("loss", "loss %", 100), ("q_alone", "q alone", 1), ("q_alone_p95", "p95", 1),
           ("q_comp_added", "q beside", 1), ("meanwhile", "rest %", 100), ("yield", "yield s", 1), ("refill", "refill s", 1),
           ("web", "web ×", 1), ("fair", "Jain", 1)]
CPU_MUST, CPU_AIM = 1.1, 1.02


class Spread:
    def __init__(self, values):
        self.median, self.least, self.greatest = statistics.median(values), min(values), max(values)
        self.runs = len(values)

    def text(self, factor=1):
        if self.runs == 1:
            return shown(self.median * factor)
        return f"{shown(self.median * factor)} ({shown(self.least * factor)}…{shown(self.greatest * factor)})"

    def as_json(self):
        return {name: None if math.isinf(value) else value for name, value in vars(self).items()}


def shown(value):
    if math.isinf(value):
        return "never"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


class Table:
    def __init__(self, results):
        every = [(spec, [figures(record) for record in records]) for spec, records in results if records]
        self.cells = []
        for spec, runs in every:
            base = next((figures_ for other, figures_ in every if other == baseline_of(spec)), None)
            if base and spec["scheme"] != "nobody":
                middle = {key: statistics.median([run[key] for run in base])
                          for key in ("foreground_bytes", "web_mean", "q_comp") if base[0].get(key) is not None}
                runs = [against(run, middle) for run in runs]
            self.cells.append((spec, self.summary(runs)))
        self.compare_jobs()
        self.rows = []
        for row in ROWS:
            for scheme in SCHEMES:
                self.add_row(row, scheme)

    @staticmethod
    def summary(runs):
        result = {}
        for key in {key for run in runs for key in run}:
            values = [run[key] for run in runs if run.get(key) is not None]
            if values:
                result[key] = Spread(values)
        return result

    def compare_jobs(self):
        """A FOREGROUND job against curl on the same line, alone."""
        for spec, summary in self.cells:
            if spec["priority"] != "foreground" or spec["scheme"] != "bitsd":
                continue
            peer = next((s for other, s in self.cells if other == {**spec, "scheme": "curl"}), None)
            if peer:
                summary["job_ratio"] = Spread([summary["throughput"].median / peer["throughput"].median])

    def add_row(self, row, scheme):
        what, key, unit, factor, fits, must, aim, better = row
        found = [(name_of(spec), summary[key]) for spec, summary in self.cells
                 if spec["scheme"] == scheme and key in summary and fits(spec) and is_emulated_as_asked(spec)]
        if not found:
            return
        pick = min if better == "more" else max
        worst_name, worst = pick(found, key=lambda item: item[1].median)
        best = (max if better == "more" else min)(found, key=lambda item: item[1].median)[1]
        self.append(what, scheme, unit, factor, worst, best, len(found), worst_name, must, aim, better)

    def append(self, what, scheme, unit, factor, worst, best, scenarios, worst_name, must, aim, better):
        def held(bar):
            if bar is None or scheme != "bitsd":
                return None
            value = round(worst.median * factor, 4)
            return value >= bar if better == "more" else value <= bar
        self.rows.append(dict(what=what, scheme=scheme, unit=unit, factor=factor, worst=worst, best=best, scenarios=scenarios,
                              worst_scenario=worst_name, must=must, aim=aim, better=better, held=held(must), reached=held(aim)))

    def add_cpu(self, name, way, ratios):
        spread = Spread(ratios)
        self.append(f"CPU, controlled against uncontrolled, 1 GiB {way}", "bitsd", "×", 1, spread, spread, 1, name,
                    CPU_MUST, CPU_AIM, "less")

    def print(self):
        self.print_cells()
        print(f"\n{'measure (worst scenario, median, least…greatest)':<56} {'scheme':<22} {'worst':<24} {'best':>7}  "
              f"{'must':<8} {'':<4} {'aim':<8}")
        last = None
        for row in self.rows:
            sign = "≥" if row["better"] == "more" else "≤"
            bars = "".join(f"{'' if bar is None or row['scheme'] != 'bitsd' else f'{sign} {bar:g}':<9}"
                           f"{ {None: '', True: 'yes', False: 'NO'}[verdict]:<5}"
                           for bar, verdict in ((row["must"], row["held"]), (row["aim"], row["reached"])))
            what = "" if row["what"] == last else row["what"] + (f" [{row['unit']}]" if row["unit"] else "")
            where = f"  {row['worst_scenario']} of {row['scenarios']}" if row["held"] is False else ""
            print(f"{what:<56} {SCHEMES[row['scheme']]:<22} {row['worst'].text(row['factor']):<24} "
                  f"{shown(row['best'].median * row['factor']):>7}  {bars}{where}".rstrip())
            last = row["what"]
        missed = sum(row["held"] is False for row in self.rows)
        print("\nall bars held" if not missed else f"\nbars missed: {missed}", flush=True)

    def print_cells(self):
        names = [name_of(spec) for spec, _ in self.cells]
        width = max(map(len, names), default=10)
        print(f"\n{'scenario (medians)':<{width}} " + " ".join(f"{label:>9}" for _, label, _ in DETAILS))
        for (_, summary), name in zip(self.cells, names):
            values = [shown(summary[key].median * factor) if key in summary else "" for key, _, factor in DETAILS]
            print(f"{name:<{width}} " + " ".join(f"{value:>9}" for value in values).rstrip())

    def as_json(self):
        rows = [{**row, "worst": row["worst"].as_json(), "best": row["best"].as_json()} for row in self.rows]
        cells = [{"name": name_of(spec), "spec": spec, "figures": {key: value.as_json() for key, value in summary.items()}}
                 for spec, summary in self.cells]
        return {"rows": rows, "scenarios": cells}
