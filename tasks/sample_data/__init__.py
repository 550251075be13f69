"""Made-up input for the pipelines: pure generators, and the writers that put their rows on a disk.

Belongs here: what invents rows, clean or deliberately dirty. Does not belong here: anything that
reads, checks or transforms data, and the command line that calls the generators.
"""
