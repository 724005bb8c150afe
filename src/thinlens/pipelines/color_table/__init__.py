"""Look-ups of colors in a table: one kernel for each dtype and interpolation, whatever the table and its size."""
