from orchestrator_client.cli import main

main()
