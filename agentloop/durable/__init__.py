"""Durable runs: DBOS stores the steps of agents' runs in a database, so that runs continue after a crash.

This requires the extra `durable`. The engine is imported only when a store is configured.
"""
