"""Connections to MCP servers and the tools that they offer."""
