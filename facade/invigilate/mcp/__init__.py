"""Operations as tools of the Model Context Protocol (MCP), for agents: `invigilate mcp`. Needs the extra `mcp`."""

__all__: list[str] = []
