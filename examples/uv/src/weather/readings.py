"""What readings come to."""

from statistics import mean


def summary(readings):
    """Lowest, highest and mean of degrees."""
    return {"lowest": min(readings), "highest": max(readings), "mean": round(mean(readings), 1)}
