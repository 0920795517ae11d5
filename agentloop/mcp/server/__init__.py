"""Publishing tools and agents over MCP."""
