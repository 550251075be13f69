"""Pandera schemas of the enriched silver tables, one module a table.

Every module of a table holds `SCHEMA`, whose checks look at one row at a time, so that a big table
may be validated chunk by chunk, and `GRAIN`, the columns that name a row. Whether the grain is
unique is a question about the whole table and is asked elsewhere.
"""
