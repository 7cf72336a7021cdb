"""The tables and figures of a prepared data set (supplement sections 1.1 to 1.9).

Comes in: a prepared set, coders' files and demographics.csv where they are. Goes out: a page,
its pictures and CSV files. Open command.py first.
"""
