"""Programs that look their results up in tables, in integers only."""
