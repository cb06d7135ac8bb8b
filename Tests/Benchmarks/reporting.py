"""Medians of the measurements, and their table."""

from statistics import median

FIGURES = ("requests_per_second", "user_us", "system_us")


def summarise(figures):
    """The median of each figure for each workload and server, in the order in which they were measured, and ratios of
    CPU time to that of the first server, ambit."""
    cells = dict.fromkeys((f["workload"], f["server"]) for f in figures)
    rows = []
    for workload, server in cells:
        runs = [f for f in figures if (f["workload"], f["server"]) == (workload, server)]
        row = {"workload": workload, "server": server} | {key: median(run[key] for run in runs) for key in FIGURES}
        own = next((r for r in rows if r["workload"] == workload), row)
        row["user_ratio"] = row["user_us"] / own["user_us"] if own["user_us"] else None
        row["cpu_ratio"] = (row["user_us"] + row["system_us"]) / (own["user_us"] + own["system_us"])
        rows.append(row)
    return rows


def table(rows):
    lines = [f"{'workload':<17} {'server':<8} {'requests/s':>10} {'user µs':>8} {'system µs':>9}   user    cpu"]
    for row in rows:
        user_ratio = f"{row['user_ratio']:6.2f}" if row["user_ratio"] else f"{'-':>6}"
        lines.append(
            f"{row['workload']:<17} {row['server']:<8} {row['requests_per_second']:10.0f} {row['user_us']:8.2f} "
            f"{row['system_us']:9.2f} {user_ratio} {row['cpu_ratio']:6.2f}")
    lines.append("µs: CPU time per request, median; user, cpu: its ratio to ambit's, in user space and in all")
    return "\n".join(lines + job_cost(rows))


def job_cost(rows):
    """What one job adds to its request, as a line; none if the workloads for it were not measured."""
    user = {row["workload"]: row["user_us"] for row in rows}
    if not user.keys() >= {"no job", "10 sleeping jobs"}:
        return []
    cost = (user["10 sleeping jobs"] - user["no job"]) / 10
    return [f"a job spawned, started, suspended and cancelled: {cost:.2f} user µs"]
