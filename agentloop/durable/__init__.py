"""Runs that outlive a process: the journal of `agentloop` and the runs of agents, kept in a store by DBOS.

Needs the extra `durable`. It is imported only when a store is configured.
"""
