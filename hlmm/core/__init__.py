"""The pure state machine: events in, commands out."""
