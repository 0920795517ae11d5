"""Event handlers: the live tree, the timeline, recordings and OpenTelemetry spans."""
