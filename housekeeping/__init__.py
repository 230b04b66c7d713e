"""Slow jobs beside the watching: retention, backup, the daily digest, dashboards.

What ran, and what is due, is in SQL; apscheduler only gives the jobs their threads.
"""
