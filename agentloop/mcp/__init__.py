"""Agents and tools over the Model Context Protocol. Only the packages below this one import `mcp`."""
