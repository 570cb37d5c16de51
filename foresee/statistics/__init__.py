"""Figures with intervals that can be defended: rates, macro averages, paired differences, agreement with people.

estimates.py        rate, mean_of_means and what they return
differences.py      paired_difference and what it returns
judge_agreement.py  a judge against human labels: accuracy, precision, recall, F1, kappa
clustered_means.py  which interval a (mean of) mean gets
intervals.py        the intervals: Wilson's, and the bootstrap of whole clusters

docs/statistics.md explains the choices and what they cover.
"""

from foresee.statistics.differences import Difference, holm, paired_difference
from foresee.statistics.estimates import Estimate, mean, mean_of_means, rate
from foresee.statistics.intervals import STANDARD, Interval, Resampling, wilson
from foresee.statistics.judge_agreement import Agreement, agreement, cohens_kappa

__all__ = [
    "STANDARD",
    "Agreement",
    "Difference",
    "Estimate",
    "Interval",
    "Resampling",
    "agreement",
    "cohens_kappa",
    "holm",
    "mean",
    "mean_of_means",
    "paired_difference",
    "rate",
    "wilson",
]
