"""thinlens makes pictures larger and better looking, on any processor, in real time."""
