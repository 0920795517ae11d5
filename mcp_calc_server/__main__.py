from mcp_calc_server.cli import main

main()
