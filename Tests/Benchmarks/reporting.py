"""Medians of the measurements, and their tables: one for each kind of workload."""

from statistics import median


def summarise(figures, workloads):
    """The median of each figure for each workload and server, in the order in which they were measured, and ratios to
    the first server, ambit."""
    by_name = {workload.name: workload for workload in workloads}
    rows = []
    for name, server in dict.fromkeys((f["workload"], f["server"]) for f in figures):
        workload = by_name[name]
        runs = [f for f in figures if (f["workload"], f["server"]) == (name, server)]
        row = {"workload": name, "server": server, "kind": workload.kind}
        row |= {key: median(run[key] for run in runs) for key in workload.columns}
        own = next((r for r in rows if r["workload"] == name), row)
        row["ratios"] = {key: row[key] / own[key] if own[key] else None for key in workload.ratios}
        rows.append(row)
    return rows


def tables(rows, workloads):
    kinds = {workload.kind: workload for workload in workloads}
    texts = [table([row for row in rows if row["kind"] == kind], workload) for kind, workload in kinds.items()]
    return "\n\n".join(text for text in texts + [job_costs(rows)] if text)


def table(rows, workload):
    if not rows:
        return ""
    headings = [*workload.columns.values(), *(f"{title}/ambit" for title in workload.ratios.values())]
    widths = [max(len(heading), 9) for heading in headings]
    lines = [line("workload", "server", headings, widths)]
    for row in rows:
        cells = [number(row[key]) for key in workload.columns] + [ratio(row["ratios"][key]) for key in workload.ratios]
        lines.append(line(row["workload"], row["server"], cells, widths))
    return "\n".join(lines)


def line(workload, server, cells, widths):
    return f"{workload:<25} {server:<7}" + "".join(f" {cell:>{width}}" for cell, width in zip(cells, widths))


def number(value):
    if value >= 1000 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.2f}" if value < 100 else f"{value:.1f}"


def ratio(value):
    return f"{value:.2f}" if value else "-"


def job_costs(rows):
    """What one job adds to the CPU time of its request, for each server of which both ends were measured."""
    lines = []
    user = {(row["workload"], row["server"]): row["user_us"] for row in rows if row["kind"] == "requests"}
    for server in dict.fromkeys(row["server"] for row in rows):
        for held in ("", ", 20 ms"):
            none, many = (user.get((f"{name}{held}", server)) for name in ("no job", "100 sleeping jobs"))
            if none is not None and many is not None:
                lines.append(f"{server}: a sleeping job{held}: {(many - none) / 100:.3f} user µs")
    return "\n".join(lines)
