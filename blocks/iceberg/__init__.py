"""Iceberg catalogs, as pyiceberg speaks to them.

Belongs here: nothing but the modules. Does not belong here: which files a table shows
(`tasks/iceberg_plan.py`).
"""
