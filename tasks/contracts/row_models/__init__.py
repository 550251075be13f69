"""Pydantic models of received rows, one module a model, named as a specification names it.

Belongs here: `Row` in each module: the received columns that it judges, in the order of the rules,
and the rules' names as the types of its errors. Does not belong here: what becomes of a row that is
rejected (`tasks/row_judging.py`).
"""
